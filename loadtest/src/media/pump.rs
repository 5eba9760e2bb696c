//! The thread that sends and receives.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_timerslack;
use tandem_media::srtp::{Protector, TAIL_ROOM, Unprotector};

use super::ends::{Ends, Inbox};
use super::histogram::Histogram;
use super::pairing::Pairing;
use super::payload::{self, Payloads, Stamp};
use super::remote::{Remote, own_key};
use super::tally::Tally;

const PTIME: Duration = Duration::from_millis(20);
/// How long the thread sleeps when nothing is said: short enough that packets come in ones and twos, as from many phones, and not
/// in bursts that a server takes in one go.
pub const TURN: Duration = Duration::from_micros(100);
/// How long is waited, after the last packet was sent, for those on their way.
const LAST_ARRIVALS: Duration = Duration::from_secs(1);

/// Packets on their way. Dropping it ends the thread.
pub struct Pump {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<Outcome>>>,
    calls: usize,
}

struct Shared {
    sending: AtomicBool,
    receiving: AtomicBool,
    /// When the measurement began, on the clock of the stamps; `u64::MAX` before.
    since_ns: AtomicU64,
    /// By side.
    sent: [AtomicU64; 2],
    joining: Mutex<Vec<Stream>>,
}

/// What came of it.
pub struct Outcome {
    /// By the calling side, by the called one.
    pub sent: [u64; 2],
    /// Of these, since the measurement began.
    pub sent_since: [u64; 2],
    pub tallies: [Tally; 2],
    /// By side and call, when the packets were sent that a party's tone begins with.
    pub onsets: [Vec<Vec<u64>>; 2],
    /// How much later than planned packets were sent, since the measurement began.
    pub lateness: Histogram,
}

/// One direction of a call, from one of our sides, and what that side hears.
struct Stream {
    side: usize,
    call: u32,
    from: Remote,
    to: SocketAddr,
    protector: Option<Protector>,
    payloads: Payloads,
    due: Instant,
    count: u32,
}

impl Default for Outcome {
    fn default() -> Self {
        Outcome {
            sent: [0; 2],
            sent_since: [0; 2],
            tallies: [Tally::new(0), Tally::new(1)],
            onsets: [Vec::new(), Vec::new()],
            lateness: Histogram::default(),
        }
    }
}

impl Pump {
    /// The thread wakes each `turn`, sends what is due, and reads what came.
    ///
    /// # Errors
    /// No thread.
    pub fn start(ends: Ends, turn: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            sending: AtomicBool::new(true),
            receiving: AtomicBool::new(true),
            since_ns: AtomicU64::new(u64::MAX),
            sent: [AtomicU64::new(0), AtomicU64::new(0)],
            joining: Mutex::new(Vec::new()),
        });
        let own = shared.clone();
        let thread =
            std::thread::Builder::new().name("pump".into()).spawn(move || Generator::new(ends, own).run(turn))?;
        Ok(Pump { shared, thread: Some(thread), calls: 0 })
    }

    /// Both sides of a call begin to send: the calling one to the first of `remotes`. All streams are spread over the packet time anew.
    pub fn add(&mut self, server: IpAddr, remotes: [Remote; 2], payloads: [Payloads; 2]) {
        let call = self.calls as u32;
        self.calls += 1;
        let streams = remotes.into_iter().zip(payloads).enumerate().map(|(side, (from, payloads))| Stream {
            side,
            call,
            to: SocketAddr::new(server, from.port),
            protector: from.key.as_ref().and_then(|_| own_key()).map(|key| Protector::new(&key)),
            from,
            payloads,
            due: Instant::now(),
            count: 0,
        });
        self.joining().extend(streams);
    }

    fn joining(&self) -> std::sync::MutexGuard<'_, Vec<Stream>> {
        self.shared.joining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delays, lateness and what is counted `since` count from now on.
    pub fn measure(&self) {
        self.shared.since_ns.store(payload::now_ns(), Ordering::Release);
    }

    /// Packets sent so far, by both sides.
    pub fn sent(&self) -> u64 {
        self.shared.sent.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Stops sending, waits for what is on its way, and gives what was counted.
    ///
    /// # Errors
    /// The sockets', or the thread panicked.
    pub fn finish(mut self) -> Result<Outcome, Box<dyn std::error::Error>> {
        self.shared.sending.store(false, Ordering::Release);
        let Some(thread) = self.thread.take() else { return Err("finished before".into()) };
        let until = Instant::now() + LAST_ARRIVALS;
        // A thread that failed has nothing to wait for.
        while Instant::now() < until && !thread.is_finished() {
            std::thread::sleep(LAST_ARRIVALS / 100);
        }
        self.shared.receiving.store(false, Ordering::Release);
        Ok(thread.join().map_err(|_| "the generator panicked")??)
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.shared.receiving.store(false, Ordering::Release);
    }
}

/// What the thread owns.
struct Generator {
    ends: Ends,
    shared: Arc<Shared>,
    streams: Vec<Stream>,
    /// The stream whose turn is next. They stay in the order they are due in, since each comes again after the same time.
    next: usize,
    pairing: Pairing,
    inbox: Inbox,
    outcome: Outcome,
    packet: Vec<u8>,
}

impl Generator {
    fn new(ends: Ends, shared: Arc<Shared>) -> Self {
        Generator {
            ends,
            shared,
            streams: Vec::new(),
            next: 0,
            pairing: Pairing::default(),
            inbox: Inbox::new(),
            outcome: Outcome::default(),
            packet: Vec::with_capacity(1_500),
        }
    }

    fn run(mut self, turn: Duration) -> io::Result<Outcome> {
        // Wakes when it is time, not up to 50 µs later.
        set_timerslack(1)?;
        let mut next = Instant::now();
        while self.shared.receiving.load(Ordering::Acquire) {
            self.join();
            let since_ns = self.shared.since_ns.load(Ordering::Acquire);
            if self.shared.sending.load(Ordering::Acquire) {
                self.send_due(since_ns)?;
            }
            self.receive(since_ns)?;
            // A turn that took longer is not made up for: what is due is sent in the next.
            next = (next + turn).max(Instant::now());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(self.outcome)
    }

    fn join(&mut self) {
        let mut joining = self.shared.joining.lock().unwrap_or_else(PoisonError::into_inner);
        if joining.is_empty() {
            return;
        }
        for stream in joining.drain(..) {
            let unprotector = stream.from.key.as_ref().map(Unprotector::new);
            self.outcome.tallies[stream.side].expect(stream.from.port, unprotector);
            self.pairing.grow(stream.call as usize + 1);
            self.outcome.onsets[stream.side].push(Vec::new());
            self.streams.push(stream);
        }
        drop(joining);
        space_out(&mut self.streams, Instant::now());
        self.next = 0;
    }

    fn send_due(&mut self, since_ns: u64) -> io::Result<()> {
        let now = Instant::now();
        while let Some(stream) = self.streams.get_mut(self.next).filter(|s| s.due <= now) {
            let sent_ns = payload::now_ns();
            self.packet.clear();
            header(stream, &mut self.packet);
            let stamp = Stamp { side: stream.side as u8, call: stream.call, count: stream.count, sent_ns };
            stream.payloads.write(stamp, &mut self.packet);
            if let Some(protector) = &mut stream.protector {
                let plain = self.packet.len();
                self.packet.resize(plain + TAIL_ROOM, 0);
                let len = protector.protect_rtp(&mut self.packet, plain).map_err(io::Error::other)?;
                self.packet.truncate(len);
            }
            let late = stream.due.elapsed();
            match self.ends.rtp[stream.side].send_to(&self.packet, stream.to) {
                Ok(_) => {}
                // An ICMP answer to an earlier packet.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(e) => return Err(e),
            }
            self.outcome.sent[stream.side] += 1;
            if stream.payloads.is_onset(stream.count) {
                self.outcome.onsets[stream.side][stream.call as usize].push(sent_ns);
            }
            if sent_ns >= since_ns {
                self.outcome.sent_since[stream.side] += 1;
                self.outcome.lateness.record(late);
            }
            self.shared.sent[stream.side].fetch_add(1, Ordering::Relaxed);
            stream.count += 1;
            stream.due += PTIME;
            self.next = (self.next + 1) % self.streams.len();
        }
        Ok(())
    }

    fn receive(&mut self, since_ns: u64) -> io::Result<()> {
        let stamped = self.ends.kind.is_stamped();
        for (side, tally) in self.outcome.tallies.iter_mut().enumerate() {
            tally.measure_since(since_ns);
            let pairing = &mut self.pairing;
            self.inbox.drain(&self.ends.rtp[side], |arrival| tally.arrived(arrival, stamped, pairing))?;
            self.inbox.drain(&self.ends.rtcp[side], |_| {})?;
        }
        Ok(())
    }
}

/// Evenly over the packet time, beginning now.
fn space_out(streams: &mut [Stream], now: Instant) {
    let all = streams.len().max(1) as u32;
    for (stream, place) in streams.iter_mut().zip(0..) {
        stream.due = now + PTIME * place / all;
    }
}

/// RFC 3550 section 5.1, with the marker on the first packet.
fn header(stream: &Stream, out: &mut Vec<u8>) {
    let marker = if stream.count == 0 { 0x80 } else { 0 };
    let ssrc = 0x4c00_0000 | (stream.side as u32) << 20 | stream.call;
    out.extend_from_slice(&[0x80, marker | stream.from.payload_type]);
    out.extend_from_slice(&(stream.count as u16).to_be_bytes());
    out.extend_from_slice(&stream.count.wrapping_mul(stream.payloads.clock_step()).to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::Kind;
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn pump_until(ends: Ends, remotes: [Remote; 2], packets: u64) -> Outcome {
        let mut pump = Pump::start(ends, TURN).expect("a thread");
        pump.measure();
        pump.add(LOCALHOST, remotes, [Payloads::Stamped, Payloads::Stamped]);
        while pump.sent() < packets && pump.thread.as_ref().is_some_and(|t| !t.is_finished()) {
            std::thread::yield_now();
        }
        pump.finish().expect("sockets")
    }

    #[test]
    fn streams_are_spread_over_the_packet_time() {
        let now = Instant::now();
        let stream = |call| Stream {
            side: 0,
            call,
            from: Remote::plain(1),
            to: SocketAddr::new(LOCALHOST, 1),
            protector: None,
            payloads: Payloads::Stamped,
            due: now,
            count: 0,
        };
        let mut streams: Vec<Stream> = (0..4).map(stream).collect();
        space_out(&mut streams, now);
        let due: Vec<u128> = streams.iter().map(|s| (s.due - now).as_millis()).collect();
        assert_eq!(due, [0, 5, 10, 15]);
    }

    #[test]
    fn every_packet_sent_to_an_open_port_arrives_with_its_stamp() {
        let ends = Ends::open(LOCALHOST, Kind::Relay, None).expect("sockets");
        // Each side sends straight to the other, whose packets come from the port it sends to.
        let [caller, callee] = ends.addresses().expect("bound").map(|a| Remote::plain(a.port()));
        let outcome = pump_until(ends, [callee, caller], 20);
        let received = [1, 0].map(|n| outcome.tallies[n].totals.received_since);
        assert!(outcome.sent[0] >= 10, "{:?}", outcome.sent);
        assert_eq!((received, outcome.sent), (outcome.sent, outcome.sent_since));
        assert_eq!(outcome.tallies.map(|t| t.totals.foreign), [0, 0]);
        assert!(outcome.lateness.percentiles().is_some());
    }

    #[test]
    fn an_encrypted_side_and_a_plain_one_do_not_understand_each_other() {
        let ends = Ends::open(LOCALHOST, Kind::Srtp, None).expect("sockets");
        let [caller, callee] = ends.addresses().expect("bound").map(|a| a.port());
        let secure = Remote { key: own_key(), ..Remote::plain(callee) };
        let outcome = pump_until(ends, [secure, Remote::plain(caller)], 20);
        assert_eq!([0, 1].map(|n| outcome.tallies[n].totals.received), [0, 0]);
        assert!(outcome.tallies.iter().all(|t| t.totals.foreign >= 10));
    }

    #[test]
    fn srtp_of_one_side_is_understood_by_whoever_has_its_key() {
        let ends = Ends::open(LOCALHOST, Kind::Srtp, None).expect("sockets");
        let secure = ends.addresses().expect("bound").map(|a| Remote { key: own_key(), ..Remote::plain(a.port()) });
        let [caller, callee] = secure;
        let outcome = pump_until(ends, [callee, caller], 20);
        assert_eq!([1, 0].map(|n| outcome.tallies[n].totals.received), outcome.sent);
    }
}
