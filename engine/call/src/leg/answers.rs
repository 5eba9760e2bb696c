//! What callees and proxies answer to an INVITE of ours (RFC 3261 section 13.2.2, RFC 3262 section 4).

use tandem_model::{Endpoint, Timestamp};
use tandem_sip::dialog::{Dialog, RAck, reliable_rseq};
use tandem_sip::message::{Message, Method, reason_phrase};

use super::body::described;
use super::contract::{Answer, EndedBy, KEPT_BACK, LegReport, RequestFailure, RequestId};
use super::forks::Forks;
use super::media::parse;
use super::outgoing::Outgoing;
use super::session_timer::TOO_SMALL_MAX;
use super::talking::Talking;
use super::{Leg, Reliable, State};
use crate::carrier::retry_after;

impl Leg {
    pub(super) fn invite_response(
        &mut self,
        now: Timestamp,
        mut s: Box<Outgoing>,
        response: Message,
        source: Endpoint,
    ) {
        let status = response.status().unwrap_or(0);
        self.note_allow(&response);
        s.hops.answers(status);
        if (101..300).contains(&status) && s.cancelled.is_none() {
            self.note_dialog(&response);
        }
        match status {
            0..=100 => {}
            101..=199 => self.provisional(&mut s, &response, source),
            200..=299 => return self.invite_accepted(now, s, response, source),
            401 | 407 if s.cancelled.is_none() => {
                let proof = match (&s.sent, s.hops.current()) {
                    (Some((_, invite)), Some(hop)) => self.prove(invite, s.auth_tries, &response, hop, source),
                    _ => None,
                };
                let Some(proof) = proof else { return self.invite_refused(now, status, response) };
                s.auth_tries += 1;
                return self.send_again(now, s, Some(proof));
            }
            422 if s.cancelled.is_none() && s.too_small < TOO_SMALL_MAX && self.timer.too_small(&response) => {
                s.too_small += 1;
                return self.send_again(now, s, None);
            }
            _ if s.hops.moves_after(status) => match self.try_next_hop(now, s) {
                Ok(()) => return,
                Err(_) => return self.invite_refused(now, status, response),
            },
            _ => return self.invite_refused(now, status, response),
        }
        self.state = State::Outgoing(s);
    }

    pub(super) fn invite_failed(&mut self, now: Timestamp, s: Box<Outgoing>, failure: RequestFailure) {
        if self.try_next_hop(now, s).is_ok() {
            return;
        }
        let (status, why) = match failure {
            RequestFailure::Timeout => (408, "Request Timeout"),
            RequestFailure::Transport => (503, "Transport failed"),
            // As if the server had said it (RFC 7339 section 5.10.1).
            RequestFailure::KeptBack => (503, KEPT_BACK),
        };
        self.end(status, why, EndedBy::Failure, vec![]);
        self.close(now);
    }

    /// The INVITE as a new one of the same call (RFC 3261 section 22.2, RFC 4028 section 7.1).
    fn send_again(&mut self, now: Timestamp, mut s: Box<Outgoing>, proof: Option<(&'static str, String)>) {
        s.cseq += 1;
        s.forks = Forks::default();
        self.launch(now, &mut s, proof.as_ref());
        self.state = State::Outgoing(s);
        self.record();
    }

    fn provisional(&mut self, s: &mut Outgoing, response: &Message, source: Endpoint) {
        let status = response.status().unwrap_or(0);
        if status == 199 {
            return self.drop_fork(&mut s.forks, response);
        }
        let Some((_, invite)) = &s.sent else { return };
        let (at, invite_cseq) = (s.forks.of_response(invite, response, source), invite.cseq().number);
        let rseq = reliable_rseq(response).filter(|_| self.env.extensions.reliable != Reliable::Off);
        let fork = at.and_then(|at| s.forks.get(at));
        if let (Some(rseq), Some(fork)) = (rseq, &fork)
            && fork.rseq.is_some_and(|last| rseq != last.wrapping_add(1))
        {
            // Again, or before one that was lost: it is no news, or will come again (RFC 3262 section 4).
            return;
        }
        let settled = fork.is_some_and(|f| f.settled);
        let (mut early_media, mut answer, mut settles) = (None, None, false);
        let body = described(response);
        if !body.is_empty() && !settled {
            if let Some(at) = at {
                self.follow_fork(&mut s.forks, at);
            }
            if s.spec.late_offer {
                // Their offer counts only where our answer can follow (RFC 3262 section 5).
                let offer = rseq.and_then(|_| parse(body).ok());
                let agreed = offer.and_then(|offer| self.negotiate_answer(&offer, None).ok());
                settles = agreed.is_some();
                (answer, early_media) = agreed.map_or((None, None), |(sdp, codec)| (Some(sdp), Some(codec)));
            } else {
                // An early answer that does not suit is no reason to give up: the 2xx has the final say.
                early_media = match self.preview_answer(body) {
                    Ok(codec) => {
                        settles = rseq.is_some();
                        codec
                    }
                    Err(_) => None,
                };
                if settles {
                    self.media.settle_offer();
                }
                early_media = early_media.or(self.current_codec());
            }
        }
        if let (Some(rseq), Some(fork)) = (rseq, at.and_then(|at| s.forks.get(at))) {
            fork.rseq = Some(rseq);
            fork.settled |= settles;
            let rack = RAck { rseq, cseq: invite_cseq, method: Method::Invite };
            self.acknowledge_provisional(fork, rack, answer);
        }
        if s.cancelled.is_none() {
            self.report(LegReport::Progress { status, early_media });
        }
    }

    /// A response to a request of an early dialog, or to an INVITE that was left unanswered.
    pub(super) fn other_response(&mut self, s: &mut Outgoing, id: RequestId, response: &Message, source: Endpoint) {
        if let Some((_, invite)) = s.hops.given_up.iter().find(|(sent, _)| *sent == id) {
            return self.decline_2xx(&invite.clone(), None, response, source);
        }
        let Some(fork) = response.to_tag().and_then(|tag| s.forks.with_tag(tag)) else { return };
        if fork.pracking == Some(id) && response.status().is_some_and(|c| c >= 200) {
            fork.pracking = None;
        }
        let hop = fork.hop();
        self.early_update_response(&mut fork.dialog, hop, id, response, source);
    }

    fn invite_accepted(&mut self, now: Timestamp, mut s: Box<Outgoing>, response: Message, source: Endpoint) {
        let Some((id, invite)) = s.sent.take() else { return self.close(now) };
        let fork = self.answered_fork(&mut s.forks, &response);
        let settled = fork.as_ref().is_some_and(|f| f.settled);
        let dialog = match fork {
            Some(mut fork) => fork.dialog.handle_response(&response).map(|()| fork.dialog),
            None => Dialog::uac(&invite, &response),
        };
        let Ok(dialog) = dialog else {
            self.end(502, "2xx without a dialog", EndedBy::Failure, vec![]);
            return self.close(now);
        };
        self.known.add(source);
        let forks = std::mem::take(&mut s.forks);
        let mut talking = Talking::accepted(dialog, source, (id, invite), forks, std::mem::take(&mut s.hops.given_up));
        if s.cancelled.is_some() {
            // The 2xx won against our CANCEL: the dialog exists and is ended like any other (RFC 3261 section 9.1).
            self.acknowledge(&mut talking, None);
            return self.bye(now, talking, None);
        }
        let agreed = if s.spec.late_offer && !settled {
            // Their offer, answered by our ACK (RFC 3261 section 13.2.2.4).
            let agreed = parse(described(&response)).and_then(|offer| self.negotiate_answer(&offer, None));
            self.acknowledge(&mut talking, agreed.as_ref().ok().map(|(sdp, _)| sdp.clone()));
            agreed.map(|_| ())
        } else {
            self.acknowledge(&mut talking, None);
            match described(&response) {
                _ if settled => Ok(()),
                // What was agreed early stands.
                [] => {
                    self.media.forget_offer();
                    Ok(())
                }
                body => self.take_answer(body).map(|_| ()),
            }
        };
        self.facts_from(&response);
        self.timer.granted(now, &response);
        match (agreed, self.current_codec()) {
            (Ok(()), Some(codec)) if self.media.is_agreed() => {
                self.state = State::Talking(Box::new(talking));
                self.record();
                self.facts.answered_at.get_or_insert(now);
                self.note_hold();
                let answer = Answer { call_id: self.facts.call_id.clone(), headers: self.final_headers.clone() };
                let encrypted = self.media.is_encrypted();
                self.report(LegReport::Answered { codec, encrypted, answer: Some(Box::new(answer)) });
                self.resume_ours(now);
            }
            (Err(refused), _) => self.unusable_answer(now, talking, &refused.why),
            (Ok(()), _) => self.unusable_answer(now, talking, "2xx without SDP"),
        }
    }

    /// Their 2xx stands, so the only way to refuse its SDP is ACK and BYE (RFC 3261 section 13.2.2.4).
    fn unusable_answer(&mut self, now: Timestamp, talking: Talking, why: &str) {
        self.end(488, why, EndedBy::Failure, vec![]);
        self.bye(now, talking, Some("SIP;cause=488"));
    }

    /// All early dialogs end with it (RFC 3261 section 13.2.2.3): what forked, a proxy has put together.
    fn invite_refused(&mut self, now: Timestamp, status: u16, response: Message) {
        self.facts_from(&response);
        self.facts.cause = response.header("Reason").map(str::to_owned);
        let reason = match response.reason() {
            "" => reason_phrase(status).to_owned(),
            text => text.to_owned(),
        };
        self.note_redirect(status, &response);
        self.facts.retry_after = retry_after(&response).filter(|_| status == 503);
        self.end(status, reason, EndedBy::Remote, x_headers(&response));
        self.close(now);
    }

    fn facts_from(&mut self, response: &Message) {
        self.final_headers = x_headers(response);
    }
}

/// Extension header fields, as applications are shown them.
pub(super) fn x_headers(message: &Message) -> Vec<(String, String)> {
    message
        .all_headers()
        .filter(|(name, _)| name.len() > 2 && name[..2].eq_ignore_ascii_case("x-"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
