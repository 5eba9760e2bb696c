//! What arrived at one side.

use std::collections::BTreeMap;

use super::payload::Stamp;

/// One bit for each packet that may come, and the delays of those that did.
pub struct Tally {
    /// By call: bits by count.
    seen: Vec<Vec<u64>>,
    /// By source port: sequence numbers for payloads without a stamp.
    streams: BTreeMap<u16, Stream>,
    /// In microseconds, up to 1 s, by 50.
    delays: Vec<u64>,
    pub totals: Totals,
}

#[derive(Default)]
struct Stream {
    first: u32,
    highest: u32,
    packets: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Different packets.
    pub received: u64,
    pub duplicates: u64,
    /// RTP that carries no stamp where one was expected.
    pub foreign: u64,
    /// Gaps in the sequence numbers of unstamped streams.
    pub gaps: u64,
    pub streams: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

const BUCKET_US: u64 = 50;
const BUCKETS: usize = 20_000;

impl Tally {
    pub fn new(calls: usize) -> Self {
        Tally {
            seen: vec![Vec::new(); calls],
            streams: BTreeMap::new(),
            delays: vec![0; BUCKETS],
            totals: Totals::default(),
        }
    }

    pub fn stamped(&mut self, stamp: Option<Stamp>, now_ns: u64) {
        let Some(stamp) = stamp else {
            self.totals.foreign += 1;
            return;
        };
        let Some(bits) = self.seen.get_mut(stamp.call as usize) else {
            self.totals.foreign += 1;
            return;
        };
        let (word, bit) = (stamp.count as usize / 64, 1 << (stamp.count % 64));
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        if bits[word] & bit != 0 {
            self.totals.duplicates += 1;
            return;
        }
        bits[word] |= bit;
        self.totals.received += 1;
        let bucket = now_ns.saturating_sub(stamp.sent_ns) / 1_000 / BUCKET_US;
        self.delays[(bucket as usize).min(BUCKETS - 1)] += 1;
    }

    pub fn sequence(&mut self, source_port: u16, sequence: u16) {
        let stream = self.streams.entry(source_port).or_insert_with(|| {
            let at = 65_536 + u32::from(sequence);
            Stream { first: at, highest: at, packets: 0 }
        });
        stream.packets += 1;
        let step = sequence.wrapping_sub(stream.highest as u16) as i16;
        if step > 0 {
            stream.highest += step as u32;
        }
    }

    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        for stream in self.streams.values() {
            totals.received += stream.packets;
            totals.gaps += u64::from(stream.highest - stream.first + 1).saturating_sub(stream.packets);
            totals.streams += 1;
        }
        totals
    }

    /// None when nothing with a stamp came.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let all: u64 = self.delays.iter().sum();
        if all == 0 {
            return None;
        }
        let at = |share: f64| {
            let wanted = ((all as f64 * share).ceil() as u64).max(1);
            let mut sum = 0;
            let index = self.delays.iter().position(|n| {
                sum += n;
                sum >= wanted
            });
            (index.unwrap_or(BUCKETS - 1) as u64 + 1) as f64 * BUCKET_US as f64 / 1_000.0
        };
        Some(Percentiles { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_counts_once_and_delays_are_ranked() {
        let mut tally = Tally::new(2);
        for count in 0..100 {
            let late = if count == 99 { 30_000_000 } else { 400_000 };
            tally.stamped(Some(Stamp { call: 1, count, sent_ns: 1_000 }), 1_000 + late);
        }
        tally.stamped(Some(Stamp { call: 1, count: 5, sent_ns: 1_000 }), 2_000);
        tally.stamped(Some(Stamp { call: 2, count: 5, sent_ns: 1_000 }), 2_000);
        tally.stamped(None, 2_000);
        let totals = tally.totals();
        assert_eq!((totals.received, totals.duplicates, totals.foreign), (100, 1, 2));
        let p = tally.percentiles().expect("delays");
        assert_eq!((p.p50_ms, p.p99_ms, p.max_ms), (0.45, 0.45, 30.05));
    }

    #[test]
    fn a_gap_is_seen_across_the_wrap_and_a_late_packet_fills_it() {
        let mut tally = Tally::new(0);
        for sequence in [65_534, 65_535, 1, 0, 3] {
            tally.sequence(4_000, sequence);
        }
        let totals = tally.totals();
        assert_eq!((totals.received, totals.gaps, totals.streams), (5, 1, 1));
        assert_eq!(tally.percentiles(), None);
    }
}
