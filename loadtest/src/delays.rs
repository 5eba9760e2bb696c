use std::time::Duration;

/// Delays, for percentiles.
#[derive(Default)]
pub struct Delays {
    micros: Vec<u32>,
}

impl Delays {
    pub fn add(&mut self, delay: Duration) {
        self.micros.push(u32::try_from(delay.as_micros()).unwrap_or(u32::MAX));
    }

    /// Median, 95th and 99th percentile and maximum, in milliseconds.
    pub fn percentiles(&self) -> Option<[f64; 4]> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some([0.5, 0.95, 0.99, 1.0].map(|share| f64::from(sorted[(last as f64 * share) as usize]) / 1_000.0))
    }
}
