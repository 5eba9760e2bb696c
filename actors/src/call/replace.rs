//! An INVITE that takes the place of a party to a dialog of ours (RFC 3891): from the switchboard to the call it is for.

use actix::prelude::*;
use tandem_call::call::{CallInput, Plan};
use tandem_call::leg::{IncomingInvite, Leg, Refused, Replaces};
use tandem_call::routing::Caller;
use tandem_model::{CallSid, Sid, hex_token};
use tandem_sip::message::Message as SipMessage;

use super::actor::CallActor;
use super::switchboard::Switchboard;
use crate::signalling::{FromLeg, OfferCall, ShardMailbox};
use crate::supervision::{Mailbox, Overflow};
use crate::world::SystemEntropy;

/// To a call's actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReplaceLeg {
    offer: Box<OfferCall>,
    replaces: Replaces,
    by: Caller,
}

impl Switchboard {
    /// Hands an INVITE with Replaces to the call that its tag names. Gives back what is for no call yet.
    pub(super) fn hand_over(&mut self, offer: OfferCall) -> Option<OfferCall> {
        let Plan::Replace { replaces, by } = &offer.plan else { return Some(offer) };
        let (replaces, by) = (replaces.clone(), by.clone());
        let call = self.call_of_tag(&replaces.to_tag);
        let Some(call) = call else {
            refuse(&offer, &Refused::new(481, "no such dialog"));
            return None;
        };
        let (key, shard, source) = (offer.key, offer.shard.clone(), offer.source);
        let invite = offer.message.clone();
        if !call.offer(ReplaceLeg { offer: Box::new(offer), replaces, by }, Overflow::Warn) {
            respond(&shard, key, &invite, source, &Refused::new(503, "the call takes no messages"));
        }
        None
    }
}

impl Handler<ReplaceLeg> for CallActor {
    type Result = ();

    fn handle(&mut self, msg: ReplaceLeg, ctx: &mut Self::Context) {
        let ReplaceLeg { mut offer, replaces, by } = msg;
        let span = self.span.clone();
        let _in = span.enter();
        let source = offer.source;
        let replaced = match self.call.may_replace(&replaces, &by) {
            Ok(leg) => leg,
            Err(refused) => {
                tracing::warn!(target: "audit", %source, call_id = offer.inbound.call_id, status = refused.status, "{}", refused.why);
                return refuse(&offer, &refused);
            }
        };
        let mut entropy = SystemEntropy::new();
        let sid: CallSid = Sid::random(&mut entropy);
        let received = self.services.clock.now();
        let invite = IncomingInvite {
            key: offer.key,
            message: offer.message.clone(),
            source,
            received,
            unproved: offer.unproved,
        };
        let (id, env, media) = (self.call.next_leg(), self.services.env.clone(), offer.media.clone());
        let leg = match Leg::new_incoming(id, sid, env, media, invite, SystemEntropy::boxed()) {
            Ok(leg) => leg,
            Err(refused) => return refuse(&offer, &refused),
        };
        offer.inbound.sid = sid;
        let key = offer.key;
        self.run_leg(Box::new(leg), Some(key), None, ctx);
        self.step(CallInput::Replace { replaced, inbound: Box::new(offer.inbound), by }, ctx);
    }
}

fn refuse(offer: &OfferCall, refused: &Refused) {
    respond(&offer.shard, offer.key, &offer.message, offer.source, refused);
}

fn respond(
    shard: &ShardMailbox,
    key: tandem_sip::transaction::ServerKey,
    invite: &SipMessage,
    source: tandem_model::Endpoint,
    refused: &Refused,
) {
    let message = SipMessage::response(invite, source.addr, refused.status, None)
        .to_tag(&hex_token(&mut SystemEntropy::new(), 8))
        .build();
    shard.offer(FromLeg::Respond { key, message }, Overflow::Warn);
}
