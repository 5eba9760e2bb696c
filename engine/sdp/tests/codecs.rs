//! What differs from codec to codec: packet times, comfort noise, and the clocks of telephone-events.

mod support;

use support::*;
use tandem_sdp::*;

fn caps(codecs: &[&str], comfort_noise: ComfortNoise) -> Capabilities {
    Capabilities {
        codecs: codecs.iter().map(|name| codec(name)).collect(),
        comfort_noise,
        ..capabilities(Encryption::Off)
    }
}

fn offered(capabilities: &Capabilities) -> (Offer, String) {
    let offer = offer(capabilities, &local(), &mut entropy());
    let text = String::from_utf8(offer.text.to_vec()).expect("we write text");
    (offer, text)
}

#[test]
fn every_codec_is_offered_with_events_on_its_own_clock() {
    let (_, text) = offered(&caps(&["opus", "G722", "PCMU", "L16@16", "L16@48"], ComfortNoise::Off));
    for line in [
        "a=rtpmap:9 G722/8000\r\n",
        "a=rtpmap:98 L16/16000\r\n",
        "a=rtpmap:100 L16/48000\r\n",
        "telephone-event/8000\r\n",
        "telephone-event/16000\r\n",
        "telephone-event/48000\r\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let remote = parse(text.as_bytes()).expect("our own text");
    for (name, clock_hz) in [("L16@16", 16_000), ("L16@48", 48_000), ("opus", 48_000), ("G722", 8_000)] {
        let (_, agreement) = answered(&caps(&[name], ComfortNoise::Off), &remote).expect(name);
        assert_eq!(
            (agreement.codec.clock_hz, agreement.dtmf.map(|d| d.clock_hz)),
            (clock_hz, Some(clock_hz)),
            "{name}"
        );
    }
}

#[test]
fn a_packet_time_is_one_the_codec_has() {
    for (codec_name, rtpmap, attribute, wanted) in [
        ("L16@48", "rtpmap:96 L16/48000", "ptime:20", 10),
        ("L16@16", "rtpmap:96 L16/16000", "ptime:60", 40),
        ("L16@16", "rtpmap:96 L16/16000", "maxptime:20", 20),
        ("opus", "rtpmap:96 opus/48000/2", "ptime:30", 20),
        ("opus", "rtpmap:96 opus/48000/2", "ptime:120", 60),
        ("opus", "rtpmap:96 opus/48000/2", "ptime:3", 10),
        ("G722", "rtpmap:96 G722/8000", "ptime:30", 30),
    ] {
        let remote = audio("5000 RTP/AVP 96", &[rtpmap, attribute]);
        let (text, agreement) = answered(&caps(&[codec_name], ComfortNoise::Off), &remote).expect(codec_name);
        assert_eq!(agreement.ptime_ms, wanted, "{codec_name} {attribute}");
        assert!(text.contains(&format!("a=ptime:{wanted}\r\n")), "{text}");
    }
    let (_, text) = offered(&caps(&["PCMU", "L16@48"], ComfortNoise::Off));
    assert!(text.contains("a=ptime:10\r\n"), "20 ms of L16 at 48 kHz do not fit a packet: {text}");
}

#[test]
fn g722_is_known_by_its_number_and_by_its_wrong_clock_alone() {
    for (line, attributes, fine) in [
        ("5000 RTP/AVP 9", vec![], true),
        ("5000 RTP/AVP 99", vec!["rtpmap:99 g722/8000/1"], true),
        ("5000 RTP/AVP 99", vec!["rtpmap:99 G722/16000"], false),
    ] {
        let answer = answered(&caps(&["G722"], ComfortNoise::Off), &audio(line, &attributes));
        assert_eq!(answer.is_ok(), fine, "{line} {attributes:?}");
    }
}

#[test]
fn comfort_noise_is_agreed_on_where_the_peer_offers_it_on_the_codecs_clock() {
    let noise = |codec: &str, line: &str, attributes: &[&str], ours| {
        let (text, agreement) = answered(&caps(&[codec], ours), &audio(line, attributes)).expect(codec);
        let pair = agreement.comfort_noise.map(|n| (n.payload_type_send, n.payload_type_receive));
        let number = pair.map_or(200, |p| p.1);
        assert_eq!(text.contains("CN/"), pair.is_some(), "{text}");
        assert_eq!(text.contains(&format!("a=rtpmap:{number} CN/")), pair.is_some(), "{text}");
        pair
    };
    use ComfortNoise::{Accept, Off};
    assert_eq!(noise("PCMU", "5000 RTP/AVP 0 13", &[], Accept), Some((13, 13)), "RFC 3551 table 4");
    assert_eq!(noise("PCMU", "5000 RTP/AVP 0 13", &[], Off), None);
    assert_eq!(noise("PCMU", "5000 RTP/AVP 0", &[], Accept), None);
    assert_eq!(noise("PCMU", "5000 RTP/AVP 0 105", &["rtpmap:105 CN/16000"], Accept), None, "another clock");
    assert_eq!(noise("G722", "5000 RTP/AVP 9 105", &["rtpmap:105 cn/8000"], Accept), Some((105, 105)));
    let l16 = ["rtpmap:96 L16/16000", "rtpmap:105 CN/16000"];
    assert_eq!(noise("L16@16", "5000 RTP/AVP 96 13 105", &l16, Accept), Some((105, 105)));
    let opus = ["rtpmap:96 opus/48000/2", "rtpmap:105 CN/48000"];
    assert_eq!(noise("opus", "5000 RTP/AVP 96 105", &opus, Accept), None, "it has its own (RFC 7587 section 3.1.3)");
}

#[test]
fn our_offers_speak_of_comfort_noise_only_when_told_to() {
    let codecs = ["opus", "G722", "PCMU", "L16@16"];
    for quiet in [ComfortNoise::Off, ComfortNoise::Accept] {
        assert!(!offered(&caps(&codecs, quiet)).1.contains("CN/"));
    }
    let (offer, text) = offered(&caps(&codecs, ComfortNoise::Offer));
    assert!(
        text.contains("a=rtpmap:13 CN/8000\r\n") && text.contains(" CN/16000\r\n") && !text.contains("CN/48000"),
        "{text}"
    );
    let answer = audio("5000 RTP/AVP 0 77", &["rtpmap:77 CN/8000"]);
    let agreed = accept_answer(&offer, &answer).expect("PCMU").comfort_noise.expect("both have it");
    assert_eq!((agreed.payload_type_send, agreed.payload_type_receive), (77, 13));
    // Told of once, its number stays (RFC 3264 section 8.3.2).
    let mut later = caps(&codecs, ComfortNoise::Offer);
    later.pin(&accept_answer(&offer, &answer).expect("PCMU"));
    assert!(offered(&later).1.contains("a=rtpmap:13 CN/8000\r\n"));
}

#[test]
fn the_codec_wanted_first_is_told_apart_by_its_clock() {
    let remote = audio("5000 RTP/AVP 96 97", &["rtpmap:96 L16/16000", "rtpmap:97 L16/48000"]);
    let caps = caps(&["L16@16", "L16@48"], ComfortNoise::Off);
    let first = Preference::First(&[("l16", 48_000)]);
    let (_, agreement) = answer(&caps, &local(), &remote, first, &mut entropy()).expect("both are common");
    assert_eq!(agreement.codec.clock_hz, 48_000);
}
