//! Calls that the REST API creates or takes over.

use tandem_laml::instruction::{Input, Method};
use tandem_media::control::{Command, PlayId};
use tandem_model::LegId;
use tandem_sip::message::Uri;

use super::super::DocumentSource;
use super::super::carriers::API_TICKET;
use super::super::contract::{ApiCall, ApiDocument, CallEffect, RegisteredContact};
use super::super::invite::ApiTarget;
use super::super::recording::RecordingSource;
use super::super::run::{Purpose, RunDocument};
use super::super::{Call, Direction, Driver, LegStatus};
use crate::leg::{EndedBy, LegEnd};
use crate::routing::{self, Caller, Route};

impl Call {
    pub(in super::super) fn start_api(&mut self) {
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        let api = api.clone();
        let (from, to) = (display_address(&api.from, self.env.directory.profile_domain(), &api.to), api.to.clone());
        let who = match self.api_route(&api) {
            Ok(Route::Endpoint(endpoint)) => Caller::Endpoint(endpoint),
            Ok(_) | Err(_) => Caller::Stranger,
        };
        let leg = self.new_leg(api.sid, Direction::OutboundApi, &from, &to, LegStatus::Initiated);
        leg.who = who;
        leg.callback = api.status_callback.clone().map(Into::into);
        let id = leg.id;
        self.primary = id;
        self.ring_until = Some(self.clock.0 + api.timeout);
        if let Some(what) = api.record.clone() {
            self.record_leg(id, RecordingSource::OutboundApi, what, None);
        }
        self.status_changed(id);
        match self.api_route(&api) {
            Ok(Route::Endpoint(endpoint)) => {
                let aor = endpoint.username.to_ascii_lowercase();
                self.emit(CallEffect::Lookup { ticket: API_TICKET, aor });
            }
            Ok(Route::Number { number, carriers }) => self.api_to_number(number, carriers),
            Ok(Route::Foreign { uri }) => {
                let spec = self.api_spec(&api, ApiTarget::Foreign(&uri));
                self.call_primary(Some(spec));
            }
            Ok(Route::App(app)) => {
                let spec = self.api_spec(&api, ApiTarget::App(&app));
                self.call_primary(Some(spec));
            }
            Err(no) => self.primary_unreachable(no.status, no.why, EndedBy::Failure),
        }
    }

    fn api_route(&self, api: &ApiCall) -> Result<Route, routing::NoRoute> {
        let directory = &self.env.directory;
        if routing::normalise(&api.to).is_some() {
            return routing::to_number(directory, &Caller::Application, &api.to);
        }
        // An endpoint may be named by its username alone, as endpoints name each other.
        if let Some(endpoint) = directory.endpoint(&api.to) {
            return Ok(Route::Endpoint(endpoint.clone()));
        }
        let bare = api.to.split('?').next().unwrap_or_default();
        let uri = Uri::parse(bare).map_err(|_| routing::NoRoute { status: 484, why: "malformed SIP URI" })?;
        let own = &self.env.own;
        routing::route(directory, &Caller::Application, &uri, |host, port| own.is_here(host, port))
    }

    pub(in super::super) fn contacts_for_api(&mut self, contacts: &[RegisteredContact]) {
        if self.legs.get(&self.primary).is_none_or(|l| l.spawned || l.end.is_some()) {
            // Answered twice, or too late: the call was ended meanwhile.
            return;
        }
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        let api = api.clone();
        let Ok(Route::Endpoint(endpoint)) = self.api_route(&api) else { return };
        match contacts.first() {
            Some(contact) => {
                let spec = self.api_spec(&api, ApiTarget::Contact(&endpoint, contact));
                self.call_primary(Some(spec));
            }
            None => {
                let message = format!("endpoint {} is not registered", endpoint.username);
                self.emit(CallEffect::Warn { code: 32009, message, line: None });
                self.primary_unreachable(480, "not registered", EndedBy::Failure);
            }
        }
    }

    pub(in super::super) fn is_api_ticket(ticket: u64) -> bool {
        ticket == API_TICKET
    }

    pub(in super::super) fn call_primary(&mut self, spec: Option<crate::leg::InviteSpec>) {
        let Some(mut spec) = spec else { return self.primary_unreachable(404, "no carrier", EndedBy::Failure) };
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        spec.headers.extend(uri_headers(&api.to));
        let leg = self.primary;
        let Some(row) = self.legs.get_mut(&leg) else { return };
        row.spawned = true;
        let sid = row.sid;
        self.identify(&mut spec, sid);
        self.emit(CallEffect::CreateLeg { leg, sid, spec: Box::new(spec) });
    }

    /// The call ends before it had a leg in SIP.
    pub(in super::super) fn primary_unreachable(&mut self, status: u16, why: &str, by: EndedBy) {
        let id = self.primary;
        let Some(leg) = self.legs.get_mut(&id).filter(|l| !l.closed) else { return };
        leg.closed = true;
        let end = LegEnd {
            status,
            reason: why.to_owned(),
            by,
            call_id: String::new(),
            cause: None,
            retry_after: None,
            was_silent: false,
            headers: vec![],
        };
        self.leg_ended(id, end);
        self.leg_settled(id);
    }

    /// The called party picked up: its digits, then its document.
    pub(super) fn api_answered(&mut self) {
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        match api.send_digits.clone() {
            Some(digits) => {
                self.plays += 1;
                let play = PlayId(self.plays);
                self.api_digits = Some(play);
                self.emit(CallEffect::Media(Command::SendDigits { leg: self.primary, play, digits }));
            }
            None => self.api_detect(),
        }
    }

    pub(super) fn api_play_done(&mut self, leg: LegId, play: PlayId) {
        if leg == self.primary && self.api_digits == Some(play) {
            self.api_digits = None;
            self.api_detect();
        }
    }

    /// `first` is told to the first document alone.
    pub(in super::super) fn api_document(&mut self, first: Vec<(String, String)>) {
        let Driver::Document { source } = &mut self.driver else { return };
        let DocumentSource::Api(api) = std::mem::replace(source, DocumentSource::Running) else { return };
        // A document that REST set while it rang takes the place of the first one.
        let document = self.next_document.take().unwrap_or(api.document);
        self.start_document(document, api.fallback, first);
    }

    fn start_document(
        &mut self,
        document: ApiDocument,
        fallback: Option<(String, Method)>,
        first: Vec<(String, String)>,
    ) {
        let document = RunDocument { source: document, fallback, first, params: Vec::new() };
        self.start_run(self.primary, Purpose::Main, document);
    }

    /// REST gives a live call another document.
    pub(in super::super) fn take_over(&mut self, document: ApiDocument) {
        if self.ending {
            return;
        }
        if self.main_run().is_some() {
            let input = match document {
                ApiDocument::Url(url, method) => Input::Redirect { url, method },
                ApiDocument::Inline(xml) => Input::Replace { xml },
            };
            return self.main_input(input);
        }
        if matches!(&self.driver, Driver::Document { source: DocumentSource::Api(_) }) {
            self.next_document = Some(document);
            return;
        }
        // An endpoint's own call: the caller stays, the dialled party is let go, the document goes on with the caller.
        self.driver = Driver::Document { source: DocumentSource::Running };
        self.abandon_dial();
        self.emit(CallEffect::Media(Command::Unbridge { leg: self.primary }));
        self.start_document(document, None, Vec::new());
    }

    pub(in super::super) fn set_fallback(&mut self, url: String, method: Method) {
        if let Driver::Document { source: DocumentSource::Api(api) } = &mut self.driver {
            api.fallback = Some((url, method));
        } else if let Some(run) = self.main_run() {
            run.script.set_fallback(url, method);
        }
    }
}

/// From as callbacks show it: `sip:<user>@<domain>` towards SIP, the number towards numbers (laml.md 2.4).
fn display_address(from: &str, domain: &str, to: &str) -> String {
    let towards_sip = routing::normalise(to).is_none();
    if towards_sip && !from.contains('@') { format!("sip:{from}@{domain}") } else { from.to_owned() }
}

/// `?X-a=b&c=d` of a target address as header fields (laml.md 1.5).
fn uri_headers(to: &str) -> Vec<(String, String)> {
    tandem_laml::sip_address(to).map(|(_, headers)| headers).unwrap_or_default()
}
