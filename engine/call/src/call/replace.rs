//! A leg takes the place of another (RFC 3891): the other half of an attended transfer, and the pickup of a call that
//! rings elsewhere.

use tandem_model::{CallSid, LegId};

use super::contract::InboundLeg;
use super::{Call, Direction, LegStatus};
use crate::leg::{LegCommand, Refused, Replaces};
use crate::routing::Caller;

/// One leg on its way into the place of another.
#[derive(Clone, Copy)]
pub(super) struct Replacement {
    new: LegId,
    old: LegId,
}

impl Call {
    /// The id of the leg that this call makes next.
    pub fn next_leg(&self) -> LegId {
        LegId(self.base.0 + self.created_legs)
    }

    /// Which leg a Replaces means, and whether `by` may take its place (RFC 3891 section 3).
    ///
    /// # Errors
    /// The response to the INVITE: 481 where there is no such dialog, 486 for one that is early no more, 603 for one
    /// that is over or has nobody to talk to, 403 for somebody else's.
    pub fn may_replace(&self, replaces: &Replaces, by: &Caller) -> Result<LegId, Refused> {
        let refused = |status, why: &str| Err(Refused { status, why: why.to_owned(), headers: vec![] });
        let found = self.legs.values().find(|l| l.dialog.as_ref().is_some_and(|d| replaces.names(d)));
        let Some(leg) = found else { return refused(481, "no such dialog") };
        if !is_same(&leg.who, by) {
            return refused(403, "the dialog is somebody else's");
        }
        if leg.end.is_some() || leg.closed || self.ending {
            return refused(603, "the dialog is over");
        }
        if leg.is_answered() && replaces.early_only {
            return refused(486, "the dialog is early no more");
        }
        if leg.is_pending() && leg.direction == Direction::Inbound {
            // An early dialog can be replaced only by who began it.
            return refused(481, "the dialog is early, and not ours to replace");
        }
        if self.replacement.is_some() || self.transfer.is_some() {
            return refused(491, "the call is being changed already");
        }
        let Some(d) = &self.dial else { return refused(603, "nobody talks in that dialog") };
        let talks = d.bridged().is_some_and(|partner| leg.id == partner || leg.id == self.primary);
        let rings = d.is_ringing() && !d.is_cancelled() && d.attempts.iter().any(|a| a.leg == leg.id && !a.over);
        if talks || rings { Ok(leg.id) } else { refused(603, "nobody talks in that dialog") }
    }

    /// The leg that replaces another is there: it is answered at once (RFC 3891 section 3).
    pub(super) fn replace(&mut self, replaced: LegId, inbound: &InboundLeg, by: Caller) {
        let sid: CallSid = inbound.sid;
        let (from, to) = (inbound.from_uri.clone(), inbound.to_uri.clone());
        let leg = self.new_leg(sid, Direction::Inbound, &from, &to, LegStatus::Ringing);
        leg.caller_name = inbound.from_display.clone();
        leg.withheld = inbound.asserted.withheld;
        leg.who = by;
        let new = leg.id;
        self.record(new);
        self.audit("replaces", new, format!("{from} takes the place of {replaced}"));
        self.replacement = Some(Replacement { new, old: replaced });
        let partner =
            if replaced == self.primary { self.dial.as_ref().and_then(|d| d.bridged()) } else { Some(self.primary) };
        let prefer = partner.and_then(|p| self.legs.get(&p)).and_then(|l| l.codec);
        self.command(new, LegCommand::Answer { prefer });
    }

    /// The new leg is answered: it takes its place, and the old one is released. True when it was such a leg.
    pub(super) fn replacement_answered(&mut self, id: LegId) -> bool {
        let Some(r) = self.replacement.take_if(|r| r.new == id) else { return false };
        let uri = self.legs.get(&id).map(|l| l.from.clone()).unwrap_or_default();
        let Some(d) = &mut self.dial else {
            self.command(id, LegCommand::Hangup { reason: None });
            return true;
        };
        if let Some(partner) = d.bridged() {
            let (a, b) = if r.old == self.primary {
                // The document, if there is one, goes on with the new party.
                self.primary = id;
                self.move_main_run(id);
                (id, partner)
            } else if r.old == partner {
                d.bridged_to(id, uri);
                (self.primary, id)
            } else {
                self.command(id, LegCommand::Hangup { reason: None });
                return true;
            };
            self.bridge(a, b);
            self.command(r.old, LegCommand::Hangup { reason: None });
            return true;
        }
        if !d.attempts.iter().any(|a| a.leg == r.old && !a.over) {
            self.command(id, LegCommand::Hangup { reason: None });
            return true;
        }
        // The call rings: whoever picks it up has answered it, and the telephones that ring are told so.
        d.add_answered(id, uri);
        false
    }

    /// The leg that was to replace another has failed: nothing has changed. Or the other has ended meanwhile: there is
    /// no place to take.
    pub(super) fn replacement_ended(&mut self, id: LegId) {
        if let Some(r) = self.replacement.take_if(|r| r.new == id || r.old == id)
            && r.old == id
        {
            self.command(r.new, LegCommand::Hangup { reason: None });
        }
    }
}

/// Whether two parties are one: an endpoint whatever the phone, a carrier. Of others nothing is known.
fn is_same(a: &Caller, b: &Caller) -> bool {
    match (a, b) {
        (Caller::Endpoint(a), Caller::Endpoint(b)) => a.id == b.id,
        (Caller::Carrier(a), Caller::Carrier(b)) => a.id == b.id,
        _ => false,
    }
}
