use std::f32::consts::TAU;

/// The discrete Fourier transform of a length that is a power of two, in place.
pub(super) struct Fourier {
    /// e^(-2πik/N) for k below N/2.
    twiddles: Box<[(f32, f32)]>,
    /// Where each sample goes before the first butterfly.
    order: Box<[u32]>,
}

impl Fourier {
    pub fn new(points: usize) -> Self {
        let points = points.next_power_of_two().max(2);
        let bits = points.trailing_zeros();
        let twiddles = (0..points / 2).map(|k| {
            let angle = -TAU * k as f32 / points as f32;
            (angle.cos(), angle.sin())
        });
        let order = (0..points as u32).map(|i| i.reverse_bits() >> (32 - bits));
        Fourier { twiddles: twiddles.collect(), order: order.collect() }
    }

    pub fn points(&self) -> usize {
        self.order.len()
    }

    /// Both slices have [`points`](Self::points) samples; a shorter one is left as it is.
    pub fn forward(&self, re: &mut [f32], im: &mut [f32]) {
        let points = self.points();
        if re.len() < points || im.len() < points {
            return;
        }
        for (i, &j) in self.order.iter().enumerate() {
            let j = j as usize;
            if i < j {
                re.swap(i, j);
                im.swap(i, j);
            }
        }
        let mut half = 1;
        while half < points {
            let stride = points / (2 * half);
            for start in (0..points).step_by(2 * half) {
                for k in 0..half {
                    let (cos, sin) = self.twiddles[k * stride];
                    let (a, b) = (start + k, start + k + half);
                    let (x, y) = (re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos);
                    (re[b], im[b]) = (re[a] - x, im[a] - y);
                    (re[a], im[a]) = (re[a] + x, im[a] + y);
                }
            }
            half *= 2;
        }
    }

    /// The inverse, but for a factor of [`points`](Self::points).
    pub fn backward(&self, re: &mut [f32], im: &mut [f32]) {
        self.forward(im, re);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_that_defines_it_and_its_inverse_gives_the_samples_back() {
        let fourier = Fourier::new(64);
        let samples: Vec<(f32, f32)> = (0..64).map(|n| ((n as f32 * 0.7).sin() * 3.0, (n * n % 17) as f32)).collect();
        let (mut re, mut im): (Vec<f32>, Vec<f32>) = samples.iter().copied().unzip();
        fourier.forward(&mut re, &mut im);
        for k in 0..64 {
            let sum = samples.iter().enumerate().fold((0.0, 0.0), |(a, b), (n, (x, y))| {
                let (sin, cos) = (-std::f64::consts::TAU * (k * n % 64) as f64 / 64.0).sin_cos();
                (a + f64::from(*x) * cos - f64::from(*y) * sin, b + f64::from(*x) * sin + f64::from(*y) * cos)
            });
            assert!((f64::from(re[k]) - sum.0).abs() < 1e-2 && (f64::from(im[k]) - sum.1).abs() < 1e-2, "bin {k}");
        }
        fourier.backward(&mut re, &mut im);
        for (n, (x, y)) in samples.iter().enumerate() {
            assert!((re[n] / 64.0 - x).abs() < 1e-3 && (im[n] / 64.0 - y).abs() < 1e-3, "sample {n}");
        }
    }
}
