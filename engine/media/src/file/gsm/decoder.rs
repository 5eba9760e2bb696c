use super::FRAME_SAMPLES;
use super::frame::{Frame, Quarter};
use super::math::{add, mult_r, sub};

/// What is kept from frame to frame. Bit-exact with the standard's reference (EN 300 961 section 5.3).
///
/// ```text
///  pulses → RPE decoding → long-term synthesis (lag, gain) → short-term synthesis (ratios) → de-emphasis
/// ```
pub(super) struct Decoder {
    /// The excitation: 120 samples of the past and the 40 that are being made.
    excitation: [i16; PAST + QUARTER],
    lag: usize,
    /// Log-area ratios of the frame before.
    ratios: [i16; 8],
    lattice: [i16; 9],
    emphasis: i16,
}

const PAST: usize = 120;
const QUARTER: usize = 40;

/// Long-term gains (table 4.3b), and normalised direct mantissas (table 4.6).
const GAIN: [i16; 4] = [3_277, 11_469, 21_299, 32_767];
const MANTISSA: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// Of each log-area ratio: B, the smallest code, and 1 / A (tables 4.1 and 4.2).
const RATIO: [(i16, i16, i16); 8] = [
    (0, -32, 13_107),
    (0, -32, 13_107),
    (2_048, -16, 13_107),
    (-2_560, -16, 13_107),
    (94, -8, 19_223),
    (-1_792, -8, 17_476),
    (-341, -4, 31_454),
    (-1_144, -4, 29_708),
];
const DE_EMPHASIS: i16 = 28_180;

impl Default for Decoder {
    fn default() -> Self {
        Decoder { excitation: [0; PAST + QUARTER], lag: 40, ratios: [0; 8], lattice: [0; 9], emphasis: 0 }
    }
}

impl Decoder {
    pub fn decode(&mut self, frame: &Frame) -> [i16; FRAME_SAMPLES] {
        let mut samples = [0; FRAME_SAMPLES];
        for (quarter, out) in frame.quarters.iter().zip(samples.chunks_exact_mut(QUARTER)) {
            self.long_term(quarter);
            out.copy_from_slice(&self.excitation[PAST..]);
            self.excitation.copy_within(QUARTER.., 0);
        }
        self.short_term(&frame.lar, &mut samples);
        for sample in &mut samples {
            self.emphasis = add(*sample, mult_r(self.emphasis, DE_EMPHASIS));
            // Upscaled, and the three lowest bits cleared (section 5.3.6).
            *sample = add(self.emphasis, self.emphasis) & !7;
        }
        samples
    }

    /// Sections 5.3.1 and 5.3.2: the pulses, and what the lag brings back of the past.
    fn long_term(&mut self, quarter: &Quarter) {
        let lag = usize::from(quarter.lag);
        if (40..=PAST).contains(&lag) {
            self.lag = lag;
        }
        let gain = GAIN[usize::from(quarter.gain & 3)];
        let pulses = pulses(quarter);
        for (n, pulse) in pulses.into_iter().enumerate() {
            let past = self.excitation[PAST + n - self.lag];
            self.excitation[PAST + n] = add(pulse, mult_r(gain, past));
        }
    }

    /// Section 5.3.3 to 5.3.5: the vocal tract's filter, led over from the last frame's in three steps.
    fn short_term(&mut self, codes: &[u8; 8], samples: &mut [i16; FRAME_SAMPLES]) {
        let now = ratios(codes);
        let before = std::mem::replace(&mut self.ratios, now);
        let each = |mix: fn(i16, i16) -> i16| std::array::from_fn(|i| reflection(mix(before[i], now[i])));
        let (head, rest) = samples.split_at_mut(13);
        let (second, rest) = rest.split_at_mut(14);
        let (third, last) = rest.split_at_mut(13);
        self.filter(&each(|before, now| add(add(before >> 2, now >> 2), before >> 1)), head);
        self.filter(&each(|before, now| add(before >> 1, now >> 1)), second);
        self.filter(&each(|before, now| add(add(before >> 2, now >> 2), now >> 1)), third);
        self.filter(&each(|_, now| now), last);
    }

    fn filter(&mut self, coefficients: &[i16; 8], samples: &mut [i16]) {
        let v = &mut self.lattice;
        for sample in samples {
            let mut sum = *sample;
            for i in (0..8).rev() {
                sum = sub(sum, mult_r(coefficients[i], v[i]));
                v[i + 1] = add(v[i], mult_r(coefficients[i], sum));
            }
            v[0] = sum;
            *sample = sum;
        }
    }
}

/// The 40 samples of the pulses on their grid (sections 5.3.1, 5.2.15 to 5.2.17).
fn pulses(quarter: &Quarter) -> [i16; QUARTER] {
    let (exponent, mantissa) = height(quarter.height);
    // From 0 to 10.
    let shift = 6 - exponent;
    let half = if shift == 0 { 0 } else { 1 << (shift - 1) };
    let mut samples = [0; QUARTER];
    let grid = samples.iter_mut().skip(usize::from(quarter.grid & 3)).step_by(3);
    for (sample, code) in grid.zip(quarter.pulses) {
        let pulse = (i16::from(code & 7) * 2 - 7) << 12;
        *sample = add(mult_r(MANTISSA[mantissa], pulse), half) >> shift;
    }
    samples
}

/// Exponent of −4 to 6 and mantissa of the largest pulse (section 5.2.15).
fn height(code: u8) -> (i16, usize) {
    let code = i16::from(code & 63);
    let mut exponent = if code > 15 { (code >> 3) - 1 } else { 0 };
    let mut mantissa = code - (exponent << 3);
    if mantissa == 0 {
        return (-4, 7);
    }
    while mantissa <= 7 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (exponent, usize::from(mantissa.unsigned_abs() & 7))
}

/// Section 5.2.8.
fn ratios(codes: &[u8; 8]) -> [i16; 8] {
    std::array::from_fn(|i| {
        let (b, least, inverse) = RATIO[i];
        let scaled = mult_r(inverse, sub((i16::from(codes[i]) + least) << 10, b << 1));
        add(scaled, scaled)
    })
}

/// A log-area ratio's reflection coefficient (section 5.2.9.2).
fn reflection(ratio: i16) -> i16 {
    let size = if ratio == i16::MIN { i16::MAX } else { ratio.abs() };
    let bent = match size {
        ..11_059 => size << 1,
        11_059..20_070 => size + 11_059,
        20_070.. => add(size >> 2, 26_112),
    };
    if ratio < 0 { -bent } else { bent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_pulse_has_its_exponent_and_mantissa() {
        assert_eq!([0, 1, 7, 8, 15, 16, 63].map(height), [(-4, 7), (-3, 7), (-1, 7), (0, 0), (0, 7), (1, 0), (6, 7)]);
    }
}
