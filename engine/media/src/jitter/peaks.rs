/// Packets this close belong to one peak.
const ONE_PEAK_MS: i64 = 500;
/// A peak that is not followed by another within this time was a lone one.
const RECURS_WITHIN_MS: i64 = 15_000;
/// Peaks remembered.
const PEAKS: usize = 4;

/// Delays that stand out, as a busy radio link makes them again and again: too few for the histogram, too regular to
/// be lost each time.
#[derive(Clone, Debug, Default)]
pub(super) struct Peaks {
    /// The newest first.
    peaks: [Option<Peak>; PEAKS],
}

#[derive(Clone, Copy, Debug)]
struct Peak {
    height_ms: f32,
    last_ms: i64,
}

impl Peaks {
    /// A packet that came `late_ms` late, far above what is usual.
    pub fn packet(&mut self, now_ms: i64, late_ms: f32) {
        match &mut self.peaks[0] {
            Some(peak) if now_ms - peak.last_ms < ONE_PEAK_MS => {
                peak.height_ms = peak.height_ms.max(late_ms);
                peak.last_ms = now_ms;
            }
            _ => {
                self.peaks.rotate_right(1);
                self.peaks[0] = Some(Peak { height_ms: late_ms, last_ms: now_ms });
            }
        }
    }

    /// The height of what recurs; 0 when nothing does.
    pub fn wanted_ms(&self, now_ms: i64) -> f32 {
        let (mut before, mut count, mut highest) = (now_ms, 0, 0.0_f32);
        for peak in self.peaks.iter().flatten().take_while(|p| {
            let near = before - p.last_ms <= RECURS_WITHIN_MS;
            before = p.last_ms;
            near
        }) {
            count += 1;
            highest = highest.max(peak.height_ms);
        }
        if count > 1 { highest } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_peak_counts_for_nothing_and_a_recurring_one_until_it_stays_away() {
        let mut peaks = Peaks::default();
        peaks.packet(1_000, 120.0);
        peaks.packet(1_020, 100.0);
        assert_eq!(peaks.wanted_ms(1_040), 0.0);
        peaks.packet(6_000, 110.0);
        assert_eq!(peaks.wanted_ms(6_020), 120.0);
        assert_eq!(peaks.wanted_ms(20_000), 120.0);
        assert_eq!(peaks.wanted_ms(22_000), 0.0);
        peaks.packet(60_000, 150.0);
        assert_eq!(peaks.wanted_ms(60_020), 0.0, "the old ones are too long ago");
    }
}
