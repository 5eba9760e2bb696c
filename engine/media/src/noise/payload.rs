/// Reflection coefficients used; a peer may send more, which refine what these say.
pub const ORDER_MAX: usize = 12;
/// The longest payload we write: a level and a coefficient for each order we analyse.
pub const NOISE_BYTES_MAX: usize = 1 + ORDER_MAX;
/// Full scale, against which levels are measured (dBov).
const OVERLOAD: f32 = 32_768.0;

/// What one comfort-noise packet says: how loud the background is, and its spectrum (RFC 3389 section 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComfortNoise {
    /// Below overload, 0..127 dB: a level of -level dBov.
    pub level: u8,
    order: usize,
    /// Of an all-pole model 1 / A(z), with A(z) = 1 + k₁z⁻¹ for one coefficient; within ±1.
    reflection: [f32; ORDER_MAX],
}

impl ComfortNoise {
    /// Coefficients beyond [`ORDER_MAX`] are left out.
    pub fn new(level: u8, reflection: &[f32]) -> Self {
        let order = reflection.len().min(ORDER_MAX);
        let mut noise = ComfortNoise { level: level.min(127), order, reflection: [0.0; ORDER_MAX] };
        noise.reflection[..order].copy_from_slice(&reflection[..order]);
        noise
    }

    /// None for an empty payload. Without coefficients the noise is white.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (level, indices) = payload.split_first()?;
        let order = indices.len().min(ORDER_MAX);
        // Section 3.1: the first bit is always 0; a receiver ignores it.
        let mut noise = ComfortNoise { level: level & 0x7f, order, reflection: [0.0; ORDER_MAX] };
        for (k, index) in noise.reflection.iter_mut().zip(indices) {
            // Section 3.2: 258 · (N - 127) in fractions of 2¹⁵. Index 255 is reserved.
            *k = 258.0 * (f32::from((*index).min(254)) - 127.0) / 32_768.0;
        }
        Some(noise)
    }

    /// Writes the payload; the bytes written. None when `room` is too small.
    pub fn write(&self, room: &mut [u8]) -> Option<usize> {
        let bytes = 1 + self.order;
        let (level, indices) = room.get_mut(..bytes)?.split_first_mut()?;
        *level = self.level;
        for (index, k) in indices.iter_mut().zip(self.reflection) {
            *index = (k * 32_768.0 / 258.0 + 127.0).round().clamp(0.0, 254.0) as u8;
        }
        Some(bytes)
    }

    pub fn reflection(&self) -> &[f32] {
        &self.reflection[..self.order]
    }

    /// The root mean square of its samples.
    pub fn amplitude(&self) -> f32 {
        OVERLOAD * 10_f32.powf(-f32::from(self.level) / 20.0)
    }

    /// The level of a signal of this mean square.
    pub(super) fn level_of(mean_square: f32) -> u8 {
        dbov(mean_square).round().clamp(-127.0, 0.0).abs() as u8
    }
}

/// dB against overload; -127 for silence.
pub(super) fn dbov(mean_square: f32) -> f32 {
    (10.0 * (mean_square / (OVERLOAD * OVERLOAD)).max(1e-13).log10()).max(-127.0)
}
