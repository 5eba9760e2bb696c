mod support;

use proptest::prelude::*;
use support::*;
use tandem_model::{SeedEntropy, SrtpSuite};
use tandem_sdp::*;

fn encryption() -> impl Strategy<Value = Encryption> {
    prop_oneof![Just(Encryption::Off), Just(Encryption::Optional), Just(Encryption::Required)]
}

fn direction() -> impl Strategy<Value = Direction> {
    (any::<bool>(), any::<bool>()).prop_map(|(send, receive)| Direction::new(send, receive))
}

fn some_capabilities() -> impl Strategy<Value = Capabilities> {
    let codecs =
        prop::sample::subsequence(vec!["opus", "PCMU", "PCMA", "G722", "L16@16", "L16@48"], 1..=6).prop_shuffle();
    let suites = prop::sample::subsequence(SrtpSuite::ALL.to_vec(), 0..=6).prop_shuffle();
    let noise = prop_oneof![Just(ComfortNoise::Off), Just(ComfortNoise::Accept), Just(ComfortNoise::Offer)];
    (codecs, suites, encryption(), any::<bool>(), any::<bool>(), 1_u8..8, noise).prop_map(
        |(codecs, suites, encryption, dtmf, rtcp_mux, tens, comfort_noise)| Capabilities {
            codecs: codecs.into_iter().map(codec).collect(),
            dtmf,
            comfort_noise,
            ptime_ms: tens * 10,
            encryption,
            suites,
            rtcp_mux,
            rtcp_rsize: rtcp_mux ^ dtmf,
            rtcp_xr: RtcpXr { voip_metrics: dtmf, receiver_rtt: !rtcp_mux },
            pins: Vec::new(),
        },
    )
}

/// Lines that look like a description, in any order, with odd numbers in them.
fn near_description() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "m=(audio|video) [0-9]{1,6} RTP/S?AVPF?( [0-9]{1,3}){1,5}",
        "a=rtpmap:[0-9]{1,3} (opus|PCMU|PCMA|G722|L16|CN|telephone-event)/(8000|16000|48000|[0-9]{1,11})(/[0-9]{1,3})?",
        "c=IN IP[46] ([0-9.]{1,15}|[0-9a-f:]{1,20})",
        "a=(sendrecv|sendonly|recvonly|inactive|rtcp-mux|rtcp-rsize|rtcp-xr:[a-z=:-]{0,20}|ptime:[0-9-]{1,6}|rtcp:[0-9]{1,6}|fmtp:[0-9]{1,3} .{0,9})",
        "a=crypto:[0-9]{1,10} AES_CM_128_HMAC_SHA1_(80|32) inline:[A-Za-z0-9+/]{38,41}(\\|[0-9^:]{0,9}){0,2}( (WSH|KDR|FEC_ORDER|-X)=?[0-9]{0,3})?",
        "[a-z]=.{0,20}",
    ];
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.join("\r\n"))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_near_description_is_answered_or_refused(text in near_description(), caps in some_capabilities()) {
        let Ok(remote) = parse(text.as_bytes()) else { return Ok(()) };
        let ours = offer(&caps, &local(), &mut entropy());
        let _ = accept_answer(&ours, &remote);
        if let Ok((text, agreement)) = answer(&caps, &local(), &remote, Preference::Ours, &mut entropy()) {
            let written = parse(&text).expect("we write what we read");
            prop_assert_eq!(written.media.len(), remote.media.len());
            prop_assert_eq!(written.media.iter().filter(|m| m.port != 0).count(), 1);
            prop_assert!((10..=60).contains(&agreement.ptime_ms));
            prop_assert!(caps.encryption != Encryption::Required || agreement.srtp.is_some());
            prop_assert!(caps.encryption != Encryption::Off || agreement.srtp.is_none());
        }
    }

    #[test]
    fn both_ends_agree_on_the_same_call(
        a in some_capabilities(), b in some_capabilities(), from in direction(), to in direction(), seed: u64,
    ) {
        let mut random = SeedEntropy::new(seed);
        let (mut caller, mut callee) = (local(), local());
        (caller.direction, callee.direction, callee.rtp_port) = (from, to, 30_000);
        let ours = offer(&a, &caller, &mut random);
        let remote = parse(&ours.text).expect("our own text");
        let Ok((text, theirs)) = answer(&b, &callee, &remote, Preference::Ours, &mut random) else {
            let common = a.codecs.iter().any(|x| b.codecs.contains(x));
            let secure = (a.encryption == Encryption::Required, b.encryption);
            prop_assert!(!common || matches!(secure, (true, _) | (false, Encryption::Required)));
            return Ok(());
        };
        let ours = accept_answer(&ours, &parse(&text).expect("our own text")).expect("our own answer");
        prop_assert_eq!(&ours.codec.name, &theirs.codec.name);
        prop_assert_eq!(ours.codec.payload_type_send, theirs.codec.payload_type_receive);
        prop_assert_eq!(ours.codec.payload_type_receive, theirs.codec.payload_type_send);
        prop_assert_eq!(ours.dtmf, theirs.dtmf);
        prop_assert_eq!(ours.dtmf.is_some(), a.dtmf && b.dtmf);
        prop_assert_eq!(ours.comfort_noise, theirs.comfort_noise);
        let noise = a.comfort_noise == ComfortNoise::Offer && b.comfort_noise != ComfortNoise::Off;
        prop_assert_eq!(ours.comfort_noise.is_some(), noise && ours.codec.name != "opus");
        prop_assert_eq!(ours.ptime_ms, theirs.ptime_ms);
        prop_assert_eq!((ours.send, ours.receive), (theirs.receive, theirs.send));
        prop_assert_eq!(ours.send, from.sends() && to.receives());
        prop_assert_eq!(ours.rtcp_mux, a.rtcp_mux && b.rtcp_mux);
        prop_assert_eq!(ours.rtcp_rsize, a.rtcp_rsize && b.rtcp_rsize);
        prop_assert_eq!(ours.rtcp_xr, a.rtcp_xr.and(b.rtcp_xr));
        prop_assert_eq!((ours.rtcp_mux, ours.rtcp_rsize, ours.rtcp_xr), (theirs.rtcp_mux, theirs.rtcp_rsize, theirs.rtcp_xr));
        let keys = ours.srtp.map(|s| (s.outbound, s.inbound));
        prop_assert_eq!(keys, theirs.srtp.map(|s| (s.inbound, s.outbound)));
    }

    #[test]
    fn payload_types_agreed_once_stay(seed: u64, number in 96_u8..128) {
        let mut random = SeedEntropy::new(seed);
        let mut caps = capabilities(Encryption::Off);
        let line = format!("5000 RTP/AVP {number}");
        let remote = audio(&line, &[&format!("rtpmap:{number} opus/48000/2")]);
        let (_, agreement) = answer(&caps, &local(), &remote, Preference::Offered, &mut random).expect("opus");
        caps.pin(&agreement);
        let next = parse(&offer(&caps, &local().next(&agreement), &mut random).text).expect("our own text");
        let mut numbers: Vec<u8> = next.media[0].formats.iter().map(|f| f.payload_type).collect();
        prop_assert_eq!(next.media[0].formats.iter().find(|f| f.name == "opus").map(|f| f.payload_type), Some(number));
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), 5, "three codecs, two clocks of events, no number twice");
    }
}
