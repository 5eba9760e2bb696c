use std::fmt;

use tandem_model::SampleRate;

/// One stream's decoder. No call allocates after construction.
pub trait Decoder: Send {
    /// The rate of the PCM it gives.
    fn rate(&self) -> SampleRate;

    /// Decodes one payload into `pcm`; returns the samples written. Any bytes are safe input.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError>;

    /// Fills `pcm` with the codec's own concealment of a lost frame. False when the codec has none:
    /// the caller conceals on PCM.
    fn conceal(&mut self, pcm: &mut [i16]) -> bool {
        let _ = pcm;
        false
    }

    /// Recovers the frame before `next` from its in-band redundancy (RFC 6716 section 2.1.7). None when there is none.
    fn decode_fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Option<usize> {
        let _ = (next, pcm);
        None
    }

    /// Back to the state after construction, for another stream with the same settings.
    fn reset(&mut self) {}
}

/// One stream's encoder. No call allocates after construction.
pub trait Encoder: Send {
    /// The rate of the PCM it takes.
    fn rate(&self) -> SampleRate;

    /// Encodes one frame (`rate × ptime` samples); returns the bytes written. 0: there is nothing to send for this packet
    /// time, because the codec leaves silence out and the far end agreed (RFC 7587 section 3.1.3).
    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError>;

    /// What the far end loses, 0..100 %, for codecs that can protect themselves.
    fn set_expected_loss_percent(&mut self, percent: u8) {
        let _ = percent;
    }

    /// Back to the state after construction, for another stream with the same settings: cheaper than a new encoder.
    fn reset(&mut self) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The payload is not of this codec.
    Malformed,
    /// The output does not hold the result.
    OutputTooSmall { needed: usize },
    /// The codec does not take frames of this many samples.
    FrameSize { samples: usize },
    /// The codec does not run at this rate.
    Rate(SampleRate),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Malformed => f.write_str("payload is not of this codec"),
            CodecError::OutputTooSmall { needed } => write!(f, "output holds less than {needed}"),
            CodecError::FrameSize { samples } => write!(f, "no frame of {samples} samples in this codec"),
            CodecError::Rate(rate) => write!(f, "no {} Hz in this codec", rate.0),
        }
    }
}

impl std::error::Error for CodecError {}
