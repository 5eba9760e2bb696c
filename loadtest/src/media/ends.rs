//! The sockets of the two sides: one for the RTP of all calls of a side, and the one above it for their RTCP.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use super::Kind;
use super::payload;
use super::tally::Arrival;

/// A burst of this size waits while the generator does something else.
const BUFFER_BYTES: usize = 32 * 1024 * 1024;
/// Looked for from here up, when no port is asked for: below the system's range for outgoing connections.
const PORT_FIRST: u16 = 30_000;
const PORT_LAST: u16 = 32_700;
/// RTP and RTCP of the calling side, RTP and RTCP of the called one.
const PORTS: u16 = 4;

/// Where both sides send from and hear, before there are calls.
pub struct Ends {
    pub(super) rtp: [UdpSocket; 2],
    /// Heard and passed over: without them the kernel would answer each report with an error, at the sender's cost.
    pub(super) rtcp: [UdpSocket; 2],
    pub kind: Kind,
}

impl Ends {
    /// `first_port` is the calling side's, even; None takes what is free.
    ///
    /// # Errors
    /// The port is taken, or none is free.
    pub fn open(server: IpAddr, kind: Kind, first_port: Option<u16>) -> io::Result<Self> {
        if let Some(port) = first_port {
            return Self::at(server, kind, port);
        }
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for port in (PORT_FIRST..PORT_LAST).step_by(usize::from(PORTS)) {
            match Self::at(server, kind, port) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => last = error,
                done => return done,
            }
        }
        Err(last)
    }

    fn at(server: IpAddr, kind: Kind, port: u16) -> io::Result<Self> {
        let local: IpAddr = if server.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        let open = |offset: u16| {
            let socket = UdpSocket::bind(SocketAddr::new(local, port + offset))?;
            // The first is only for root; what the system grants instead is enough for hundreds of calls.
            if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
                setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES)?;
            }
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Ends { rtp: [open(0)?, open(2)?], rtcp: [open(1)?, open(3)?], kind })
    }

    /// RTP addresses of the calling side and of the called one.
    ///
    /// # Errors
    /// The sockets'.
    pub fn addresses(&self) -> io::Result<[SocketAddr; 2]> {
        Ok([self.rtp[0].local_addr()?, self.rtp[1].local_addr()?])
    }

    /// Session descriptions of the calling side and of the called one, the same in all calls.
    ///
    /// # Errors
    /// The sockets'.
    pub fn descriptions(&self) -> io::Result<[String; 2]> {
        let formats = self.kind.formats();
        let addresses = self.addresses()?;
        Ok(std::array::from_fn(|side| {
            let (ip, port) = (addresses[side].ip(), addresses[side].port());
            let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
            format!(
                "v=0\r\no=load 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} {}",
                formats[side]
            )
        }))
    }
}

/// Reads datagrams with the time the kernel had them at. That time is right whenever they are fetched: what the
/// generator is late by is not in it.
pub struct Inbox {
    buffer: [u8; 2_048],
    control: Vec<u8>,
}

impl Inbox {
    pub fn new() -> Self {
        Inbox { buffer: [0; 2_048], control: nix::cmsg_space!(nix::sys::time::TimeSpec) }
    }

    /// Everything that has come.
    ///
    /// # Errors
    /// The socket's.
    pub fn drain(&mut self, socket: &UdpSocket, mut each: impl FnMut(Arrival<'_>)) -> io::Result<()> {
        loop {
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message =
                match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut self.control), flags) {
                    Ok(message) => message,
                    Err(nix::Error::EAGAIN) => return Ok(()),
                    // ICMP answers to what was sent; signals.
                    Err(nix::Error::ECONNREFUSED | nix::Error::EINTR) => continue,
                    Err(error) => return Err(error.into()),
                };
            let stamp = message.cmsgs()?.find_map(|c| match c {
                ControlMessageOwned::ScmTimestampns(time) => {
                    Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
                }
                _ => None,
            });
            let port = message
                .address
                .and_then(|a| a.as_sockaddr_in().map(|a| a.port()).or_else(|| a.as_sockaddr_in6().map(|a| a.port())));
            let len = message.bytes;
            let (port, at_ns) = (port.unwrap_or(0), stamp.unwrap_or_else(payload::now_ns));
            each(Arrival { bytes: &mut self.buffer[..len], port, at_ns });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_arrival_is_that_of_the_kernel_and_not_of_the_reading() {
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let ends = Ends::open(localhost, Kind::Relay, None).expect("ports");
        let to = ends.addresses().expect("bound")[0];
        let port = ends.addresses().expect("bound")[1].port();
        let mut inbox = Inbox::new();
        // The kernel begins to note times a moment after it was asked to: until then it gives that of the reading.
        let in_time = (0..100_000).any(|_| {
            let before = payload::now_ns();
            ends.rtp[1].send_to(b"one", to).expect("sent");
            let after = payload::now_ns();
            let mut seen = Vec::new();
            inbox.drain(&ends.rtp[0], |a| seen.push((a.bytes.to_vec(), a.port, a.at_ns))).expect("read");
            let [(bytes, source, at)] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!((&bytes[..], *source), (&b"one"[..], port));
            (before..=after).contains(at)
        });
        assert!(in_time, "never between sending and reading");
    }
}
