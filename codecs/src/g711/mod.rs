//! G.711: µ-law (PCMU) and A-law (PCMA) at 8 kHz, by table.
//! Not here: concealment, which for G.711 works on PCM. Start at [`PCMU`]; the laws are in `law`.

mod law;

use tandem_model::SampleRate;

use crate::{CodecError, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings, Impairment};
use law::Law;

/// µ-law (RFC 3551 section 4.5.14, payload type 0).
pub(crate) const PCMU: CodecSpec = CodecSpec {
    id: CodecId::Pcmu,
    name: "PCMU",
    clock_hz: 8_000,
    channels: 1,
    any_channels: false,
    static_payload_type: Some(0),
    default_payload_type: 0,
    fmtp: |_| String::new(),
    far_end: None,
    natural_rate: SampleRate::HZ_8000,
    rates: &[SampleRate::HZ_8000],
    ptimes_ms: &[10, 20, 30, 40, 50, 60],
    comfort_noise: true,
    // G.113 table I.4, with concealment.
    impairment: Impairment { ie: 0.0, bpl: 25.1 },
    decoder: |rate| decoder(&law::MU, rate),
    encoder: |settings| encoder(&law::MU, settings),
};

/// A-law (RFC 3551 section 4.5.14, payload type 8).
pub(crate) const PCMA: CodecSpec = CodecSpec {
    id: CodecId::Pcma,
    name: "PCMA",
    static_payload_type: Some(8),
    default_payload_type: 8,
    decoder: |rate| decoder(&law::A, rate),
    encoder: |settings| encoder(&law::A, settings),
    ..PCMU
};

fn decoder(law: &'static Law, rate: SampleRate) -> Result<Box<dyn Decoder>, CodecError> {
    only_8_khz(rate)?;
    Ok(Box::new(G711(law)))
}

fn encoder(law: &'static Law, settings: &EncoderSettings<'_>) -> Result<Box<dyn Encoder>, CodecError> {
    only_8_khz(settings.rate)?;
    Ok(Box::new(G711(law)))
}

fn only_8_khz(rate: SampleRate) -> Result<(), CodecError> {
    if rate == SampleRate::HZ_8000 { Ok(()) } else { Err(CodecError::Rate(rate)) }
}

/// Both directions: one sample is one byte, and nothing is remembered.
struct G711(&'static Law);

impl Decoder for G711 {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_8000
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let needed = payload.len();
        let out = pcm.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        for (sample, code) in out.iter_mut().zip(payload) {
            *sample = self.0.expand(*code);
        }
        Ok(needed)
    }
}

impl Encoder for G711 {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_8000
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let needed = pcm.len();
        let out = payload.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        for (code, sample) in out.iter_mut().zip(pcm) {
            *code = self.0.compress(*sample);
        }
        Ok(needed)
    }
}
