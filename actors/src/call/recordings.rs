//! Recordings that REST starts and steers: asked of the switchboard, answered by the call.

use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::{CallInput, CallUpdate, LegStatus};
use tandem_laml::instruction::{Recording, RecordingCallback, RecordingChannels, RecordingTrack as Track};
use tandem_model::{CallSid, LegId, Sid};

use super::actor::CallActor;
use super::switchboard::Switchboard;
use crate::api::{CallControlError, RecordingChange, RecordingName, StartRecording};
use crate::store::{RecordingRecord, RecordingStatus, RecordingTrack};
use crate::world::SystemEntropy;

/// REST wants a leg recorded.
#[derive(Message, Clone)]
#[rtype(result = "Result<RecordingRecord, CallControlError>")]
pub struct BeginRecording {
    pub call: CallSid,
    pub what: StartRecording,
}

/// REST wants a recording paused, resumed or ended.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Result<RecordingRecord, CallControlError>")]
pub struct SteerRecording {
    pub call: CallSid,
    pub name: RecordingName,
    pub change: RecordingChange,
}

type Answer = Result<RecordingRecord, CallControlError>;

/// As the engine has it. A recording that REST asks for has no length but the call's.
pub(super) fn recording_of(what: StartRecording) -> Recording {
    Recording {
        channels: if what.channels == 2 { RecordingChannels::Dual } else { RecordingChannels::Mono },
        track: match what.track {
            RecordingTrack::Both => Track::Both,
            RecordingTrack::Inbound => Track::Inbound,
            RecordingTrack::Outbound => Track::Outbound,
        },
        trim: what.trim,
        max: None::<Duration>,
        silence: None,
        callback: what.status_callback.map(|c| RecordingCallback {
            url: c.url,
            method: c.method,
            in_progress: c.events.in_progress,
            completed: c.events.completed,
            absent: c.events.absent,
        }),
        storage: None,
        transcribe: None,
    }
}

impl Handler<BeginRecording> for Switchboard {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, msg: BeginRecording, _: &mut Self::Context) -> Self::Result {
        let call = self.call_of(msg.call).cloned();
        Box::pin(async move {
            let call = call.ok_or_else(|| gone(msg.call))?;
            call.send(msg).await.unwrap_or_else(|_| Err(busy()))
        })
    }
}

impl Handler<SteerRecording> for Switchboard {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, msg: SteerRecording, _: &mut Self::Context) -> Self::Result {
        let call = self.call_of(msg.call).cloned();
        Box::pin(async move {
            let call = call.ok_or_else(|| gone(msg.call))?;
            call.send(msg).await.unwrap_or_else(|_| Err(busy()))
        })
    }
}

impl Handler<BeginRecording> for CallActor {
    type Result = Answer;

    fn handle(&mut self, msg: BeginRecording, ctx: &mut Self::Context) -> Self::Result {
        self.leg_in_progress(msg.call)?;
        let sid = Sid::ordered(self.services.clock.wall(), &mut SystemEntropy::new());
        let what = Box::new(recording_of(msg.what));
        self.step(CallInput::Update(CallUpdate::Record { sid, call: msg.call, what }), ctx);
        self.recording_record(sid)
            .ok_or_else(|| CallControlError::new(503, 20_504, "As many recordings run as may; this one was not begun"))
    }
}

impl Handler<SteerRecording> for CallActor {
    type Result = Answer;

    fn handle(&mut self, msg: SteerRecording, ctx: &mut Self::Context) -> Self::Result {
        let leg = self.leg_in_progress(msg.call)?;
        let sid = match msg.name {
            RecordingName::Sid(sid) => Some(sid),
            RecordingName::Current => self.current_recording(leg),
        };
        let missing = || CallControlError::new(404, 20_404, "The call has no such recording in progress");
        let sid = sid.ok_or_else(missing)?;
        match msg.change {
            RecordingChange::Pause(pause) => self.pause_recording(sid, Some(pause)).ok_or_else(missing),
            RecordingChange::Resume => self.pause_recording(sid, None).ok_or_else(missing),
            RecordingChange::Stop => {
                let mut record = self.recording_record(sid).ok_or_else(missing)?;
                record.status = RecordingStatus::Stopped;
                record.updated = self.services.clock.wall();
                self.step(CallInput::Update(CallUpdate::StopRecording { sid }), ctx);
                Ok(record)
            }
        }
    }
}

impl CallActor {
    fn leg_in_progress(&self, sid: CallSid) -> Result<LegId, CallControlError> {
        let (leg, status) = self.call.leg_of(sid).ok_or_else(|| gone(sid))?;
        if status != LegStatus::InProgress {
            return Err(CallControlError::new(400, 21_220, "Call is not in-progress. Cannot record."));
        }
        Ok(leg)
    }
}

fn gone(sid: CallSid) -> CallControlError {
    CallControlError::new(404, 20_404, format!("No live call {sid}"))
}

fn busy() -> CallControlError {
    CallControlError::new(503, 20_504, "The call takes no messages now")
}
