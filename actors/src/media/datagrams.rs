use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use tandem_model::limits::RTP_PACKET_BYTES_MAX;

/// Bytes of one datagram that are read: an oversized packet is seen as such.
const BYTES: usize = 2_048;
const _: () = assert!(RTP_PACKET_BYTES_MAX < BYTES);

/// What one call took out of a socket. Fewer than [`Datagrams::ROOM`] means that nothing is left there, so no call is spent on being told so.
pub(super) struct Datagrams {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; BYTES]; Datagrams::ROOM]>,
    taken: [Option<(usize, SocketAddr)>; Datagrams::ROOM],
}

impl Datagrams {
    /// A leg gets a packet in 20 ms: more than one at a time are a burst or a flood, which takes its turn like everybody.
    pub const ROOM: usize = 4;

    pub fn new() -> Self {
        Datagrams {
            headers: MultiHeaders::preallocate(Self::ROOM, None),
            buffers: Box::new([[0; BYTES]; Self::ROOM]),
            taken: [None; Self::ROOM],
        }
    }

    /// Takes what is there, up to [`Datagrams::ROOM`]; how many.
    ///
    /// # Errors
    /// The kernel's, such as what an ICMP error to an earlier packet said; there may be more in the socket then.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let fd = socket.as_fd().as_raw_fd();
        let messages = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for (message, taken) in messages.zip(&mut self.taken) {
            *taken = message.address.and_then(source).map(|src| (message.bytes.min(BYTES), src));
            count += 1;
        }
        Ok(count)
    }

    /// The `n`th of what the last call took; None when it came from no internet address.
    pub fn get(&mut self, n: usize) -> Option<(&mut [u8], SocketAddr)> {
        let (len, src) = (*self.taken.get(n)?)?;
        Some((&mut self.buffers[n][..len], src))
    }
}

/// One peer, one address: flow labels and scopes of IPv6 must not make it two.
fn source(address: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::new(IpAddr::V6(v6.ip()), v6.port()))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_is_there_is_taken_with_its_sources_and_an_empty_socket_gives_nothing() {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            // A host without IPv6 has nothing to show.
            let Ok(socket) = UdpSocket::bind(local) else { continue };
            let (a, b) = (UdpSocket::bind(local).unwrap(), UdpSocket::bind(local).unwrap());
            let to = socket.local_addr().unwrap();
            let mut datagrams = Datagrams::new();
            assert_eq!(datagrams.receive(&socket).unwrap(), 0);
            a.send_to(b"one", to).unwrap();
            b.send_to(&[7; 3_000], to).unwrap();
            assert_eq!(datagrams.receive(&socket).unwrap(), 2);
            let first = datagrams.get(0).map(|(bytes, src)| (bytes.to_vec(), src));
            assert_eq!(first, Some((b"one".to_vec(), a.local_addr().unwrap())));
            let second = datagrams.get(1).map(|(bytes, src)| (bytes.len(), src));
            assert_eq!(second, Some((BYTES, b.local_addr().unwrap())), "longer than any packet may be");
            for _ in 0..6 {
                a.send_to(b"x", to).unwrap();
            }
            assert_eq!([datagrams.receive(&socket).unwrap(), datagrams.receive(&socket).unwrap()], [4, 2]);
        }
    }
}
