use std::f64::consts::TAU;
use std::sync::LazyLock;

use super::super::keypad::{HIGH_HZ, LOW_HZ};

/// What is looked at in one go: 16 ms at 8 kHz, so that three such blocks at steps of half fit into the shortest key, 40 ms.
pub(super) const BLOCK: usize = 128;
pub(super) const HOP: usize = BLOCK / 2;
const RATE_HZ: f64 = 8_000.0;

/// Each tone is at least so loud. Q.24 table A-1 asks for −25 dBm at most from any administration.
const LEVEL_MIN_DBM0: f64 = -28.5;
/// The level of a full-scale sine (ITU-T G.711).
const FULL_SCALE_DBM0: f64 = 3.17;
/// The high tone may be so much louder, and so much softer, than the low one: 4 and 8 dB (Q.24), and a little for measuring.
const HIGH_OVER_LOW: f32 = 3.0; // 4.8 dB
const LOW_OVER_HIGH: f32 = 7.6; // 8.8 dB
/// The share of all energy that the two tones have. Speech rarely puts so much into two lines; noise 15 dB below does not
/// take it away.
const SHARE_MIN: f32 = 0.91;
/// The same before it is known how much of a tone the window hides because it is off its frequency.
const SHARE_MIN_ROUGH: f32 = 0.74;
/// What the window hides: this much of (1 − cos θ), where the phase moves by θ too much in one step. (In bins, θ is π times
/// what the tone is off, and the window's gain is sinc(δ)/(1 − δ²).)
const HIDDEN: f32 = 0.271;
/// What of all energy the high tone alone has at the least, being as soft as it may.
const HIGH_SHARE_MIN: f32 = SHARE_MIN_ROUGH / (1.0 + LOW_OVER_HIGH) * 0.99;
/// Both tones keep their level from block to block, by this factor of power.
const STEADY: f32 = 2.0;
/// Q.24: ±1.5 % must be taken, ±3.5 % must not.
const TOLERANCE: f64 = 0.023;
/// Both tones keep their frequency from step to step, by this much in Hz. Voices glide.
const GLIDE_HZ: f64 = 7.0;

/// What was found in a block that holds a key's two tones and little else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub row: usize,
    pub column: usize,
    low: Line,
    high: Line,
    energy: f32,
    /// How each tone's phase moved since the block before, when that one had the same tones.
    moved: Option<(Line, Line)>,
}

/// One tone: its power and its phase.
#[derive(Clone, Copy, Debug)]
struct Line {
    re: f32,
    im: f32,
}

impl Line {
    /// The product with the conjugate: their phases' difference.
    fn against(self, other: Line) -> Line {
        Line { re: self.re * other.re + self.im * other.im, im: self.im * other.re - self.re * other.im }
    }

    fn square(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    fn length(self) -> f32 {
        self.square().sqrt()
    }
}

/// Looks for the eight tones of a block under a Hann window.
///
/// Level, twist and the share of the block's energy tell whether two tones stand there; how far each one's phase moves
/// from block to block tells its frequency far more finely than 16 ms could resolve.
pub(super) fn analyse(block: &[f32; BLOCK]) -> Option<Hit> {
    let tables = &*TABLES;
    let mut windowed = [0.0; BLOCK];
    for ((out, x), w) in windowed.iter_mut().zip(block).zip(&tables.window) {
        *out = x * w;
    }
    let mut squares = [0.0_f32; 8];
    for chunk in windowed.chunks_exact(8) {
        squares.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x * x);
    }
    let energy = squares.iter().sum::<f32>();
    if energy < tables.energy_min {
        return None;
    }
    // The high tone first: voices have little there, so that most blocks of them end here.
    let (column, high_line) = loudest(&windowed, &tables.high);
    let high = high_line.square();
    if high < tables.square_min || high * tables.share_of_square < HIGH_SHARE_MIN * energy {
        return None;
    }
    let (row, low_line) = loudest(&windowed, &tables.low);
    let low = low_line.square();
    let loud_enough = low.min(high) >= tables.square_min;
    let twist = high <= low * HIGH_OVER_LOW && low <= high * LOW_OVER_HIGH;
    let alone = (low + high) * tables.share_of_square >= SHARE_MIN_ROUGH * energy;
    (loud_enough && twist && alone).then_some(Hit { row, column, low: low_line, high: high_line, energy, moved: None })
}

/// The loudest of four tones. Their cosines and sines are summed side by side, four samples at a time, which the compiler
/// makes vectors of.
fn loudest(windowed: &[f32; BLOCK], waves: &[[f32; 8]; BLOCK]) -> (usize, Line) {
    let mut sums = [[0.0_f32; 8]; 4];
    for (x, waves) in windowed.chunks_exact(4).zip(waves.chunks_exact(4)) {
        for ((sums, x), waves) in sums.iter_mut().zip(x).zip(waves) {
            for (sum, wave) in sums.iter_mut().zip(waves) {
                *sum += x * wave;
            }
        }
    }
    let total = |k: usize| sums[0][k] + sums[1][k] + (sums[2][k] + sums[3][k]);
    let lines: [Line; 4] = std::array::from_fn(|n| Line { re: total(n), im: total(n + 4) });
    let louder = |best: usize, n: usize| if lines[n].square() > lines[best].square() { n } else { best };
    let best = (1..4).fold(0, louder);
    (best, lines[best])
}

impl Hit {
    /// Whether this block, one step after `last`, goes on with the same two tones, each within its tolerance and steady.
    pub fn goes_on_from(&mut self, last: &Hit) -> bool {
        if (self.row, self.column) != (last.row, last.column) {
            return false;
        }
        let (low, high) = (movement(last.low, self.low, self.row), movement(last.high, self.high, self.column + 4));
        let (Some(low), Some(high)) = (low, high) else { return false };
        let whole = |line: Line, moved: Line| line.square() / (1.0 - HIDDEN * (1.0 - moved.re / moved.length()));
        let tones = (whole(self.low, low) + whole(self.high, high)) * TABLES.share_of_square;
        if tones < SHARE_MIN * self.energy {
            return false;
        }
        self.moved = Some((low, high));
        last.moved.is_none_or(|before| keeps_pace(before.0, low) && keeps_pace(before.1, high))
    }
}

/// How far a tone's phase moved in one step beyond what its nominal frequency moves it, as a line; None when that is out of
/// its tolerance, or its level changed.
fn movement(before: Line, now: Line, tone: usize) -> Option<Line> {
    let (was, is) = (before.square(), now.square());
    if was > is * STEADY || is > was * STEADY {
        return None;
    }
    let turn = TABLES.turns[tone];
    let moved = now.against(before).against(turn.nominal);
    (moved.re >= turn.cos_max * moved.length()).then_some(moved)
}

fn keeps_pace(before: Line, now: Line) -> bool {
    now.against(before).re >= TABLES.glide_cos * before.length() * now.length()
}

fn waves(tones: [f64; 4]) -> [[f32; 8]; BLOCK] {
    std::array::from_fn(|n| {
        std::array::from_fn(|k| {
            let angle = TAU * tones[k % 4] * n as f64 / RATE_HZ;
            (if k < 4 { angle.cos() } else { -angle.sin() }) as f32
        })
    })
}

struct Tables {
    window: [f32; BLOCK],
    /// For each sample: the cosines of the four tones of a group, then their sines.
    low: [[f32; 8]; BLOCK],
    high: [[f32; 8]; BLOCK],
    turns: [Turn; 8],
    glide_cos: f32,
    /// Below this windowed energy no two tones are loud enough.
    energy_min: f32,
    square_min: f32,
    /// From the square of a line to the windowed energy of its tone.
    share_of_square: f32,
}

/// What one step does to the phase of a tone at its nominal frequency, and the cosine of what more it may be.
#[derive(Clone, Copy)]
struct Turn {
    nominal: Line,
    cos_max: f32,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let window: [f64; BLOCK] = std::array::from_fn(|n| 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / BLOCK as f64).cos());
    let (sum, squares): (f64, f64) = (window.iter().sum(), window.iter().map(|w| w * w).sum());
    let tones: [f64; 8] = std::array::from_fn(|n| if n < 4 { LOW_HZ[n] } else { HIGH_HZ[n - 4] });
    let power_min = 32_767.0_f64.powi(2) / 2.0 * 10.0_f64.powf((LEVEL_MIN_DBM0 - FULL_SCALE_DBM0) / 10.0);
    Tables {
        window: window.map(|w| w as f32),
        low: waves(LOW_HZ),
        high: waves(HIGH_HZ),
        turns: tones.map(|hz| {
            let nominal = TAU * hz * HOP as f64 / RATE_HZ;
            let more = TAU * hz * TOLERANCE * HOP as f64 / RATE_HZ;
            let nominal = Line { re: nominal.cos() as f32, im: nominal.sin() as f32 };
            Turn { nominal, cos_max: more.cos() as f32 }
        }),
        glide_cos: (TAU * GLIDE_HZ * HOP as f64 / RATE_HZ).cos() as f32,
        // Two tones at the least level, less what the window takes at the edge of the tolerance.
        energy_min: (2.0 * power_min * squares * 0.8) as f32,
        // A sine of amplitude A sums to A/2 times the window's sum.
        square_min: (power_min * sum * sum / 2.0) as f32,
        share_of_square: (2.0 * squares / (sum * sum)) as f32,
    }
});
