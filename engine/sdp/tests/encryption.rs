mod support;

use Encryption::{Off, Optional, Required};
use support::*;
use tandem_model::{Mki, SrtpSuite};
use tandem_sdp::*;

/// Is the media SRTP, or why not: with encryption off, optional, required.
type Outcomes = [Result<bool, &'static str>; 3];

#[test]
fn an_answer_is_srtp_when_both_can_and_refused_when_one_must_and_the_other_cannot() {
    let good = format!("crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}");
    let unknown = format!("crypto:7 F8_128_HMAC_SHA1_80 inline:{KEY_80}");
    let cases: [(&str, &str, Outcomes); 5] = [
        ("RTP/AVP", "x", [Ok(false), Ok(false), Err("SRTP is required here")]),
        ("RTP/AVP", &good, [Ok(false), Ok(true), Ok(true)]),
        ("RTP/AVP", &unknown, [Ok(false), Ok(false), Err("SRTP is required here")]),
        ("RTP/SAVP", &good, [Err("SRTP is off here"), Ok(true), Ok(true)]),
        (
            "RTP/SAVPF",
            &unknown,
            [Err("SRTP is off here"), Err("no SRTP suite in common"), Err("no SRTP suite in common")],
        ),
    ];
    for (proto, line, outcomes) in cases {
        for (encryption, wanted) in [Off, Optional, Required].into_iter().zip(outcomes) {
            let outcome = answered(&capabilities(encryption), &audio(&format!("5000 {proto} 0"), &[line]));
            match (outcome, wanted) {
                (Ok((text, agreement)), Ok(secure)) => {
                    assert_eq!(agreement.srtp.is_some(), secure, "{proto} {encryption:?}");
                    assert_eq!(text.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:"), secure);
                    assert!(text.contains(&format!("m=audio 20000 {proto} 0\r\n")), "answers in kind: {text}");
                }
                (Err(refusal), Err(why)) => assert_eq!((refusal.status, refusal.why), (488, why)),
                (outcome, wanted) => panic!("{proto} {line} {encryption:?}: {outcome:?}, not {wanted:?}"),
            }
        }
    }
}

#[test]
fn the_first_crypto_line_we_can_speak_is_taken() {
    let with = |rest: &str| format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}{rest}");
    for (first, taken) in [
        (with(""), true),
        (with("|2^31"), true),
        (with("|2147483648"), true),
        (with(" KDR=0 WSH=128"), true),
        (with("=="), false),
        (with("|2^20|1:4"), true),
        (with("|1:4"), true),
        (with(&format!("|1:1;inline:{KEY_80}|2:1")), true),
        (with(&format!(";inline:{KEY_80}")), false),
        (with(&format!("|1:1;inline:{KEY_80}|1:1")), false),
        (with(&format!("|1:1;inline:{KEY_80}|2:2")), false),
        (with(&format!("|1:1;inline:{KEY_80}")), false),
        (with("|1:1;inline:x|2:1"), false),
        (with(&format!("|1:1{}", (2..=5).map(|n| format!(";inline:{KEY_80}|{n}:1")).collect::<String>())), false),
        (with("|256:1"), false),
        (with("|1:0"), false),
        (with("|1:129"), false),
        (with("|1:4:4"), false),
        (with("|0"), false),
        (with("|-1"), false),
        (with("|+1"), false),
        (with("|2^64"), false),
        (with("|2^99999"), false),
        (with(" UNENCRYPTED_SRTP"), false),
        (with(" UNENCRYPTED_SRTCP"), false),
        (with(" UNAUTHENTICATED_SRTP"), false),
        (with(" FEC_ORDER=FEC_SRTP"), false),
        (with(&format!(" FEC_KEY=inline:{KEY_80}")), false),
        (with(" KDR=1"), false),
        (with(" WSH=63"), false),
        (with(" WSH=129"), false),
        (with(" X_NEW=1"), false),
        (with(" -X_NEW=1"), true),
        ("AES_CM_128_HMAC_SHA1_80 inline:AAAA".to_owned(), false),
        ("AES_CM_128_HMAC_SHA1_80 inline:".to_owned(), false),
        ("AEAD_AES_256_GCM inline:".to_owned() + KEY_80, false),
        ("AES_CM_128_HMAC_SHA1_80".to_owned(), false),
    ] {
        let lines = [format!("crypto:1 {first}"), format!("crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_80}")];
        let remote = audio("5000 RTP/SAVP 0", &lines.each_ref().map(String::as_str));
        let (_, agreement) = answered(&capabilities(Optional), &remote).expect("the second line is good");
        let suite = agreement.srtp.expect("is SRTP").inbound.suite;
        assert_eq!(suite == SrtpSuite::AesCm128HmacSha1_80, taken, "{first}");
    }
}

#[test]
fn lifetimes_and_identifiers_come_with_their_keys() {
    for (text, lifetimes, ids) in [
        ("", vec![None], vec![None]),
        ("|2^31", vec![Some(1 << 31)], vec![None]),
        ("|1048576|7:2", vec![Some(1 << 20)], vec![Mki::new(7, 2)]),
        ("|7:2", vec![None], vec![Mki::new(7, 2)]),
        (&format!("|2^20|1:4;inline:{KEY_80}|2:4"), vec![Some(1 << 20), None], vec![Mki::new(1, 4), Mki::new(2, 4)]),
    ] {
        let line = format!("crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}{text}");
        let remote = audio("5000 RTP/SAVP 0", &[&line]);
        let (ours, agreement) = answered(&capabilities(Required), &remote).expect("is good");
        let srtp = agreement.srtp.expect("is SRTP");
        let keys: Vec<_> = std::iter::once(&srtp.inbound).chain(&srtp.inbound_more).collect();
        assert_eq!(keys.iter().map(|k| k.lifetime).collect::<Vec<_>>(), lifetimes, "{text}");
        assert_eq!(keys.iter().map(|k| k.mki).collect::<Vec<_>>(), ids, "{text}");
        // Ours has neither; the tag is theirs.
        let written = ours.lines().find(|l| l.starts_with("a=crypto:3 ")).expect("answers with their tag");
        assert!(!written.contains('|'), "{written}");
    }
}

#[test]
fn an_offer_lists_the_allowed_suites_in_order_with_a_key_each() {
    let mut caps = capabilities(Required);
    caps.suites = vec![SrtpSuite::AesCm256HmacSha1_80, SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_80];
    let ours = parse(&offer(&caps, &local(), &mut entropy()).text).expect("our own text");
    let lines = &ours.media[0].cryptos;
    assert_eq!(lines.iter().map(|c| c.suite).collect::<Vec<_>>(), caps.suites);
    assert_eq!(lines.iter().map(|c| c.tag).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(lines[0].keys[0].key_and_salt != lines[1].keys[0].key_and_salt);

    // The answerer takes the offerer's first that it allows, whatever its own order (RFC 4568 section 7.1.2).
    let mut theirs = capabilities(Required);
    theirs.suites = vec![SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AeadAes256Gcm];
    let (text, agreement) = answered(&theirs, &ours).expect("two in common");
    assert_eq!(agreement.srtp.expect("is SRTP").outbound.suite, SrtpSuite::AeadAes256Gcm);
    assert!(text.contains("a=crypto:2 AEAD_AES_256_GCM inline:"), "{text}");
    assert_eq!(text.matches("a=crypto").count(), 1);
}

#[test]
fn an_srtp_line_goes_before_a_plain_one() {
    let text = format!(
        "v=0\nc=IN IP4 198.51.100.1\nm=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/SAVP 0\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}\n"
    );
    let remote = parse(text.as_bytes()).expect("the test's own text");
    for (encryption, index) in [(Off, 0), (Optional, 1), (Required, 1)] {
        let (text, agreement) = answered(&capabilities(encryption), &remote).expect("has a line for each");
        assert_eq!(agreement.media_index, index);
        assert_eq!(text.matches("m=audio 0 ").count(), 1);
    }
}

#[test]
fn keys_are_fresh_on_each_call_and_kept_on_a_re_offer() {
    let mut random = entropy();
    let caps = capabilities(Required);
    let first = offer(&caps, &local(), &mut random);
    let other = offer(&caps, &local(), &mut random);
    assert_ne!(first.text, other.text);

    let remote = parse(&first.text).expect("our own text");
    let (text, theirs) = answer(&caps, &local(), &remote, Preference::Offered, &mut random).expect("our own offer");
    let ours = accept_answer(&first, &parse(&text).expect("our own text")).expect("our own answer");
    let key = ours.srtp.as_ref().expect("is SRTP").outbound.clone();
    assert_eq!(Some(&key), theirs.srtp.as_ref().map(|s| &s.inbound));

    // Even where encryption is optional, a session that has it keeps it.
    for encryption in [Optional, Required] {
        let next = offer(&capabilities(encryption), &local().next(&ours), &mut random);
        let media = parse(&next.text).expect("our own text").media.remove(0);
        assert_eq!(media.proto, Proto::Savp);
        assert_eq!(
            media.cryptos[0].keys[0].key_and_salt, key.key_and_salt,
            "the suite in use comes first, its key unchanged"
        );
    }
}

#[test]
fn an_answer_with_the_wrong_keys_is_refused() {
    let mut caps = capabilities(Required);
    caps.suites = vec![SrtpSuite::AesCm128HmacSha1_80];
    let secure = offer(&caps, &local(), &mut entropy());
    let plain = offer(&capabilities(Optional), &local(), &mut entropy());
    assert!(!String::from_utf8_lossy(&plain.text).contains("crypto"), "an optional offer is plain");
    for (offer, line, attribute, fine) in [
        (&secure, "5000 RTP/SAVP 0", format!("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"), true),
        (&secure, "5000 RTP/SAVP 0", format!("crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"), false),
        (&secure, "5000 RTP/SAVP 0", format!("crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_80}"), false),
        (&secure, "5000 RTP/AVP 0", "sendrecv".to_owned(), false),
        (&plain, "5000 RTP/AVP 0", "sendrecv".to_owned(), true),
        (&plain, "5000 RTP/SAVP 0", format!("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"), false),
    ] {
        assert_eq!(accept_answer(offer, &audio(line, &[&attribute])).is_ok(), fine, "{line} {attribute}");
    }
}

#[test]
fn keys_are_not_in_debug_output() {
    let remote = audio("5000 RTP/SAVP 0", &[&format!("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}")]);
    let (_, agreement) = answered(&capabilities(Optional), &remote).expect("is good");
    assert!(!format!("{remote:?} {agreement:?}").contains("1, 2, 3, 4, 5"));
}
