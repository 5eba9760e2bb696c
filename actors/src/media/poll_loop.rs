use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::Receiver;
use mio::net::UdpSocket;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tandem_media::control::{Command, Event, OpenFailed};
use tandem_media::jitter::JitterConfig;
use tandem_media::shard::{Batch, Component, Shard, ShardConfig, Slot};
use tandem_model::limits::{RTP_PACKET_BYTES_MAX, TICK};
use tandem_model::{Entropy, LegId, Timestamp, WallTime};

use super::EventSink;
use super::handle::Message;
use super::metrics::{ShardCounts, ThreadMetrics};
use super::port_pool::PortPool;
use super::socket::SocketPair;

pub(super) const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// Packets taken from one socket in one turn, so that a flood on one port delays the others by microseconds only.
const READS_PER_TURN: usize = 16;
/// Commands done in one turn.
const COMMANDS_PER_TURN: usize = 256;
/// Packets between two flushes.
const BATCH_PACKETS: usize = 128;
const EVENTS_PER_POLL: usize = 1_024;
/// Ports tried before an open is refused: others on this host may sit on some.
const BINDS_PER_OPEN: usize = 32;
/// A thread whose ticks come a whole tick late on average takes no new leg: those it has come first.
const LATENESS_MAX: Duration = TICK;
/// Ticks over which lateness is averaged.
const LATENESS_TICKS: u32 = 64;

/// One media thread's possessions. They outlive a panic of the loop.
pub(super) struct Worker {
    address: IpAddr,
    poll: Poll,
    timer: TimerFd,
    commands: Receiver<Message>,
    metrics: Arc<ThreadMetrics>,
    ports: PortPool,
    origin: Instant,
    wall_at_zero: WallTime,
    jitter: JitterConfig,
    entropy: ChaCha,
    shard: Shard,
    counts: ShardCounts,
    /// By slot.
    legs: Vec<Option<OpenLeg>>,
    /// Sockets that had more than one turn takes.
    backlog: VecDeque<Token>,
    batch: Batch,
    armed: Option<Timestamp>,
    /// Moving average of how late ticks come.
    lateness: Duration,
}

struct OpenLeg {
    leg: LegId,
    port: u16,
    sockets: SocketPair,
}

struct ChaCha(ChaCha12Rng);

impl Entropy for ChaCha {
    fn fill(&mut self, out: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut self.0, out);
    }
}

impl Worker {
    pub fn new(
        address: IpAddr,
        ports: PortPool,
        jitter: JitterConfig,
        commands: Receiver<Message>,
        metrics: Arc<ThreadMetrics>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        poll.registry().register(&mut SourceFd(&timer.as_fd().as_raw_fd()), TIMER, Interest::READABLE)?;
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_at_zero = WallTime::from_unix_millis(i64::try_from(since_1970.as_millis()).unwrap_or(0));
        Ok(Worker {
            address,
            poll,
            timer,
            commands,
            metrics,
            shard: Shard::new(ShardConfig { legs_max: ports.available(), wall_at_zero, jitter }),
            ports,
            origin: Instant::now(),
            wall_at_zero,
            jitter,
            entropy: ChaCha(ChaCha12Rng::from_rng(&mut rand::rng())),
            counts: ShardCounts::default(),
            legs: Vec::new(),
            backlog: VecDeque::new(),
            batch: Batch::with_capacity(BATCH_PACKETS),
            armed: None,
            lateness: Duration::ZERO,
        })
    }

    pub fn waker(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.poll.registry(), WAKER)
    }

    /// Runs until told to stop: wait, read what is ready, do commands and ticks, send once, report, sleep until the next tick.
    ///
    /// # Errors
    /// When the kernel refuses to poll or to arm the timer; the supervisor takes it as a panic.
    pub fn run(&mut self, sink: &dyn EventSink) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        let mut ready: Vec<Token> = Vec::with_capacity(EVENTS_PER_POLL);
        let mut more_commands = true;
        self.publish();
        loop {
            let wait = (more_commands || !self.backlog.is_empty()).then_some(Duration::ZERO);
            match self.poll.poll(&mut events, wait) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            ready.clear();
            ready.extend(self.backlog.drain(..));
            ready.extend(events.iter().map(|e| e.token()).filter(|&t| t != WAKER && t != TIMER));
            for &token in &ready {
                self.read(token);
            }
            more_commands = match self.take_commands(sink) {
                Taken::Stop => return Ok(()),
                Taken::All => false,
                Taken::Capped => true,
            };
            self.tick();
            self.finish_turn(sink);
            self.arm()?;
        }
    }

    /// After a panic of the loop: every leg is reported failed, its sockets closed, and the shard made anew.
    pub fn fail_all(&mut self, sink: &dyn EventSink) {
        self.batch.clear();
        self.backlog.clear();
        let now = self.now();
        for open in std::mem::take(&mut self.legs).into_iter().flatten() {
            let stats = self.shard.stats(open.leg).unwrap_or_default();
            self.deliver(sink, Event::Failed { leg: open.leg, stats: Box::new(stats) });
            self.ports.release(now, open.port);
        }
        let legs_max = self.ports.available();
        self.shard = Shard::new(ShardConfig { legs_max, wall_at_zero: self.wall_at_zero, jitter: self.jitter });
        self.counts = ShardCounts::default();
        self.armed = None;
        self.lateness = Duration::ZERO;
        self.publish();
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    fn read(&mut self, token: Token) {
        let (slot, component) = from_token(token);
        let mut buf = [0; 2_048];
        const _: () = assert!(RTP_PACKET_BYTES_MAX < 2_048, "an oversized packet must be seen as such");
        for _ in 0..READS_PER_TURN {
            let Some(open) = self.legs.get(slot.0).and_then(Option::as_ref) else { return };
            match socket(&open.sockets, component).recv_from(&mut buf) {
                Ok((len, src)) => {
                    self.metrics.packet_in(len);
                    let (now, src) = (self.now(), canonical(src));
                    self.shard.handle_packet(now, slot, component, src, &mut buf[..len], &mut self.batch);
                    if !self.batch.has_room() {
                        self.flush();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::debug!(leg = %open.leg, %error, "media socket");
                    return;
                }
            }
        }
        // Edge-triggered: what is left must be read without another event.
        self.metrics.read_cap();
        self.backlog.push_back(token);
    }

    fn take_commands(&mut self, sink: &dyn EventSink) -> Taken {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(Message::Command(Command::Open { leg })) => self.open(leg, sink),
                Ok(Message::Command(command)) => {
                    let now = self.now();
                    self.shard.handle_command(now, command, &mut self.batch);
                    if !self.batch.has_room() {
                        self.flush();
                    }
                    // A leg that closed gives its slot and port back before the next command.
                    self.settle_released();
                }
                Ok(Message::Panic) => panic!("injected into a media thread"),
                Ok(Message::Stop) => {
                    self.close_all(sink);
                    return Taken::Stop;
                }
                Err(_) => return Taken::All,
            }
        }
        Taken::Capped
    }

    fn open(&mut self, leg: LegId, sink: &dyn EventSink) {
        if let Err(reason) = self.try_open(leg) {
            self.deliver(sink, Event::OpenFailed { leg, reason });
        }
    }

    fn try_open(&mut self, leg: LegId) -> Result<(), OpenFailed> {
        if self.shard.legs() > 0 && self.lateness > LATENESS_MAX {
            return Err(OpenFailed::Overloaded);
        }
        let (port, sockets) = self.bind_pair()?;
        let now = self.now();
        match self.shard.open(now, leg, port, &mut self.entropy) {
            Ok(slot) => {
                let mut open = OpenLeg { leg, port, sockets };
                let registered = self.register(slot, &mut open.sockets);
                if self.legs.len() <= slot.0 {
                    self.legs.resize_with(slot.0 + 1, || None);
                }
                self.legs[slot.0] = Some(open);
                if let Err(error) = registered {
                    // The leg was announced: it ends like any other.
                    tracing::warn!(%leg, %error, "media socket could not be watched");
                    self.shard.handle_command(now, Command::Close { leg }, &mut self.batch);
                    self.settle_released();
                }
                Ok(())
            }
            Err(reason) => {
                self.ports.release(now, port);
                Err(reason)
            }
        }
    }

    fn bind_pair(&mut self) -> Result<(u16, SocketPair), OpenFailed> {
        for _ in 0..BINDS_PER_OPEN {
            let now = self.now();
            let port = self.ports.take(now).ok_or(OpenFailed::PortsExhausted)?;
            match SocketPair::bind(self.address, port) {
                Ok(sockets) => return Ok((port, sockets)),
                Err(error) => {
                    self.ports.release(now, port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        tracing::warn!(port, %error, "media port could not be bound");
                        return Err(OpenFailed::Socket);
                    }
                }
            }
        }
        Err(OpenFailed::PortsExhausted)
    }

    fn register(&self, slot: Slot, sockets: &mut SocketPair) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut sockets.rtp, to_token(slot, Component::Rtp), Interest::READABLE)?;
        registry.register(&mut sockets.rtcp, to_token(slot, Component::Rtcp), Interest::READABLE)
    }

    fn tick(&mut self) {
        let now = self.now();
        if let Some(due) = self.shard.deadline().filter(|&due| due <= now) {
            let late = now.since(due);
            self.metrics.tick(late);
            self.lateness = (self.lateness * (LATENESS_TICKS - 1) + late) / LATENESS_TICKS;
            while self.shard.tick(now, &mut self.batch) {
                self.flush();
            }
        }
    }

    fn finish_turn(&mut self, sink: &dyn EventSink) {
        self.settle_released();
        while let Some(event) = self.shard.poll_event() {
            self.deliver(sink, event);
        }
        self.publish();
    }

    /// Closes the sockets of legs that ended, their last packets sent first.
    fn settle_released(&mut self) {
        self.flush();
        while let Some(slot) = self.shard.poll_released() {
            if let Some(open) = self.legs.get_mut(slot.0).and_then(Option::take) {
                let now = self.now();
                self.ports.release(now, open.port);
            }
        }
    }

    fn close_all(&mut self, sink: &dyn EventSink) {
        let legs: Vec<LegId> = self.shard.leg_ids().collect();
        for leg in legs {
            let now = self.now();
            self.shard.handle_command(now, Command::Close { leg }, &mut self.batch);
            self.settle_released();
        }
        self.finish_turn(sink);
    }

    fn flush(&mut self) {
        for packet in self.batch.iter() {
            let Some(open) = self.legs.get(packet.slot.0).and_then(Option::as_ref) else { continue };
            match socket(&open.sockets, packet.component).send_to(packet.bytes(), packet.to) {
                Ok(len) => self.metrics.packet_out(len),
                Err(error) => {
                    self.metrics.send_failed();
                    tracing::trace!(leg = %open.leg, %error, "media packet not sent");
                }
            }
        }
        self.batch.clear();
    }

    fn deliver(&self, sink: &dyn EventSink, event: Event) {
        if !sink.deliver(event) {
            self.metrics.event_lost(1);
        }
    }

    fn publish(&mut self) {
        let shard = &self.shard;
        let counts = ShardCounts {
            drops: *shard.drops(),
            ticks_skipped: shard.ticks_skipped(),
            rebuilt: shard.rebuilt(),
            events_lost: shard.events_lost(),
        };
        self.metrics.shard(&mut self.counts, counts);
        self.metrics.set_legs(shard.legs(), self.ports.available());
    }

    /// Sets the timer to the shard's next deadline, unless it is set so already. Setting it also clears an expiration.
    fn arm(&mut self) -> io::Result<()> {
        let deadline = self.shard.deadline();
        if deadline == self.armed {
            return Ok(());
        }
        match deadline {
            Some(at) => {
                // A zero would disarm it.
                let wait = at.since(self.now()).max(Duration::from_nanos(1));
                let once = Expiration::OneShot(TimeSpec::from_duration(wait));
                self.timer.set(once, TimerSetTimeFlags::empty())?;
            }
            None => self.timer.unset()?,
        }
        self.armed = deadline;
        Ok(())
    }
}

enum Taken {
    All,
    Capped,
    Stop,
}

fn socket(pair: &SocketPair, component: Component) -> &UdpSocket {
    match component {
        Component::Rtp => &pair.rtp,
        Component::Rtcp => &pair.rtcp,
    }
}

fn to_token(slot: Slot, component: Component) -> Token {
    Token(slot.0 * 2 + usize::from(component == Component::Rtcp))
}

fn from_token(token: Token) -> (Slot, Component) {
    (Slot(token.0 / 2), if token.0.is_multiple_of(2) { Component::Rtp } else { Component::Rtcp })
}

/// One peer, one address: flow labels and scopes of IPv6 must not make it two.
fn canonical(src: SocketAddr) -> SocketAddr {
    match src {
        SocketAddr::V4(_) => src,
        SocketAddr::V6(v6) => SocketAddr::new(IpAddr::V6(*v6.ip()), v6.port()),
    }
}
