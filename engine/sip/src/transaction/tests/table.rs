//! A machine's whole table as text, kept beside the tests and compared with what the machine does.

use std::fmt::{Debug, Write};
use std::path::PathBuf;

use super::super::action::Action;

/// Set it to write the files anew: `TANDEM_BLESS=1 cargo test -p tandem-sip machines`.
const BLESS: &str = "TANDEM_BLESS";

pub(super) struct Table {
    name: &'static str,
    text: String,
}

impl Table {
    pub(super) fn new(name: &'static str) -> Table {
        let text = format!(
            "# {name}: state, input, next state, actions, why. Made by the tests beside it: {BLESS}=1 writes it anew.\n"
        );
        Table { name, text }
    }

    pub(super) fn part(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n## {title}\n");
    }

    /// `columns` are state, input and next state.
    pub(super) fn row(&mut self, columns: &[&dyn Debug; 3], actions: &[Action], section: &str) {
        let [state, input, next] = columns.map(|column| format!("{column:?}"));
        let actions: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
        let (next, actions) = match (next == state, actions.is_empty()) {
            (true, true) => ("-".to_owned(), "-".to_owned()),
            (_, true) => (next, "-".to_owned()),
            (same, false) => (if same { "-".to_owned() } else { next }, actions.join(", ")),
        };
        let _ = writeln!(self.text, "{state} | {input} | {next} | {actions} | {section}");
    }

    #[expect(clippy::disallowed_methods, reason = "the tables are files; the engine itself reads none")]
    pub(super) fn finish(self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/transaction/tests/tables");
        let path = folder.join(format!("{}.txt", self.name));
        if std::env::var_os(BLESS).is_some() {
            std::fs::write(&path, &self.text).expect("the table can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        for (kept, now) in kept.lines().zip(self.text.lines()) {
            assert_eq!(now, kept, "{}", self.name);
        }
        assert_eq!(self.text.lines().count(), kept.lines().count(), "{}", self.name);
    }
}
