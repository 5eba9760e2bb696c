//! The INVITE each kind of target gets: who calls, over which flow, with which media.

use std::sync::Arc;

use tandem_codecs::CodecId;
use tandem_laml::instruction::TargetAddress;
use tandem_model::{CallSid, limits};
use tandem_sip::message::{Scheme, Uri};

use super::contract::{RegisteredContact, carrier_media, policy_of};
use super::hops::HOPS;
use super::identity::{Identity, Towards, escape_user, present, user_of};
use super::{Call, Driver};
use crate::directory::{Carrier, DomainApp, Encryption, SipEndpoint};
use crate::leg::{Credentials, Destination, Flow, InviteSpec, MediaPolicy};
use crate::routing::Caller;

impl Call {
    pub(super) fn endpoint_spec(
        &self,
        target: usize,
        caller: &Identity,
        endpoint: &Arc<SipEndpoint>,
        contact: &RegisteredContact,
    ) -> InviteSpec {
        let to_uri = format!("sip:{}@{}", endpoint.username, self.env.directory.profile_domain());
        let destination = Destination::Flow(contact.hop());
        let mut spec = self.spec(target, contact.uri.clone(), destination, to_uri, self.endpoint_media(endpoint));
        // RFC 3327 section 5.4: the Path it registered with leads to it.
        spec.route = contact.path.clone();
        let others = contact.other_flows.iter().filter(|other| !self.leads_here(&other.uri));
        let flow = |other: &RegisteredContact| Flow {
            request_uri: other.uri.clone(),
            route: other.path.clone(),
            hop: other.hop(),
        };
        spec.other_flows = others.map(flow).collect();
        self.present(&mut spec, caller, Towards::Phone);
        spec
    }

    pub(super) fn foreign_spec(&self, target: usize, caller: &Identity, uri: &str) -> InviteSpec {
        let media = match self.noun_codecs(target) {
            [] => match &self.dial.as_ref().map(|d| &d.caller) {
                Some(Caller::Endpoint(_)) => self.profile_media(),
                _ => MediaPolicy::default(),
            },
            codecs => policy_of(codecs, &[], Encryption::Optional),
        };
        let uri = self.with_transport(uri);
        let mut spec = self.spec(target, uri.clone(), Destination::Uri(uri.clone()), address_of(&uri), media);
        if wants_srtp(&uri) {
            spec.media.encryption = Encryption::Required;
        }
        self.present(&mut spec, caller, Towards::Untrusted);
        spec
    }

    /// An address that says nothing of its transport is called by the one that the operator chose; with none chosen, by RFC 3263.
    fn with_transport(&self, uri: &str) -> String {
        let silent = Uri::parse(uri).is_ok_and(|u| u.scheme() == Scheme::Sip && u.param("transport").is_none());
        match self.env.dial_transport.filter(|_| silent) {
            Some(transport) => {
                let (address, headers) = uri.split_at(uri.find('?').unwrap_or(uri.len()));
                format!("{address};transport={transport}{headers}")
            }
            None => uri.to_owned(),
        }
    }

    /// A call to an application of this server comes back in through its own front door.
    pub(super) fn own_app_spec(&self, target: usize, caller: &Identity, app: &DomainApp) -> InviteSpec {
        let uri = match self.dial.as_ref().and_then(|d| d.dial.targets().get(target)).map(|t| &t.to) {
            Some(TargetAddress::Sip { uri, .. }) if uri.contains('@') => uri.clone(),
            _ => format!("sip:app@{}", self.env.directory.app_domain(app)),
        };
        let own = Destination::Uri(format!("sip:{}", self.env.own_address));
        let to = address_of(&uri);
        let media = policy_of(&app.codecs, &app.ciphers, app.encryption);
        let mut spec = self.spec(target, uri, own, to, media);
        self.present(&mut spec, caller, Towards::Own);
        spec
    }

    pub(super) fn carrier_spec(&self, target: usize, caller: &Identity, number: &str, carrier: &Carrier) -> InviteSpec {
        let (host, params) = match Uri::parse(&carrier.uri) {
            Ok(uri) => {
                let port = uri.port().map(|p| format!(":{p}")).unwrap_or_default();
                let host = if uri.host().contains(':') { format!("[{}]", uri.host()) } else { uri.host().to_owned() };
                let transport = uri.param("transport").map(|t| format!(";transport={t}")).unwrap_or_default();
                (format!("{host}{port}"), transport)
            }
            Err(_) => (String::new(), String::new()),
        };
        let number = escape_user(&carrier.numbers.to_carrier(number));
        let request_uri = format!("sip:{number}@{host}{params}");
        let to_uri = format!("sip:{number}@{host}");
        let destination = Destination::Uri(carrier.uri.clone());
        let media = carrier_media(carrier);
        let mut spec = self.spec(target, request_uri, destination, to_uri, media);
        // The caller in the carrier's way of writing numbers.
        let caller = Identity { user: carrier.numbers.written(&caller.user), display: caller.display.clone() };
        let own = self.env.directory.profile_domain();
        let domain = carrier.from_domain.as_deref().unwrap_or(own);
        self.present_at(&mut spec, &caller, Towards::carrier(carrier), domain);
        if let Some(account) = &carrier.from_user {
            // Where the carrier wants its customer there instead of the caller, From says nothing that could be withheld.
            spec.from_uri = format!("sip:{}@{domain}", escape_user(account));
        }
        spec.headers.extend(carrier.headers.iter().cloned());
        if let (Some(username), Some(password)) = (&carrier.username, &carrier.password) {
            spec.credentials = Some(Credentials { username: username.clone(), password: password.clone() });
            spec.realm = carrier.realm.clone();
        }
        spec
    }

    /// The headers that let the far end name this call to us (laml.md 1.5).
    pub(super) fn identify(&self, spec: &mut InviteSpec, sid: CallSid) {
        if matches!(self.driver, Driver::Document { .. }) {
            spec.headers.push(("X-SignalWire-CallSid".into(), sid.to_string()));
            spec.headers.push(("X-SignalWire-AccountSid".into(), self.env.directory.project.id.clone()));
        }
    }

    /// Who calls, and who sent the call on.
    pub(super) fn present(&self, spec: &mut InviteSpec, caller: &Identity, towards: Towards) {
        self.present_at(spec, caller, towards, self.env.directory.profile_domain());
    }

    fn present_at(&self, spec: &mut InviteSpec, caller: &Identity, towards: Towards, domain: &str) {
        // A caller whom the document names is the document's to show.
        let named = self.dial.as_ref().is_some_and(|d| d.dial.caller_id.is_some());
        let of_caller = || self.inbound.as_ref().filter(|_| !named).map(|i| i.asserted.clone());
        let to_number = matches!(towards, Towards::Carrier { .. });
        let asserted = self.transfer_asserted(to_number).or_else(of_caller).unwrap_or_default();
        let diverted = self.dial.as_ref().map_or(&[][..], |d| &d.diverted);
        present(spec, caller, &asserted, diverted, domain, towards);
    }

    /// An INVITE without its caller.
    pub(super) fn spec(
        &self,
        target: usize,
        request_uri: String,
        destination: Destination,
        to_uri: String,
        mut media: MediaPolicy,
    ) -> InviteSpec {
        media.codecs = self.callers_codecs_first(&media.codecs);
        let (mut headers, credentials, session_expires_secs) =
            match self.dial.as_ref().and_then(|d| d.dial.targets().get(target)).map(|t| &t.to) {
                Some(TargetAddress::Sip { headers, username, password, session_expires_secs, .. }) => {
                    let credentials = username
                        .as_ref()
                        .map(|u| Credentials { username: u.clone(), password: password.clone().unwrap_or_default() });
                    (headers.clone(), credentials, *session_expires_secs)
                }
                Some(TargetAddress::Number(_) | TargetAddress::User(_)) | None => (Vec::new(), None, None),
            };
        if let Some(inbound) = &self.inbound {
            headers.push((HOPS.to_owned(), inbound.hops.value()));
        }
        InviteSpec {
            request_uri,
            destination,
            to_uri,
            from_uri: String::new(),
            from_display: None,
            max_forwards: self.inbound.as_ref().map_or(limits::MAX_FORWARDS, |i| i.max_forwards.saturating_sub(1)),
            headers,
            credentials,
            media,
            route: Vec::new(),
            max_breadth: None,
            late_offer: false,
            realm: None,
            channel: None,
            others_follow: false,
            session_expires_secs,
            other_flows: Vec::new(),
        }
    }

    /// The caller's codecs that the target may speak go first, in the caller's order: what both speak is passed through.
    pub(super) fn callers_codecs_first(&self, codecs: &[CodecId]) -> Vec<CodecId> {
        let current = self.legs.get(&self.primary).and_then(|l| l.codec);
        let mut order: Vec<CodecId> = Vec::new();
        for codec in current.into_iter().chain(self.offered.iter().copied()).chain(codecs.iter().copied()) {
            if codecs.contains(&codec) && !order.contains(&codec) {
                order.push(codec);
            }
        }
        order
    }

    fn noun_codecs(&self, target: usize) -> &[String] {
        match self.dial.as_ref().and_then(|d| d.dial.targets().get(target)).map(|t| &t.to) {
            Some(TargetAddress::Sip { codecs, .. }) => codecs,
            Some(TargetAddress::Number(_) | TargetAddress::User(_)) | None => &[],
        }
    }

    fn endpoint_media(&self, e: &SipEndpoint) -> MediaPolicy {
        endpoint_media(&self.env.directory, e)
    }

    pub(super) fn profile_media(&self) -> MediaPolicy {
        let p = &self.env.directory.profile;
        policy_of(&p.default_codecs, &p.default_ciphers, p.default_encryption)
    }

    pub(super) fn identity_towards_sip(&self) -> Identity {
        let Some(d) = &self.dial else { return self.caller_as_is() };
        if let Some(id) = &d.dial.caller_id {
            return Identity { user: id.clone(), display: d.dial.caller_name.clone() };
        }
        match &d.caller {
            Caller::Endpoint(e) => {
                Identity { user: e.caller_id.clone().unwrap_or_else(|| e.username.clone()), display: None }
            }
            Caller::Carrier(_) | Caller::Application | Caller::Stranger => {
                let mut identity = self.caller_as_is();
                identity.display = d.dial.caller_name.clone().or(identity.display);
                identity
            }
        }
    }

    pub(super) fn identity_towards_number(&self) -> Identity {
        let Some(d) = &self.dial else { return self.caller_as_is() };
        match (&d.dial.caller_id, &d.caller) {
            (Some(id), _) => Identity { user: id.clone(), display: d.dial.caller_name.clone() },
            (None, Caller::Endpoint(e)) => self.number_of(e),
            (None, Caller::Carrier(_) | Caller::Application | Caller::Stranger) => self.caller_as_is(),
        }
    }

    /// The number an endpoint calls numbers with.
    pub(super) fn number_of(&self, e: &SipEndpoint) -> Identity {
        let profile = self.env.directory.profile.default_send_as.clone();
        let number = e.send_as.clone().filter(|n| n != "random").or(profile);
        Identity { user: number.unwrap_or_else(|| e.username.clone()), display: e.caller_id.clone() }
    }

    pub(super) fn caller_as_is(&self) -> Identity {
        match &self.inbound {
            Some(i) => {
                let as_from = || Identity { user: i.from_user.clone(), display: i.from_display.clone() };
                i.asserted.caller.clone().filter(|_| i.asserted.withheld).unwrap_or_else(as_from)
            }
            None => {
                let from = self.legs.get(&self.primary).map_or("", |l| l.from.as_str());
                Identity { user: user_of(from), display: None }
            }
        }
    }

    /// The INVITE of a call that the REST API creates, to one contact or address.
    pub(super) fn api_spec(&self, api: &super::ApiCall, to: ApiTarget<'_>) -> InviteSpec {
        let user = api.caller_id.clone().unwrap_or_else(|| api.from.clone());
        let caller = Identity { user: user_of(&user), display: None };
        let mut spec = match to {
            ApiTarget::Contact(endpoint, contact) => self.endpoint_spec(usize::MAX, &caller, endpoint, contact),
            ApiTarget::Number(number, carrier) => self.carrier_spec(usize::MAX, &caller, number, carrier),
            ApiTarget::Foreign(uri) => self.foreign_spec(usize::MAX, &caller, uri),
            ApiTarget::App(app) => self.own_app_spec(usize::MAX, &caller, app),
        };
        if api.credentials.is_some() {
            spec.credentials = api.credentials.clone();
            spec.realm = None;
        }
        spec
    }
}

pub(super) enum ApiTarget<'a> {
    Contact(&'a Arc<SipEndpoint>, &'a RegisteredContact),
    Number(&'a str, &'a Carrier),
    Foreign(&'a str),
    App(&'a DomainApp),
}

/// An endpoint's media: its own settings, else the profile's.
pub fn endpoint_media(directory: &crate::directory::Directory, e: &SipEndpoint) -> MediaPolicy {
    let p = &directory.profile;
    let codecs = if e.codecs.is_empty() { &p.default_codecs } else { &e.codecs };
    let ciphers = if e.ciphers.is_empty() { &p.default_ciphers } else { &e.ciphers };
    let encryption = if e.encryption == Encryption::Default { p.default_encryption } else { e.encryption };
    MediaPolicy { dtmf: e.dtmf, ..policy_of(codecs, ciphers, encryption) }
}

/// `;secure=true`: no media without SRTP (laml.md 1.5).
fn wants_srtp(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|u| u.param("secure").is_some_and(|secure| secure.eq_ignore_ascii_case("true")))
}

/// `sip:user@host:port` without parameters and headers, for To.
pub(super) fn address_of(uri: &str) -> String {
    let end = uri.find('?').unwrap_or(uri.len());
    let user_end = uri[..end].rfind('@').map_or(0, |at| at + 1);
    let params = uri[user_end..end].find(';').map_or(end, |at| user_end + at);
    uri[..params].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_parameters() {
        assert_eq!(address_of("sip:a;b=c@h:1;transport=tcp?X=y"), "sip:a;b=c@h:1");
        assert_eq!(address_of("sip:host"), "sip:host");
    }
}
