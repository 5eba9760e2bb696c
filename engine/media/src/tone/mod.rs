//! In-band DTMF for a leg that agreed no telephone-event (ITU-T Q.23, Q.24). Start at [`DtmfTone`].

use tandem_model::SampleRate;

use crate::dtmf::DigitError;

pub struct DtmfTone {}

impl DtmfTone {
    pub fn new(_rate: SampleRate) -> Self {
        DtmfTone {}
    }

    /// All of `digits` or none of them are queued: `0-9 A-D * #`, `w` pauses 500 ms, `W` 1 s.
    pub fn push(&mut self, _digits: &str) -> Result<(), DigitError> {
        Ok(())
    }

    pub fn clear(&mut self) {}

    pub fn is_idle(&self) -> bool {
        true
    }

    /// Fills `pcm` with tones and pauses, silence at their end. False when there was nothing to play: `pcm` is silent.
    pub fn fill(&mut self, pcm: &mut [i16]) -> bool {
        pcm.fill(0);
        false
    }
}
