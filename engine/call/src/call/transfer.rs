//! Transfer: one party of a bridged call asks for another in its place (RFC 3515, RFC 5589). What it asks for is dialled
//! as if it had dialled it itself, under its own rules; until somebody answers, the old conversation stands.
//!
//! ```text
//!   Refer ─► refused: nothing changes
//!         └► 202 ─► target rings ─► answers ─► bridged with the transferred party, the transferor is released
//!                                └► fails ───► the transferor is told; if it has left already, the call ends
//! ```

use std::sync::Arc;
use std::time::Duration;

use tandem_media::control::{Command, PlayId, Repeat};
use tandem_media::tone::ringback;
use tandem_model::{Country, LegId, Timestamp, limits};
use tandem_sip::message::{Uri, reason_phrase};

use super::carriers::{CarriersBusy, Fallback, SeizedCarrier, ToNumber};
use super::contract::{CallEffect, RegisteredContact};
use super::dial::towards_caller;
use super::identity::{Asserted, Identity, Towards, diversion, user_of};
use super::invite::address_of;
use super::{Call, Driver};
use crate::directory::{Carrier, Handler, SipEndpoint};
use crate::leg::{Destination, Hold, InviteSpec, LegCommand, LegEnd, ReferRequest, Replaces};
use crate::routing::{self, Caller, NoRoute, Route};

/// How long the target may ring.
const TRANSFER_RING: Duration = Duration::from_secs(60);

pub(super) struct Transfer {
    transferor: LegId,
    /// The party that is passed on.
    transferee: LegId,
    /// The transferor, whose rules hold.
    caller: Caller,
    referred_by: String,
    /// The dialog at the target that the new one takes the place of, where the target is not this server.
    replaces: Option<Replaces>,
    lookup: Option<(u64, Arc<SipEndpoint>)>,
    /// A number that waits for a carrier, by its ticket.
    seizing: Option<(u64, ToNumber)>,
    attempts: Vec<Attempt>,
    /// Branches that the target is rung by, which share the call's breadth (RFC 5393 section 5.3.3).
    branches: u16,
    until: Timestamp,
    worst: Option<(u16, String)>,
    /// The highest provisional status the transferor was told.
    told: u16,
    /// The transferor hung up without waiting for the outcome.
    left: bool,
    /// The call began with the transferor: the transferred party has taken its place.
    promoted: bool,
    /// The first target that speaks before it answers.
    early: Option<LegId>,
    /// What the transferred party hears of it.
    heard: Option<Heard>,
    /// The transferor, which is still there, is not bridged to the transferred party meanwhile.
    apart: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Ringback(PlayId),
    Target(LegId),
}

struct Attempt {
    leg: LegId,
    uri: String,
    fallback: Fallback,
    over: bool,
}

impl Transfer {
    pub(super) fn deadline(&self) -> Timestamp {
        self.until
    }

    /// The transferor has hung up.
    pub(super) fn has_left(&self) -> bool {
        self.left
    }

    /// That leg is the one that is passed on, and hears of the target.
    pub(super) fn is_heard_by(&self, leg: LegId) -> bool {
        self.transferee == leg && self.heard.is_some()
    }

    fn attempt(&mut self, id: LegId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|a| a.leg == id)
    }

    fn nothing_left(&self) -> bool {
        self.lookup.is_none() && self.seizing.is_none() && self.attempts.iter().all(|a| a.over)
    }
}

/// What a transfer asks for, once its rules have been asked.
enum Target {
    Route(Route),
    /// A dialog of this server: the call it belongs to is asked to put the transferred party there.
    Own(Replaces),
}

impl Call {
    pub(super) fn refer(&mut self, id: LegId, refer: ReferRequest) {
        if self.transfer.is_some() {
            return self.command(id, LegCommand::AnswerRefer { status: 491 });
        }
        if self.refer_to_document(id, &refer) {
            return;
        }
        let partner = self.dial.as_ref().and_then(|d| d.bridged()).filter(|_| !self.ending);
        let transferee = match partner {
            Some(partner) if id == self.primary => partner,
            Some(partner) if id == partner => self.primary,
            // Nobody to pass on: a document's own conversation is not the caller's to give away (laml.md 1.14).
            _ => return self.refuse_refer(id, &refer, 603, "REFER without a conversation to transfer"),
        };
        let caller = self.legs[&id].who.clone();
        match self.transfer_target(&caller, &refer) {
            Err(NoRoute { status, why }) => self.refuse_refer(id, &refer, status, why),
            Ok(target) => {
                self.audit("transfer", id, refer.to.clone());
                self.command(id, LegCommand::AnswerRefer { status: 202 });
                self.start_transfer(id, transferee, caller, refer, target);
            }
        }
    }

    fn refuse_refer(&mut self, id: LegId, refer: &ReferRequest, status: u16, why: &'static str) {
        self.audit(why, id, refer.to.clone());
        self.command(id, LegCommand::AnswerRefer { status });
    }

    fn transfer_target(&self, caller: &Caller, refer: &ReferRequest) -> Result<Target, NoRoute> {
        let own = &self.env.own;
        if let Some(replaces) = &refer.replaces
            && own.leg_of_tag(&replaces.to_tag).is_some()
        {
            return Ok(Target::Own(replaces.clone()));
        }
        let uri = Uri::parse(&refer.to).map_err(|_| NoRoute { status: 400, why: "REFER to a malformed URI" })?;
        let route = routing::route(&self.env.directory, caller, &uri, |host, port| own.is_here(host, port))?;
        match route {
            // Nobody else's dialog has a carrier's tags; a number is dialled or it is not.
            Route::Number { .. } if refer.replaces.is_some() => {
                Err(NoRoute { status: 403, why: "REFER to replace a dialog behind a number" })
            }
            Route::Number { .. } | Route::Foreign { .. } if dials_by_document(caller) => {
                Err(NoRoute { status: 403, why: "where this endpoint's calls lead is its document's to say" })
            }
            route => Ok(Target::Route(route)),
        }
    }

    fn start_transfer(
        &mut self,
        transferor: LegId,
        transferee: LegId,
        caller: Caller,
        refer: ReferRequest,
        target: Target,
    ) {
        let by = self.address_of_leg(transferor);
        self.transfer = Some(Transfer {
            transferor,
            transferee,
            caller,
            referred_by: refer.referred_by.unwrap_or(by),
            replaces: refer.replaces.clone(),
            lookup: None,
            seizing: None,
            attempts: vec![],
            branches: 1,
            until: self.clock.0 + TRANSFER_RING,
            worst: None,
            told: 100,
            left: false,
            promoted: false,
            early: None,
            heard: None,
            apart: false,
        });
        match target {
            Target::Own(replaces) => {
                let spec = self.replacing_spec(&refer.to, &replaces);
                self.transfer_to(spec, Caller::Stranger, Fallback::default());
            }
            Target::Route(Route::Endpoint(endpoint)) => {
                self.tickets += 1;
                let (ticket, aor) = (self.tickets, endpoint.username.to_ascii_lowercase());
                if let Some(t) = &mut self.transfer {
                    t.lookup = Some((ticket, endpoint));
                }
                self.emit(CallEffect::Lookup { ticket, aor });
            }
            Target::Route(Route::Number { number, carriers }) => {
                self.transfer_to_number(ToNumber { number, carriers });
            }
            Target::Route(Route::Foreign { uri }) => {
                let spec = self.foreign_spec(usize::MAX, &self.transfer_identity(false), &uri);
                self.transfer_to(spec, Caller::Stranger, Fallback::default());
            }
            Target::Route(Route::App(app)) => {
                let spec = self.own_app_spec(usize::MAX, &self.transfer_identity(false), &app);
                let spec = InviteSpec { request_uri: refer.to.clone(), to_uri: address_of(&refer.to), ..spec };
                self.transfer_to(spec, Caller::Stranger, Fallback::default());
            }
        }
        self.transfer_settled();
    }

    /// The address a leg is known by.
    fn address_of_leg(&self, id: LegId) -> String {
        let leg = &self.legs[&id];
        match &leg.who {
            Caller::Endpoint(e) => format!("sip:{}@{}", e.username, self.env.directory.profile_domain()),
            Caller::Carrier(_) | Caller::Application | Caller::Stranger => {
                if leg.direction == super::Direction::Inbound { leg.from.clone() } else { leg.to.clone() }
            }
        }
    }

    /// Who calls the target: the transferred party. Towards numbers it is the transferor, who answers for the call.
    fn transfer_identity(&self, to_number: bool) -> Identity {
        let Some(t) = &self.transfer else { return self.caller_as_is() };
        if to_number && let Caller::Endpoint(e) = &t.caller {
            return self.number_of(e);
        }
        if self.is_inbound(t.transferee) {
            return self.caller_as_is();
        }
        let leg = &self.legs[&t.transferee];
        let address = if leg.direction == super::Direction::Inbound { &leg.from } else { &leg.to };
        Identity { user: user_of(address), display: None }
    }

    /// What goes with that: the privacy that who is shown has asked for, and the way of who is transferred. None without a transfer.
    pub(super) fn transfer_asserted(&self, to_number: bool) -> Option<Asserted> {
        let t = self.transfer.as_ref()?;
        let shown = if to_number && matches!(t.caller, Caller::Endpoint(_)) { t.transferor } else { t.transferee };
        let inbound = self.inbound.as_ref().filter(|_| self.is_inbound(t.transferee));
        let asserted = inbound.map(|i| i.asserted.clone()).unwrap_or_default();
        Some(Asserted { withheld: self.legs[&shown].withheld, ..asserted })
    }

    /// Whether the call began with that leg's INVITE, whoever it belongs to by now.
    fn is_inbound(&self, leg: LegId) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.sid == self.legs[&leg].sid)
    }

    /// An INVITE to this server itself: the call that the dialog belongs to finds it there (see `Own::voucher`).
    fn replacing_spec(&self, to: &str, replaces: &Replaces) -> InviteSpec {
        let own = Destination::Uri(format!("sip:{}", self.env.own_address));
        let media = self.profile_media();
        let mut spec = self.spec(usize::MAX, to.to_owned(), own, address_of(to), media);
        self.present(&mut spec, &self.transfer_identity(false), Towards::Own);
        let who = self.transfer.as_ref().and_then(|t| badge(&t.caller)).unwrap_or_default();
        let voucher = self.env.own.voucher(&who, &replaces.to_string());
        spec.headers.push((VOUCHER.to_owned(), voucher));
        spec
    }

    fn transfer_to_number(&mut self, to: ToNumber) {
        self.tickets += 1;
        let ticket = self.tickets;
        self.seize(ticket, &to.carriers);
        if let Some(t) = &mut self.transfer {
            t.seizing = Some((ticket, to));
        }
    }

    /// True when the carrier was for the transfer.
    pub(super) fn transfer_carrier_seized(
        &mut self,
        ticket: u64,
        seized: &Result<SeizedCarrier, CarriersBusy>,
    ) -> bool {
        let Some(t) = &mut self.transfer else { return false };
        let Some((_, to)) = t.seizing.take_if(|(asked, _)| *asked == ticket) else { return false };
        match seized {
            Ok(seized) => {
                let caller = self.transfer_identity(true);
                let spec = |number: &str, carrier: &Carrier| self.carrier_spec(usize::MAX, &caller, number, carrier);
                if let Some((spec, carrier, fallback)) = self.seized_spec(ticket, to, seized, spec) {
                    self.transfer_to(spec, Caller::Carrier(carrier), fallback);
                }
            }
            Err(_) => {
                t.worst.get_or_insert((503, reason_phrase(503).to_owned()));
            }
        }
        self.transfer_settled();
        true
    }

    fn transfer_to(&mut self, mut spec: InviteSpec, who: Caller, fallback: Fallback) {
        let Some(t) = &self.transfer else { return };
        let codec = self.legs.get(&t.transferee).and_then(|l| l.codec);
        // What the transferred party speaks goes first: it is passed through then.
        spec.media.codecs.sort_by_key(|c| Some(*c) != codec);
        // Who wanted to stay unknown is not named for having transferred the call (RFC 3323).
        let unnamed = self.legs[&t.transferor].withheld;
        if !unnamed {
            spec.headers.push(("Referred-By".into(), format!("<{}>", t.referred_by)));
        }
        if !unnamed && matches!(who, Caller::Carrier(_) | Caller::Endpoint(_)) {
            spec.headers.push(("Diversion".into(), diversion(&self.address_of_leg(t.transferor), "deflection")));
        }
        if let Some(replaces) = &t.replaces {
            spec.headers.push(("Replaces".into(), replaces.to_string()));
            spec.headers.push(("Require".into(), "replaces".into()));
        }
        let breadth = self.inbound.as_ref().map_or(limits::MAX_BREADTH, |i| i.hops.breadth.max(1));
        spec.max_breadth = Some((breadth / t.branches).max(1).into());
        let uri = spec.request_uri.clone();
        let leg = self.call_out(spec, None, who);
        if let Some(t) = &mut self.transfer {
            t.attempts.push(Attempt { leg, uri, fallback, over: false });
        }
    }

    /// True when the contacts were for the transfer.
    pub(super) fn transfer_contacts(&mut self, ticket: u64, contacts: &[RegisteredContact]) -> bool {
        let Some(t) = &mut self.transfer else { return false };
        let Some((_, endpoint)) = t.lookup.take_if(|(asked, _)| *asked == ticket) else { return false };
        t.worst = Some((480, "not registered".into()));
        let breadth = self.inbound.as_ref().map_or(limits::MAX_BREADTH, |i| i.hops.breadth.max(1));
        let contacts = &contacts[..contacts.len().min(breadth.into())];
        t.branches = u16::try_from(contacts.len()).unwrap_or(breadth).max(1);
        for contact in contacts {
            if self.leads_here(&contact.uri) {
                continue;
            }
            let spec = self.endpoint_spec(usize::MAX, &self.transfer_identity(false), &endpoint, contact);
            self.transfer_to(spec, Caller::Endpoint(endpoint.clone()), Fallback::default());
        }
        self.transfer_settled();
        true
    }

    pub(super) fn transfer_progress(&mut self, id: LegId, status: u16, early_media: bool) -> bool {
        let Some(t) = &mut self.transfer else { return false };
        if t.attempt(id).is_none() {
            return false;
        }
        if status > t.told {
            t.told = status;
            let (leg, reason) = (t.transferor, reason_phrase(status).to_owned());
            if !t.left {
                self.command(leg, LegCommand::Notify { status, reason, last: false });
            }
        }
        if let Some(t) = self.transfer.as_mut().filter(|_| early_media) {
            // The others only ring.
            t.early.get_or_insert(id);
        }
        true
    }

    /// Whoever waits for the target, alone or on hold, hears what it says before it answers, or else that it rings.
    pub(super) fn settle_transfer(&mut self) {
        let Some(t) = self.transfer.as_mut().filter(|_| !self.ending) else { return };
        let (transferor, transferee) = (t.transferor, t.transferee);
        let waits = t.left || self.legs.get(&transferor).is_some_and(|l| l.held != Hold::Off);
        match (waits, t.early, t.heard) {
            (true, Some(target), heard) if heard != Some(Heard::Target(target)) => {
                // The bridge ends the ringback.
                (t.heard, t.apart) = (Some(Heard::Target(target)), true);
                self.bridge(transferee, target);
            }
            (true, None, None | Some(Heard::Target(_))) if t.told > 100 => {
                self.plays += 1;
                let play = PlayId(self.plays);
                t.heard = Some(Heard::Ringback(play));
                let (leg, clip) = (transferee, ringback(Country::Us));
                self.emit(CallEffect::Media(Command::Play { leg, play, clip, repeat: Repeat::Forever }));
            }
            // It is taken back.
            (false, _, Some(heard)) => {
                let apart = std::mem::take(&mut t.apart);
                t.heard = None;
                self.end_heard(transferee, heard);
                if apart {
                    self.bridge(transferee, transferor);
                }
            }
            (true | false, ..) => {}
        }
    }

    fn end_heard(&mut self, leg: LegId, heard: Heard) {
        if let Heard::Ringback(play) = heard {
            self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
        }
    }

    pub(super) fn transfer_answered(&mut self, id: LegId) -> bool {
        let Some(t) = self.transfer.take_if(|t| t.attempt(id).is_some()) else { return false };
        for loser in t.attempts.iter().filter(|a| a.leg != id && !a.over) {
            let reason = Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned());
            self.command(loser.leg, LegCommand::Hangup { reason });
        }
        if t.transferor == self.primary {
            self.promote(t.transferee);
        }
        let uri = t.attempts.into_iter().find(|a| a.leg == id).map(|a| a.uri).unwrap_or_default();
        if let Some(d) = &mut self.dial {
            d.bridged_to(id, uri);
        }
        // The bridge ends the ringback.
        self.bridge(t.transferee, id);
        if !t.left {
            let reason = reason_phrase(200).to_owned();
            self.command(t.transferor, LegCommand::Notify { status: 200, reason, last: true });
            self.command(t.transferor, LegCommand::Hangup { reason: None });
        }
        true
    }

    /// The call goes on with another party in the place of the one it began with, whose document ends with it.
    pub(super) fn promote(&mut self, leg: LegId) {
        self.primary = leg;
        self.runs.clear();
        self.refusal = None;
        let caller = super::Party::Stranger;
        self.driver = Driver::Connect { caller, route: None };
    }

    /// An attempt of the transfer has ended.
    pub(super) fn transfer_ended(&mut self, id: LegId, end: &LegEnd) -> bool {
        let Some(t) = &mut self.transfer else { return false };
        let Some(attempt) = t.attempt(id) else { return false };
        attempt.over = true;
        let fallback = std::mem::take(&mut attempt.fallback);
        t.early.take_if(|early| *early == id);
        if let Some(to) = fallback.after(end.status) {
            self.transfer_to_number(to);
            return true;
        }
        if t.worst.as_ref().is_none_or(|(status, _)| *status == 480) {
            t.worst = Some((end.status, end.reason.clone()));
        }
        self.transfer_settled();
        true
    }

    fn transfer_settled(&mut self) {
        let Some(t) = self.transfer.as_ref().filter(|t| t.nothing_left()) else { return };
        let (status, reason) = t.worst.clone().unwrap_or((480, String::new()));
        let told = towards_caller(status);
        let reason = if told != status || reason.is_empty() { reason_phrase(told).to_owned() } else { reason };
        self.transfer_failed(told, &reason);
    }

    pub(super) fn expire_transfer(&mut self, now: Timestamp) {
        if self.transfer.as_ref().is_some_and(|t| t.until <= now) {
            self.transfer_failed(408, reason_phrase(408));
        }
    }

    /// The transfer is given up, with the call if nobody else is left in it: true then.
    pub(super) fn transfer_gives_up(&mut self, status: u16) -> bool {
        let left = self.transfer.as_ref().is_some_and(|t| t.left);
        self.transfer_failed(status, reason_phrase(status));
        left
    }

    fn transfer_failed(&mut self, status: u16, reason: &str) {
        let Some(t) = self.end_transfer(status, reason) else { return };
        if !t.left {
            // The old conversation stands.
            if t.apart {
                self.bridge(t.transferee, t.transferor);
            }
        } else if t.promoted {
            self.command(t.transferee, LegCommand::Hangup { reason: None });
        } else {
            // The callee sent its caller on and left: to the caller the callee has hung up.
            self.dial_over();
        }
    }

    /// Ends a transfer and says so to the transferor; whoever is left stays as it is.
    pub(super) fn end_transfer(&mut self, status: u16, reason: &str) -> Option<Transfer> {
        let t = self.transfer.take()?;
        for attempt in t.attempts.iter().filter(|a| !a.over) {
            self.command(attempt.leg, LegCommand::Hangup { reason: None });
        }
        if let Some(heard) = t.heard {
            self.end_heard(t.transferee, heard);
        }
        if !t.left {
            let reason = reason.to_owned();
            self.command(t.transferor, LegCommand::Notify { status, reason, last: true });
        }
        Some(t)
    }

    /// The transferor hangs up before the outcome, as phones do after a blind transfer: the transfer goes on without it.
    /// True when that is so.
    pub(super) fn transferor_left(&mut self, id: LegId) -> bool {
        let Some(t) = self.transfer.as_mut().filter(|t| t.transferor == id && !t.left) else { return false };
        t.left = true;
        t.promoted = id == self.primary;
        let (transferee, apart) = (t.transferee, std::mem::take(&mut t.apart));
        if id == self.primary {
            self.promote(transferee);
        }
        if !apart {
            self.emit(CallEffect::Media(Command::Unbridge { leg: transferee }));
        }
        true
    }

    /// Who was to be transferred has hung up: there is nothing to transfer.
    pub(super) fn party_left(&mut self, id: LegId) {
        if self.transfer.as_ref().is_some_and(|t| t.transferee == id) {
            self.end_transfer(487, reason_phrase(487));
        }
    }
}

/// What the endpoint dials goes to a document: dialled as if it had dialled it, it does not leave by itself.
fn dials_by_document(caller: &Caller) -> bool {
    matches!(caller, Caller::Endpoint(e) if matches!(e.handler, Handler::LamlWebhooks(_)))
}

/// The header field by which this server knows its own INVITE with Replaces.
pub const VOUCHER: &str = "X-Tandem-Voucher";

/// A party as a voucher names it; None for one that is nobody in particular.
fn badge(caller: &Caller) -> Option<String> {
    match caller {
        Caller::Endpoint(e) => Some(format!("endpoint:{}", e.id)),
        Caller::Carrier(c) => Some(format!("carrier:{}", c.id)),
        Caller::Application | Caller::Stranger => None,
    }
}

/// The party that a voucher names.
pub fn party_of_badge(badge: &str, directory: &crate::directory::Directory) -> Option<Caller> {
    let (kind, id) = badge.split_once(':')?;
    let id = id.parse().ok()?;
    match kind {
        "endpoint" => directory.endpoint_by_id(id).cloned().map(Caller::Endpoint),
        "carrier" => directory.carriers.iter().find(|c| c.id == id).cloned().map(Caller::Carrier),
        _ => None,
    }
}
