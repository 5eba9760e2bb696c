//! What the layer does for requests of peers.

use bytes::Bytes;
use tandem_model::{Endpoint, Timestamp};

use super::TransactionLayer;
use crate::message::{Message, Method};
use crate::transaction::action::Action;
use crate::transaction::event::{Event, ServerKey, TransactionKey, Transmit};
use crate::transaction::matching::ServerMatch;
use crate::transaction::replies;
use crate::transaction::server::{ServerMachine, ServerTransaction};
use crate::transaction::timer::TimerTable;

impl TransactionLayer {
    /// The user's response. False, and nothing happens, when the transaction is gone or has had its final response
    /// (only an INVITE's 2xx may be sent again).
    pub fn respond(&mut self, now: Timestamp, key: ServerKey, response: &Message) -> bool {
        let Some(server) = self.servers.get_mut(&key.0) else { return false };
        let Some(status) = response.status().filter(|s| server.machine.takes(*s)) else { return false };
        server.response = Some(response.bytes().clone());
        // Only of an INVITE is it asked for later.
        if matches!(server.machine, ServerMachine::Invite(_))
            && let Some(tag) = response.to_tag()
        {
            server.to_tag = Some(tag.to_owned());
        }
        if status >= 200 {
            server.pending = None;
        }
        let mut actions = std::mem::take(&mut self.actions);
        server.machine.handle_response(status, &mut actions);
        self.run_server(now, key.0, actions, None);
        if let Some(server) = self.servers.get_mut(&key.0).filter(|server| server.machine.is_accepted()) {
            server.response = None;
        }
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

    /// The To tag for an answer that is not remembered: the same each time the same request is answered.
    pub fn tag_for(&self, request: &Message) -> String {
        replies::tag(&self.config.tag_secret, request)
    }

    /// Whether a request repeats one that has a transaction.
    pub fn is_repeated(&self, request: &Message) -> bool {
        self.server_index.contains_key(&self.matching.server(request))
    }

    /// Answers a request that was never handed to the layer, without a transaction: what a server in overload can still afford. A
    /// repeated request gets the same answer (RFC 3261 section 8.2.7).
    pub fn refuse(
        &mut self,
        request: &Message,
        source: Endpoint,
        local: Endpoint,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        self.answer(request, source, local, status, headers);
    }

    pub(super) fn handle_request(&mut self, now: Timestamp, request: Message, source: Endpoint, local: Endpoint) {
        let matching = self.matching.server(&request);
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

    pub(super) fn handle_ack(&mut self, now: Timestamp, ack: Message, source: Endpoint, local: Endpoint) {
        let matching = self.matching.server_of_invite(&ack);
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
    pub(super) fn handle_cancel(&mut self, cancel: Message, source: Endpoint, local: Endpoint) {
        let id = self.server_index.get(&self.matching.server_of_invite(&cancel)).copied();
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

    pub(super) fn start_server(
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
        self.server_index.insert(matching, id);
        self.peers.entry(reply_to).or_default().insert(id);
        let server = ServerTransaction {
            machine,
            pending: (method == Method::Invite).then(|| Box::new(request.clone())),
            source,
            local,
            reply_to,
            matching,
            timers: TimerTable::default(),
            response: None,
            to_tag: None,
            cancelled: false,
        };
        self.servers.insert(id, Box::new(server));
        self.run_server(now, id, actions, Some((request, source, local)));
    }

    pub(super) fn run_server(
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
    pub(super) fn answer(
        &mut self,
        request: &Message,
        source: Endpoint,
        local: Endpoint,
        status: u16,
        extra: &[(&str, &str)],
    ) {
        let tag = replies::tag(&self.config.tag_secret, request);
        self.send_reply(request, source, local, &replies::answer(request, source, status, &tag, extra));
    }

    pub(super) fn send_reply(&mut self, request: &Message, source: Endpoint, local: Endpoint, reply: &Message) {
        let to = replies::reply_endpoint(request, source);
        self.transmits.push_back(Transmit { to, local: Some(local), bytes: reply.bytes().clone() });
    }

    pub(super) fn remove_server(&mut self, id: u64) {
        if let Some(server) = self.servers.remove(&id) {
            self.server_index.remove(&server.matching);
            self.forget_peer(server.reply_to, id);
        }
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
