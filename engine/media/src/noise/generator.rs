use super::payload::{ComfortNoise, ORDER_MAX};

/// The share of the way to new parameters that each 20 ms go: a change is heard as none.
const APPROACH: f32 = 0.25;
/// Keeps the filter's ringing short whatever a peer sends.
const REFLECTION_MAX: f32 = 0.98;

/// Makes noise as a peer described it: white noise through the lattice of its reflection coefficients. It stays the same until
/// told otherwise; nothing allocates.
#[derive(Clone, Debug)]
pub struct NoiseGenerator {
    random: u32,
    target: ComfortNoise,
    /// What is reached of the target: amplitude of the noise and coefficients.
    amplitude: f32,
    reflection: [f32; ORDER_MAX],
    /// Backward prediction errors of the lattice, one sample old.
    backward: [f32; ORDER_MAX + 1],
    /// Something was heard of the noise since it began.
    running: bool,
}

impl NoiseGenerator {
    /// Silent until [`set`](Self::set). `seed` tells streams apart.
    pub fn new(seed: u32) -> Self {
        NoiseGenerator {
            random: seed | 1,
            target: ComfortNoise::new(127, &[]),
            amplitude: 0.0,
            reflection: [0.0; ORDER_MAX],
            backward: [0.0; ORDER_MAX + 1],
            running: false,
        }
    }

    /// What a packet said. The first after [`stop`](Self::stop) holds at once, later ones are approached.
    pub fn set(&mut self, noise: ComfortNoise) {
        self.target = noise;
        if !self.running {
            self.running = true;
            self.step(1.0);
        }
    }

    /// Speech has come: what is known of the noise may be old when it ends.
    pub fn stop(&mut self) {
        self.running = false;
        self.backward = [0.0; ORDER_MAX + 1];
    }

    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Fills `pcm`, about 20 ms of it.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        self.step(APPROACH);
        let order = self.order();
        // The model passes on more power than it is given, by the product of 1 - k².
        let gain = self.reflection[..order].iter().map(|k| 1.0 - k * k).product::<f32>().sqrt();
        // A triangular distribution over ±1 has a variance of one sixth.
        let scale = self.amplitude * gain * 6_f32.sqrt();
        for sample in pcm {
            let mut forward = self.white() * scale;
            for i in (0..order).rev() {
                let k = self.reflection[i];
                forward -= k * self.backward[i];
                self.backward[i + 1] = self.backward[i] + k * forward;
            }
            self.backward[0] = forward;
            *sample = forward as i16;
        }
    }

    /// Moves amplitude and coefficients towards the target, by a share of the distance.
    fn step(&mut self, share: f32) {
        self.amplitude += (self.target.amplitude() - self.amplitude) * share;
        let wanted = self.target.reflection();
        for (i, k) in self.reflection.iter_mut().enumerate() {
            let wanted = wanted.get(i).map_or(0.0, |k| k.clamp(-REFLECTION_MAX, REFLECTION_MAX));
            *k += (wanted - *k) * share;
        }
    }

    /// Coefficients that do anything.
    fn order(&self) -> usize {
        self.reflection.iter().rposition(|k| k.abs() > 1e-4).map_or(0, |last| last + 1)
    }

    #[cfg(test)]
    pub(super) fn is_sane(&self) -> bool {
        self.amplitude.is_finite() && self.backward.iter().all(|b| b.is_finite())
    }

    /// The sum of two even draws, within ±1 (a xorshift generator's halves).
    fn white(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let half = |bits: u32| f32::from(bits as u16 as i16) / 65_536.0;
        half(self.random) + half(self.random >> 16)
    }
}
