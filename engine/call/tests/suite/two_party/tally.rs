use std::collections::BTreeMap;

use super::trial::Outcome;

/// What many calls came to: proof that the trials try something.
#[derive(Debug, Default)]
pub struct Tally {
    pub calls: u64,
    talked: u64,
    streams: u64,
    /// Talked after who called had to show that it is there.
    unproved: u64,
    renegotiated: u64,
    ends: BTreeMap<String, u64>,
    said: BTreeMap<String, u64>,
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.calls += 1;
        self.talked += u64::from(outcome.talked);
        self.streams += u64::from(outcome.stream);
        self.unproved += u64::from(outcome.unproved && outcome.talked);
        for seen in [&outcome.caller, &outcome.callee] {
            self.renegotiated += u64::from(seen.renegotiated);
            for end in &seen.ended {
                *self.ends.entry(format!("{} {:?} {}", end.status, end.by, end.reason)).or_default() += 1;
            }
            for (what, count) in &seen.said {
                *self.said.entry(what.clone()).or_default() += u64::from(*count);
            }
        }
    }

    /// Each of what the two can do with each other has happened often enough to mean something.
    pub fn has_seen_everything(&self) {
        let told = format!("{self:#?}");
        assert!(
            self.talked > self.calls / 4
                && self.streams > self.calls / 10
                && self.unproved > self.calls / 20
                && self.renegotiated > self.calls,
            "{told}"
        );
        for what in [
            "PRACK",
            "UPDATE",
            "INVITE",
            "BYE",
            "180 INVITE",
            "180 reliable INVITE",
            "183 INVITE",
            "183 reliable INVITE",
            "200 INVITE",
            "200 PRACK",
            "200 UPDATE",
            "200 BYE",
            "486 INVITE",
            "487 INVITE",
            "491 INVITE",
        ] {
            assert!(self.said.get(what).is_some_and(|count| *count >= self.calls / 300), "{what}: {told}");
        }
        for end in ["200 Remote", "200 Local", "487 Local", "487 Remote", "486 Remote", "408 Failure"] {
            assert!(self.ends.keys().any(|seen| seen.starts_with(end)), "{end}: {told}");
        }
    }
}
