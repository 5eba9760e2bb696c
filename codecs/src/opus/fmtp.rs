use std::fmt;

use opus::Bandwidth;

use super::OpusTuning;

/// What everybody plays and captures who does not say otherwise.
const RATE_MAX: u32 = 48_000;

/// The parameters of RFC 7587 section 6.1: what a receiver likes, and what its sender will do. Values out of range count as
/// unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpusParameters {
    /// Bits per second, 6,000..510,000.
    pub max_average_bitrate: Option<u32>,
    /// Hz; more than this the receiver cannot play.
    pub max_playback_rate: u32,
    /// Hz; more than this the sender will not send (`sprop-maxcapturerate`).
    pub max_capture_rate: u32,
    pub in_band_fec: bool,
    pub discontinuous: bool,
    pub constant_bitrate: bool,
}

impl OpusParameters {
    /// `stereo` and `sprop-stereo` are passed over: we send mono, which every receiver takes, and our decoder mixes stereo
    /// down.
    pub(super) fn parse(fmtp: &str) -> Self {
        let mut p = OpusParameters {
            max_average_bitrate: None,
            max_playback_rate: RATE_MAX,
            max_capture_rate: RATE_MAX,
            in_band_fec: false,
            discontinuous: false,
            constant_bitrate: false,
        };
        for parameter in fmtp.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            let Ok(number) = value.parse::<u32>() else { continue };
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            let is_rate = (8_000..=RATE_MAX).contains(&number);
            if is("maxaveragebitrate") && (6_000..=510_000).contains(&number) {
                p.max_average_bitrate = Some(number);
            } else if is("maxplaybackrate") && is_rate {
                p.max_playback_rate = number;
            } else if is("sprop-maxcapturerate") && is_rate {
                p.max_capture_rate = number;
            } else if is("useinbandfec") {
                p.in_band_fec = number == 1;
            } else if is("usedtx") {
                p.discontinuous = number == 1;
            } else if is("cbr") {
                p.constant_bitrate = number == 1;
            }
        }
        p
    }

    /// What we say of ourselves: redundancy is of use to us, and the rest as the operator likes it.
    pub(super) fn ours(tuning: &OpusTuning) -> Self {
        OpusParameters {
            max_playback_rate: tuning.playback_rate.clamp(8_000, RATE_MAX),
            in_band_fec: true,
            discontinuous: tuning.dtx,
            ..OpusParameters::parse("")
        }
    }

    /// The widest audio worth coding for a receiver that plays `hz` (RFC 7587 section 3.1.1).
    pub(super) fn bandwidth_of(hz: u32) -> Bandwidth {
        match hz {
            0..12_000 => Bandwidth::Narrowband,
            12_000..16_000 => Bandwidth::Mediumband,
            16_000..24_000 => Bandwidth::Wideband,
            24_000..48_000 => Bandwidth::Superwideband,
            _ => Bandwidth::Fullband,
        }
    }
}

impl fmt::Display for OpusParameters {
    /// As `a=fmtp` has them; defaults are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut write = |said: bool, name: &str, value: u32| {
            if !said {
                return Ok(());
            }
            write!(f, "{}{name}={value}", std::mem::replace(&mut separator, ";"))
        };
        write(self.max_playback_rate < RATE_MAX, "maxplaybackrate", self.max_playback_rate)?;
        write(self.max_capture_rate < RATE_MAX, "sprop-maxcapturerate", self.max_capture_rate)?;
        let bitrate = self.max_average_bitrate;
        write(bitrate.is_some(), "maxaveragebitrate", bitrate.unwrap_or_default())?;
        write(self.in_band_fec, "useinbandfec", 1)?;
        write(self.discontinuous, "usedtx", 1)?;
        write(self.constant_bitrate, "cbr", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_nonsense_is_passed_over() {
        let unsaid = OpusParameters::parse("");
        assert_eq!((unsaid.max_playback_rate, unsaid.in_band_fec, unsaid.constant_bitrate), (48_000, false, false));
        let said = OpusParameters::parse(
            "maxplaybackrate=16000; sprop-maxcapturerate=24000;MaxAverageBitrate=20000;useinbandfec=1;usedtx=1; cbr=1;stereo=1",
        );
        assert_eq!(
            said,
            OpusParameters {
                max_average_bitrate: Some(20_000),
                max_playback_rate: 16_000,
                max_capture_rate: 24_000,
                in_band_fec: true,
                discontinuous: true,
                constant_bitrate: true,
            }
        );
        for nonsense in [
            "maxplaybackrate=-1",
            "maxplaybackrate=4294967296;useinbandfec=2",
            "sprop-maxcapturerate=7999",
            "maxaveragebitrate=0;stereo=1;;=;a",
            "maxaveragebitrate=18446744073709551616",
            "useinbandfec",
        ] {
            assert_eq!(OpusParameters::parse(nonsense), unsaid, "{nonsense}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for fmtp in [
            "",
            "useinbandfec=1",
            "maxplaybackrate=8000;sprop-maxcapturerate=16000;maxaveragebitrate=9000;usedtx=1;cbr=1",
        ] {
            assert_eq!(OpusParameters::parse(fmtp).to_string(), fmtp);
        }
        assert_eq!(OpusParameters::ours(&OpusTuning::default()).to_string(), "useinbandfec=1");
        let narrow = OpusTuning { playback_rate: 8_000, dtx: true, ..OpusTuning::default() };
        assert_eq!(OpusParameters::ours(&narrow).to_string(), "maxplaybackrate=8000;useinbandfec=1;usedtx=1");
    }
}
