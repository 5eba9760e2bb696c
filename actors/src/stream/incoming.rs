use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// Padding or none: both are written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const MARK_BYTES_MAX: usize = 1_024;
const DIGITS_MAX: usize = 64;

/// What a server says to the call (laml.md 1.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Audio in the stream's codec.
    Media(Vec<u8>),
    Mark(String),
    Clear,
    Digits(String),
}

/// Why a message is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// No JSON, no event in it, or not what the event needs.
    Malformed,
    /// It names another stream.
    OtherStream,
    /// An event that this end does not know.
    Unknown,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    media: Option<Media<'a>>,
    #[serde(borrow, default)]
    mark: Option<Mark<'a>>,
    #[serde(borrow, default)]
    dtmf: Option<Dtmf<'a>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Dtmf<'a> {
    #[serde(borrow)]
    digit: Cow<'a, str>,
}

/// Reads one message for the stream `sid`; one that names no stream is for the only one there is.
pub(super) fn read(text: &str, sid: &str) -> Result<Incoming, Ignored> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|_| Ignored::Malformed)?;
    if wire.stream_sid.is_some_and(|named| named != sid) {
        return Err(Ignored::OtherStream);
    }
    match (&*wire.event, wire.media, wire.mark, wire.dtmf) {
        ("media", Some(media), _, _) => {
            BASE64.decode(media.payload.as_bytes()).map(Incoming::Media).map_err(|_| Ignored::Malformed)
        }
        ("mark", _, Some(mark), _) if mark.name.len() <= MARK_BYTES_MAX => Ok(Incoming::Mark(mark.name.into_owned())),
        ("dtmf", _, _, Some(dtmf)) if (1..=DIGITS_MAX).contains(&dtmf.digit.len()) => {
            let digits = dtmf.digit.to_ascii_uppercase();
            let all_keys = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'D' | b'*' | b'#'));
            if all_keys { Ok(Incoming::Digits(digits)) } else { Err(Ignored::Malformed) }
        }
        ("clear", ..) => Ok(Incoming::Clear),
        ("media" | "mark" | "dtmf", ..) => Err(Ignored::Malformed),
        _ => Err(Ignored::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_read_for_what_they_are_or_passed_over() {
        let media = |bytes: &[u8]| Ok(Incoming::Media(bytes.to_vec()));
        for (text, want) in [
            (r#"{"event":"media","streamSid":"me","media":{"payload":"AQID"}}"#, media(&[1, 2, 3])),
            (r#"{"event":"media","media":{"payload":"AQI=","track":"x"},"more":[1]}"#, media(&[1, 2])),
            (r#"{"event":"media","media":{"payload":"AQI"}}"#, media(&[1, 2])),
            (r#"{"event":"media","media":{"payload":""}}"#, media(&[])),
            (r#"{"event":"mark","mark":{"name":"a\u00e9\n"}}"#, Ok(Incoming::Mark("aé\n".to_owned()))),
            (r#"{"event":"clear","streamSid":"me"}"#, Ok(Incoming::Clear)),
            (r#"{"event":"dtmf","dtmf":{"digit":"5a#"}}"#, Ok(Incoming::Digits("5A#".to_owned()))),
            (r#"{"event":"media","streamSid":"you","media":{"payload":"AQID"}}"#, Err(Ignored::OtherStream)),
            (r#"{"event":"clear","streamSid":"you"}"#, Err(Ignored::OtherStream)),
            (r#"{"event":"media","media":{"payload":"A*"}}"#, Err(Ignored::Malformed)),
            (r#"{"event":"media","media":{"payload":7}}"#, Err(Ignored::Malformed)),
            (r#"{"event":"media"}"#, Err(Ignored::Malformed)),
            (r#"{"event":"mark","mark":{}}"#, Err(Ignored::Malformed)),
            (r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#, Err(Ignored::Malformed)),
            (r#"{"event":"dtmf","dtmf":{"digit":""}}"#, Err(Ignored::Malformed)),
            (r#"{"media":{"payload":"AQID"}}"#, Err(Ignored::Malformed)),
            ("[]", Err(Ignored::Malformed)),
            ("", Err(Ignored::Malformed)),
            (r#"{"event":"start"}"#, Err(Ignored::Unknown)),
        ] {
            assert_eq!(read(text, "me"), want, "{text}");
        }
        let long = format!(r#"{{"event":"mark","mark":{{"name":"{}"}}}}"#, "n".repeat(1_025));
        assert_eq!(read(&long, "me"), Err(Ignored::Malformed));
        let deep = format!(r#"{{"event":"clear","x":{}"#, "[".repeat(100_000));
        assert_eq!(read(&deep, "me"), Err(Ignored::Malformed));
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in any::<String>(), payload in any::<String>(), event in "media|mark|dtmf|clear|[a-z]{0,8}") {
            let _ = read(&text, "me");
            let escaped = serde_json::to_string(&payload).unwrap();
            let _ = read(&format!(
                r#"{{"event":"{event}","media":{{"payload":{escaped}}},"mark":{{"name":{escaped}}},"dtmf":{{"digit":{escaped}}}}}"#
            ), "me");
        }
    }
}
