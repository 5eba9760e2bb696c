/// What became of one packet, told in sequence order once nothing can change it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Received,
    /// It never came.
    Lost,
    /// It came too late to be played.
    Discarded,
}

/// Packets received in a row that end a burst of losses (RFC 3611 section 4.7.2, the value it recommends).
pub const GMIN: u64 = 16;

/// Bursts and gaps of loss by the four-state model of RFC 3611 appendix A.2, from which its VoIP metrics are made, and the
/// runs of loss that the E-model's burst ratio comes from (G.107 section 7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstGap {
    /// Received since the last loss.
    received_in_row: u64,
    /// Transitions, by the RFC's names: 1 is received in a gap, 4 lost in a gap, 2 received in a burst, 3 lost in a burst.
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
    /// Lost in the present burst.
    in_burst: u64,
    pub counts: LossCounts,
}

/// Packets by what became of them, and how often a loss began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCounts {
    pub received: u64,
    pub lost: u64,
    pub discarded: u64,
    /// Runs of packets lost or discarded one after the other.
    pub runs: u64,
}

impl LossCounts {
    pub fn since(self, before: LossCounts) -> LossCounts {
        LossCounts {
            received: self.received.saturating_sub(before.received),
            lost: self.lost.saturating_sub(before.lost),
            discarded: self.discarded.saturating_sub(before.discarded),
            runs: self.runs.saturating_sub(before.runs),
        }
    }

    pub fn plus(self, more: LossCounts) -> LossCounts {
        LossCounts {
            received: self.received + more.received,
            lost: self.lost + more.lost,
            discarded: self.discarded + more.discarded,
            runs: self.runs + more.runs,
        }
    }

    pub fn packets(self) -> u64 {
        self.received + self.lost + self.discarded
    }

    /// Share that was not played, 0..=1.
    pub fn unheard(self) -> f32 {
        (self.lost + self.discarded) as f32 / self.packets().max(1) as f32
    }

    /// BurstR of G.107: how long runs of loss are against those of random loss at this rate; 1 is random. From the
    /// transitions of a two-state model, 1 / (p + q).
    pub fn burst_ratio(self) -> f32 {
        let missed = self.lost + self.discarded;
        if self.runs == 0 || self.received == 0 {
            return 1.0;
        }
        let p = self.runs as f32 / self.received as f32;
        let q = self.runs as f32 / missed as f32;
        (1.0 / (p + q)).clamp(1.0, 8.0)
    }
}

/// One interval's figures in the units of RFC 3611 section 4.7.2: shares in 1/256, times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstMetrics {
    pub loss_rate: u8,
    pub discard_rate: u8,
    pub burst_density: u8,
    pub gap_density: u8,
    pub burst_ms: u16,
    pub gap_ms: u16,
}

impl BurstGap {
    pub fn packet(&mut self, fate: Fate) {
        let began = self.received_in_row > 0 || self.counts.packets() == 0;
        match fate {
            Fate::Received => {
                self.counts.received += 1;
                self.received_in_row += 1;
                return;
            }
            Fate::Lost => self.counts.lost += 1,
            Fate::Discarded => self.counts.discarded += 1,
        }
        self.counts.runs += u64::from(began);
        if self.received_in_row >= GMIN || self.in_burst == 0 {
            // The packets before were a gap, as is what precedes the first loss; whatever came before them is settled.
            if self.in_burst == 1 {
                self.c14 += 1;
            } else {
                self.c13 += 1;
            }
            self.in_burst = 1;
            self.c11 += self.received_in_row;
        } else {
            self.in_burst += 1;
            match self.received_in_row {
                0 => self.c33 += 1,
                received => {
                    self.c23 += 1;
                    self.c22 += received - 1;
                }
            }
        }
        self.received_in_row = 0;
    }

    /// The metrics so far; `packet_ms` is what a packet lasts.
    pub fn metrics(&self, packet_ms: u32) -> BurstMetrics {
        let counts = self.counts;
        let share = |part: u64, of: u64| (part * 256).checked_div(of).unwrap_or(0).min(255) as u8;
        let ms = |packets: u64| (packets * u64::from(packet_ms)).min(u64::from(u16::MAX)) as u16;
        // Packets received since the last loss are a gap in the making.
        let c11 = self.c11 + self.received_in_row;
        let (c31, c32) = (self.c13, self.c23);
        let bursts = self.c13;
        let mut metrics = BurstMetrics {
            loss_rate: share(counts.lost, counts.packets()),
            discard_rate: share(counts.discarded, counts.packets()),
            burst_density: 0,
            gap_density: share(self.c14, c11 + self.c14),
            burst_ms: 0,
            gap_ms: ms(counts.packets()),
        };
        let in_bursts = c31 + c32 + self.c33;
        if bursts == 0 || in_bursts == 0 {
            return metrics;
        }
        let p32 = c32 as f64 / in_bursts as f64;
        let p23 = match self.c22 + self.c23 {
            0 => 1.0,
            both => 1.0 - self.c22 as f64 / both as f64,
        };
        metrics.burst_density = (256.0 * p23 / (p23 + p32)).min(255.0) as u8;
        let gap = (c11 + self.c14 + self.c13) / bursts;
        let total = c11 + self.c14 + self.c13 + self.c22 + self.c23 + c31 + c32 + self.c33;
        metrics.gap_ms = ms(gap);
        metrics.burst_ms = ms((total / bursts).saturating_sub(gap));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tandem_model::{Entropy, SeedEntropy};

    /// `.` received, `x` lost, `d` discarded; digits repeat the next sign so many tens of times.
    fn heard(text: &str) -> BurstGap {
        let mut bursts = BurstGap::default();
        let mut times = 1;
        for sign in text.chars() {
            let fate = match sign {
                'x' => Fate::Lost,
                'd' => Fate::Discarded,
                '.' => Fate::Received,
                digit => {
                    times = 10 * digit.to_digit(10).unwrap();
                    continue;
                }
            };
            (0..times).for_each(|_| bursts.packet(fate));
            times = 1;
        }
        bursts
    }

    #[test]
    fn a_clean_stream_is_one_gap() {
        let metrics = heard("9.9.").metrics(20);
        assert_eq!(metrics, BurstMetrics { gap_ms: 3_600, ..BurstMetrics::default() });
        assert_eq!(heard("").metrics(20), BurstMetrics::default());
    }

    #[test]
    fn lone_losses_far_apart_lie_in_gaps() {
        // The first loss opens a burst of its own by the RFC's counting; those after it are in gaps.
        let metrics = heard("2.x2.x2.x2.x2.x2.").metrics(20);
        assert_eq!(metrics.loss_rate, (5 * 256 / 125) as u8);
        assert!(metrics.gap_density > 5 && metrics.gap_density < 12, "{metrics:?}");
        assert!(metrics.burst_ms <= 40, "{metrics:?}");
    }

    #[test]
    fn losses_close_together_are_bursts_with_a_density_and_a_length() {
        let metrics = heard("9.x.x.x.xx.x9.x.x.x.xx.x9.x").metrics(20);
        assert!(metrics.burst_density > 120 && metrics.burst_density < 200, "{metrics:?}");
        assert!((120..220).contains(&metrics.burst_ms), "{metrics:?}");
        assert!((1_500..2_200).contains(&metrics.gap_ms), "{metrics:?}");
        assert_eq!(metrics.discard_rate, 0);
        assert!(heard("9.dd9.d").metrics(20).discard_rate > 0);
    }

    #[test]
    fn the_burst_ratio_of_random_loss_is_one_and_of_runs_more() {
        let mut random = SeedEntropy::new(7);
        let mut bursts = BurstGap::default();
        for _ in 0..100_000 {
            bursts.packet(if random.next_u32().is_multiple_of(10) { Fate::Lost } else { Fate::Received });
        }
        assert!(bursts.counts.burst_ratio() < 1.03, "{}", bursts.counts.burst_ratio());
        let mut bursts = BurstGap::default();
        for n in 0..100_000 {
            bursts.packet(if n % 100 < 5 { Fate::Lost } else { Fate::Received });
        }
        assert!((bursts.counts.burst_ratio() - 4.75).abs() < 0.1, "{}", bursts.counts.burst_ratio());
    }

    proptest! {
        #[test]
        fn no_fates_overflow_the_metrics(fates in prop::collection::vec(0..3_u8, 0..600), packet_ms in 0..200_u32) {
            let mut bursts = BurstGap::default();
            for fate in &fates {
                bursts.packet([Fate::Received, Fate::Lost, Fate::Discarded][usize::from(*fate)]);
            }
            let metrics = bursts.metrics(packet_ms);
            prop_assert_eq!(bursts.counts.packets(), fates.len() as u64);
            prop_assert!((1.0..=8.0).contains(&bursts.counts.burst_ratio()));
            prop_assert!(u32::from(metrics.loss_rate) + u32::from(metrics.discard_rate) <= 256);
        }
    }
}
