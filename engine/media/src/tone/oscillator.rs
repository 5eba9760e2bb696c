use std::f64::consts::TAU;

/// A sine by the recurrence y(n) = 2 cos ω · y(n-1) − y(n-2): two operations a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oscillator {
    twice_cos: f64,
    now: f64,
    before: f64,
}

impl Oscillator {
    /// Starts at zero, rising. `amplitude` is the peak.
    pub fn new(hz: f64, rate_hz: f64, amplitude: f64) -> Self {
        let omega = TAU * hz / rate_hz;
        Oscillator { twice_cos: 2.0 * omega.cos(), now: 0.0, before: -amplitude * omega.sin() }
    }

    pub fn next(&mut self) -> f64 {
        let sample = self.now;
        self.now = self.twice_cos * sample - self.before;
        self.before = sample;
        sample
    }
}
