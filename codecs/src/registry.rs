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

/// Every codec we speak, in the order we like them by default.
pub static CODECS: &[CodecSpec] = &[crate::opus::OPUS, crate::g711::PCMU, crate::g711::PCMA];

impl CodecSpec {
    pub fn by_id(id: CodecId) -> &'static CodecSpec {
        match id {
            CodecId::Opus => &crate::opus::OPUS,
            CodecId::Pcmu => &crate::g711::PCMU,
            CodecId::Pcma => &crate::g711::PCMA,
        }
    }

    /// By what `a=rtpmap` says (RFC 8866 section 6.6). Channels of 0 or 1 both mean one; Opus is taken however many
    /// it says, because peers get its fixed `/2` wrong.
    pub fn by_rtpmap(name: &str, clock_hz: u32, channels: u8) -> Option<&'static CodecSpec> {
        CODECS.iter().find(|c| {
            c.name.eq_ignore_ascii_case(name)
                && c.clock_hz == clock_hz
                && (c.channels == channels.max(1) || c.id == CodecId::Opus)
        })
    }

    /// By its name in LaML and REST, as [`LamlCodec::parse`] reads it.
    pub fn by_laml_name(name: &str) -> Option<&'static CodecSpec> {
        LamlCodec::parse(name).map(|c| c.spec)
    }
}

/// A codec as LaML and REST name it: `PCMU`, or with rate and packet time as in `OPUS@48000H@20I`.
#[derive(Clone, Copy, Debug)]
pub struct LamlCodec {
    pub spec: &'static CodecSpec,
    /// The rate asked of the audio.
    pub rate: Option<SampleRate>,
    pub ptime: Option<Ptime>,
}

impl LamlCodec {
    /// Without regard to case or surrounding blanks. None for a codec we do not speak, a rate it does not run at, or a
    /// packet time out of 10..60 ms.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.trim().split('@');
        let codec = parts.next()?;
        let spec = CODECS.iter().find(|c| c.name.eq_ignore_ascii_case(codec))?;
        let mut parsed = LamlCodec { spec, rate: None, ptime: None };
        for part in parts {
            let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
            match unit {
                "H" | "h" => parsed.rate = Some(SampleRate(number.parse().ok()?)),
                "I" | "i" => parsed.ptime = Some(Ptime(number.parse().ok()?)),
                _ => return None,
            }
        }
        let rate_fits = parsed.rate.is_none_or(|r| match spec.id {
            CodecId::Opus => matches!(r.0, 8_000 | 16_000 | 24_000 | 48_000),
            CodecId::Pcmu | CodecId::Pcma => r == spec.natural_rate,
        });
        let ptime_fits = parsed.ptime.is_none_or(|p| match spec.id {
            CodecId::Opus => matches!(p.0, 10 | 20 | 40 | 60),
            CodecId::Pcmu | CodecId::Pcma => matches!(p.0, 10 | 20 | 30 | 40 | 50 | 60),
        });
        (rate_fits && ptime_fits).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_is_found_by_each_of_its_names() {
        for spec in CODECS {
            assert_eq!(CodecSpec::by_id(spec.id).id, spec.id);
            let found = CodecSpec::by_rtpmap(&spec.name.to_lowercase(), spec.clock_hz, spec.channels);
            assert_eq!(found.map(|c| c.id), Some(spec.id));
            assert_eq!(CodecSpec::by_laml_name(&spec.name.to_uppercase()).map(|c| c.id), Some(spec.id));
        }
    }

    #[test]
    fn payload_types_do_not_collide() {
        for (i, a) in CODECS.iter().enumerate() {
            assert!(a.default_payload_type < 128);
            assert!(CODECS[..i].iter().all(|b| b.default_payload_type != a.default_payload_type));
        }
    }

    #[test]
    fn names_of_laml_carry_rate_and_packet_time() {
        let full = LamlCodec::parse(" opus@16000h@20i ").expect("is well-formed");
        assert_eq!((full.spec.id, full.rate, full.ptime), (CodecId::Opus, Some(SampleRate(16_000)), Some(Ptime(20))));
        for bad in [
            "",
            "@",
            "G722",
            "PCMU@16000H",
            "OPUS@44100H",
            "OPUS@20",
            "OPUS@@",
            "OPUS@-1H",
            "OPUS@300I",
            "OPUS@30I",
            "PCMU@é",
        ] {
            assert!(LamlCodec::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn rtpmaps_with_another_clock_are_another_codec() {
        assert!(CodecSpec::by_rtpmap("PCMU", 16_000, 1).is_none());
        assert!(CodecSpec::by_rtpmap("PCMU", 8_000, 2).is_none());
        assert_eq!(CodecSpec::by_rtpmap("opus", 48_000, 1).map(|c| c.id), Some(CodecId::Opus));
        assert_eq!(CodecSpec::by_rtpmap("pcma", 8_000, 0).map(|c| c.id), Some(CodecId::Pcma));
    }
}
