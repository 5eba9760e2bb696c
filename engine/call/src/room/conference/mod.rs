//! A conference (laml.md 1.8): who is in it, when it begins and ends, who hears whom, and what is told of it. One machine a
//! conference; its members are legs of calls, which it tells what to do and which tell it when they go. Start at [`Room`].
//!
//! ```text
//!  Join ─► refused (full, nobody to coach)
//!      └─► moving ─► waiting (music) ─► seated ─► left
//!                        └── two are there, and one who starts it ──► the conference is in progress
//!  the last leaves, one with endConferenceOnExit leaves, or REST says so ─► completed, once its recording is finished
//! ```

mod announcement;
mod callbacks;
mod changes;
pub mod contract;
mod member;
mod recording;
mod streaming;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;

use tandem_laml::instruction::{Conference, ConferenceCallback, ConferenceRecordingCallback};
use tandem_media::control::{Clip, Command, PlayId, Repeat};
use tandem_model::{CallSid, LegId, Sid, Timestamp, WallTime};

pub use contract::{
    ChangeRefused, ConferenceCommand, ConferenceEvent, EndReason, Joining, MemberChange, MemberView, RecordingFacts,
    RecordingFile, Refused, RoomEffect, RoomSpec, RoomStatus, RoomView, Sounds, Steer,
};

use announcement::Announcement;
use callbacks::Told;
use member::{Member, Stage};
use recording::Recording;
use streaming::Streaming;

/// Poll [`Room::poll`] until None after every input.
pub struct Room {
    spec: RoomSpec,
    status: RoomStatus,
    /// In the order of their coming.
    members: Vec<Member>,
    /// The first member's values win.
    status_callback: Option<ConferenceCallback>,
    recording_callback: Option<ConferenceRecordingCallback>,
    event_callback: Option<String>,
    recording: Recording,
    streaming: Streaming,
    announcement: Option<Announcement>,
    sequence: u64,
    plays: u64,
    created: WallTime,
    updated: WallTime,
    started: Option<Timestamp>,
    end: Option<End>,
    clock: (Timestamp, WallTime),
    effects: VecDeque<RoomEffect>,
}

#[derive(Debug)]
struct End {
    reason: EndReason,
    by: Option<CallSid>,
    duration_secs: u64,
    told: bool,
    /// The recording is waited for until then.
    until: Timestamp,
}

/// Names of playbacks of ours on legs, apart from those of their calls.
const PLAYS_FROM: u64 = 1 << 48;

impl Room {
    pub fn new(spec: RoomSpec, now: Timestamp, wall: WallTime) -> Self {
        let mut room = Room {
            spec,
            status: RoomStatus::Init,
            members: Vec::new(),
            status_callback: None,
            recording_callback: None,
            event_callback: None,
            recording: Recording::default(),
            streaming: Streaming::default(),
            announcement: None,
            sequence: 0,
            plays: PLAYS_FROM,
            created: wall,
            updated: wall,
            started: None,
            end: None,
            clock: (now, wall),
            effects: VecDeque::new(),
        };
        room.emit(RoomEffect::Changed);
        room
    }

    /// What a call says.
    pub fn handle(&mut self, now: Timestamp, wall: WallTime, command: ConferenceCommand) {
        self.clock = (now, wall);
        match command {
            ConferenceCommand::Join(joining) => self.join(*joining),
            ConferenceCommand::Moved { leg, result } => self.moved(leg, result),
            ConferenceCommand::Leave { leg } => self.leave(leg, false),
            ConferenceCommand::WaitFailed { leg } => self.wait_failed(leg),
            ConferenceCommand::Announced { leg, completed } => self.announced(leg, completed),
        }
    }

    /// A member began, or ceased, to speak.
    pub fn speaking(&mut self, now: Timestamp, wall: WallTime, leg: LegId, speaking: bool) {
        self.clock = (now, wall);
        if let Some(at) = self.at(leg) {
            self.tell_of(if speaking { Told::SpeechStart } else { Told::SpeechStop }, at);
        }
    }

    pub fn poll(&mut self) -> Option<RoomEffect> {
        self.effects.pop_front()
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        let end = self.end.as_ref().filter(|end| !end.told).map(|end| end.until);
        let announcement = self.announcement.as_ref().and_then(Announcement::deadline);
        [end, announcement].into_iter().flatten().min()
    }

    pub fn expire(&mut self, now: Timestamp, wall: WallTime) {
        self.clock = (now, wall);
        self.expire_announcement();
        if self.end.as_ref().is_some_and(|end| !end.told && end.until <= now) {
            self.tell_end();
        }
    }

    pub fn sid(&self) -> Sid {
        self.spec.sid
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn is_over(&self) -> bool {
        self.status == RoomStatus::Completed
    }

    pub fn has_leg(&self, leg: LegId) -> bool {
        self.at(leg).is_some()
    }

    /// A leg whose media is where the mix is.
    pub fn anchor(&self) -> Option<LegId> {
        let settled = self.members.iter().find(|member| member.stage != Stage::Moving);
        settled.or(self.members.first()).map(|member| member.leg)
    }

    pub fn view(&self) -> RoomView {
        RoomView {
            sid: self.spec.sid,
            name: self.spec.name.clone(),
            status: self.status,
            created: self.created,
            updated: self.updated,
            reason: self.end.as_ref().map(|end| end.reason),
            ended_by: self.end.as_ref().and_then(|end| end.by),
            recording: self.recording.sid(),
        }
    }

    /// In the order of their coming; who is not settled is not shown.
    pub fn members(&self) -> Vec<MemberView> {
        self.members.iter().filter(|member| member.stage != Stage::Moving).map(Member::view).collect()
    }

    fn join(&mut self, joining: Joining) {
        let leg = joining.leg;
        if self.is_over() {
            return self.tell(leg, ConferenceEvent::Refused(Refused::Unavailable));
        }
        if let Some(at) = self.at(leg) {
            // It comes again without having left: its call has lost count of it.
            self.remove(at);
        }
        if self.members.len() >= joining.conference.max_participants {
            return self.tell(leg, ConferenceEvent::Refused(Refused::Full));
        }
        let coaching = match &joining.conference.coach {
            None => None,
            Some(sid) => match sid.parse().ok().filter(|&sid| self.of_call(sid).is_some()) {
                Some(sid) => Some(sid),
                None => {
                    self.tell(leg, ConferenceEvent::Refused(Refused::Coach));
                    return self.end_if_empty(EndReason::LastLeft, None);
                }
            },
        };
        let anchor = self.anchor();
        let stage = if anchor.is_some() { Stage::Moving } else { Stage::Waiting };
        self.members.push(Member::new(&joining, stage, coaching, self.clock.1));
        self.take_values(joining.conference);
        match anchor {
            Some(beside) => self.tell(leg, ConferenceEvent::Move { beside }),
            None => self.settled(self.members.len() - 1),
        }
    }

    fn moved(&mut self, leg: LegId, result: Result<(), tandem_media::control::MoveFailed>) {
        let Some(at) = self.at(leg).filter(|&at| self.members[at].stage == Stage::Moving) else { return };
        match result {
            Ok(()) => {
                self.members[at].stage = Stage::Waiting;
                self.settled(at);
            }
            Err(failed) => {
                self.members.remove(at);
                self.tell(leg, ConferenceEvent::Refused(Refused::Media(failed)));
                self.end_if_empty(EndReason::LastLeft, None);
            }
        }
    }

    /// A member is where the others are.
    fn settled(&mut self, at: usize) {
        self.tell_of(Told::Join, at);
        match self.status {
            RoomStatus::Init if self.may_start() => self.start(),
            RoomStatus::Init => self.play_wait(at),
            RoomStatus::InProgress => self.seat(at),
            RoomStatus::Completed => return,
        }
        if self.status == RoomStatus::InProgress && self.members[at].beep.on_enter() {
            self.beep(self.spec.sounds.enter.clone());
        }
    }

    /// laml.md 1.8: two members, and one of those who start it.
    fn may_start(&self) -> bool {
        let mut settled = self.members.iter().filter(|member| member.stage != Stage::Moving);
        settled.clone().count() >= 2 && settled.any(|member| member.start_on_enter)
    }

    fn start(&mut self) {
        self.status = RoomStatus::InProgress;
        self.started = Some(self.clock.0);
        self.tell_room(Told::Start);
        for at in 0..self.members.len() {
            if self.members[at].stage == Stage::Waiting {
                self.seat(at);
            }
        }
        self.start_recording();
        self.start_stream();
        self.changed();
    }

    /// Gives a member its seat, or another.
    fn seat(&mut self, at: usize) {
        if !self.members[at].hold {
            self.stop_music(at);
        }
        self.members[at].stage = Stage::Seated;
        self.reseat(at);
    }

    fn reseat(&mut self, at: usize) {
        let member = &self.members[at];
        if member.stage != Stage::Seated {
            return;
        }
        let coached = member.coaching.and_then(|sid| self.of_call(sid)).map(|at| self.members[at].leg);
        let (leg, seat) = (member.leg, member.seat(coached));
        self.media(Command::Join { leg, mix: self.spec.mix, seat });
    }

    fn leave(&mut self, leg: LegId, kicked: bool) {
        let Some(at) = self.at(leg) else { return };
        let moving = self.members[at].stage == Stage::Moving;
        let was = self.remove(at);
        let (empty, by) = if kicked {
            (EndReason::LastKicked, EndReason::EndOnExitKicked)
        } else {
            (EndReason::LastLeft, EndReason::EndOnExitLeft)
        };
        if was.end_on_exit && !moving {
            return self.finish(by, Some(was.sid));
        }
        if self.status == RoomStatus::InProgress && was.beep.on_exit() && !self.members.is_empty() {
            self.beep(self.spec.sounds.exit.clone());
        }
        self.end_if_empty(empty, Some(was.sid));
    }

    /// Takes a member out, and tells of it when it was told that it came.
    fn remove(&mut self, at: usize) -> Member {
        self.stop_music(at);
        if self.members[at].stage == Stage::Seated {
            self.media(Command::Unbridge { leg: self.members[at].leg });
        }
        if self.members[at].stage != Stage::Moving {
            self.tell_of(Told::Leave, at);
        }
        let member = self.members.remove(at);
        // Who coached it is heard by nobody now.
        for other in 0..self.members.len() {
            if self.members[other].coaching == Some(member.sid) {
                self.reseat(other);
            }
        }
        member
    }

    fn end_if_empty(&mut self, reason: EndReason, by: Option<CallSid>) {
        if self.members.is_empty() {
            self.finish(reason, by);
        }
    }

    /// Ends the conference for whoever is left. REST's `completed`, and what comes of leaving.
    fn finish(&mut self, reason: EndReason, by: Option<CallSid>) {
        if self.is_over() {
            return;
        }
        while !self.members.is_empty() {
            let member = self.remove(0);
            self.tell(member.leg, ConferenceEvent::Ended);
        }
        self.announcement = None;
        self.status = RoomStatus::Completed;
        let duration_secs = self.started.map_or(0, |started| self.clock.0.since(started).as_secs());
        let until = self.clock.0 + recording::WAIT;
        self.end = Some(End { reason, by, duration_secs, told: false, until });
        self.stop_recording();
        self.stop_stream();
        self.changed();
        if !self.recording.is_running() {
            self.tell_end();
        }
    }

    /// The last words.
    fn tell_end(&mut self) {
        if let Some(end) = &mut self.end {
            end.told = true;
        }
        self.tell_room(Told::End);
        self.tell_event_callback();
        self.emit(RoomEffect::Over);
    }

    fn take_values(&mut self, conference: Conference) {
        let Conference { status_callback, recording_callback, event_callback, record, trim, stream, .. } = conference;
        self.status_callback = self.status_callback.take().or(status_callback);
        self.recording_callback = self.recording_callback.take().or(recording_callback);
        self.event_callback = self.event_callback.take().or(event_callback);
        self.streaming.want(stream);
        if record {
            self.recording.want(trim);
        }
    }

    /// All hear that somebody came or left.
    fn beep(&mut self, clip: Arc<Clip>) {
        let play = self.next_play();
        let mix = self.spec.mix;
        self.media(Command::PlayMix { mix, play, clip, repeat: Repeat::Times(1) });
    }

    fn next_play(&mut self) -> PlayId {
        self.plays += 1;
        PlayId(self.plays)
    }

    fn changed(&mut self) {
        self.updated = self.clock.1;
        self.emit(RoomEffect::Changed);
    }

    fn at(&self, leg: LegId) -> Option<usize> {
        self.members.iter().position(|member| member.leg == leg)
    }

    fn of_call(&self, sid: CallSid) -> Option<usize> {
        self.members.iter().position(|member| member.sid == sid && member.stage != Stage::Moving)
    }

    fn tell(&mut self, leg: LegId, event: ConferenceEvent) {
        self.emit(RoomEffect::Tell { leg, event });
    }

    fn media(&mut self, command: Command) {
        self.emit(RoomEffect::Media(command));
    }

    fn emit(&mut self, effect: RoomEffect) {
        self.effects.push_back(effect);
    }
}
