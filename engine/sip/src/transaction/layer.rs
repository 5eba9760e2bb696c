mod client_side;
mod server_side;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tandem_model::{Endpoint, OwnMap, OwnSet, Timestamp, limits};

use super::action::Action;
use super::client::ClientTransaction;
use super::event::{Event, TransactionKey, Transmit};
use super::matching::{ClientMatch, Matching, ServerMatch};
use super::queue::{Entry, TimerQueue};
use super::server::ServerTransaction;
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
    // The hash maps are for look-ups; what iterates over one puts it in order first.
    // Boxed: a table of a hundred thousand that grows would copy them all at once, while everybody waits.
    clients: OwnMap<u64, Box<ClientTransaction>>,
    servers: OwnMap<u64, Box<ServerTransaction>>,
    matching: Matching,
    client_index: OwnMap<ClientMatch, u64>,
    server_index: OwnMap<ServerMatch, u64>,
    /// Who is hit when a peer cannot be reached. Behind a proxy all have the same: a set of a hundred thousand.
    peers: HashMap<Endpoint, OwnSet<u64>>,
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
            clients: OwnMap::default(),
            servers: OwnMap::default(),
            matching: Matching::default(),
            client_index: OwnMap::default(),
            server_index: OwnMap::default(),
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
        let mut hit: Vec<u64> = self.peers.get(&peer).into_iter().flatten().copied().collect();
        hit.sort_unstable();
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

    /// Where the request went that a response is to; None when it is to none of ours. Over UDP anybody may write a response who
    /// overheard the request (RFC 3261 section 18.1.2 goes by the branch alone): whether it comes from there is the caller's to judge.
    pub fn asked(&self, response: &Message) -> Option<Endpoint> {
        let id = self.client_index.get(&self.matching.client(response)?)?;
        self.clients.get(id).map(|client| client.to)
    }

    /// Sends a message outside any transaction: the ACK of a 2xx (RFC 3261 section 13.2.2.4).
    pub fn send_stateless(&mut self, message: &Message, to: Endpoint) {
        self.transmits.push_back(Transmit { to, local: None, bytes: message.bytes().clone() });
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

    /// What belongs to a call that is up is refused last.
    fn is_full_for(&self, request: &Message) -> bool {
        let keeps_calls = request.method() == Method::Bye || request.to_tag().is_some();
        let max = self.config.transactions_max;
        self.len() >= if keeps_calls { max + max / 4 } else { max }
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
