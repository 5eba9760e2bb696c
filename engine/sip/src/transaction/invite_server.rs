//! The INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 7.1).
//!
//! ```text
//!   Proceeding ──2xx──────▶ Accepted ──L──────────────▶ Terminated
//!       └────300-699──▶ Completed ──ACK──▶ Confirmed ──I────▲
//!                            └────────────H─────────────────┘
//! ```

use std::time::Duration;

use super::action::Action;
use super::timer::{T1, T1_64, T2, T4, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Proceeding,
    Completed {
        /// Timer G's present interval.
        resend_after: Duration,
    },
    Accepted,
    Confirmed,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The INVITE again.
    Invite,
    Ack,
    /// The user's responses.
    Provisional,
    Success,
    Failure,
    TransportError,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    TimerTrying,
}

#[derive(Debug)]
pub(super) struct InviteServer {
    pub state: State,
    reliable: bool,
}

impl InviteServer {
    pub fn start(reliable: bool, trying_after: Duration, out: &mut Vec<Action>) -> Self {
        out.push(if trying_after.is_zero() { Action::SendTrying } else { Action::Start(Timer::Trying, trying_after) });
        out.push(Action::PassUp);
        InviteServer { state: State::Proceeding, reliable }
    }

    /// Whether the user may still send a response of this kind.
    pub fn takes(&self, response: Input) -> bool {
        match self.state {
            State::Proceeding => true,
            State::Accepted => response == Input::Success,
            State::Completed { .. } | State::Confirmed | State::Terminated => false,
        }
    }

    pub fn handle(&mut self, input: Input, out: &mut Vec<Action>) {
        self.state = match (self.state, input) {
            (State::Proceeding, Input::Invite) => {
                out.push(Action::Send);
                State::Proceeding
            }
            (State::Proceeding, Input::TimerTrying) => {
                out.push(Action::SendTrying);
                State::Proceeding
            }
            (State::Proceeding, Input::Provisional) => {
                out.extend([Action::Stop(Timer::Trying), Action::Send]);
                State::Proceeding
            }
            (State::Proceeding, Input::Success) => {
                out.extend([Action::Stop(Timer::Trying), Action::Send, Action::Start(Timer::L, T1_64)]);
                State::Accepted
            }
            (State::Proceeding, Input::Failure) => {
                out.extend([Action::Stop(Timer::Trying), Action::Send]);
                if !self.reliable {
                    out.push(Action::Start(Timer::G, T1));
                }
                out.push(Action::Start(Timer::H, T1_64));
                State::Completed { resend_after: T1 }
            }
            (State::Accepted, Input::Success) => {
                out.push(Action::Send);
                State::Accepted
            }
            (State::Accepted, Input::Ack) => {
                out.push(Action::PassUp);
                State::Accepted
            }
            (state @ State::Completed { .. }, Input::Invite) => {
                out.push(Action::Send);
                state
            }
            (State::Completed { resend_after }, Input::TimerG) => {
                let resend_after = (resend_after * 2).min(T2);
                out.extend([Action::Send, Action::Start(Timer::G, resend_after)]);
                State::Completed { resend_after }
            }
            (State::Completed { .. }, Input::Ack) => {
                out.extend([Action::Stop(Timer::G), Action::Stop(Timer::H)]);
                self.confirm(out)
            }
            (State::Completed { .. }, Input::TimerH) => {
                out.extend([Action::ReportTimeout, Action::Terminate]);
                State::Terminated
            }
            (State::Accepted, Input::TimerL) | (State::Confirmed, Input::TimerI) => {
                out.push(Action::Terminate);
                State::Terminated
            }
            // The user is told and the state stays (RFC 6026 section 7.1).
            (state @ (State::Proceeding | State::Completed { .. } | State::Accepted), Input::TransportError) => {
                out.push(Action::ReportTransportError);
                state
            }

            (State::Proceeding, Input::Ack | Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL) => {
                State::Proceeding
            }
            (
                State::Accepted,
                Input::Invite
                | Input::Provisional
                | Input::Failure
                | Input::TimerG
                | Input::TimerH
                | Input::TimerI
                | Input::TimerTrying,
            ) => State::Accepted,
            (
                state @ State::Completed { .. },
                Input::Provisional
                | Input::Success
                | Input::Failure
                | Input::TimerI
                | Input::TimerL
                | Input::TimerTrying,
            ) => state,
            (
                State::Confirmed,
                Input::Invite
                | Input::Ack
                | Input::Provisional
                | Input::Success
                | Input::Failure
                | Input::TransportError
                | Input::TimerG
                | Input::TimerH
                | Input::TimerL
                | Input::TimerTrying,
            ) => State::Confirmed,
            (
                State::Terminated,
                Input::Invite
                | Input::Ack
                | Input::Provisional
                | Input::Success
                | Input::Failure
                | Input::TransportError
                | Input::TimerG
                | Input::TimerH
                | Input::TimerI
                | Input::TimerL
                | Input::TimerTrying,
            ) => State::Terminated,
        };
    }

    fn confirm(&self, out: &mut Vec<Action>) -> State {
        if self.reliable {
            out.push(Action::Terminate);
            return State::Terminated;
        }
        out.push(Action::Start(Timer::I, T4));
        State::Confirmed
    }
}
