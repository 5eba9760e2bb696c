//! The media of all calls on one thread: every leg sends a packet each 20 ms, at its own moment within them.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::delays::Delays;
use crate::sound::Codec;

const PERIOD: Duration = Duration::from_millis(20);
/// Stands in the payload of a measured packet, before its time of sending.
const MARK: &[u8; 8] = b"tandem\x01\x02";

pub struct Streams {
    poll: Poll,
    legs: Vec<Leg>,
    calls: usize,
    started: Instant,
    next: Instant,
    /// The next leg to send.
    turn: usize,
    measuring: bool,
    /// PCMU passes the server untouched, so that marks in it arrive.
    marked: bool,
    sent: u64,
    received: u64,
    delays: Delays,
}

struct Leg {
    socket: UdpSocket,
    port: u16,
    remote: Option<SocketAddr>,
    codec: Codec,
    payloads: std::rc::Rc<Vec<Vec<u8>>>,
    seq: u16,
    timestamp: u32,
    frame: usize,
}

/// What came through while measuring.
pub struct Report {
    pub sent: u64,
    pub received: u64,
    /// Median, 95th, 99th percentile and maximum in ms; None where payloads cannot carry a mark.
    pub delays: Option<[f64; 4]>,
}

impl Report {
    pub fn lost(&self) -> i64 {
        self.sent as i64 - self.received as i64
    }

    pub fn loss_percent(&self) -> f64 {
        self.lost() as f64 * 100.0 / self.sent.max(1) as f64
    }
}

impl Streams {
    /// Sockets for both legs of `calls` calls: callers first, then callees.
    pub fn open(calls: usize, callee: Codec) -> io::Result<Streams> {
        let poll = Poll::new()?;
        let mut legs = Vec::with_capacity(calls * 2);
        for codec in [Codec::Pcmu, callee] {
            let payloads = std::rc::Rc::new(codec.payloads());
            for call in 0..calls {
                let socket = StdSocket::bind(("127.0.0.1", 0))?;
                socket.set_nonblocking(true)?;
                let port = socket.local_addr()?.port();
                let mut socket = UdpSocket::from_std(socket);
                poll.registry().register(&mut socket, Token(legs.len()), Interest::READABLE)?;
                let payloads = payloads.clone();
                // Each begins somewhere else, so that encoders do not all meet a syllable at once.
                let frame = call * 7;
                legs.push(Leg { socket, port, remote: None, codec, payloads, seq: 0, timestamp: 0, frame });
            }
        }
        let now = Instant::now();
        Ok(Streams {
            poll,
            legs,
            calls,
            started: now,
            next: now,
            turn: 0,
            measuring: false,
            marked: callee == Codec::Pcmu,
            sent: 0,
            received: 0,
            delays: Delays::default(),
        })
    }

    pub fn caller_ports(&self) -> Vec<u16> {
        self.legs[..self.calls].iter().map(|l| l.port).collect()
    }

    pub fn callee_ports(&self) -> Vec<u16> {
        self.legs[self.calls..].iter().map(|l| l.port).collect()
    }

    pub fn connect_caller(&mut self, call: usize, remote: SocketAddr) {
        self.legs[call].remote = Some(remote);
    }

    pub fn connect_callees(&mut self, remotes: &[SocketAddr]) {
        for (leg, remote) in self.legs[self.calls..].iter_mut().zip(remotes) {
            leg.remote = Some(*remote);
        }
    }

    /// Sends and receives for `time`.
    pub fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.next = Instant::now();
        let step = PERIOD / u32::try_from(self.legs.len()).unwrap_or(u32::MAX).max(1);
        let mut events = Events::with_capacity(4_096);
        while Instant::now() < end {
            while self.next <= Instant::now() {
                let turn = self.turn;
                self.send(turn);
                self.turn = (turn + 1) % self.legs.len();
                self.next += step;
            }
            self.receive(&mut events, Duration::from_millis(1));
        }
    }

    /// From here on packets count.
    pub fn begin(&mut self) {
        let mut events = Events::with_capacity(4_096);
        self.receive(&mut events, Duration::from_millis(1));
        self.measuring = true;
    }

    /// What is still under way may arrive.
    pub fn stop(&mut self) {
        let mut events = Events::with_capacity(4_096);
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            self.receive(&mut events, Duration::from_millis(10));
        }
        self.measuring = false;
    }

    pub fn report(&self) -> Report {
        Report { sent: self.sent, received: self.received, delays: self.delays.percentiles() }
    }

    fn send(&mut self, at: usize) {
        let (measuring, marked, now) = (self.measuring, self.marked, self.started.elapsed());
        let leg = &mut self.legs[at];
        let Some(remote) = leg.remote else { return };
        let mut packet = [0u8; 1_500];
        packet[0] = 0x80;
        packet[1] = leg.codec.payload_type();
        packet[2..4].copy_from_slice(&leg.seq.to_be_bytes());
        packet[4..8].copy_from_slice(&leg.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&(0x7000_0000 + at as u32).to_be_bytes());
        let payload = &leg.payloads[leg.frame % leg.payloads.len()];
        let length = 12 + payload.len();
        packet[12..length].copy_from_slice(payload);
        if measuring && marked {
            packet[12..20].copy_from_slice(MARK);
            packet[20..28].copy_from_slice(&(now.as_nanos() as u64).to_be_bytes());
        }
        leg.seq = leg.seq.wrapping_add(1);
        leg.timestamp = leg.timestamp.wrapping_add(leg.codec.step());
        leg.frame += 1;
        if leg.socket.send_to(&packet[..length], remote).is_ok() && measuring {
            self.sent += 1;
        }
    }

    fn receive(&mut self, events: &mut Events, patience: Duration) {
        if self.poll.poll(events, Some(patience)).is_err() {
            return;
        }
        let mut buffer = [0u8; 2_048];
        for event in events.iter() {
            while let Ok(n) = self.legs[event.token().0].socket.recv(&mut buffer) {
                self.arrived(&buffer[..n]);
            }
        }
    }

    fn arrived(&mut self, packet: &[u8]) {
        if !self.measuring || packet.len() < 12 {
            return;
        }
        if !self.marked {
            self.received += 1;
        } else if packet.len() >= 28 && packet[12..20] == MARK[..] {
            self.received += 1;
            let sent = packet[20..28].iter().fold(0u64, |t, b| t << 8 | u64::from(*b));
            self.delays.add(self.started.elapsed().saturating_sub(Duration::from_nanos(sent)));
        }
    }
}
