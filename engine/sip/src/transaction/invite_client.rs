//! The INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 7.2).
//!
//! ```text
//!              1xx              2xx
//!   Calling ────────▶ Proceeding ────────▶ Accepted ──M──▶ Terminated
//!     │  └──────2xx───────┼──────────────────▲                 ▲
//!     └─────300-699───────┴──▶ Completed ──D──────────────────┘
//! ```

use std::time::Duration;

use super::action::Action;
use super::timer::{T1, T1_64, Timer};

/// Timer D over an unreliable transport (RFC 3261 section 17.1.1.2: at least 32 s).
const TIMER_D: Duration = Duration::from_secs(32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Calling {
        /// Timer A's present interval.
        resend_after: Duration,
    },
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Provisional,
    Success,
    Failure,
    /// Our CANCEL has gone out.
    CancelSent,
    TransportError,
    TimerA,
    TimerB,
    TimerD,
    TimerM,
    TimerCancel,
}

#[derive(Debug)]
pub(super) struct InviteClient {
    pub state: State,
    reliable: bool,
}

impl InviteClient {
    pub fn start(reliable: bool, out: &mut Vec<Action>) -> Self {
        out.push(Action::Send);
        if !reliable {
            out.push(Action::Start(Timer::A, T1));
        }
        out.push(Action::Start(Timer::B, T1_64));
        InviteClient { state: State::Calling { resend_after: T1 }, reliable }
    }

    pub fn handle(&mut self, input: Input, out: &mut Vec<Action>) {
        self.state = match (self.state, input) {
            (State::Calling { resend_after }, Input::TimerA) => {
                let resend_after = resend_after * 2;
                out.extend([Action::Send, Action::Start(Timer::A, resend_after)]);
                State::Calling { resend_after }
            }
            (State::Calling { .. }, Input::Provisional) => {
                out.extend([Action::Stop(Timer::A), Action::Stop(Timer::B), Action::PassUp]);
                State::Proceeding
            }
            (State::Proceeding, Input::Provisional) => {
                out.push(Action::PassUp);
                State::Proceeding
            }
            (State::Calling { .. } | State::Proceeding, Input::Success) => {
                self.stop_all(out);
                out.extend([Action::PassUp, Action::Start(Timer::M, T1_64)]);
                State::Accepted
            }
            (State::Calling { .. } | State::Proceeding, Input::Failure) => {
                self.stop_all(out);
                out.extend([Action::SendAck, Action::PassUp]);
                self.complete(out)
            }
            (State::Calling { .. }, Input::TimerB) | (State::Proceeding, Input::TimerCancel) => {
                out.extend([Action::ReportTimeout, Action::Terminate]);
                State::Terminated
            }
            (State::Proceeding, Input::CancelSent) => {
                out.push(Action::Start(Timer::Cancel, T1_64));
                State::Proceeding
            }
            (State::Calling { .. } | State::Completed, Input::TransportError) => {
                out.extend([Action::ReportTransportError, Action::Terminate]);
                State::Terminated
            }
            (State::Completed, Input::Failure) => {
                out.push(Action::SendAck);
                State::Completed
            }
            (State::Accepted, Input::Success) => {
                out.push(Action::PassUp);
                State::Accepted
            }
            (State::Completed, Input::TimerD) | (State::Accepted, Input::TimerM) => {
                out.push(Action::Terminate);
                State::Terminated
            }

            // The response may yet come over another connection (RFC 3261 section 18.2.2).
            (State::Proceeding, Input::TransportError) => State::Proceeding,
            (state @ State::Calling { .. }, Input::CancelSent | Input::TimerD | Input::TimerM | Input::TimerCancel) => {
                state
            }
            (State::Proceeding, Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM) => State::Proceeding,
            (
                State::Completed,
                Input::Provisional
                | Input::Success
                | Input::CancelSent
                | Input::TimerA
                | Input::TimerB
                | Input::TimerM
                | Input::TimerCancel,
            ) => State::Completed,
            (
                State::Accepted,
                Input::Provisional
                | Input::Failure
                | Input::CancelSent
                | Input::TransportError
                | Input::TimerA
                | Input::TimerB
                | Input::TimerD
                | Input::TimerCancel,
            ) => State::Accepted,
            (
                State::Terminated,
                Input::Provisional
                | Input::Success
                | Input::Failure
                | Input::CancelSent
                | Input::TransportError
                | Input::TimerA
                | Input::TimerB
                | Input::TimerD
                | Input::TimerM
                | Input::TimerCancel,
            ) => State::Terminated,
        };
    }

    fn stop_all(&self, out: &mut Vec<Action>) {
        out.extend([Action::Stop(Timer::A), Action::Stop(Timer::B), Action::Stop(Timer::Cancel)]);
    }

    fn complete(&self, out: &mut Vec<Action>) -> State {
        if self.reliable {
            out.push(Action::Terminate);
            return State::Terminated;
        }
        out.push(Action::Start(Timer::D, TIMER_D));
        State::Completed
    }
}
