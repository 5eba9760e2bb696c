//! Fresh SRTP keys by a re-INVITE of ours, before the ones in use have protected as many packets as they may
//! (RFC 3711 section 8.1, RFC 4568 section 7.1.4). Nothing else of the session changes by it.

use std::time::Duration;

use tandem_model::Timestamp;
use tandem_sip::message::{Message, Method};

use super::contract::{EndedBy, LegEffect, LegReport, RequestId};
use super::talking::Talking;
use super::{ALLOW, Leg, State};

/// Attempts before the key is left to run out: half a minute is what media gives notice of at least.
const TRIES_MAX: u8 = 8;
/// RFC 3261 section 14.1: who made the call waits 2.1 to 4 s after a 491, who was called up to 2 s. Both fit here.
const RETRY_MS_MIN: u64 = 2_100;
const RETRY_MS_SPAN: u64 = 1_900;

/// A change of keys under way.
#[derive(Default)]
pub(super) struct Rekey {
    /// Our re-INVITE without a final response.
    sent: Option<(RequestId, Message)>,
    again: Option<Timestamp>,
    tries: u8,
}

impl Rekey {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.again
    }

    pub(super) fn is_of(&self, id: RequestId) -> bool {
        self.sent.as_ref().is_some_and(|(sent, _)| *sent == id)
    }
}

impl Leg {
    /// Media says that a key is running out.
    pub(super) fn start_rekey(&mut self, now: Timestamp, s: &mut Talking) {
        if s.rekey.sent.is_none() && s.rekey.again.is_none() {
            s.rekey.tries = 0;
            self.offer_fresh_keys(now, s);
        }
    }

    pub(super) fn expire_rekey(&mut self, now: Timestamp, s: &mut Talking) {
        if s.rekey.again.is_some_and(|at| at <= now) {
            s.rekey.again = None;
            self.offer_fresh_keys(now, s);
        }
    }

    fn offer_fresh_keys(&mut self, now: Timestamp, s: &mut Talking) {
        // One offer at a time, and none while our last 2xx waits for its ACK (RFC 3261 section 14.1).
        if s.is_negotiating() || self.media.has_offer() {
            return self.rekey_later(now, s);
        }
        let Some(sdp) = self.make_offer_of_fresh_keys() else { return };
        let hop = s.hop();
        let invite = s.dialog().request(Method::Invite);
        let invite = self.dress(invite, hop.transport).header("Allow", ALLOW).body("application/sdp", sdp).build();
        let id = self.next_request_id();
        self.emit(LegEffect::Request { id, message: invite.clone(), destination: hop });
        s.rekey.sent = Some((id, invite));
    }

    /// None was possible, or the peer wants none now.
    fn rekey_later(&mut self, now: Timestamp, s: &mut Talking) {
        s.rekey.tries += 1;
        if s.rekey.tries < TRIES_MAX {
            let wait = RETRY_MS_MIN + self.entropy.next_u64() % RETRY_MS_SPAN;
            s.rekey.again = Some(now + Duration::from_millis(wait));
        }
    }

    pub(super) fn rekey_failed(&mut self, now: Timestamp, s: &mut Talking) {
        s.rekey.sent = None;
        self.media.forget_offer();
        self.rekey_later(now, s);
    }

    pub(super) fn rekey_response(&mut self, now: Timestamp, mut s: Box<Talking>, response: &Message) {
        match response.status().unwrap_or(0) {
            0..=199 => {}
            200..=299 => {
                let Some(sent) = s.rekey.sent.take() else {
                    self.state = State::Talking(s);
                    return;
                };
                s.sent_again(sent, response);
                self.acknowledge(&mut s);
                match self.take_answer(response.body()) {
                    Ok(Some(codec)) => self.report(LegReport::Renegotiated { codec }),
                    Ok(None) => {}
                    // The offer and its answer are past: there is no session to go back to.
                    Err(refused) => {
                        self.end(488, refused.why, EndedBy::Failure, vec![]);
                        return self.bye(now, *s, Some("SIP;cause=488"));
                    }
                }
            }
            // RFC 3261 section 14.1: these end the dialog.
            status @ (408 | 481) => {
                s.rekey.sent = None;
                self.end(status, "re-INVITE failed", EndedBy::Failure, vec![]);
                return self.bye(now, *s, None);
            }
            _ => self.rekey_failed(now, &mut s),
        }
        self.state = State::Talking(s);
    }
}
