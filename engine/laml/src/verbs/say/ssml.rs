use crate::code;
use crate::document::{Child, Node};
use crate::effects::Effects;

/// The text of a Say with its SSML taken out: a break becomes a comma, a paragraph or sentence ends with a full stop,
/// a substitution is read by its alias, and other elements by their text.
pub(super) fn flatten(node: &Node, fx: &mut Effects) -> String {
    let mut text = String::new();
    walk(node, &mut text, fx);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace(" ,", ",").replace(" .", ".").trim_start_matches([',', '.', ' ']).to_owned()
}

/// Recursion is bounded by the document's nesting limit.
fn walk(node: &Node, text: &mut String, fx: &mut Effects) {
    for child in &node.children {
        match child {
            Child::Text(more) => text.push_str(more),
            Child::Element(element) => element_text(element, text, fx),
        }
    }
}

fn element_text(element: &Node, text: &mut String, fx: &mut Effects) {
    match element.name.as_str() {
        "break" => end_with(text, ','),
        "p" | "s" => {
            end_with(text, '.');
            walk(element, text, fx);
            end_with(text, '.');
        }
        "sub" => match element.attribute("alias") {
            Some(alias) => text.push_str(alias),
            None => walk(element, text, fx),
        },
        "emphasis" | "lang" | "phoneme" | "prosody" | "say-as" | "w" => walk(element, text, fx),
        other => {
            let shown: String = other.chars().take(60).collect();
            let message = format!("Say: <{shown}> is no SSML element known here, its text is read");
            fx.warn(code::NESTING, Some(element.line), message);
            walk(element, text, fx);
        }
    }
}

/// One mark between words is enough, and none before the first.
fn end_with(text: &mut String, mark: char) {
    let kept = text.trim_end().len();
    text.truncate(kept);
    if !text.is_empty() && !text.ends_with([',', '.', '!', '?', ';', ':']) {
        text.push(mark);
    }
    text.push(' ');
}
