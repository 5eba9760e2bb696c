use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Entropy, SeedEntropy, Timestamp};

/// A network between two layers that loses, repeats and delays datagrams, all from one seed.
pub struct Link {
    entropy: SeedEntropy,
    loss_percent: u64,
    repeat_percent: u64,
    delay_ms_max: u64,
    sequence: u64,
    /// By arrival, then by order of sending: from, to, bytes.
    flying: BTreeMap<(Timestamp, u64), (Endpoint, Endpoint, Bytes)>,
}

impl Link {
    pub fn new(seed: u64, loss_percent: u64, repeat_percent: u64, delay_ms_max: u64) -> Self {
        let entropy = SeedEntropy::new(seed);
        Link { entropy, loss_percent, repeat_percent, delay_ms_max, sequence: 0, flying: BTreeMap::new() }
    }

    pub fn send(&mut self, now: Timestamp, from: Endpoint, to: Endpoint, bytes: &Bytes) {
        let copies = 1 + usize::from(self.chance(self.repeat_percent));
        for _ in 0..copies {
            if self.chance(self.loss_percent) {
                continue;
            }
            let delay = Duration::from_millis(self.entropy.next_u64() % (self.delay_ms_max + 1));
            self.sequence += 1;
            self.flying.insert((now + delay, self.sequence), (from, to, bytes.clone()));
        }
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    pub fn receive(&mut self, now: Timestamp) -> Option<(Endpoint, Endpoint, Bytes)> {
        if self.deadline()? > now {
            return None;
        }
        self.flying.pop_first().map(|(_, packet)| packet)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.entropy.next_u64() % 100 < percent
    }
}
