use actix::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_call::call::{CallInput, RecordingEffect, RecordingNews, RecordingOrder, RecordingOutcome, RecordingSource};
use tandem_laml::instruction::{RecordingTrack as Track, Transcribe, Upload};
use tandem_media::control::Command;
use tandem_media::record::Pause;
use tandem_media::tap::TapId;
use tandem_model::{LegId, Sid};

use super::super::actor::CallActor;
use crate::recording::{Outcome, RecordingControl, RecordingReport, RecordingSpec};
use crate::store::{self, RecordingRecord, RecordingStatus, RecordingTrack};

/// Recordings of one leg that may run at once: their taps have the numbers from 1 on.
const TAPS: u64 = 99;

/// An hour of two channels at 16 kHz over a slow line.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(600);

/// A recording that runs.
pub(in super::super) struct Taped {
    leg: LegId,
    tap: TapId,
    control: RecordingControl,
    record: Arc<RecordingRecord>,
    transcribe: Option<Transcribe>,
}

impl CallActor {
    pub(super) fn record(&mut self, effect: RecordingEffect, ctx: &mut Context<Self>) {
        match effect {
            RecordingEffect::Start(order) => self.start_recording(*order, ctx),
            RecordingEffect::Stop { sid } => self.stop_recording(sid),
        }
    }

    fn start_recording(&mut self, order: RecordingOrder, ctx: &mut Context<Self>) {
        let (sid, leg) = (order.sid, order.leg);
        let now = self.services.clock.wall();
        let mut record = RecordingRecord::new(sid, source_of(order.source), now);
        record.call_sid = Some(order.call_sid);
        record.channels = order.layout.channels();
        record.track = track_of(order.track);
        record.trim = order.trim;
        let spec = RecordingSpec {
            sid,
            layout: order.layout,
            rate: order.rate,
            trim: order.trim,
            max: order.max,
            silence_max: order.silence,
        };
        let begun = match self.free_tap(leg) {
            Some(tap) => self.services.recordings.start(spec).map(|begun| (tap, begun)).map_err(|e| e.to_string()),
            None => Err("the leg has as many recordings as it may".to_owned()),
        };
        let (tap, (handle, sink)) = match begun {
            Ok(begun) => begun,
            Err(why) => {
                tracing::warn!(recording = %sid, why, "recording not begun");
                record.status = RecordingStatus::Failed;
                self.keep_recording(&Arc::new(record));
                let outcome = RecordingOutcome { exists: false, duration: Duration::ZERO };
                return self.hear_of_recording(sid, RecordingNews::Ended(outcome), ctx);
            }
        };
        self.command_media(Command::Tap { leg, tap, rate: order.rate, sink });
        record.status = RecordingStatus::InProgress;
        record.started = Some(now);
        let record = Arc::new(record);
        self.keep_recording(&record);
        let transcribe = order.transcribe;
        self.taped.insert(sid, Taped { leg, tap, control: handle.control(), record, transcribe });
        self.hear_of_recording(sid, RecordingNews::Begun, ctx);
        let report = handle.report().into_actor(self);
        let storage = order.storage;
        ctx.spawn(report.map(move |report, actor, ctx| {
            actor.recording_ended(&report, ctx);
            if let (Some(storage), Outcome::Complete(file)) = (storage, report.outcome) {
                actor.send_away(report.sid, storage, file);
            }
        }));
    }

    fn stop_recording(&mut self, sid: Sid) {
        let Some(taped) = self.taped.get(&sid) else { return };
        taped.control.stop();
        let (leg, tap) = (taped.leg, taped.tap);
        self.command_media(Command::Untap { leg, tap });
    }

    fn recording_ended(&mut self, report: &RecordingReport, ctx: &mut Context<Self>) {
        let Some(taped) = self.taped.remove(&report.sid) else { return };
        // One that ended of itself still has its tap.
        self.command_media(Command::Untap { leg: taped.leg, tap: taped.tap });
        let mut record = RecordingRecord::clone(&taped.record);
        record.status = match &report.outcome {
            Outcome::Complete(_) | Outcome::Partial(..) => RecordingStatus::Completed,
            Outcome::Absent => RecordingStatus::Absent,
            Outcome::Failed(_) => RecordingStatus::Failed,
        };
        if let Outcome::Partial(_, why) | Outcome::Failed(why) = &report.outcome {
            tracing::error!(recording = %report.sid, why, "recording cut short by the disk");
            record.error_code = Some(20_504);
        }
        let now = self.services.clock.wall();
        record.updated = now;
        record.ended = Some(now);
        record.duration_secs = Some(whole_secs(report.duration));
        if let Some(what) = &taped.transcribe {
            self.transcribe(record.call_sid, what, report);
        }
        let exists = record.status == RecordingStatus::Completed;
        self.keep_recording(&Arc::new(record));
        // Seconds as the record has them, so that what is told and what REST shows are one.
        let outcome = RecordingOutcome { exists, duration: Duration::from_secs(whole_secs(report.duration)) };
        self.hear_of_recording(report.sid, RecordingNews::Ended(outcome), ctx);
    }

    /// The finished file goes to a customer's server instead of being kept. It outlives its call; what cannot be delivered stays.
    fn send_away(&self, sid: Sid, (url, how): (String, Upload), file: PathBuf) {
        let (webhooks, recordings) = (self.services.webhooks.clone(), self.services.recordings.clone());
        actix::spawn(async move {
            match webhooks.upload(&url, how, &file, UPLOAD_TIME_MAX).await {
                Ok(()) => {
                    if let Err(error) = recordings.delete(sid).await {
                        tracing::warn!(recording = %sid, %error, "a recording that was sent away is still here");
                    }
                }
                Err(failure) => {
                    let (code, message) = (failure.code, failure.message);
                    tracing::warn!(recording = %sid, code, message, "recording not delivered, it is kept here");
                }
            }
        });
    }

    /// Pauses or resumes a recording, and gives its record as it stands then; None when it is none of this call's.
    pub(in super::super) fn pause_recording(&mut self, sid: Sid, pause: Option<Pause>) -> Option<RecordingRecord> {
        let now = self.services.clock.wall();
        let taped = self.taped.get_mut(&sid)?;
        match pause {
            Some(pause) => taped.control.pause(pause),
            None => taped.control.resume(),
        };
        let mut record = RecordingRecord::clone(&taped.record);
        record.status = if pause.is_some() { RecordingStatus::Paused } else { RecordingStatus::InProgress };
        record.updated = now;
        taped.record = Arc::new(record.clone());
        self.keep_recording(&Arc::new(record.clone()));
        Some(record)
    }

    /// The recording that runs on a leg, the newest if there are several.
    pub(in super::super) fn current_recording(&self, leg: LegId) -> Option<Sid> {
        let of_leg = self.taped.iter().filter(|(_, t)| t.leg == leg);
        of_leg.max_by_key(|(_, t)| t.record.created.0).map(|(sid, _)| *sid)
    }

    pub(in super::super) fn recording_record(&self, sid: Sid) -> Option<RecordingRecord> {
        self.taped.get(&sid).map(|t| RecordingRecord::clone(&t.record))
    }

    fn free_tap(&self, leg: LegId) -> Option<TapId> {
        (1..=TAPS).map(TapId).find(|tap| !self.taped.values().any(|t| t.leg == leg && t.tap == *tap))
    }

    fn keep_recording(&self, record: &Arc<RecordingRecord>) {
        if !self.services.store.upsert_recording(record.clone()) {
            tracing::error!(recording = %record.sid, "record of a recording lost: the store's queue is full");
        }
    }

    /// Through the mailbox of the future's turn: the call's machine may be in the middle of an effect.
    fn hear_of_recording(&mut self, sid: Sid, news: RecordingNews, ctx: &mut Context<Self>) {
        let now = std::future::ready(()).into_actor(self);
        ctx.spawn(now.map(move |(), actor, ctx| actor.step(CallInput::Recording { sid, news }, ctx)));
    }
}

/// As players count: a recording of a moment has a second.
fn whole_secs(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000) as u64
}

fn source_of(source: RecordingSource) -> store::RecordingSource {
    match source {
        RecordingSource::DialVerb => store::RecordingSource::DialVerb,
        RecordingSource::RecordVerb => store::RecordingSource::RecordVerb,
        RecordingSource::OutboundApi => store::RecordingSource::OutboundApi,
        RecordingSource::StartCallRecordingApi => store::RecordingSource::StartCallRecordingApi,
    }
}

fn track_of(track: Track) -> RecordingTrack {
    match track {
        Track::Both => RecordingTrack::Both,
        Track::Inbound => RecordingTrack::Inbound,
        Track::Outbound => RecordingTrack::Outbound,
    }
}
