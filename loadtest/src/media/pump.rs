//! The threads that send and receive.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use super::Kind;
use super::payload::{Payloads, Stamp};
use super::tally::Tally;

const PTIME: Duration = Duration::from_millis(20);
/// The receiving sockets hold a burst of this size while the machine does something else.
const BUFFER_BYTES: usize = 32 * 1024 * 1024;

/// The RTP sockets of the two sides, before there are calls.
pub struct Ends {
    sockets: [UdpSocket; 2],
    kind: Kind,
}

impl Ends {
    /// # Errors
    /// No socket, or no codec.
    pub fn open(server: SocketAddr, kind: Kind) -> io::Result<Self> {
        let open = || {
            let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
            let socket = UdpSocket::bind(local)?;
            // The first is only for root; what the system grants instead is enough for hundreds of calls.
            if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
                setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES)?;
            }
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Ends { sockets: [open()?, open()?], kind })
    }

    /// Session descriptions of the calling side and of the called one.
    ///
    /// # Errors
    /// The sockets'.
    pub fn descriptions(&self) -> io::Result<[String; 2]> {
        let formats = self.kind.formats();
        let of = |n: usize| {
            let address = self.sockets[n].local_addr()?;
            let (ip, family) = (address.ip(), if address.is_ipv4() { "IP4" } else { "IP6" });
            Ok::<_, io::Error>(format!(
                "v=0\r\no=load 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {} {}",
                address.port(),
                formats[n]
            ))
        };
        Ok([of(0)?, of(1)?])
    }
}

/// Packets on their way. Dropping it leaves the threads to end by themselves.
pub struct Pump {
    shared: Arc<Shared>,
    sender: JoinHandle<io::Result<()>>,
    receivers: Vec<JoinHandle<Tally>>,
}

struct Shared {
    began: Instant,
    sending: AtomicBool,
    receiving: AtomicBool,
    /// By side.
    sent: [AtomicU64; 2],
}

impl Pump {
    /// Begins to send: from each side one stream to each of `server_ports`, spread over the packet time.
    ///
    /// # Errors
    /// A socket or a codec.
    pub fn start(
        ends: Ends,
        server: SocketAddr,
        server_ports: [Vec<u16>; 2],
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let payloads = match ends.kind {
            Kind::Relay => [Payloads::Stamped, Payloads::Stamped],
            Kind::Transcode => [Payloads::opus_speech()?, Payloads::pcmu_speech()?],
        };
        let shared = Arc::new(Shared {
            began: Instant::now(),
            sending: AtomicBool::new(true),
            receiving: AtomicBool::new(true),
            sent: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        let calls = server_ports[0].len().max(server_ports[1].len());
        let mut receivers = Vec::new();
        for socket in &ends.sockets {
            let (socket, shared) = (socket.try_clone()?, shared.clone());
            let kind = ends.kind;
            receivers.push(
                std::thread::Builder::new()
                    .name("receive".into())
                    .spawn(move || receive(&socket, &shared, kind, calls))?,
            );
        }
        let streams = streams(server, &server_ports);
        let sharing = shared.clone();
        let sender = std::thread::Builder::new()
            .name("send".into())
            .spawn(move || send(&ends.sockets, streams, &payloads, &sharing))?;
        Ok(Pump { shared, sender, receivers })
    }

    /// Packets sent so far, by both sides.
    pub fn sent(&self) -> u64 {
        self.shared.sent.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Stops sending, waits for what is on its way, and gives what was sent and received: by the calling side, by the called one.
    ///
    /// # Errors
    /// The sender's, or a thread panicked.
    pub fn finish(self) -> Result<([u64; 2], Vec<Tally>), Box<dyn std::error::Error>> {
        self.shared.sending.store(false, Ordering::Relaxed);
        self.sender.join().map_err(|_| "the sender panicked")??;
        std::thread::sleep(Duration::from_secs(1));
        self.shared.receiving.store(false, Ordering::Relaxed);
        let tallies = self
            .receivers
            .into_iter()
            .map(|r| r.join().map_err(|_| "a receiver panicked"))
            .collect::<Result<_, _>>()?;
        Ok((std::array::from_fn(|n| self.shared.sent[n].load(Ordering::Relaxed)), tallies))
    }
}

struct Stream {
    side: usize,
    call: u32,
    to: SocketAddr,
    due: Duration,
    count: u32,
}

/// Ordered by when they are due.
fn streams(server: SocketAddr, ports: &[Vec<u16>; 2]) -> Vec<Stream> {
    let all = ports.iter().map(Vec::len).sum::<usize>().max(1) as u32;
    let ends =
        ports.iter().enumerate().flat_map(|(side, ports)| ports.iter().enumerate().map(move |(n, p)| (side, n, *p)));
    ends.enumerate()
        .map(|(place, (side, call, port))| Stream {
            side,
            call: call as u32,
            to: SocketAddr::new(server.ip(), port),
            due: PTIME * place as u32 / all,
            count: 0,
        })
        .collect()
}

/// They stay in the order they are due in, since each comes again after the same time: one turn after the other is enough.
fn send(
    sockets: &[UdpSocket; 2],
    mut streams: Vec<Stream>,
    payloads: &[Payloads; 2],
    shared: &Shared,
) -> io::Result<()> {
    let mut packet = Vec::with_capacity(1_500);
    let mut next = 0;
    while shared.sending.load(Ordering::Relaxed) {
        let now = shared.began.elapsed();
        while streams[next].due <= now && shared.sending.load(Ordering::Relaxed) {
            let stream = &mut streams[next];
            let payloads = &payloads[stream.side];
            packet.clear();
            header(stream, payloads, &mut packet);
            let sent_ns = shared.began.elapsed().as_nanos() as u64;
            payloads.write(Stamp { call: stream.call, count: stream.count, sent_ns }, &mut packet);
            match sockets[stream.side].send_to(&packet, stream.to) {
                Ok(_) => {}
                // An ICMP answer to an earlier packet.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(e) => return Err(e),
            }
            shared.sent[stream.side].fetch_add(1, Ordering::Relaxed);
            stream.count += 1;
            stream.due += PTIME;
            next = (next + 1) % streams.len();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// RFC 3550 section 5.1, with the marker on the first packet.
fn header(stream: &Stream, payloads: &Payloads, out: &mut Vec<u8>) {
    let marker = if stream.count == 0 { 0x80 } else { 0 };
    let ssrc = 0x4c00_0000 | (stream.side as u32) << 20 | stream.call;
    out.extend_from_slice(&[0x80, marker | payloads.payload_type()]);
    out.extend_from_slice(&(stream.count as u16).to_be_bytes());
    out.extend_from_slice(&stream.count.wrapping_mul(payloads.clock_step()).to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
}

fn receive(socket: &UdpSocket, shared: &Shared, kind: Kind, calls: usize) -> Tally {
    let mut tally = Tally::new(calls);
    let mut buffer = [0; 2_048];
    while shared.receiving.load(Ordering::Relaxed) {
        // A time-out, or an ICMP answer to something sent.
        let Ok((len, source)) = socket.recv_from(&mut buffer) else { continue };
        let packet = &buffer[..len];
        if len < 12 || packet[0] >> 6 != 2 {
            tally.totals.foreign += 1;
            continue;
        }
        match kind {
            Kind::Relay => tally.stamped(Stamp::read(&packet[12..]), shared.began.elapsed().as_nanos() as u64),
            Kind::Transcode => tally.sequence(source.port(), u16::from_be_bytes([packet[2], packet[3]])),
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_packet_time() {
        let server = "127.0.0.1:5060".parse().expect("an address");
        let all = streams(server, &[vec![10, 12], vec![14, 16]]);
        let due: Vec<u128> = all.iter().map(|s| s.due.as_millis()).collect();
        assert_eq!(due, [0, 5, 10, 15]);
        assert_eq!((all[3].side, all[3].call, all[3].to.port()), (1, 1, 16));
    }

    #[test]
    fn every_packet_sent_to_an_open_port_arrives_with_its_stamp() {
        let ends = Ends::open("127.0.0.1:5060".parse().expect("an address"), Kind::Relay).expect("sockets");
        let own: Vec<SocketAddr> = ends.sockets.iter().map(|s| s.local_addr().expect("bound")).collect();
        // Each side sends straight to the other.
        let pump = Pump::start(ends, own[0], [vec![own[1].port()], vec![own[0].port()]]).expect("threads");
        std::thread::sleep(Duration::from_millis(200));
        let (sent, tallies) = pump.finish().expect("threads");
        assert!(sent[0] >= 5, "{sent:?}");
        assert_eq!([tallies[1].totals().received, tallies[0].totals().received], sent);
        assert_eq!(tallies[0].totals().foreign, 0);
    }
}
