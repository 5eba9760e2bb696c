use std::ops::RangeInclusive;
use std::time::Duration;

use tandem_call::call::{ApiAmd, AsyncAmd};
use tandem_media::amd::{AmdConfig, Goal, range};

use super::create::{method, web_url};
use crate::api::body::Form;
use crate::api::error::LamlError;

/// `MachineDetection` and all that goes with it (laml.md 3.6); None when nobody asks who answers. Values out of their range
/// and combinations that make no sense are 21234, an asynchronous detection that nobody is told of is 21262.
pub(super) fn parse(form: &Form) -> Result<Option<ApiAmd>, LamlError> {
    let goal = match form.get("MachineDetection").map(str::trim) {
        None | Some("") => None,
        Some(word) if word.eq_ignore_ascii_case("none") => None,
        Some(word) if word.eq_ignore_ascii_case("Enable") => Some(Goal::WhoAnswered),
        Some(word) if word.eq_ignore_ascii_case("DetectMessageEnd") => Some(Goal::MessageEnd),
        Some(_) => return Err(bad("'MachineDetection' must be Enable, DetectMessageEnd or none")),
    };
    let ms = |n: u32| Duration::from_millis(n.into());
    let defaults = AmdConfig::new(goal.unwrap_or(Goal::WhoAnswered));
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let config = AmdConfig {
        timeout: Duration::from_secs(number(form, "MachineDetectionTimeout", 30, range::TIMEOUT_SECS)?.into()),
        speech_threshold: ms(number(
            form,
            "MachineDetectionSpeechThreshold",
            millis(defaults.speech_threshold),
            range::SPEECH_THRESHOLD_MS,
        )?),
        speech_end_threshold: ms(number(
            form,
            "MachineDetectionSpeechEndThreshold",
            millis(defaults.speech_end_threshold),
            range::SPEECH_END_THRESHOLD_MS,
        )?),
        silence_timeout: ms(number(
            form,
            "MachineDetectionSilenceTimeout",
            millis(defaults.silence_timeout),
            range::SILENCE_TIMEOUT_MS,
        )?),
        words_threshold: number(form, "MachineWordsThreshold", defaults.words_threshold, range::WORDS)?,
        ..defaults
    };
    let partials = flag(form, "AsyncAmdPartialResults")?;
    let callback = web_url(form, "AsyncAmdStatusCallback")?;
    let callback_method = method(form, "AsyncAmdStatusCallbackMethod", 21209)?;
    let asynchronous = match (flag(form, "AsyncAmd")?, goal, callback) {
        (false, ..) => None,
        (true, None, _) => return Err(bad("'AsyncAmd' needs 'MachineDetection'")),
        (true, Some(_), None) => {
            return Err(LamlError::bad(21262, "'AsyncAmd' needs 'AsyncAmdStatusCallback'"));
        }
        (true, Some(_), Some(url)) => Some(AsyncAmd { url, method: callback_method, partials }),
    };
    Ok(goal.map(|_| ApiAmd { config, asynchronous }))
}

fn bad(message: &str) -> LamlError {
    LamlError::bad(21234, message)
}

fn number(form: &Form, name: &str, default: u32, range: RangeInclusive<u32>) -> Result<u32, LamlError> {
    let Some(text) = form.get(name).map(str::trim).filter(|text| !text.is_empty()) else { return Ok(default) };
    let wrong = || bad(&format!("'{name}' must be an integer of {} to {}", range.start(), range.end()));
    text.parse().ok().filter(|n| range.contains(n)).ok_or_else(wrong)
}

fn flag(form: &Form, name: &str) -> Result<bool, LamlError> {
    match form.get(name).map(|v| v.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(bad(&format!("'{name}' must be true or false"))),
    }
}
