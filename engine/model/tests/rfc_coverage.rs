//! `docs/rfc-coverage.md` says what the code and the tests cite. It is made here, from the sources and from
//! `docs/rfc-exceptions.md`, and must be current: `make rfc-coverage` writes it anew. In this crate because it is the
//! quickest to build; it reads the whole project.
#![expect(clippy::disallowed_methods, reason = "it reads the project's sources and writes a page")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Set it to write the page anew.
const BLESS: &str = "TANDEM_BLESS";
const FOLDERS: [&str; 4] = ["engine", "actors", "codecs", "server"];

/// A section in the order of its parts, letters behind numbers; and as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Section(Vec<(bool, u32)>, String);

#[derive(Default)]
struct Cited {
    code: BTreeSet<Section>,
    tests: BTreeSet<Section>,
    /// Named without a section.
    code_whole: bool,
    tests_whole: bool,
}

#[test]
fn the_coverage_page_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let exceptions = std::fs::read_to_string(root.join("docs/rfc-exceptions.md")).expect("the exceptions are there");
    let page = page(&cited(&root), &chapters(&exceptions));
    let path = root.join("docs/rfc-coverage.md");
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(page.lines()).find(|(kept, now)| kept != now);
    assert!(kept == page, "docs/rfc-coverage.md is not current, run `make rfc-coverage`: {differs:?}");
}

fn cited(root: &Path) -> BTreeMap<u32, Cited> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files);
    }
    let mut cited: BTreeMap<u32, Cited> = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("sources are text");
        let (code, tests) = match in_tests(path.strip_prefix(root).expect("it is below")) {
            true => ("", text.as_str()),
            false => split_tests(&text),
        };
        for (number, sections) in citations(code) {
            let cited = cited.entry(number).or_default();
            cited.code_whole |= sections.is_empty();
            cited.code.extend(sections);
        }
        for (number, sections) in citations(tests) {
            let cited = cited.entry(number).or_default();
            cited.tests_whole |= sections.is_empty();
            cited.tests.extend(sections);
        }
    }
    cited
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("model/tests/rfc_coverage.rs") {
            // This file's own citations are examples.
            files.push(path);
        }
    }
}

fn in_tests(path: &Path) -> bool {
    let names = path.components().filter_map(|part| part.as_os_str().to_str());
    names.into_iter().any(|name| matches!(name, "tests" | "tests.rs" | "benches" | "examples"))
}

/// A file's code, and the tests at its end.
fn split_tests(text: &str) -> (&str, &str) {
    match text.find("\n#[cfg(test)]\nmod tests {") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    }
}

/// Every citation of a source text: `RFC 3261 section 17.1`, `RFC 3261 sections 5.1, 6.1 and 8.4`, `RFC 3261 17.1`, or
/// an RFC alone, which has no sections. Comments that are wrapped are read as one line.
fn citations(text: &str) -> Vec<(u32, Vec<Section>)> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!', '*']).trim());
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("RFC ") {
        let (digits, mut rest) = split_digits(&text[at + 4..]);
        let Ok(number) = digits.parse::<u32>() else { continue };
        let mut others = Vec::new();
        while let Some((other, behind)) = next_of(rest).and_then(rfc_number) {
            others.push((other, Vec::new()));
            rest = behind;
        }
        found.push((number, if others.is_empty() { sections(rest) } else { Vec::new() }));
        found.extend(others);
    }
    found
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// What follows a comma, an "and" or a "to".
fn next_of(text: &str) -> Option<&str> {
    [", and ", ", ", " and ", " to "].into_iter().find_map(|separator| text.strip_prefix(separator))
}

/// The second of `RFC 3551, 3711`: four digits, and no section.
fn rfc_number(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = split_digits(text);
    let is_section = rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (digits.len() == 4 && !is_section).then(|| digits.parse().ok().map(|number| (number, rest)))?
}

fn sections(text: &str) -> Vec<Section> {
    let words = [" sections ", " section ", ", sections ", ", section ", " appendix ", " §", " "];
    let Some((word, mut rest)) = words.into_iter().find_map(|word| Some((word, text.strip_prefix(word)?))) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some((section, behind)) = section(rest, word != " ") {
        found.push(section);
        let Some(next) = next_of(behind) else { break };
        rest = next.strip_prefix("section ").unwrap_or(next);
    }
    found
}

/// `17.1.1.2`, `A.2`; a number without a dot only where the word "section" stands before it.
fn section(text: &str, is_named: bool) -> Option<(Section, &str)> {
    let len = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'.').count();
    let token = text[..len].trim_end_matches('.');
    let part = |part: &str| match (part.parse(), part.as_bytes()) {
        (Ok(number), _) => Some((false, number)),
        (_, [letter @ b'A'..=b'Z']) => Some((true, u32::from(*letter))),
        _ => None,
    };
    let parts = token.split('.').map(part).collect::<Option<Vec<_>>>()?;
    if text[len..].starts_with('*') {
        // `64*T1`
        return None;
    }
    (is_named || parts.len() > 1).then(|| (Section(parts, token.to_owned()), &text[token.len()..]))
}

/// The hand-kept page: of each RFC its title, and what is not done.
fn chapters(text: &str) -> BTreeMap<u32, (String, Vec<String>)> {
    let mut chapters: BTreeMap<u32, (String, Vec<String>)> = BTreeMap::new();
    let mut number = 0;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## RFC ") {
            let (digits, title) = heading.split_once(": ").expect("a heading is `## RFC 3261: title`");
            number = digits.parse().expect("a number");
            assert!(chapters.insert(number, (title.to_owned(), Vec::new())).is_none(), "RFC {number} twice");
        } else if let Some(entry) = line.strip_prefix("- ") {
            chapters.get_mut(&number).expect("an entry stands below a heading").1.push(entry.to_owned());
        } else if let Some(more) = line.strip_prefix("  ") {
            let entries = &mut chapters.get_mut(&number).expect("an entry stands below a heading").1;
            let entry = entries.last_mut().expect("it continues an entry");
            entry.push(' ');
            entry.push_str(more);
        }
    }
    chapters
}

fn page(cited: &BTreeMap<u32, Cited>, chapters: &BTreeMap<u32, (String, Vec<String>)>) -> String {
    let mut out =
        "# RFC coverage\n\nWhich sections the code cites where it obeys them, and which the tests cite. Made \
        from the sources by `make rfc-coverage`;\nwhat is not done is kept by hand in \
        [rfc-exceptions.md](rfc-exceptions.md). A section that is cited nowhere may be obeyed all the same.\n"
            .to_owned();
    let numbers: BTreeSet<u32> = cited.keys().chain(chapters.keys()).copied().collect();
    for number in numbers {
        let nothing = Cited::default();
        let cited = cited.get(&number).unwrap_or(&nothing);
        let title = chapters.get(&number).map_or(String::new(), |(title, _)| format!(": {title}"));
        let untested: BTreeSet<Section> = cited.code.difference(&cited.tests).cloned().collect();
        // Writing to a String does not fail.
        let _ = writeln!(out, "\n## RFC {number}{title}\n");
        let _ = writeln!(out, "- Code: {}", list(&cited.code, cited.code_whole));
        let _ = writeln!(out, "- Tests: {}", list(&cited.tests, cited.tests_whole));
        if !untested.is_empty() {
            let _ = writeln!(out, "- Cited by code alone: {}", list(&untested, false));
        }
        for exception in chapters.get(&number).into_iter().flat_map(|(_, entries)| entries) {
            let _ = writeln!(out, "- Exception: {exception}");
        }
    }
    out
}

fn list(sections: &BTreeSet<Section>, whole: bool) -> String {
    let mut names: Vec<&str> = sections.iter().map(|section| section.1.as_str()).collect();
    if names.is_empty() {
        names.push(if whole { "named, no section" } else { "none" });
    }
    names.join(", ")
}

#[test]
fn citations_are_read_as_people_write_them() {
    let read = |text: &str| -> Vec<(u32, Vec<String>)> {
        citations(text).into_iter().map(|(n, sections)| (n, sections.into_iter().map(|s| s.1).collect())).collect()
    };
    let one = |n: u32, sections: &[&str]| vec![(n, sections.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())];
    for (text, wanted) in [
        ("/// (RFC 3261 section 17.1.1.2).", one(3261, &["17.1.1.2"])),
        ("// RFC 3261 sections 5.1, 6.1 and 8.4: x", one(3261, &["5.1", "6.1", "8.4"])),
        ("//! see RFC 3261\n//! section 19.", one(3261, &["19"])),
        ("\"RFC 6026 7.1: the user\"", one(6026, &["7.1"])),
        ("RFC 3261 section 16.3, 21.4.1, 21.5.6)", one(3261, &["16.3", "21.4.1", "21.5.6"])),
        ("RFC 3551 section 6, table 4", one(3551, &["6"])),
        ("RFC 2833 appendix A.", one(2833, &["A"])),
        ("RFC 3261 section 9.1, 64*T1", one(3261, &["9.1"])),
        ("RFC 3264 has 5 parts", one(3264, &[])),
        ("RFC 3551, 3711 and 4585", [one(3551, &[]), one(3711, &[]), one(4585, &[])].concat()),
        ("RFC 3261 section 9.1, RFC 3262 section 3", [one(3261, &["9.1"]), one(3262, &["3"])].concat()),
        ("a sentence about an RFC ", Vec::new()),
    ] {
        assert_eq!(read(text), wanted, "{text}");
    }
    let mut sorted = vec!["17.2", "A.1", "9", "17.1.1", "17"];
    sorted.sort_by_key(|text| section(text, true).map(|(section, _)| section));
    assert_eq!(sorted, ["9", "17", "17.1.1", "17.2", "A.1"]);
}

#[test]
fn tests_are_told_from_code() {
    let text = "// RFC 3261 section 7\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    // RFC 3261 section 8\n}\n";
    let (code, tests) = split_tests(text);
    assert!(code.contains("section 7") && !code.contains("section 8") && tests.contains("section 8"));
    assert_eq!(split_tests("#[cfg(test)]\nmod tests;\n").1, "");
    for path in
        ["engine/sip/tests/torture.rs", "engine/sip/src/auth/tests.rs", "engine/sip/src/transaction/tests/mod.rs"]
    {
        assert!(in_tests(Path::new(path)), "{path}");
    }
    assert!(!in_tests(Path::new("engine/sip/src/auth/mod.rs")));
}
