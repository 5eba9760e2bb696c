//! Opus (RFC 6716) by libopus, mono, at the rate the engine works in rather than always 48 kHz: libopus resamples inside.
//! Not here: RTP's 48 kHz clock, which is the packetiser's affair. Start at [`OPUS`].

mod decoder;
mod encoder;
mod fmtp;
mod toc;
mod tuning;

use tandem_model::SampleRate;

use crate::{CodecError, CodecId, CodecSpec, FarEnd, Impairment};
use decoder::OpusDecoder;
use encoder::OpusEncoder;
use fmtp::OpusParameters;
pub use tuning::OpusTuning;

/// RFC 7587 section 7: always `opus/48000/2`, whatever is sent; peers that write another count mean the same.
pub(crate) const OPUS: CodecSpec = CodecSpec {
    id: CodecId::Opus,
    name: "opus",
    clock_hz: 48_000,
    channels: 2,
    any_channels: true,
    static_payload_type: None,
    default_payload_type: 96,
    fmtp: |tuning| OpusParameters::ours(&tuning.opus).to_string(),
    far_end: Some(far_end),
    natural_rate: SampleRate::HZ_48000,
    rates: &RATES,
    // libopus has no frame of 30 or 50 ms.
    ptimes_ms: &[10, 20, 40, 60],
    // RFC 7587 section 3.1.3: Opus has silence of its own.
    comfort_noise: false,
    // No value is standardised; wideband codecs with concealment of their own lie near this on the narrowband scale.
    impairment: Impairment { ie: 0.0, bpl: 20.0 },
    decoder: |rate| Ok(Box::new(OpusDecoder::new(rate)?)),
    encoder: |settings| Ok(Box::new(OpusEncoder::new(settings)?)),
};

/// The rates libopus runs at.
const RATES: [SampleRate; 5] =
    [SampleRate::HZ_8000, SampleRate(12_000), SampleRate::HZ_16000, SampleRate(24_000), SampleRate::HZ_48000];

fn check_rate(rate: SampleRate) -> Result<(), CodecError> {
    if RATES.contains(&rate) { Ok(()) } else { Err(CodecError::Rate(rate)) }
}

fn far_end(fmtp: &str) -> FarEnd {
    let said = OpusParameters::parse(fmtp);
    FarEnd { captures: SampleRate(said.max_capture_rate), plays: SampleRate(said.max_playback_rate) }
}
