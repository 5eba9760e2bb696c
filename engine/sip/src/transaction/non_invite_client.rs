//! The non-INVITE client transaction (RFC 3261 section 17.1.2).
//!
//! ```text
//!            1xx              200-699
//!   Trying ──────▶ Proceeding ────────▶ Completed ──K──▶ Terminated
//!     └────────────200-699──────────────────▲
//! ```

use std::time::Duration;

use super::action::Action;
use super::timer::{T1, T1_64, T2, T4, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying {
        /// Timer E's present interval.
        resend_after: Duration,
    },
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Provisional,
    Final,
    TransportError,
    TimerE,
    TimerF,
    TimerK,
}

#[derive(Debug)]
pub(super) struct NonInviteClient {
    pub state: State,
    reliable: bool,
}

impl NonInviteClient {
    pub fn start(reliable: bool, out: &mut Vec<Action>) -> Self {
        out.push(Action::Send);
        if !reliable {
            out.push(Action::Start(Timer::E, T1));
        }
        out.push(Action::Start(Timer::F, T1_64));
        NonInviteClient { state: State::Trying { resend_after: T1 }, reliable }
    }

    pub fn handle(&mut self, input: Input, out: &mut Vec<Action>) {
        self.state = match (self.state, input) {
            (State::Trying { resend_after }, Input::TimerE) => {
                let resend_after = (resend_after * 2).min(T2);
                out.extend([Action::Send, Action::Start(Timer::E, resend_after)]);
                State::Trying { resend_after }
            }
            (State::Proceeding, Input::TimerE) => {
                out.extend([Action::Send, Action::Start(Timer::E, T2)]);
                State::Proceeding
            }
            (State::Trying { .. } | State::Proceeding, Input::Provisional) => {
                out.push(Action::PassUp);
                State::Proceeding
            }
            (State::Trying { .. } | State::Proceeding, Input::Final) => {
                out.extend([Action::Stop(Timer::E), Action::Stop(Timer::F), Action::PassUp]);
                self.complete(out)
            }
            (State::Trying { .. } | State::Proceeding, Input::TimerF) => {
                out.extend([Action::ReportTimeout, Action::Terminate]);
                State::Terminated
            }
            (State::Trying { .. } | State::Proceeding, Input::TransportError) => {
                out.extend([Action::ReportTransportError, Action::Terminate]);
                State::Terminated
            }
            (State::Completed, Input::TimerK) => {
                out.push(Action::Terminate);
                State::Terminated
            }

            (state @ (State::Trying { .. } | State::Proceeding), Input::TimerK) => state,
            (
                State::Completed,
                Input::Provisional | Input::Final | Input::TransportError | Input::TimerE | Input::TimerF,
            ) => State::Completed,
            (
                State::Terminated,
                Input::Provisional
                | Input::Final
                | Input::TransportError
                | Input::TimerE
                | Input::TimerF
                | Input::TimerK,
            ) => State::Terminated,
        };
    }

    fn complete(&self, out: &mut Vec<Action>) -> State {
        if self.reliable {
            out.push(Action::Terminate);
            return State::Terminated;
        }
        out.push(Action::Start(Timer::K, T4));
        State::Completed
    }
}
