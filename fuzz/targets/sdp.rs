//! Any bytes as a session description: read, answered, and taken for an answer to an offer of ours.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use tandem_codecs::{CODECS, Tuning};
use tandem_model::{SeedEntropy, SrtpSuite};
use tandem_sdp::{
    Capabilities, CodecOffer, ComfortNoise, Encryption, LocalMedia, Preference, RtcpXr, accept_answer, answer, offer,
    parse,
};

fuzz_target!(|text: &[u8]| {
    let Ok(remote) = parse(text) else { return };
    for encryption in [Encryption::Off, Encryption::Optional, Encryption::Required] {
        let caps = capabilities(encryption);
        let local = LocalMedia::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 20_000, 42);
        let mut random = SeedEntropy::new(1);
        let ours = offer(&caps, &local, &mut random);
        if let Ok(agreement) = accept_answer(&ours, &remote) {
            assert!(encryption != Encryption::Required || agreement.srtp.is_some());
            let _ = offer(&caps, &local.next(&agreement), &mut random);
        }
        let Ok((text, agreement)) = answer(&caps, &local, &remote, Preference::Ours, &mut random) else { continue };
        let written = parse(&text).expect("we write what we read");
        assert_eq!(written.media.len(), remote.media.len());
        assert_eq!(written.media.iter().filter(|m| m.port != 0).count(), 1);
        assert!((10..=60).contains(&agreement.ptime_ms));
        assert_eq!(agreement.srtp.is_some(), written.media[agreement.media_index].cryptos.len() == 1);
        if let Some(to) = agreement.remote_rtp {
            assert!(!to.ip().is_multicast() && !to.ip().is_unspecified());
        }
    }
});

fn capabilities(encryption: Encryption) -> Capabilities {
    let codecs = CODECS.iter().map(|spec| CodecOffer {
        name: spec.name.to_owned(),
        clock_hz: spec.clock_hz,
        channels: spec.channels,
        any_channels: spec.any_channels,
        ptimes_ms: spec.ptimes_ms,
        comfort_noise: spec.comfort_noise,
        payload_type: spec.default_payload_type,
        fmtp: (spec.fmtp)(&Tuning::default()),
    });
    Capabilities {
        codecs: codecs.collect(),
        dtmf: true,
        comfort_noise: ComfortNoise::Offer,
        ptime_ms: 20,
        encryption,
        suites: SrtpSuite::ALL.to_vec(),
        rtcp_mux: true,
        rtcp_rsize: true,
        rtcp_xr: RtcpXr { voip_metrics: true, receiver_rtt: true },
        pins: Vec::new(),
    }
}
