//! L16: uncompressed 16-bit samples in network byte order (RFC 3551 section 4.5.11), one channel, at four rates.
//! Not here: 44.1 kHz and stereo, which have static payload types and no place in telephony. Start at [`L16_16K`].

use tandem_model::{Ptime, SampleRate};

use crate::{CodecError, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings, Impairment};

/// A packet must fit an Ethernet frame of 1,500 bytes with IPv6, UDP, RTP and SRTP around it: 20 ms at 48 kHz do not.
const PAYLOAD_BYTES_MAX: usize = 1_400;

pub(crate) const L16_16K: CodecSpec = CodecSpec {
    id: CodecId::L16At16k,
    name: "L16",
    clock_hz: 16_000,
    channels: 1,
    any_channels: false,
    static_payload_type: None,
    default_payload_type: 98,
    fmtp: |_| String::new(),
    far_end: None,
    natural_rate: SampleRate::HZ_16000,
    rates: &[SampleRate::HZ_16000],
    ptimes_ms: &[10, 20, 30, 40],
    comfort_noise: true,
    // As G.711, whose losses are concealed in the same way.
    impairment: Impairment { ie: 0.0, bpl: 25.1 },
    decoder: |rate| decoder(rate, SampleRate::HZ_16000),
    encoder: |settings| encoder(settings, SampleRate::HZ_16000),
};

pub(crate) const L16_8K: CodecSpec = CodecSpec {
    id: CodecId::L16At8k,
    clock_hz: 8_000,
    default_payload_type: 97,
    natural_rate: SampleRate::HZ_8000,
    rates: &[SampleRate::HZ_8000],
    ptimes_ms: &[10, 20, 30, 40, 50, 60],
    decoder: |rate| decoder(rate, SampleRate::HZ_8000),
    encoder: |settings| encoder(settings, SampleRate::HZ_8000),
    ..L16_16K
};

pub(crate) const L16_24K: CodecSpec = CodecSpec {
    id: CodecId::L16At24k,
    clock_hz: 24_000,
    default_payload_type: 99,
    natural_rate: SampleRate::HZ_24000,
    rates: &[SampleRate::HZ_24000],
    ptimes_ms: &[10, 20],
    decoder: |rate| decoder(rate, SampleRate::HZ_24000),
    encoder: |settings| encoder(settings, SampleRate::HZ_24000),
    ..L16_16K
};

pub(crate) const L16_48K: CodecSpec = CodecSpec {
    id: CodecId::L16At48k,
    clock_hz: 48_000,
    default_payload_type: 100,
    natural_rate: SampleRate::HZ_48000,
    rates: &[SampleRate::HZ_48000],
    ptimes_ms: &[10],
    decoder: |rate| decoder(rate, SampleRate::HZ_48000),
    encoder: |settings| encoder(settings, SampleRate::HZ_48000),
    ..L16_16K
};

fn decoder(wanted: SampleRate, own: SampleRate) -> Result<Box<dyn Decoder>, CodecError> {
    if wanted == own { Ok(Box::new(L16(own))) } else { Err(CodecError::Rate(wanted)) }
}

fn encoder(settings: &EncoderSettings<'_>, own: SampleRate) -> Result<Box<dyn Encoder>, CodecError> {
    let (rate, Ptime(ms)) = (settings.rate, settings.ptime);
    if rate != own {
        return Err(CodecError::Rate(rate));
    }
    let samples = rate.samples(Ptime(ms));
    if samples == 0 || 2 * samples > PAYLOAD_BYTES_MAX {
        return Err(CodecError::FrameSize { samples });
    }
    Ok(Box::new(L16(own)))
}

/// Both directions: nothing is remembered.
struct L16(SampleRate);

impl Decoder for L16 {
    fn rate(&self) -> SampleRate {
        self.0
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let (samples, rest) = payload.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(CodecError::Malformed);
        }
        let needed = samples.len();
        let out = pcm.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        for (out, sample) in out.iter_mut().zip(samples) {
            *out = i16::from_be_bytes(*sample);
        }
        Ok(needed)
    }
}

impl Encoder for L16 {
    fn rate(&self) -> SampleRate {
        self.0
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let needed = 2 * pcm.len();
        if needed > PAYLOAD_BYTES_MAX {
            return Err(CodecError::FrameSize { samples: pcm.len() });
        }
        let out = payload.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        for (out, sample) in out.as_chunks_mut::<2>().0.iter_mut().zip(pcm) {
            *out = sample.to_be_bytes();
        }
        Ok(needed)
    }
}
