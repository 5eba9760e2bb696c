//! Who answered: legs that are listened to right after their answer, and who is told (laml.md 1.5, 2.5 and 3.6).

use std::time::Duration;

use tandem_laml::instruction::{MachineDetection, Method};
use tandem_media::amd::{AmdConfig, AnsweredBy, Goal};
use tandem_model::LegId;

use super::contract::CallEffect;
use super::{Call, DocumentSource, Driver};

/// What REST wants to know of a call it creates.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiAmd {
    pub config: AmdConfig,
    /// None: the first document waits for the answer, and is told.
    pub asynchronous: Option<AsyncAmd>,
}

/// Where the answer goes while the document runs already.
#[derive(Clone, Debug, PartialEq)]
pub struct AsyncAmd {
    pub url: String,
    pub method: Method,
    /// Tell of a machine as soon as it is known for one, before its message ends.
    pub partials: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AmdEffect {
    /// Answered by one [`AmdNews::Over`], also when the leg ends.
    Start {
        leg: LegId,
        config: AmdConfig,
    },
    Stop {
        leg: LegId,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmdNews {
    /// A machine, whose message goes on.
    Machine {
        took: Duration,
    },
    Over {
        by: AnsweredBy,
        took: Duration,
    },
}

/// A leg that is listened to.
pub(super) struct Detection {
    leg: LegId,
    callback: Option<(String, Method)>,
    partials: bool,
    /// The call's first document waits for it.
    document_waits: bool,
    machine: bool,
}

impl Call {
    /// The called party of a REST call has its digits: who it is, where that was asked, then the document.
    pub(super) fn api_detect(&mut self) {
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        let Some(amd) = api.amd.clone() else { return self.api_document(Vec::new()) };
        let document_waits = amd.asynchronous.is_none();
        let partials = amd.asynchronous.as_ref().is_some_and(|a| a.partials);
        let callback = amd.asynchronous.map(|a| (a.url, a.method));
        let leg = self.primary;
        self.detections.push(Detection { leg, callback, partials, document_waits, machine: false });
        self.emit(CallEffect::Amd(AmdEffect::Start { leg, config: amd.config }));
        if !document_waits {
            self.api_document(Vec::new());
        }
    }

    /// A dialled leg whose noun asks who answers.
    pub(super) fn dial_detect(&mut self, leg: LegId, amd: &MachineDetection) {
        let goal = if amd.message_end { Goal::MessageEnd } else { Goal::WhoAnswered };
        let config = AmdConfig {
            timeout: amd.timeout,
            speech_threshold: amd.speech_threshold,
            speech_end_threshold: amd.speech_end_threshold,
            silence_timeout: amd.silence_timeout,
            ..AmdConfig::new(goal)
        };
        let callback = amd.callback.clone();
        self.detections.push(Detection { leg, callback, partials: false, document_waits: false, machine: false });
        self.emit(CallEffect::Amd(AmdEffect::Start { leg, config }));
    }

    pub(super) fn amd_news(&mut self, leg: LegId, news: AmdNews) {
        let Some(at) = self.detections.iter().position(|d| d.leg == leg) else { return };
        match news {
            AmdNews::Machine { took } => {
                let detection = &mut self.detections[at];
                detection.machine = true;
                if detection.partials {
                    let callback = detection.callback.clone();
                    self.tell_answered_by(leg, callback, AnsweredBy::MachineStart, took);
                }
            }
            AmdNews::Over { by, took } => {
                let detection = self.detections.swap_remove(at);
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.answered_by = by.short();
                }
                self.record(leg);
                self.tell_answered_by(leg, detection.callback, by, took);
                if detection.document_waits {
                    self.api_document(vec![("AnsweredBy".to_owned(), by.as_str().to_owned())]);
                }
            }
        }
    }

    /// The leg is gone: what was found out so far is the answer.
    pub(super) fn amd_leg_ended(&mut self, leg: LegId) {
        let Some(at) = self.detections.iter().position(|d| d.leg == leg) else { return };
        let detection = self.detections.swap_remove(at);
        let by = if detection.machine { AnsweredBy::MachineEndOther } else { AnsweredBy::Unknown };
        let took =
            self.legs.get(&leg).and_then(|l| l.answered_at).map_or(Duration::ZERO, |(at, _)| self.clock.0.since(at));
        if let Some(row) = self.legs.get_mut(&leg) {
            row.answered_by = by.short();
        }
        self.emit(CallEffect::Amd(AmdEffect::Stop { leg }));
        self.tell_answered_by(leg, detection.callback, by, took);
    }

    fn tell_answered_by(&mut self, leg: LegId, to: Option<(String, Method)>, by: AnsweredBy, took: Duration) {
        let (Some((url, method)), Some(row)) = (to, self.legs.get(&leg)) else { return };
        let params = [
            ("CallSid", row.sid.to_string()),
            ("AccountSid", self.env.directory.project.id.clone()),
            ("AnsweredBy", by.as_str().to_owned()),
            ("MachineDetectionDuration", took.as_millis().to_string()),
        ];
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.emit(CallEffect::Notify { url, method, params });
    }
}
