//! SIP over TCP: one task a connection, one task that owns the table of connections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Transport, limits};
use tandem_sip::message::{Framed, Message, StreamFramer, reject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Inbound, TransportCounters};

/// Connections kept at once; more are refused at accept.
const CONNECTIONS_MAX: usize = 4_096;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that has not brought a whole message in this time is closed (promises row 2).
const FIRST_MESSAGE: Duration = Duration::from_secs(20);
/// One that has, after this much silence: phones keep theirs alive more often.
const IDLE: Duration = Duration::from_secs(900);
/// A peer that does not read is dropped after this.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

enum Ask {
    Send { to: SocketAddr, bytes: Bytes },
    Opened { peer: SocketAddr, writer: mpsc::Sender<Bytes> },
    Closed { peer: SocketAddr, writer: mpsc::Sender<Bytes> },
}

#[derive(Clone)]
pub(super) struct TcpSender {
    ask: mpsc::Sender<Ask>,
}

impl TcpSender {
    pub fn send(&self, to: SocketAddr, bytes: Bytes) -> bool {
        self.ask.try_send(Ask::Send { to, bytes }).is_ok()
    }
}

#[derive(Clone)]
struct Shared {
    inbound: Arc<dyn Inbound>,
    counters: Arc<TransportCounters>,
    ask: mpsc::Sender<Ask>,
}

pub(super) async fn listen(
    addrs: &[SocketAddr],
    inbound: Arc<dyn Inbound>,
    counters: Arc<TransportCounters>,
) -> Result<(TcpSender, Vec<SocketAddr>), (SocketAddr, std::io::Error)> {
    let (ask, asked) = mpsc::channel(limits::TRANSPORT_QUEUE);
    let shared = Shared { inbound, counters, ask: ask.clone() };
    let mut locals = Vec::new();
    for addr in addrs {
        let listener = TcpListener::bind(addr).await.map_err(|e| (*addr, e))?;
        locals.push(listener.local_addr().map_err(|e| (*addr, e))?);
        tokio::spawn(accept(listener, shared.clone()));
    }
    tokio::spawn(table(asked, shared));
    Ok((TcpSender { ask }, locals))
}

async fn accept(listener: TcpListener, shared: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if shared.counters.connections.load(Ordering::Relaxed) as usize >= CONNECTIONS_MAX {
                    tracing::debug!(%peer, "TCP connection refused: too many");
                    continue;
                }
                let (writer, queue) = mpsc::channel(limits::TCP_SEND_QUEUE);
                tokio::spawn(connection(stream, peer, writer, queue, shared.clone()));
            }
            // Out of descriptors, most likely: give others the time to close.
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Owns which peer is reached over which connection.
async fn table(mut asked: mpsc::Receiver<Ask>, shared: Shared) {
    let mut writers: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
    while let Some(ask) = asked.recv().await {
        match ask {
            Ask::Opened { peer, writer } => {
                writers.insert(peer, writer);
            }
            Ask::Closed { peer, writer } => {
                if writers.get(&peer).is_some_and(|w| w.same_channel(&writer)) {
                    writers.remove(&peer);
                }
            }
            Ask::Send { to, bytes } => {
                let writer = writers.entry(to).or_insert_with(|| connect(to, shared.clone()));
                if writer.try_send(bytes).is_err() {
                    // It does not read as fast as it asks, or is gone: its transactions fail now, not by timer.
                    writers.remove(&to);
                    shared.inbound.unreachable(Endpoint::new(Transport::Tcp, to));
                }
            }
        }
    }
}

fn connect(peer: SocketAddr, shared: Shared) -> mpsc::Sender<Bytes> {
    let (writer, queue) = mpsc::channel(limits::TCP_SEND_QUEUE);
    let theirs = writer.clone();
    tokio::spawn(async move {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(peer)).await {
            Ok(Ok(stream)) => connection(stream, peer, theirs, queue, shared).await,
            Ok(Err(_)) | Err(_) => {
                shared.inbound.unreachable(Endpoint::new(Transport::Tcp, peer));
                let _ = shared.ask.send(Ask::Closed { peer, writer: theirs }).await;
            }
        }
    });
    writer
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    writer: mpsc::Sender<Bytes>,
    mut queue: mpsc::Receiver<Bytes>,
    shared: Shared,
) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    shared.counters.connections.fetch_add(1, Ordering::Relaxed);
    if shared.ask.send(Ask::Opened { peer, writer: writer.clone() }).await.is_ok() {
        converse(stream, peer, local, &writer, &mut queue, &shared).await;
        shared.inbound.unreachable(Endpoint::new(Transport::Tcp, peer));
        let _ = shared.ask.send(Ask::Closed { peer, writer }).await;
    }
    shared.counters.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
    writer: &mpsc::Sender<Bytes>,
    queue: &mut mpsc::Receiver<Bytes>,
    shared: &Shared,
) {
    let (mut read, mut write) = stream.into_split();
    let mut framer = StreamFramer::default();
    let mut buffer = vec![0; 16 * 1024];
    let mut close_at = Instant::now() + FIRST_MESSAGE;
    loop {
        tokio::select! {
            received = read.read(&mut buffer) => {
                let Ok(len @ 1..) = received else { return };
                framer.push(&buffer[..len]);
                match frames(&mut framer, peer, local, writer, shared) {
                    Seen::Message => close_at = Instant::now() + IDLE,
                    Seen::Nothing => {}
                    Seen::Broken => {
                        // What was queued in answer still goes out.
                        while let Ok(bytes) = queue.try_recv() {
                            let _ = timeout(WRITE_TIMEOUT, write.write_all(&bytes)).await;
                        }
                        return;
                    }
                }
            }
            bytes = queue.recv() => {
                let Some(bytes) = bytes else { return };
                match timeout(WRITE_TIMEOUT, write.write_all(&bytes)).await {
                    Ok(Ok(())) => close_at = close_at.max(Instant::now() + FIRST_MESSAGE),
                    Ok(Err(_)) | Err(_) => return,
                }
            }
            () = sleep_until(close_at) => return,
        }
    }
}

enum Seen {
    Nothing,
    Message,
    Broken,
}

fn frames(
    framer: &mut StreamFramer,
    peer: SocketAddr,
    local: SocketAddr,
    writer: &mpsc::Sender<Bytes>,
    shared: &Shared,
) -> Seen {
    let mut seen = Seen::Nothing;
    while let Some(framed) = framer.next() {
        match framed {
            // CRLF CRLF is answered with CRLF (RFC 5626 section 4.4.1); a full queue means the peer does not read.
            Framed::Ping => {
                if writer.try_send(Bytes::from_static(b"\r\n")).is_err() {
                    return Seen::Broken;
                }
            }
            Framed::Message(bytes) => {
                shared.counters.received.fetch_add(1, Ordering::Relaxed);
                match Message::parse(bytes.clone()) {
                    Ok(message) => {
                        seen = Seen::Message;
                        let source = Endpoint::new(Transport::Tcp, peer);
                        if !shared.inbound.message(message, source, Endpoint::new(Transport::Tcp, local)) {
                            shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Err(error) => {
                        shared.counters.malformed.fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(%peer, ?error, "malformed SIP message on TCP");
                        if let Some(reply) = reject(&bytes, &error, peer) {
                            let _ = writer.try_send(reply);
                        }
                    }
                }
            }
            Framed::Error(error) => {
                shared.counters.malformed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%peer, ?error, "TCP framing lost");
                return Seen::Broken;
            }
        }
    }
    seen
}
