use tandem_model::SampleRate;

use super::Resampler;

/// Input of one `push` that is sure to fit: one tick at the highest rate.
const PUSH_SAMPLES_MAX: usize = 960;

/// PCM of one rate that waits to be taken at another. Nothing allocates but `new` and a change of the source's rate.
pub struct RateFifo {
    from: SampleRate,
    to: SampleRate,
    resampler: Option<Resampler>,
    chunk: Vec<i16>,
    fifo: Vec<i16>,
    /// The most that waits; older samples make room.
    samples_max: usize,
}

impl RateFifo {
    /// Holds `samples_max` samples at the rate `to`.
    pub fn new(from: SampleRate, to: SampleRate, samples_max: usize) -> Self {
        let fifo = Vec::with_capacity(samples_max);
        let mut new = RateFifo { from, to, resampler: None, chunk: Vec::new(), fifo, samples_max };
        new.prepare();
        new
    }

    /// The source goes on at another rate; what waits stays.
    pub fn set_source(&mut self, from: SampleRate) {
        if self.from != from {
            self.from = from;
            self.prepare();
        }
    }

    pub fn source(&self) -> SampleRate {
        self.from
    }

    pub fn rate(&self) -> SampleRate {
        self.to
    }

    fn prepare(&mut self) {
        self.resampler = (self.from != self.to).then(|| Resampler::new(self.from, self.to));
        let room = self.resampler.as_ref().map_or(0, |r| r.output_max(PUSH_SAMPLES_MAX));
        self.chunk.resize(room, 0);
    }

    pub fn push(&mut self, pcm: &[i16]) {
        for pcm in pcm.chunks(PUSH_SAMPLES_MAX) {
            let written = match &mut self.resampler {
                Some(resampler) => resampler.process(pcm, &mut self.chunk),
                None => 0,
            };
            let pcm = if self.resampler.is_some() { &self.chunk[..written] } else { pcm };
            let pcm = &pcm[pcm.len().saturating_sub(self.samples_max)..];
            let surplus = (self.fifo.len() + pcm.len()).saturating_sub(self.samples_max);
            self.fifo.drain(..surplus);
            self.fifo.extend_from_slice(pcm);
        }
    }

    /// Moves the oldest samples into `out`, as many as there are; how many.
    pub fn take(&mut self, out: &mut [i16]) -> usize {
        let n = self.fifo.len().min(out.len());
        out[..n].copy_from_slice(&self.fifo[..n]);
        self.fifo.drain(..n);
        n
    }

    /// Samples that wait.
    pub fn len(&self) -> usize {
        self.fifo.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fifo.is_empty()
    }

    pub fn clear(&mut self) {
        self.fifo.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_at_one_rate_is_taken_at_the_other_and_the_oldest_makes_room() {
        let mut fifo = RateFifo::new(SampleRate::HZ_8000, SampleRate::HZ_16000, 700);
        fifo.push(&[1_000; 160]);
        assert_eq!(fifo.len(), 320);
        fifo.push(&[1_000; 160]);
        fifo.push(&[1_000; 160]);
        assert_eq!(fifo.len(), 700);
        let mut out = [0; 320];
        assert_eq!(fifo.take(&mut out), 320);
        assert!(out[100..].iter().all(|s| (990..=1_010).contains(s)), "{out:?}");
        fifo.set_source(SampleRate::HZ_16000);
        fifo.push(&[7; 2_000]);
        assert_eq!((fifo.take(&mut [0; 380]), fifo.take(&mut out), out[319]), (380, 320, 7));
        assert_eq!((fifo.take(&mut out), fifo.is_empty()), (0, true));
    }
}
