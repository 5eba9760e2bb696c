use super::tables::{ILB, LOW_LEVELS, Q2, Q6_TIMES_16, QM2, QM4, QM6, WH2, WL4};

/// One sub-band: the adaptive scale factor and the predictor of two poles and six zeros that encoder and decoder keep
/// alike (G.722 clauses 3.3 to 3.6). Values are 16 bits wide, kept in 32 so that only what may overflow is saturated.
#[derive(Clone)]
pub(super) struct Band {
    shape: Shape,
    /// Δ, the quantizer's scale factor.
    det: i32,
    /// ∇, its logarithm.
    nabla: i32,
    /// The prediction, and the zeros' part of it.
    s: i32,
    sz: i32,
    /// Reconstructed signal, and partially reconstructed for its sign, latest first.
    r: [i32; 2],
    p: [i32; 2],
    /// Poles and zeros.
    a: [i32; 2],
    b: [i32; 6],
    /// Quantized differences, latest first.
    d: [i32; 6],
}

/// What tells the bands apart.
#[derive(Clone, Copy)]
struct Shape {
    nabla_max: i32,
    /// 2^shift of ∇'s octaves lie below Δ = 2048.
    octaves: i32,
}

const LOW: Shape = Shape { nabla_max: 18_432, octaves: 8 };
const HIGH: Shape = Shape { nabla_max: 22_528, octaves: 10 };

impl Band {
    pub(super) fn low() -> Self {
        Band::new(LOW)
    }

    pub(super) fn high() -> Self {
        Band::new(HIGH)
    }

    fn new(shape: Shape) -> Self {
        let mut band =
            Band { shape, det: 0, nabla: 0, s: 0, sz: 0, r: [0; 2], p: [0; 2], a: [0; 2], b: [0; 6], d: [0; 6] };
        band.scale(0);
        band
    }

    /// Codes one sample of the lower band in six bits.
    #[inline]
    pub(super) fn encode_low(&mut self, x: i32) -> u8 {
        let e = saturate(x - self.s);
        let magnitude = (e ^ (e >> 15)) as i16;
        // QUANTL: how many decision levels the magnitude reaches. They rise, so counting needs no order, and all are made at
        // once while the prediction is still under way.
        let det = self.det as u32;
        let levels = Q6_TIMES_16.map(|level| ((u32::from(level) * det) >> 16) as i16);
        let reached: i16 = levels.iter().map(|level| i16::from(magnitude >= *level)).sum();
        let reached = (reached as u8).min(LOW_LEVELS as u8);
        let code = match (e < 0, reached) {
            (false, _) => 61 - reached,
            (true, 0..2) => 63 - reached,
            (true, _) => 33 - reached,
        };
        self.take_low(code);
        code
    }

    /// Decodes one sample of the lower band from six bits.
    #[inline]
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let code = code & 0x3f;
        let out = limit(self.s + mult(self.det, i32::from(QM6[usize::from(code)])));
        self.take_low(code);
        out
    }

    /// Both ends go on from the upper four bits alone: the lower two may be stolen for data on the way.
    #[inline]
    fn take_low(&mut self, code: u8) {
        let code = usize::from((code >> 2) & 15);
        let d = mult(self.det, i32::from(QM4[code]));
        self.scale(i32::from(WL4[code]));
        self.adapt(d);
    }

    /// Codes one sample of the higher band in two bits.
    #[inline]
    pub(super) fn encode_high(&mut self, x: i32) -> u8 {
        let e = saturate(x - self.s);
        let small = (e ^ (e >> 15)) < (Q2 * self.det) >> 12;
        let code = (u8::from(e >= 0) << 1) | u8::from(small);
        self.take_high(code);
        code
    }

    /// Decodes one sample of the higher band from two bits.
    #[inline]
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let s = self.s;
        limit(s + self.take_high(code))
    }

    /// The quantized difference.
    #[inline]
    fn take_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let d = mult(self.det, i32::from(QM2[code]));
        self.scale(i32::from(WH2[code]));
        self.adapt(d);
        d
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH.
    #[inline]
    fn scale(&mut self, step: i32) {
        self.nabla = (((self.nabla * 127) >> 7) + step).clamp(0, self.shape.nabla_max);
        let octave = self.nabla >> 11;
        // ∇ is at most nine octaves in the lower band and eleven in the higher: one above the last whole step.
        let inverse = (i32::from(ILB[((self.nabla >> 6) & 31) as usize]) << 1) >> (self.shape.octaves + 1 - octave);
        self.det = inverse << 2;
    }

    /// Block 4: adapts the predictor to the quantized difference `d` and predicts the next sample.
    ///
    /// Saturations that cannot happen are left out: |d| stays below 10,229 since Δ is at most 16,384, and a zero's leak and
    /// push balance at the ends of 16 bits.
    #[inline]
    fn adapt(&mut self, d: i32) {
        let r = saturate(self.s + d);
        self.adapt_poles(self.sz + d);
        self.adapt_zeros(d);
        self.r = [r, self.r[0]];
        self.d = [d, self.d[0], self.d[1], self.d[2], self.d[3], self.d[4]];
        self.predict();
    }

    /// UPPOL2, then UPPOL1 with the new second pole. Of `p`, the partially reconstructed signal, the sign is all that counts.
    #[inline]
    fn adapt_poles(&mut self, p: i32) {
        let same = [(p ^ self.p[0]) >= 0, (p ^ self.p[1]) >= 0];
        self.p = [p, self.p[0]];
        let [a1, a2] = self.a;
        let pull = saturate(a1 << 2);
        let pull = if same[0] { (-pull).min(32_767) } else { pull };
        let push = if same[1] { 128 } else { -128 };
        let a2 = (push + (pull >> 7) + mult(a2, 32_512)).clamp(-12_288, 12_288);
        let push = if same[0] { 192 } else { -192 };
        // Keeps the poles inside the unit circle.
        let bound = 15_360 - a2;
        let a1 = (push + mult(a1, 32_640)).clamp(-bound, bound);
        self.a = [a1, a2];
    }

    /// UPZERO.
    #[inline]
    fn adapt_zeros(&mut self, d: i32) {
        let push = if d == 0 { 0 } else { 128 };
        for (b, past) in self.b.iter_mut().zip(self.d) {
            let push = if (d ^ past) >= 0 { push } else { -push };
            *b = push + mult(*b, 32_640);
        }
    }

    /// FILTEP, FILTEZ and PREDIC.
    #[inline]
    fn predict(&mut self) {
        let twice = |x: i32| saturate(2 * x);
        let sp = saturate(mult(self.a[0], twice(self.r[0])) + mult(self.a[1], twice(self.r[1])));
        let mut products = [0; 6];
        for (product, (b, d)) in products.iter_mut().zip(self.b.iter().zip(self.d)) {
            *product = mult(*b, 2 * d);
        }
        let most: i32 = products.iter().map(|product| product.abs()).sum();
        self.sz = if most <= 32_767 {
            products.iter().sum()
        } else {
            // The oldest first: the reference software's running sum saturates.
            products.iter().rev().fold(0, |sum, product| saturate(sum + product))
        };
        self.s = saturate(sp + self.sz);
    }
}

/// A product of two fractions of 15 bits.
#[inline]
fn mult(a: i32, b: i32) -> i32 {
    (a * b) >> 15
}

/// To 16 bits.
#[inline]
fn saturate(x: i32) -> i32 {
    x.clamp(-32_768, 32_767)
}

/// To 15 bits (block LIMIT): what the band-splitting filters give and take.
#[inline]
pub(super) fn limit(x: i32) -> i32 {
    x.clamp(-16_384, 16_383)
}
