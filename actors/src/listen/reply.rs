use serde_json::Value;
use tandem_laml::instruction::Utterance;

/// Characters of one utterance that are kept: a minute of speech has under two thousand.
const TEXT_CHARS_MAX: usize = 8_192;

/// Words, and how sure they are, out of what recognisers answer: a plain text, or JSON in one of the forms in use.
pub(super) fn utterance(content_type: &str, body: &[u8]) -> Result<Utterance, String> {
    let text = std::str::from_utf8(body).map_err(|_| "its answer is no UTF-8".to_owned())?;
    if content_type.starts_with("text/plain") {
        return Ok(Utterance { text: short(text), confidence: None });
    }
    let json: Value = serde_json::from_str(text).map_err(|_| "its answer is neither JSON nor plain text".to_owned())?;
    of_json(&json).ok_or_else(|| "its answer has no text".to_owned())
}

/// None where there is no text.
pub(super) fn of_json(json: &Value) -> Option<Utterance> {
    let first = json.get("alternatives").and_then(|a| a.get(0)).unwrap_or(json);
    let text = ["text", "transcript", "transcription"].iter().find_map(|name| first.get(name)?.as_str())?;
    Some(Utterance { text: short(text), confidence: confidence(first) })
}

fn confidence(json: &Value) -> Option<f32> {
    let mean = |all: Vec<f64>| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    let each = |list: &str, name: &str| -> Option<Vec<f64>> {
        Some(json.get(list)?.as_array()?.iter().filter_map(|word| word.get(name)?.as_f64()).collect())
    };
    let told = json.get("confidence").or_else(|| json.get("conf")).and_then(Value::as_f64);
    told.or_else(|| each("result", "conf").and_then(mean))
        .or_else(|| each("words", "confidence").and_then(mean))
        // Whisper's: the logarithm of a word's probability.
        .or_else(|| each("segments", "avg_logprob").and_then(mean).map(f64::exp))
        .filter(|c| c.is_finite())
        .map(|c| c.clamp(0.0, 1.0) as f32)
}

fn short(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_use_is_read() {
        let check = |body: &str, text: &str, confidence: Option<f32>| {
            let found = utterance("application/json", body.as_bytes()).unwrap();
            let near = |a: Option<f32>| a.map(|c| (c * 100.0).round() / 100.0);
            assert_eq!((found.text.as_str(), near(found.confidence)), (text, near(confidence)), "{body}");
        };
        check(r#"{"text":" Hello,\n world. "}"#, "Hello, world.", None);
        check(r#"{"text":"yes","confidence":0.83}"#, "yes", Some(0.83));
        check(r#"{"alternatives":[{"transcript":"no","confidence":0.5},{"transcript":"now"}]}"#, "no", Some(0.5));
        check(r#"{"result":[{"conf":1.0,"word":"a"},{"conf":0.5,"word":"b"}],"text":"a b"}"#, "a b", Some(0.75));
        check(r#"{"text":"x","segments":[{"avg_logprob":-0.1},{"avg_logprob":-0.3}]}"#, "x", Some(0.82));
        check(r#"{"text":"x","confidence":7}"#, "x", Some(1.0));
        let plain = utterance("text/plain; charset=utf-8", b"just words\n").unwrap();
        assert_eq!(plain, Utterance { text: "just words".to_owned(), confidence: None });
    }

    #[test]
    fn what_has_no_text_is_an_error() {
        for body in ["", "{}", "[]", "null", r#"{"text":7}"#, "<html>", "{\"text\":"] {
            assert!(utterance("application/json", body.as_bytes()).is_err(), "{body}");
        }
        assert!(utterance("text/plain", &[0xff, 0xfe]).is_err());
        assert_eq!(short(&"a".repeat(10_000)).len(), TEXT_CHARS_MAX);
    }
}
