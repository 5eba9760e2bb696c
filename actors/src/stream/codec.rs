use tandem_codecs::{CodecId, CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_laml::instruction::StreamCodec;
use tandem_model::{Ptime, SampleRate};

/// A stream's audio, as bytes and as samples.
pub(super) struct Codec {
    kind: Kind,
    rate: SampleRate,
}

enum Kind {
    Pcmu {
        encoder: Box<dyn Encoder>,
        decoder: Box<dyn Decoder>,
    },
    /// Little-endian, as the servers that take it expect of raw PCM.
    L16,
}

impl Codec {
    /// None when the codec cannot be made, which its specification rules out.
    pub fn new(codec: StreamCodec) -> Option<Self> {
        let rate = codec.rate();
        let kind = match codec {
            StreamCodec::L16(_) => Kind::L16,
            StreamCodec::Pcmu => {
                let spec = CodecSpec::by_id(CodecId::Pcmu);
                let encoder = (spec.encoder)(&EncoderSettings::new(rate, Ptime(20))).ok()?;
                Kind::Pcmu { encoder, decoder: (spec.decoder)(rate).ok()? }
            }
        };
        Some(Codec { kind, rate })
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How the start message names it.
    pub fn encoding(&self) -> &'static str {
        match self.kind {
            Kind::Pcmu { .. } => "audio/x-mulaw",
            Kind::L16 => "audio/x-L16",
        }
    }

    pub fn encode(&mut self, pcm: &[i16]) -> Vec<u8> {
        match &mut self.kind {
            Kind::L16 => pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Kind::Pcmu { encoder, .. } => {
                let mut bytes = vec![0; pcm.len()];
                let written = encoder.encode(pcm, &mut bytes).unwrap_or(0);
                bytes.truncate(written);
                bytes
            }
        }
    }

    /// None for half a sample.
    pub fn decode(&mut self, bytes: &[u8]) -> Option<Vec<i16>> {
        match &mut self.kind {
            Kind::L16 if !bytes.len().is_multiple_of(2) => None,
            Kind::L16 => Some(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()),
            Kind::Pcmu { decoder, .. } => {
                let mut pcm = vec![0; bytes.len()];
                let written = decoder.decode(bytes, &mut pcm).ok()?;
                pcm.truncate(written);
                Some(pcm)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l16_is_little_endian_and_mu_law_is_a_byte_a_sample() {
        let mut l16 = Codec::new(StreamCodec::L16(SampleRate(24_000))).unwrap();
        assert_eq!(l16.encode(&[1, -2, 0x1234]), [1, 0, 0xfe, 0xff, 0x34, 0x12]);
        assert_eq!(l16.decode(&[1, 0, 0xfe, 0xff]), Some(vec![1, -2]));
        assert_eq!(l16.decode(&[1, 0, 0xfe]), None);
        let mut pcmu = Codec::new(StreamCodec::Pcmu).unwrap();
        let bytes = pcmu.encode(&vec![0; 160]);
        assert_eq!(bytes, vec![0xff; 160]);
        assert_eq!(pcmu.decode(&bytes), Some(vec![0; 160]));
        assert_eq!(pcmu.decode(&vec![0x7f; 12_345]).map(|pcm| pcm.len()), Some(12_345));
        assert_eq!(pcmu.decode(&[]), Some(vec![]));
    }
}
