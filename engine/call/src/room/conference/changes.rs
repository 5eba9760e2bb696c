//! What REST changes of a conference and its members (laml.md 3.9).

use tandem_laml::instruction::Method;
use tandem_model::{CallSid, LegId, Timestamp, WallTime};

use super::Room;
use super::callbacks::Told;
use super::contract::{ChangeRefused, ConferenceEvent, EndReason, MemberChange};
use super::member::{Music, Stage};
use crate::call::ApiDocument;

impl Room {
    /// # Errors
    /// [`ChangeRefused`]; nothing was changed then.
    pub fn change(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        call: CallSid,
        change: MemberChange,
    ) -> Result<(), ChangeRefused> {
        self.clock = (now, wall);
        let at = self.of_call(call).ok_or(ChangeRefused::NoMember)?;
        if let Some(Some(coached)) = change.coaching
            && (coached == call || self.of_call(coached).is_none())
        {
            return Err(ChangeRefused::NoCoached);
        }
        self.members[at].updated = wall;
        if let Some(music) = change.hold_music {
            self.members[at].hold_music = music;
        }
        if let Some(muted) = change.muted {
            self.mute(at, muted);
        }
        if let Some(hold) = change.hold {
            self.hold(at, hold);
        }
        if let Some(wait) = change.wait {
            self.members[at].wait = wait;
            if self.members[at].stage == Stage::Waiting && !self.members[at].hold {
                self.play_wait(at);
            }
        }
        let mut modified = false;
        if let Some(coaching) = change.coaching
            && self.members[at].coaching != coaching
        {
            self.members[at].coaching = coaching;
            modified = true;
            self.reseat(at);
        }
        if let Some(end_on_exit) = change.end_on_exit {
            modified |= std::mem::replace(&mut self.members[at].end_on_exit, end_on_exit) != end_on_exit;
        }
        if let Some(beep) = change.beep {
            self.members[at].beep = beep;
        }
        if modified {
            self.tell_of(Told::Modify, at);
        }
        if let Some((url, method)) = change.announce {
            self.announce_to(at, url, method);
        }
        Ok(())
    }

    /// Takes a member out: its call goes on with what follows its Dial. False when there is none.
    pub fn kick(&mut self, now: Timestamp, wall: WallTime, call: CallSid) -> bool {
        self.clock = (now, wall);
        let Some(at) = self.of_call(call) else { return false };
        let leg = self.members[at].leg;
        self.tell(leg, ConferenceEvent::Ended);
        self.leave(leg, true);
        true
    }

    /// Ends the conference for all.
    pub fn complete(&mut self, now: Timestamp, wall: WallTime, reason: EndReason) {
        self.clock = (now, wall);
        self.finish(reason, None);
    }

    /// What came of an announcement to one member.
    pub(super) fn announced(&mut self, leg: LegId, completed: bool) {
        let Some(at) = self.at(leg) else { return };
        let Some(url) = self.members[at].announcing.take() else { return };
        self.tell_announcement(completed, &url, Some(at));
        if self.members[at].music.is_none() {
            match (self.members[at].hold, self.members[at].stage) {
                (true, _) => self.play_hold(at),
                (false, Stage::Waiting) => self.play_wait(at),
                (false, Stage::Moving | Stage::Seated) => {}
            }
        }
    }

    fn mute(&mut self, at: usize, muted: bool) {
        if std::mem::replace(&mut self.members[at].muted, muted) != muted {
            self.reseat(at);
            self.tell_of(if muted { Told::Mute } else { Told::Unmute }, at);
        }
    }

    /// Who is on hold already gets other music, if there is.
    fn hold(&mut self, at: usize, hold: bool) {
        let was = std::mem::replace(&mut self.members[at].hold, hold);
        if hold {
            self.play_hold(at);
        } else if was {
            self.stop_music(at);
            if self.members[at].stage == Stage::Waiting {
                self.play_wait(at);
            }
        }
        if was != hold {
            self.reseat(at);
            self.tell_of(if hold { Told::Hold } else { Told::Unhold }, at);
        }
    }

    /// It alone hears it. One that runs ends.
    fn announce_to(&mut self, at: usize, url: String, method: Method) {
        if let Some(before) = self.members[at].announcing.replace(url.clone()) {
            self.tell_announcement(false, &before, Some(at));
        }
        // One leg plays one thing at a time: music goes on when the announcement is over.
        if let Some(Music::Clip(_)) = self.members[at].music {
            self.stop_music(at);
        }
        let (leg, params) = (self.members[at].leg, self.own_params());
        self.tell(leg, ConferenceEvent::Announce { document: ApiDocument::Url(url, method), params });
    }
}
