use std::fmt::Write as _;

use crate::attributes::{Attribute, Support};
use crate::nouns::{self, NOUNS, NOUNS_NOT_YET};
use crate::verbs::{VERBS, VERBS_NOT_YET, connect, start};

/// What of LaML is supported, as Markdown, from the lists the verbs and nouns are read by. `tests` says where an attribute of an
/// element is tried.
pub fn reference_tables(tests: &dyn Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    for spec in VERBS {
        section(&mut out, spec.name, spec.name, spec.attributes, tests);
    }
    for spec in NOUNS {
        section(&mut out, &format!("Dial / {}", spec.name), spec.name, spec.attributes, tests);
    }
    section(&mut out, "Dial / Queue", nouns::queue::NAME, &nouns::queue::ATTRIBUTES, tests);
    section(&mut out, "Dial / Conference", nouns::conference::NAME, &nouns::conference::ATTRIBUTES, tests);
    section(&mut out, "Connect, Start, Stop / Stream", "Stream", nouns::stream::ATTRIBUTES, tests);
    let _ = writeln!(out, "### Warned about and passed over\n");
    let _ = writeln!(out, "Verbs: {}.\n", list(VERBS_NOT_YET));
    let _ = writeln!(out, "Nouns of Dial: {}.\n", list(NOUNS_NOT_YET));
    let _ = writeln!(out, "Nouns of Connect: {}.\n", list(connect::NOUNS_NOT_RUN));
    let _ = writeln!(out, "Nouns of Start and Stop: {}.", list(start::NOUNS_NOT_RUN));
    out
}

fn section(
    out: &mut String,
    title: &str,
    element: &str,
    attributes: &[Attribute],
    tests: &dyn Fn(&str, &str) -> String,
) {
    let _ = writeln!(out, "### {title}\n");
    if attributes.is_empty() {
        let _ = writeln!(out, "No attributes.\n");
        return;
    }
    let _ = writeln!(out, "| attribute | default | values | tried in, or why not |\n|---|---|---|---|");
    for attribute in attributes {
        let default = if attribute.default.is_empty() { String::new() } else { format!("`{}`", attribute.default) };
        let (values, how) = match attribute.support {
            Support::Supported => (attribute.values, tests(element, attribute.name)),
            Support::LeftOut => ("", format!("warned about (10001): {}", attribute.values)),
        };
        let _ = writeln!(out, "| {} | {default} | {values} | {how} |", attribute.name);
    }
    let _ = writeln!(out);
}

fn list(names: &[&str]) -> String {
    names.iter().map(|n| format!("`<{n}>`")).collect::<Vec<_>>().join(", ")
}
