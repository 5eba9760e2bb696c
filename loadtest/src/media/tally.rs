//! What arrived at one side.

use std::time::Duration;

use tandem_media::srtp::Unprotector;

use super::heard::Heard;
use super::histogram::Histogram;
use super::pairing::Pairing;
use super::payload::Stamp;

const RTP_HEADER: usize = 12;

/// One bit for each packet that may come, and the delays of those that did.
pub struct Tally {
    /// 0 the calling side, 1 the called one.
    side: usize,
    /// By source port, the stream that comes from there, counted from 1.
    by_port: Vec<u32>,
    streams: Vec<Stream>,
    /// Of packets sent since then.
    pub delays: Histogram,
    since_ns: u64,
    pub totals: Totals,
}

/// What one party hears.
struct Stream {
    unprotector: Option<Unprotector>,
    /// Bits by count, of stamped payloads.
    seen: Vec<u64>,
    /// The others.
    heard: Heard,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Different packets.
    pub received: u64,
    /// Of these, sent since the measurement began.
    pub received_since: u64,
    pub duplicates: u64,
    /// No RTP, of another party, from nowhere, or not what our key protects.
    pub foreign: u64,
}

/// A datagram, and when the kernel had it.
pub struct Arrival<'a> {
    pub bytes: &'a mut [u8],
    pub port: u16,
    pub at_ns: u64,
}

impl Tally {
    pub fn new(side: usize) -> Self {
        Tally {
            side,
            by_port: vec![0; 1 << 16],
            streams: Vec::new(),
            delays: Histogram::default(),
            since_ns: u64::MAX,
            totals: Totals::default(),
        }
    }

    /// The next party hears what comes from this port of the server.
    pub fn expect(&mut self, port: u16, unprotector: Option<Unprotector>) {
        self.streams.push(Stream { unprotector, seen: Vec::new(), heard: Heard::default() });
        self.by_port[usize::from(port)] = self.streams.len() as u32;
    }

    /// Delays count from now on.
    pub fn measure_since(&mut self, ns: u64) {
        self.since_ns = ns;
    }

    pub fn arrived(&mut self, arrival: Arrival<'_>, stamped: bool, pairing: &mut Pairing) {
        if self.take(arrival, stamped, pairing).is_none() {
            self.totals.foreign += 1;
        }
    }

    /// None for what should not have come.
    fn take(&mut self, arrival: Arrival<'_>, stamped: bool, pairing: &mut Pairing) -> Option<()> {
        let index = (self.by_port[usize::from(arrival.port)] as usize).checked_sub(1)?;
        let stream = &mut self.streams[index];
        let len = match &mut stream.unprotector {
            Some(unprotector) => unprotector.unprotect_rtp(arrival.bytes, arrival.bytes.len()).ok()?,
            None => arrival.bytes.len(),
        };
        let (header, payload) = arrival.bytes[..len].split_first_chunk::<RTP_HEADER>()?;
        // No peer here sends padding, extensions or contributors (RFC 3550 section 5.1).
        if header[0] != 0x80 {
            return None;
        }
        if !stamped {
            let [_, kind, s0, s1, t0, t1, t2, t3, ..] = *header;
            stream.heard.keep(
                u16::from_be_bytes([s0, s1]),
                u32::from_be_bytes([t0, t1, t2, t3]),
                kind & 0x7f,
                payload,
                arrival.at_ns,
            );
            self.totals.received += 1;
            return Some(());
        }
        let stamp = Stamp::read(payload)?;
        let ends = if self.side == 0 { [index, stamp.call as usize] } else { [stamp.call as usize, index] };
        if usize::from(stamp.side) == self.side || !pairing.allows(ends[0], ends[1]) {
            return None;
        }
        let (word, bit) = (stamp.count as usize / 64, 1 << (stamp.count % 64));
        if stream.seen.len() <= word {
            stream.seen.resize(word + 1, 0);
        }
        if stream.seen[word] & bit != 0 {
            self.totals.duplicates += 1;
            return Some(());
        }
        stream.seen[word] |= bit;
        self.totals.received += 1;
        if stamp.sent_ns >= self.since_ns {
            self.totals.received_since += 1;
            self.delays.record(Duration::from_nanos(arrival.at_ns.saturating_sub(stamp.sent_ns)));
        }
        Some(())
    }

    /// What each party heard of unstamped payloads.
    pub fn heard(&self) -> impl Iterator<Item = &Heard> {
        self.streams.iter().map(|s| &s.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::Payloads;
    use super::*;

    const MS: u64 = 1_000_000;

    struct Bench {
        tally: Tally,
        pairing: Pairing,
    }

    impl Bench {
        fn new() -> Self {
            let mut bench = Bench { tally: Tally::new(1), pairing: Pairing::default() };
            bench.pairing.grow(2);
            bench.tally.expect(4_000, None);
            bench.tally.expect(4_002, None);
            bench
        }

        fn hear(&mut self, port: u16, stamp: Stamp, delay_ns: u64) {
            let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            Payloads::Stamped.write(stamp, &mut packet);
            let at_ns = stamp.sent_ns + delay_ns;
            self.tally.arrived(Arrival { bytes: &mut packet, port, at_ns }, true, &mut self.pairing);
        }
    }

    #[test]
    fn each_packet_counts_once_and_delays_count_from_the_beginning_of_the_measurement() {
        let mut bench = Bench::new();
        bench.tally.measure_since(50);
        for count in 0..100 {
            let delay = if count == 99 { 30 * MS } else { MS / 2 };
            bench.hear(4_000, Stamp { side: 0, call: 1, count, sent_ns: u64::from(count) }, delay);
        }
        bench.hear(4_000, Stamp { side: 0, call: 1, count: 5, sent_ns: 5 }, MS);
        let totals = bench.tally.totals;
        assert_eq!(totals, Totals { received: 100, received_since: 50, duplicates: 1, foreign: 0 });
        let p = bench.tally.delays.percentiles().expect("delays");
        assert_eq!((p.p50_ms, p.max_ms), (0.51, 30.01));
    }

    #[test]
    fn another_party_an_echo_an_unknown_port_and_noise_are_foreign() {
        let mut bench = Bench::new();
        let stamp = |side, call| Stamp { side, call, count: 1, sent_ns: 1 };
        bench.hear(4_000, stamp(0, 1), 0);
        assert_eq!(bench.tally.totals.foreign, 0);
        bench.hear(4_000, stamp(0, 0), 0);
        bench.hear(4_002, stamp(0, 1), 0);
        bench.hear(4_002, stamp(1, 0), 0);
        bench.hear(4_004, stamp(0, 0), 0);
        assert_eq!(bench.tally.totals.foreign, 4);
        for noise in [&mut [0x80; 8][..], &mut [0; 200], &mut [0x90; 200], &mut [0x80; 200]] {
            let arrival = Arrival { bytes: noise, port: 4_002, at_ns: 0 };
            bench.tally.arrived(arrival, true, &mut bench.pairing);
        }
        assert_eq!((bench.tally.totals.foreign, bench.tally.totals.received), (8, 1));
    }
}
