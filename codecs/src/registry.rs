use tandem_model::{Ptime, SampleRate};

use crate::{CodecError, CodecId, Decoder, Encoder};

/// One codec we speak: its names and numbers, and how to make one.
#[derive(Debug)]
pub struct CodecSpec {
    pub id: CodecId,
    /// Encoding name in SDP; compare without case.
    pub name: &'static str,
    /// RTP clock, which is not always the rate of the audio.
    pub clock_hz: u32,
    /// Channels as SDP writes them; the audio we give and take is mono.
    pub channels: u8,
    /// The number RFC 3551 gave it.
    pub static_payload_type: Option<u8>,
    /// The number we like: the static one, or one of 96..127.
    pub default_payload_type: u8,
    /// What we say of our receiver; empty says nothing.
    pub default_fmtp: &'static str,
    /// The rate its audio has by nature.
    pub natural_rate: SampleRate,
    /// A decoder that gives PCM at `rate`. [`CodecError::Rate`] when it cannot.
    pub decoder: fn(rate: SampleRate) -> Result<Box<dyn Decoder>, CodecError>,
    /// An encoder that takes PCM as the settings say. [`CodecError::Rate`] or [`CodecError::FrameSize`] when it cannot.
    pub encoder: fn(&EncoderSettings<'_>) -> Result<Box<dyn Encoder>, CodecError>,
}

/// What an encoder must know of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings<'a> {
    /// The rate of the PCM it will be given.
    pub rate: SampleRate,
    pub ptime: Ptime,
    /// The remote's format parameters as they stood in its description; empty when there were none.
    pub fmtp: &'a str,
    /// 0..10, effort against quality, for codecs that have such a choice. 5 is a good default.
    pub complexity: u8,
}
