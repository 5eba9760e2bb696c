use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tandem_model::Endpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Ask;

const BACKLOG: i32 = 1_024;
/// Out of descriptors, most likely: others get the time to close theirs.
const PAUSE: Duration = Duration::from_millis(100);
/// A peer that is gone without a word is noticed within two minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 4;

pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        // IPv4 has a listener of its own.
        socket.set_only_v6(true)?;
    }
    // Connections of the last process may still linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Hands connections to the table until that is gone.
pub(super) async fn accept(listener: TcpListener, local: Endpoint, ask: mpsc::Sender<Ask>) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                told = false;
                prepare(&stream);
                // The address it came to, where the listener is for all of them.
                let addr = stream.local_addr().unwrap_or(local.addr);
                let accepted = Ask::Accepted {
                    stream,
                    peer: Endpoint::new(local.transport, peer),
                    local: Endpoint::new(local.transport, addr),
                };
                if ask.send(accepted).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if !told {
                    tracing::warn!(%local, %error, "cannot accept connections");
                    told = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Options of every connection, of either side. One that cannot be set is no reason to refuse.
pub(super) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_TRIES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}
