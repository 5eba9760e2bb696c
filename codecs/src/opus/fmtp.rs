use opus::Bandwidth;

/// What the remote's parameters (RFC 7587 section 6.1) ask of our encoder. Values out of range count as unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpusParameters {
    /// Bits per second, 6,000..510,000.
    pub max_average_bitrate: Option<u32>,
    /// Hz; more than this the receiver cannot play.
    pub max_playback_rate: u32,
    pub in_band_fec: bool,
    pub discontinuous: bool,
    pub constant_bitrate: bool,
}

impl OpusParameters {
    /// `stereo` and `sprop-*` are passed over: we send mono, which every receiver takes.
    pub(super) fn parse(fmtp: &str) -> Self {
        let mut p = OpusParameters {
            max_average_bitrate: None,
            max_playback_rate: 48_000,
            in_band_fec: false,
            discontinuous: false,
            constant_bitrate: false,
        };
        for parameter in fmtp.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            let Ok(number) = value.parse::<u32>() else { continue };
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("maxaveragebitrate") && (6_000..=510_000).contains(&number) {
                p.max_average_bitrate = Some(number);
            } else if is("maxplaybackrate") && (8_000..=48_000).contains(&number) {
                p.max_playback_rate = number;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_nonsense_is_passed_over() {
        let unsaid = OpusParameters::parse("");
        assert_eq!((unsaid.max_playback_rate, unsaid.in_band_fec, unsaid.constant_bitrate), (48_000, false, false));
        let said =
            OpusParameters::parse("maxplaybackrate=16000; MaxAverageBitrate=20000;useinbandfec=1;usedtx=1; cbr=1");
        assert_eq!(
            said,
            OpusParameters {
                max_average_bitrate: Some(20_000),
                max_playback_rate: 16_000,
                in_band_fec: true,
                discontinuous: true,
                constant_bitrate: true,
            }
        );
        for nonsense in [
            "maxplaybackrate=-1",
            "maxplaybackrate=4294967296;useinbandfec=2",
            "maxaveragebitrate=0;stereo=1;;=;a",
            "maxaveragebitrate=18446744073709551616",
            "useinbandfec",
        ] {
            assert_eq!(OpusParameters::parse(nonsense), unsaid, "{nonsense}");
        }
    }
}
