//! What happens on a connection's task, from its first handshake to its last byte.

use tandem_model::{Endpoint, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::connection::{Flow, converse};
use super::framed::framed;
use super::listener::prepare;
use super::outbox::{Outbox, Waiting};
use crate::transport::counters::count;
use crate::transport::tls::PeerProof;
use crate::transport::ws;

pub(super) type Queue = (Outbox, Waiting);

/// Each step is boxed: unboxed, a connection over TCP would hold what the largest step over WSS needs, for as long as it lives.
pub(super) async fn accepted(stream: TcpStream, flow: Flow, queue: Queue, stop: oneshot::Receiver<()>, shared: Shared) {
    match flow.peer.transport {
        Transport::Tcp => {
            let halves = framed(stream, flow.peer.addr, shared.timing);
            Box::pin(converse(&flow, None, halves, queue, stop, &shared)).await
        }
        Transport::Tls => {
            let handshake = Box::pin(within(&shared, &flow, shared.tls.accept(stream)));
            let Some(stream) = handshake.await else { return };
            let proof = PeerProof::of(&stream);
            let halves = framed(stream, flow.peer.addr, shared.timing);
            Box::pin(converse(&flow, proof, halves, queue, stop, &shared)).await;
        }
        Transport::Ws => Box::pin(socket(stream, flow, queue, stop, shared)).await,
        Transport::Wss => {
            let handshake = Box::pin(within(&shared, &flow, shared.tls.accept_web(stream)));
            let Some(stream) = handshake.await else { return };
            Box::pin(socket(stream, flow, queue, stop, shared)).await;
        }
        Transport::Udp => {}
    }
}

async fn socket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    flow: Flow,
    queue: Queue,
    stop: oneshot::Receiver<()>,
    shared: Shared,
) {
    let upgrade = Box::pin(within(&shared, &flow, ws::upgrade(stream, &shared.origins)));
    if let Some(halves) = upgrade.await {
        Box::pin(converse(&flow, None, halves, queue, stop, &shared)).await;
    }
}

/// A handshake of the peer's.
async fn within<T, E: std::fmt::Display>(
    shared: &Shared,
    flow: &Flow,
    handshake: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    let error = match timeout(shared.timing.handshake, handshake).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "not in time".to_owned(),
    };
    count(&shared.counters.handshakes_failed);
    tracing::debug!(peer = %flow.peer, error, "handshake failed");
    None
}

pub(super) async fn connecting(id: u64, to: Endpoint, queue: Queue, stop: oneshot::Receiver<()>, shared: Shared) {
    let timing = shared.timing;
    let Ok(Ok(stream)) = timeout(timing.connect, TcpStream::connect(to.addr)).await else {
        tracing::debug!(%to, "cannot connect");
        return;
    };
    prepare(&stream);
    let Ok(local) = stream.local_addr() else { return };
    let local = Endpoint::new(to.transport, local);
    let flow = Flow { id, peer: to, local, outgoing: true, first_by: Instant::now() };
    if to.transport == Transport::Tcp {
        let halves = framed(stream, to.addr, timing);
        return Box::pin(converse(&flow, None, halves, queue, stop, &shared)).await;
    }
    let handshake = Box::pin(within(&shared, &flow, async {
        let host = shared.hosts.get(to.host);
        shared.tls.connect(stream, to, host).await
    }));
    if let Some(stream) = handshake.await {
        let halves = framed(stream, to.addr, timing);
        Box::pin(converse(&flow, None, halves, queue, stop, &shared)).await;
    }
}
