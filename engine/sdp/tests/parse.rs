mod support;

use support::KEY_80;
use tandem_model::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_MEDIA_MAX};
use tandem_sdp::*;

/// What audio was understood, on one line.
fn digest(text: &str) -> String {
    match parse(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(description) => match description.audio() {
            None => format!("{} lines, no audio", description.media.len()),
            Some(audio) => {
                let formats: Vec<String> = audio
                    .formats
                    .iter()
                    .map(|f| format!("{}={}/{}/{}", f.payload_type, f.name, f.clock_hz, f.channels))
                    .collect();
                format!(
                    "{} {} {} {} crypto:{}",
                    audio.port,
                    audio.proto.as_str(),
                    formats.join(","),
                    audio.direction.as_str(),
                    audio.cryptos.len()
                )
            }
        },
    }
}

#[test]
fn offers_as_phones_and_switches_write_them_are_read() {
    let desk_phone = format!(
        "v=0\r\no=100 8000 8000 IN IP4 198.51.100.20\r\ns=SIP Call\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
         m=audio 5004 RTP/SAVP 0 8 9 18 101\r\na=sendrecv\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=rtpmap:9 G722/8000\r\n\
         a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|2^32\r\na=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:{KEY_80}\r\n"
    );
    let browser = "v=0\r\no=mozilla...THIS_IS_SDPARTA 4294967295999999999999 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                   a=fingerprint:sha-256 00:11\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n\
                   m=audio 9 UDP/TLS/RTP/SAVPF 109 9\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:109 opus/48000/2\r\na=mid:0\r\n\
                   a=candidate:0 1 UDP 2122252543 198.51.100.9 4000 typ host\r\na=extmap:1 urn:x\r\n";
    for (text, wanted) in [
        (
            desk_phone.as_str(),
            "5004 RTP/SAVP 0=PCMU/8000/1,8=PCMA/8000/1,9=G722/8000/1,18=G729/8000/1,101=telephone-event/8000/1 sendrecv crypto:1",
        ),
        (browser, "9 UDP/TLS/RTP/SAVPF  sendrecv crypto:0"),
        // Bare LF, blank lines, no trailing newline, blanks at line ends, a NUL after the text.
        (
            "v=0\n\no=- 1 1 IN IP4 a\ns= \nc=IN IP4 192.0.2.1 \nt=0 0\nm=audio 4000 RTP/AVP 0\0",
            "4000 RTP/AVP 0=PCMU/8000/1 sendrecv crypto:0",
        ),
        // Nothing but a media line.
        ("m=audio 4000 RTP/AVP 8 96\r\n", "4000 RTP/AVP 8=PCMA/8000/1 sendrecv crypto:0"),
        // An rtpmap before all others' fmtp, a static type renamed, a session direction given late.
        (
            "v=0\nm=audio 4000/2 rtp/avp 96 0\na=fmtp:96 x=1\na=rtpmap:96 opus/48000/2\na=rtpmap:0 pcmu/8000/1\na=inactive\n",
            "4000 RTP/AVP 96=opus/48000/2,0=pcmu/8000/1 inactive crypto:0",
        ),
        // Broadcast boilerplate of every kind.
        (
            "v=0\no=- 1 1 IN IP4 h\ns=x\ni=y\nu=z\ne=a@b\np=+1\nb=AS:64\nt=1 2\nr=7d 1h 0 25h\nz=1 2\nk=clear:x\ny=1\nm=audio 4000 RTP/AVP 3\ni=t\nb=TIAS:1\nk=prompt\na=\na=:\n",
            "4000 RTP/AVP 3=GSM/8000/1 sendrecv crypto:0",
        ),
        ("v=0\nm=image 4000 udptl t38\nm=message 7000 TCP/MSRP *\n", "2 lines, no audio"),
        // Lines of no description, and a blank where none belongs.
        (
            "v=0\nfoo\nab=1\n=\n1=2\nm=audio 4000 RTP/AVP 96\n--\n a=rtpmap:96 opus/48000/2\na =sendonly",
            "4000 RTP/AVP 96=opus/48000/2 sendonly crypto:0",
        ),
        // Declined lines without a format, and with an address that is none; a line of ours to decline.
        (
            "v=0\nm=video 0 RTP/AVP\nc=IN IP4 300.1.1.1\nc=IN\nm=audio 0 RTP/AVP\nm=video 5000 RTP/AVP\nm=audio 4000 RTP/AVP 0\n",
            "4000 RTP/AVP 0=PCMU/8000/1 sendrecv crypto:0",
        ),
        ("v=0\ns=\u{fffd}\u{1F600}\nm=audio 4000 RTP/AVP 0\n", "4000 RTP/AVP 0=PCMU/8000/1 sendrecv crypto:0"),
    ] {
        assert_eq!(digest(text), wanted, "{text}");
    }
}

#[test]
fn numbers_out_of_range_are_errors_or_unsaid_and_never_wrap() {
    for number in ["-1", "65536", "2147483648", "4294967296", "18446744073709551616", "", "+1", "1e3", "0x10", "٣"] {
        let rejected = digest(&format!("v=0\nm=audio {number} RTP/AVP 0\n"));
        assert!(rejected.contains("line 2"), "{number}: {rejected}");
        for line in [
            format!("a=rtpmap:{number} opus/48000/2"),
            format!("a=rtpmap:96 opus/{number}0000000000/2"),
            format!("a=rtpmap:96 opus/48000/{number}000"),
            format!("a=ptime:{number}x"),
            format!("a=rtcp:{number}x"),
            format!("a=crypto:{number}9999999999 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"),
            format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|2^{number}99"),
            format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|{number}:999"),
        ] {
            let description = parse(format!("v=0\nm=audio 4000 RTP/AVP 96 0\n{line}\n").as_bytes()).expect("tolerated");
            let audio = &description.media[0];
            assert_eq!(audio.formats.iter().map(|f| f.payload_type).collect::<Vec<_>>(), [0], "{line}");
            assert_eq!((audio.ptime, audio.rtcp, audio.cryptos.len()), (None, None, 0), "{line}");
        }
    }
    assert_eq!(digest("m=audio 4000 RTP/AVP 128 256 -1 x 127 0 0\n"), "4000 RTP/AVP 0=PCMU/8000/1 sendrecv crypto:0");
}

#[test]
fn what_cannot_be_read_says_where_and_why() {
    for (text, wanted) in [
        ("", "session description, line 0: empty"),
        ("\r\n\r\n", "session description, line 0: empty"),
        ("hello", "session description, line 0: no type=value line"),
        ("hello\nab=1\n=\n", "session description, line 0: no type=value line"),
        ("v=1", "session description, line 1: a version other than 0"),
        ("v=0\no=- 1 1", "session description, line 2: origin lacks a field"),
        ("v=0\nc=IN IP4", "session description, line 2: connection lacks a field"),
        ("v=0\nc=IN IP4 300.1.1.1", "session description, line 2: no such address"),
        ("v=0\nc=IN IP6 ::g", "session description, line 2: no such address"),
        ("v=0\nm=audio 4000", "session description, line 2: media line lacks a field"),
        ("v=0\nm=audio 4000 RTP/AVP", "session description, line 2: media line lacks a field"),
        ("v=0\nm=audio 0", "session description, line 2: media line lacks a field"),
        ("v=0\nm=video 65536 RTP/AVP", "session description, line 2: no such port"),
        ("v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 300.1.1.1", "session description, line 3: no such address"),
        ("v=0\nm=video 4000 RTP/AVP 31\nc=IN IP4 300.1.1.1", "session description, line 3: no such address"),
        ("v=0\nm=audio\u{1} 4000 RTP/AVP 0", "session description, line 2: media line has a character no token has"),
    ] {
        assert_eq!(digest(text), wanted, "{text:?}");
    }
}

#[test]
fn limits_hold() {
    let too_long = vec![b'a'; SDP_BYTES_MAX + 1];
    assert!(parse(&too_long).is_err());
    let lines = |n: usize| "m=audio 4000 RTP/AVP 0\n".repeat(n);
    assert_eq!(parse(lines(SDP_MEDIA_MAX).as_bytes()).map(|d| d.media.len()), Ok(SDP_MEDIA_MAX));
    assert!(parse(lines(SDP_MEDIA_MAX + 1).as_bytes()).is_err());

    let numbers: String = (0..128).map(|n| format!(" {n}")).collect();
    let maps: String = (0..128).map(|n| format!("a=rtpmap:{n} x/8000\n")).collect();
    let all = parse(format!("m=audio 4000 RTP/AVP{numbers}\n{maps}").as_bytes()).expect("is well-formed");
    assert_eq!(all.media[0].formats.len(), SDP_FORMATS_MAX);
    let cryptos = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}\n").repeat(100);
    let all = parse(format!("m=audio 4000 RTP/AVP 0\n{cryptos}").as_bytes()).expect("is well-formed");
    assert_eq!(all.media[0].cryptos.len(), 16);
}
