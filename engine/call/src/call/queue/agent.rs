use std::time::Duration;

use tandem_laml::instruction::{Dial, DialOutcome, DialQueue, DialStatus, Input, QueueTarget};
use tandem_media::control::{Command, PlayId, Repeat};
use tandem_media::tone::ringback;
use tandem_model::{Country, Sid, Timestamp};

use super::super::Call;
use super::super::contract::CallEffect;
use super::super::recording::RecordingSource;
use super::talk::Talk;
use crate::leg::LegCommand;
use crate::room::queue::{MemberParty, QueueAsk, QueueNews, QueueTicket};

/// A `<Dial>` of a queue, from its beginning until it is over.
pub(in super::super) struct Serving {
    pub(super) ticket: QueueTicket,
    dial: Box<Dial>,
    phase: Phase,
    ringback: Option<PlayId>,
    /// Who comes, from which queue, after how long.
    member: Option<(MemberParty, Sid, Duration)>,
    recording: Option<Sid>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nobody is there.
    Waiting {
        until: Timestamp,
    },
    /// Somebody hears what it is to hear before.
    Coming,
    Talking {
        since: Timestamp,
        until: Timestamp,
        talk: Talk,
    },
}

impl Serving {
    pub(super) fn talk(&self) -> Option<&Talk> {
        match &self.phase {
            Phase::Talking { talk, .. } => Some(talk),
            Phase::Waiting { .. } | Phase::Coming => None,
        }
    }

    pub(super) fn talk_mut(&mut self) -> Option<&mut Talk> {
        match &mut self.phase {
            Phase::Talking { talk, .. } => Some(talk),
            Phase::Waiting { .. } | Phase::Coming => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting { until } | Phase::Talking { until, .. } => Some(until),
            Phase::Coming => None,
        }
    }
}

impl Call {
    pub(in super::super) fn start_queue(&mut self, dial: Dial, queue: QueueTarget) {
        let ticket = self.queue_ticket();
        let phase = Phase::Waiting { until: self.clock.0 + dial.timeout };
        let serving = Serving { ticket, dial: Box::new(dial), phase, ringback: None, member: None, recording: None };
        self.serving = Some(Box::new(serving));
        self.agent_hears_ringing();
        self.record_serving(true);
        let QueueTarget { name, url } = queue;
        let call_sid = self.legs[&self.primary].sid;
        self.ask_queue(QueueAsk::Dequeue { ticket, name, call_sid, url });
    }

    /// As it would for a telephone that rings: who is answered by a tone of ours, who is not by its own telephone, or by
    /// early media when the document asks for a country's tone.
    fn agent_hears_ringing(&mut self) {
        let leg = self.primary;
        let pending = self.legs.get(&leg).is_some_and(|l| l.is_pending());
        let Some(s) = self.serving.as_mut().filter(|s| s.ringback.is_none()) else { return };
        if matches!(s.phase, Phase::Talking { .. }) {
            return;
        }
        let country = match (pending, s.dial.ring_tone) {
            (true, None) => return self.command(leg, LegCommand::Ring),
            (_, Some(country)) => country,
            (false, None) => Country::Us,
        };
        self.plays += 1;
        let play = PlayId(self.plays);
        s.ringback = Some(play);
        if pending {
            self.command(leg, LegCommand::EarlyMedia { prefer: None });
        }
        let clip = ringback(country);
        self.emit(CallEffect::Media(Command::Play { leg, play, clip, repeat: Repeat::Forever }));
    }

    pub(super) fn agent_answered(&mut self) {
        self.agent_hears_ringing();
    }

    pub(super) fn agent_news(&mut self, news: QueueNews) {
        let now = self.clock.0;
        let Some(s) = &mut self.serving else { return };
        match news {
            QueueNews::Coming { member, queue, waited, .. } => {
                s.member = Some((member, queue, waited));
                s.phase = Phase::Coming;
                self.answer_primary();
            }
            QueueNews::Connected { .. } => {
                // The bridge has ended it.
                s.ringback = None;
                s.phase = Phase::Talking { since: now, until: now + s.dial.time_limit, talk: Talk::default() };
                self.record_serving(false);
            }
            QueueNews::Back { .. } => {
                s.member = None;
                s.phase = Phase::Waiting { until: now + s.dial.timeout };
            }
            QueueNews::PartnerLeft { .. } => self.serving_over(DialStatus::Completed),
            QueueNews::Refused { .. } | QueueNews::Lost { .. } => self.serving_over(DialStatus::Failed),
            // A member's, or of both.
            QueueNews::Held { .. }
            | QueueNews::Joined { .. }
            | QueueNews::Place { .. }
            | QueueNews::Called { .. }
            | QueueNews::Redirected { .. } => {}
        }
    }

    pub(super) fn expire_agent(&mut self, now: Timestamp) {
        let Some(s) = self.serving.as_ref().filter(|s| s.deadline().is_some_and(|at| at <= now)) else { return };
        let status = match s.phase {
            Phase::Waiting { .. } | Phase::Coming => DialStatus::NoAnswer,
            Phase::Talking { .. } => DialStatus::Completed,
        };
        self.stop_serving(status);
    }

    /// The script gives it up; it is over at once.
    pub(in super::super) fn queue_cancel(&mut self) {
        self.stop_serving(DialStatus::Canceled);
    }

    /// The agent has hung up.
    pub(super) fn agent_left(&mut self) {
        self.stop_serving(DialStatus::Canceled);
    }

    fn stop_serving(&mut self, status: DialStatus) {
        if let Some(ticket) = self.serving.as_ref().map(|s| s.ticket) {
            self.ask_queue(QueueAsk::Leave { ticket });
            self.serving_over(status);
        }
    }

    fn serving_over(&mut self, status: DialStatus) {
        let leg = self.primary;
        let Some(s) = self.serving.take() else { return };
        if let Some(sid) = s.recording {
            self.stop_recording(sid);
        }
        let talked = match s.phase {
            Phase::Talking { since, .. } => Some(self.clock.0.since(since)),
            Phase::Waiting { .. } | Phase::Coming => None,
        };
        match talked {
            Some(_) => self.emit(CallEffect::Media(Command::Unbridge { leg })),
            None => {
                if let Some(play) = s.ringback {
                    self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
                }
            }
        }
        let status = if talked.is_some() { DialStatus::Completed } else { status };
        // Of somebody who was not answered so far: nobody came.
        self.refusal = talked.is_none().then(|| (480, "No answer".to_owned()));
        let outcome = DialOutcome {
            status,
            call_sid: s.member.map(|(member, ..)| member.call_sid.to_string()),
            duration: talked,
            recording: s.recording.map(|sid| {
                let storage = s.dial.record.as_ref().and_then(|record| record.what.storage.as_ref());
                self.recording_ref(sid, storage)
            }),
            bridged: talked.is_some(),
            queue: s.member.map(|(_, sid, waited)| DialQueue { sid: sid.to_string(), waited }),
            sip: None,
        };
        self.main_input(Input::DialEnded(outcome));
    }

    /// A `<Dial record>` of the agent's leg. `ringing`: before anybody comes.
    fn record_serving(&mut self, ringing: bool) {
        let Some(s) = self.serving.as_ref().filter(|s| s.recording.is_none()) else { return };
        let Some(record) = s.dial.record.clone().filter(|r| !ringing || r.from_ringing) else { return };
        let sid = self.record_leg(self.primary, RecordingSource::DialVerb, record.what, None);
        if let Some(s) = &mut self.serving {
            s.recording = Some(sid);
        }
    }
}
