use std::time::Duration;

use tandem_model::Timestamp;

/// Round-trip estimate (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions other than an INVITE's.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// How long a request, or a 2xx, is tried for.
pub const T1_64: Duration = Duration::from_secs(32);

/// The timers of RFC 3261 table 4 and RFC 6026 section 8.1, and three of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// INVITE request retransmit.
    A,
    /// INVITE client gives up.
    B,
    /// Wait for response retransmits.
    D,
    /// Non-INVITE request retransmit.
    E,
    /// Non-INVITE client gives up.
    F,
    /// INVITE response retransmit.
    G,
    /// Wait for ACK.
    H,
    /// Wait for ACK retransmits.
    I,
    /// Wait for non-INVITE request retransmits.
    J,
    /// Wait for response retransmits.
    K,
    /// Wait for INVITE retransmits after a 2xx.
    L,
    /// Wait for more 2xx.
    M,
    /// 100 is due (RFC 3261 section 17.2.1).
    Trying,
    /// A cancelled INVITE gets no final response (RFC 3261 section 9.1).
    Cancel,
    /// A non-INVITE request the user never answered: after Timer F of the client nobody wants the answer (RFC 4320).
    Unanswered,
}

impl Timer {
    /// A transaction never runs two timers of one slot at a time.
    fn slot(self) -> usize {
        match self {
            Timer::A | Timer::E | Timer::G | Timer::Trying => 0,
            Timer::B | Timer::F | Timer::H | Timer::Cancel | Timer::Unanswered => 1,
            Timer::D | Timer::I | Timer::J | Timer::K | Timer::L | Timer::M => 2,
        }
    }
}

/// The timers one transaction has running.
#[derive(Debug, Default)]
pub(super) struct TimerTable([Option<(Timer, Timestamp)>; 3]);

impl TimerTable {
    pub fn start(&mut self, timer: Timer, at: Timestamp) {
        self.0[timer.slot()] = Some((timer, at));
    }

    pub fn stop(&mut self, timer: Timer) {
        if self.0[timer.slot()].is_some_and(|(t, _)| t == timer) {
            self.0[timer.slot()] = None;
        }
    }

    /// Whether this timer runs, for exactly this moment.
    pub fn is_set(&self, timer: Timer, at: Timestamp) -> bool {
        self.0[timer.slot()] == Some((timer, at))
    }
}
