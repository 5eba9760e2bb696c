//! The recording of a conference: from its start, all voices on one channel (laml.md 1.8).

use std::time::Duration;

use tandem_laml::instruction::ConferenceRecordingCallback;
use tandem_model::{Sid, Timestamp, WallTime};

use super::contract::{RecordingFacts, RoomEffect, RoomStatus, Steer};
use super::{Room, callbacks};

/// How long the end of a conference waits to be told, so that it can say what the recording came to.
pub(super) const WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) enum Recording {
    #[default]
    No,
    /// From the start of the conference on.
    Wanted {
        trim: bool,
    },
    Running {
        sid: Option<Sid>,
        url: String,
        stopped: bool,
    },
    Over(RecordingFacts),
    /// There was no room for it.
    Failed,
}

impl Recording {
    /// The first to ask for it says how.
    pub fn want(&mut self, trim: bool) {
        if matches!(self, Recording::No) {
            *self = Recording::Wanted { trim };
        }
    }

    pub fn sid(&self) -> Option<Sid> {
        match self {
            Recording::Running { sid, .. } => *sid,
            Recording::Over(facts) => Some(facts.sid),
            Recording::No | Recording::Wanted { .. } | Recording::Failed => None,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self, Recording::Running { .. })
    }

    pub(super) fn facts(&self) -> Option<&RecordingFacts> {
        match self {
            Recording::Over(facts) => Some(facts),
            Recording::No | Recording::Wanted { .. } | Recording::Running { .. } | Recording::Failed => None,
        }
    }
}

impl Room {
    /// Answers [`RoomEffect::StartRecording`].
    pub fn recording_began(&mut self, now: Timestamp, wall: WallTime, began: Option<(Sid, String)>) {
        self.clock = (now, wall);
        let Recording::Running { sid, url, stopped } = &mut self.recording else { return };
        match began {
            Some((named, at)) => {
                (*sid, *url) = (Some(named), at.clone());
                let stopped = *stopped;
                self.tell_recording("in-progress", &RecordingFacts { sid: named, url: at, file: None });
                if stopped {
                    self.emit(RoomEffect::SteerRecording(Steer::Stop));
                }
            }
            None => {
                self.recording = Recording::Failed;
                self.recording_settled();
            }
        }
    }

    /// The recording is finished; what it came to.
    pub fn recording_over(&mut self, now: Timestamp, wall: WallTime, facts: RecordingFacts, failed: bool) {
        self.clock = (now, wall);
        if !self.recording.is_running() {
            return;
        }
        let status = match (&facts.file, failed) {
            (_, true) => "failed",
            (Some(_), false) => "completed",
            (None, false) => "absent",
        };
        self.tell_recording(status, &facts);
        self.recording = Recording::Over(facts);
        self.recording_settled();
    }

    /// REST pauses, resumes or ends the recording of that name. False when it does not run.
    pub fn steer_recording(&mut self, now: Timestamp, wall: WallTime, sid: Sid, steer: Steer) -> bool {
        self.clock = (now, wall);
        let runs = self.recording.is_running() && self.recording.sid() == Some(sid);
        if runs {
            self.emit(RoomEffect::SteerRecording(steer));
        }
        runs
    }

    pub(super) fn start_recording(&mut self) {
        if let (Recording::Wanted { trim }, RoomStatus::InProgress) = (&self.recording, self.status) {
            let trim = *trim;
            self.recording = Recording::Running { sid: None, url: String::new(), stopped: false };
            self.emit(RoomEffect::StartRecording { trim });
        }
    }

    pub(super) fn stop_recording(&mut self) {
        match &mut self.recording {
            Recording::Running { sid: Some(_), stopped, .. } => {
                *stopped = true;
                self.emit(RoomEffect::SteerRecording(Steer::Stop));
            }
            Recording::Running { stopped, .. } => *stopped = true,
            Recording::No | Recording::Wanted { .. } | Recording::Over(_) | Recording::Failed => {}
        }
    }

    fn recording_settled(&mut self) {
        if self.end.as_ref().is_some_and(|end| !end.told) {
            self.tell_end();
        }
    }

    /// laml.md 2.5. Nothing to be heard counts among what failed: somebody waits for a file.
    fn tell_recording(&mut self, status: &'static str, facts: &RecordingFacts) {
        let Some(ConferenceRecordingCallback { url, method, in_progress, completed, failed }) =
            &self.recording_callback
        else {
            return;
        };
        let wanted = match status {
            "in-progress" => *in_progress,
            "completed" => *completed,
            _ => *failed,
        };
        if wanted {
            let (url, method) = (url.clone(), *method);
            let params = callbacks::recording_params(self, status, facts);
            self.emit(RoomEffect::Notify { url, method, params });
        }
    }
}
