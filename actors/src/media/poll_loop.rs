use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::Receiver;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tandem_media::control::{Command, Event};
use tandem_media::shard::{Batch, Component, Shard, ShardConfig, Slot};
use tandem_model::limits::{RTP_PACKET_BYTES_MAX, TICK};
use tandem_model::{Entropy, LegId, Timestamp, WallTime};

use super::handle::Message;
use super::load::{LegLoad, Load};
use super::metrics::{ShardCounts, ThreadMetrics};
use super::poller::{Poller, Ready, Socket, Waker};
use super::port_pool::{Port, PortPool};
use super::socket::LegSockets;
use super::spare::{Seats, SpareSockets};
use super::{EventSink, MediaConfig};

/// Commands done in one turn.
const COMMANDS_PER_TURN: usize = 256;
/// Packets between two flushes.
const BATCH_PACKETS: usize = 128;
/// Taken from one socket at a time: a leg gets a packet in 20 ms, so more than one are a burst or a flood, which takes its turn like
/// everybody.
const DATAGRAMS: usize = 4;
/// Bytes of one datagram that are read: an oversized packet is seen as such.
const DATAGRAM_BYTES: usize = 2_048;
const _: () = assert!(RTP_PACKET_BYTES_MAX < DATAGRAM_BYTES);
type Datagrams = crate::datagrams::Datagrams<DATAGRAMS, DATAGRAM_BYTES>;
/// Ticks over which lateness is averaged.
const LATENESS_TICKS: u32 = 64;
/// One leg's sockets are asked for their losses this often: each of 500 once in ten seconds.
const DROPS_ASKED_EVERY: Duration = TICK;

/// One media thread's possessions. They outlive a panic of the loop.
pub(super) struct Worker {
    pub(super) config: MediaConfig,
    pub(super) poller: Poller,
    commands: Receiver<Message>,
    pub(super) metrics: Arc<ThreadMetrics>,
    pub(super) ports: PortPool,
    clock: WorkerClock,
    pub(super) entropy: ChaCha,
    pub(super) shard: Shard,
    counts: ShardCounts,
    /// By slot.
    pub(super) legs: Vec<Option<OpenLeg>>,
    pub(super) seats: Seats,
    pub(super) spares: SpareSockets,
    /// How many legs each call has here.
    pub(super) calls: BTreeMap<u64, usize>,
    pub(super) load: Load,
    pub(super) batch: Batch,
    armed: Option<Timestamp>,
    /// The timer has rung since it was set.
    timer_rang: bool,
    /// Moving average of how late ticks come.
    pub(super) lateness: Duration,
    /// Whose losses are asked for next, and when.
    drops_asked: (Slot, Timestamp),
}

/// What the media threads count time from.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerClock {
    origin: Instant,
    wall_at_zero: WallTime,
}

impl WorkerClock {
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_at_zero = WallTime::from_unix_millis(i64::try_from(since_1970.as_millis()).unwrap_or(0));
        WorkerClock { origin: Instant::now(), wall_at_zero }
    }
}

pub(super) struct OpenLeg {
    pub leg: LegId,
    pub port: Port,
    pub sockets: LegSockets,
    pub load: LegLoad,
    /// Of the sockets' losses, those in the metrics already.
    pub drops: u64,
}

pub(super) struct ChaCha(ChaCha12Rng);

impl Entropy for ChaCha {
    fn fill(&mut self, out: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut self.0, out);
    }
}

impl Worker {
    /// # Errors
    /// The kernel's.
    pub fn new(
        config: MediaConfig,
        ports: PortPool,
        commands: Receiver<Message>,
        metrics: Arc<ThreadMetrics>,
        clock: WorkerClock,
    ) -> io::Result<Self> {
        let wall_at_zero = clock.wall_at_zero;
        Ok(Worker {
            poller: Poller::new()?,
            commands,
            metrics,
            shard: Shard::new(ShardConfig { legs_max: ports.size(), wall_at_zero, jitter: config.jitter }),
            ports,
            clock,
            entropy: ChaCha(ChaCha12Rng::from_rng(&mut rand::rng())),
            counts: ShardCounts::default(),
            legs: Vec::new(),
            seats: Seats::new(),
            spares: SpareSockets::new(config.cpus.len()),
            calls: BTreeMap::new(),
            load: Load::new(Timestamp::ZERO, config.load_max),
            batch: Batch::with_capacity(BATCH_PACKETS),
            armed: None,
            timer_rang: false,
            lateness: Duration::ZERO,
            drops_asked: (Slot(0), Timestamp::ZERO),
            config,
        })
    }

    pub fn waker(&self) -> Waker {
        self.poller.waker()
    }

    /// Runs until told to stop: wait, read what is ready, do commands and ticks, send once, report, sleep until the next tick.
    ///
    /// # Errors
    /// When the kernel refuses to poll or to arm the timer; the supervisor takes it as a panic.
    pub fn run(&mut self, sink: &dyn EventSink) -> io::Result<()> {
        let mut datagrams = Datagrams::new();
        let mut more_commands = true;
        // Until then the loop looks without sleeping.
        let mut awake_until = Timestamp::ZERO;
        self.publish();
        loop {
            let look_only = more_commands || (!self.config.busy_poll.is_zero() && self.now() < awake_until);
            let ready = self.poller.wait(look_only)?;
            if ready == 0 && !more_commands {
                continue;
            }
            let began = self.now();
            for index in 0..ready {
                match self.poller.ready(index) {
                    Some(Ready::Readable(port, which)) => self.read(port, which, &mut datagrams),
                    Some(Ready::Timer) => self.timer_rang = true,
                    Some(Ready::Woken) | None => {}
                }
            }
            self.poller.looking();
            more_commands = match self.take_commands(sink) {
                Taken::Stop => return Ok(()),
                Taken::All => false,
                Taken::Capped => true,
            };
            self.tick();
            self.finish_turn(sink);
            self.arm()?;
            more_commands |= !self.commands.is_empty();
            let ended = self.now();
            self.load.worked(began, ended);
            awake_until = ended + self.config.busy_poll;
        }
    }

    /// After a panic of the loop: every leg is reported failed, its sockets closed, and the shard made anew.
    pub fn fail_all(&mut self, sink: &dyn EventSink) {
        self.batch.clear();
        let now = self.now();
        for open in std::mem::take(&mut self.legs).into_iter().flatten() {
            let stats = self.shard.stats(open.leg).unwrap_or_default();
            self.deliver(sink, Event::Failed { leg: open.leg, stats: Box::new(stats) });
            self.seats.leave(open.port.number);
            self.ports.give_back(now, open.port);
        }
        let (legs_max, wall_at_zero) = (self.ports.size(), self.clock.wall_at_zero);
        self.shard = Shard::new(ShardConfig { legs_max, wall_at_zero, jitter: self.config.jitter });
        self.counts = ShardCounts::default();
        self.calls.clear();
        self.load = Load::new(now, self.config.load_max);
        (self.armed, self.timer_rang) = (None, true);
        self.lateness = Duration::ZERO;
        self.publish();
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.clock.origin.elapsed()
    }

    /// Takes what a socket has, up to so many that a flood on one port delays the others by microseconds only.
    fn read(&mut self, port: u16, which: Socket, datagrams: &mut Datagrams) {
        let slot = self.seats.slot(port);
        let open = slot.and_then(|slot| self.legs.get(slot.0)).and_then(Option::as_ref);
        let Some(sockets) = open.map(|open| &open.sockets).or_else(|| self.spares.get(port)) else { return };
        let (socket, component) = match which {
            Socket::Rtp => (&sockets.rtp, Component::Rtp),
            Socket::Rtcp => (&sockets.rtcp, Component::Rtcp),
            Socket::RtpPeer => match &sockets.rtp_peer {
                Some(connected) => (connected, Component::Rtp),
                None => return,
            },
        };
        let count = match datagrams.receive(socket) {
            Ok(count) => count,
            Err(error) => {
                // That nobody listens at the peer (RFC 1122 section 4.1.3.3): being told of it has cleared it, and the leg goes on.
                tracing::trace!(port, %error, "media socket");
                return self.poller.has_more(port, which);
            }
        };
        if count == DATAGRAMS {
            self.poller.has_more(port, which);
        }
        // What comes to a port that no leg has is nobody's.
        let Some(slot) = slot else { return };
        for n in 0..count {
            let now = self.now();
            let Some((packet, src)) = datagrams.get(n) else { continue };
            self.metrics.packet_in(packet.len());
            self.shard.handle_packet(now, slot, component, src, packet, &mut self.batch);
            if !self.batch.has_room() {
                self.flush();
            }
        }
    }

    fn take_commands(&mut self, sink: &dyn EventSink) -> Taken {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(Message::Command(command)) => self.command(command, sink),
                Ok(Message::Commands(commands)) => {
                    commands.into_iter().for_each(|command| self.command(command, sink));
                }
                Ok(Message::Move(order)) => self.depart(*order, sink),
                Ok(Message::Arrive(arriving)) => self.arrive(*arriving, sink),
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

    fn command(&mut self, command: Command, sink: &dyn EventSink) {
        if let Command::Open { leg } = command {
            return self.open(leg, sink);
        }
        let (now, concerned) = (self.now(), concerned(&command));
        self.shard.handle_command(now, command, &mut self.batch);
        if !self.batch.has_room() {
            self.flush();
        }
        // A leg that closed gives its slot and port back before the next command.
        self.settle_released();
        concerned.into_iter().flatten().for_each(|leg| self.routed(leg));
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
        self.tell(sink);
        self.ask_for_drops();
        self.publish();
    }

    /// What the shard has to report.
    pub(super) fn tell(&mut self, sink: &dyn EventSink) {
        while let Some(event) = self.shard.poll_event() {
            if let Event::Started { leg } = event {
                self.spoke(leg);
            }
            self.deliver(sink, event);
        }
    }

    /// Lets go of legs that ended, their last packets sent first.
    pub(super) fn settle_released(&mut self) {
        self.flush();
        while let Some(slot) = self.shard.poll_released() {
            if let Some(open) = self.legs.get_mut(slot.0).and_then(Option::take) {
                self.closed(open);
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
            let Some(open) = self.legs.get_mut(packet.slot.0).and_then(Option::as_mut) else { continue };
            let sent = match packet.component {
                Component::Rtp => open.sockets.send_rtp(packet.bytes(), packet.to),
                Component::Rtcp => open.sockets.send_rtcp(packet.bytes(), packet.to),
            };
            match sent {
                Ok(len) => self.metrics.packet_out(len),
                Err(error) => {
                    self.metrics.send_failed();
                    tracing::trace!(leg = %open.leg, %error, "media packet not sent");
                }
            }
            if let Some(peer) = open.sockets.wants_peer() {
                connect(open, peer, &self.config, &self.poller);
            }
        }
        self.batch.clear();
    }

    pub(super) fn deliver(&self, sink: &dyn EventSink, event: Event) {
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
        let room = self.load.has_room() && !self.is_late();
        self.metrics.set_load(self.load.measured(), room);
    }

    /// Adds to the metrics what one leg's sockets lost, and then another's.
    fn ask_for_drops(&mut self) {
        let now = self.now();
        let (slot, due) = self.drops_asked;
        if now < due {
            return;
        }
        if let Some(open) = self.legs.get_mut(slot.0).and_then(Option::as_mut) {
            open.count_drops(&self.metrics);
        }
        let next = if slot.0 + 1 < self.legs.len() { slot.0 + 1 } else { 0 };
        self.drops_asked = (Slot(next), now + DROPS_ASKED_EVERY);
    }

    /// Sets the timer to the shard's next deadline, unless it is set so already.
    fn arm(&mut self) -> io::Result<()> {
        let deadline = self.shard.deadline();
        if deadline == self.armed && !self.timer_rang {
            return Ok(());
        }
        let wait = deadline.map(|at| at.since(self.now()));
        self.poller.set_timer(wait)?;
        self.poller.rests_until(wait);
        (self.armed, self.timer_rang) = (deadline, false);
        Ok(())
    }
}

impl OpenLeg {
    pub fn count_drops(&mut self, metrics: &ThreadMetrics) {
        let drops = self.sockets.kernel_drops();
        metrics.kernel_dropped(drops.saturating_sub(self.drops));
        self.drops = drops.max(self.drops);
    }
}

/// A leg goes on without a connected socket when there is none to be had.
fn connect(open: &mut OpenLeg, peer: SocketAddr, config: &MediaConfig, poller: &Poller) {
    let connected = open.sockets.connect_peer(peer, &config.sockets).and_then(|made| match &open.sockets.rtp_peer {
        Some(socket) if made => poller.watch(open.port.number, Socket::RtpPeer, socket),
        _ => Ok(()),
    });
    if let Err(error) = connected {
        open.sockets.stay_open();
        tracing::debug!(leg = %open.leg, %error, "media socket could not be connected");
    }
}

/// The legs whose route a command may change.
fn concerned(command: &Command) -> [Option<LegId>; 2] {
    match command {
        Command::Bridge { a, b } => [Some(*a), Some(*b)],
        Command::Configure { leg, .. }
        | Command::Join { leg, .. }
        | Command::Unbridge { leg }
        | Command::Echo { leg, .. }
        | Command::Denoise { leg, .. }
        | Command::Tap { leg, .. }
        | Command::Untap { leg, .. } => [Some(*leg), None],
        _ => [None, None],
    }
}

enum Taken {
    All,
    Capped,
    Stop,
}
