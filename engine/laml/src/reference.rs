use std::fmt::Write as _;

use crate::attributes::{Attribute, Support};
use crate::nouns::{NOUNS, NOUNS_NOT_YET};
use crate::verbs::{VERBS, VERBS_NOT_YET};

/// What of LaML is supported, as Markdown, from the lists the verbs and nouns are read by.
pub fn reference_tables() -> String {
    let mut out = String::new();
    for spec in VERBS {
        section(&mut out, spec.name, spec.attributes);
    }
    for spec in NOUNS {
        section(&mut out, &format!("Dial / {}", spec.name), spec.attributes);
    }
    let _ = writeln!(out, "### Warned about, not run yet\n");
    let _ = writeln!(out, "Verbs: {}.\n", list(&VERBS_NOT_YET));
    let _ = writeln!(out, "Nouns of Dial: {}.", list(&NOUNS_NOT_YET));
    out
}

fn section(out: &mut String, name: &str, attributes: &[Attribute]) {
    let _ = writeln!(out, "### {name}\n");
    if attributes.is_empty() {
        let _ = writeln!(out, "No attributes.\n");
        return;
    }
    let _ = writeln!(out, "| attribute | default | values | |\n|---|---|---|---|");
    for attribute in attributes {
        let support = match attribute.support {
            Support::Supported => "supported",
            Support::NotYet if attribute.default.is_empty() => "warned about, no effect yet",
            Support::NotYet => "other values are warned about, no effect yet",
        };
        let default = if attribute.default.is_empty() { String::new() } else { format!("`{}`", attribute.default) };
        let _ = writeln!(out, "| {} | {default} | {} | {support} |", attribute.name, attribute.values);
    }
    let _ = writeln!(out);
}

fn list(names: &[&str]) -> String {
    names.iter().map(|n| format!("`<{n}>`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_says_what_the_code_does() {
        let page = include_str!("../../../docs/laml.md");
        let tables = reference_tables();
        assert!(page.contains(&tables), "docs/laml.md is to hold exactly:\n\n{tables}");
    }
}
