use std::collections::HashMap;

use bytes::Bytes;
use tandem_model::limits::{STREAM_ALIASES_MAX, TRANSPORT_QUEUE};
use tandem_model::{Endpoint, HostId, Transport};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::connection::Flow;
use super::crowd::{Admission, Crowd, Source};
use super::outbox::{Outbox, outbox};
use super::{Ask, Shared, run};
use crate::transport::counters::count;

/// Owns which peer is reached over which connection.
pub(super) struct Table {
    shared: Shared,
    listeners: Vec<AbortHandle>,
    crowd: Crowd,
    tasks: JoinSet<()>,
    /// The connection that a task runs.
    ids: HashMap<tokio::task::Id, u64>,
    connections: HashMap<u64, Connection>,
    /// Peers, and the aliases they proved.
    by_peer: HashMap<Endpoint, u64>,
    next_id: u64,
    closing: Vec<oneshot::Sender<()>>,
}

struct Connection {
    peer: Endpoint,
    aliases: Vec<Endpoint>,
    outbox: Outbox,
    /// None for one of our own.
    source: Option<Source>,
    proven: bool,
    stop: Option<oneshot::Sender<()>>,
    task: AbortHandle,
}

impl Table {
    pub fn new(shared: Shared, crowd: Crowd, listeners: Vec<AbortHandle>) -> Table {
        Table {
            shared,
            listeners,
            crowd,
            tasks: JoinSet::new(),
            ids: HashMap::new(),
            connections: HashMap::new(),
            by_peer: HashMap::new(),
            next_id: 1,
            closing: Vec::new(),
        }
    }

    pub async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        // Taken together: one at a time, answers to many connections come faster than a task has its turns.
        let mut asks = Vec::new();
        loop {
            tokio::select! {
                taken = asked.recv_many(&mut asks, TRANSPORT_QUEUE) => match taken {
                    0 => return,
                    _ => asks.drain(..).for_each(|ask| self.handle(ask)),
                },
                Some(ended) = self.tasks.join_next_with_id() => {
                    let task = ended.map_or_else(|error| error.id(), |(task, ())| task);
                    if let Some(id) = self.ids.remove(&task) {
                        self.remove(id);
                    }
                }
            }
            if !self.closing.is_empty() && self.tasks.is_empty() {
                self.closing.drain(..).for_each(|done| _ = done.send(()));
            }
        }
    }

    fn handle(&mut self, ask: Ask) {
        match ask {
            Ask::Send { to, bytes } => self.send(to, bytes),
            Ask::Accepted { stream, peer, local } => self.accepted(stream, peer, local),
            Ask::Proven { id } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.proven = true;
                    self.crowd.proven(id, connection.source);
                }
            }
            Ask::Alias { id, host, port } => self.alias(id, host, port),
            Ask::HalfClosed { id } => {
                if self.connections.get(&id).is_some_and(|c| c.source.is_none()) {
                    self.forget(id);
                }
            }
            Ask::Close { done } => {
                self.listeners.drain(..).for_each(|listener| listener.abort());
                self.closing.push(done);
                for connection in self.connections.values_mut() {
                    match connection.stop.take() {
                        Some(stop) if connection.proven || connection.source.is_none() => _ = stop.send(()),
                        // Nothing was said, so nothing is owed.
                        _ => connection.task.abort(),
                    }
                }
            }
        }
    }

    fn send(&mut self, to: Endpoint, bytes: Bytes) {
        let Some(id) = self.by_peer.get(&to).copied().or_else(|| self.connect(to)) else {
            count(&self.shared.counters.send_failed);
            return self.shared.inbound.unreachable(to);
        };
        let taken = self.connections.get(&id).is_some_and(|c| c.outbox.offer(bytes));
        if !taken {
            // It does not read as fast as it asks, or is gone: its transactions fail now, not by timer.
            count(&self.shared.counters.send_failed);
            count(&self.shared.counters.slow_peers);
            self.drop_now(id);
        }
    }

    fn accepted(&mut self, stream: TcpStream, peer: Endpoint, local: Endpoint) {
        let source = Some(self.crowd.source(peer.addr.ip()));
        if !self.closing.is_empty() || !self.make_room(source) {
            count(&self.shared.counters.connections_refused);
            tracing::debug!(%peer, "connection refused: too many");
            return;
        }
        let flow = Flow {
            id: self.next_id,
            peer,
            local,
            outgoing: false,
            first_by: Instant::now() + self.shared.timing.first_message,
        };
        self.start(source, peer, |queue, stop, shared| run::accepted(stream, flow, queue, stop, shared));
    }

    /// Only where a connection can be made: WebSocket clients connect to us (RFC 7118 section 4).
    fn connect(&mut self, to: Endpoint) -> Option<u64> {
        let dialled = matches!(to.transport, Transport::Tcp | Transport::Tls);
        if !dialled || !self.closing.is_empty() || !self.make_room(None) {
            return None;
        }
        let id = self.next_id;
        self.start(None, to, |queue, stop, shared| run::connecting(id, to, queue, stop, shared));
        Some(id)
    }

    fn start<F>(
        &mut self,
        source: Option<Source>,
        peer: Endpoint,
        conversation: impl FnOnce(run::Queue, oneshot::Receiver<()>, Shared) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        // For thousands of connections that say nothing: what a transport needs more, it boxes.
        const { assert!(size_of::<F>() <= 4_096) };
        let id = self.next_id;
        self.next_id += 1;
        let (outbox, waiting) = outbox();
        let (stop, stopped) = oneshot::channel();
        let task = self.tasks.spawn(conversation((outbox.clone(), waiting), stopped, self.shared.clone()));
        self.ids.insert(task.id(), id);
        self.crowd.enter(id, source);
        self.shared.counters.opened(peer.transport);
        let connection =
            Connection { peer, aliases: Vec::new(), outbox, source, proven: false, stop: Some(stop), task };
        self.connections.insert(id, connection);
        // A peer that comes again from the same port has left the connection before.
        self.by_peer.insert(peer, id);
    }

    fn make_room(&mut self, source: Option<Source>) -> bool {
        match self.crowd.admission(source) {
            Admission::Yes => true,
            Admission::No => false,
            Admission::InPlaceOf(id) => {
                count(&self.shared.counters.connections_refused);
                self.drop_now(id);
                true
            }
        }
    }

    fn alias(&mut self, id: u64, host: HostId, port: u16) {
        let Some(peer) = self.connections.get(&id).map(|c| c.peer) else { return };
        let mut alias = Endpoint { host, ..peer };
        alias.addr.set_port(port);
        // The newest of those that proved it; one of our own making stays as long as it lasts.
        let held = self.by_peer.get(&alias).and_then(|held| self.connections.get(held));
        if held.is_some_and(|held| held.source.is_none()) {
            return;
        }
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.aliases.len() < STREAM_ALIASES_MAX
        {
            connection.aliases.push(alias);
            self.by_peer.insert(alias, id);
        }
    }

    /// Ends a connection without another word.
    fn drop_now(&mut self, id: u64) {
        if let Some(connection) = self.connections.get(&id) {
            connection.task.abort();
        }
        self.remove(id);
    }

    fn remove(&mut self, id: u64) {
        self.forget(id);
        if let Some(connection) = self.connections.remove(&id) {
            self.crowd.leave(id, connection.source);
            self.shared.counters.closed(connection.peer.transport);
        }
    }

    /// Nothing new goes over it, and whoever waits for an answer over it waits in vain.
    fn forget(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut names = std::mem::take(&mut connection.aliases);
        // One of no message has nobody who waits.
        if connection.proven || connection.source.is_none() {
            names.push(connection.peer);
        } else if self.by_peer.get(&connection.peer) == Some(&id) {
            self.by_peer.remove(&connection.peer);
        }
        for peer in names {
            if self.by_peer.get(&peer) == Some(&id) {
                self.by_peer.remove(&peer);
                self.shared.inbound.unreachable(peer);
            }
        }
    }
}
