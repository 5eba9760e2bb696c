//! G.722: wideband speech in two bands of adaptive differential PCM, at 64 kbit/s (mode 1, the only one RTP has).
//! Not here: concealment, which for G.722 works on PCM. Start at [`G722`]; `qmf` splits and joins the bands, `band` codes one.
//!
//! At 8 kHz only the lower band runs, which is telephone audio: less than half the work, and no resampler.

mod band;
mod qmf;
mod tables;
#[cfg(test)]
mod tests;

use tandem_model::SampleRate;

use crate::{CodecError, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings, Impairment};
use band::{Band, limit};
use qmf::{Joiner, Splitter};

/// Payload type 9. Its RTP clock is 8 kHz though its audio is not: RFC 1890 had it wrong, and RFC 3551 section 4.5.2
/// keeps it so.
pub(crate) const G722: CodecSpec = CodecSpec {
    id: CodecId::G722,
    name: "G722",
    clock_hz: 8_000,
    channels: 1,
    any_channels: false,
    static_payload_type: Some(9),
    default_payload_type: 9,
    fmtp: |_| String::new(),
    far_end: None,
    natural_rate: SampleRate::HZ_16000,
    rates: &[SampleRate::HZ_8000, SampleRate::HZ_16000],
    ptimes_ms: &[10, 20, 30, 40, 50, 60],
    comfort_noise: true,
    // G.113 has wideband codecs on a scale of their own; on the narrowband one, G.722 costs nothing and its losses are
    // concealed as those of G.711 are.
    impairment: Impairment { ie: 0.0, bpl: 25.1 },
    decoder: |rate| Ok(Box::new(G722Decoder::new(rate)?)),
    encoder: |settings| Ok(Box::new(G722Encoder::new(settings)?)),
};

/// Code of the higher band when it is silent: the smaller positive step, which decays to nothing.
const SILENT_HIGH: u8 = 3;

fn check_rate(rate: SampleRate) -> Result<(), CodecError> {
    match rate {
        SampleRate::HZ_8000 | SampleRate::HZ_16000 => Ok(()),
        _ => Err(CodecError::Rate(rate)),
    }
}

struct G722Encoder {
    rate: SampleRate,
    splitter: Splitter,
    low: Band,
    high: Band,
}

impl G722Encoder {
    fn new(settings: &EncoderSettings<'_>) -> Result<Self, CodecError> {
        check_rate(settings.rate)?;
        Ok(G722Encoder { rate: settings.rate, splitter: Splitter::new(), low: Band::low(), high: Band::high() })
    }
}

impl Encoder for G722Encoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let wide = self.rate == SampleRate::HZ_16000;
        if wide && !pcm.len().is_multiple_of(2) {
            return Err(CodecError::FrameSize { samples: pcm.len() });
        }
        let needed = if wide { pcm.len() / 2 } else { pcm.len() };
        let out = payload.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        if wide {
            // On the stack, where the optimizer keeps what it can in registers.
            let (mut low, mut high) = (self.low.clone(), self.high.clone());
            let mut codes = out.iter_mut();
            self.splitter.split(pcm, |x_low, x_high| {
                if let Some(code) = codes.next() {
                    // RFC 3551 section 4.5.2: the higher band's bits are the most significant.
                    *code = (high.encode_high(x_high) << 6) | low.encode_low(x_low);
                }
            });
            (self.low, self.high) = (low, high);
        } else {
            for (code, sample) in out.iter_mut().zip(pcm) {
                // The bands have 15 bits.
                *code = (SILENT_HIGH << 6) | self.low.encode_low(i32::from(*sample) >> 1);
            }
        }
        Ok(needed)
    }

    fn reset(&mut self) {
        (self.splitter, self.low, self.high) = (Splitter::new(), Band::low(), Band::high());
    }
}

struct G722Decoder {
    rate: SampleRate,
    joiner: Joiner,
    low: Band,
    high: Band,
}

impl G722Decoder {
    fn new(rate: SampleRate) -> Result<Self, CodecError> {
        check_rate(rate)?;
        Ok(G722Decoder { rate, joiner: Joiner::new(), low: Band::low(), high: Band::high() })
    }
}

impl Decoder for G722Decoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let wide = self.rate == SampleRate::HZ_16000;
        let needed = if wide { 2 * payload.len() } else { payload.len() };
        let out = pcm.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })?;
        if wide {
            let (mut low, mut high) = (self.low.clone(), self.high.clone());
            let mut codes = payload.iter();
            self.joiner.join(out, || {
                let code = codes.next().copied().unwrap_or_default();
                (low.decode_low(code), high.decode_high(code >> 6))
            });
            (self.low, self.high) = (low, high);
        } else {
            for (sample, code) in out.iter_mut().zip(payload) {
                *sample = (limit(self.low.decode_low(*code)) << 1) as i16;
            }
        }
        Ok(needed)
    }

    fn reset(&mut self) {
        (self.joiner, self.low, self.high) = (Joiner::new(), Band::low(), Band::high());
    }
}
