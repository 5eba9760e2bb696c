//! What is wrong in a description is refused or passed over at a cost that its size bounds; see RFC 3264 and RFC 8866
//! for what is right.

mod support;

use std::net::Ipv6Addr;

use support::*;
use tandem_model::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_LINES_MAX, SDP_MEDIA_MAX};
use tandem_sdp::*;

/// What no field of a description may be.
const ODD: [&str; 18] = [
    "",
    "-1",
    "65536",
    "2147483648",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "+1",
    "0x10",
    "1e9",
    "NaN",
    "\u{0}",
    "\u{fffd}",
    "\u{663}",
    "a b",
    ":",
    "/",
    "=",
];

/// A whole description with one field after the other in braces.
const FIELDS: &str = "v={0}\r\no={-} {1} {1} {IN} {IP4} {198.51.100.1}\r\ns={-}\r\nc={IN} {IP4} {198.51.100.1}\r\n\
    t={0} {0}\r\na={sendrecv}\r\nm={audio} {5000} {RTP/AVP} {0} {8} {96} {101}\r\nc={IN} {IP4} {198.51.100.2}\r\n\
    a=rtpmap:{96} {opus}/{48000}/{2}\r\na=fmtp:{96} {useinbandfec=1}\r\na=rtpmap:{101} {telephone-event}/{8000}\r\n\
    a=ptime:{20}\r\na=maxptime:{60}\r\na=rtcp:{5001} {IN} {IP4} {198.51.100.2}\r\na=rtcp-xr:{voip-metrics}\r\n\
    a={sendrecv}\r\nm={video} {6000} {RTP/AVP} {31}\r\n";

/// The description with its `n`th field replaced; None when it has fewer.
fn with_field(n: usize, value: &str) -> Option<String> {
    let start = FIELDS.match_indices('{').nth(n)?.0;
    let end = start + FIELDS[start..].find('}')?;
    let text = [&FIELDS[..start], value, &FIELDS[end + 1..]].concat();
    Some(text.replace(['{', '}'], ""))
}

/// Reads it as offer and as answer, and holds what is agreed to the rules.
fn try_all(text: &str) {
    let Ok(remote) = parse(text.as_bytes()) else { return };
    assert!(remote.media.len() <= SDP_MEDIA_MAX);
    assert!(remote.media.iter().all(|m| m.formats.len() <= SDP_FORMATS_MAX));
    for encryption in [Encryption::Off, Encryption::Optional, Encryption::Required] {
        let caps = capabilities(encryption);
        let ours = offer(&caps, &local(), &mut entropy());
        if let Ok(agreement) = accept_answer(&ours, &remote) {
            assert!((10..=60).contains(&agreement.ptime_ms), "{text}");
        }
        let Ok((answer, agreement)) = answered(&caps, &remote) else { continue };
        let written = parse(answer.as_bytes()).expect("we write what we read");
        assert_eq!(written.media.len(), remote.media.len(), "{text}");
        assert_eq!(written.media.iter().filter(|m| m.port != 0).count(), 1, "{text}");
        assert_eq!(written.timing, Some(remote.timing.unwrap_or_default()), "{text}");
        assert!((10..=60).contains(&agreement.ptime_ms), "{text}");
        assert!(agreement.codec.payload_type_send < 128 && agreement.codec.clock_hz <= 48_000, "{text}");
        assert!(agreement.remote_rtp.is_none_or(|to| to.port() != 0 && !to.ip().is_multicast()), "{text}");
        assert!(agreement.remote_rtcp.is_none_or(|to| to.port() != 0 && !to.ip().is_multicast()), "{text}");
        assert_eq!(agreement.common.len().min(3), agreement.common.len(), "{text}");
    }
}

#[test]
fn every_field_may_be_anything() {
    let fields = FIELDS.matches('{').count();
    assert!(fields > 40, "{fields}");
    let long = "9".repeat(10_000);
    for n in 0..fields {
        for value in ODD.iter().copied().chain([long.as_str()]) {
            try_all(&with_field(n, value).expect("has so many"));
        }
    }
    // Unchanged it is good.
    let text = with_field(0, "0").expect("has fields");
    let (answer, _) =
        answered(&capabilities(Encryption::Off), &parse(text.as_bytes()).expect("reads")).expect("common");
    assert!(answer.contains("m=video 0 RTP/AVP 31"), "{answer}");
}

#[test]
fn every_line_may_be_missing_doubled_or_out_of_place() {
    let text = with_field(0, "0").expect("has fields");
    let lines: Vec<&str> = text.lines().collect();
    for n in 0..lines.len() {
        let mut fewer = lines.clone();
        let line = fewer.remove(n);
        try_all(&fewer.join("\r\n"));
        let mut doubled = lines.clone();
        doubled.insert(n, line);
        try_all(&doubled.join("\r\n"));
        for to in 0..fewer.len() {
            let mut moved = fewer.clone();
            moved.insert(to, line);
            try_all(&moved.join("\n"));
        }
        // Cut in the middle of it.
        for cut in 0..line.len() {
            let mut cut_off = lines[..n].to_vec();
            cut_off.push(&line[..cut]);
            try_all(&cut_off.join("\r\n"));
        }
    }
}

/// RFC 3264 section 5.1: ports are numbers below 2^16, and what wraps is another port.
#[test]
fn numbers_beyond_their_type_never_wrap() {
    let port = FIELDS[..FIELDS.find("{5000}").expect("is there")].matches('{').count();
    for number in ["70536", "4294972296", "18446744073709556616", "-60536"] {
        let text = with_field(port, number).expect("has a port");
        let error = parse(text.as_bytes()).expect_err("no port");
        assert_eq!(error.what, "no such port", "{number}");
    }
}

/// The reader stops at the limit, whatever comes behind it. Blank lines are none.
#[test]
fn thousands_of_lines_are_refused_where_the_limit_is() {
    for line in ["a=x", "t=0 0", "s=-", "b=AS:64", "a=rtcp-mux", "a=ptime:20", "a=fmtp:0 x"] {
        let text = |lines: usize| format!("m=audio 5000 RTP/AVP 0\n\n{}", format!("{line}\n").repeat(lines));
        assert!(parse(text(SDP_LINES_MAX - 1).as_bytes()).is_ok(), "{line}");
        for more in [SDP_LINES_MAX, SDP_LINES_MAX + 300] {
            let error = parse(text(more).as_bytes()).expect_err(line);
            assert_eq!((error.line, error.what), (SDP_LINES_MAX + 2, "more lines than we read"), "{line}");
        }
    }
    let blank = format!("m=audio 5000 RTP/AVP 0\n{}", "\n".repeat(SDP_BYTES_MAX - 100));
    assert!(parse(blank.as_bytes()).is_ok());
}

#[test]
fn a_megabyte_is_not_looked_at() {
    for filling in ["m=audio 5000 RTP/AVP 0\n", "a", "=", "\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"] {
        let error = parse(filling.repeat(1 << 20).as_bytes()).expect_err("too long");
        assert_eq!((error.line, error.what), (0, "longer than we read"));
    }
}

/// RFC 3264 section 6: times are not negotiated.
#[test]
fn an_answer_repeats_the_offers_times() {
    for (line, wanted) in [
        ("t=3338481189 3370017201", "t=3338481189 3370017201"),
        ("t=0 0", "t=0 0"),
        ("t=1 2\nt=3 4", "t=1 2"),
        ("t=x", "t=0 0"),
        ("t=1 2 3", "t=0 0"),
        ("t=-1 0", "t=0 0"),
        ("t=18446744073709551616 0", "t=0 0"),
        ("s=none", "t=0 0"),
    ] {
        let text = format!("v=0\nc=IN IP4 198.51.100.1\n{line}\nm=audio 5000 RTP/AVP 0\n");
        let remote = parse(text.as_bytes()).expect("reads");
        let (answer, _) = answered(&capabilities(Encryption::Off), &remote).expect("PCMU");
        assert!(answer.contains(&format!("\r\n{wanted}\r\n")), "{line}: {answer}");
        assert_eq!(answer.matches("\r\nt=").count(), 1, "{answer}");
    }
}

/// RFC 8866 section 5.7: no brackets, and a family of its own.
#[test]
fn ipv6_is_read_and_written() {
    let text = "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 5000 RTP/AVP 0\n\
                a=rtcp:6001 IN IP6 2001:db8::2\n";
    let remote = parse(text.as_bytes()).expect("reads");
    let mut here = local();
    (here.address, here.origin) = (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let caps = capabilities(Encryption::Off);
    let (answer, agreement) = answer(&caps, &here, &remote, Preference::Offered, &mut entropy()).expect("PCMU");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("o=- 42 1 IN IP6 ::1\r\n") && answer.contains("c=IN IP6 ::1\r\n"), "{answer}");
    assert_eq!(agreement.remote_rtp, "[2001:db8::1]:5000".parse().ok());
    assert_eq!(agreement.remote_rtcp, "[2001:db8::2]:6001".parse().ok());
    for held in ["::", "0.0.0.0"] {
        let family = if held.contains(':') { "IP6" } else { "IP4" };
        let remote = parse(format!("v=0\nc=IN {family} {held}\nm=audio 5000 RTP/AVP 0\n").as_bytes()).expect("reads");
        let (_, agreement) = answered(&caps, &remote).expect("PCMU");
        assert_eq!((agreement.remote_rtp, agreement.send), (None, false), "{held}");
    }
}

/// The bodies of RFC 5118 sections 4.6, 4.8 and 4.9. Their audio is G.726-32 or PCMU beside video.
#[test]
fn the_ipv6_torture_bodies_are_read() {
    let body = |message: &'static [u8]| {
        let at = message.windows(4).position(|w| w == b"\r\n\r\n").expect("has a body") + 4;
        parse(&message[at..]).expect("reads")
    };
    let address = |description: &Description, n: usize| match description.connection_of(&description.media[n]) {
        Some(Connection::Address(ip)) => ip.to_string(),
        other => panic!("{other:?}"),
    };
    let plain = body(include_bytes!("../../sip/tests/torture/ipv6-in-sdp.dat"));
    assert_eq!((address(&plain, 0), address(&plain, 1)), ("2001:db8::20".into(), "2001:db8::20".into()));
    assert_eq!(plain.timing, Some((3_338_481_189, 3_370_017_201)));
    let both = body(include_bytes!("../../sip/tests/torture/mult-ip-in-sdp.dat"));
    assert_eq!((address(&both, 0), address(&both, 1)), ("192.0.2.1".into(), "2001:db8::1".into()));
    let (answer, agreement) = answered(&capabilities(Encryption::Off), &both).expect("PCMU");
    assert!(answer.contains("m=video 0 RTP/AVP 107"), "{answer}");
    assert_eq!(agreement.remote_rtp, "192.0.2.1:22334".parse().ok());
    let mapped = body(include_bytes!("../../sip/tests/torture/ipv4-mapped-ipv6.dat"));
    assert_eq!(address(&mapped, 0), "::ffff:192.0.2.2");
}

/// RFC 3264 sections 6 and 8.2: a declined line stays in its place, declined, and may be taken up again.
#[test]
fn a_line_declined_once_stays_in_its_place() {
    let caps = capabilities(Encryption::Off);
    let offered = "v=0\nc=IN IP4 198.51.100.1\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 31\nm=audio 5002 RTP/AVP 8\n";
    let (text, agreement) = answered(&caps, &parse(offered.as_bytes()).expect("reads")).expect("PCMA");
    let ports = |text: &str| parse(text.as_bytes()).expect("reads").media.iter().map(|m| m.port).collect::<Vec<_>>();
    assert_eq!(ports(&text), [0, 0, 20_000]);
    let again = offer(&caps, &local().next(&agreement), &mut entropy());
    let again = String::from_utf8_lossy(&again.text).into_owned();
    assert_eq!(ports(&again), [0, 0, 20_000]);
    let shorter = parse(b"v=0\nc=IN IP4 198.51.100.1\nm=audio 5000 RTP/AVP 0\n").expect("reads");
    let offer = offer(&caps, &local().next(&agreement), &mut entropy());
    assert_eq!(accept_answer(&offer, &shorter).expect_err("a line is missing").why, "answer lacks our media line");
}

/// RFC 3264 section 6: a declined line lists a format, whether or not the offer's did.
#[test]
fn a_line_without_a_format_is_declined_with_one() {
    let caps = capabilities(Encryption::Off);
    let offered = "v=0\nc=IN IP4 198.51.100.1\nm=video 0 RTP/AVP\nm=audio 5000 RTP/AVP 0\nm=image 5002 udptl\n";
    let (text, agreement) = answered(&caps, &parse(offered.as_bytes()).expect("reads")).expect("PCMU");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 0", "m=audio 20000 RTP/AVP 0", "m=image 0 udptl 0"]);
    // And so may theirs be, when the next offer is ours.
    let ours = offer(&caps, &local().next(&agreement), &mut entropy());
    let answer =
        "v=0\nc=IN IP4 198.51.100.1\nm=video 0 RTP/AVP\nm=audio 5000 RTP/AVP 0\nm=image 0 udptl\nc=IN IP4 300.1.1.1\n";
    let agreement = accept_answer(&ours, &parse(answer.as_bytes()).expect("reads")).expect("PCMU");
    assert_eq!(agreement.remote_rtp, "198.51.100.1:5000".parse().ok());
}
