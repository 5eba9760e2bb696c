//! Early dialogs of one INVITE of ours: one for each callee that a proxy forked it to (RFC 3261 sections 12.1.2 and
//! 13.2.2.4). Each has its own offer and answer; media follows the one that last sent a description.

use tandem_model::{Endpoint, limits};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::Message;

use super::body::described;
use super::contract::RequestId;
use super::media::Session;
use super::{Leg, hop};

/// One early dialog.
pub(super) struct Fork {
    pub dialog: Dialog,
    /// Where its first response came from.
    pub flow: Endpoint,
    /// RSeq of its last reliable response (RFC 3262 section 4).
    pub rseq: Option<u32>,
    /// A PRACK without its answer.
    pub pracking: Option<RequestId>,
    /// Our offer has its answer in a reliable response, or theirs in our PRACK: later descriptions of this INVITE's
    /// responses say nothing (RFC 3261 section 13.2.1).
    pub settled: bool,
    /// What its offer and answer came to, while another's is in use. None: nothing beyond what our INVITE said.
    session: Option<Session>,
}

impl Fork {
    pub(super) fn hop(&self) -> Endpoint {
        hop::next_hop(self.dialog.next_hop(), self.flow)
    }

    pub(super) fn tag(&self) -> &str {
        &self.dialog.id().remote_tag
    }
}

#[derive(Default)]
pub(super) struct Forks {
    list: Vec<Fork>,
    /// Whose session media follows.
    in_use: Option<usize>,
    /// The session as our INVITE left it; kept once a fork has changed it.
    base: Option<Session>,
}

impl Forks {
    pub(super) fn with_tag(&mut self, tag: &str) -> Option<&mut Fork> {
        self.list.iter_mut().find(|f| f.tag() == tag)
    }

    /// The fork of a provisional response, made if it is new. None: it makes no dialog, or there are too many.
    pub(super) fn of_response(&mut self, invite: &Message, response: &Message, source: Endpoint) -> Option<usize> {
        let tag = response.to_tag()?;
        if let Some(at) = self.list.iter().position(|f| f.tag() == tag) {
            // A target refresh that makes no sense leaves the old target (RFC 3261 section 12.2.1.2).
            let _ = self.list[at].dialog.handle_response(response);
            return Some(at);
        }
        if self.list.len() >= limits::FORKS_MAX {
            return None;
        }
        let dialog = Dialog::uac(invite, response).ok()?;
        let (rseq, pracking, settled, session) = (None, None, false, None);
        self.list.push(Fork { dialog, flow: source, rseq, pracking, settled, session });
        Some(self.list.len() - 1)
    }

    pub(super) fn get(&mut self, at: usize) -> Option<&mut Fork> {
        self.list.get_mut(at)
    }

    /// The fork that media follows, if its offer and answer are done.
    pub(super) fn settled(&mut self) -> Option<&mut Fork> {
        self.list.get_mut(self.in_use?).filter(|f| f.settled)
    }

    /// Takes a fork out, with whether its session is in use.
    fn remove(&mut self, at: usize) -> Option<(Fork, bool)> {
        if at >= self.list.len() {
            return None;
        }
        let fork = self.list.remove(at);
        let was_in_use = self.in_use == Some(at);
        self.in_use = match self.in_use {
            Some(used) if used > at => Some(used - 1),
            Some(used) if used < at => Some(used),
            _ => None,
        };
        Some((fork, was_in_use))
    }

    pub(super) fn take(&mut self, tag: &str) -> Option<Fork> {
        let at = self.position(tag)?;
        self.remove(at).map(|(fork, _)| fork)
    }

    fn position(&self, tag: &str) -> Option<usize> {
        self.list.iter().position(|f| f.tag() == tag)
    }
}

impl Leg {
    /// Media's offer and answer are this fork's from now on. True when they were another's.
    pub(super) fn follow_fork(&mut self, forks: &mut Forks, at: usize) -> bool {
        if forks.in_use == Some(at) || at >= forks.list.len() {
            return false;
        }
        let session = forks.list[at].session.take();
        self.park_session(forks);
        self.media.session = session.or_else(|| forks.base.clone()).unwrap_or_default();
        forks.in_use = Some(at);
        true
    }

    /// Puts the session in use back where it belongs, without an offer of ours that waits there for an answer: it is made
    /// to whoever answers the INVITE.
    fn park_session(&mut self, forks: &mut Forks) {
        self.early_update_failed();
        let current = std::mem::take(&mut self.media.session);
        match forks.in_use.take().and_then(|at| forks.list.get_mut(at)) {
            Some(fork) => fork.session = Some(current),
            None => forks.base = Some(current),
        }
    }

    /// The fork that answered, whose session is in use from now on; None when it was not heard of before.
    pub(super) fn answered_fork(&mut self, forks: &mut Forks, response: &Message) -> Option<Fork> {
        let at = response.to_tag().and_then(|tag| forks.position(tag));
        let Some(at) = at else {
            if forks.in_use.is_some() {
                self.park_session(forks);
                self.media.session = forks.base.clone().unwrap_or_default();
            }
            return None;
        };
        // What the fork agreed on early is media's again, unless the answer says otherwise.
        if self.follow_fork(forks, at) && (described(response).is_empty() || forks.list[at].settled) {
            self.configure_again();
        }
        forks.remove(at).map(|(fork, _)| fork)
    }

    /// A fork is given up (RFC 6228 section 5): its early media with it, and another's is heard if there is one.
    pub(super) fn drop_fork(&mut self, forks: &mut Forks, response: &Message) {
        let Some(at) = response.to_tag().and_then(|tag| forks.position(tag)) else { return };
        let Some((_, true)) = forks.remove(at) else { return };
        self.early_update_failed();
        self.media.session = forks.base.clone().unwrap_or_default();
        let other = forks.list.iter().rposition(|f| f.session.as_ref().is_some_and(Session::is_agreed));
        if let Some(other) = other {
            self.follow_fork(forks, other);
            self.configure_again();
        }
    }
}
