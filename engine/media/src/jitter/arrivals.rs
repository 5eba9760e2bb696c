use super::JitterConfig;
use super::baseline::Baseline;
use super::histogram::Histogram;
use super::peaks::Peaks;

/// Audio after which the start value gives way to what was learned.
const LEARNED_AFTER_MS: f32 = 500.0;
/// How often the wanted delay is worked out anew, in audio.
const LOOK_EVERY_MS: f32 = 100.0;
/// A delay this far above the wanted one stands out.
const PEAK_ABOVE_MS: f32 = 40.0;

/// Learns from when packets arrive how long they must be held back. All times are in units of the RTP clock.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    units_per_ms: f32,
    config: JitterConfig,
    baseline: Baseline,
    histogram: Histogram,
    peaks: Peaks,
    heard_ms: f32,
    unseen_ms: f32,
    usual_ms: f32,
    wanted_ms: f32,
}

impl Arrivals {
    pub fn new(clock_hz: u32, config: JitterConfig) -> Self {
        Arrivals {
            units_per_ms: clock_hz as f32 / 1_000.0,
            config,
            baseline: Baseline::new(clock_hz),
            histogram: Histogram::new(config.max_ms),
            peaks: Peaks::default(),
            heard_ms: 0.0,
            unseen_ms: 0.0,
            usual_ms: 0.0,
            wanted_ms: f32::from(config.start_ms),
        }
    }

    /// One packet of audio with the media time `media`. `overtaken` says that a later one came before it.
    pub fn packet(&mut self, arrival: i64, media: i64, packet_units: u32, overtaken: bool) {
        let transit = arrival - media;
        self.baseline.packet(arrival, transit);
        let late_ms = self.baseline.get().map_or(0.0, |base| (transit - base).max(0) as f32 / self.units_per_ms);
        let packet_ms = packet_units as f32 / self.units_per_ms;
        self.histogram.packet(late_ms, packet_ms, overtaken);
        let now_ms = (arrival as f64 / f64::from(self.units_per_ms)) as i64;
        if !overtaken && self.heard_ms >= LEARNED_AFTER_MS && late_ms > self.usual_ms + PEAK_ABOVE_MS.max(packet_ms) {
            self.peaks.packet(now_ms, late_ms);
        }
        self.heard_ms += packet_ms;
        self.unseen_ms += packet_ms;
        if self.unseen_ms >= LOOK_EVERY_MS || late_ms > self.wanted_ms {
            self.unseen_ms = 0.0;
            self.look(now_ms);
        }
    }

    fn look(&mut self, now_ms: i64) {
        self.usual_ms = self.histogram.wanted_ms();
        let mut wanted = self.usual_ms.max(self.peaks.wanted_ms(now_ms));
        if self.heard_ms < LEARNED_AFTER_MS {
            wanted = wanted.max(f32::from(self.config.start_ms));
        }
        self.wanted_ms = wanted.clamp(f32::from(self.config.min_ms), f32::from(self.config.max_ms));
    }

    /// The delay to aim at, above that of the best path.
    pub fn wanted_units(&self) -> i64 {
        (self.wanted_ms * self.units_per_ms) as i64
    }

    pub fn wanted_ms(&self) -> f32 {
        self.wanted_ms
    }

    /// What would have been added to the best path's delay if `media` were played at `at`.
    pub fn added(&self, at: i64, media: i64) -> i64 {
        at - media - self.baseline.get().unwrap_or(at - media)
    }

    /// The media time a packet has that arrives at `at` by the best path.
    pub fn media_at(&self, at: i64) -> i64 {
        at - self.baseline.get().unwrap_or(0)
    }
}
