use tandem_call::carrier::{ProbeResult, retry_after};
use tandem_sip::message::Message as SipMessage;

/// One round of OPTIONS: every address of a carrier is asked, and one that answers is enough.
pub(super) struct Round {
    /// As the health machine numbers it.
    pub id: u64,
    /// Answers still to come.
    waiting: usize,
    best: ProbeResult,
}

impl Round {
    pub fn new(id: u64, addresses: usize) -> Self {
        Round { id, waiting: addresses, best: ProbeResult::Silent }
    }

    /// What one address said. Some: the round is over, with this result.
    pub fn heard(&mut self, result: ProbeResult) -> Option<ProbeResult> {
        self.waiting = self.waiting.saturating_sub(1);
        match result {
            ProbeResult::Answered => return Some(result),
            ProbeResult::Overloaded { .. } => self.best = result,
            ProbeResult::Silent => {}
        }
        (self.waiting == 0).then_some(self.best)
    }
}

pub(super) fn result_of(response: &SipMessage) -> ProbeResult {
    match response.status() {
        Some(503) => ProbeResult::Overloaded { retry_after: retry_after(response) },
        _ => ProbeResult::Answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_answers_is_enough_and_all_must_fail() {
        let overloaded = ProbeResult::Overloaded { retry_after: None };
        let mut round = Round::new(1, 3);
        assert_eq!(round.heard(ProbeResult::Silent), None);
        assert_eq!(round.heard(ProbeResult::Answered), Some(ProbeResult::Answered));
        let mut round = Round::new(1, 2);
        assert_eq!(round.heard(overloaded), None);
        assert_eq!(round.heard(ProbeResult::Silent), Some(overloaded));
    }
}
