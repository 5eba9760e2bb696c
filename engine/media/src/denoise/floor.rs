//! What is always there, by minima-controlled recursive averaging (I. Cohen and B. Berdugo, 2002): each bin is averaged while it is near
//! the least it was in the last seconds, and left alone while something rises above that.

/// Of a frame's power to the next.
const SMOOTH: f32 = 0.7;
/// Of the average of noise, when there is nothing else.
const AVERAGE: f32 = 0.95;
/// Of the idea that there is something else.
const PRESENCE: f32 = 0.2;
/// So many times the minimum is more than noise.
const RISE: f32 = 10.0;
/// The average of noise is never so many times above the minimum: speech that began before the first pause was not noise.
const ABOVE_MINIMUM_MAX: f32 = 20.0;
/// Frames of 10 ms that the minimum is searched in; the search goes on in two that overlap. Longer than speech holds a tone.
const SEARCH_FRAMES: u32 = 120;

pub(super) struct Floor {
    bins: Box<[Bin]>,
    /// The power of a signal of one step of 16 bits: nothing is quieter.
    least: f32,
    frame: u32,
}

#[derive(Clone, Copy, Default)]
struct Bin {
    smoothed: f32,
    minimum: f32,
    /// Of the search that began last.
    next_minimum: f32,
    presence: f32,
    noise: f32,
}

impl Floor {
    pub fn new(bins: usize, least: f32) -> Self {
        Floor { bins: vec![Bin::default(); bins].into_boxed_slice(), least, frame: 0 }
    }

    /// Takes the next frame's powers.
    pub fn follow(&mut self, powers: &[f32]) {
        let (first, search_over) = (self.frame == 0, self.frame.is_multiple_of(SEARCH_FRAMES));
        for (k, bin) in self.bins.iter_mut().enumerate() {
            let Some(&power) = powers.get(k) else { return };
            // Over the neighbours too, so that a bin alone does not look like something new.
            let beside = |k: usize| powers.get(k).copied().unwrap_or(power);
            let wide = 0.25 * beside(k.wrapping_sub(1)) + 0.5 * power + 0.25 * beside(k + 1);
            bin.smoothed = if first { wide } else { SMOOTH * bin.smoothed + (1.0 - SMOOTH) * wide };
            if first {
                (bin.minimum, bin.next_minimum) = (bin.smoothed, bin.smoothed);
            } else if search_over {
                bin.minimum = bin.next_minimum.min(bin.smoothed);
                bin.next_minimum = bin.smoothed;
            } else {
                bin.minimum = bin.minimum.min(bin.smoothed);
                bin.next_minimum = bin.next_minimum.min(bin.smoothed);
            }
            let minimum = bin.minimum.max(self.least);
            let rises = if bin.smoothed > RISE * minimum { 1.0 } else { 0.0 };
            bin.presence = PRESENCE * bin.presence + (1.0 - PRESENCE) * rises;
            let keep = AVERAGE + (1.0 - AVERAGE) * bin.presence;
            bin.noise = (keep * bin.noise + (1.0 - keep) * power).min(ABOVE_MINIMUM_MAX * minimum);
        }
        self.frame = self.frame.wrapping_add(1).max(1);
    }

    /// The power of noise in a bin.
    pub fn noise(&self, bin: usize) -> f32 {
        self.bins.get(bin).map_or(self.least, |bin| bin.noise.max(self.least))
    }
}
