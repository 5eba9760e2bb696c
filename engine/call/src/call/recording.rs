//! Recordings of a call's legs: what Dial, Record and REST ask for, when it begins, and who is told how it ended. The audio goes from
//! media to the recorder by itself; here its beginning and end are ordered, and heard of.

use std::time::Duration;

use tandem_codecs::CodecSpec;
use tandem_laml::instruction::{
    Input, Recording, RecordingChannels, RecordingCommand, RecordingEnded, RecordingId, RecordingRef, RecordingTrack,
    Transcribe, Upload,
};
use tandem_media::record::{Layout, Track};
use tandem_model::{CallSid, LegId, SampleRate, Sid, Timestamp, WallTime};

use super::Call;
use super::contract::{CallEffect, RunId};

/// A call waits so long for its last recordings to be finished.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(20);
/// Recording above this rate gains no intelligibility and takes twice the disk.
const RATE_MAX: SampleRate = SampleRate::HZ_16000;

/// What asked for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingSource {
    DialVerb,
    RecordVerb,
    /// `Record` of a call that REST made.
    OutboundApi,
    /// REST, of a call in progress.
    StartCallRecordingApi,
}

impl RecordingSource {
    /// As callbacks write it (laml.md 3.7).
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingSource::DialVerb => "DialVerb",
            RecordingSource::RecordVerb => "RecordVerb",
            RecordingSource::OutboundApi => "OutBoundApi",
            RecordingSource::StartCallRecordingApi => "StartCallRecordingApi",
        }
    }
}

/// A recording to make.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingOrder {
    pub sid: Sid,
    pub call_sid: CallSid,
    pub leg: LegId,
    pub source: RecordingSource,
    pub layout: Layout,
    pub track: RecordingTrack,
    pub rate: SampleRate,
    pub trim: bool,
    pub max: Option<Duration>,
    pub silence: Option<Duration>,
    pub storage: Option<(String, Upload)>,
    pub transcribe: Option<Transcribe>,
}

/// What a call wants of its recorder.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordingEffect {
    /// Answered by [`RecordingNews::Begun`] and [`RecordingNews::Ended`], or by the latter alone.
    Start(Box<RecordingOrder>),
    Stop {
        sid: Sid,
    },
}

/// What became of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordingNews {
    Begun,
    Ended(RecordingOutcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingOutcome {
    /// False: nothing, or nothing but silence that was to be trimmed, or the disk failed.
    pub exists: bool,
    pub duration: Duration,
}

/// A recording of this call that is not over.
pub(super) struct Recorded {
    sid: Sid,
    leg: LegId,
    source: RecordingSource,
    what: Box<Recording>,
    /// The document's name for it.
    asked_by: Option<(RunId, RecordingId)>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// For its leg to be answered.
    Waiting,
    Running {
        since: WallTime,
    },
    Stopping {
        since: WallTime,
    },
}

impl Call {
    /// A `<Record>`, on the leg of its document.
    pub(super) fn recording_command(&mut self, run: RunId, leg: LegId, command: RecordingCommand) {
        match command {
            RecordingCommand::Start { id, what } => {
                self.record_leg(leg, RecordingSource::RecordVerb, what, Some((run, id)));
            }
            RecordingCommand::Stop { id } => {
                let sid = self.recordings.iter().find(|r| r.asked_by == Some((run, id))).map(|r| r.sid);
                if let Some(sid) = sid {
                    self.stop_recording(sid);
                }
            }
        }
    }

    /// Records a leg, from its answer on at the latest.
    pub(super) fn record_leg(
        &mut self,
        leg: LegId,
        source: RecordingSource,
        what: Box<Recording>,
        asked_by: Option<(RunId, RecordingId)>,
    ) -> Sid {
        let sid = self.new_sid();
        self.record_leg_as(sid, leg, source, what, asked_by);
        sid
    }

    pub(super) fn record_leg_as(
        &mut self,
        sid: Sid,
        leg: LegId,
        source: RecordingSource,
        what: Box<Recording>,
        asked_by: Option<(RunId, RecordingId)>,
    ) {
        self.recordings.push(Recorded { sid, leg, source, what, asked_by, state: State::Waiting });
        self.begin_recordings(leg);
    }

    /// Begins what waited for the leg's answer. A Dial is recorded while it rings too: its caller hears something then.
    pub(super) fn begin_recordings(&mut self, leg: LegId) {
        let Some(of) = self.legs.get(&leg).filter(|l| l.end.is_none()) else { return };
        let (is_answered, call_sid, codec) = (of.is_answered(), of.sid, of.codec);
        let since = self.clock.1;
        let rate = codec.map_or(SampleRate::HZ_8000, |codec| CodecSpec::by_id(codec).natural_rate.min(RATE_MAX));
        let mut orders = Vec::new();
        for r in self.recordings.iter_mut().filter(|r| r.leg == leg && r.state == State::Waiting) {
            if !is_answered && r.source != RecordingSource::DialVerb {
                continue;
            }
            r.state = State::Running { since };
            let what = &r.what;
            orders.push(RecordingOrder {
                sid: r.sid,
                call_sid,
                leg,
                source: r.source,
                layout: layout(r.source, what.channels, what.track),
                track: what.track,
                rate,
                trim: what.trim,
                max: what.max,
                silence: what.silence,
                storage: what.storage.clone(),
                transcribe: what.transcribe.clone(),
            });
        }
        for order in orders {
            self.emit(CallEffect::Recording(RecordingEffect::Start(Box::new(order))));
        }
    }

    pub(super) fn stop_recording(&mut self, sid: Sid) {
        let Some(r) = self.recordings.iter_mut().find(|r| r.sid == sid) else { return };
        match r.state {
            State::Waiting => self.recording_over(sid, RecordingOutcome { exists: false, duration: Duration::ZERO }),
            State::Running { since } => {
                r.state = State::Stopping { since };
                self.emit(CallEffect::Recording(RecordingEffect::Stop { sid }));
            }
            State::Stopping { .. } => {}
        }
    }

    pub(super) fn recording_news(&mut self, sid: Sid, news: RecordingNews) {
        match news {
            RecordingNews::Begun => self.tell_of_recording(sid, "in-progress", None),
            RecordingNews::Ended(outcome) => self.recording_over(sid, outcome),
        }
    }

    fn recording_over(&mut self, sid: Sid, outcome: RecordingOutcome) {
        let status = if outcome.exists { "completed" } else { "absent" };
        self.tell_of_recording(sid, status, Some(outcome.duration));
        let Some(at) = self.recordings.iter().position(|r| r.sid == sid) else { return };
        let r = self.recordings.swap_remove(at);
        if let Some((run, id)) = r.asked_by {
            let recording = outcome.exists.then(|| self.recording_ref(sid, r.what.storage.as_ref()));
            let ended = RecordingEnded { id, recording, duration: outcome.duration };
            self.run_input(run, Input::RecordingEnded(ended));
        }
    }

    /// The leg has ended: what had not begun never will. The rest ends with the leg's media.
    pub(super) fn recordings_leg_ended(&mut self, leg: LegId) {
        let of_leg: Vec<Sid> = self.recordings.iter().filter(|r| r.leg == leg).map(|r| r.sid).collect();
        for sid in of_leg {
            self.stop_recording(sid);
        }
    }

    /// The call is over but for these: when they are given up.
    pub(super) fn await_recordings(&mut self) -> bool {
        if self.recordings.is_empty() {
            self.settle_until = None;
            return false;
        }
        self.settle_until.get_or_insert(self.clock.0 + SETTLE_TIME_MAX);
        true
    }

    pub(super) fn expire_recordings(&mut self, now: Timestamp) {
        if self.settle_until.is_some_and(|at| at <= now) {
            let all: Vec<Sid> = self.recordings.iter().map(|r| r.sid).collect();
            for sid in all {
                self.recording_over(sid, RecordingOutcome { exists: false, duration: Duration::ZERO });
            }
        }
    }

    /// A `<Dial record>`: of the caller's leg, which hears it ring and then the called party. `ringing`: it has begun to ring.
    pub(super) fn record_dial(&mut self, ringing: bool) {
        let leg = self.primary;
        let Some(record) = self.dial.as_ref().filter(|d| d.recording.is_none()).and_then(|d| d.dial.record.clone())
        else {
            return;
        };
        if ringing && !record.from_ringing {
            return;
        }
        let sid = self.record_leg(leg, RecordingSource::DialVerb, record.what, None);
        if let Some(d) = &mut self.dial {
            d.recording = Some(sid);
        }
    }

    /// Where a recording is found: where it is sent to, or here.
    pub(super) fn recording_ref(&self, sid: Sid, storage: Option<&(String, Upload)>) -> RecordingRef {
        if let Some((url, _)) = storage {
            return RecordingRef { sid: sid.to_string(), url: tandem_laml::without_secrets(url) };
        }
        let (base, account) = (&self.env.public_url, &self.env.directory.project.id);
        let url = format!("{base}/api/laml/2010-04-01/Accounts/{account}/Recordings/{sid}");
        RecordingRef { sid: sid.to_string(), url }
    }

    /// laml.md 2.5.
    fn tell_of_recording(&mut self, sid: Sid, status: &'static str, duration: Option<Duration>) {
        let Some(r) = self.recordings.iter().find(|r| r.sid == sid) else { return };
        let Some(callback) = &r.what.callback else { return };
        let wanted = match status {
            "in-progress" => callback.in_progress,
            "completed" => callback.completed,
            _ => callback.absent,
        };
        let Some(leg) = self.legs.get(&r.leg).filter(|_| wanted) else { return };
        let since = match r.state {
            State::Running { since } | State::Stopping { since } => since,
            State::Waiting => self.clock.1,
        };
        let channels = layout(r.source, r.what.channels, r.what.track).channels();
        let mut params = vec![
            ("AccountSid".to_owned(), self.env.directory.project.id.clone()),
            ("CallSid".to_owned(), leg.sid.to_string()),
            ("ApiVersion".to_owned(), "2010-04-01".to_owned()),
            ("RecordingSid".to_owned(), sid.to_string()),
            ("RecordingUrl".to_owned(), self.recording_ref(sid, r.what.storage.as_ref()).url),
            ("RecordingStatus".to_owned(), status.to_owned()),
            ("RecordingChannels".to_owned(), channels.to_string()),
            ("RecordingSource".to_owned(), r.source.as_str().to_owned()),
            ("RecordingTrack".to_owned(), track_name(r.what.track).to_owned()),
            ("RecordingStartTime".to_owned(), since.rfc2822()),
        ];
        if let Some(duration) = duration {
            params.push(("RecordingDuration".to_owned(), duration.as_secs().to_string()));
        }
        let (url, method) = (callback.url.clone(), callback.method);
        self.emit(CallEffect::Notify { url, method, params });
    }
}

/// Where the sound stands in the file. A Dial is taped at the caller's leg, where the called party is what it is told.
fn layout(source: RecordingSource, channels: RecordingChannels, track: RecordingTrack) -> Layout {
    let is_dial = source == RecordingSource::DialVerb;
    match (track, channels) {
        (RecordingTrack::Both, RecordingChannels::Dual) => Layout::Dual,
        (RecordingTrack::Both, RecordingChannels::Mono) => Layout::Mono(Track::Both),
        (RecordingTrack::Inbound, _) if is_dial => Layout::Mono(Track::Outbound),
        (RecordingTrack::Outbound, _) if is_dial => Layout::Mono(Track::Inbound),
        (RecordingTrack::Inbound, _) => Layout::Mono(Track::Inbound),
        (RecordingTrack::Outbound, _) => Layout::Mono(Track::Outbound),
    }
}

fn track_name(track: RecordingTrack) -> &'static str {
    match track {
        RecordingTrack::Both => "both",
        RecordingTrack::Inbound => "inbound",
        RecordingTrack::Outbound => "outbound",
    }
}
