use std::collections::VecDeque;

use tandem_laml::instruction::{Dial, DialTo, QueueTarget, Target, TargetAddress};
use tandem_model::{LegId, limits};
use tandem_sip::message::{Uri, reason_phrase};

use super::super::carriers::{CarriersBusy, Fallback, SeizedCarrier, ToNumber};
use super::super::contract::{CallEffect, Party, RegisteredContact};
use super::super::legs::StatusTarget;
use super::super::redirect::Redirects;
use super::super::{Call, Direction, LegStatus};
use super::{Attempt, Branch, CONNECT_RING, CONNECT_TIME_LIMIT, Dialling, Failure, Lookup, Phase, Seizing};
use crate::directory::Carrier;
use crate::leg::{InviteSpec, LegCommand};
use crate::routing::{self, Caller, NoRoute, Route};

impl Call {
    /// An endpoint's own call: one target, answered when it answers.
    pub(in super::super) fn connect(&mut self, caller: &Party, route: Route) {
        let uri = match &route {
            Route::Endpoint(e) => format!("sip:{}@{}", e.username, self.env.directory.profile_domain()),
            Route::App(a) => format!("sip:{}", self.env.directory.app_domain(a)),
            Route::Number { number, .. } => number.clone(),
            Route::Foreign { uri } => uri.clone(),
        };
        let to = TargetAddress::Sip {
            uri,
            headers: vec![],
            username: None,
            password: None,
            codecs: vec![],
            session_expires_secs: None,
        };
        let target = Target { to, status_callback: None, url: None, send_digits: None, amd: None };
        let dial = Dial {
            to: DialTo::Targets(vec![target]),
            sequential: false,
            answer_on_bridge: true,
            caller_id: None,
            caller_name: None,
            timeout: CONNECT_RING,
            time_limit: CONNECT_TIME_LIMIT,
            hangup_on_star: false,
            ring_tone: None,
            record: None,
            refer: None,
        };
        let caller = match caller {
            Party::Endpoint(e) => Caller::Endpoint(e.clone()),
            Party::Carrier(c) => Caller::Carrier(c.clone()),
            Party::Stranger => Caller::Stranger,
        };
        self.open_dial(dial, caller);
        let breadth = self.breadth();
        self.ring_route(Branch { target: 0, breadth }, route);
        self.dial_settled();
    }

    /// A Dial verb: every target at once, or one after the other.
    pub(in super::super) fn start_dial(&mut self, dial: Dial) {
        // A cancelled run whose legs have not all ended is over for its script before the next begins.
        self.dial_over();
        if let DialTo::Conference(conference) = &dial.to {
            let conference = (**conference).clone();
            return self.start_conference(&dial, conference);
        }
        if dial.answer_on_bridge {
            self.command(self.primary, LegCommand::Ring);
        }
        if let DialTo::Queue(queue) = &dial.to {
            let queue = QueueTarget::clone(queue);
            return self.start_queue(dial, queue);
        }
        let targets = dial.targets().len();
        let first = if dial.sequential { 1.min(targets) } else { targets };
        self.open_dial(dial, Caller::Application);
        if let Some(d) = &mut self.dial {
            d.waiting = (first..targets).collect();
        }
        self.ring_targets(0..first);
        self.dial_settled();
    }

    fn ring_targets(&mut self, targets: std::ops::Range<usize>) {
        let breadth = share(self.breadth(), targets.len());
        for target in targets {
            let to = self.dial.as_ref().and_then(|d| d.dial.targets().get(target)).map(|t| t.to.clone());
            match to.map(|to| self.route_target(&to)) {
                Some(Ok(route)) => self.ring_route(Branch { target, breadth }, route),
                Some(Err(no)) => self.target_failed(None, no.status, no.why),
                None => {}
            }
        }
    }

    /// The next of targets that ring one after the other, with the whole time-out for itself. False when there is none.
    pub(super) fn ring_next_target(&mut self) -> bool {
        let now = self.clock.0;
        let Some(d) = self.dial.as_mut().filter(|d| d.cancelled.is_none()) else { return false };
        let Some(target) = d.waiting.pop_front() else { return false };
        d.phase = Phase::Ringing { until: now + d.dial.timeout };
        self.ring_targets(target..target + 1);
        true
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
            waiting: VecDeque::new(),
            recording: None,
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
            TargetAddress::User(name) => match directory.endpoint(name) {
                Some(endpoint) => Ok(Route::Endpoint(endpoint.clone())),
                None => Err(NoRoute { status: 404, why: "no such endpoint" }),
            },
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

    pub(in super::super) fn ring_route(&mut self, branch: Branch, route: Route) {
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
                self.ring(branch, spec, Caller::Stranger, Fallback::default());
            }
            Route::App(app) => {
                let spec = self.own_app_spec(target, &self.identity_towards_sip(), &app);
                self.ring(branch, spec, Caller::Stranger, Fallback::default());
            }
        }
    }

    pub(super) fn seize_for(&mut self, branch: Branch, to: ToNumber) {
        self.tickets += 1;
        let ticket = self.tickets;
        self.seize(ticket, &to.carriers);
        if let Some(d) = &mut self.dial {
            d.seizing.push(Seizing { ticket, branch, to });
        }
    }

    pub(in super::super) fn dial_carrier_seized(&mut self, ticket: u64, seized: Result<SeizedCarrier, CarriersBusy>) {
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

    pub(in super::super) fn contacts_found(&mut self, ticket: u64, contacts: &[RegisteredContact]) {
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
    pub(in super::super) fn leads_here(&self, uri: &str) -> bool {
        Uri::parse(uri).is_ok_and(|uri| self.env.own.is_here(uri.host(), uri.port()))
    }

    fn ring(&mut self, branch: Branch, mut spec: InviteSpec, who: Caller, fallback: Fallback) {
        let Some(d) = &self.dial else { return };
        if !d.is_ringing() || d.cancelled.is_some() {
            return;
        }
        let callback = d.dial.targets().get(branch.target).and_then(|t| t.status_callback.clone());
        spec.max_breadth = Some(branch.breadth.into());
        let uri = spec.request_uri.clone();
        let id = self.call_out(spec, callback.map(Into::into), who);
        if let Some(d) = &mut self.dial {
            d.attempts.push(Attempt { leg: id, branch, uri, fallback, declined: false, over: false });
            d.last = Some(id);
        }
    }

    /// A leg to somebody, and its row. `who` it is decides what it may ask for later.
    pub(in super::super) fn call_out(
        &mut self,
        mut spec: InviteSpec,
        callback: Option<StatusTarget>,
        who: Caller,
    ) -> LegId {
        let sid = self.new_sid();
        let (from, to) = (spec.from_uri.clone(), spec.to_uri.clone());
        let name = spec.from_display.clone();
        let leg = self.new_leg(sid, Direction::OutboundDial, &from, &to, LegStatus::Initiated);
        leg.callback = callback;
        leg.caller_name = name;
        leg.who = who;
        let id = leg.id;
        self.identify(&mut spec, sid);
        self.emit(CallEffect::CreateLeg { leg: id, sid, spec: Box::new(spec) });
        self.status_changed(id);
        id
    }

    pub(in super::super) fn target_failed(&mut self, leg: Option<LegId>, status: u16, reason: &str) {
        if let Some(d) = &mut self.dial {
            d.failed(Failure { leg, status, reason: reason.to_owned(), retry_after_secs: None });
        }
    }
}

/// What each of `n` branches gets of the breadth there is: nothing when there is not enough.
fn share(breadth: u16, n: usize) -> u16 {
    u16::try_from(n).ok().filter(|n| *n > 0).map_or(breadth, |n| breadth / n)
}
