//! Dialling: ring several targets, take the first answer, bridge, and say how it went.

use std::sync::Arc;
use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_laml::instruction::{Dial, DialOutcome, DialSip, DialStatus, Input, Target, TargetAddress};
use tandem_media::control::{Command, PlayId, Repeat};
use tandem_media::tone::ringback;
use tandem_model::{Country, LegId, Timestamp, limits};
use tandem_sip::message::{Uri, reason_phrase};

use super::carriers::{CarriersBusy, Fallback, SeizedCarrier, ToNumber};
use super::contract::{CallEffect, Party, RegisteredContact};
use super::legs::StatusTarget;
use super::redirect::Redirects;
use super::{Call, Driver};
use crate::directory::{Carrier, SipEndpoint};
use crate::leg::{InviteSpec, LegCommand, LegEnd};
use crate::routing::{self, Caller, NoRoute, Route};

/// How long an endpoint's own call rings before it counts as not answered.
const CONNECT_RING: Duration = Duration::from_secs(60);
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(14_400);

/// One run of dialling: from a Dial verb, or from an endpoint's INVITE.
pub(super) struct Dialling {
    pub dial: Dial,
    pub caller: Caller,
    /// Diversion values of those who sent the call on, oldest first.
    pub diverted: Vec<String>,
    pub(super) attempts: Vec<Attempt>,
    lookups: Vec<Lookup>,
    seizing: Vec<Seizing>,
    phase: Phase,
    pub(super) redirects: Redirects,
    worst: Option<Failure>,
    early: Option<LegId>,
    /// The ringback that plays to the caller.
    ringback: Option<PlayId>,
    last: Option<LegId>,
    /// Set when the dialling was ended by us rather than by the far side.
    cancelled: Option<DialStatus>,
}

enum Phase {
    Ringing {
        until: Timestamp,
    },
    /// A leg answered; its digits are being sent.
    Greeting {
        leg: LegId,
        play: PlayId,
    },
    /// The caller is being answered.
    Joining {
        leg: LegId,
    },
    Bridged {
        leg: LegId,
        since: Timestamp,
        until: Timestamp,
    },
}

/// Registrations being asked for.
struct Lookup {
    ticket: u64,
    branch: Branch,
    endpoint: Arc<SipEndpoint>,
}

/// A number that waits for a carrier.
struct Seizing {
    ticket: u64,
    branch: Branch,
    to: ToNumber,
}

/// One way the call is tried.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// The noun it comes from.
    pub target: usize,
    /// How many branches it may become (RFC 5393 section 5.3.3).
    pub breadth: u16,
}

pub(super) struct Attempt {
    pub leg: LegId,
    pub branch: Branch,
    /// The address that rings.
    pub uri: String,
    fallback: Fallback,
    pub over: bool,
}

#[derive(Clone, Debug)]
struct Failure {
    leg: Option<LegId>,
    status: u16,
    reason: String,
    /// When to try again, where we know.
    retry_after_secs: Option<u32>,
}

impl Dialling {
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Ringing { until } | Phase::Bridged { until, .. } => Some(*until),
            Phase::Greeting { .. } | Phase::Joining { .. } => None,
        }
    }

    pub(super) fn connected(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Greeting { leg, .. } | Phase::Joining { leg } | Phase::Bridged { leg, .. } => Some(*leg),
            Phase::Ringing { .. } => None,
        }
    }

    /// The leg the caller talks to.
    pub(super) fn bridged(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Bridged { leg, .. } => Some(*leg),
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Joining { .. } => None,
        }
    }

    /// Another leg takes the place of the one the caller talks to. The time limit goes on.
    pub(super) fn bridged_to(&mut self, leg: LegId, uri: String) {
        if let Phase::Bridged { leg: partner, .. } = &mut self.phase {
            *partner = leg;
        }
        self.add_answered(leg, uri);
    }

    /// A leg that was not called by this run belongs to it.
    pub(super) fn add_answered(&mut self, leg: LegId, uri: String) {
        let branch = Branch { target: usize::MAX, breadth: 1 };
        self.attempts.push(Attempt { leg, branch, uri, fallback: Fallback::default(), over: false });
        self.last = Some(leg);
    }

    pub(super) fn is_ringing(&self) -> bool {
        matches!(self.phase, Phase::Ringing { .. })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    fn nothing_left(&self) -> bool {
        self.lookups.is_empty() && self.seizing.is_empty() && self.attempts.iter().all(|a| a.over)
    }

    /// Keeps the failure that says most to the caller (RFC 3261 section 16.7 step 6, and what people mean by busy).
    fn failed(&mut self, failure: Failure) {
        let rank = |status: u16| match status {
            600..=699 => 0,
            486 => 1,
            403 | 404 | 484 | 488 => 2,
            480 => 3,
            400..=499 => 4,
            _ => 5,
        };
        if self.worst.as_ref().is_none_or(|w| rank(failure.status) < rank(w.status)) {
            self.worst = Some(failure);
        }
    }
}

impl Call {
    /// An endpoint's own call: one target, answered when it answers.
    pub(super) fn connect(&mut self, caller: &Party, route: Route) {
        let uri = match &route {
            Route::Endpoint(e) => format!("sip:{}@{}", e.username, self.env.directory.profile_domain()),
            Route::App(a) => format!("sip:{}", self.env.directory.app_domain(a)),
            Route::Number { number, .. } => number.clone(),
            Route::Foreign { uri } => uri.clone(),
        };
        let to = TargetAddress::Sip { uri, headers: vec![], username: None, password: None, codecs: vec![] };
        let target = Target { to, status_callback: None, url: None, send_digits: None };
        let dial = Dial {
            targets: vec![target],
            answer_on_bridge: true,
            caller_id: None,
            caller_name: None,
            timeout: CONNECT_RING,
            time_limit: CONNECT_TIME_LIMIT,
            hangup_on_star: false,
            ring_tone: None,
        };
        let caller = match caller {
            Party::Endpoint(e) => Caller::Endpoint(e.clone()),
            Party::Carrier(c) => Caller::Carrier(c.clone()),
            Party::Stranger => somebody(),
        };
        self.open_dial(dial, caller);
        let breadth = self.breadth();
        self.ring_route(Branch { target: 0, breadth }, route);
        self.dial_settled();
    }

    /// A Dial verb: every target at once.
    pub(super) fn start_dial(&mut self, dial: Dial) {
        // A cancelled run whose legs have not all ended is over for its script before the next begins.
        self.dial_over();
        if dial.answer_on_bridge {
            self.command(self.primary, LegCommand::Ring);
        }
        let addresses: Vec<_> = dial.targets.iter().map(|t| t.to.clone()).collect();
        self.open_dial(dial, Caller::Application);
        let breadth = share(self.breadth(), addresses.len());
        for (target, to) in addresses.into_iter().enumerate() {
            match self.route_target(&to) {
                Ok(route) => self.ring_route(Branch { target, breadth }, route),
                Err(no) => self.target_failed(None, no.status, no.why),
            }
        }
        self.dial_settled();
    }

    fn open_dial(&mut self, dial: Dial, caller: Caller) {
        let until = self.clock.0 + dial.timeout;
        self.dial = Some(Dialling {
            dial,
            caller,
            diverted: vec![],
            redirects: Redirects::default(),
            attempts: vec![],
            lookups: vec![],
            seizing: vec![],
            phase: Phase::Ringing { until },
            worst: None,
            early: None,
            ringback: None,
            last: None,
            cancelled: None,
        });
    }

    fn route_target(&self, to: &TargetAddress) -> Result<Route, NoRoute> {
        let directory = &self.env.directory;
        match to {
            TargetAddress::Number(number) => routing::to_number(directory, &Caller::Application, number),
            TargetAddress::Sip { uri, .. } => {
                let uri = Uri::parse(uri).map_err(|_| NoRoute { status: 484, why: "malformed SIP URI" })?;
                let own = &self.env.own;
                routing::route(directory, &Caller::Application, &uri, |host, port| own.is_here(host, port))
            }
        }
    }

    /// Branches that this call may be made into.
    fn breadth(&self) -> u16 {
        self.inbound.as_ref().map_or(limits::MAX_BREADTH, |i| i.hops.breadth)
    }

    pub(super) fn ring_route(&mut self, branch: Branch, route: Route) {
        if branch.breadth == 0 {
            // RFC 5393 section 5.3.3.
            return self.target_failed(None, 440, "Max-Breadth Exceeded");
        }
        let target = branch.target;
        match route {
            Route::Endpoint(endpoint) => {
                let Some(d) = &mut self.dial else { return };
                self.tickets += 1;
                let ticket = self.tickets;
                d.lookups.push(Lookup { ticket, branch, endpoint: endpoint.clone() });
                let aor = endpoint.username.to_ascii_lowercase();
                self.emit(CallEffect::Lookup { ticket, aor });
            }
            Route::Number { number, carriers } => self.seize_for(branch, ToNumber { number, carriers }),
            Route::Foreign { uri } => {
                let spec = self.foreign_spec(target, &self.identity_towards_sip(), &uri);
                self.ring(branch, spec, somebody(), Fallback::default());
            }
            Route::App(app) => {
                let spec = self.own_app_spec(target, &self.identity_towards_sip(), &app);
                self.ring(branch, spec, somebody(), Fallback::default());
            }
        }
    }

    fn seize_for(&mut self, branch: Branch, to: ToNumber) {
        self.tickets += 1;
        let ticket = self.tickets;
        self.seize(ticket, &to.carriers);
        if let Some(d) = &mut self.dial {
            d.seizing.push(Seizing { ticket, branch, to });
        }
    }

    pub(super) fn dial_carrier_seized(&mut self, ticket: u64, seized: Result<SeizedCarrier, CarriersBusy>) {
        let Some(d) = &mut self.dial else { return };
        let Some(at) = d.seizing.iter().position(|s| s.ticket == ticket) else { return };
        let Seizing { branch, to, .. } = d.seizing.swap_remove(at);
        match seized {
            Ok(seized) => {
                let caller = self.identity_towards_number();
                let spec = |number: &str, carrier: &Carrier| self.carrier_spec(branch.target, &caller, number, carrier);
                if let Some((spec, carrier, fallback)) = self.seized_spec(ticket, to, &seized, spec) {
                    self.ring(branch, spec, Caller::Carrier(carrier), fallback);
                }
            }
            Err(busy) => d.failed(Failure {
                leg: None,
                status: 503,
                reason: reason_phrase(503).to_owned(),
                retry_after_secs: Some(busy.retry_after_secs),
            }),
        }
        self.dial_settled();
    }

    pub(super) fn contacts_found(&mut self, ticket: u64, contacts: &[RegisteredContact]) {
        if self.transfer_contacts(ticket, contacts) {
            return;
        }
        let Some(d) = &mut self.dial else { return };
        let Some(at) = d.lookups.iter().position(|l| l.ticket == ticket) else { return };
        let Lookup { branch, endpoint, .. } = d.lookups.swap_remove(at);
        if contacts.is_empty() {
            self.emit(CallEffect::Warn {
                code: 32009,
                message: format!("endpoint {} is not registered", endpoint.username),
                line: None,
            });
            self.target_failed(None, 480, "not registered");
        }
        if branch.breadth == 0 && !contacts.is_empty() {
            self.target_failed(None, 440, "Max-Breadth Exceeded");
            return self.dial_settled();
        }
        // The best of them ring, where there is not breadth enough for all (RFC 5393 section 5.3.3).
        let contacts = &contacts[..contacts.len().min(branch.breadth.into())];
        let branch = Branch { breadth: share(branch.breadth, contacts.len()), ..branch };
        for contact in contacts {
            if self.leads_here(&contact.uri) {
                // RFC 5393 section 3: an address of ours registered at ours.
                self.target_failed(None, 482, "Loop Detected");
                continue;
            }
            let spec = self.endpoint_spec(branch.target, &self.identity_towards_sip(), &endpoint, contact);
            self.ring(branch, spec, Caller::Endpoint(endpoint.clone()), Fallback::default());
        }
        self.dial_settled();
    }

    /// Whether an address is this server's own.
    pub(super) fn leads_here(&self, uri: &str) -> bool {
        Uri::parse(uri).is_ok_and(|uri| self.env.own.is_here(uri.host(), uri.port()))
    }

    fn ring(&mut self, branch: Branch, mut spec: InviteSpec, who: Caller, fallback: Fallback) {
        let Some(d) = &self.dial else { return };
        if !d.is_ringing() || d.cancelled.is_some() {
            return;
        }
        let callback = d.dial.targets.get(branch.target).and_then(|t| t.status_callback.clone());
        spec.max_breadth = Some(branch.breadth.into());
        let uri = spec.request_uri.clone();
        let id = self.call_out(spec, callback.map(Into::into), who);
        if let Some(d) = &mut self.dial {
            d.attempts.push(Attempt { leg: id, branch, uri, fallback, over: false });
            d.last = Some(id);
        }
    }

    /// A leg to somebody, and its row. `who` it is decides what it may ask for later.
    pub(super) fn call_out(&mut self, mut spec: InviteSpec, callback: Option<StatusTarget>, who: Caller) -> LegId {
        let sid = self.new_sid();
        let (from, to) = (spec.from_uri.clone(), spec.to_uri.clone());
        let name = spec.from_display.clone();
        let leg = self.new_leg(sid, super::Direction::OutboundDial, &from, &to, super::LegStatus::Initiated);
        leg.callback = callback;
        leg.caller_name = name;
        leg.who = who;
        let id = leg.id;
        self.identify(&mut spec, sid);
        self.emit(CallEffect::CreateLeg { leg: id, sid, spec: Box::new(spec) });
        self.status_changed(id);
        id
    }

    pub(super) fn target_failed(&mut self, leg: Option<LegId>, status: u16, reason: &str) {
        if let Some(d) = &mut self.dial {
            d.failed(Failure { leg, status, reason: reason.to_owned(), retry_after_secs: None });
        }
    }

    /// A dialled leg rings or speaks early.
    pub(super) fn dialled_progress(&mut self, id: LegId, status: u16, early_media: Option<CodecId>) {
        if self.transfer_progress(id, status) {
            return;
        }
        let Some(d) = &mut self.dial else { return };
        if !d.is_ringing() || d.cancelled.is_some() || !d.attempts.iter().any(|a| a.leg == id) {
            return;
        }
        let a = self.primary;
        let pending = self.legs[&a].is_pending();
        match early_media {
            // The first to speak is heard; the others only ring.
            Some(codec) if d.early.is_none() => {
                d.early = Some(id);
                // The bridge ends it.
                d.ringback = None;
                if pending {
                    self.command(a, LegCommand::EarlyMedia { prefer: Some(codec) });
                }
                self.emit(CallEffect::Media(Command::Bridge { a, b: id }));
            }
            Some(_) => {}
            None => self.ring_back(pending),
        }
    }

    /// Lets the caller hear that it rings: one that is answered by a tone of ours, one that is not by its own telephone, or
    /// by early media when the document asks for a country's tone.
    fn ring_back(&mut self, pending: bool) {
        let (a, Some(d)) = (self.primary, &mut self.dial) else { return };
        if d.ringback.is_some() || d.early.is_some() {
            return;
        }
        let country = match (pending, d.dial.ring_tone) {
            (true, None) => return self.command(a, LegCommand::Ring),
            (_, Some(country)) => country,
            (false, None) => Country::Us,
        };
        self.plays += 1;
        let play = PlayId(self.plays);
        d.ringback = Some(play);
        if pending {
            self.command(a, LegCommand::EarlyMedia { prefer: None });
        }
        let clip = ringback(country);
        self.emit(CallEffect::Media(Command::Play { leg: a, play, clip, repeat: Repeat::Forever }));
    }

    fn stop_ringback(&mut self, ringback: Option<PlayId>) {
        if let Some(play) = ringback {
            self.emit(CallEffect::Media(Command::StopPlay { leg: self.primary, play }));
        }
    }

    pub(super) fn dialled_answered(&mut self, id: LegId) {
        if self.transfer_answered(id) || self.replacement_answered(id) {
            return;
        }
        let Some(d) = &mut self.dial else { return self.command(id, LegCommand::Hangup { reason: None }) };
        let Some(attempt) = d.attempts.iter().find(|a| a.leg == id) else {
            return self.command(id, LegCommand::Hangup { reason: None });
        };
        let digits = d.dial.targets.get(attempt.branch.target).and_then(|t| t.send_digits.clone());
        if !d.is_ringing() || d.cancelled.is_some() {
            // Two answered at once: the second is let go (RFC 3261 section 16.7 leaves it to us).
            return self.command(id, LegCommand::Hangup { reason: None });
        }
        d.lookups.clear();
        let losers: Vec<_> = d.attempts.iter().filter(|a| a.leg != id && !a.over).map(|a| a.leg).collect();
        match digits {
            Some(digits) => {
                self.plays += 1;
                let play = PlayId(self.plays);
                d.phase = Phase::Greeting { leg: id, play };
                self.emit(CallEffect::Media(Command::SendDigits { leg: id, play, digits }));
            }
            None => self.join(id),
        }
        for loser in losers {
            let reason = Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned());
            self.command(loser, LegCommand::Hangup { reason });
        }
    }

    /// Answers the caller with the callee's codec if it can, so that nothing need be transcoded, then bridges.
    fn join(&mut self, id: LegId) {
        if let Some(d) = &mut self.dial {
            d.phase = Phase::Joining { leg: id };
        }
        let primary = &self.legs[&self.primary];
        if primary.is_pending() {
            let prefer = self.legs[&id].codec;
            self.command(self.primary, LegCommand::Answer { prefer });
        } else {
            self.dial_caller_answered();
        }
    }

    pub(super) fn dial_caller_answered(&mut self) {
        let Some(d) = &mut self.dial else { return };
        let Phase::Joining { leg } = d.phase else { return };
        let since = self.clock.0;
        d.phase = Phase::Bridged { leg, since, until: since + d.dial.time_limit };
        let a = self.primary;
        self.emit(CallEffect::Media(Command::Bridge { a, b: leg }));
    }

    pub(super) fn dial_play_done(&mut self, leg: LegId, play: PlayId) {
        let Some(d) = &self.dial else { return };
        if matches!(d.phase, Phase::Greeting { leg: l, play: p } if l == leg && p == play) {
            self.join(leg);
        }
    }

    pub(super) fn dialled_ended(&mut self, id: LegId, end: &LegEnd) {
        if self.transfer_ended(id, end) || self.transferor_left(id) {
            return;
        }
        self.party_left(id);
        self.replacement_ended(id);
        let Some(d) = &mut self.dial else { return };
        let Some(attempt) = d.attempts.iter_mut().find(|a| a.leg == id) else { return };
        attempt.over = true;
        let (branch, fallback) = (attempt.branch, std::mem::take(&mut attempt.fallback));
        if d.early == Some(id) {
            d.early = None;
        }
        if d.connected() == Some(id) {
            return self.dial_over();
        }
        if !d.is_ringing() {
            return;
        }
        if d.cancelled.is_none()
            && let Some(to) = fallback.after(end.status)
        {
            return self.seize_for(branch, to);
        }
        // What we ended ourselves says nothing of the target.
        if d.cancelled.is_none() {
            let reason = end.reason.clone();
            d.failed(Failure { leg: Some(id), status: end.status, reason, retry_after_secs: None });
            self.follow_redirect(id, branch);
        }
        self.dial_settled();
    }

    /// Ends the run when nothing rings any more.
    fn dial_settled(&mut self) {
        while self.dial.as_ref().is_some_and(|d| d.is_ringing() && d.nothing_left()) {
            if self.next_redirect() {
                continue;
            }
            self.dial_over();
        }
    }

    pub(super) fn expire_dial(&mut self, now: Timestamp) {
        let Some(d) = &mut self.dial else { return };
        match &mut d.phase {
            Phase::Ringing { until } if *until <= now => {
                // Its legs still have to end; the run is over when they have.
                *until = now + Duration::from_secs(86_400);
                d.cancelled = Some(DialStatus::NoAnswer);
                d.lookups.clear();
                d.worst = None;
                self.hang_up_dialled();
                // With nothing but a lookup under way there is no leg whose end would settle the run.
                self.dial_settled();
            }
            Phase::Bridged { leg, until, .. } if *until <= now => {
                *until = now + Duration::from_secs(86_400);
                let leg = *leg;
                if self.transfer_gives_up(408) {
                    return;
                }
                self.command(leg, LegCommand::Hangup { reason: Some("SIP;cause=200;text=\"Time limit\"".into()) });
            }
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Joining { .. } | Phase::Bridged { .. } => {}
        }
    }

    /// The script or the API ends the run; its outcome still follows.
    pub(super) fn cancel_dial(&mut self) {
        let Some(d) = &mut self.dial else { return };
        d.cancelled.get_or_insert(DialStatus::Canceled);
        d.lookups.clear();
        if self.end_transfer(487, reason_phrase(487)).is_some_and(|t| t.has_left()) {
            // The callee has hung up already: nothing ends any more that would end the run.
            return self.dial_over();
        }
        self.hang_up_dialled();
        self.dial_settled();
    }

    /// The caller is gone: nothing more is said of the run.
    pub(super) fn abandon_dial(&mut self) {
        self.hang_up_dialled();
        self.end_transfer(487, "Request Terminated");
        let ringback = self.dial.take().and_then(|d| d.ringback);
        self.stop_ringback(ringback);
    }

    fn hang_up_dialled(&mut self) {
        let Some(d) = &self.dial else { return };
        let live: Vec<_> = d.attempts.iter().filter(|a| !a.over).map(|a| a.leg).collect();
        for leg in live {
            self.command(leg, LegCommand::Hangup { reason: None });
        }
    }

    pub(super) fn dial_over(&mut self) {
        let Some(d) = self.dial.take() else { return };
        let bridged = match d.phase {
            Phase::Bridged { since, .. } => Some(self.clock.0.since(since)),
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Joining { .. } => None,
        };
        if bridged.is_some() {
            self.emit(CallEffect::Media(Command::Unbridge { leg: self.primary }));
        } else {
            self.stop_ringback(d.ringback);
        }
        let status = match (&d.cancelled, d.connected()) {
            (_, Some(_)) => DialStatus::Completed,
            (Some(status), None) => *status,
            // REST ended the leg that says most before it was answered (laml.md 1.3).
            (None, None) if self.was_canceled(d.worst.as_ref()) => DialStatus::Canceled,
            (None, None) => match d.worst.as_ref().map(|w| w.status) {
                Some(486 | 600) => DialStatus::Busy,
                Some(408 | 480 | 487) => DialStatus::NoAnswer,
                _ => DialStatus::Failed,
            },
        };
        match &self.driver {
            Driver::Connect { .. } => self.connect_over(&d, status),
            Driver::Document { .. } => {
                let leg = d.connected().or(d.worst.as_ref().and_then(|w| w.leg)).or(d.last);
                let outcome = self.outcome(&d, leg, status, bridged);
                self.refusal = (status != DialStatus::Completed).then(|| refusal(d.worst.as_ref()));
                self.script_input(Input::DialEnded(outcome));
            }
        }
    }

    fn was_canceled(&self, failure: Option<&Failure>) -> bool {
        failure.and_then(|f| f.leg).and_then(|id| self.legs.get(&id)).is_some_and(|l| l.canceled)
    }

    fn connect_over(&mut self, d: &Dialling, status: DialStatus) {
        if !self.legs[&self.primary].is_pending() {
            return self.command(self.primary, LegCommand::Hangup { reason: None });
        }
        let (code, reason) = match (status, &d.worst) {
            (DialStatus::NoAnswer, None) => (408, "No answer".to_owned()),
            (_, worst) => refusal(worst.as_ref()),
        };
        let retry = d.worst.as_ref().and_then(|w| w.retry_after_secs).filter(|_| code == 503);
        let headers = retry.map(|secs| ("Retry-After".to_owned(), secs.to_string())).into_iter().collect();
        let command = LegCommand::Reject { status: code, reason: Some(reason), headers };
        self.command(self.primary, command);
    }

    fn outcome(&self, d: &Dialling, leg: Option<LegId>, status: DialStatus, bridged: Option<Duration>) -> DialOutcome {
        let leg = leg.and_then(|id| self.legs.get(&id));
        let dialled_sip = d.dial.targets.iter().any(|t| matches!(t.to, TargetAddress::Sip { .. }));
        let sip = leg.filter(|_| dialled_sip).and_then(|l| l.end.as_ref()).map(|end| DialSip {
            call_id: end.call_id.clone(),
            response_code: end.status,
            headers: end.headers.clone(),
        });
        DialOutcome {
            status,
            call_sid: leg.map(|l| l.sid.to_string()),
            duration: bridged,
            bridged: bridged.is_some(),
            sip,
        }
    }
}

/// Somebody on the network whose address is not known: allowed nothing.
pub(super) fn somebody() -> Caller {
    Caller::Stranger(std::net::SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// What each of `n` branches gets of the breadth there is: nothing when there is not enough.
fn share(breadth: u16, n: usize) -> u16 {
    u16::try_from(n).ok().filter(|n| *n > 0).map_or(breadth, |n| breadth / n)
}

/// What an unanswered caller is refused with when nobody answered.
fn refusal(worst: Option<&Failure>) -> (u16, String) {
    let Some(worst) = worst else { return (480, "No answer".to_owned()) };
    let status = towards_caller(worst.status);
    let reason = if worst.reason.is_empty() || status != worst.status {
        reason_phrase(status).to_owned()
    } else {
        worst.reason.clone()
    };
    (status, reason)
}

/// What a caller is told of a callee's response: challenges and redirections are between us and the callee.
pub(super) fn towards_caller(status: u16) -> u16 {
    match status {
        300..=399 => 480,
        401 | 407 => 502,
        487 => 480,
        400..=699 => status,
        _ => 480,
    }
}
