use opus::{Channels, packet};
use tandem_model::SampleRate;

use super::{check_rate, toc};
use crate::{CodecError, Decoder};

/// A mono decoder straight to the rate asked: a fullband stream costs less at 8 kHz, and stereo is mixed down inside.
pub(super) struct OpusDecoder {
    state: opus::Decoder,
    rate: SampleRate,
}

impl OpusDecoder {
    pub(super) fn new(rate: SampleRate) -> Result<Self, CodecError> {
        check_rate(rate)?;
        let state = opus::Decoder::new(rate.0, Channels::Mono).map_err(|_| CodecError::Rate(rate))?;
        Ok(OpusDecoder { state, rate })
    }

    /// libopus conceals and recovers in steps of 2.5 ms.
    fn is_whole_steps(&self, samples: usize) -> bool {
        samples > 0 && samples.is_multiple_of(self.rate.0 as usize / 400)
    }
}

impl Decoder for OpusDecoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        // An empty payload would ask libopus for concealment; on the wire it is an error.
        if payload.is_empty() {
            return Err(CodecError::Malformed);
        }
        let needed = packet::get_nb_samples(payload, self.rate.0).map_err(|_| CodecError::Malformed)?;
        if needed > pcm.len() {
            return Err(CodecError::OutputTooSmall { needed });
        }
        self.state.decode(payload, pcm, false).map_err(|_| CodecError::Malformed)
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> bool {
        self.is_whole_steps(pcm.len()) && self.state.decode(&[], pcm, false).is_ok()
    }

    fn decode_fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Option<usize> {
        if !toc::has_redundancy(next) || !self.is_whole_steps(pcm.len()) {
            return None;
        }
        self.state.decode(next, pcm, true).ok()
    }

    fn reset(&mut self) {
        // Fails only for a null decoder, which `new` does not give.
        let _ = self.state.reset_state();
    }
}
