//! Parameters of webhooks beyond the standard ones (laml.md 2.2 to 2.4).

use tandem_laml::Dialect;
use tandem_media::control::LegStats;
use tandem_model::Sid;

use super::contract::InboundLeg;
use crate::directory::Directory;

type Params = Vec<(String, String)>;

/// What only the Twilio dialect has: places, which nobody here knows, and the minutes of a call that was answered.
pub(super) fn add_of_dialect(params: &mut Params, dialect: Dialect) {
    match dialect {
        Dialect::SignalWire => {}
        Dialect::Twilio => {
            for whose in ["From", "To", "Caller", "Called"] {
                params
                    .extend(["City", "State", "Zip", "Country"].map(|what| (format!("{whose}{what}"), String::new())));
            }
            let secs = params.iter().find(|(name, _)| name == "CallDuration").and_then(|(_, v)| v.parse::<u64>().ok());
            if let Some(secs) = secs {
                params.push(("Duration".into(), secs.div_ceil(60).to_string()));
            }
        }
    }
}

/// How the audio of a leg was. What is not measured here (average packet time, smallest jitter, largest jitter buffer) is not told.
pub(super) fn add_media(params: &mut Params, stats: &LegStats) {
    let mut add = |name: &str, value: String| params.push((name.into(), value));
    if let Some(mos) = stats.mos_in {
        add("AudioInMos", format!("{mos:.2}"));
    }
    add("AudioInMediaPacketCount", stats.packets_received.to_string());
    add("AudioInSkipPacketCount", stats.packets_lost.to_string());
    add("AudioInFlushPacketCount", stats.packets_dropped.to_string());
    add("AudioInDtmfPacketCount", stats.dtmf_received.to_string());
    add("AudioInJitterMaxVariance", format!("{:.2}", stats.jitter_ms_max));
    add("AudioOutMediaPacketCount", stats.packets_sent.to_string());
    add("AudioOutDtmfPacketCount", stats.dtmf_sent.to_string());
}

/// The domain application an INVITE named: one with its very user before one for all.
pub(super) fn domain_sid(directory: &Directory, inbound: &InboundLeg) -> Option<Sid> {
    let of_domain = || {
        directory.domain_apps.iter().filter(|app| inbound.request_host.eq_ignore_ascii_case(&directory.app_domain(app)))
    };
    let by_user = |user: &str| of_domain().find(|app| app.user == user).map(|app| app.id);
    by_user(&inbound.request_user).or_else(|| by_user("*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twilio_dialect_adds_places_and_minutes_and_the_other_nothing() {
        let standard = || vec![("CallDuration".to_owned(), "61".to_owned())];
        let mut params = standard();
        add_of_dialect(&mut params, Dialect::SignalWire);
        assert_eq!(params, standard());
        add_of_dialect(&mut params, Dialect::Twilio);
        assert!(params.contains(&("CalledCountry".into(), String::new())));
        assert!(params.contains(&("Duration".into(), "2".into())));
        assert_eq!(params.len(), 1 + 16 + 1);
    }

    #[test]
    fn what_is_told_of_audio_is_what_was_counted() {
        let stats = LegStats {
            packets_received: 500,
            packets_lost: 5,
            packets_dropped: 2,
            packets_sent: 501,
            dtmf_received: 3,
            dtmf_sent: 4,
            jitter_ms_max: 7.5,
            ..LegStats::default()
        };
        let mut params = Vec::new();
        add_media(&mut params, &stats);
        for (name, value) in [
            ("AudioInMediaPacketCount", "500"),
            ("AudioInSkipPacketCount", "5"),
            ("AudioInFlushPacketCount", "2"),
            ("AudioOutMediaPacketCount", "501"),
            ("AudioInDtmfPacketCount", "3"),
            ("AudioOutDtmfPacketCount", "4"),
            ("AudioInJitterMaxVariance", "7.50"),
        ] {
            assert!(params.contains(&(name.into(), value.into())), "{name}: {params:?}");
        }
        assert!(!params.iter().any(|(name, _)| name == "AudioInMos"), "nothing was heard");
    }
}
