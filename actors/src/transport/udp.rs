use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use socket2::{Domain, Protocol, Socket, Type};
use tandem_model::{Endpoint, Transport, limits};
use tandem_sip::message::{Message, reject};
use tokio::net::UdpSocket;

use super::{Inbound, TransportCounters};

/// The kernel holds bursts of this size: at 200 KiB a registration storm after a restart overflows in milliseconds.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams taken before other tasks get their turn.
const BATCH: usize = 64;

pub(super) struct UdpSender {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
}

impl UdpSender {
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// A full socket buffer loses the datagram, as the network may: SIP repeats it.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        self.socket.try_send_to(bytes, to).is_ok()
    }
}

pub(super) fn listen(
    addr: SocketAddr,
    inbound: Arc<dyn Inbound>,
    counters: Arc<TransportCounters>,
) -> io::Result<UdpSender> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    let socket = Arc::new(UdpSocket::from_std(socket.into())?);
    let local = socket.local_addr()?;
    tokio::spawn(receive(socket.clone(), local, inbound, counters));
    Ok(UdpSender { socket, local })
}

async fn receive(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    inbound: Arc<dyn Inbound>,
    counters: Arc<TransportCounters>,
) {
    let mut buffer = BytesMut::zeroed(limits::SIP_MESSAGE_BYTES_MAX);
    loop {
        // An error here is an ICMP answer to something we sent; the socket itself goes on.
        if socket.readable().await.is_err() {
            continue;
        }
        for _ in 0..BATCH {
            match socket.try_recv_from(&mut buffer) {
                Ok((len, source)) => {
                    counters.received.fetch_add(1, Ordering::Relaxed);
                    datagram(&buffer[..len], source, local, &socket, &*inbound, &counters);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => continue,
            }
        }
        tokio::task::yield_now().await;
    }
}

fn datagram(
    bytes: &[u8],
    source: SocketAddr,
    local: SocketAddr,
    socket: &UdpSocket,
    inbound: &dyn Inbound,
    counters: &TransportCounters,
) {
    // Keep-alives: empty lines (RFC 5626 section 3.5.1) and the single NUL some phones send.
    if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return;
    }
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => {
            let taken =
                inbound.message(message, Endpoint::new(Transport::Udp, source), Endpoint::new(Transport::Udp, local));
            if !taken {
                counters.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Err(error) => {
            counters.malformed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%source, %local, ?error, "malformed SIP datagram");
            if let Some(reply) = reject(bytes, &error, source) {
                let _ = socket.try_send_to(&reply, source);
            }
        }
    }
}
