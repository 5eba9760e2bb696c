//! What ways to move RTP packets cost, on this machine: small relays that do nothing else, and the media thread itself.
//!
//! ```text
//! media_io WAY CALLS SECONDS ROUNDS   WAY: names from the list below with commas between, or `all`
//! ```
//!
//! A generator on CPU 0 sends 50 packets a second from both ends of every call through a relay on CPU 1, and takes what comes
//! out. Each payload carries the time it was sent, so loss and one-way delay are exact. The relay thread's own CPU time is read
//! from the kernel; delivery to the generator's sockets is in it, as with any sender on loopback. The ways take turns, round by
//! round, so that what else the machine does falls on all of them; the least and the median of the rounds are printed.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, setsockopt, sockopt};
use tandem_actors::media::{self, EventSink, MediaConfig};
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegSpec};
use tandem_model::LegId;

const PORTS: u16 = 20_000;
const WAYS: [(&str, &str); 10] = [
    ("floor", "level-triggered epoll, recvfrom, sendto"),
    ("edge", "edge-triggered epoll, recvfrom until EAGAIN, sendto"),
    ("edge-recvmmsg", "edge-triggered epoll, recvmmsg of 4, sendto"),
    ("level-recvmmsg", "level-triggered epoll, recvmmsg of 4, sendto"),
    ("connected", "level-triggered epoll, recv, send, one connected socket a leg"),
    ("beside", "level-triggered epoll, recv, send on a connected socket beside the open one"),
    ("nap", "as beside, and 250 µs of sleep after each turn"),
    ("tandem", "the media thread of this program"),
    ("tandem-poll", "the same, which looks for packets for 200 µs before it sleeps"),
    ("tandem-rt", "the same with real-time priority 10"),
];

fn main() {
    let mut args = std::env::args().skip(1);
    let way = args.next().unwrap_or_else(|| "all".into());
    let calls: u16 = args.next().and_then(|n| n.parse().ok()).unwrap_or(300);
    let secs: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut ways: Vec<(&str, &str, Vec<Figures>)> = WAYS
        .iter()
        .filter(|(name, _)| way == "all" || way.split(',').any(|w| w == *name))
        .map(|(name, what)| (*name, *what, Vec::new()))
        .collect();
    for _ in 0..rounds {
        for (name, _, figures) in &mut ways {
            figures.push(measure(name, calls, Duration::from_secs(secs)));
        }
    }
    for (name, what, mut figures) in ways {
        figures.sort_by(|a, b| a.cpu_us_per_packet.total_cmp(&b.cpu_us_per_packet));
        println!("{name:<15} least  {}  {what}", figures[0]);
        println!("{:<15} median {}", "", figures[figures.len() / 2]);
    }
}

/// The two ends of every call: one socket a side.
struct Ends {
    sides: [UdpSocket; 2],
    began: Instant,
    sending: AtomicBool,
    receiving: AtomicBool,
    sent: AtomicU64,
}

struct Figures {
    sent: u64,
    received: u64,
    cpu_us_per_packet: f64,
    delays_us: Vec<u32>,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: f64| {
            let last = self.delays_us.len().saturating_sub(1);
            self.delays_us.get((last as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1_000.0)
        };
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        let lost = self.sent.saturating_sub(self.received);
        let (us, sent) = (self.cpu_us_per_packet, self.sent);
        write!(f, "{us:5.2} us/packet, lost {lost} of {sent}, delay p50 {p50:.2} p99 {p99:.2} max {max:.2} ms")
    }
}

fn measure(way: &'static str, calls: u16, time: Duration) -> Figures {
    let side = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &(32 << 20));
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
        socket
    };
    let ends = Arc::new(Ends {
        sides: [side(), side()],
        began: Instant::now(),
        sending: AtomicBool::new(true),
        receiving: AtomicBool::new(true),
        sent: AtomicU64::new(0),
    });
    let peers = [0, 1].map(|s| ends.sides[s].local_addr().expect("bound"));
    let relay: Box<dyn Relay> = if way.starts_with("tandem") {
        Box::new(MediaThread::start(way, calls, peers))
    } else {
        Box::new(Minimal::start(way, calls, peers))
    };
    let legs = relay.legs();
    let receivers = [0, 1].map(|s| {
        let ends = Arc::clone(&ends);
        std::thread::spawn(move || receive(&ends, s))
    });
    let sender = {
        let ends = Arc::clone(&ends);
        std::thread::spawn(move || send(&ends, &legs))
    };
    // What settles at the start (learning, connecting) is not measured.
    std::thread::sleep(Duration::from_millis(1_200));
    let (cpu, sent) = (relay.cpu_time(), ends.sent.load(Ordering::Relaxed));
    std::thread::sleep(time);
    let cpu = relay.cpu_time() - cpu;
    let packets = ends.sent.load(Ordering::Relaxed) - sent;
    ends.sending.store(false, Ordering::Relaxed);
    sender.join().expect("sends");
    std::thread::sleep(Duration::from_millis(200));
    ends.receiving.store(false, Ordering::Relaxed);
    let mut delays_us: Vec<u32> = receivers.into_iter().flat_map(|r| r.join().expect("receives")).collect();
    delays_us.sort_unstable();
    relay.stop();
    Figures {
        sent: ends.sent.load(Ordering::Relaxed),
        received: delays_us.len() as u64,
        cpu_us_per_packet: cpu.as_secs_f64() * 1e6 / packets as f64,
        delays_us,
    }
}

fn pin(cpu: usize) {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
}

/// Streams spread over the 20 ms in slots of half a millisecond.
fn send(ends: &Ends, legs: &[[u16; 2]]) {
    const SLOT: Duration = Duration::from_micros(500);
    const SLOTS: usize = 40;
    pin(0);
    let mut packet = [0u8; 172];
    packet[0] = 0x80;
    let mut slot = 0usize;
    let start = Instant::now();
    while ends.sending.load(Ordering::Relaxed) {
        if let Some(wait) = (SLOT * slot as u32).checked_sub(start.elapsed()) {
            std::thread::sleep(wait);
        }
        let frame = slot / SLOTS;
        for (call, leg) in legs.iter().enumerate().skip(slot % SLOTS).step_by(SLOTS) {
            for (side, port) in leg.iter().enumerate() {
                packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
                packet[4..8].copy_from_slice(&(frame as u32 * 160).to_be_bytes());
                packet[8..12].copy_from_slice(&(call as u32 * 2 + side as u32 + 1).to_be_bytes());
                packet[12..20].copy_from_slice(&(ends.began.elapsed().as_nanos() as u64).to_be_bytes());
                if ends.sides[side].send_to(&packet, (Ipv4Addr::LOCALHOST, *port)).is_ok() {
                    ends.sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        slot += 1;
    }
}

fn receive(ends: &Ends, side: usize) -> Vec<u32> {
    pin(0);
    let mut delays_us = Vec::with_capacity(1 << 20);
    let mut packet = [0u8; 2_048];
    while ends.receiving.load(Ordering::Relaxed) {
        let Ok((172, _)) = ends.sides[side].recv_from(&mut packet) else { continue };
        let mut stamp = [0; 8];
        stamp.copy_from_slice(&packet[12..20]);
        let delay = ends.began.elapsed().as_nanos() as u64 - u64::from_be_bytes(stamp);
        delays_us.push((delay / 1_000) as u32);
    }
    delays_us
}

trait Relay {
    /// By call, the port of each side.
    fn legs(&self) -> Vec<[u16; 2]>;
    fn cpu_time(&self) -> Duration;
    fn stop(self: Box<Self>);
}

/// CPU time of the thread of that name, to the nanosecond.
fn cpu_time(thread: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let mut nanos = 0;
    for task in tasks.flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == thread {
            nanos += read("schedstat").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(nanos)
}

/// Copies each packet of one leg to the peer of the other.
struct Minimal {
    calls: u16,
    running: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Minimal {
    fn start(way: &'static str, calls: u16, peers: [SocketAddr; 2]) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let (ready, started) = crossbeam::channel::bounded(1);
        let on = Arc::clone(&running);
        let body = move || {
            pin(1);
            let sockets = sockets(way, calls, peers);
            ready.send(()).expect("waits");
            forward(way, &sockets, peers, &on);
        };
        let thread = std::thread::Builder::new().name("relay".into()).spawn(body).expect("a thread");
        started.recv().expect("sockets");
        Minimal { calls, running, thread }
    }
}

impl Relay for Minimal {
    fn legs(&self) -> Vec<[u16; 2]> {
        (0..self.calls).map(|call| [PORTS + call * 4, PORTS + call * 4 + 2]).collect()
    }

    fn cpu_time(&self) -> Duration {
        cpu_time("relay")
    }

    fn stop(self: Box<Self>) {
        self.running.store(false, Ordering::Relaxed);
        self.thread.join().expect("ends");
    }
}

/// By leg: the socket that is read, and the one that sends.
struct Sockets {
    open: Vec<UdpSocket>,
    connected: Vec<UdpSocket>,
}

fn sockets(way: &str, calls: u16, peers: [SocketAddr; 2]) -> Sockets {
    let mut sockets = Sockets { open: Vec::new(), connected: Vec::new() };
    for leg in 0..calls * 2 {
        let at: SocketAddr = (Ipv4Addr::LOCALHOST, PORTS + leg * 2).into();
        let peer = peers[usize::from(leg % 2)];
        let bind = || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM.nonblocking(), None).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&at.into()).expect("a free port");
            UdpSocket::from(socket)
        };
        let open = bind();
        if way == "connected" {
            open.connect(peer).expect("connects");
        }
        if way == "beside" || way == "nap" {
            let beside = bind();
            beside.connect(peer).expect("connects");
            sockets.connected.push(beside);
        }
        sockets.open.push(open);
    }
    sockets
}

fn forward(way: &str, sockets: &Sockets, peers: [SocketAddr; 2], running: &AtomicBool) {
    let edge = way.starts_with("edge");
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    let flags = if edge { EpollFlags::EPOLLIN | EpollFlags::EPOLLET } else { EpollFlags::EPOLLIN };
    for (leg, socket) in sockets.open.iter().enumerate() {
        epoll.add(socket, EpollEvent::new(flags, leg as u64)).expect("watched");
    }
    for (leg, socket) in sockets.connected.iter().enumerate() {
        epoll.add(socket, EpollEvent::new(flags, leg as u64 | 1 << 32)).expect("watched");
    }
    let mut events = vec![EpollEvent::empty(); 1_024];
    let mut packet = [0u8; 2_048];
    let mut many = Many::new();
    while running.load(Ordering::Relaxed) {
        let n = epoll.wait(&mut events, EpollTimeout::from(100u16)).unwrap_or(0);
        for event in &events[..n] {
            let leg = (event.data() & 0xffff_ffff) as usize;
            let (out, to) = (leg ^ 1, peers[(leg ^ 1) % 2]);
            let send = |bytes: &[u8]| {
                let _ = match way {
                    "connected" => sockets.open[out].send(bytes),
                    "beside" | "nap" => sockets.connected[out].send(bytes),
                    _ => sockets.open[out].send_to(bytes, to),
                };
            };
            match way {
                "edge" => {
                    while let Ok((len, _)) = sockets.open[leg].recv_from(&mut packet) {
                        send(&packet[..len]);
                    }
                }
                "edge-recvmmsg" => while many.receive(&sockets.open[leg], send) == Many::ROOM {},
                "level-recvmmsg" => {
                    many.receive(&sockets.open[leg], send);
                }
                "floor" => {
                    if let Ok((len, _)) = sockets.open[leg].recv_from(&mut packet) {
                        send(&packet[..len]);
                    }
                }
                _ => {
                    let from = if event.data() >> 32 == 1 { &sockets.connected[leg] } else { &sockets.open[leg] };
                    if let Ok(len) = from.recv(&mut packet) {
                        send(&packet[..len]);
                    }
                }
            }
        }
        if way == "nap" {
            std::thread::sleep(Duration::from_micros(250));
        }
    }
}

struct Many {
    headers: MultiHeaders<SockaddrIn>,
    buffers: [[u8; 2_048]; Many::ROOM],
}

impl Many {
    const ROOM: usize = 4;

    fn new() -> Self {
        Many { headers: MultiHeaders::preallocate(Self::ROOM, None), buffers: [[0; 2_048]; Self::ROOM] }
    }

    fn receive(&mut self, socket: &UdpSocket, send: impl Fn(&[u8])) -> usize {
        let mut lens = [0; Self::ROOM];
        let mut got = 0;
        {
            let mut slices = self.buffers.each_mut().map(|b| [IoSliceMut::new(b)]);
            let fd = socket.as_fd().as_raw_fd();
            let Ok(all) = recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) else {
                return 0;
            };
            for message in all {
                let _: Option<SocketAddrV4> = message.address.map(Into::into);
                lens[got] = message.bytes;
                got += 1;
            }
        }
        for (buffer, len) in self.buffers.iter().zip(lens).take(got) {
            send(&buffer[..len]);
        }
        got
    }
}

/// The media thread, with every call bridged.
struct MediaThread {
    pool: media::MediaPool,
    legs: Vec<[u16; 2]>,
}

impl MediaThread {
    fn start(way: &str, calls: u16, peers: [SocketAddr; 2]) -> Self {
        let (sender, events) = crossbeam::channel::bounded::<Event>(16_384);
        let ports = PORTS..=PORTS + calls * 4 + 3;
        let config = MediaConfig {
            busy_poll: Duration::from_micros(if way == "tandem-poll" { 200 } else { 0 }),
            realtime_priority: if way == "tandem-rt" { 10 } else { 0 },
            load_max: 1.0,
            ..MediaConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ports, vec![1])
        };
        let pool = media::start(&config, move |_| {
            let sender = sender.clone();
            Box::new(move |event: Event| sender.try_send(event).is_ok()) as Box<dyn EventSink>
        })
        .expect("starts");
        let thread = pool.handle().threads()[0].clone();
        let mut legs = Vec::new();
        for call in 0..u64::from(calls) {
            let ids = [LegId(call * 2), LegId(call * 2 + 1)];
            let ports = [0, 1].map(|side: usize| {
                thread.send(Command::Open { leg: ids[side] }).expect("runs");
                let Ok(Event::Opened { rtp_port, .. }) = events.recv() else { panic!("opens") };
                let spec = Box::new(LegSpec::new(CodecId::Pcmu, Some(peers[side])));
                thread.send(Command::Configure { leg: ids[side], spec }).expect("runs");
                rtp_port
            });
            thread.send(Command::Bridge { a: ids[0], b: ids[1] }).expect("runs");
            legs.push(ports);
        }
        MediaThread { pool, legs }
    }
}

impl Relay for MediaThread {
    fn legs(&self) -> Vec<[u16; 2]> {
        self.legs.clone()
    }

    fn cpu_time(&self) -> Duration {
        cpu_time("media-0")
    }

    fn stop(self: Box<Self>) {
        self.pool.shutdown();
    }
}
