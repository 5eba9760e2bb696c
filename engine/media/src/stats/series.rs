use std::time::Duration;

/// Time between two points at first.
pub const QUALITY_INTERVAL: Duration = Duration::from_secs(5);
/// Points kept of one leg: five minutes at first, then the series is thinned to half as many of twice the time, and goes on.
pub const QUALITY_POINTS_MAX: usize = 60;

/// How a call was over one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QualityPoint {
    /// End of the interval, in milliseconds since the leg's media began.
    pub at_ms: u64,
    /// What we heard, by the E-model (G.107): 1.0..=4.5. None when nothing came.
    pub mos_in: Option<f32>,
    /// What the peer heard: by its extended reports (RFC 3611), else estimated from its receiver reports. None without either.
    pub mos_out: Option<f32>,
    /// Share of the peer's packets we could not play, 0..=1.
    pub loss_in: f32,
    /// Share of our packets the peer reports lost, 0..=1.
    pub loss_out: Option<f32>,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in milliseconds.
    pub jitter_ms: f32,
    pub round_trip_ms: Option<f32>,
    /// What our jitter buffer adds, in milliseconds.
    pub buffer_ms: f32,
}

/// The quality of one leg through its call. It allocates once.
#[derive(Clone, Debug)]
pub struct QualitySeries {
    points: Vec<QualityPoint>,
    /// Points of [`QUALITY_INTERVAL`] that one kept point stands for.
    each: u32,
    /// What is gathered for the next kept point, and of how many.
    pending: Option<(QualityPoint, u32)>,
}

impl Default for QualitySeries {
    fn default() -> Self {
        QualitySeries { points: Vec::with_capacity(QUALITY_POINTS_MAX), each: 1, pending: None }
    }
}

impl QualitySeries {
    /// Takes one interval's point.
    pub fn push(&mut self, point: QualityPoint) {
        let (merged, of) = match self.pending.take() {
            Some((before, of)) => (merge(before, of, point), of + 1),
            None => (point, 1),
        };
        if of < self.each {
            self.pending = Some((merged, of));
            return;
        }
        self.points.push(merged);
        if self.points.len() >= QUALITY_POINTS_MAX {
            self.thin_out();
        }
    }

    /// The kept points, oldest first, and with them what is gathered for the next.
    pub fn points(&self) -> impl Iterator<Item = QualityPoint> + '_ {
        self.points.iter().copied().chain(self.pending.map(|(point, _)| point))
    }

    fn thin_out(&mut self) {
        let half = self.points.len() / 2;
        for i in 0..half {
            self.points[i] = merge(self.points[2 * i], 1, self.points[2 * i + 1]);
        }
        self.points.truncate(half);
        self.each = self.each.saturating_mul(2);
    }
}

/// The mean of `of` points so far and one more, at the time of the later.
fn merge(before: QualityPoint, of: u32, next: QualityPoint) -> QualityPoint {
    let weight = of as f32;
    let mean = |a: f32, b: f32| (a * weight + b) / (weight + 1.0);
    let both = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => Some(mean(a, b)),
        (a, b) => a.or(b),
    };
    QualityPoint {
        at_ms: next.at_ms,
        mos_in: both(before.mos_in, next.mos_in),
        mos_out: both(before.mos_out, next.mos_out),
        loss_in: mean(before.loss_in, next.loss_in),
        loss_out: both(before.loss_out, next.loss_out),
        jitter_ms: mean(before.jitter_ms, next.jitter_ms),
        round_trip_ms: both(before.round_trip_ms, next.round_trip_ms),
        buffer_ms: mean(before.buffer_ms, next.buffer_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_long_call_keeps_few_points_that_are_evenly_spread() {
        let mut series = QualitySeries::default();
        let capacity = series.points.capacity();
        for n in 1..=17_280_u64 {
            series.push(QualityPoint { at_ms: n * 5_000, mos_in: Some(4.0), loss_in: 0.5, ..QualityPoint::default() });
            assert!(series.points().count() <= QUALITY_POINTS_MAX);
        }
        assert_eq!(series.points.capacity(), capacity, "it allocates once");
        let points: Vec<_> = series.points().collect();
        assert!(points.len() >= QUALITY_POINTS_MAX / 2, "{}", points.len());
        assert_eq!(points.last().unwrap().at_ms, 17_280 * 5_000);
        let step = points[1].at_ms - points[0].at_ms;
        assert!(points.windows(2).rev().skip(1).all(|w| w[1].at_ms - w[0].at_ms == step));
        assert!(points.iter().all(|p| p.mos_in == Some(4.0) && p.loss_in == 0.5));
    }

    #[test]
    fn a_bad_minute_is_still_seen_after_thinning() {
        let mut series = QualitySeries::default();
        for n in 1..=240_u64 {
            let bad = (100..112).contains(&n);
            let mos = if bad { 2.0 } else { 4.4 };
            series.push(QualityPoint { at_ms: n * 5_000, mos_in: Some(mos), ..QualityPoint::default() });
        }
        let worst = series.points().filter_map(|p| p.mos_in).fold(5.0, f32::min);
        assert!(worst < 2.5, "{worst}");
    }
}
