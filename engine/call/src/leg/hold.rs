use tandem_codecs::CodecId;
use tandem_sdp::Direction;

use super::Leg;
use super::contract::{Hold, LegReport};

impl Hold {
    /// What a description says of who makes it (RFC 3264 section 8.4).
    pub(super) fn direction(self) -> Direction {
        match self {
            Hold::Off => Direction::SendReceive,
            Hold::SendOnly => Direction::SendOnly,
            Hold::Inactive => Direction::Inactive,
        }
    }
}

impl Leg {
    /// Offer and answer have changed the session.
    pub(super) fn report_session(&mut self, codec: CodecId) {
        self.report(LegReport::Renegotiated { codec });
        let held = self.held;
        self.note_hold();
        if held != self.held {
            self.report(LegReport::Held(self.held));
        }
    }

    /// A session that begins one way is no hold: whoever answers with `sendonly` may be an announcement.
    pub(super) fn note_hold(&mut self) {
        let Some((peer, ours)) = self.media.directions() else { return };
        self.held = hold_of(peer, ours, self.held);
    }
}

/// How a peer holds us that says `peer` while we say `ours`, having held us so `before`.
fn hold_of(peer: Direction, ours: Direction, before: Hold) -> Hold {
    match (peer, ours) {
        (Direction::SendReceive | Direction::ReceiveOnly, _) => Hold::Off,
        (Direction::SendOnly, _) => Hold::SendOnly,
        (Direction::Inactive, Direction::SendReceive | Direction::ReceiveOnly) => Hold::Inactive,
        // We hold it, and all that it could still say is that it takes nothing either.
        (Direction::Inactive, Direction::SendOnly) if before == Hold::Off => Hold::Inactive,
        // Nothing else can be said to `inactive` (RFC 3264 section 6.1): what it would do, it does not say.
        (Direction::Inactive, Direction::SendOnly | Direction::Inactive) => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_a_hold_of_ours_is_none_of_theirs() {
        use Direction::{Inactive, ReceiveOnly, SendOnly, SendReceive};
        for (peer, ours, before, after) in [
            (SendReceive, SendReceive, Hold::SendOnly, Hold::Off),
            (SendOnly, SendReceive, Hold::Off, Hold::SendOnly),
            (SendOnly, SendReceive, Hold::Inactive, Hold::SendOnly),
            (Inactive, SendReceive, Hold::SendOnly, Hold::Inactive),
            (ReceiveOnly, SendReceive, Hold::SendOnly, Hold::Off),
            // As a peer answers that is held,
            (ReceiveOnly, SendOnly, Hold::Off, Hold::Off),
            (Inactive, Inactive, Hold::Off, Hold::Off),
            // and one that holds us as well.
            (Inactive, SendOnly, Hold::Off, Hold::Inactive),
            (Inactive, SendOnly, Hold::SendOnly, Hold::SendOnly),
            (Inactive, Inactive, Hold::SendOnly, Hold::SendOnly),
            // What it says of itself while we hold it.
            (SendReceive, Inactive, Hold::SendOnly, Hold::Off),
            (SendOnly, Inactive, Hold::Off, Hold::SendOnly),
        ] {
            assert_eq!(hold_of(peer, ours, before), after, "{peer:?} to {ours:?} after {before:?}");
        }
    }
}
