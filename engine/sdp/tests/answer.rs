//! Text in, text out.

mod support;

use support::*;
use tandem_sdp::*;

/// The answer after its session lines, joined by `|`.
fn lines(capabilities: &Capabilities, remote: &Description) -> String {
    match answered(capabilities, remote) {
        Ok((text, _)) => {
            let start = text.find("m=").expect("has a media line");
            text[start..].trim_end().replace("\r\n", "|")
        }
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn an_answer_takes_one_codec_and_keeps_the_offers_numbers() {
    for (line, attributes, wanted) in [
        ("5000 RTP/AVP 0", vec![], "m=audio 20000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=rtcp:20001|a=sendrecv"),
        (
            "5000 RTP/AVP 18 8 0",
            vec![],
            "m=audio 20000 RTP/AVP 8|a=rtpmap:8 PCMA/8000|a=ptime:20|a=rtcp:20001|a=sendrecv",
        ),
        (
            "5000 RTP/AVP 107 0 101 102",
            vec![
                "rtpmap:107 OPUS/48000/2",
                "rtpmap:101 telephone-event/8000",
                "rtpmap:102 telephone-event/48000",
                "rtcp-mux",
            ],
            "m=audio 20000 RTP/AVP 107 102|a=rtpmap:107 opus/48000/2|a=fmtp:107 useinbandfec=1\
             |a=rtpmap:102 telephone-event/48000|a=fmtp:102 0-15|a=ptime:20|a=rtcp-mux|a=sendrecv",
        ),
        (
            "5000 RTP/AVPF 111 101",
            vec!["rtpmap:111 opus/48000", "rtpmap:101 telephone-event/8000", "ptime:30"],
            "m=audio 20000 RTP/AVPF 111 101|a=rtpmap:111 opus/48000/2|a=fmtp:111 useinbandfec=1\
             |a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15|a=ptime:20|a=rtcp:20001|a=sendrecv",
        ),
        ("5000 RTP/AVP 18", vec![], "488: no codec in common"),
        ("0 RTP/AVP 0", vec![], "488: no audio line"),
        ("5000 RTP/AVP 96", vec!["rtpmap:96 PCMU/16000"], "488: no codec in common"),
        (
            "5000 UDP/TLS/RTP/SAVPF 0",
            vec!["fingerprint:sha-256 AA"],
            "488: transport is neither RTP/AVP nor RTP/SAVP with SDES keys",
        ),
    ] {
        assert_eq!(lines(&capabilities(Encryption::Optional), &audio(line, &attributes)), wanted, "{line}");
    }
}

#[test]
fn the_whole_answer_is_as_rfc_3264_has_it() {
    let (text, _) = answered(&capabilities(Encryption::Off), &audio("5000 RTP/AVP 0", &[])).expect("plain PCMU");
    let session = "v=0\r\no=- 42 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio";
    assert!(text.starts_with(session) && text.ends_with("a=sendrecv\r\n"), "{text}");
}

#[test]
fn packet_time_is_what_the_peer_likes_within_reason() {
    let cases = [
        ("ptime:10", 10),
        ("ptime:30", 30),
        ("ptime:60", 60),
        ("ptime:5", 10),
        ("ptime:200", 60),
        ("ptime:25", 20),
        ("maxptime:10", 10),
        ("maxptime:150", 20),
        ("ptime:20.0", 20),
        ("ptime:0", 20),
        ("ptime:-20", 20),
        ("ptime:4294967296", 20),
    ];
    for (attribute, wanted) in cases {
        let remote = audio("5000 RTP/AVP 0", &[attribute]);
        let (_, agreement) = answered(&capabilities(Encryption::Off), &remote).expect("plain PCMU");
        assert_eq!(agreement.ptime_ms, wanted, "{attribute}");
    }
}

#[test]
fn hold_and_resume_turn_directions_round() {
    for (address, theirs, ours, send, receive, has_address) in [
        ("198.51.100.1", "sendrecv", "sendrecv", true, true, true),
        ("198.51.100.1", "sendonly", "recvonly", false, true, true),
        ("198.51.100.1", "recvonly", "sendonly", true, false, true),
        ("198.51.100.1", "inactive", "inactive", false, false, false),
        ("0.0.0.0", "sendrecv", "recvonly", false, true, false),
        ("0.0.0.0", "sendonly", "recvonly", false, true, false),
    ] {
        for session_level in [true, false] {
            let (above, below) = if session_level { (theirs, "rtcp-mux") } else { ("tool:x", theirs) };
            let text = format!("v=0\nc=IN IP4 {address}\na={above}\nm=audio 5000 RTP/AVP 0\na={below}\n");
            let remote = parse(text.as_bytes()).expect("the test's own text");
            let (text, agreement) = answered(&capabilities(Encryption::Off), &remote).expect("plain PCMU");
            assert!(text.contains(&format!("a={ours}\r\n")), "{address} {theirs}: {text}");
            assert_eq!((agreement.send, agreement.receive), (send, receive), "{address} {theirs}");
            assert_eq!(agreement.remote_rtp.is_some(), has_address, "{address} {theirs}");
        }
    }
}

#[test]
fn our_own_hold_narrows_the_answer() {
    let mut held = local();
    held.direction = Direction::SendOnly;
    for (theirs, ours) in [("sendrecv", "sendonly"), ("sendonly", "inactive"), ("recvonly", "sendonly")] {
        let remote = audio("5000 RTP/AVP 0", &[theirs]);
        let (text, agreement) =
            answer(&capabilities(Encryption::Off), &held, &remote, Preference::Offered, &mut entropy()).expect("PCMU");
        assert!(text.ends_with(format!("a={ours}\r\n").as_bytes()), "{theirs}");
        assert!(!agreement.receive);
    }
}

/// RFC 3264 section 8.2: a line put away is taken up again by the next offer that gives it a port.
#[test]
fn a_hold_answered_with_port_0_is_one_without_media() {
    let caps = capabilities(Encryption::Off);
    let (_, current) = answered(&caps, &audio("5000 RTP/AVP 0", &[])).expect("plain PCMU");
    let declined = audio("0 RTP/AVP 0", &[]);
    let mut ours = local().next(&current);
    for direction in [Direction::SendOnly, Direction::Inactive] {
        ours.direction = direction;
        let hold = offer(&caps, &ours, &mut entropy());
        let held = accept_next_answer(&hold, &declined, &current).expect("a hold");
        assert_eq!((held.remote_rtp, held.remote_rtcp, held.send, held.receive), (None, None, false, false));
        assert_eq!((&held.codec, held.peer, held.media_index), (&current.codec, current.peer, 0));
        assert!(accept_answer(&hold, &declined).is_err(), "a first answer");
        let taken = accept_next_answer(&hold, &audio("5000 RTP/AVP 0", &["recvonly"]), &current).expect("PCMU");
        assert_eq!(taken.send, direction == Direction::SendOnly);
        let mut again = ours.next(&held);
        again.direction = Direction::SendReceive;
        let again = offer(&caps, &again, &mut entropy());
        assert!(String::from_utf8_lossy(&again.text).contains("m=audio 20000 RTP/AVP"), "{again:?}");
        assert!(accept_next_answer(&again, &declined, &held).is_err(), "no hold");
        let taken = accept_next_answer(&again, &audio("5000 RTP/AVP 0", &[]), &held).expect("PCMU");
        assert_eq!((taken.remote_rtp, taken.send, taken.receive), (current.remote_rtp, true, true));
    }
}

/// RFC 3264 sections 6 and 8.2: each line has its own in the answer, and the audio may come back in any offer.
#[test]
fn audio_that_the_peer_puts_away_rests_until_an_offer_takes_it_up() {
    let caps = capabilities(Encryption::Off);
    let two = |port: u16| {
        let text = format!("v=0\nc=IN IP4 198.51.100.1\nm=video {port} RTP/AVP 31\nm=audio {port} RTP/AVP 0\n");
        parse(text.as_bytes()).expect("the test's own text")
    };
    let (_, current) = answered(&caps, &two(5000)).expect("plain PCMU");
    let ours = local().next(&current);
    assert!(answer_put_away(&ours, &two(5000), &current).is_none(), "it has a port");
    let none = parse(b"v=0\nc=IN IP4 198.51.100.1\nm=video 5000 RTP/AVP 31\n").expect("the test's own text");
    assert!(answer_put_away(&ours, &none, &current).is_none(), "no audio line");
    // Something in place of audio is no hold: it is refused, and audio goes on.
    for other in ["image 4000 udptl t38", "video 4000 RTP/AVP 31", "message 4000 TCP/MSRP *"] {
        let text = format!("v=0\nc=IN IP4 198.51.100.1\nm=audio 0 RTP/AVP 0\nm={other}\n");
        let instead = parse(text.as_bytes()).expect("the test's own text");
        assert!(answer_put_away(&ours, &instead, &current).is_none(), "{other}");
        let refused = answer(&caps, &ours, &instead, Preference::Offered, &mut entropy()).expect_err(other);
        assert_eq!(refused.status, 488, "{other}");
    }
    // So is fax in the place of the video that was never had.
    let text = "v=0\nc=IN IP4 198.51.100.1\nm=image 4000 udptl t38\nm=audio 0 RTP/AVP 0\n";
    let fax = parse(text.as_bytes()).expect("the test's own text");
    assert!(answer_put_away(&ours, &fax, &current).is_none(), "fax");
    // A videophone puts its audio away alone: its video was never had here.
    let silent = parse(b"v=0\nc=IN IP4 198.51.100.1\nm=video 5000 RTP/AVP 31\nm=audio 0 RTP/AVP 0\n")
        .expect("the test's own text");
    let (text, _) = answer_put_away(&ours, &silent, &current).expect("put away");
    assert!(text.ends_with(b"m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\n"));
    let (text, away) = answer_put_away(&ours, &two(0), &current).expect("put away");
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.ends_with("t=0 0\r\nm=video 0 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\n"), "{text}");
    assert_eq!((away.remote_rtp, away.remote_rtcp, away.send, away.receive), (None, None, false, false));
    assert_eq!((&away.codec, away.peer, away.media_index), (&current.codec, Direction::Inactive, 1));
    // Ours asks for audio and may be told that there is still none,
    let again = offer(&caps, &ours.next(&away), &mut entropy());
    assert!(
        String::from_utf8_lossy(&again.text).contains("m=video 0 RTP/AVP 31\r\nm=audio 20000 RTP/AVP"),
        "{again:?}"
    );
    let still = accept_next_answer(&again, &two(0), &away).expect("put away still");
    assert_eq!((still.remote_rtp, still.put_away), (None, true));
    let taken = accept_next_answer(&again, &two(5000), &still).expect("PCMU");
    assert_eq!((taken.remote_rtp, taken.send, taken.put_away), (current.remote_rtp, true, false));
    assert!(accept_next_answer(&again, &two(0), &taken).is_err(), "no hold");
    // and so is a later offer of theirs answered.
    let (_, taken) = answer(&caps, &ours.next(&away), &two(5000), Preference::Offered, &mut entropy()).expect("PCMU");
    assert_eq!((taken.remote_rtp, taken.put_away), (current.remote_rtp, false));
    // While we hold it, port 0 says nothing of what it does itself.
    let holding = LocalMedia { direction: Direction::SendOnly, ..ours };
    let (_, away) = answer_put_away(&holding, &two(0), &current).expect("put away");
    assert_eq!((away.peer, away.put_away), (current.peer, true));
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    for (attributes, wanted) in [
        (vec![], Some("198.51.100.1:5001")),
        (vec!["rtcp:6001"], Some("198.51.100.1:6001")),
        (vec!["rtcp:6001 IN IP4 198.51.100.2"], Some("198.51.100.2:6001")),
        (vec!["rtcp:6001 IN IP4 224.0.0.1"], None),
        (vec!["rtcp:65536"], Some("198.51.100.1:5001")),
        (vec!["rtcp-mux", "rtcp:6001"], Some("198.51.100.1:5000")),
    ] {
        let (_, agreement) =
            answered(&capabilities(Encryption::Off), &audio("5000 RTP/AVP 0", &attributes)).expect("plain PCMU");
        assert_eq!(agreement.remote_rtcp, wanted.map(|a| a.parse().expect("an address")), "{attributes:?}");
    }
}

#[test]
fn other_lines_are_declined_in_their_places() {
    let text = "v=0\nc=IN IP6 2001:db8::1\nm=video 6000 RTP/AVP 31 34\nm=audio 5000 RTP/AVP 8\nm=image 7000 udptl t38\n\
                m=audio 5002 RTP/AVP 0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n";
    let remote = parse(text.as_bytes()).expect("the test's own text");
    let (text, agreement) = answered(&capabilities(Encryption::Optional), &remote).expect("PCMA");
    let media: Vec<&str> = text.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        media,
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 20000 RTP/AVP 8",
            "m=image 0 udptl t38",
            "m=audio 0 RTP/AVP 0",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
        ]
    );
    assert_eq!(agreement.media_index, 1);
    assert_eq!(agreement.remote_rtp, "[2001:db8::1]:5000".parse().ok());

    // A later offer of ours has every line still (RFC 3264 section 8).
    let again = offer(&capabilities(Encryption::Off), &local().next(&agreement), &mut entropy());
    let text = String::from_utf8_lossy(&again.text);
    assert_eq!(text.lines().filter(|l| l.starts_with("m=")).count(), 5);
    assert!(text.contains("o=- 42 2 IN IP4"));
}

#[test]
fn the_caller_steers_the_choice_of_codec() {
    let remote = audio("5000 RTP/AVP 8 0 96", &["rtpmap:96 opus/48000/2"]);
    for (preference, wanted) in [
        (Preference::Offered, ["PCMA", "PCMU", "opus"]),
        (Preference::Ours, ["opus", "PCMU", "PCMA"]),
        (Preference::First(&[("G722", 8_000), ("pcmu", 16_000), ("pcmu", 8_000)]), ["PCMU", "PCMA", "opus"]),
        (Preference::First(&[]), ["PCMA", "PCMU", "opus"]),
    ] {
        let (_, agreement) =
            answer(&capabilities(Encryption::Off), &local(), &remote, preference, &mut entropy()).expect("common");
        let names: Vec<&str> = agreement.common.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, wanted, "{preference:?}");
        assert_eq!(agreement.codec.name, wanted[0]);
    }
}

#[test]
fn media_is_sent_to_no_group_and_no_name() {
    for (connection, why) in [
        ("c=IN IP4 224.2.1.1/127", "488: connection is no unicast address"),
        ("c=IN IP4 255.255.255.255", "488: connection is no unicast address"),
        ("c=IN IP6 ::ffff:224.2.1.1", "488: connection is no unicast address"),
        ("c=IN IP6 ff02::1", "488: connection is no unicast address"),
        ("c=IN IP4 phone.example.com", "488: connection is a host name"),
        ("s=-", "488: no connection address"),
    ] {
        let remote = parse(format!("v=0\n{connection}\nm=audio 5000 RTP/AVP 0\n").as_bytes()).expect("reads");
        assert_eq!(lines(&capabilities(Encryption::Off), &remote), why, "{connection}");
    }
}
