use tandem_model::{Ptime, SampleRate};

use crate::opus::OpusTuning;

/// What an encoder must know of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings<'a> {
    /// The rate of the PCM it will be given.
    pub rate: SampleRate,
    pub ptime: Ptime,
    /// The remote's format parameters as they stood in its description; empty when there were none.
    pub fmtp: &'a str,
    pub tuning: Tuning,
}

impl EncoderSettings<'_> {
    /// For a remote that said nothing of its own.
    pub fn new(rate: SampleRate, ptime: Ptime) -> Self {
        EncoderSettings { rate, ptime, fmtp: "", tuning: Tuning::default() }
    }
}

/// What an operator may choose of the codecs that leave a choice; each takes its part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    pub opus: OpusTuning,
}

/// The rates a far end makes any use of, from its format parameters; the codec's natural rate where it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarEnd {
    /// It sends nothing above half of this.
    pub captures: SampleRate,
    /// It plays nothing above half of this.
    pub plays: SampleRate,
}
