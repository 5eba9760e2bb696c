use tandem_model::{Ptime, SampleRate};

use crate::{CodecError, Decoder, Encoder, EncoderSettings, FarEnd, Tuning};

/// Makes the list: an id for each codec and its specification at the same place.
macro_rules! codecs {
    ($($id:ident: $spec:path,)+) => {
        /// The codecs of the registry, in the order we like them by default.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CodecId {
            $($id,)+
        }

        /// Every codec we speak, in the order we like them by default.
        pub static CODECS: &[CodecSpec] = &[$($spec,)+];
    };
}

codecs! {
    Opus: crate::opus::OPUS,
    G722: crate::g722::G722,
    Pcmu: crate::g711::PCMU,
    Pcma: crate::g711::PCMA,
    L16At16k: crate::l16::L16_16K,
    L16At8k: crate::l16::L16_8K,
    L16At24k: crate::l16::L16_24K,
    L16At48k: crate::l16::L16_48K,
}

/// One codec we speak: its names and numbers, what it can do, and how to make one. All that anything else knows of a codec.
#[derive(Debug)]
pub struct CodecSpec {
    pub id: CodecId,
    /// Encoding name in SDP; compare without case. LaML and REST say the same, with the rate where several codecs share it.
    pub name: &'static str,
    /// RTP clock, which is not always the rate of the audio.
    pub clock_hz: u32,
    /// Channels as SDP writes them; the audio we give and take is mono.
    pub channels: u8,
    /// Taken however many channels the peer writes.
    pub any_channels: bool,
    /// The number RFC 3551 gave it.
    pub static_payload_type: Option<u8>,
    /// The number we like: the static one, or one of 96..127.
    pub default_payload_type: u8,
    /// The format parameters that tell of our receiver; empty says nothing.
    pub fmtp: fn(&Tuning) -> String,
    /// What a far end that wrote these parameters makes use of. None for a codec whose parameters tell nothing of it.
    pub far_end: Option<fn(fmtp: &str) -> FarEnd>,
    /// The rate its audio has by nature, which is the last of `rates`.
    pub natural_rate: SampleRate,
    /// The rates of PCM it gives and takes without a resampler, ascending.
    pub rates: &'static [SampleRate],
    /// Milliseconds of the packets it can send, ascending. It receives any.
    pub ptimes_ms: &'static [u8],
    /// Comfort noise (RFC 3389) goes beside it, because it cannot leave silence out by itself.
    pub comfort_noise: bool,
    /// How it fares in the E-model.
    pub impairment: Impairment,
    /// A decoder that gives PCM at `rate`. [`CodecError::Rate`] when it cannot.
    pub decoder: fn(rate: SampleRate) -> Result<Box<dyn Decoder>, CodecError>,
    /// An encoder that takes PCM as the settings say. [`CodecError::Rate`] or [`CodecError::FrameSize`] when it cannot.
    pub encoder: fn(&EncoderSettings<'_>) -> Result<Box<dyn Encoder>, CodecError>,
}

/// A codec in the E-model (G.113 appendix I): what it costs by itself, and how it stands losses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie.
    pub ie: f32,
    /// Packet-loss robustness factor Bpl, for random loss.
    pub bpl: f32,
}

impl CodecSpec {
    pub fn by_id(id: CodecId) -> &'static CodecSpec {
        // The list makes both from one line, so the place is there.
        &CODECS[id as usize]
    }

    /// By what `a=rtpmap` says (RFC 8866 section 6.6). Channels of 0 or 1 both mean one.
    pub fn by_rtpmap(name: &str, clock_hz: u32, channels: u8) -> Option<&'static CodecSpec> {
        CODECS.iter().find(|c| {
            c.name.eq_ignore_ascii_case(name)
                && c.clock_hz == clock_hz
                && (c.any_channels || c.channels == channels.max(1))
        })
    }

    /// By its name in LaML and REST, as [`LamlCodec::parse`] reads it.
    pub fn by_laml_name(name: &str) -> Option<&'static CodecSpec> {
        LamlCodec::parse(name).map(|c| c.spec)
    }

    /// What a far end that wrote `fmtp` makes use of.
    pub fn far_end(&self, fmtp: &str) -> FarEnd {
        match self.far_end {
            Some(read) => read(fmtp),
            None => FarEnd { captures: self.natural_rate, plays: self.natural_rate },
        }
    }

    pub fn runs_at(&self, rate: SampleRate) -> bool {
        self.rates.contains(&rate)
    }

    /// The rate at which it best gives or takes audio of `wanted`: the lowest that holds all of it, else its highest.
    pub fn rate_for(&self, wanted: SampleRate) -> SampleRate {
        self.rates.iter().copied().find(|rate| *rate >= wanted).unwrap_or(self.natural_rate)
    }

    /// The packet time to send with where `liked` is wished for: the longest it has that is not longer, else its shortest.
    pub fn ptime_for(&self, liked: Ptime) -> Ptime {
        let fits = self.ptimes_ms.iter().copied().rfind(|ms| *ms <= liked.0);
        Ptime(fits.or(self.ptimes_ms.first().copied()).unwrap_or(liked.0))
    }
}

/// A codec as LaML and REST name it: `PCMU`, or with rate and packet time as in `OPUS@48000H@20I` and `L16@24000H`.
#[derive(Clone, Copy, Debug)]
pub struct LamlCodec {
    pub spec: &'static CodecSpec,
    /// The rate asked of the audio.
    pub rate: Option<SampleRate>,
    pub ptime: Option<Ptime>,
}

impl LamlCodec {
    /// Without regard to case or surrounding blanks. None for a codec we do not speak, a rate it does not run at, or a
    /// packet time it does not have. Where codecs share a name the rate tells them apart, and the first is meant without one.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.trim().split('@');
        let codec = parts.next()?;
        let (mut rate, mut ptime) = (None, None);
        for part in parts {
            let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
            match unit {
                "H" | "h" => rate = Some(SampleRate(number.parse().ok()?)),
                "I" | "i" => ptime = Some(Ptime(number.parse().ok()?)),
                _ => return None,
            }
        }
        let spec = CODECS.iter().find(|c| {
            c.name.eq_ignore_ascii_case(codec)
                && rate.is_none_or(|rate| c.runs_at(rate))
                && ptime.is_none_or(|ptime| c.ptimes_ms.contains(&ptime.0))
        })?;
        Some(LamlCodec { spec, rate, ptime })
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
            let name = format!("{}@{}H", spec.name.to_uppercase(), spec.natural_rate.0);
            assert_eq!(CodecSpec::by_laml_name(&name).map(|c| c.id), Some(spec.id));
            let bare = CodecSpec::by_laml_name(&spec.name.to_lowercase()).expect("a name of the list");
            assert_eq!(bare.name, spec.name);
        }
    }

    #[test]
    fn payload_types_do_not_collide() {
        for (i, a) in CODECS.iter().enumerate() {
            assert!(a.static_payload_type.is_none_or(|number| number == a.default_payload_type));
            assert!(a.static_payload_type.is_some() || (96..128).contains(&a.default_payload_type));
            assert!(CODECS[..i].iter().all(|b| b.default_payload_type != a.default_payload_type));
        }
    }

    #[test]
    fn what_a_codec_says_of_itself_fits_together() {
        for spec in CODECS {
            assert!(spec.rates.is_sorted() && spec.rates.last() == Some(&spec.natural_rate), "{}", spec.name);
            assert!(spec.ptimes_ms.is_sorted() && spec.ptimes_ms.iter().all(|ms| (10..=60).contains(ms)));
            assert!(spec.clock_hz.is_multiple_of(1_000) && spec.channels > 0);
        }
    }

    #[test]
    fn names_of_laml_carry_rate_and_packet_time() {
        let full = LamlCodec::parse(" opus@16000h@20i ").expect("is well-formed");
        assert_eq!((full.spec.id, full.rate, full.ptime), (CodecId::Opus, Some(SampleRate(16_000)), Some(Ptime(20))));
        for (name, id) in [
            ("G722", CodecId::G722),
            ("g722@8000h@30i", CodecId::G722),
            ("L16", CodecId::L16At16k),
            ("L16@24000H", CodecId::L16At24k),
            ("L16@48000H@10I", CodecId::L16At48k),
        ] {
            assert_eq!(LamlCodec::parse(name).map(|c| c.spec.id), Some(id), "{name}");
        }
        for bad in [
            "",
            "@",
            "G729",
            "PCMU@16000H",
            "OPUS@44100H",
            "L16@44100H",
            "L16@48000H@20I",
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
        assert!(CodecSpec::by_rtpmap("G722", 16_000, 1).is_none(), "its clock is 8 kHz, by RFC 3551 section 4.5.2");
        assert!(CodecSpec::by_rtpmap("L16", 44_100, 1).is_none());
        assert!(CodecSpec::by_rtpmap("L16", 16_000, 2).is_none());
        assert_eq!(CodecSpec::by_rtpmap("l16", 24_000, 1).map(|c| c.id), Some(CodecId::L16At24k));
        assert_eq!(CodecSpec::by_rtpmap("opus", 48_000, 1).map(|c| c.id), Some(CodecId::Opus));
        assert_eq!(CodecSpec::by_rtpmap("pcma", 8_000, 0).map(|c| c.id), Some(CodecId::Pcma));
    }

    #[test]
    fn the_rate_and_packet_time_taken_are_the_nearest_a_codec_has() {
        for (id, wanted, taken) in [
            (CodecId::Pcmu, 48_000, 8_000),
            (CodecId::G722, 7_000, 8_000),
            (CodecId::G722, 11_025, 16_000),
            (CodecId::G722, 48_000, 16_000),
            (CodecId::Opus, 22_050, 24_000),
            (CodecId::Opus, 96_000, 48_000),
            (CodecId::L16At48k, 8_000, 48_000),
        ] {
            assert_eq!(CodecSpec::by_id(id).rate_for(SampleRate(wanted)), SampleRate(taken), "{id:?} {wanted}");
        }
        for (id, liked, taken) in [
            (CodecId::Opus, 30, 20),
            (CodecId::Opus, 120, 60),
            (CodecId::Pcmu, 30, 30),
            (CodecId::Pcmu, 5, 10),
            (CodecId::L16At48k, 20, 10),
            (CodecId::L16At24k, 60, 20),
        ] {
            assert_eq!(CodecSpec::by_id(id).ptime_for(Ptime(liked)), Ptime(taken), "{id:?} {liked}");
        }
    }
}
