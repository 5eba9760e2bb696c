use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::kernel;

/// Packets to one and the same address before a connected socket is opened for it: a second of speech. Short calls never pay for it,
/// and a leg that still learns where its peer is has time to.
const SENDS_BEFORE_CONNECT: u16 = 50;

/// How media sockets are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Differentiated services code point of what is sent, 0..63 (RFC 2474). The ECN bits below it stay Not-ECT: who sets them
    /// promises to slow down when the network marks (RFC 6679 section 7.2), and a telephone codec cannot.
    pub dscp: u8,
    /// Receive and send buffer each, as the kernel is asked: it counts its own overhead too.
    pub buffer_bytes: usize,
    /// Microseconds that the kernel may look into the network card's queue before it says that a socket is empty
    /// (`SO_BUSY_POLL`); 0 is the system's own setting.
    pub busy_poll_us: u32,
}

impl Default for SocketOptions {
    /// Expedited forwarding (RFC 3246) and room for a second of 20 ms packets.
    fn default() -> Self {
        SocketOptions { dscp: 46, buffer_bytes: 128 * 1024, busy_poll_us: 0 }
    }
}

/// A leg's sockets: an open one each for RTP and RTCP, and beside the RTP one, on the same port, one that is connected to where the
/// leg's packets go.
///
/// Sending through a connected socket saves the look-up of a route, a quarter of what a packet costs. The kernel hands what comes from
/// that very address to the connected socket and everything else to the open one, so a peer that moves is heard as before. See
/// `docs/adr/0008-connected-beside-open.md`.
#[derive(Debug)]
pub(super) struct LegSockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub rtp_peer: Option<UdpSocket>,
    /// The family they speak.
    ipv6: bool,
    peer: Option<SocketAddr>,
    /// Where the last packet went, and how many went there in a row.
    to: Option<SocketAddr>,
    sends: u16,
    /// The system would not open a connected socket: not asked again.
    alone: bool,
}

impl LegSockets {
    /// Binds RTP to `port` and RTCP above it. All addresses of IPv6 (`::`) are those of IPv4 too.
    ///
    /// # Errors
    /// The kernel's; `AddrInUse` when another process holds one of the two.
    pub fn bind(address: IpAddr, port: u16, options: &SocketOptions) -> io::Result<Self> {
        let above = port.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        let open = |port, role| {
            let address = SocketAddr::new(address, port);
            let socket = socket(address, options, role)?;
            socket.bind(&address.into())?;
            Ok::<_, io::Error>(UdpSocket::from(socket))
        };
        Ok(LegSockets {
            rtp: open(port, Role::Rtp)?,
            rtcp: open(above, Role::Rtcp)?,
            ipv6: address.is_ipv6(),
            rtp_peer: None,
            peer: None,
            to: None,
            sends: 0,
            alone: false,
        })
    }

    /// Sends an RTCP packet.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_rtcp(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.rtcp.send_to(bytes, self.as_spoken(to))
    }

    /// Sends an RTP packet, through the connected socket when it is for its peer.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_rtp(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        if self.to != Some(to) {
            (self.to, self.sends) = (Some(to), 0);
        }
        if self.sends < SENDS_BEFORE_CONNECT {
            self.sends += 1;
        } else if let Some(connected) = self.rtp_peer.as_ref().filter(|_| self.peer == Some(to)) {
            match connected.send(bytes) {
                Ok(len) => return Ok(len),
                // An ICMP error of an earlier packet, e.g. that nobody listens there yet (RFC 1122 section 4.1.3.3): it ends
                // nothing and says nothing of this packet, which goes out by the open socket as the next ones do.
                Err(_) => self.sends = 0,
            }
        }
        self.rtp.send_to(bytes, self.as_spoken(to))
    }

    /// Where to connect to, when enough packets went there.
    pub fn wants_peer(&self) -> Option<SocketAddr> {
        self.to.filter(|_| self.sends == SENDS_BEFORE_CONNECT && !self.alone && self.peer != self.to)
    }

    /// Connects beside the open socket, anew when the peer moved. True when a socket was made, which must be watched.
    ///
    /// # Errors
    /// The kernel's; the leg goes on with its open socket.
    pub fn connect_peer(&mut self, peer: SocketAddr, options: &SocketOptions) -> io::Result<bool> {
        let made = match &self.rtp_peer {
            Some(connected) => {
                self.peer = None;
                connected.connect(self.as_spoken(peer))?;
                false
            }
            None => {
                self.rtp_peer = Some(connected_beside(&self.rtp, self.as_spoken(peer), options)?);
                true
            }
        };
        self.peer = Some(peer);
        Ok(made)
    }

    /// Goes on without a connected socket.
    pub fn stay_open(&mut self) {
        (self.rtp_peer, self.peer, self.alone) = (None, None, true);
    }

    /// For another leg, on the same port: what this one knew of its peer is forgotten.
    pub fn renewed(self) -> Self {
        LegSockets { rtp_peer: None, peer: None, to: None, sends: 0, alone: false, ..self }
    }

    /// An address as these sockets have it: IPv4 within IPv6 (RFC 4291 section 2.5.5.2).
    fn as_spoken(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(ip) if self.ipv6 => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            _ => to,
        }
    }

    /// Datagrams the kernel threw away for want of room.
    pub fn kernel_drops(&self) -> u64 {
        let of = |socket: &UdpSocket| kernel::socket_drops(socket).map_or(0, u64::from);
        of(&self.rtp) + of(&self.rtcp) + self.rtp_peer.as_ref().map_or(0, of)
    }
}

/// A second socket on the port of `open`, connected. Only for the moment of binding may anybody else share the port.
fn connected_beside(open: &UdpSocket, peer: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    let address = open.local_addr()?;
    let beside = socket(address, options, Role::Rtp)?;
    SockRef::from(open).set_reuse_address(true)?;
    let connected = (|| {
        beside.set_reuse_address(true)?;
        beside.bind(&address.into())?;
        beside.connect(&peer.into())?;
        beside.set_reuse_address(false)
    })();
    SockRef::from(open).set_reuse_address(false)?;
    connected?;
    Ok(UdpSocket::from(beside))
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Rtp,
    /// A packet in seconds: the system's buffers are large enough.
    Rtcp,
}

fn socket(address: SocketAddr, options: &SocketOptions, role: Role) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    let class = u32::from(options.dscp) << 2;
    // Marking and sizes are wishes: a host that refuses them still carries the call.
    let marked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(class),
        SocketAddr::V6(address) => {
            // All addresses are those of both families; one address is what it is. A host without IPv4 has no class for it.
            socket.set_only_v6(!address.ip().is_unspecified())?;
            let _ = socket.set_tos_v4(class);
            socket.set_tclass_v6(class)
        }
    };
    let (receive, send) = match role {
        Role::Rtp => {
            (socket.set_recv_buffer_size(options.buffer_bytes), socket.set_send_buffer_size(options.buffer_bytes))
        }
        Role::Rtcp => (Ok(()), Ok(())),
    };
    let polled = if options.busy_poll_us == 0 { Ok(()) } else { socket.set_busy_poll(options.busy_poll_us) };
    for wish in [marked, receive, send, polled] {
        if let Err(error) = wish {
            tracing::debug!(%error, "media socket option refused");
        }
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use super::*;

    fn phone(at: IpAddr) -> Option<UdpSocket> {
        let phone = UdpSocket::bind((at, 0)).ok()?;
        phone.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Some(phone)
    }

    /// Sockets on some free pair of ports.
    fn bound(at: IpAddr) -> LegSockets {
        (23_000..24_000)
            .step_by(2)
            .find_map(|port| LegSockets::bind(at, port, &SocketOptions::default()).ok())
            .expect("a free pair")
    }

    fn connected(sockets: &mut LegSockets, phone: &UdpSocket) {
        let to = phone.local_addr().unwrap();
        for _ in 0..SENDS_BEFORE_CONNECT {
            assert_eq!((sockets.peer, sockets.wants_peer()), (None, None));
            sockets.send_rtp(b"open", to).unwrap();
        }
        assert_eq!(sockets.wants_peer(), Some(to));
        assert!(sockets.connect_peer(to, &SocketOptions::default()).unwrap());
        assert_eq!(sockets.wants_peer(), None);
    }

    fn heard(socket: &UdpSocket) -> Option<Vec<u8>> {
        let mut packet = [0; 64];
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            match socket.recv_from(&mut packet) {
                Ok((len, _)) => return Some(packet[..len].to_vec()),
                Err(_) if std::time::Instant::now() < deadline => std::thread::yield_now(),
                Err(_) => return None,
            }
        }
    }

    #[test]
    fn the_peer_is_heard_by_the_connected_socket_and_everybody_else_by_the_open_one() {
        for at in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let (Some(peer), Some(other)) = (phone(at), phone(at)) else { continue };
            let mut sockets = bound(at);
            connected(&mut sockets, &peer);
            let port = sockets.rtp.local_addr().unwrap();
            sockets.send_rtp(b"connected", peer.local_addr().unwrap()).unwrap();
            let mut packet = [0; 64];
            while !packet.starts_with(b"connected") {
                let (_, from) = peer.recv_from(&mut packet).unwrap();
                assert_eq!(from, port, "one source port for both sockets");
            }
            peer.send_to(b"peer", port).unwrap();
            other.send_to(b"other", port).unwrap();
            assert_eq!(heard(sockets.rtp_peer.as_ref().unwrap()).unwrap(), b"peer");
            assert_eq!(heard(&sockets.rtp).unwrap(), b"other");
        }
    }

    #[test]
    fn sockets_on_all_addresses_of_ipv6_speak_ipv4_too() {
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        let (Some(peer), Some(_)) = (phone(v4), phone(v6)) else { return };
        let mut sockets = bound(Ipv6Addr::UNSPECIFIED.into());
        connected(&mut sockets, &peer);
        let port = SocketAddr::new(v4, sockets.rtp.local_addr().unwrap().port());
        sockets.send_rtp(b"connected", peer.local_addr().unwrap()).unwrap();
        let mut packet = [0; 64];
        while !packet.starts_with(b"connected") {
            assert_eq!(peer.recv_from(&mut packet).unwrap().1, port);
        }
        peer.send_to(b"peer", port).unwrap();
        assert_eq!(heard(sockets.rtp_peer.as_ref().unwrap()).unwrap(), b"peer");
        sockets.send_rtcp(b"report", peer.local_addr().unwrap()).unwrap();
        let (len, from) = peer.recv_from(&mut packet).unwrap();
        assert_eq!((&packet[..len], from), (&b"report"[..], SocketAddr::new(v4, port.port() + 1)));
        // One address of IPv6 is of IPv6 alone.
        assert!(bound(v6).send_rtp(b"x", peer.local_addr().unwrap()).is_err());
    }

    #[test]
    fn a_peer_that_moved_is_followed_and_the_old_address_still_heard() {
        let at = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (before, after) = (phone(at).unwrap(), phone(at).unwrap());
        let mut sockets = bound(at);
        connected(&mut sockets, &before);
        let to = after.local_addr().unwrap();
        while sockets.wants_peer().is_none() {
            sockets.send_rtp(b"moved", to).unwrap();
        }
        assert!(!sockets.connect_peer(to, &SocketOptions::default()).unwrap(), "the same socket, connected anew");
        sockets.send_rtp(b"there", to).unwrap();
        let mut packet = [0; 64];
        while !packet.starts_with(b"there") {
            after.recv_from(&mut packet).unwrap();
        }
        let port = sockets.rtp.local_addr().unwrap();
        before.send_to(b"straggler", port).unwrap();
        assert_eq!(heard(&sockets.rtp).unwrap(), b"straggler");
    }

    #[test]
    fn a_port_where_nobody_listens_yet_costs_no_packet_once_somebody_does() {
        let at = IpAddr::from(Ipv4Addr::LOCALHOST);
        let silent = phone(at).unwrap();
        let to = silent.local_addr().unwrap();
        let mut sockets = bound(at);
        connected(&mut sockets, &silent);
        drop(silent);
        // The first brings back an ICMP error, which the second reports.
        for _ in 0..2 {
            sockets.send_rtp(b"nobody", to).unwrap();
        }
        let listening = UdpSocket::bind(to).unwrap();
        listening.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for n in 0..SENDS_BEFORE_CONNECT as u8 * 2 {
            sockets.send_rtp(&[n], to).unwrap();
            let mut packet = [0; 64];
            listening.recv_from(&mut packet).unwrap();
            assert_eq!(packet[0], n);
        }
    }

    #[test]
    fn nobody_else_may_take_the_port_of_a_connected_leg() {
        let at = IpAddr::from(Ipv4Addr::LOCALHOST);
        let peer = phone(at).unwrap();
        let mut sockets = bound(at);
        connected(&mut sockets, &peer);
        let port = sockets.rtp.local_addr().unwrap();
        let thief = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        thief.set_reuse_address(true).unwrap();
        assert!(thief.bind(&port.into()).is_err());
    }

    #[test]
    fn packets_are_marked_as_told_and_never_as_ecn_capable() {
        for (dscp, class) in [(46, 0xb8), (0, 0), (34, 0x88)] {
            let options = SocketOptions { dscp, ..SocketOptions::default() };
            let v4 = socket((Ipv4Addr::LOCALHOST, 0).into(), &options, Role::Rtp).unwrap();
            assert_eq!(v4.tos_v4().unwrap(), class);
            let v6 = socket((Ipv6Addr::LOCALHOST, 0).into(), &options, Role::Rtp).unwrap();
            assert_eq!(v6.tclass_v6().unwrap(), class);
            assert_eq!(class & 3, 0);
        }
    }

    #[test]
    fn what_found_no_room_in_a_buffer_is_counted() {
        let at = IpAddr::from(Ipv4Addr::LOCALHOST);
        let options = SocketOptions { buffer_bytes: 4_096, ..SocketOptions::default() };
        let sockets = (24_000..25_000)
            .step_by(2)
            .find_map(|port| LegSockets::bind(at, port, &options).ok())
            .expect("a free pair");
        let flood = phone(at).unwrap();
        assert_eq!(sockets.kernel_drops(), 0);
        for _ in 0..200 {
            flood.send_to(&[0; 1_000], sockets.rtp.local_addr().unwrap()).unwrap();
        }
        assert!(sockets.kernel_drops() > 100);
    }
}
