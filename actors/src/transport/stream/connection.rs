//! One connection, whatever it runs over: what is read goes up, what is queued goes out, and each takes no longer than it may.

use std::future::Future;
use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::FutureExt;
use tandem_model::Endpoint;
use tandem_model::limits::{STREAM_MALFORMED_MAX, STREAM_PINGS_MAX, STREAM_PINGS_WINDOW};
use tandem_sip::message::{Message, ParseError, reject};
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};

use super::outbox::{Outbox, Waiting};
use super::{Ask, Shared};
use crate::transport::counters::count;
use crate::transport::settings::Timing;
use crate::transport::tls::PeerProof;

/// Signalling takes nothing: the connection is not read for so long, then asked again, so many times. TCP makes the peer wait.
const BACKPRESSURE_PAUSE: Duration = Duration::from_millis(20);
const BACKPRESSURE_TRIES: u32 = 50;
/// A message that is not taken for so long is no longer one whose task waits for its turn: the peer does not read.
const STALL: Duration = Duration::from_millis(250);
/// Both line ends of a keep-alive, and the one that answers it (RFC 5626 section 4.4.1).
const PONG: Bytes = Bytes::from_static(b"\r\n");
/// Messages read in a row before other tasks get their turn.
const BATCH: u32 = 16;
const DISCARD: Duration = Duration::from_secs(1);

/// The half of a transport that reads.
pub(in crate::transport) trait Receive: Send {
    fn receive(&mut self) -> impl Future<Output = Received> + Send;

    /// Reads on for a moment and forgets.
    fn discard(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// The half that writes.
pub(in crate::transport) trait Transmit: Send {
    fn transmit(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Says that this was all.
    fn finish(&mut self) -> impl Future<Output = ()> + Send;
}

pub(in crate::transport) enum Received {
    Message(Bytes),
    /// A keep-alive that wants an answer.
    Ping,
    /// A keep-alive that wants none, or was answered below.
    Alive,
    /// The peer sends nothing more; it may still read.
    Finished,
    /// Message borders are lost, or a message never becomes whole; the answer, if there is one.
    Broken(Option<Bytes>),
    Closed,
}

/// A connection's place in the world.
pub(in crate::transport) struct Flow {
    pub id: u64,
    /// What it is known by: source of what comes in.
    pub peer: Endpoint,
    pub local: Endpoint,
    pub outgoing: bool,
    /// By when it has to have said something of sense.
    pub first_by: Instant,
}

/// Why reading ended.
enum End {
    Finished,
    Closed,
    Silent,
    /// It is told this, and nothing more is heard of it.
    Broken(Option<Bytes>),
    /// It does not read.
    Slow,
}

/// Runs until either side is done. `stop` ends it politely; its task's end ends it at once.
pub(super) async fn converse(
    flow: &Flow,
    proof: Option<PeerProof>,
    (mut reader, writer): (impl Receive, impl Transmit),
    (outbox, waiting): (Outbox, Waiting),
    mut stop: oneshot::Receiver<()>,
    shared: &Shared,
) {
    let timing = shared.timing;
    let (finish, finished) = oneshot::channel();
    let write = write(writer, waiting, finished, timing.write);
    tokio::pin!(write);
    let end = {
        let now = Instant::now();
        let read = Reading {
            flow,
            proof,
            outbox: &outbox,
            shared,
            malformed: 0,
            pings: (now, 0),
            behind_since: now,
            in_a_row: 0,
        };
        tokio::select! {
            end = read.run(&mut reader) => end,
            slow = &mut write => if slow { End::Slow } else { End::Closed },
            _ = &mut stop => End::Silent,
        }
    };
    match end {
        End::Closed => return,
        End::Slow => {
            count(&shared.counters.slow_peers);
            tracing::debug!(peer = %flow.peer, "dropped: it does not read");
            return;
        }
        End::Silent => {}
        // What it asked before may still be answered; over a connection of ours nothing new is sent.
        End::Finished => {
            let _ = shared.ask.send(Ask::HalfClosed { id: flow.id }).await;
            tokio::select! {
                _ = timeout(timing.half_close, &mut write) => {}
                _ = &mut stop => {}
            }
        }
        End::Broken(reply) => {
            if let Some(reply) = reply {
                outbox.offer(reply);
            }
            let _ = finish.send(());
            let _ = timeout(timing.flush, write).await;
            let _ = timeout(DISCARD, reader.discard()).await;
            return;
        }
    }
    if finish.send(()).is_ok() {
        let _ = timeout(timing.flush, write).await;
    }
}

/// Writes what is queued; after `finished` only what is left. True when the peer did not take it in time.
async fn write(
    mut writer: impl Transmit,
    mut waiting: Waiting,
    mut finished: oneshot::Receiver<()>,
    within: Duration,
) -> bool {
    let mut finishing = false;
    loop {
        let bytes = tokio::select! {
            biased;
            bytes = waiting.next() => bytes,
            _ = &mut finished, if !finishing => {
                finishing = true;
                waiting.close();
                continue;
            }
        };
        let Some(bytes) = bytes else { break };
        let len = bytes.len();
        let mut transmit = std::pin::pin!(writer.transmit(bytes));
        let sent = match timeout(STALL, &mut transmit).await {
            Ok(sent) => sent,
            Err(_) if !waiting.stall(len) => return true,
            Err(_) => match timeout(within, &mut transmit).await {
                Ok(sent) => sent,
                Err(_) => return true,
            },
        };
        match sent {
            Ok(()) => waiting.taken(len),
            Err(_) => return false,
        }
    }
    let _ = timeout(within, writer.finish()).await;
    false
}

struct Reading<'a> {
    flow: &'a Flow,
    proof: Option<PeerProof>,
    outbox: &'a Outbox,
    shared: &'a Shared,
    /// In a row.
    malformed: u32,
    /// Since when, how many.
    pings: (Instant, u32),
    /// When what is read now was read, or what it waited behind: there has been something to read ever since. Neither this
    /// side nor the system says when bytes came; that a queue has not been empty for so long tells how old they may be.
    behind_since: Instant,
    in_a_row: u32,
}

impl Reading<'_> {
    async fn run(mut self, reader: &mut impl Receive) -> End {
        let Timing { idle, .. } = self.shared.timing;
        let mut proven = self.flow.outgoing;
        let mut close_at = if proven { Instant::now() + idle } else { self.flow.first_by };
        loop {
            let Ok(received) = timeout_at(close_at, self.next(reader)).await else { return End::Silent };
            match received {
                Received::Message(bytes) => {
                    self.shared.counters.received.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = self.deliver(&bytes).await {
                        if let Some(end) = self.refuse(&bytes, &error) {
                            return end;
                        }
                        continue;
                    }
                    self.malformed = 0;
                    if !proven {
                        proven = true;
                        let _ = self.shared.ask.send(Ask::Proven { id: self.flow.id }).await;
                    }
                }
                Received::Ping => {
                    if self.too_many_pings() {
                        return End::Broken(None);
                    }
                    if !self.outbox.offer(PONG) {
                        return End::Slow;
                    }
                }
                Received::Alive => {
                    if self.too_many_pings() {
                        return End::Broken(None);
                    }
                }
                Received::Finished => return End::Finished,
                Received::Broken(reply) => {
                    count(&self.shared.counters.malformed);
                    return End::Broken(reply);
                }
                Received::Closed => return End::Closed,
            }
            if proven {
                close_at = Instant::now() + idle;
            }
        }
    }

    /// What comes next. Who finds nothing to read after all others had their turn is not behind; that a read has emptied the
    /// socket says less, for the peer's system fills it from what waits there.
    async fn next(&mut self, reader: &mut impl Receive) -> Received {
        if self.in_a_row >= BATCH {
            // What came is worked on before more is taken, here as with datagrams.
            tokio::task::yield_now().await;
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        let mut receive = std::pin::pin!(reader.receive());
        if let Some(received) = receive.as_mut().now_or_never() {
            return received;
        }
        tokio::task::yield_now().await;
        self.in_a_row = 0;
        if let Some(received) = receive.as_mut().now_or_never() {
            return received;
        }
        let received = receive.await;
        self.behind_since = Instant::now();
        received
    }

    /// Hands a message up; waits while nobody takes it.
    async fn deliver(&mut self, bytes: &Bytes) -> Result<(), ParseError> {
        let mut message = Message::parse(bytes.clone())?;
        self.alias(&message).await;
        let behind_since = Some(self.behind_since.into_std());
        for _ in 0..BACKPRESSURE_TRIES {
            if self.shared.inbound.message(message, self.flow.peer, self.flow.local, behind_since) {
                return Ok(());
            }
            sleep(BACKPRESSURE_PAUSE).await;
            message = Message::parse(bytes.clone())?;
        }
        count(&self.shared.counters.refused);
        Ok(())
    }

    fn refuse(&mut self, bytes: &Bytes, error: &ParseError) -> Option<End> {
        count(&self.shared.counters.malformed);
        tracing::debug!(peer = %self.flow.peer, ?error, "malformed SIP message");
        self.malformed += 1;
        let reply = reject(bytes, error, self.flow.peer.addr);
        if self.malformed >= STREAM_MALFORMED_MAX {
            return Some(End::Broken(reply));
        }
        reply.is_some_and(|reply| !self.outbox.offer(reply)).then_some(End::Slow)
    }

    /// A peer whose certificate proves the name in its Via may be sent requests over this connection (RFC 5923 section 8).
    async fn alias(&mut self, message: &Message) {
        let Some(proof) = &mut self.proof else { return };
        if let Some((name, port)) = proof.alias(message) {
            let host = self.shared.hosts.number(&name, crate::transport::Verify::Yes);
            let _ = self.shared.ask.send(Ask::Alias { id: self.flow.id, host, port }).await;
        }
    }

    fn too_many_pings(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.pings.0) > STREAM_PINGS_WINDOW {
            self.pings = (now, 0);
        }
        self.pings.1 += 1;
        self.pings.1 > STREAM_PINGS_MAX
    }
}
