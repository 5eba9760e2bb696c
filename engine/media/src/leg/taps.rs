use std::sync::Arc;

use tandem_model::limits::{TAPS_PER_LEG_MAX, TICK};
use tandem_model::{SampleRate, Timestamp};

use super::tick_samples;
use super::turn::TICK_SAMPLES_MAX;
use crate::resample::RateFifo;
use crate::tap::{TAP_RATES, TapFrame, TapId, TapSink};

/// A track may run ahead by so many ticks before its oldest are given up: partners tick in phases of their own.
const AHEAD_TICKS_MAX: usize = 3;
/// A tick that comes this much too late is not late: ticks before it were left out.
const LEFT_OUT_MIN: u64 = 3;

/// The taps of one leg: both directions are gathered at each tap's rate and handed over once a tick.
#[derive(Default)]
pub(crate) struct Taps {
    taps: Vec<Tap>,
}

struct Tap {
    id: TapId,
    rate: SampleRate,
    sink: Arc<dyn TapSink>,
    /// The last frame's number, and when the first was due.
    last: Option<(u64, Timestamp)>,
    inbound: RateFifo,
    outbound: RateFifo,
}

impl Taps {
    /// Puts a tap on, in the place of one of the same id. Its sink is ended at once when the leg has enough of them or the rate
    /// is none of [`TAP_RATES`].
    pub fn add(&mut self, id: TapId, rate: SampleRate, sink: Arc<dyn TapSink>) {
        self.remove(id);
        if self.taps.len() >= TAPS_PER_LEG_MAX || !TAP_RATES.contains(&rate) {
            return sink.ended();
        }
        self.taps.push(Tap { id, rate, sink, last: None, inbound: track(rate), outbound: track(rate) });
    }

    pub fn remove(&mut self, id: TapId) {
        if let Some(at) = self.taps.iter().position(|tap| tap.id == id) {
            self.taps.remove(at).sink.ended();
        }
    }

    /// The highest rate asked for; None without a tap.
    pub fn rate(&self) -> Option<SampleRate> {
        self.taps.iter().map(|tap| tap.rate).max()
    }

    pub fn inbound(&mut self, pcm: &[i16], rate: SampleRate) {
        self.taps.iter_mut().for_each(|tap| gather(&mut tap.inbound, pcm, rate));
    }

    pub fn outbound(&mut self, pcm: &[i16], rate: SampleRate) {
        self.taps.iter_mut().for_each(|tap| gather(&mut tap.outbound, pcm, rate));
    }

    /// One tick of each track to each sink.
    pub fn hand_over(&mut self, now: Timestamp) {
        for tap in &mut self.taps {
            let (mut inbound, mut outbound) = ([0; TICK_SAMPLES_MAX], [0; TICK_SAMPLES_MAX]);
            let samples = tick_samples(tap.rate).min(TICK_SAMPLES_MAX);
            tap.inbound.take(&mut inbound[..samples]);
            tap.outbound.take(&mut outbound[..samples]);
            let tick = tap.count(now);
            tap.sink.take(TapFrame { tick, inbound: &inbound[..samples], outbound: &outbound[..samples] });
        }
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        self.taps.iter().for_each(|tap| tap.sink.ended());
    }
}

impl Tap {
    fn count(&mut self, now: Timestamp) -> u64 {
        let (tick, began) = match self.last {
            None => (0, now),
            Some((last, began)) => {
                let by_clock = ((now.since(began) + TICK / 2).as_nanos() / TICK.as_nanos()) as u64;
                (if by_clock > last + LEFT_OUT_MIN { by_clock } else { last + 1 }, began)
            }
        };
        self.last = Some((tick, began));
        tick
    }
}

/// One direction on its way to the tap's rate.
fn track(rate: SampleRate) -> RateFifo {
    RateFifo::new(rate, rate, tick_samples(rate) * AHEAD_TICKS_MAX)
}

fn gather(track: &mut RateFifo, pcm: &[i16], rate: SampleRate) {
    track.set_source(rate);
    track.push(pcm);
}
