use std::sync::Arc;

use actix::prelude::*;
use tandem_call::room::conference::{RecordingFacts, RecordingFile, Steer};
use tandem_media::control::Command;
use tandem_media::record::{Layout, Pause, Track};
use tandem_media::tap::TapId;
use tandem_model::{SampleRate, Sid};

use super::actor::RoomsActor;
use crate::recording::{Outcome, RecordingControl, RecordingReport, RecordingSpec};
use crate::store::{RecordingRecord, RecordingSource, RecordingStatus};

/// A conference has one recording, and one tap for it.
const TAP: TapId = TapId(1);
/// As wide as a mix is.
const RATE: SampleRate = SampleRate::HZ_16000;

/// A recording that runs.
pub(super) struct Taped {
    control: RecordingControl,
    record: Arc<RecordingRecord>,
}

impl Taped {
    pub fn stop(&self) {
        self.control.stop();
    }
}

impl RoomsActor {
    pub(super) fn start_recording(&mut self, sid: Sid, trim: bool, ctx: &mut Context<Self>) {
        let wall = self.services.clock.wall();
        let recording = Sid::ordered(wall, &mut self.entropy);
        let mut record = RecordingRecord::new(recording, RecordingSource::Conference, wall);
        record.conference_sid = Some(sid);
        record.trim = trim;
        // What a mix gives is all in the frames' inbound side.
        let layout = Layout::Mono(Track::Inbound);
        let spec = RecordingSpec { sid: recording, layout, rate: RATE, trim, max: None, silence_max: None };
        let (handle, sink) = match self.services.recordings.start(spec) {
            Ok(begun) => begun,
            Err(why) => {
                tracing::warn!(conference = %sid, %why, "recording not begun");
                record.status = RecordingStatus::Failed;
                self.keep_recording(Arc::new(record));
                // In the middle of the machine's effects it may be told at once: they are taken one by one.
                if let Some(open) = self.rooms.get_mut(&sid) {
                    open.room.recording_began(self.services.clock.now(), wall, None);
                }
                return;
            }
        };
        let Some(mix) = self.rooms.get(&sid).map(|open| open.mix) else { return handle.control().stop() };
        self.command(sid, Command::TapMix { mix, tap: TAP, rate: RATE, sink });
        record.status = RecordingStatus::InProgress;
        record.started = Some(wall);
        let record = Arc::new(record);
        self.keep_recording(record.clone());
        let url = self.recording_url(recording);
        if let Some(open) = self.rooms.get_mut(&sid) {
            open.recording = Some(Taped { control: handle.control(), record });
            open.room.recording_began(self.services.clock.now(), wall, Some((recording, url)));
        }
        let report = handle.report().into_actor(self);
        ctx.spawn(report.map(move |report, actor, ctx| actor.recording_ended(sid, &report, ctx)));
    }

    pub(super) fn steer_recording(&mut self, sid: Sid, steer: Steer) {
        let wall = self.services.clock.wall();
        let Some(open) = self.rooms.get_mut(&sid) else { return };
        let (mix, Some(taped)) = (open.mix, &mut open.recording) else { return };
        let status = match steer {
            Steer::Pause | Steer::PauseSkipping => {
                taped.control.pause(if steer == Steer::Pause { Pause::Silence } else { Pause::Skip });
                RecordingStatus::Paused
            }
            Steer::Resume => {
                taped.control.resume();
                RecordingStatus::InProgress
            }
            Steer::Stop => {
                taped.control.stop();
                RecordingStatus::Stopped
            }
        };
        let record = Arc::new(RecordingRecord { status, updated: wall, ..RecordingRecord::clone(&taped.record) });
        taped.record = record.clone();
        if steer == Steer::Stop {
            self.command(sid, Command::UntapMix { mix, tap: TAP });
        }
        self.keep_recording(record);
    }

    fn recording_ended(&mut self, sid: Sid, report: &RecordingReport, ctx: &mut Context<Self>) {
        let wall = self.services.clock.wall();
        let before = self.rooms.get_mut(&sid).and_then(|open| open.recording.take()).map(|taped| taped.record);
        // A conference that failed has left its recording behind.
        let mut record = before.map_or_else(
            || RecordingRecord::new(report.sid, RecordingSource::Conference, wall),
            |record| RecordingRecord::clone(&record),
        );
        record.conference_sid = Some(sid);
        record.status = match &report.outcome {
            Outcome::Complete(_) | Outcome::Partial(..) => RecordingStatus::Completed,
            Outcome::Absent => RecordingStatus::Absent,
            Outcome::Failed(_) => RecordingStatus::Failed,
        };
        if let Outcome::Partial(_, why) | Outcome::Failed(why) = &report.outcome {
            tracing::error!(recording = %report.sid, why, "recording cut short by the disk");
            record.error_code = Some(20_504);
        }
        let duration_secs = report.duration.as_millis().div_ceil(1_000) as u64;
        record.updated = wall;
        record.ended = Some(wall);
        record.duration_secs = Some(duration_secs);
        let status = record.status;
        self.keep_recording(Arc::new(record));
        let file = (status == RecordingStatus::Completed).then_some(RecordingFile {
            duration_secs,
            bytes: report.bytes,
            channels: report.channels,
        });
        let facts = RecordingFacts { sid: report.sid, url: self.recording_url(report.sid), file };
        let failed = status == RecordingStatus::Failed;
        self.step(sid, ctx, |room, now, wall| room.recording_over(now, wall, facts, failed));
    }

    fn recording_url(&self, recording: Sid) -> String {
        let account = self.services.directory.borrow().project.id.clone();
        format!("{}/api/laml/2010-04-01/Accounts/{account}/Recordings/{recording}", self.services.public_url)
    }

    fn keep_recording(&self, record: Arc<RecordingRecord>) {
        let sid = record.sid;
        if !self.services.store.upsert_recording(record) {
            tracing::error!(recording = %sid, "record of a recording lost: the store's queue is full");
        }
    }
}
