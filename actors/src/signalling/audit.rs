//! The audit log: a line for each try at something not allowed, under the target `audit`. Bounded, so that a flood fills no
//! disk: what is left out is counted and told.

use std::time::Duration;

use tandem_model::{Endpoint, Timestamp};
use tandem_sip::message::Message;

/// Lines a second and shard.
const LINES_PER_SECOND: u32 = 50;

/// One shard's share of the audit log.
#[derive(Default)]
pub(super) struct Audit {
    second: Timestamp,
    lines: u32,
    left_out: u64,
}

impl Audit {
    /// `status` is what the request got.
    pub(super) fn line(&mut self, now: Timestamp, request: &Message, source: Endpoint, status: u16, what: &str) {
        if !self.may(now) {
            return;
        }
        let (method, call_id) = (request.method_str(), request.call_id());
        tracing::warn!(target: "audit", %source, method, call_id, status, "{what}");
        // Whom it was for is a person's number or name.
        let to = request.request_uri().map(|uri| uri.as_str().to_owned()).unwrap_or_default();
        tracing::debug!(target: "audit", call_id, to, "the address asked for");
    }

    fn may(&mut self, now: Timestamp) -> bool {
        if now.since(self.second) >= Duration::from_secs(1) {
            if self.left_out > 0 {
                tracing::warn!(target: "audit", lines = self.left_out, "lines left out");
            }
            *self = Audit { second: now, ..Audit::default() };
        }
        self.lines += 1;
        let may = self.lines <= LINES_PER_SECOND;
        self.left_out += u64::from(!may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_a_bounded_number_of_lines() {
        let mut audit = Audit::default();
        let at = Timestamp::from_secs(5);
        assert_eq!((0..1_000).filter(|_| audit.may(at)).count(), LINES_PER_SECOND as usize);
        assert!(audit.may(at + Duration::from_secs(1)), "the next second has lines of its own");
    }
}
