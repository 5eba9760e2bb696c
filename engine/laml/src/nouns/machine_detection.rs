use std::time::Duration;

use crate::attributes::Attributes;
use crate::effects::Effects;
use crate::instruction::MachineDetection;

/// `machineDetection`, its thresholds, and where the answer goes; None when nobody asks who answered.
pub(super) fn read(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<Box<MachineDetection>> {
    let message_end = match attributes.given("machineDetection").map(str::trim) {
        None | Some("" | "none") => None,
        Some("Enable") => Some(false),
        Some("DetectMessageEnd") => Some(true),
        Some(_) => {
            attributes.warn_value("machineDetection", "none of Enable, DetectMessageEnd", fx);
            None
        }
    };
    let mut ms = |name, range| Duration::from_millis(attributes.number(name, range, fx).into());
    let detection = MachineDetection {
        message_end: message_end.unwrap_or(false),
        speech_threshold: ms("machineDetectionSpeechThreshold", 1_000..=6_000),
        speech_end_threshold: ms("machineDetectionSpeechEndThreshold", 500..=5_000),
        silence_timeout: ms("machineDetectionSilenceTimeout", 2_000..=10_000),
        timeout: Duration::from_secs(attributes.number("machineDetectionTimeout", 1..=120, fx).into()),
        callback: {
            let method = attributes.method("amdStatusCallbackMethod", fx);
            attributes.url("amdStatusCallback", fx).map(|url| (url, method))
        },
    };
    message_end.map(|_| Box::new(detection))
}
