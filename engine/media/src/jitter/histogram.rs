/// Classes of delay.
const BINS: usize = 200;
/// Audio that counts: older counts for less, by 1/e in this time.
const MEMORY_MS: f32 = 8_000.0;
/// Share of the packets in order that shall be in time.
const IN_TIME: f32 = 0.975;
/// Delay that one lost packet in a hundred is worth, where packets overtake one another: an odd packet that comes
/// after its followers is cheaper to conceal than to wait for.
const MS_PER_LOSS_PERCENT: f32 = 20.0;

/// How late packets come, against the best path. Packets that were overtaken are counted apart.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bin_ms: f32,
    in_order: [f32; BINS],
    overtaken: [f32; BINS],
    /// What a millisecond of audio weighs now: it grows, which makes the past weigh less without touching it.
    weight: f32,
}

impl Histogram {
    pub fn new(max_ms: u16) -> Self {
        let bin_ms = f32::from(max_ms) / (BINS - 1) as f32;
        Histogram { bin_ms: bin_ms.max(1.0), in_order: [0.0; BINS], overtaken: [0.0; BINS], weight: 1.0 }
    }

    pub fn packet(&mut self, late_ms: f32, packet_ms: f32, overtaken: bool) {
        let bin = ((late_ms / self.bin_ms) as usize).min(BINS - 1);
        let bins = if overtaken { &mut self.overtaken } else { &mut self.in_order };
        bins[bin] += packet_ms * self.weight;
        self.weight *= 1.0 + packet_ms / MEMORY_MS;
        if self.weight > 1e6 {
            let scale = 1.0 / self.weight;
            self.in_order.iter_mut().chain(&mut self.overtaken).for_each(|w| *w *= scale);
            self.weight = 1.0;
        }
    }

    /// The delay that has most packets come in time.
    pub fn wanted_ms(&self) -> f32 {
        self.quantile().max(self.worth_waiting())
    }

    fn quantile(&self) -> f32 {
        let enough = self.in_order.iter().sum::<f32>() * IN_TIME;
        if enough <= 0.0 {
            return 0.0;
        }
        let mut sum = 0.0;
        let bin = self.in_order.iter().position(|w| {
            sum += w;
            sum >= enough
        });
        (bin.unwrap_or(BINS - 1) + 1) as f32 * self.bin_ms
    }

    /// The delay at which waiting for overtaken packets and losing them cost least together.
    fn worth_waiting(&self) -> f32 {
        let mut late = self.overtaken.iter().sum::<f32>();
        if late <= 0.0 {
            return 0.0;
        }
        let all = late + self.in_order.iter().sum::<f32>();
        let (mut best_ms, mut least) = (0.0, late * 100.0 / all * MS_PER_LOSS_PERCENT);
        for (bin, w) in self.overtaken.iter().enumerate() {
            late = (late - w).max(0.0);
            let ms = (bin + 1) as f32 * self.bin_ms;
            let cost = ms + late * 100.0 / all * MS_PER_LOSS_PERCENT;
            if *w > 0.0 && cost < least {
                (best_ms, least) = (ms, cost);
            }
        }
        best_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_packets_in_order_are_waited_for_and_a_few_are_not() {
        let mut histogram = Histogram::new(180);
        for n in 0..1_000 {
            histogram.packet(if n % 100 == 99 { 150.0 } else { (n % 30) as f32 }, 20.0, false);
        }
        assert!((28.0..=31.0).contains(&histogram.wanted_ms()), "{}", histogram.wanted_ms());
    }

    #[test]
    fn what_was_long_ago_is_forgotten_whatever_the_packet_time() {
        for packet_ms in [10.0, 20.0, 60.0] {
            let mut histogram = Histogram::new(180);
            let packets = |secs: f32| (secs * 1_000.0 / packet_ms) as usize;
            for n in 0..packets(30.0) {
                histogram.packet((n * 7 % 100) as f32, packet_ms, false);
            }
            assert!(histogram.wanted_ms() > 90.0);
            for _ in 0..packets(30.0) {
                histogram.packet(3.0, packet_ms, false);
            }
            assert!(histogram.wanted_ms() < 10.0, "{packet_ms} ms: {}", histogram.wanted_ms());
        }
    }

    #[test]
    fn one_overtaken_packet_in_a_hundred_is_not_waited_for_and_many_are() {
        for (every, wanted) in [(100, 0.0..6.0), (5, 50.0..53.0)] {
            let mut histogram = Histogram::new(180);
            for n in 0..1_000 {
                let overtaken = n % every == every - 1;
                histogram.packet(if overtaken { 50.0 } else { 2.0 }, 20.0, overtaken);
            }
            assert!(wanted.contains(&histogram.wanted_ms()), "{every}: {}", histogram.wanted_ms());
        }
    }

    #[test]
    fn hours_of_packets_keep_their_weights_finite() {
        let mut histogram = Histogram::new(180);
        for n in 0..1_000_000 {
            histogram.packet((n % 40) as f32, 20.0, n % 3 == 0);
        }
        assert!((38.0..=41.0).contains(&histogram.wanted_ms()), "{}", histogram.wanted_ms());
    }
}
