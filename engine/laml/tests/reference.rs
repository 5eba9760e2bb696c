//! `docs/laml.md` holds the tables of verbs and nouns as the code has them, with where each attribute is tried. Written anew with
//! `TANDEM_BLESS=1`.
#![expect(clippy::disallowed_methods, reason = "a test of a file, which reads and writes it")]

use std::fs;
use std::path::{Path, PathBuf};

use tandem_laml::reference_tables;

const BEGIN: &str = "<!-- written by engine/laml/tests/reference.rs -->\n";
const END: &str = "<!-- end -->\n";
/// Of an attribute that no test gives a value.
const UNTRIED: &str = "no test gives it";
/// Files named for one attribute, of however many.
const NAMED_MAX: usize = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Test sources of the workspace: their path from its root, and their text.
fn tests() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["engine/laml/src", "engine/call/tests", "actors/src", "server/tests"] {
        collect(&root().join(folder), &mut files);
    }
    // Those of whole processes last.
    files.sort();
    let is_test = |path: &String| path.contains("tests");
    files.into_iter().filter(|(path, _)| is_test(path)).collect()
}

fn collect(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let from_root = path.strip_prefix(root()).expect("below the root").display().to_string();
            out.push((from_root, text));
        }
    }
}

/// Whether a text gives the attribute a value, in whatever quotes.
fn gives(text: &str, attribute: &str) -> bool {
    text.match_indices(attribute).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + attribute.len()..].strip_prefix('=').unwrap_or_default();
        before.is_none_or(|c| !c.is_alphanumeric()) && (after.starts_with(['"', '\'']) || after.starts_with("\\\""))
    })
}

#[test]
fn the_reference_page_says_what_the_code_does() {
    let sources = tests();
    let tried = |element: &str, attribute: &str| {
        let opens = format!("<{element}");
        let named: Vec<&str> = sources
            .iter()
            .filter(|(_, text)| text.contains(&opens) && gives(text, attribute))
            .map(|(path, _)| path.as_str())
            .collect();
        match named.len() {
            0 => UNTRIED.to_owned(),
            n => format!("`{}`", named[..n.min(NAMED_MAX)].join("`, `")),
        }
    };
    let tables = reference_tables(&tried);
    assert!(!tables.contains(UNTRIED), "an attribute that is supported and that no test gives a value:\n{tables}");
    let page = root().join("docs/laml.md");
    let text = fs::read_to_string(&page).expect("docs/laml.md");
    let begin = text.find(BEGIN).expect("where the tables begin") + BEGIN.len();
    let end = text.find(END).expect("where the tables end");
    if text[begin..end] != tables {
        if std::env::var_os("TANDEM_BLESS").is_some() {
            fs::write(&page, format!("{}{tables}{}", &text[..begin], &text[end..])).expect("to write the page");
            return;
        }
        panic!("docs/laml.md is not what the code does; write it anew with TANDEM_BLESS=1");
    }
}
