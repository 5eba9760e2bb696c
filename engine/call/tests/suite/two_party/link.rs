use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Entropy, SeedEntropy, Timestamp};

/// How bad a network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub loss_percent: u64,
    pub repeat_percent: u64,
    /// Each datagram takes from nothing to this long, so that later ones overtake.
    pub delay_ms_max: u64,
    /// A stream: in order, nothing lost.
    pub stream: bool,
}

pub struct Link {
    weather: Weather,
    entropy: SeedEntropy,
    sequence: u64,
    /// By arrival, then by order of sending: from, to, bytes.
    flying: BTreeMap<(Timestamp, u64), (Endpoint, Endpoint, Bytes)>,
}

impl Link {
    pub fn new(seed: u64, weather: Weather) -> Self {
        Link { weather, entropy: SeedEntropy::new(seed), sequence: 0, flying: BTreeMap::new() }
    }

    pub fn send(&mut self, now: Timestamp, from: Endpoint, to: Endpoint, bytes: Bytes) {
        let w = self.weather;
        let copies = 1 + u64::from(!w.stream && self.percent() < w.repeat_percent);
        for _ in 0..copies {
            if !w.stream && self.percent() < w.loss_percent {
                continue;
            }
            let delay_ms = if w.stream { w.delay_ms_max } else { self.entropy.next_u64() % (w.delay_ms_max + 1) };
            self.sequence += 1;
            let at = now + Duration::from_millis(delay_ms);
            self.flying.insert((at, self.sequence), (from, to, bytes.clone()));
        }
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    pub fn receive(&mut self, now: Timestamp) -> Option<(Endpoint, Endpoint, Bytes)> {
        if self.deadline()? > now {
            return None;
        }
        self.flying.pop_first().map(|(_, datagram)| datagram)
    }

    fn percent(&mut self) -> u64 {
        self.entropy.next_u64() % 100
    }
}
