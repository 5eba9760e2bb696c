use tandem_laml::instruction::{Beep, Conference, WaitMusic};
use tandem_media::control::{PlayId, Seat};
use tandem_model::{CallSid, LegId, WallTime};

use super::contract::{Joining, MemberView};

/// One leg in a conference.
#[derive(Debug)]
pub(super) struct Member {
    pub leg: LegId,
    pub sid: CallSid,
    pub stage: Stage,
    pub muted: bool,
    pub hold: bool,
    pub hold_music: WaitMusic,
    pub wait: WaitMusic,
    pub coaching: Option<CallSid>,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    pub beep: Beep,
    pub label: Option<String>,
    pub created: WallTime,
    pub updated: WallTime,
    /// What it hears of ours while it waits or is on hold.
    pub music: Option<Music>,
    /// URL of the announcement that runs to it alone.
    pub announcing: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its media is on its way to the others'.
    Moving,
    /// The conference has not begun.
    Waiting,
    Seated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Music {
    Clip(PlayId),
    /// A document that its call runs.
    Document,
}

impl Member {
    pub fn new(joining: &Joining, stage: Stage, coaching: Option<CallSid>, now: WallTime) -> Self {
        let Conference { muted, beep, start_on_enter, end_on_exit, ref wait, ref label, .. } = joining.conference;
        Member {
            leg: joining.leg,
            sid: joining.sid,
            stage,
            muted,
            hold: false,
            hold_music: WaitMusic::BuiltIn,
            wait: wait.clone(),
            coaching,
            start_on_enter,
            end_on_exit,
            beep,
            label: label.clone(),
            created: now,
            updated: now,
            music: None,
            announcing: None,
        }
    }

    /// `coached` is the leg of whom it coaches, where that is here. A coach without anybody to hear it is heard by nobody.
    pub fn seat(&self, coached: Option<LegId>) -> Seat {
        let speaks = !self.muted && !self.hold && (self.coaching.is_none() || coached.is_some());
        Seat { speaks, hears: !self.hold, coaches: coached }
    }

    pub fn view(&self) -> MemberView {
        MemberView {
            call: self.sid,
            label: self.label.clone(),
            muted: self.muted,
            hold: self.hold,
            coaching: self.coaching,
            start_on_enter: self.start_on_enter,
            end_on_exit: self.end_on_exit,
            created: self.created,
            updated: self.updated,
        }
    }
}
