use std::f32::consts::PI;

use tandem_model::SampleRate;

use super::floor::Floor;
use super::fourier::Fourier;

/// What is left of noise: taken out whole, its remains would ring and the line would seem dead between words.
const GAIN_MIN: f32 = 0.14;
/// How far the idea of how much is signal rests on the frame before (Y. Ephraim and D. Malah, 1984): what keeps the remains from ringing.
const BEFORE: f32 = 0.92;
/// Noise counts for a little more than its average: what rises above that by chance is noise too.
const NOISE_WEIGHT: f32 = 1.5;
const SIGNAL_TO_NOISE_MIN: f32 = 0.003;
const SIGNAL_TO_NOISE_MAX: f32 = 1e6;

/// Takes steady noise out of one voice, 20 ms at a time and 10 ms late. Nothing allocates but [`new`](Self::new).
pub struct Denoiser {
    rate: SampleRate,
    /// Half a frame: 10 ms.
    hop: usize,
    fourier: Fourier,
    /// Of a frame, for analysis and synthesis alike: its squares at half a frame's distance add up to one.
    window: Box<[f32]>,
    /// The last half frame that came.
    before: Box<[f32]>,
    /// The last half frame that is not whole yet.
    tail: Box<[f32]>,
    /// Two frames at once, as real and imaginary parts.
    re: Box<[f32]>,
    im: Box<[f32]>,
    /// Power, then gain, of each bin of the two.
    first: Box<[f32]>,
    second: Box<[f32]>,
    floor: Floor,
    /// Signal to noise of the last frame after its gain.
    cleaned: Box<[f32]>,
}

impl Denoiser {
    pub fn new(rate: SampleRate) -> Self {
        let rate = SampleRate(rate.0.clamp(8_000, 48_000));
        let hop = rate.0 as usize / 100;
        let fourier = Fourier::new(2 * hop);
        let (points, bins) = (fourier.points(), fourier.points() / 2 + 1);
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        Denoiser {
            rate,
            hop,
            window: (0..2 * hop).map(|n| (PI * (n as f32 + 0.5) / (2 * hop) as f32).sin()).collect(),
            before: zeros(hop),
            tail: zeros(hop),
            re: zeros(points),
            im: zeros(points),
            first: zeros(bins),
            second: zeros(bins),
            // A window's power is half its length.
            floor: Floor::new(bins, hop as f32),
            cleaned: zeros(bins),
            fourier,
        }
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Cleans whole pieces of 20 ms in place; what is no whole piece stays as it is.
    pub fn process(&mut self, pcm: &mut [i16]) {
        for piece in pcm.chunks_exact_mut(2 * self.hop) {
            self.gather(piece);
            self.fourier.forward(&mut self.re, &mut self.im);
            self.weigh();
            self.fourier.backward(&mut self.re, &mut self.im);
            self.overlap(piece);
        }
    }

    /// The two frames of a piece, windowed: the half before it and its first half, and its two halves.
    fn gather(&mut self, piece: &[i16]) {
        let hop = self.hop;
        for n in 0..hop {
            let (middle, last) = (f32::from(piece[n]), f32::from(piece[hop + n]));
            let (rising, falling) = (self.window[n], self.window[hop + n]);
            (self.re[n], self.re[hop + n]) = (self.before[n] * rising, middle * falling);
            (self.im[n], self.im[hop + n]) = (middle * rising, last * falling);
            self.before[n] = last;
        }
        self.re[2 * hop..].fill(0.0);
        self.im[2 * hop..].fill(0.0);
    }

    /// From the spectra of both frames in one to the same with the gains applied.
    fn weigh(&mut self) {
        let points = self.fourier.points();
        for k in 0..=points / 2 {
            let (a, b) = self.apart(k);
            (self.first[k], self.second[k]) = (a.0 * a.0 + a.1 * a.1, b.0 * b.0 + b.1 * b.1);
        }
        gains(&mut self.floor, &mut self.cleaned, &mut self.first);
        gains(&mut self.floor, &mut self.cleaned, &mut self.second);
        for k in 0..=points / 2 {
            let (a, b) = self.apart(k);
            let (x, y) = (self.first[k], self.second[k]);
            let (a, b) = ((a.0 * x, a.1 * x), (b.0 * y, b.1 * y));
            let mirror = (points - k) % points;
            (self.re[mirror], self.im[mirror]) = (a.0 + b.1, b.0 - a.1);
            (self.re[k], self.im[k]) = (a.0 - b.1, a.1 + b.0);
        }
    }

    /// Bin `k` of the frame in the real part and of that in the imaginary part: a real signal's spectrum mirrors its conjugate.
    fn apart(&self, k: usize) -> ((f32, f32), (f32, f32)) {
        let mirror = (self.re.len() - k) % self.re.len();
        let (z, m) = ((self.re[k], self.im[k]), (self.re[mirror], self.im[mirror]));
        (((z.0 + m.0) / 2.0, (z.1 - m.1) / 2.0), ((z.1 + m.1) / 2.0, (m.0 - z.0) / 2.0))
    }

    fn overlap(&mut self, piece: &mut [i16]) {
        let (hop, scale) = (self.hop, 1.0 / self.fourier.points() as f32);
        for n in 0..hop {
            let (rising, falling) = (self.window[n] * scale, self.window[hop + n] * scale);
            piece[n] = sample(self.tail[n] + self.re[n] * rising);
            piece[hop + n] = sample(self.re[hop + n] * falling + self.im[n] * rising);
            self.tail[n] = self.im[hop + n] * falling;
        }
    }
}

/// Turns the powers of a frame into gains: Wiener's, of the signal to noise that the frame before and this one let expect.
fn gains(floor: &mut Floor, cleaned: &mut [f32], powers: &mut [f32]) {
    floor.follow(powers);
    for (k, (power, before)) in powers.iter_mut().zip(cleaned).enumerate() {
        let ratio = (*power / (NOISE_WEIGHT * floor.noise(k))).min(SIGNAL_TO_NOISE_MAX);
        let expected = BEFORE * *before + (1.0 - BEFORE) * (ratio - 1.0).max(0.0);
        let expected = expected.max(SIGNAL_TO_NOISE_MIN);
        let gain = expected / (1.0 + expected);
        *before = gain * gain * ratio;
        *power = gain.max(GAIN_MIN);
    }
}

fn sample(value: f32) -> i16 {
    value.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}
