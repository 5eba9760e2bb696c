use bytes::Bytes;
use tandem_model::Endpoint;

use super::action::Action;
use super::invite_client::{self, InviteClient};
use super::matching::ClientMatch;
use super::non_invite_client::{self, NonInviteClient};
use super::timer::{Timer, TimerTable};
use crate::message::{Message, Method};

/// A request of ours and what has become of it.
pub(super) struct ClientTransaction {
    pub machine: ClientMachine,
    /// None once it has its final response: nobody sends it again, and it stays for half a minute.
    pub request: Option<Box<Message>>,
    pub to: Endpoint,
    pub matching: ClientMatch,
    pub timers: TimerTable,
    pub cancelling: Cancelling,
    /// For the CANCEL (RFC 3326).
    pub cancel_reason: Option<String>,
    /// The ACK of the failure that came, to send again with each repetition of it.
    pub ack: Option<Bytes>,
    /// Our own CANCEL: the user hears nothing of it.
    pub silent: bool,
}

pub(super) enum ClientMachine {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancelling {
    No,
    /// Waits for a provisional response (RFC 3261 section 9.1).
    Queued,
    Sent,
}

impl ClientMachine {
    pub fn start(method: Method, reliable: bool, out: &mut Vec<Action>) -> Self {
        if method == Method::Invite {
            ClientMachine::Invite(InviteClient::start(reliable, out))
        } else {
            ClientMachine::NonInvite(NonInviteClient::start(reliable, out))
        }
    }

    pub fn handle_status(&mut self, status: u16, out: &mut Vec<Action>) {
        match self {
            ClientMachine::Invite(m) => m.handle(
                match status {
                    ..200 => invite_client::Input::Provisional,
                    200..300 => invite_client::Input::Success,
                    300.. => invite_client::Input::Failure,
                },
                out,
            ),
            ClientMachine::NonInvite(m) => m.handle(
                match status {
                    ..200 => non_invite_client::Input::Provisional,
                    200.. => non_invite_client::Input::Final,
                },
                out,
            ),
        }
    }

    pub fn handle_transport_error(&mut self, out: &mut Vec<Action>) {
        match self {
            ClientMachine::Invite(m) => m.handle(invite_client::Input::TransportError, out),
            ClientMachine::NonInvite(m) => m.handle(non_invite_client::Input::TransportError, out),
        }
    }

    pub fn handle_cancel_sent(&mut self, out: &mut Vec<Action>) {
        match self {
            ClientMachine::Invite(m) => m.handle(invite_client::Input::CancelSent, out),
            ClientMachine::NonInvite(_) => {}
        }
    }

    pub fn handle_timer(&mut self, timer: Timer, out: &mut Vec<Action>) {
        match self {
            ClientMachine::Invite(m) => {
                let input = match timer {
                    Timer::A => invite_client::Input::TimerA,
                    Timer::B => invite_client::Input::TimerB,
                    Timer::D => invite_client::Input::TimerD,
                    Timer::M => invite_client::Input::TimerM,
                    Timer::Cancel => invite_client::Input::TimerCancel,
                    Timer::E
                    | Timer::F
                    | Timer::G
                    | Timer::H
                    | Timer::I
                    | Timer::J
                    | Timer::K
                    | Timer::L
                    | Timer::Trying
                    | Timer::Unanswered => return,
                };
                m.handle(input, out);
            }
            ClientMachine::NonInvite(m) => {
                let input = match timer {
                    Timer::E => non_invite_client::Input::TimerE,
                    Timer::F => non_invite_client::Input::TimerF,
                    Timer::K => non_invite_client::Input::TimerK,
                    Timer::A
                    | Timer::B
                    | Timer::D
                    | Timer::G
                    | Timer::H
                    | Timer::I
                    | Timer::J
                    | Timer::L
                    | Timer::M
                    | Timer::Trying
                    | Timer::Cancel
                    | Timer::Unanswered => return,
                };
                m.handle(input, out);
            }
        }
    }
}
