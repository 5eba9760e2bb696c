//! The non-INVITE server transaction (RFC 3261 section 17.2.2).
//!
//! ```text
//!            1xx              200-699
//!   Trying ──────▶ Proceeding ────────▶ Completed ──J──▶ Terminated
//!     └────────────200-699──────────────────▲
//! ```

use super::action::Action;
use super::timer::{T1_64, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The request again.
    Request,
    /// The user's responses.
    Provisional,
    Final,
    TransportError,
    TimerJ,
    TimerUnanswered,
}

#[derive(Debug)]
pub(super) struct NonInviteServer {
    pub state: State,
    reliable: bool,
}

impl NonInviteServer {
    pub fn start(reliable: bool, out: &mut Vec<Action>) -> Self {
        out.extend([Action::Start(Timer::Unanswered, T1_64), Action::PassUp]);
        NonInviteServer { state: State::Trying, reliable }
    }

    /// Whether the user may still send a response.
    pub fn takes_response(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    pub fn handle(&mut self, input: Input, out: &mut Vec<Action>) {
        self.state = match (self.state, input) {
            (State::Trying | State::Proceeding, Input::Provisional) => {
                out.push(Action::Send);
                State::Proceeding
            }
            (State::Trying | State::Proceeding, Input::Final) => {
                out.extend([Action::Stop(Timer::Unanswered), Action::Send]);
                self.complete(out)
            }
            (state @ (State::Proceeding | State::Completed), Input::Request) => {
                out.push(Action::Send);
                state
            }
            (State::Trying | State::Proceeding, Input::TimerUnanswered) | (State::Completed, Input::TimerJ) => {
                out.push(Action::Terminate);
                State::Terminated
            }
            (State::Trying | State::Proceeding | State::Completed, Input::TransportError) => {
                out.extend([Action::ReportTransportError, Action::Terminate]);
                State::Terminated
            }

            // Absorbed: there is no response yet to repeat.
            (State::Trying, Input::Request) => State::Trying,
            (state @ (State::Trying | State::Proceeding), Input::TimerJ) => state,
            (State::Completed, Input::Provisional | Input::Final | Input::TimerUnanswered) => State::Completed,
            (
                State::Terminated,
                Input::Request
                | Input::Provisional
                | Input::Final
                | Input::TransportError
                | Input::TimerJ
                | Input::TimerUnanswered,
            ) => State::Terminated,
        };
    }

    fn complete(&self, out: &mut Vec<Action>) -> State {
        if self.reliable {
            out.push(Action::Terminate);
            return State::Terminated;
        }
        out.push(Action::Start(Timer::J, T1_64));
        State::Completed
    }
}
