//! How much of a media thread's time is used, and whether there is room for more. Arithmetic only: the poll loop tells it what happens.
//! Start at [`Load`].

use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_media::shard::Route;
use tandem_model::Timestamp;

/// The measured share is a moving average over about this long.
const MEMORY: Duration = Duration::from_secs(1);
/// The average moves in steps of this.
const WINDOW: Duration = Duration::from_millis(100);
/// How quickly the table of costs follows what this machine really spends.
const SCALE_MEMORY: Duration = Duration::from_secs(30);
/// Expected share below which the measured one says more of the machine than of the table.
const SCALE_FROM: f64 = 0.05;
/// A table that is off by more than this is not the table's fault: prompts, floods, a stolen CPU.
const SCALE_MAX: f64 = 4.0;

/// A share of a thread's time: 1.0 is all of it.
pub(super) type Share = f64;

/// The load of one thread.
///
/// What it carries in a moment is the sum of three: what was measured, what began too lately to be measured in full, and what was let in
/// but has not spoken yet. The last two are taken from a table of costs ([`cost`]), corrected by how far the table was off so far.
#[derive(Debug)]
pub(super) struct Load {
    /// New calls are let in up to here.
    max: Share,
    window_began: Timestamp,
    /// Busy in this window.
    busy: Duration,
    measured: Share,
    /// Of legs that speak: the part that the measured share does not show yet.
    fresh: Share,
    /// Of legs that speak, by the table.
    expected: Share,
    /// Of legs that do not speak yet, by the table.
    reserved: Share,
    /// What the table is to be multiplied with.
    scale: f64,
    legs: usize,
}

/// What one leg is counted as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LegLoad {
    cost: Share,
    speaks: bool,
}

impl LegLoad {
    /// Its first packet came.
    pub fn has_spoken(&self) -> bool {
        self.speaks
    }
}

impl Load {
    /// `max` is where new calls end: a share above 0.
    pub fn new(now: Timestamp, max: Share) -> Self {
        Load {
            max,
            window_began: now,
            busy: Duration::ZERO,
            measured: 0.0,
            fresh: 0.0,
            expected: 0.0,
            reserved: 0.0,
            scale: 1.0,
            legs: 0,
        }
    }

    /// The thread worked from `began` to `ended`.
    pub fn worked(&mut self, began: Timestamp, ended: Timestamp) {
        self.busy += ended.since(began);
        self.settle(ended);
    }

    /// Brings the averages up to `now`.
    pub fn settle(&mut self, now: Timestamp) {
        let window = now.since(self.window_began);
        if window < WINDOW {
            return;
        }
        let sample = (self.busy.as_secs_f64() / window.as_secs_f64()).min(1.0);
        let kept = (-window.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.measured = sample + (self.measured - sample) * kept;
        self.fresh *= kept;
        (self.busy, self.window_began) = (Duration::ZERO, now);
        // Only what is settled says how good the table is.
        if self.expected >= SCALE_FROM && self.fresh < self.expected / 10.0 {
            let found = (self.measured / self.expected).clamp(1.0 / SCALE_MAX, SCALE_MAX);
            let kept = (-window.as_secs_f64() / SCALE_MEMORY.as_secs_f64()).exp();
            self.scale = found + (self.scale - found) * kept;
        }
    }

    /// The share that was measured.
    pub fn measured(&self) -> Share {
        self.measured
    }

    /// The share in use once everything let in speaks.
    pub fn projected(&self) -> Share {
        self.measured + self.fresh + self.reserved * self.scale
    }

    /// Is there room for a new call?
    pub fn has_room(&self) -> bool {
        // The first is always taken: a limit below the cost of one call is no limit but a mistake.
        self.legs == 0 || self.projected() + 2.0 * cost(&OPENED) * self.scale <= self.max
    }

    /// Is there room for one more leg of a call that is here? It was let in with this leg in mind, so the half of what is above the
    /// limit is for those.
    pub fn has_room_for_running(&self) -> bool {
        self.projected() <= (1.0 + self.max) / 2.0
    }

    /// A leg was let in. Its route is not known yet: it is counted as relayed.
    pub fn opened(&mut self) -> LegLoad {
        let leg = LegLoad { cost: cost(&OPENED), speaks: false };
        self.reserved += leg.cost;
        self.legs += 1;
        leg
    }

    /// A leg came from another thread, counted as it was there.
    pub fn arrived(&mut self, leg: &LegLoad) {
        if leg.speaks {
            self.expected += leg.cost;
            self.fresh += leg.cost * self.scale;
        } else {
            self.reserved += leg.cost;
        }
        self.legs += 1;
    }

    /// Its first packet came.
    pub fn spoke(&mut self, leg: &mut LegLoad) {
        if !std::mem::replace(&mut leg.speaks, true) {
            self.reserved -= leg.cost;
            self.expected += leg.cost;
            self.fresh += leg.cost * self.scale;
        }
    }

    /// It was configured or wired anew. What it costs less shows in the measured share soon enough.
    pub fn routed(&mut self, leg: &mut LegLoad, route: &Route) {
        let before = std::mem::replace(&mut leg.cost, cost(route));
        let more = leg.cost - before;
        if leg.speaks {
            self.expected += more;
            self.fresh += more.max(0.0) * self.scale;
        } else {
            self.reserved += more;
        }
    }

    pub fn closed(&mut self, leg: &LegLoad) {
        let sum = if leg.speaks { &mut self.expected } else { &mut self.reserved };
        *sum -= leg.cost;
        self.legs = self.legs.saturating_sub(1);
        if self.legs == 0 {
            // What rounding left over ends here.
            (self.fresh, self.expected, self.reserved) = (0.0, 0.0, 0.0);
        }
    }
}

/// A leg that nothing is known of.
const OPENED: Route =
    Route { codec: None, packets_per_second: 50, encrypted: false, decodes: false, encodes: false, mixed: false };

/// What one leg costs in a second, as a share of one CPU: what it takes in and what it is sent. Measured: see `docs/media-io.md`.
pub(super) fn cost(route: &Route) -> Share {
    /// Receiving a packet and sending one, with all that the kernel does.
    const RELAY_US: f64 = 9.0;
    /// Both directions of one packet, AES-CM with HMAC-SHA1.
    const SRTP_US: f64 = 0.7;
    /// Resampling and summing one member.
    const MIX_US: f64 = 5.0;
    let (decode_us, encode_us) = match route.codec {
        None => (0.0, 0.0),
        Some(
            CodecId::Pcmu
            | CodecId::Pcma
            | CodecId::L16At8k
            | CodecId::L16At16k
            | CodecId::L16At24k
            | CodecId::L16At48k,
        ) => (2.0, 1.0),
        Some(CodecId::G722) => (9.0, 12.0),
        // To and from 8 kHz, which is what most of them meet.
        Some(CodecId::Opus) => (28.0, 84.0),
    };
    let mut packet_us = RELAY_US;
    if route.encrypted {
        packet_us += SRTP_US;
    }
    let mut share_us = packet_us * f64::from(route.packets_per_second);
    // Codecs work by the 20 ms, whatever the packets are.
    if route.decodes || route.mixed {
        share_us += decode_us * 50.0;
    }
    if route.encodes {
        share_us += encode_us * 50.0;
    }
    if route.mixed {
        // Summing, and its part in encoders that most members share.
        share_us += (MIX_US + encode_us / 4.0) * 50.0;
    }
    share_us / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAYED: Route = OPENED;
    const TRANSCODED: Route = Route { codec: Some(CodecId::Opus), decodes: true, encodes: true, ..OPENED };

    /// Works that share of each 10 ms for so long.
    fn work(load: &mut Load, from: Timestamp, secs: u32, share: Share) -> Timestamp {
        let step = Duration::from_millis(10);
        let mut now = from;
        for _ in 0..secs * 100 {
            load.worked(now, now + step.mul_f64(share));
            now = now + step;
            load.settle(now);
        }
        now
    }

    #[test]
    fn the_measured_share_follows_the_work_within_seconds_and_forgets_it() {
        let mut load = Load::new(Timestamp::ZERO, 0.8);
        let now = work(&mut load, Timestamp::ZERO, 1, 0.5);
        assert!((0.25..0.4).contains(&load.measured()), "{}", load.measured());
        let now = work(&mut load, now, 4, 0.5);
        assert!((0.48..0.51).contains(&load.measured()), "{}", load.measured());
        // Asleep in one piece: nobody called meanwhile.
        load.settle(now + Duration::from_secs(5));
        assert!(load.measured() < 0.01);
    }

    #[test]
    fn calls_that_come_at_once_are_counted_before_they_can_be_measured() {
        let mut load = Load::new(Timestamp::ZERO, 0.5);
        let mut legs = Vec::new();
        while load.has_room() {
            legs.push(load.opened());
            assert!(legs.len() < 10_000);
        }
        let fits = (0.5 / cost(&RELAYED)) as usize;
        assert!((fits - 3..=fits).contains(&legs.len()), "{} of {fits}", legs.len());
        // They begin to speak: nothing changes at once, and what is measured takes the place of what was expected.
        for leg in &mut legs {
            load.spoke(leg);
        }
        assert!(!load.has_room());
        let share = legs.len() as f64 * cost(&RELAYED);
        let mut now = Timestamp::ZERO;
        for _ in 0..50 {
            now = work(&mut load, now, 1, share);
            assert!((load.projected() - share).abs() < 0.1 * share, "{} of {share}", load.projected());
        }
    }

    #[test]
    fn what_ends_makes_room() {
        let mut load = Load::new(Timestamp::ZERO, 0.1);
        let mut legs: Vec<_> = std::iter::from_fn(|| load.has_room().then(|| load.opened())).collect();
        assert!(!load.has_room());
        for leg in legs.split_off(legs.len() / 2) {
            load.closed(&leg);
        }
        assert!(load.has_room());
        // Also when it spoke, once the average has forgotten it.
        legs.iter_mut().for_each(|leg| load.spoke(leg));
        let now = work(&mut load, Timestamp::ZERO, 5, 0.3);
        assert!(!load.has_room());
        legs.iter().for_each(|leg| load.closed(leg));
        load.settle(now + Duration::from_secs(5));
        assert!(load.has_room() && load.projected() < 0.01);
    }

    #[test]
    fn the_limit_is_for_new_calls_and_half_of_the_rest_for_legs_of_running_ones() {
        let mut load = Load::new(Timestamp::ZERO, 0.8);
        let _leg = load.opened();
        let now = work(&mut load, Timestamp::ZERO, 10, 0.85);
        assert!(!load.has_room() && load.has_room_for_running());
        work(&mut load, now, 10, 0.95);
        assert!(!load.has_room_for_running());
    }

    #[test]
    fn the_first_call_is_taken_whatever_the_limit() {
        let mut load = Load::new(Timestamp::ZERO, 0.000_01);
        assert!(load.has_room());
        let leg = load.opened();
        assert!(!load.has_room());
        load.closed(&leg);
        assert!(load.has_room());
    }

    #[test]
    fn a_route_that_gets_dearer_is_counted_at_once() {
        let mut load = Load::new(Timestamp::ZERO, 0.8);
        let mut leg = load.opened();
        let before = load.projected();
        load.routed(&mut leg, &TRANSCODED);
        assert!(load.projected() > before + 0.003);
        load.spoke(&mut leg);
        load.routed(&mut leg, &RELAYED);
        load.routed(&mut leg, &TRANSCODED);
        assert!(load.projected() > before + 0.003);
        load.closed(&leg);
        assert_eq!(load.projected(), 0.0);
    }

    #[test]
    fn a_machine_that_is_slower_than_the_table_is_found_out() {
        let mut load = Load::new(Timestamp::ZERO, 0.8);
        let mut legs: Vec<_> = (0..400).map(|_| load.opened()).collect();
        legs.iter_mut().for_each(|leg| load.spoke(leg));
        let share = 400.0 * cost(&RELAYED) * 2.0;
        work(&mut load, Timestamp::ZERO, 120, share);
        assert!((1.8..2.2).contains(&load.scale), "{}", load.scale);
        // So a leg takes twice the room.
        let before = load.projected();
        load.opened();
        assert!((load.projected() - before) / cost(&RELAYED) > 1.8);
    }

    #[test]
    fn encryption_and_codecs_cost_what_they_do() {
        let encrypted = Route { encrypted: true, ..RELAYED };
        let long = Route { packets_per_second: 16, ..RELAYED };
        assert!(cost(&long) < cost(&RELAYED) && cost(&RELAYED) < cost(&encrypted));
        assert!(cost(&encrypted) < cost(&TRANSCODED));
        let mixed = Route { mixed: true, codec: Some(CodecId::Opus), ..RELAYED };
        assert!(cost(&encrypted) < cost(&mixed) && cost(&mixed) < cost(&TRANSCODED));
        // A call with Opus at one end, as measured: 0.73 to 0.79 % of a CPU.
        let pcmu = Route { codec: Some(CodecId::Pcmu), ..TRANSCODED };
        let call = cost(&TRANSCODED) + cost(&pcmu);
        assert!((0.004..0.008).contains(&call), "{call}");
    }
}
