use std::time::Duration;

use tandem_model::Timestamp;

use crate::transaction::{T1, T1_64, T2};

/// Repeats a 2xx to an INVITE until its ACK comes, over any transport (RFC 3261 section 13.3.1.4).
#[derive(Clone, Debug)]
pub struct Retransmit2xx {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting { next: Timestamp, interval: Duration, give_up: Timestamp },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmit {
    /// Send the 2xx again.
    Again,
    /// 64*T1 passed without ACK: send BYE.
    GiveUp,
}

impl Retransmit2xx {
    /// The 2xx was sent for the first time.
    pub fn start(now: Timestamp) -> Self {
        Retransmit2xx { state: State::Waiting { next: now + T1, interval: T1, give_up: now + T1_64 } }
    }

    /// The ACK came.
    pub fn acknowledged(&mut self) {
        self.state = State::Done;
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { next, give_up, .. } => Some(next.min(give_up)),
            State::Done => None,
        }
    }

    /// One step at most, however late the call: a stall must not turn into a burst.
    pub fn expire(&mut self, now: Timestamp) -> Option<Retransmit> {
        match self.state {
            State::Waiting { give_up, .. } if now >= give_up => {
                self.state = State::Done;
                Some(Retransmit::GiveUp)
            }
            State::Waiting { next, interval, give_up } if now >= next => {
                let interval = (interval * 2).min(T2);
                self.state = State::Waiting { next: now + interval, interval, give_up };
                Some(Retransmit::Again)
            }
            State::Waiting { .. } | State::Done => None,
        }
    }
}
