//! What the layer does for requests of ours.

use tandem_model::{Endpoint, Timestamp};

use super::TransactionLayer;
use crate::message::{Message, Method};
use crate::transaction::action::Action;
use crate::transaction::client::{Cancelling, ClientMachine, ClientTransaction};
use crate::transaction::event::{CancelOutcome, ClientKey, Event, RequestError, TransactionKey, Transmit};
use crate::transaction::invite_client;
use crate::transaction::matching::ClientMatch;
use crate::transaction::replies;
use crate::transaction::timer::TimerTable;

impl TransactionLayer {
    /// Starts a client transaction and sends the request. Its top Via has a branch that nothing else uses
    /// (RFC 3261 section 8.1.1.7). An ACK of a 2xx goes through [`send_stateless`](Self::send_stateless).
    pub fn request(&mut self, now: Timestamp, request: Message, to: Endpoint) -> Result<ClientKey, RequestError> {
        if !request.is_request() || matches!(request.method(), Method::Ack | Method::Cancel) {
            return Err(RequestError::NotARequest);
        }
        let matching = self.matching.client(&request).ok_or(RequestError::NoBranch)?;
        if self.client_index.contains_key(&matching) {
            return Err(RequestError::BranchInUse);
        }
        if self.is_full_for(&request) {
            return Err(RequestError::Full);
        }
        let id = self.start_client(now, request, to, matching, false);
        self.prune();
        Ok(ClientKey(id))
    }

    /// Cancels an INVITE (RFC 3261 section 9.1): now if a provisional response came, else when one comes. The INVITE ends
    /// with its final response as ever (487, or a 2xx that crossed), or with `Timeout` 32 s after the CANCEL.
    pub fn cancel(&mut self, now: Timestamp, key: ClientKey) -> CancelOutcome {
        self.cancel_because(now, key, None)
    }

    /// The same with a Reason (RFC 3326), of which the first that is given stands.
    pub fn cancel_because(&mut self, now: Timestamp, key: ClientKey, reason: Option<&str>) -> CancelOutcome {
        let Some(client) = self.clients.get_mut(&key.0) else { return CancelOutcome::TooLate };
        let ClientMachine::Invite(invite) = &client.machine else { return CancelOutcome::TooLate };
        if client.cancelling == Cancelling::No {
            client.cancel_reason = reason.map(str::to_owned);
        }
        match (invite.state, client.cancelling) {
            (invite_client::State::Calling { .. }, _) => {
                client.cancelling = Cancelling::Queued;
                CancelOutcome::Queued
            }
            (invite_client::State::Proceeding, Cancelling::No | Cancelling::Queued) => {
                self.send_cancel(now, key.0);
                self.prune();
                CancelOutcome::Sent
            }
            (invite_client::State::Proceeding, Cancelling::Sent) => CancelOutcome::TooLate,
            (
                invite_client::State::Completed | invite_client::State::Accepted | invite_client::State::Terminated,
                _,
            ) => CancelOutcome::TooLate,
        }
    }

    pub(super) fn handle_response(&mut self, now: Timestamp, response: Message, status: u16, source: Endpoint) {
        // A response to nothing is dropped (RFC 6026 section 7.3).
        let Some(id) = self.matching.client(&response).and_then(|m| self.client_index.get(&m)).copied() else { return };
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut actions = std::mem::take(&mut self.actions);
        client.machine.handle_status(status, &mut actions);
        if let Some(request) = client.request.as_deref().filter(|_| actions.contains(&Action::SendAck)) {
            client.ack = Some(replies::ack(request, &response).bytes().clone());
        }
        if status >= 200 {
            client.request = None;
        }
        let cancel_now = client.cancelling == Cancelling::Queued && status < 200;
        self.run_client(now, id, actions, Some((response, source)));
        if cancel_now {
            self.send_cancel(now, id);
        }
    }

    pub(super) fn start_client(
        &mut self,
        now: Timestamp,
        request: Message,
        to: Endpoint,
        matching: ClientMatch,
        silent: bool,
    ) -> u64 {
        let id = self.new_id();
        let mut actions = std::mem::take(&mut self.actions);
        let machine = ClientMachine::start(request.method(), to.transport.is_reliable(), &mut actions);
        self.client_index.insert(matching, id);
        self.peers.entry(to).or_default().insert(id);
        let (timers, cancelling) = (TimerTable::default(), Cancelling::No);
        let (ack, cancel_reason) = (None, None);
        let request = Some(Box::new(request));
        let client =
            ClientTransaction { machine, request, to, matching, timers, cancelling, cancel_reason, ack, silent };
        self.clients.insert(id, Box::new(client));
        self.run_client(now, id, actions, None);
        id
    }

    pub(super) fn send_cancel(&mut self, now: Timestamp, invite: u64) {
        let Some(client) = self.clients.get_mut(&invite) else { return };
        let Some(request) = client.request.as_deref() else { return };
        client.cancelling = Cancelling::Sent;
        let (cancel, to) = (replies::cancel(request, client.cancel_reason.as_deref()), client.to);
        let mut actions = std::mem::take(&mut self.actions);
        client.machine.handle_cancel_sent(&mut actions);
        self.run_client(now, invite, actions, None);
        // Not counted against the limit: there is one at most for each INVITE.
        if let Some(matching) = self.matching.client(&cancel) {
            self.start_client(now, cancel, to, matching, true);
        }
    }

    pub(super) fn run_client(
        &mut self,
        now: Timestamp,
        id: u64,
        mut actions: Vec<Action>,
        mut message: Option<(Message, Endpoint)>,
    ) {
        for action in actions.drain(..) {
            let Some(client) = self.clients.get_mut(&id) else { break };
            let key = ClientKey(id);
            let event = match action {
                Action::Send => {
                    let bytes = client.request.as_ref().map(|request| request.bytes().clone());
                    self.transmits.extend(bytes.map(|bytes| Transmit { to: client.to, local: None, bytes }));
                    continue;
                }
                Action::SendAck => {
                    self.transmits.extend(client.ack.clone().map(|bytes| Transmit {
                        to: client.to,
                        local: None,
                        bytes,
                    }));
                    continue;
                }
                Action::Start(timer, after) => {
                    client.timers.start(timer, now + after);
                    self.timers.push((now + after, id, timer));
                    continue;
                }
                Action::Stop(timer) => {
                    client.timers.stop(timer);
                    continue;
                }
                Action::PassUp => match message.take() {
                    Some((message, source)) => Event::Response { key, message, source },
                    None => continue,
                },
                Action::ReportTimeout => Event::Timeout { key },
                Action::ReportTransportError => Event::TransportFailed { key: TransactionKey::Client(key) },
                Action::Terminate => Event::Terminated { key: TransactionKey::Client(key) },
                // A server's.
                Action::SendTrying => continue,
            };
            if !client.silent {
                self.events.push_back(event);
            }
            if action == Action::Terminate {
                self.remove_client(id);
            }
        }
        self.actions = actions;
    }

    pub(super) fn remove_client(&mut self, id: u64) {
        if let Some(client) = self.clients.remove(&id) {
            self.client_index.remove(&client.matching);
            self.forget_peer(client.to, id);
        }
    }
}
