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

pub(super) async fn accepted(stream: TcpStream, flow: Flow, queue: Queue, stop: oneshot::Receiver<()>, shared: Shared) {
    match flow.peer.transport {
        Transport::Tcp => {
            converse(&flow, None, framed(stream, flow.peer.addr, shared.timing), queue, stop, &shared).await
        }
        Transport::Tls => {
            let Some(stream) = within(&shared, &flow, shared.tls.accept(stream)).await else { return };
            let proof = PeerProof::of(&stream);
            converse(&flow, proof, framed(stream, flow.peer.addr, shared.timing), queue, stop, &shared).await;
        }
        Transport::Ws => socket(stream, flow, queue, stop, shared).await,
        Transport::Wss => {
            let Some(stream) = within(&shared, &flow, shared.tls.accept_web(stream)).await else { return };
            socket(stream, flow, queue, stop, shared).await;
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
    if let Some(halves) = within(&shared, &flow, ws::upgrade(stream, &shared.origins)).await {
        converse(&flow, None, halves, queue, stop, &shared).await;
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
        return converse(&flow, None, framed(stream, to.addr, timing), queue, stop, &shared).await;
    }
    let handshake = async {
        let host = shared.hosts.get(to.host);
        shared.tls.connect(stream, to, host).await
    };
    if let Some(stream) = within(&shared, &flow, handshake).await {
        converse(&flow, None, framed(stream, to.addr, timing), queue, stop, &shared).await;
    }
}
