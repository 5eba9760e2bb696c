use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Timestamp, limits};

use super::action::Action;
use super::client::{Cancelling, ClientMachine, ClientTransaction};
use super::event::{CancelOutcome, ClientKey, Event, RequestError, ServerKey, TransactionKey, Transmit};
use super::invite_client;
use super::matching::{ClientMatch, ServerMatch};
use super::queue::{Entry, TimerQueue};
use super::replies;
use super::server::{ServerMachine, ServerTransaction};
use super::timer::TimerTable;
use crate::message::{Message, Method};

/// What a [`TransactionLayer`] is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// An INVITE the user has not answered for this long gets 100 (RFC 3261 section 17.2.1: 200 ms). Zero: at once.
    pub trying_after: Duration,
    /// Transactions held before new requests get 503. In-dialog requests and BYE may take a quarter more.
    pub transactions_max: usize,
    /// Seconds in the Retry-After of that 503.
    pub retry_after_secs: u32,
    /// Makes the To tags of the layer's own answers unguessable, and the same for a repeated request.
    pub tag_secret: [u8; 16],
}

impl Config {
    /// 100 after 200 ms, the limit of `limits.rs`, Retry-After 5 s.
    pub fn new(tag_secret: [u8; 16]) -> Self {
        Config {
            trying_after: Duration::from_millis(200),
            transactions_max: limits::TRANSACTIONS_MAX,
            retry_after_secs: 5,
            tag_secret,
        }
    }
}

/// All transactions of one signalling shard.
///
/// After each `handle_*`, `expire` or command, take every [`poll_transmit`](Self::poll_transmit), then every
/// [`poll_event`](Self::poll_event), then look at [`deadline`](Self::deadline).
pub struct TransactionLayer {
    config: Config,
    next_id: u64,
    // The hash maps are for look-ups; nothing iterates over them.
    clients: HashMap<u64, ClientTransaction>,
    servers: HashMap<u64, ServerTransaction>,
    client_index: HashMap<ClientMatch, u64>,
    server_index: HashMap<ServerMatch, u64>,
    /// Who is hit when a peer cannot be reached.
    peers: HashMap<Endpoint, BTreeSet<u64>>,
    timers: TimerQueue,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    /// Kept for its capacity.
    actions: Vec<Action>,
}

impl TransactionLayer {
    pub fn new(config: Config) -> Self {
        TransactionLayer {
            config,
            next_id: 1,
            clients: HashMap::new(),
            servers: HashMap::new(),
            client_index: HashMap::new(),
            server_index: HashMap::new(),
            peers: HashMap::new(),
            timers: TimerQueue::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            actions: Vec::new(),
        }
    }

    /// A message read from `source` on our socket `local`.
    pub fn handle_message(&mut self, now: Timestamp, message: Message, source: Endpoint, local: Endpoint) {
        match message.status() {
            Some(status) => self.handle_response(now, message, status, source),
            None => match message.method() {
                Method::Ack => self.handle_ack(now, message, source, local),
                Method::Cancel => self.handle_cancel(message, source, local),
                _ => self.handle_request(now, message, source, local),
            },
        }
        self.prune();
    }

    /// Nothing can be sent to `peer`: every transaction that needs it is told, oldest first.
    pub fn handle_transport_error(&mut self, now: Timestamp, peer: Endpoint) {
        let hit: Vec<u64> = self.peers.get(&peer).into_iter().flatten().copied().collect();
        for id in hit {
            let mut actions = std::mem::take(&mut self.actions);
            if let Some(client) = self.clients.get_mut(&id) {
                client.machine.handle_transport_error(&mut actions);
                self.run_client(now, id, actions, None);
            } else if let Some(server) = self.servers.get_mut(&id) {
                server.machine.handle_transport_error(&mut actions);
                self.run_server(now, id, actions, None);
            }
        }
        self.prune();
    }

    /// Starts a client transaction and sends the request. Its top Via has a branch that nothing else uses
    /// (RFC 3261 section 8.1.1.7). An ACK of a 2xx goes through [`send_stateless`](Self::send_stateless).
    pub fn request(&mut self, now: Timestamp, request: Message, to: Endpoint) -> Result<ClientKey, RequestError> {
        if !request.is_request() || matches!(request.method(), Method::Ack | Method::Cancel) {
            return Err(RequestError::NotARequest);
        }
        let matching = ClientMatch::new(&request).ok_or(RequestError::NoBranch)?;
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
        let Some(client) = self.clients.get_mut(&key.0) else { return CancelOutcome::TooLate };
        let ClientMachine::Invite(invite) = &client.machine else { return CancelOutcome::TooLate };
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

    /// Sends a message outside any transaction: the ACK of a 2xx (RFC 3261 section 13.2.2.4).
    pub fn send_stateless(&mut self, message: &Message, to: Endpoint) {
        self.transmits.push_back(Transmit { to, local: None, bytes: message.bytes().clone() });
    }

    /// The user's response. False, and nothing happens, when the transaction is gone or has had its final response
    /// (only an INVITE's 2xx may be sent again).
    pub fn respond(&mut self, now: Timestamp, key: ServerKey, response: &Message) -> bool {
        let Some(server) = self.servers.get_mut(&key.0) else { return false };
        let Some(status) = response.status().filter(|s| server.machine.takes(*s)) else { return false };
        server.response = Some(response.bytes().clone());
        if let Some(tag) = response.to_tag() {
            server.to_tag = Some(tag.to_owned());
        }
        if status >= 200 {
            server.pending = None;
        }
        let mut actions = std::mem::take(&mut self.actions);
        server.machine.handle_response(status, &mut actions);
        self.run_server(now, key.0, actions, None);
        self.prune();
        true
    }

    /// Sends a final response once and forgets the transaction without a further event. A repeated request is a new one.
    ///
    /// For challenges and refusals to a source nobody has verified: over UDP a forged source address must not be sent
    /// retransmissions, nor cost memory (RFC 3261 sections 8.2.7 and 22.1).
    pub fn respond_stateless(&mut self, key: ServerKey, response: &Message) -> bool {
        let Some(server) = self.servers.get(&key.0) else { return false };
        if !response.status().is_some_and(|s| s >= 200 && server.machine.takes(s)) {
            return false;
        }
        self.transmits.push_back(Transmit {
            to: server.reply_to,
            local: Some(server.local),
            bytes: response.bytes().clone(),
        });
        self.remove_server(key.0);
        self.prune();
        true
    }

    /// Forgets a transaction whose user died. Nothing is sent; no event follows.
    pub fn abandon(&mut self, key: TransactionKey) {
        match key {
            TransactionKey::Client(key) => self.remove_client(key.0),
            TransactionKey::Server(key) => self.remove_server(key.0),
        }
        self.prune();
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`expire`](Self::expire) has work to do next.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, ..)| at)
    }

    pub fn expire(&mut self, now: Timestamp) {
        while let Some((at, id, timer)) = self.timers.pop_due(now) {
            let mut actions = std::mem::take(&mut self.actions);
            if let Some(client) = self.clients.get_mut(&id).filter(|c| c.timers.is_set(timer, at)) {
                client.timers.stop(timer);
                client.machine.handle_timer(timer, &mut actions);
                self.run_client(now, id, actions, None);
            } else if let Some(server) = self.servers.get_mut(&id).filter(|s| s.timers.is_set(timer, at)) {
                server.timers.stop(timer);
                server.machine.handle_timer(timer, &mut actions);
                self.run_server(now, id, actions, None);
            } else {
                self.actions = actions;
            }
        }
        self.prune();
    }

    /// Transactions alive.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(super) fn timer_entries(&self) -> usize {
        self.timers.len()
    }

    fn handle_response(&mut self, now: Timestamp, response: Message, status: u16, source: Endpoint) {
        // A response to nothing is dropped (RFC 6026 section 7.3).
        let Some(id) = ClientMatch::new(&response).and_then(|m| self.client_index.get(&m)).copied() else { return };
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut actions = std::mem::take(&mut self.actions);
        client.machine.handle_status(status, &mut actions);
        if client.ack.is_none() && actions.contains(&Action::SendAck) {
            client.ack = Some(replies::ack(&client.request, &response).bytes().clone());
        }
        let cancel_now = client.cancelling == Cancelling::Queued && status < 200;
        self.run_client(now, id, actions, Some((response, source)));
        if cancel_now {
            self.send_cancel(now, id);
        }
    }

    fn handle_request(&mut self, now: Timestamp, request: Message, source: Endpoint, local: Endpoint) {
        let matching = ServerMatch::of_request(&request);
        if let Some(id) = self.server_index.get(&matching).copied() {
            let Some(server) = self.servers.get_mut(&id) else { return };
            let mut actions = std::mem::take(&mut self.actions);
            server.machine.handle_repeat(&mut actions);
            return self.run_server(now, id, actions, None);
        }
        if self.is_full_for(&request) {
            let retry_after = self.config.retry_after_secs.to_string();
            return self.answer(&request, source, local, 503, &[("Retry-After", &retry_after)]);
        }
        self.start_server(now, request, source, local, matching);
    }

    fn handle_ack(&mut self, now: Timestamp, ack: Message, source: Endpoint, local: Endpoint) {
        let matching = ServerMatch::of_invite(&ack);
        let found = self.server_index.get(&matching).copied();
        let server = found.and_then(|id| self.servers.get_mut(&id)).filter(|server| {
            // Without a branch to go by, the To tag tells the ACK of this response (RFC 3261 section 17.2.3).
            !matching.legacy || server.to_tag.as_deref() == ack.to_tag()
        });
        match (found, server) {
            (Some(id), Some(server)) => {
                let mut actions = std::mem::take(&mut self.actions);
                server.machine.handle_ack(&mut actions);
                self.run_server(now, id, actions, Some((ack, source, local)));
            }
            _ => self.events.push_back(Event::Ack { message: ack, source, local }),
        }
    }

    /// Answers each copy of a CANCEL alike, so it needs no transaction of its own (RFC 3261 section 9.2).
    fn handle_cancel(&mut self, cancel: Message, source: Endpoint, local: Endpoint) {
        let id = self.server_index.get(&ServerMatch::of_invite(&cancel)).copied();
        let server = id.and_then(|id| self.servers.get_mut(&id)).filter(|s| may_cancel(s, &cancel, source));
        let (Some(id), Some(server)) = (id, server) else {
            return self.answer(&cancel, source, local, 481, &[]);
        };
        let tag = server.to_tag.clone().unwrap_or_else(|| replies::tag(&self.config.tag_secret, &cancel));
        let news = server.pending.is_some() && !server.cancelled;
        server.cancelled = true;
        self.send_reply(&cancel, source, local, &replies::answer(&cancel, source, 200, &tag, &[]));
        if news {
            self.events.push_back(Event::Cancelled { key: ServerKey(id), cancel });
        }
    }

    fn start_client(
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
        self.client_index.insert(matching.clone(), id);
        self.peers.entry(to).or_default().insert(id);
        let (timers, cancelling) = (TimerTable::default(), Cancelling::No);
        let client = ClientTransaction { machine, request, to, matching, timers, cancelling, ack: None, silent };
        self.clients.insert(id, client);
        self.run_client(now, id, actions, None);
        id
    }

    fn start_server(
        &mut self,
        now: Timestamp,
        request: Message,
        source: Endpoint,
        local: Endpoint,
        matching: ServerMatch,
    ) {
        let id = self.new_id();
        let mut actions = std::mem::take(&mut self.actions);
        let (method, reliable) = (request.method(), source.transport.is_reliable());
        let machine = ServerMachine::start(method, reliable, self.config.trying_after, &mut actions);
        let reply_to = replies::reply_endpoint(&request, source);
        self.server_index.insert(matching.clone(), id);
        self.peers.entry(reply_to).or_default().insert(id);
        let server = ServerTransaction {
            machine,
            pending: (method == Method::Invite).then(|| request.clone()),
            source,
            local,
            reply_to,
            matching,
            timers: TimerTable::default(),
            response: None,
            to_tag: None,
            cancelled: false,
        };
        self.servers.insert(id, server);
        self.run_server(now, id, actions, Some((request, source, local)));
    }

    fn send_cancel(&mut self, now: Timestamp, invite: u64) {
        let Some(client) = self.clients.get_mut(&invite) else { return };
        client.cancelling = Cancelling::Sent;
        let (cancel, to) = (replies::cancel(&client.request), client.to);
        let mut actions = std::mem::take(&mut self.actions);
        client.machine.handle_cancel_sent(&mut actions);
        self.run_client(now, invite, actions, None);
        // Not counted against the limit: there is one at most for each INVITE.
        if let Some(matching) = ClientMatch::new(&cancel) {
            self.start_client(now, cancel, to, matching, true);
        }
    }

    fn run_client(
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
                    let bytes = client.request.bytes().clone();
                    self.transmits.push_back(Transmit { to: client.to, local: None, bytes });
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

    fn run_server(
        &mut self,
        now: Timestamp,
        id: u64,
        mut actions: Vec<Action>,
        mut message: Option<(Message, Endpoint, Endpoint)>,
    ) {
        for action in actions.drain(..) {
            let Some(server) = self.servers.get_mut(&id) else { break };
            let key = ServerKey(id);
            match action {
                Action::Send => {
                    let (to, local) = (server.reply_to, Some(server.local));
                    self.transmits.extend(server.response.clone().map(|bytes| Transmit { to, local, bytes }));
                }
                Action::SendTrying => {
                    let invite = server.pending.as_ref().filter(|_| server.response.is_none());
                    let trying: Option<Bytes> = invite.map(|m| replies::trying(m, server.source).bytes().clone());
                    let (to, local) = (server.reply_to, Some(server.local));
                    self.transmits.extend(trying.clone().map(|bytes| Transmit { to, local, bytes }));
                    server.response = server.response.take().or(trying);
                }
                Action::Start(timer, after) => {
                    server.timers.start(timer, now + after);
                    self.timers.push((now + after, id, timer));
                }
                Action::Stop(timer) => server.timers.stop(timer),
                Action::PassUp => {
                    self.events.extend(message.take().map(|(message, source, local)| match message.method() {
                        Method::Ack => Event::Ack { message, source, local },
                        _ => Event::Request { key, message, source, local },
                    }))
                }
                Action::ReportTimeout => self.events.push_back(Event::AckTimeout { key }),
                Action::ReportTransportError => {
                    self.events.push_back(Event::TransportFailed { key: TransactionKey::Server(key) });
                }
                Action::Terminate => {
                    self.remove_server(id);
                    self.events.push_back(Event::Terminated { key: TransactionKey::Server(key) });
                }
                // A client's.
                Action::SendAck => {}
            }
        }
        self.actions = actions;
    }

    /// An answer without a transaction.
    fn answer(&mut self, request: &Message, source: Endpoint, local: Endpoint, status: u16, extra: &[(&str, &str)]) {
        let tag = replies::tag(&self.config.tag_secret, request);
        self.send_reply(request, source, local, &replies::answer(request, source, status, &tag, extra));
    }

    fn send_reply(&mut self, request: &Message, source: Endpoint, local: Endpoint, reply: &Message) {
        let to = replies::reply_endpoint(request, source);
        self.transmits.push_back(Transmit { to, local: Some(local), bytes: reply.bytes().clone() });
    }

    /// What belongs to a call that is up is refused last.
    fn is_full_for(&self, request: &Message) -> bool {
        let keeps_calls = request.method() == Method::Bye || request.to_tag().is_some();
        let max = self.config.transactions_max;
        self.len() >= if keeps_calls { max + max / 4 } else { max }
    }

    fn remove_client(&mut self, id: u64) {
        if let Some(client) = self.clients.remove(&id) {
            self.client_index.remove(&client.matching);
            self.forget_peer(client.to, id);
        }
    }

    fn remove_server(&mut self, id: u64) {
        if let Some(server) = self.servers.remove(&id) {
            self.server_index.remove(&server.matching);
            self.forget_peer(server.reply_to, id);
        }
    }

    fn forget_peer(&mut self, peer: Endpoint, id: u64) {
        if let Some(ids) = self.peers.get_mut(&peer) {
            ids.remove(&id);
            if ids.is_empty() {
                self.peers.remove(&peer);
            }
        }
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn prune(&mut self) {
        let alive = self.clients.len() + self.servers.len();
        let (clients, servers) = (&self.clients, &self.servers);
        self.timers.prune(alive, |(at, id, timer): &Entry| match (clients.get(id), servers.get(id)) {
            (Some(client), _) => client.timers.is_set(*timer, *at),
            (None, Some(server)) => server.timers.is_set(*timer, *at),
            (None, None) => false,
        });
    }
}

/// A CANCEL is for the INVITE it names and from where that came: the branch alone could be overheard.
fn may_cancel(server: &ServerTransaction, cancel: &Message, source: Endpoint) -> bool {
    let same_invite = server.pending.as_ref().is_none_or(|invite| {
        invite.call_id() == cancel.call_id()
            && invite.from_tag() == cancel.from_tag()
            && invite.cseq().number == cancel.cseq().number
    });
    matches!(server.machine, ServerMachine::Invite(_)) && same_invite && server.source.addr.ip() == source.addr.ip()
}
