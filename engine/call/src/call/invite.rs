//! The INVITE each kind of target gets: who calls, over which flow, with which media.

use std::sync::Arc;

use tandem_codecs::CodecId;
use tandem_laml::instruction::TargetAddress;
use tandem_model::{CallSid, limits};
use tandem_sip::message::Uri;

use super::contract::{RegisteredContact, carrier_media, policy_of};
use super::{Call, Driver};
use crate::directory::{Carrier, DomainApp, Encryption, SipEndpoint};
use crate::leg::{Credentials, Destination, InviteSpec, MediaPolicy};
use crate::routing::Caller;

/// Who calls, as one target is shown it.
struct Identity {
    user: String,
    display: Option<String>,
}

impl Call {
    pub(super) fn endpoint_spec(
        &self,
        target: usize,
        endpoint: &Arc<SipEndpoint>,
        contact: &RegisteredContact,
    ) -> InviteSpec {
        let identity = self.identity_towards_sip();
        let to_uri = format!("sip:{}@{}", endpoint.username, self.env.directory.profile_domain());
        let destination = Destination::Flow(contact.hop());
        let media = self.endpoint_media(endpoint);
        // RFC 3327 section 5.4: the Path it registered with leads to it.
        InviteSpec {
            route: contact.path.clone(),
            ..self.spec(target, identity, contact.uri.clone(), destination, to_uri, media)
        }
    }

    pub(super) fn foreign_spec(&self, target: usize, uri: &str) -> InviteSpec {
        let identity = self.identity_towards_sip();
        let media = match self.noun_codecs(target) {
            [] => match &self.dial.as_ref().map(|d| &d.caller) {
                Some(Caller::Endpoint(_)) => self.profile_media(),
                _ => MediaPolicy::default(),
            },
            codecs => policy_of(codecs, &[], Encryption::Optional),
        };
        self.spec(target, identity, uri.to_owned(), Destination::Uri(uri.to_owned()), address_of(uri), media)
    }

    /// A call to an application of this server comes back in through its own front door.
    pub(super) fn own_app_spec(&self, target: usize, app: &DomainApp) -> InviteSpec {
        let uri = match self.dial.as_ref().and_then(|d| d.dial.targets.get(target)).map(|t| &t.to) {
            Some(TargetAddress::Sip { uri, .. }) if uri.contains('@') => uri.clone(),
            _ => format!("sip:app@{}", self.env.directory.app_domain(app)),
        };
        let own = Destination::Uri(format!("sip:{}", self.env.own_address));
        let to = address_of(&uri);
        self.spec(
            target,
            self.identity_towards_sip(),
            uri,
            own,
            to,
            policy_of(&app.codecs, &app.ciphers, app.encryption),
        )
    }

    pub(super) fn carrier_spec(&self, target: usize, number: &str, carrier: &Carrier) -> InviteSpec {
        let (host, params) = match Uri::parse(&carrier.uri) {
            Ok(uri) => {
                let port = uri.port().map(|p| format!(":{p}")).unwrap_or_default();
                let host = if uri.host().contains(':') { format!("[{}]", uri.host()) } else { uri.host().to_owned() };
                let transport = uri.param("transport").map(|t| format!(";transport={t}")).unwrap_or_default();
                (format!("{host}{port}"), transport)
            }
            Err(_) => (String::new(), String::new()),
        };
        let request_uri = format!("sip:{number}@{host}{params}");
        let to_uri = format!("sip:{number}@{host}");
        let destination = Destination::Uri(carrier.uri.clone());
        let media = carrier_media(carrier);
        let mut spec = self.spec(target, self.identity_towards_number(), request_uri, destination, to_uri, media);
        if let (Some(username), Some(password)) = (&carrier.username, &carrier.password) {
            spec.credentials = Some(Credentials { username: username.clone(), password: password.clone() });
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

    fn spec(
        &self,
        target: usize,
        identity: Identity,
        request_uri: String,
        destination: Destination,
        to_uri: String,
        mut media: MediaPolicy,
    ) -> InviteSpec {
        media.codecs = self.callers_codecs_first(&media.codecs);
        let (headers, credentials) = match self.dial.as_ref().and_then(|d| d.dial.targets.get(target)).map(|t| &t.to) {
            Some(TargetAddress::Sip { headers, username, password, .. }) => {
                let credentials = username
                    .as_ref()
                    .map(|u| Credentials { username: u.clone(), password: password.clone().unwrap_or_default() });
                (headers.clone(), credentials)
            }
            Some(TargetAddress::Number(_)) | None => (Vec::new(), None),
        };
        InviteSpec {
            request_uri,
            destination,
            to_uri,
            from_uri: format!("sip:{}@{}", escape_user(&identity.user), self.env.directory.profile_domain()),
            from_display: identity.display,
            max_forwards: self.inbound.as_ref().map_or(limits::MAX_FORWARDS, |i| i.max_forwards.saturating_sub(1)),
            headers,
            credentials,
            media,
            route: Vec::new(),
            max_breadth: self.breadth_of_a_branch(),
            late_offer: false,
        }
    }

    /// Each branch's share of the caller's breadth, of which all branches together use no more (RFC 5393 section 5.3.3).
    fn breadth_of_a_branch(&self) -> Option<u32> {
        let breadth = self.inbound.as_ref()?.max_breadth?;
        let targets = self.dial.as_ref().map_or(1, |d| d.dial.targets.len().max(1));
        let branches = u32::try_from(targets * limits::CONTACTS_PER_AOR_MAX).unwrap_or(u32::MAX);
        Some((breadth / branches).max(1))
    }

    /// The caller's codecs that the target may speak go first, in the caller's order: what both speak is passed through.
    fn callers_codecs_first(&self, codecs: &[CodecId]) -> Vec<CodecId> {
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
        match self.dial.as_ref().and_then(|d| d.dial.targets.get(target)).map(|t| &t.to) {
            Some(TargetAddress::Sip { codecs, .. }) => codecs,
            Some(TargetAddress::Number(_)) | None => &[],
        }
    }

    fn endpoint_media(&self, e: &SipEndpoint) -> MediaPolicy {
        endpoint_media(&self.env.directory, e)
    }

    fn profile_media(&self) -> MediaPolicy {
        let p = &self.env.directory.profile;
        policy_of(&p.default_codecs, &p.default_ciphers, p.default_encryption)
    }

    fn identity_towards_sip(&self) -> Identity {
        let Some(d) = &self.dial else { return self.caller_as_is() };
        if let Some(id) = &d.dial.caller_id {
            return Identity { user: id.clone(), display: d.dial.caller_name.clone() };
        }
        match &d.caller {
            Caller::Endpoint(e) => {
                Identity { user: e.caller_id.clone().unwrap_or_else(|| e.username.clone()), display: None }
            }
            Caller::Carrier(_) | Caller::Application | Caller::Stranger(_) => {
                let mut identity = self.caller_as_is();
                identity.display = d.dial.caller_name.clone().or(identity.display);
                identity
            }
        }
    }

    fn identity_towards_number(&self) -> Identity {
        let profile = self.env.directory.profile.default_send_as.clone();
        let Some(d) = &self.dial else { return self.caller_as_is() };
        match (&d.dial.caller_id, &d.caller) {
            (Some(id), _) => Identity { user: id.clone(), display: d.dial.caller_name.clone() },
            (None, Caller::Endpoint(e)) => {
                let number = e.send_as.clone().filter(|n| n != "random").or(profile);
                Identity { user: number.unwrap_or_else(|| e.username.clone()), display: e.caller_id.clone() }
            }
            (None, Caller::Carrier(_) | Caller::Application | Caller::Stranger(_)) => self.caller_as_is(),
        }
    }

    fn caller_as_is(&self) -> Identity {
        match &self.inbound {
            Some(i) => Identity { user: i.from_user.clone(), display: i.from_display.clone() },
            None => {
                let from = self.legs.get(&self.primary).map_or("", |l| l.from.as_str());
                let user = Uri::parse(from).ok().and_then(|u| u.user_decoded().map(|u| u.into_owned()));
                Identity { user: user.unwrap_or_else(|| from.to_owned()), display: None }
            }
        }
    }

    /// The INVITE of a call that the REST API creates, to one contact or address.
    pub(super) fn api_spec(&self, api: &super::ApiCall, to: ApiTarget<'_>) -> InviteSpec {
        let user = api.caller_id.clone().unwrap_or_else(|| api.from.clone());
        let user = match Uri::parse(&user) {
            Ok(uri) => uri.user_decoded().map_or(user.clone(), |u| u.into_owned()),
            Err(_) => user,
        };
        let identity = Identity { user, display: None };
        let mut spec = match to {
            ApiTarget::Contact(endpoint, contact) => self.endpoint_spec(usize::MAX, endpoint, contact),
            ApiTarget::Number(number, carrier) => self.carrier_spec(usize::MAX, number, carrier),
            ApiTarget::Foreign(uri) => self.foreign_spec(usize::MAX, uri),
            ApiTarget::App(app) => self.own_app_spec(usize::MAX, app),
        };
        spec.from_uri = format!("sip:{}@{}", escape_user(&identity.user), self.env.directory.profile_domain());
        spec.from_display = None;
        if api.credentials.is_some() {
            spec.credentials = api.credentials.clone();
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

/// `sip:user@host:port` without parameters and headers, for To.
fn address_of(uri: &str) -> String {
    let end = uri.find('?').unwrap_or(uri.len());
    let user_end = uri[..end].rfind('@').map_or(0, |at| at + 1);
    let params = uri[user_end..end].find(';').map_or(end, |at| user_end + at);
    uri[..params].to_owned()
}

/// A user part may hold nearly anything; what the grammar does not allow is percent-encoded (RFC 3261 section 25.1).
fn escape_user(user: &str) -> String {
    use std::fmt::Write;
    user.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&b) {
            out.push(b as char);
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_escaped_and_addresses_lose_their_parameters() {
        assert_eq!(escape_user("+1 555"), "+1%20555");
        assert_eq!(escape_user("a\r\nX: y"), "a%0D%0AX%3A%20y");
        assert_eq!(address_of("sip:a;b=c@h:1;transport=tcp?X=y"), "sip:a;b=c@h:1");
        assert_eq!(address_of("sip:host"), "sip:host");
    }
}
