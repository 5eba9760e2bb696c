//! What is told of a conference, and how it reads (laml.md 1.8).

use tandem_laml::Dialect;
use tandem_laml::instruction::{ConferenceEvents, Method};

use super::Room;
use super::contract::{RecordingFacts, RoomEffect};
use super::member::Member;

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Start,
    End,
    Join,
    Leave,
    Mute,
    Unmute,
    Hold,
    Unhold,
    SpeechStart,
    SpeechStop,
    Modify,
    AnnouncementEnd,
    AnnouncementFail,
}

impl Told {
    fn name(self) -> &'static str {
        match self {
            Told::Start => "conference-start",
            Told::End => "conference-end",
            Told::Join => "participant-join",
            Told::Leave => "participant-leave",
            Told::Mute => "participant-mute",
            Told::Unmute => "participant-unmute",
            Told::Hold => "participant-hold",
            Told::Unhold => "participant-unhold",
            Told::SpeechStart => "participant-speech-start",
            Told::SpeechStop => "participant-speech-stop",
            Told::Modify => "participant-modify",
            Told::AnnouncementEnd => "announcement-end",
            Told::AnnouncementFail => "announcement-fail",
        }
    }

    fn is_wanted(self, events: ConferenceEvents) -> bool {
        match self {
            Told::Start => events.start,
            Told::End => events.end,
            Told::Join => events.join,
            Told::Leave => events.leave,
            Told::Mute | Told::Unmute => events.mute,
            Told::Hold | Told::Unhold => events.hold,
            Told::SpeechStart | Told::SpeechStop => events.speaker,
            Told::Modify => events.modify,
            Told::AnnouncementEnd | Told::AnnouncementFail => events.announcement,
        }
    }
}

type Params = Vec<(String, String)>;

impl Room {
    /// Of one member.
    pub(super) fn tell_of(&mut self, told: Told, at: usize) {
        let params = self.members.get(at).map(|member| self.member_params(member));
        self.notify(told, params.unwrap_or_default());
    }

    /// Of the conference.
    pub(super) fn tell_room(&mut self, told: Told) {
        let params = if told == Told::End { self.end_params() } else { Vec::new() };
        self.notify(told, params);
    }

    pub(super) fn tell_announcement(&mut self, completed: bool, url: &str, member: Option<usize>) {
        let mut params = member.and_then(|at| self.members.get(at)).map(|m| self.member_params(m)).unwrap_or_default();
        params.push(("AnnounceUrl".to_owned(), url.to_owned()));
        self.notify(if completed { Told::AnnouncementEnd } else { Told::AnnouncementFail }, params);
    }

    /// One POST at the end, whatever else is told.
    pub(super) fn tell_event_callback(&mut self) {
        let Some(url) = self.event_callback.clone() else { return };
        let mut params = self.event_params(Told::End);
        params.extend(self.end_params());
        self.emit(RoomEffect::Notify { url, method: Method::Post, params });
    }

    /// What every request of a conference says.
    pub(super) fn own_params(&self) -> Params {
        vec![pair("ConferenceSid", self.spec.sid), pair("FriendlyName", &self.spec.name)]
    }

    fn notify(&mut self, told: Told, more: Params) {
        let Some(callback) = &self.status_callback else { return };
        if !told.is_wanted(callback.events) {
            return;
        }
        let (url, method) = (callback.url.clone(), callback.method);
        self.sequence += 1;
        let mut params = self.event_params(told);
        if self.is_twilio() {
            params.push(pair("SequenceNumber", self.sequence));
        }
        params.extend(more);
        self.emit(RoomEffect::Notify { url, method, params });
    }

    fn event_params(&self, told: Told) -> Params {
        let mut params = self.own_params();
        params.push(pair("AccountSid", &self.spec.account));
        params.push(pair("StatusCallbackEvent", told.name()));
        params.push(pair("EventName", told.name()));
        params.push(pair("Timestamp", self.clock.1.rfc2822()));
        params
    }

    fn member_params(&self, member: &Member) -> Params {
        let mut params = vec![
            pair("CallSid", member.sid),
            pair("Muted", member.muted),
            pair("Hold", member.hold),
            pair("StartConferenceOnEnter", member.start_on_enter),
            pair("EndConferenceOnExit", member.end_on_exit),
        ];
        if self.is_twilio() {
            params.push(pair("Coaching", member.coaching.is_some()));
            params.extend(member.coaching.map(|sid| pair("CallSidToCoach", sid)));
            params.extend(member.label.as_ref().map(|label| pair("ParticipantLabel", label)));
        }
        params
    }

    fn end_params(&self) -> Params {
        let Some(end) = &self.end else { return Vec::new() };
        let mut params = vec![pair("Duration", end.duration_secs)];
        if let Some(facts) = self.recording.facts()
            && let Some(file) = &facts.file
        {
            params.push(pair("RecordingUrl", &facts.url));
            params.push(pair("RecordingFileSize", file.bytes));
        }
        if self.is_twilio() {
            params.push(pair("ReasonConferenceEnded", end.reason.as_str()));
            params.extend(end.by.map(|sid| pair("CallSidEndingConference", sid)));
        }
        params
    }

    fn is_twilio(&self) -> bool {
        self.spec.dialect == Dialect::Twilio
    }
}

/// laml.md 2.5.
pub(super) fn recording_params(room: &Room, status: &str, facts: &RecordingFacts) -> Params {
    let mut params = vec![
        pair("AccountSid", &room.spec.account),
        pair("ConferenceSid", room.spec.sid),
        pair("RecordingSid", facts.sid),
        pair("RecordingUrl", &facts.url),
        pair("RecordingStatus", status),
        pair("RecordingSource", "Conference"),
        pair("RecordingChannels", facts.file.map_or(1, |file| file.channels)),
        pair("Timestamp", room.clock.1.rfc2822()),
    ];
    if let Some(file) = &facts.file {
        params.push(pair("RecordingDuration", file.duration_secs));
        params.push(pair("RecordingFileSize", file.bytes));
    }
    params
}

fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}
