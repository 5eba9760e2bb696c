/// The gain comes back by this much a tick: half a second from half to full.
const RELEASE_PER_TICK: f32 = 0.02;

/// Keeps a sum of voices within 16 bits: one gain for the whole tick, down within it when the sum is too loud, slowly up again.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    before: f32,
    now: f32,
}

impl Limiter {
    pub fn new() -> Self {
        Limiter { before: 1.0, now: 1.0 }
    }

    /// Looks at the sum of one tick.
    pub fn look(&mut self, sum: &[i32]) {
        // One's complement, so that -32,768 counts as fitting.
        let peak = sum.iter().map(|&s| s ^ (s >> 31)).max().unwrap_or(0);
        let fits = 32_767.0 / peak.max(32_767) as f32;
        // A gain that has to fall does so at once: the first samples of the tick may be the loud ones.
        self.before = self.now.min(fits);
        self.now = (self.now + RELEASE_PER_TICK).min(fits);
    }

    /// Sample `n` of `len` after the gain.
    pub fn apply(&self, sample: i32, n: usize, len: usize) -> i16 {
        if self.before >= 1.0 && self.now >= 1.0 {
            return sample.clamp(-32_768, 32_767) as i16;
        }
        let gain = self.before + (self.now - self.before) * n as f32 / len.max(1) as f32;
        (sample as f32 * gain) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_fits_is_not_touched_and_one_that_does_not_is_scaled_into_range() {
        let mut limiter = Limiter::new();
        limiter.look(&[30_000, -32_768]);
        assert_eq!([limiter.apply(30_000, 0, 2), limiter.apply(-32_768, 1, 2)], [30_000, -32_768]);
        let loud = [65_534; 160];
        limiter.look(&loud);
        let limited: Vec<i16> = (0..160).map(|n| limiter.apply(65_534, n, 160)).collect();
        assert!(limited.iter().all(|s| (32_700..=32_767).contains(s)), "{limited:?}");
        let quiet = [10_000; 160];
        limiter.look(&quiet);
        let first = limiter.apply(quiet[0], 0, 160);
        assert!((5_000..5_600).contains(&first), "{first}");
        (0..100).for_each(|_| limiter.look(&quiet));
        assert_eq!(limiter.apply(10_000, 0, 160), 10_000, "the gain comes back");
    }
}
