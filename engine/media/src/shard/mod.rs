//! Many legs on one thread: commands, packets and ticks in; packets to send and events out.
//! It owns no socket, port or clock: its driver is the RTP core. Start at [`Shard`].

mod batch;
mod clockwork;
mod contain;
mod events;
mod mixing;
mod moving;
mod route;
mod shared_encoder;
mod wiring;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::limits::RTP_PACKET_BYTES_MAX;
use tandem_model::{DropReason, Entropy, LegId, Timestamp, WallTime};

pub use batch::{Batch, Component, Outgoing, PACKET_ROOM};
pub use events::DropCounters;
pub(crate) use events::EventQueue;
pub use moving::Departed;
pub use route::Route;

use crate::control::{Command, Event, LegStats, OpenFailed};
use crate::jitter::JitterConfig;
use crate::leg::{Leg, NtpClock, Scratch};
use clockwork::{Clockwork, Due};
use contain::Failures;
use mixing::Mix;

/// A leg's place in its shard; free again, and given to another leg, after [`Shard::poll_released`] named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// How often a leg is looked at that has nothing to do but to watch for silence, reports that are due, and the quality: all matters of
/// seconds.
const WATCH_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug)]
pub struct ShardConfig {
    /// Legs at one time.
    pub legs_max: usize,
    /// Civil time at [`Timestamp::ZERO`], for sender reports.
    pub wall_at_zero: WallTime,
    /// Bounds of what the jitter buffers may add to the delay.
    pub jitter: JitterConfig,
}

/// Polling order after every input: flush the [`Batch`], then [`Shard::poll_event`] until None, then
/// [`Shard::poll_released`] until None. Nothing here allocates, locks or waits per packet.
pub struct Shard {
    config: ShardConfig,
    places: Vec<Option<Place>>,
    free: Vec<Slot>,
    by_id: BTreeMap<LegId, Slot>,
    mixes: Vec<Option<Mix>>,
    /// The mix whose packets of this tick are going out.
    sending: Option<usize>,
    clockwork: Clockwork,
    /// By slot: until when the ticks of a leg have nothing to do, unless something is done to it before.
    resting: Vec<Timestamp>,
    events: EventQueue,
    released: VecDeque<Slot>,
    drops: DropCounters,
    scratch: Box<Scratch>,
    rebuilt: u64,
}

struct Place {
    leg: Box<Leg>,
    link: Link,
    failures: Failures,
}

/// Who hears a leg, and whom it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Alone,
    /// Another leg, or with an echo itself.
    Partner(Slot),
    /// The members of a mix, by its index.
    Mix(usize),
}

impl Shard {
    pub fn new(config: ShardConfig) -> Self {
        Shard {
            config,
            places: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            mixes: Vec::new(),
            sending: None,
            clockwork: Clockwork::new(),
            resting: Vec::new(),
            events: EventQueue::new(),
            released: VecDeque::new(),
            drops: DropCounters::default(),
            scratch: Scratch::new(),
            rebuilt: 0,
        }
    }

    /// Takes a leg whose sockets are open, and reports [`Event::Opened`] with its port. `entropy` gives SSRC and starting points.
    ///
    /// # Errors
    /// [`OpenFailed::Overloaded`] when the shard is full or the leg is here already.
    pub fn open(
        &mut self,
        now: Timestamp,
        leg: LegId,
        rtp_port: u16,
        entropy: &mut dyn Entropy,
    ) -> Result<Slot, OpenFailed> {
        if self.by_id.len() >= self.config.legs_max || self.by_id.contains_key(&leg) {
            return Err(OpenFailed::Overloaded);
        }
        let slot = self.free_slot();
        let place = Place {
            leg: Box::new(Leg::new(now, leg, self.config.jitter, entropy)),
            link: Link::Alone,
            failures: Failures::default(),
        };
        self.places[slot.0] = Some(place);
        self.by_id.insert(leg, slot);
        self.clockwork.add(now, Due::Leg(slot));
        self.events.push(Event::Opened { leg, rtp_port });
        Ok(slot)
    }

    /// Everything but [`Command::Open`], which is the driver's: see [`Shard::open`].
    pub fn handle_command(&mut self, now: Timestamp, command: Command, batch: &mut Batch) {
        match command {
            Command::Open { .. } => {}
            Command::Configure { leg, spec } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, turn| leg.configure(turn.now, spec));
                    match self.link(slot) {
                        Link::Mix(at) => self.tune(at, now, batch),
                        Link::Alone | Link::Partner(_) => self.wire(slot, now, batch),
                    }
                }
            }
            Command::Bridge { a, b } => self.bridge(now, a, b, batch),
            Command::Unbridge { leg } => {
                if let Some(slot) = self.slot(leg) {
                    self.unlink(slot, now, batch);
                }
            }
            Command::Join { leg, mix, seat } => self.join(now, leg, mix, seat, batch),
            Command::PlayMix { mix, play, clip, repeat } => self.play_mix(mix, play, clip, repeat),
            Command::StopPlayMix { mix, play } => self.stop_play_mix(mix, play),
            Command::TapMix { mix, tap, rate, sink } => self.tap_mix(mix, tap, rate, sink),
            Command::UntapMix { mix, tap } => self.untap_mix(mix, tap),
            Command::Play { leg, play, clip, repeat } => {
                if let Some(slot) = self.slot(leg) {
                    self.with_events(slot, now, batch, |leg| [leg.play(play, clip, repeat), None]);
                }
            }
            Command::StopPlay { leg, play } => {
                if let Some(slot) = self.slot(leg) {
                    self.with_events(slot, now, batch, |leg| {
                        [leg.stop_playing(Some(play)), leg.end_stream(Some(play))]
                    });
                }
            }
            Command::AllowSilence { leg, allowed } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, turn| leg.allow_silence(turn.now, allowed));
                }
            }
            Command::StartStream { leg, play, rate } => {
                if let Some(slot) = self.slot(leg) {
                    self.with_events(slot, now, batch, |leg| [leg.start_stream(play, rate), None]);
                }
            }
            Command::Inject { leg, play, audio } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, _| leg.inject(play, audio));
                }
            }
            Command::Mark { leg, play, mark } => {
                if let Some(slot) = self.slot(leg) {
                    self.with_events(slot, now, batch, |leg| [leg.mark(play, mark), None]);
                }
            }
            Command::ClearStream { leg, play } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, turn| leg.clear_stream(turn, play));
                }
            }
            Command::SendDigits { leg, play, digits } => {
                if let Some(slot) = self.slot(leg) {
                    self.with_events(slot, now, batch, |leg| leg.send_digits(play, &digits));
                }
            }
            Command::PressDigit { leg, digit, duration_ms } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, turn| leg.forward_digit(turn, digit, duration_ms));
                }
            }
            Command::HearDigit { leg, digit, duration_ms } => {
                let Some(slot) = self.slot(leg) else { return };
                let heard = self.contained(slot, now, batch, |leg, turn| leg.hear_signalled(turn, digit, duration_ms));
                if let (Some(digit), Some(partner)) = (heard.flatten(), self.partner(slot)) {
                    self.contained(partner, now, batch, |leg, turn| leg.forward_digit(turn, digit, duration_ms));
                }
            }
            Command::Echo { leg, on } => {
                if let Some(slot) = self.slot(leg) {
                    self.echo(slot, on, now, batch);
                }
            }
            Command::Denoise { leg, on } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, _| leg.set_denoise(on));
                    self.wire(slot, now, batch);
                }
            }
            Command::Tap { leg, tap, rate, sink } => match self.slot(leg) {
                Some(slot) => {
                    self.contained(slot, now, batch, |leg, _| leg.tap(tap, rate, sink));
                    self.wire(slot, now, batch);
                }
                None => sink.ended(),
            },
            Command::Untap { leg, tap } => {
                if let Some(slot) = self.slot(leg) {
                    self.contained(slot, now, batch, |leg, _| leg.untap(tap));
                    self.wire(slot, now, batch);
                }
            }
            Command::Close { leg } => {
                if let Some(slot) = self.slot(leg) {
                    self.close(slot, now, batch);
                }
            }
            Command::Query { leg } => {
                if let Some(place) = self.slot(leg).and_then(|slot| self.place(slot)) {
                    let stats = Box::new(place.leg.stats());
                    self.events.push(Event::Stats { leg, stats });
                }
            }
            Command::InjectPanic { leg } => {
                let Some(slot) = self.slot(leg) else { return };
                self.wake(slot);
                if let Some(place) = self.place_mut(slot) {
                    place.leg.inject_panic();
                }
            }
        }
    }

    /// One datagram from one of a leg's sockets; its bytes are used up.
    pub fn handle_packet(
        &mut self,
        now: Timestamp,
        slot: Slot,
        component: Component,
        src: SocketAddr,
        packet: &mut [u8],
        batch: &mut Batch,
    ) {
        if packet.len() > RTP_PACKET_BYTES_MAX {
            self.drops.count(DropReason::MalformedRtp);
            return;
        }
        if self.place(slot).is_none() {
            self.drops.count(DropReason::NotConfigured);
            return;
        }
        match component {
            Component::Rtcp => {
                self.contained(slot, now, batch, |leg, turn| leg.receive_on_rtcp_port(turn, src, packet));
            }
            Component::Rtp => {
                let heard = self.contained(slot, now, batch, |leg, turn| leg.receive(turn, src, packet)).flatten();
                if let (Some(heard), Some(partner)) = (heard, self.partner(slot)) {
                    self.noise_may_rewire(slot, partner, &heard, now, batch);
                    let transcoded = self.is_transcoded(slot);
                    let payload = packet.get(heard.payload.clone()).unwrap_or(&[]);
                    self.contained(partner, now, batch, |leg, turn| {
                        if transcoded { leg.take_event(turn, &heard) } else { leg.relay(turn, &heard, payload) }
                    });
                }
            }
        }
    }

    /// Does what is due. True when the batch filled up before all was done: flush and call again.
    pub fn tick(&mut self, now: Timestamp, batch: &mut Batch) -> bool {
        loop {
            if !batch.has_room() {
                return self.sending.is_some() || self.clockwork.deadline().is_some_and(|at| at <= now);
            }
            if let Some(at) = self.sending {
                if self.send_mix(at, now, batch) {
                    self.sending = None;
                }
                continue;
            }
            match self.clockwork.next_due(now) {
                Some(Due::Leg(slot)) => self.tick_leg(slot, now, batch),
                Some(Due::Mix(at)) => self.tick_mix(at, now, batch),
                None => return false,
            }
        }
    }

    /// When [`Shard::tick`] has something to do next; None without legs.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.clockwork.deadline()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// A leg that ended: its sockets may be closed, its last packets being flushed.
    pub fn poll_released(&mut self) -> Option<Slot> {
        let slot = self.released.pop_front()?;
        self.free.push(slot);
        Some(slot)
    }

    pub fn slot(&self, leg: LegId) -> Option<Slot> {
        self.by_id.get(&leg).copied()
    }

    /// What a leg's media did so far.
    pub fn stats(&self, leg: LegId) -> Option<LegStats> {
        Some(self.place(self.slot(leg)?)?.leg.stats())
    }

    pub fn legs(&self) -> usize {
        self.by_id.len()
    }

    /// The legs here, in order of their ids.
    pub fn leg_ids(&self) -> impl Iterator<Item = LegId> + '_ {
        self.by_id.keys().copied()
    }

    pub fn drops(&self) -> &DropCounters {
        &self.drops
    }

    pub fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Legs rebuilt after a panic.
    pub fn rebuilt(&self) -> u64 {
        self.rebuilt
    }

    /// Ticks left out because the driver came too late for them.
    pub fn ticks_skipped(&self) -> u64 {
        self.clockwork.skipped()
    }

    fn tick_leg(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        // Most ticks of most legs find nothing to do: those do not even touch the leg.
        if self.resting.get(slot.0).is_some_and(|until| now < *until) {
            return;
        }
        if self.contained(slot, now, batch, |leg, turn| {
            leg.tick(turn);
            leg.only_watches()
        }) == Some(true)
        {
            self.resting[slot.0] = now + WATCH_EVERY;
            return;
        }
        // A member of a mix is heard when that ticks; a relayed leg is not heard at all.
        let heard_here = |place: &Place| !matches!(place.link, Link::Mix(_)) && place.leg.is_heard();
        if !self.place(slot).is_some_and(heard_here) {
            return;
        }
        let heard = self.contained(slot, now, batch, |leg, turn| leg.hear_tick(turn)).flatten();
        let (Some((samples, rate)), Some(partner)) = (heard, self.partner(slot)) else { return };
        let transcoded = self.is_transcoded(slot);
        let pcm = self.scratch.tick;
        self.contained(partner, now, batch, |leg, turn| match transcoded {
            true => leg.send_partner_pcm(turn, &pcm[..samples], rate),
            false => leg.overhear(&pcm[..samples], rate),
        });
    }

    fn close(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        self.unlink(slot, now, batch);
        self.contained(slot, now, batch, |leg, turn| {
            let ended = [leg.stop_playing(None), leg.end_stream(None)];
            ended.into_iter().flatten().for_each(|event| turn.events.push(event));
            leg.send_report(turn, true);
        });
        if let Some(place) = self.remove(slot) {
            self.events.push(Event::Closed { leg: place.leg.id(), stats: Box::new(place.leg.stats()) });
        }
    }

    fn free_slot(&mut self) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.resting.push(Timestamp::ZERO);
            Slot(self.places.len() - 1)
        });
        // Whoever had it before may have been at rest.
        self.wake(slot);
        slot
    }

    fn remove(&mut self, slot: Slot) -> Option<Place> {
        let place = self.places.get_mut(slot.0)?.take()?;
        self.by_id.remove(&place.leg.id());
        self.clockwork.remove(Due::Leg(slot));
        self.released.push_back(slot);
        Some(place)
    }

    /// The leg is to have its next tick, for something is done to it.
    fn wake(&mut self, slot: Slot) {
        if let Some(until) = self.resting.get_mut(slot.0) {
            *until = Timestamp::ZERO;
        }
    }

    fn place(&self, slot: Slot) -> Option<&Place> {
        self.places.get(slot.0)?.as_ref()
    }

    fn place_mut(&mut self, slot: Slot) -> Option<&mut Place> {
        self.places.get_mut(slot.0)?.as_mut()
    }

    fn with_events(
        &mut self,
        slot: Slot,
        now: Timestamp,
        batch: &mut Batch,
        f: impl FnOnce(&mut Leg) -> [Option<Event>; 2],
    ) {
        self.contained(slot, now, batch, |leg, turn| {
            f(leg).into_iter().flatten().for_each(|event| turn.events.push(event));
        });
    }

    fn clock(&self) -> NtpClock {
        NtpClock { origin: self.config.wall_at_zero }
    }
}
