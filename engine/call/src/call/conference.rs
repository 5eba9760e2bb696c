//! A leg in a conference (laml.md 1.8): asks the room in, does with its media and documents what the room says, and tells the
//! script when it is out. The room itself is [`crate::room::conference`].

use tandem_laml::instruction::{Conference, Dial, DialOutcome, DialStatus, Input};
use tandem_media::control::MoveFailed;
use tandem_model::{LegId, Timestamp};

use super::Call;
use super::contract::{ApiDocument, CallEffect, RunId};
use super::run::{Purpose, RunDocument, RunEnd};
use crate::room::conference::{ConferenceCommand, ConferenceEvent, Joining, Refused};

/// From the Dial that named it to its end.
pub(super) struct InConference {
    leg: LegId,
    /// Asked for when the leg is answered.
    wanted: Option<Box<Conference>>,
    since: Timestamp,
    until: Timestamp,
    moving: bool,
    wait: Option<RunId>,
    announcement: Option<RunId>,
}

impl InConference {
    pub fn deadline(&self) -> Timestamp {
        self.until
    }
}

impl Call {
    pub(super) fn start_conference(&mut self, dial: &Dial, conference: Conference) {
        let leg = self.primary;
        let since = self.clock.0;
        self.conference = Some(InConference {
            leg,
            wanted: Some(Box::new(conference)),
            since,
            until: since + dial.time_limit,
            moving: false,
            wait: None,
            announcement: None,
        });
        // Nobody is there to ring: whatever answerOnBridge says, it is answered by the room.
        self.answer_primary();
        self.conference_leg_answered();
    }

    /// The room is asked once the leg has media.
    pub(super) fn conference_leg_answered(&mut self) {
        let (now, Some(c)) = (self.clock.0, &mut self.conference) else { return };
        let Some(leg) = self.legs.get(&c.leg).filter(|leg| leg.is_answered()) else { return };
        let Some(conference) = c.wanted.take() else { return };
        let limit = c.until.since(c.since);
        (c.since, c.until) = (now, now + limit);
        let joining = Joining { leg: leg.id, sid: leg.sid, conference: *conference };
        self.tell_room(ConferenceCommand::Join(Box::new(joining)));
    }

    /// What the room says.
    pub(super) fn conference_event(&mut self, leg: LegId, event: ConferenceEvent) {
        let Some(c) = self.conference.as_mut().filter(|c| c.leg == leg && c.wanted.is_none()) else {
            // It crossed our leaving. A room that takes us in all the same hears of it.
            if let ConferenceEvent::Move { .. } = event {
                self.tell_room(ConferenceCommand::Leave { leg });
            }
            return;
        };
        match event {
            ConferenceEvent::Refused(refused) => self.conference_refused(refused),
            ConferenceEvent::Move { beside } => {
                c.moving = true;
                self.emit(CallEffect::MoveMedia { beside });
            }
            ConferenceEvent::Wait { document, params } => {
                self.stop_conference_wait();
                let run = self.start_run(leg, Purpose::ConferenceWait, run_document(document, params));
                self.conference.iter_mut().for_each(|c| c.wait = Some(run));
            }
            ConferenceEvent::StopWait => self.stop_conference_wait(),
            ConferenceEvent::Announce { document, params } => {
                if let Some(run) = self.conference.as_mut().and_then(|c| c.announcement.take()) {
                    self.stop_run(run);
                }
                let run = self.start_run(leg, Purpose::Announce, run_document(document, params));
                self.conference.iter_mut().for_each(|c| c.announcement = Some(run));
            }
            ConferenceEvent::Ended => self.conference_over(),
        }
    }

    pub(super) fn conference_media_moved(&mut self, result: Result<(), MoveFailed>) {
        let Some(c) = self.conference.as_mut().filter(|c| c.moving) else { return };
        c.moving = false;
        let leg = c.leg;
        self.tell_room(ConferenceCommand::Moved { leg, result });
    }

    /// A document of the room's has come to its end.
    pub(super) fn conference_run_over(&mut self, id: RunId, leg: LegId, end: RunEnd) {
        let Some(c) = &mut self.conference else { return };
        if c.wait == Some(id) {
            c.wait = None;
            if end == RunEnd::NoDocument {
                self.tell_room(ConferenceCommand::WaitFailed { leg });
            }
        } else if c.announcement == Some(id) {
            c.announcement = None;
            self.tell_room(ConferenceCommand::Announced { leg, completed: end == RunEnd::Finished });
        }
    }

    /// The leg leaves: its end, the caller's `*`, another document, the end of the time. Its document may tell an action how it was.
    pub(super) fn conference_cancel(&mut self) {
        self.leave_room();
        self.conference_over();
    }

    pub(super) fn expire_conference(&mut self, now: Timestamp) {
        if self.conference.as_ref().is_some_and(|c| c.until <= now) {
            self.conference_cancel();
        }
    }

    fn leave_room(&mut self) {
        let Some(c) = self.conference.as_ref().filter(|c| c.wanted.is_none()) else { return };
        let leg = c.leg;
        self.tell_room(ConferenceCommand::Leave { leg });
    }

    fn conference_refused(&mut self, refused: Refused) {
        let (code, message) = match refused {
            Refused::Coach => (13_240, "Conference: whom it is to coach is not there".to_owned()),
            Refused::Full => (10_000, "Conference: it has as many members as it may".to_owned()),
            Refused::Media(why) => (20_504, format!("Conference: the call's media cannot join the others': {why:?}")),
            Refused::Unavailable => (20_504, "Conference: no conference can be had".to_owned()),
        };
        self.emit(CallEffect::Warn { code, message, line: None });
        self.conference_over();
    }

    fn conference_over(&mut self) {
        let Some(c) = self.conference.take() else { return };
        for run in [c.wait, c.announcement].into_iter().flatten() {
            self.stop_run(run);
        }
        let duration = Some(self.clock.0.since(c.since)).filter(|_| c.wanted.is_none());
        self.main_input(Input::DialEnded(DialOutcome {
            status: DialStatus::Answered,
            queue: None,
            call_sid: None,
            duration,
            recording: None,
            bridged: false,
            sip: None,
        }));
    }

    fn stop_conference_wait(&mut self) {
        if let Some(run) = self.conference.as_mut().and_then(|c| c.wait.take()) {
            self.stop_run(run);
        }
    }

    fn tell_room(&mut self, command: ConferenceCommand) {
        self.emit(CallEffect::Conference(command));
    }
}

fn run_document(source: ApiDocument, params: Vec<(String, String)>) -> RunDocument {
    RunDocument { source, fallback: None, first: Vec::new(), params }
}
