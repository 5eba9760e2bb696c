use std::time::Duration;

use bytes::Bytes;
use tandem_model::Endpoint;

use super::action::Action;
use super::invite_server::{self, InviteServer};
use super::matching::ServerMatch;
use super::non_invite_server::{self, NonInviteServer};
use super::timer::{Timer, TimerTable};
use crate::message::{Message, Method};

/// A request of a peer and what has become of it.
pub(super) struct ServerTransaction {
    pub machine: ServerMachine,
    /// An INVITE without final response: what 100 is made of and a CANCEL is compared with.
    pub pending: Option<Box<Message>>,
    pub source: Endpoint,
    pub local: Endpoint,
    pub reply_to: Endpoint,
    pub matching: ServerMatch,
    pub timers: TimerTable,
    /// The most recent response.
    pub response: Option<Bytes>,
    /// The To tag of our responses.
    pub to_tag: Option<String>,
    /// The user has been told of a CANCEL.
    pub cancelled: bool,
}

pub(super) enum ServerMachine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

impl ServerMachine {
    pub fn start(method: Method, reliable: bool, trying_after: Duration, out: &mut Vec<Action>) -> Self {
        if method == Method::Invite {
            ServerMachine::Invite(InviteServer::start(reliable, trying_after, out))
        } else {
            ServerMachine::NonInvite(NonInviteServer::start(reliable, out))
        }
    }

    /// The request came again.
    pub fn handle_repeat(&mut self, out: &mut Vec<Action>) {
        match self {
            ServerMachine::Invite(m) => m.handle(invite_server::Input::Invite, out),
            ServerMachine::NonInvite(m) => m.handle(non_invite_server::Input::Request, out),
        }
    }

    pub fn handle_ack(&mut self, out: &mut Vec<Action>) {
        match self {
            ServerMachine::Invite(m) => m.handle(invite_server::Input::Ack, out),
            ServerMachine::NonInvite(_) => {}
        }
    }

    /// An INVITE that was accepted: its 2xx is the user's to repeat (RFC 6026 section 7.1).
    pub fn is_accepted(&self) -> bool {
        matches!(self, ServerMachine::Invite(m) if m.state == invite_server::State::Accepted)
    }

    /// Whether the user may still respond with this status.
    pub fn takes(&self, status: u16) -> bool {
        match self {
            ServerMachine::Invite(m) => m.takes(invite_response(status)),
            ServerMachine::NonInvite(m) => m.takes_response(),
        }
    }

    pub fn handle_response(&mut self, status: u16, out: &mut Vec<Action>) {
        match self {
            ServerMachine::Invite(m) => m.handle(invite_response(status), out),
            ServerMachine::NonInvite(m) => m.handle(
                match status {
                    ..200 => non_invite_server::Input::Provisional,
                    200.. => non_invite_server::Input::Final,
                },
                out,
            ),
        }
    }

    pub fn handle_transport_error(&mut self, out: &mut Vec<Action>) {
        match self {
            ServerMachine::Invite(m) => m.handle(invite_server::Input::TransportError, out),
            ServerMachine::NonInvite(m) => m.handle(non_invite_server::Input::TransportError, out),
        }
    }

    pub fn handle_timer(&mut self, timer: Timer, out: &mut Vec<Action>) {
        match self {
            ServerMachine::Invite(m) => {
                let input = match timer {
                    Timer::G => invite_server::Input::TimerG,
                    Timer::H => invite_server::Input::TimerH,
                    Timer::I => invite_server::Input::TimerI,
                    Timer::L => invite_server::Input::TimerL,
                    Timer::Trying => invite_server::Input::TimerTrying,
                    Timer::A
                    | Timer::B
                    | Timer::D
                    | Timer::E
                    | Timer::F
                    | Timer::J
                    | Timer::K
                    | Timer::M
                    | Timer::Cancel
                    | Timer::Unanswered => return,
                };
                m.handle(input, out);
            }
            ServerMachine::NonInvite(m) => {
                let input = match timer {
                    Timer::J => non_invite_server::Input::TimerJ,
                    Timer::Unanswered => non_invite_server::Input::TimerUnanswered,
                    Timer::A
                    | Timer::B
                    | Timer::D
                    | Timer::E
                    | Timer::F
                    | Timer::G
                    | Timer::H
                    | Timer::I
                    | Timer::K
                    | Timer::L
                    | Timer::M
                    | Timer::Trying
                    | Timer::Cancel => return,
                };
                m.handle(input, out);
            }
        }
    }
}

fn invite_response(status: u16) -> invite_server::Input {
    match status {
        ..200 => invite_server::Input::Provisional,
        200..300 => invite_server::Input::Success,
        300.. => invite_server::Input::Failure,
    }
}
