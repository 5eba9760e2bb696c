//! A call's part in call queues: its caller waits in one, or it is an agent's that takes who is next. Who waits where is known by the
//! machine of `room/queue`, which is asked by [`CallEffect::Queue`] and answers with news.

mod agent;
mod member;
mod talk;

pub(super) use agent::Serving;
pub(super) use member::Queued;

use tandem_media::control::MoveFailed;
use tandem_model::Timestamp;

use super::Call;
use super::contract::CallEffect;
use crate::room::queue::{QueueAsk, QueueNews, QueueTicket};

impl Call {
    fn queue_ticket(&mut self) -> QueueTicket {
        self.queue_tickets += 1;
        QueueTicket { leg: self.primary, nth: self.queue_tickets }
    }

    fn ask_queue(&mut self, ask: QueueAsk) {
        self.emit(CallEffect::Queue(ask));
    }

    /// What is told of a wait or a Dial that is over changes nothing.
    pub(super) fn queue_news(&mut self, news: QueueNews) {
        let ticket = news.ticket();
        let ours = [self.queued.as_ref().map(|q| q.ticket), self.serving.as_ref().map(|s| s.ticket)];
        if let QueueNews::Held { hold, .. } = news {
            if ours.contains(&Some(ticket)) {
                self.held_by_partner(hold);
            }
        } else if self.queued.as_ref().is_some_and(|q| q.ticket == ticket) {
            self.member_news(news);
        } else if self.serving.as_ref().is_some_and(|s| s.ticket == ticket) {
            self.agent_news(news);
        }
    }

    pub(super) fn queue_media_moved(&mut self, result: Result<(), MoveFailed>) {
        self.member_moved(result);
    }

    /// The primary leg is answered.
    pub(super) fn queue_leg_answered(&mut self) {
        self.member_answered();
        self.agent_answered();
    }

    /// The primary leg is gone.
    pub(super) fn queue_leg_ended(&mut self) {
        self.member_left();
        self.agent_left();
    }

    pub(super) fn queue_deadline(&self) -> Option<Timestamp> {
        let member = self.queued.as_deref().and_then(Queued::deadline);
        let agent = self.serving.as_deref().and_then(Serving::deadline);
        member.into_iter().chain(agent).min()
    }

    pub(super) fn expire_queue(&mut self, now: Timestamp) {
        self.expire_member(now);
        self.expire_agent(now);
    }
}
