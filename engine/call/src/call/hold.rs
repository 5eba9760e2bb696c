//! Hold crosses the bridge: who is put on hold by the party it talks to is told so, or hears music. A bridge of this call
//! passes it on, and one between a caller out of a queue and its agent, whose calls tell each other (`queue/talk.rs`); a
//! room or a document does not.
//!
//! ```text
//!   Held(partner) ┐
//!   bridge made   ├─► settle_holds ─► Reoffer, or Play and StopPlay, to whom what it was told last is true no more
//!   bridge over   ┘
//! ```

use std::sync::Arc;

use tandem_media::control::{Clip, Command, PlayId, Repeat};
use tandem_model::LegId;

use super::Call;
use super::contract::CallEffect;
use crate::leg::{Hold, LegCommand};

/// What becomes of a hold at the other side of a bridge.
#[derive(Clone, Debug, Default)]
pub enum HoldUse {
    /// The other party is offered the session as the holder has it (RFC 3264 section 8.4).
    #[default]
    Pass,
    /// The other party hears this, whatever the holder sends, and its session stays as it is.
    Music(Arc<Clip>),
    /// Each side answers for itself: the other hears what the holder sends, or nothing.
    Local,
}

/// What a leg was told last of its partner's hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Offer(Hold),
    Music(PlayId),
    /// It is held, and not told.
    Nothing,
}

impl Told {
    pub(super) const NOT_HELD: Told = Told::Offer(Hold::Off);
}

impl Call {
    /// Lets two legs hear each other. What either was played ends with that.
    pub(super) fn bridge(&mut self, a: LegId, b: LegId) {
        for id in [a, b] {
            if let Some(leg) = self.legs.get_mut(&id).filter(|l| matches!(l.told, Told::Music(_))) {
                leg.told = Told::NOT_HELD;
                self.allow_silence(id, false);
            }
        }
        self.emit(CallEffect::Media(Command::Bridge { a, b }));
    }

    /// Tells each leg, and the other call of a conversation out of a queue, what has changed of its partner's hold.
    pub(super) fn settle_holds(&mut self) {
        if self.ending {
            return;
        }
        self.tell_queue_of_hold();
        let far = self.queue_partner_hold();
        let quiet = far.unwrap_or_default() == Hold::Off
            && self.legs.values().all(|l| l.held == Hold::Off && l.told == Told::NOT_HELD);
        if quiet {
            return;
        }
        let live: Vec<LegId> = self.legs.values().filter(|l| l.is_answered() && !l.leaving).map(|l| l.id).collect();
        for id in live {
            let near = || self.partner_of(id).and_then(|partner| self.legs.get(&partner)).map(|p| p.held);
            let hold = far.filter(|_| id == self.primary).or_else(near).unwrap_or_default();
            self.tell_hold(id, hold);
        }
    }

    /// The other party of the bridge that a leg is in.
    fn partner_of(&self, id: LegId) -> Option<LegId> {
        if self.transfer.as_ref().is_some_and(|t| t.is_heard_by(id)) {
            return None;
        }
        let bridged = self.dial.as_ref()?.bridged()?;
        let partner = match (id == self.primary, id == bridged) {
            (true, false) => bridged,
            (false, true) => self.primary,
            // A party whose partner has left a transfer to itself is both.
            (true, true) | (false, false) => return None,
        };
        self.legs.get(&partner).filter(|l| l.is_answered()).map(|l| l.id)
    }

    fn tell_hold(&mut self, id: LegId, hold: Hold) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match (&self.env.hold, leg.told, hold) {
            (HoldUse::Pass, Told::Offer(told), hold) if told == hold => {}
            (HoldUse::Pass, ..) => {
                leg.told = Told::Offer(hold);
                self.command(id, LegCommand::Reoffer { hold, prefer: None });
            }
            (HoldUse::Music(_) | HoldUse::Local, told, Hold::Off) if told != Told::NOT_HELD => {
                leg.told = Told::NOT_HELD;
                if let Told::Music(play) = told {
                    self.emit(CallEffect::Media(Command::StopPlay { leg: id, play }));
                }
                self.allow_silence(id, false);
            }
            (HoldUse::Music(clip), Told::NOT_HELD, Hold::SendOnly | Hold::Inactive) => {
                let clip = clip.clone();
                self.plays += 1;
                let play = PlayId(self.plays);
                leg.told = Told::Music(play);
                self.emit(CallEffect::Media(Command::Play { leg: id, play, clip, repeat: Repeat::Forever }));
                self.allow_silence(id, true);
            }
            (HoldUse::Local, Told::NOT_HELD, Hold::SendOnly | Hold::Inactive) => {
                leg.told = Told::Nothing;
                self.allow_silence(id, true);
            }
            (HoldUse::Music(_) | HoldUse::Local, ..) => {}
        }
    }

    /// Who is held without a re-INVITE sends on, or nothing: it may be muted, and its media is no sign of life.
    fn allow_silence(&mut self, leg: LegId, allowed: bool) {
        self.emit(CallEffect::Media(Command::AllowSilence { leg, allowed }));
    }
}
