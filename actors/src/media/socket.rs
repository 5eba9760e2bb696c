use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding (RFC 3246) in the upper six bits of the traffic class.
const DSCP_EF: u32 = 46 << 2;
/// A second of 20 ms packets, as the kernel counts them with its overhead.
const BUFFER_BYTES: usize = 128 * 1024;

/// A leg's two sockets.
#[derive(Debug)]
pub(super) struct SocketPair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl SocketPair {
    /// Binds RTP to `port` and RTCP above it.
    pub fn bind(address: IpAddr, port: u16) -> io::Result<Self> {
        let above = port.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(SocketPair { rtp: bind(address, port)?, rtcp: bind(address, above)? })
    }
}

fn bind(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    // Marking and sizes are wishes: a host that refuses them still carries the call.
    let marked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(DSCP_EF),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(DSCP_EF)
        }
    };
    for wish in [marked, socket.set_recv_buffer_size(BUFFER_BYTES), socket.set_send_buffer_size(BUFFER_BYTES)] {
        if let Err(error) = wish {
            tracing::debug!(%error, "media socket option refused");
        }
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}
