//! Several datagrams out of a socket in one call to the kernel.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

/// What one call took out of a socket: up to `ROOM` datagrams, of each the first `BYTES` bytes. Fewer than `ROOM` means that nothing is
/// left there, so no call is spent on being told so.
pub(crate) struct Datagrams<const ROOM: usize, const BYTES: usize> {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; BYTES]; ROOM]>,
    taken: [Option<(usize, SocketAddr)>; ROOM],
    first_arrived: Option<SystemTime>,
}

impl<const ROOM: usize, const BYTES: usize> Datagrams<ROOM, BYTES> {
    pub fn new() -> Self {
        Datagrams {
            headers: headers(ROOM),
            // Too large for a stack; the length is right, so the conversion cannot fail.
            buffers: vec![[0; BYTES]; ROOM]
                .into_boxed_slice()
                .try_into()
                .unwrap_or_else(|_| Box::new([[0; BYTES]; ROOM])),
            taken: [None; ROOM],
            first_arrived: None,
        }
    }

    /// Takes what is there, up to `ROOM`; how many.
    ///
    /// # Errors
    /// The kernel's, such as what an ICMP error to an earlier packet said; there may be more in the socket then.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let fd = socket.as_fd().as_raw_fd();
        self.first_arrived = None;
        let messages = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for (message, taken) in messages.zip(&mut self.taken) {
            if count == 0 {
                self.first_arrived = message.cmsgs().ok().and_then(|mut all| all.find_map(arrival));
            }
            *taken = message.address.and_then(source).map(|src| (message.bytes.min(BYTES), src));
            count += 1;
        }
        Ok(count)
    }

    /// To be called when a socket that tells times of arrival did not: the kernel takes the room it left unused for all there is.
    pub fn make_room(&mut self) {
        self.headers = headers(ROOM);
    }

    /// The `n`th of what the last call took; None when it came from no internet address.
    pub fn get(&mut self, n: usize) -> Option<(&mut [u8], SocketAddr)> {
        let (len, src) = (*self.taken.get(n)?)?;
        Some((&mut self.buffers[n][..len], src))
    }

    /// When the first of what the last call took reached this host; None where [`tell_arrival`] was not asked of the socket.
    pub fn first_arrived(&self) -> Option<SystemTime> {
        self.first_arrived
    }
}

/// The kernel is to note when each datagram came, however late it is read.
///
/// # Errors
/// The kernel's.
pub(crate) fn tell_arrival(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}

fn headers(room: usize) -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(room, Some(nix::cmsg_space!(TimeSpec)))
}

fn arrival(message: ControlMessageOwned) -> Option<SystemTime> {
    match message {
        ControlMessageOwned::ScmTimestampns(at) => Some(UNIX_EPOCH + Duration::from(at)),
        _ => None,
    }
}

/// One peer, one address: flow labels and scopes of IPv6 must not make it two, nor a socket that speaks both families.
fn source(address: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::new(IpAddr::V6(v6.ip()).to_canonical(), v6.port()))
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
            let mut datagrams = Datagrams::<4, 2048>::new();
            assert_eq!(datagrams.receive(&socket).unwrap(), 0);
            a.send_to(b"one", to).unwrap();
            b.send_to(&[7; 3_000], to).unwrap();
            assert_eq!(datagrams.receive(&socket).unwrap(), 2);
            let first = datagrams.get(0).map(|(bytes, src)| (bytes.to_vec(), src));
            assert_eq!(first, Some((b"one".to_vec(), a.local_addr().unwrap())));
            let second = datagrams.get(1).map(|(bytes, src)| (bytes.len(), src));
            assert_eq!(second, Some((2048, b.local_addr().unwrap())), "longer than any packet may be");
            for _ in 0..6 {
                a.send_to(b"x", to).unwrap();
            }
            assert_eq!([datagrams.receive(&socket).unwrap(), datagrams.receive(&socket).unwrap()], [4, 2]);
        }
    }

    #[test]
    fn a_socket_that_is_asked_to_tells_when_the_first_of_a_batch_came() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut datagrams = Datagrams::<4, 64>::new();
        socket.send_to(b"one", socket.local_addr().unwrap()).unwrap();
        datagrams.receive(&socket).unwrap();
        assert_eq!(datagrams.first_arrived(), None);
        tell_arrival(&socket).unwrap();
        datagrams.make_room();
        // The kernel begins to note arrivals a moment after it was asked; until then it gives the time of reading.
        let noted = (0..10_000).any(|_| {
            let before = SystemTime::now();
            socket.send_to(b"two", socket.local_addr().unwrap()).unwrap();
            let after = SystemTime::now();
            socket.send_to(b"three", socket.local_addr().unwrap()).unwrap();
            assert_eq!(datagrams.receive(&socket).unwrap(), 2);
            let at = datagrams.first_arrived().expect("a time of arrival");
            assert!(before <= at);
            at <= after
        });
        assert!(noted);
    }
}
