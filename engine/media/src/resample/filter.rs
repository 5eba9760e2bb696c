//! The low-pass prototype: a sinc under a Kaiser window, cut into one row of taps per output phase.

/// Taps for each period of the slower rate: 1.5 ms of delay at 8 kHz.
const TAPS_PER_PERIOD: usize = 24;
/// Cut-off as a share of the slower rate's Nyquist frequency: half of the transition band lies above it.
const CUTOFF: f64 = 0.96;
/// Kaiser's β for 60 dB of stop-band attenuation.
const BETA: f64 = 5.65;
/// Largest table, in taps (256 KiB); with more phases than fit, neighbours share a row.
const TABLE_TAPS_MAX: usize = 65_536;
/// Rows are whole multiples of this, for the dot product.
pub(super) const LANES: usize = 8;

pub(super) struct Filter {
    rows: Box<[f32]>,
    pub taps: usize,
    row_count: usize,
}

impl Filter {
    /// For `up` output samples per `down` input samples, in lowest terms.
    pub fn new(up: usize, down: usize) -> Self {
        let ratio = (up as f64 / down as f64).min(1.0);
        let taps = ((TAPS_PER_PERIOD as f64 / ratio).ceil() as usize).next_multiple_of(LANES);
        let row_count = up.min((TABLE_TAPS_MAX / taps).max(1));
        let mut rows = Vec::with_capacity(row_count * taps);
        for row in 0..row_count {
            let fraction = row as f64 / row_count as f64;
            let centre = (taps / 2 - 1) as f64 + fraction;
            let tap = |n: usize| prototype(n as f64 - centre, ratio * CUTOFF, (taps / 2) as f64);
            // Each row passes DC unchanged: otherwise the phases would hum.
            let sum: f64 = (0..taps).map(tap).sum();
            rows.extend((0..taps).map(|n| (tap(n) / sum) as f32));
        }
        Filter { rows: rows.into_boxed_slice(), taps, row_count }
    }

    /// The taps for an output sample that lies `phase / up` of an input period after its centre.
    pub fn row(&self, phase: usize, up: usize) -> &[f32] {
        let row = phase * self.row_count / up;
        &self.rows[row * self.taps..(row + 1) * self.taps]
    }
}

fn prototype(x: f64, cutoff: f64, half: f64) -> f64 {
    let angle = std::f64::consts::PI * cutoff * x;
    let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
    let edge = (1.0 - (x / half).powi(2)).max(0.0).sqrt();
    sinc * bessel_i0(BETA * edge)
}

/// The modified Bessel function of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..32 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}
