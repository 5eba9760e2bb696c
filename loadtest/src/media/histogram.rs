//! Times by their rank.

use std::time::Duration;

const BUCKET_US: u64 = 10;
/// Up to one second; what took longer counts as that.
const BUCKETS: usize = 100_000;

/// Counts of times in steps of 10 µs.
pub struct Histogram(Vec<u64>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram(vec![0; BUCKETS])
    }
}

impl Histogram {
    pub fn record(&mut self, time: Duration) {
        let bucket = (time.as_micros() as u64 / BUCKET_US) as usize;
        self.0[bucket.min(BUCKETS - 1)] += 1;
    }

    pub fn merge(&mut self, other: &Histogram) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, theirs)| *own += theirs);
    }

    /// Upper bounds of the buckets; None when nothing was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let all: u64 = self.0.iter().sum();
        if all == 0 {
            return None;
        }
        let at = |share: f64| {
            let wanted = ((all as f64 * share).ceil() as u64).max(1);
            let mut sum = 0;
            let index = self.0.iter().position(|n| {
                sum += n;
                sum >= wanted
            });
            ((index.unwrap_or(BUCKETS - 1) as u64 + 1) * BUCKET_US) as f64 / 1_000.0
        };
        Some(Percentiles { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ranked_and_the_longest_is_not_lost() {
        let mut first = Histogram::default();
        assert_eq!(first.percentiles(), None);
        (0..99).for_each(|_| first.record(Duration::from_micros(405)));
        let mut second = Histogram::default();
        second.record(Duration::from_secs(5));
        first.merge(&second);
        let p = first.percentiles().expect("times");
        assert_eq!((p.p50_ms, p.p99_ms, p.max_ms), (0.41, 0.41, 1_000.0));
    }
}
