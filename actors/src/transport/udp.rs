use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tandem_model::{Endpoint, Transport, limits};
use tandem_sip::message::{Message, reject};
use tandem_sip::source_budget::SourceBudget;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::counters::count;
use super::{Inbound, TransportCounters, stun};
use crate::datagrams::{Datagrams, tell_arrival};
use crate::world::Clock;

/// The kernel holds bursts of this size: at 200 KiB a registration storm after a restart overflows in milliseconds.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Keep-alives and malformed datagrams of one address that are answered a second: the keep-alives of thousands of phones
/// behind it.
const ANSWERS_PER_SEC: u32 = 100;
/// Datagrams taken before other tasks get their turn.
const BATCH: usize = 16;

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
    if let Err(error) = tell_arrival(&socket) {
        tracing::warn!(%addr, %error, "overload is not seen here: the system does not tell when datagrams come");
    }
    let socket = Arc::new(UdpSocket::from_std(socket.into())?);
    let local = socket.local_addr()?;
    // Beside signalling, on the thread that listens: what it hands up wakes nobody.
    actix::spawn(receive(socket.clone(), local, inbound, counters));
    Ok(UdpSender { socket, local })
}

async fn receive(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    inbound: Arc<dyn Inbound>,
    counters: Arc<TransportCounters>,
) {
    let mut datagrams = Datagrams::<BATCH, { limits::SIP_MESSAGE_BYTES_MAX }>::new();
    let (clock, mut sources) = (Clock::new(), SourceBudget::new(ANSWERS_PER_SEC));
    loop {
        let mut count = 0;
        // An error here is an ICMP answer to something we sent; the socket itself goes on.
        let _ = socket.readable().await.and_then(|()| {
            socket.try_io(Interest::READABLE, || {
                count = datagrams.receive(&*socket)?;
                // Who got less than there was room for has emptied the socket, and need not ask again: the runtime is to wait for more.
                if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            })
        });
        if count == 0 {
            // However many errors there are in a row, others have their turn.
            tokio::task::yield_now().await;
            continue;
        }
        match datagrams.first_arrived() {
            Some(at) => {
                let lag = at.elapsed().unwrap_or_default().as_micros();
                counters.lag_us.store(u64::try_from(lag).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
            None => datagrams.make_room(),
        }
        for n in 0..count {
            let Some((bytes, source)) = datagrams.get(n) else { continue };
            counters.received.fetch_add(1, Ordering::Relaxed);
            let peer = Endpoint::new(Transport::Udp, source);
            // With the headers of IP and UDP around both, a STUN answer is a quarter larger than what asked for it.
            if let Some(reply) = datagram(bytes, source, local, &*inbound, &counters)
                && sources.admits(clock.now(), peer, bytes.len())
                && (stun::is_stun(bytes) || sources.may_answer(clock.now(), peer, &reply))
            {
                let _ = socket.try_send_to(&reply, source);
            }
        }
        // What came is worked on before more is taken: what waits, waits in the socket, where its age is known. Where nothing waits,
        // the next look sleeps anyway.
        if count == BATCH {
            tokio::task::yield_now().await;
        }
    }
}

/// The answer to a keep-alive or to what cannot be read, where there is one.
fn datagram(
    bytes: &[u8],
    source: SocketAddr,
    local: SocketAddr,
    inbound: &dyn Inbound,
    counters: &TransportCounters,
) -> Option<Bytes> {
    // Keep-alives: empty lines (RFC 5626 section 3.5.1) and the single NUL some phones send.
    if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return None;
    }
    if stun::is_stun(bytes) {
        let reply = stun::answer(bytes, source).map(Bytes::from);
        if reply.is_some() {
            count(&counters.stun_answered);
        }
        return reply;
    }
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => {
            let (source, local) = (Endpoint::new(Transport::Udp, source), Endpoint::new(Transport::Udp, local));
            let taken = inbound.message(message, source, local, None);
            if !taken {
                counters.refused.fetch_add(1, Ordering::Relaxed);
            }
            None
        }
        Err(error) => {
            counters.malformed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%source, %local, ?error, "malformed SIP datagram");
            reject(bytes, &error, source)
        }
    }
}
