//! Opus (RFC 6716) by libopus, mono, at the rate the engine works in rather than always 48 kHz: libopus resamples inside.
//! Not here: RTP's 48 kHz clock, which is the packetiser's affair. Start at [`OPUS`].

mod decoder;
mod encoder;
mod fmtp;
mod toc;

use tandem_model::SampleRate;

use crate::{CodecError, CodecId, CodecSpec};
use decoder::OpusDecoder;
use encoder::OpusEncoder;

/// RFC 7587: always `opus/48000/2`, whatever is sent. We like FEC and mono.
pub(crate) const OPUS: CodecSpec = CodecSpec {
    id: CodecId::Opus,
    name: "opus",
    clock_hz: 48_000,
    channels: 2,
    static_payload_type: None,
    default_payload_type: 96,
    default_fmtp: "useinbandfec=1",
    natural_rate: SampleRate::HZ_48000,
    decoder: |rate| Ok(Box::new(OpusDecoder::new(rate)?)),
    encoder: |settings| Ok(Box::new(OpusEncoder::new(settings)?)),
};

/// The rates libopus runs at.
fn check_rate(rate: SampleRate) -> Result<(), CodecError> {
    match rate.0 {
        8_000 | 12_000 | 16_000 | 24_000 | 48_000 => Ok(()),
        _ => Err(CodecError::Rate(rate)),
    }
}
