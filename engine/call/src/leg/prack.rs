//! Reliable provisional responses (RFC 3262): ours until their PRACK comes, and the PRACK for those of a callee.
//!
//! One of ours at a time (section 3: the next waits for the PRACK of the first). Once one with SDP is out, the 2xx waits
//! for its PRACK too, and says nothing of media any more (section 5).

use tandem_model::{Endpoint, Entropy, Timestamp};
use tandem_sip::dialog::{RAck, Retransmit, RetransmitProvisional};
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::abilities::has;
use super::body::{described, description_or_refusal};
use super::contract::{EndedBy, LegEffect, LegReport, Reliable};
use super::forks::Fork;
use super::incoming::{Incoming, Told};
use super::media::parse;
use super::{Leg, Refused, State};

/// Which of our provisional responses go reliably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Never,
    /// Those with SDP.
    WithSdp,
    Always,
}

impl Use {
    /// By policy and what the INVITE says; or the refusal it deserves.
    pub(super) fn towards(invite: &Message, policy: Reliable) -> Result<Use, Refused> {
        let requires = invite.token_list("Require").any(|tag| tag.eq_ignore_ascii_case("100rel"));
        match (policy, requires, has(invite, "100rel")) {
            // Requiring what is off was refused with 420 already.
            (Reliable::Off, ..) | (Reliable::Supported, false, false) => Ok(Use::Never),
            (_, true, _) | (Reliable::Required, _, true) => Ok(Use::Always),
            (Reliable::Supported, false, true) => Ok(Use::WithSdp),
            // RFC 3261 section 21.4.15.
            (Reliable::Required, false, false) => {
                let mut refused = Refused::new(421, "100rel is required here");
                refused.headers.push(("Require", "100rel".to_owned()));
                Err(refused)
            }
        }
    }
}

/// Our reliable provisional responses to one INVITE.
pub(super) struct Provisionals {
    next_rseq: u32,
    unacknowledged: Option<Unacknowledged>,
}

struct Unacknowledged {
    rseq: u32,
    response: Message,
    timer: RetransmitProvisional,
}

impl Provisionals {
    pub(super) fn new(entropy: &mut dyn Entropy) -> Self {
        // RFC 3262 section 3: between 1 and 2^31 - 1, and there must be room above.
        Provisionals { next_rseq: 1 + entropy.next_u32() % 0x3FFF_FFFF, unacknowledged: None }
    }

    /// The RSeq of the response that goes out now.
    pub(super) fn take_rseq(&mut self) -> u32 {
        let rseq = self.next_rseq;
        self.next_rseq = self.next_rseq.wrapping_add(1);
        rseq
    }

    pub(super) fn sent(&mut self, now: Timestamp, rseq: u32, response: Message) {
        self.unacknowledged = Some(Unacknowledged { rseq, response, timer: RetransmitProvisional::start(now) });
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.unacknowledged.is_some()
    }

    /// Whether SDP of ours waits: the 2xx must not go before its PRACK (RFC 3262 section 3).
    pub(super) fn has_sdp_waiting(&self) -> bool {
        self.unacknowledged.as_ref().is_some_and(|u| !u.response.body().is_empty())
    }

    /// The RSeq that a PRACK may still come for.
    pub(super) fn outstanding(&self) -> Option<u32> {
        self.unacknowledged.as_ref().map(|u| u.rseq)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.unacknowledged.as_ref().and_then(|u| u.timer.deadline())
    }

    /// Whether a PRACK is for the response that waits. It is acknowledged then.
    fn acknowledge(&mut self, rack: RAck, invite: &Message) -> bool {
        let matches = is_for(self.outstanding(), rack, invite.cseq().number);
        if matches {
            self.unacknowledged = None;
        }
        matches
    }
}

/// RFC 3262 section 3: RSeq, and CSeq and method of the INVITE, must be those of a response that waits.
pub(super) fn is_for(outstanding: Option<u32>, rack: RAck, invite_cseq: u32) -> bool {
    outstanding == Some(rack.rseq) && rack.cseq == invite_cseq && rack.method == Method::Invite
}

impl Leg {
    pub(super) fn expire_provisional(&mut self, now: Timestamp, mut s: Box<Incoming>) {
        let Some(waiting) = s.provisionals.unacknowledged.as_mut() else {
            self.state = State::Incoming(s);
            return;
        };
        match waiting.timer.expire(now) {
            None => self.state = State::Incoming(s),
            Some(Retransmit::Again) => {
                let message = waiting.response.clone();
                self.emit(LegEffect::Respond { key: s.key, message });
                self.state = State::Incoming(s);
            }
            Some(Retransmit::GiveUp) => {
                // RFC 3262 section 3: a 5xx.
                self.respond(s.key, &s.invite, s.source, 504, None, &[]);
                self.end(504, "No PRACK", EndedBy::Failure, vec![]);
                self.close(now);
            }
        }
    }

    /// A PRACK before our final response.
    pub(super) fn prack_received(
        &mut self,
        now: Timestamp,
        mut s: Box<Incoming>,
        key: ServerKey,
        prack: &Message,
        source: Endpoint,
    ) {
        let status = match RAck::of(prack) {
            None => Some(400),
            Some(rack) if !s.provisionals.acknowledge(rack, &s.invite) => Some(481),
            Some(_) => None,
        };
        if let Some(status) = status {
            self.respond(key, prack, source, status, None, &[]);
            self.state = State::Incoming(s);
            return;
        }
        self.peer_is_there(now);
        match (s.told, described(prack)) {
            (Told::Offer, []) => {
                self.respond(key, prack, source, 200, None, &[]);
                return self.not_acceptable(now, s, Refused::new(488, "PRACK without the answer to our offer"));
            }
            (Told::Offer, body) => match self.take_answer(body) {
                Ok(codec) => {
                    s.told = Told::Agreed;
                    self.respond(key, prack, source, 200, None, &[]);
                    self.report(LegReport::Progress { status: s.progress, early_media: codec });
                }
                Err(refused) => {
                    self.respond(key, prack, source, refused.status, None, &[]);
                    return self.not_acceptable(now, s, refused);
                }
            },
            (_, []) => self.respond(key, prack, source, 200, None, &[]),
            // A further offer (RFC 3262 section 5).
            (Told::Agreed, _) => {
                self.answer_early_offer(key, prack, source);
            }
            // Its offer before we have answered that of its INVITE, as RFC 3311 section 5.2 has it for UPDATE.
            (Told::Nothing | Told::Preview, _) => {
                self.respond(key, prack, source, 500, None, &[("Retry-After", "2")]);
            }
        }
        self.resume_incoming(now, s);
    }

    /// An offer in PRACK or UPDATE of an early dialog whose first offer has its answer.
    pub(super) fn answer_early_offer(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        if self.media.has_offer() {
            return self.respond(key, request, source, 491, None, &[]);
        }
        let answer = match description_or_refusal(request) {
            Ok([]) => Ok(None),
            Ok(body) => parse(body).and_then(|offer| self.negotiate_answer(&offer, self.current_codec())).map(Some),
            Err(refused) => Err(refused),
        };
        match answer {
            Ok(None) => {
                self.respond_in_dialog(key, request, source, 200, None, &[], None);
            }
            Ok(Some((sdp, codec))) => {
                self.respond_in_dialog(key, request, source, 200, None, &[], Some(sdp));
                self.report_session(codec);
            }
            Err(refused) => self.refuse(key, request, source, &refused),
        }
    }

    /// Acknowledges a reliable provisional response, with the answer to an offer it made (RFC 3262 sections 4 and 5).
    pub(super) fn acknowledge_provisional(&mut self, fork: &mut Fork, rack: RAck, answer: Option<bytes::Bytes>) {
        let (hop, rack) = (fork.hop(), rack.to_string());
        let id = self.send_request(&mut fork.dialog, hop, Method::Prack, |prack| {
            let prack = prack.header("RAck", &rack);
            match answer {
                Some(sdp) => prack.body("application/sdp", sdp),
                None => prack,
            }
        });
        fork.pracking = Some(id);
    }
}
