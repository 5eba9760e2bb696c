//! The conversation of a caller out of a queue with the agent who took it: two calls, and each tells the other, by way of the
//! queues, when its telephone holds.

use super::super::Call;
use crate::leg::Hold;
use crate::room::queue::{QueueAsk, QueueTicket};

/// What the two have said of hold to each other.
#[derive(Clone, Copy, Default)]
pub(super) struct Talk {
    /// How the other holds us.
    theirs: Hold,
    /// What the other was told of ours.
    told: Hold,
}

impl Call {
    /// How the other party holds the primary leg; None without a conversation out of a queue.
    pub(in super::super) fn queue_partner_hold(&self) -> Option<Hold> {
        let member = self.queued.as_deref().and_then(|q| q.talk());
        member.or_else(|| self.serving.as_deref()?.talk()).map(|talk| talk.theirs)
    }

    pub(in super::super) fn tell_queue_of_hold(&mut self) {
        let held = self.legs.get(&self.primary).map_or(Hold::Off, |l| l.held);
        let Some((ticket, talk)) = self.talk_mut() else { return };
        if std::mem::replace(&mut talk.told, held) != held {
            self.ask_queue(QueueAsk::Hold { ticket, hold: held });
        }
    }

    pub(super) fn held_by_partner(&mut self, hold: Hold) {
        if let Some((_, talk)) = self.talk_mut() {
            talk.theirs = hold;
        }
    }

    fn talk_mut(&mut self) -> Option<(QueueTicket, &mut Talk)> {
        let member = self.queued.as_deref_mut().and_then(|q| Some((q.ticket, q.talk_mut()?)));
        member.or_else(|| self.serving.as_deref_mut().and_then(|s| Some((s.ticket, s.talk_mut()?))))
    }
}
