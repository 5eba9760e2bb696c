//! Where requests of a dialog may come from.
//!
//! The tags are what proves that a request is of a dialog (RFC 3261 section 12.2.2). Whoever overheard them could end or
//! divert a call from anywhere, so its address must be one that the dialog knows too: of the INVITE, of the response
//! that answered, of the hops our INVITE was tried at, a literal one in the peer's Contact or Record-Route, or one that a
//! host name there leads to. Ports are not looked at: NATs and proxies change them. A carrier, or our proxies before a far end, may
//! speak from any address that the operator wrote down for them: the actor says so ([`Leg::handle_listed`]). `known_sources_only`
//! turns it all off.
//!
//! Names are looked up for the first request that comes from elsewhere with the right tags; it has its answer when they are known.

use std::net::IpAddr;

use tandem_model::{Endpoint, Timestamp, Transport, limits};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method, Uri};
use tandem_sip::transaction::ServerKey;

use super::Leg;
use super::contract::{LegEffect, LegInput, RequestId};

/// Names that one leg knows its far end by: Contact, and a route or two.
const NAMES_MAX: usize = 4;
/// Look-ups for one leg: a name that could not be looked up may be the next time.
const LOOK_UPS_MAX: usize = 2 * NAMES_MAX;
/// Requests that wait for it; what comes beyond is refused.
const WAITING_MAX: usize = 4;

/// Addresses that messages of this leg came from or went to.
#[derive(Default)]
pub(super) struct KnownSources(Vec<IpAddr>);

impl KnownSources {
    pub(super) fn add(&mut self, endpoint: Endpoint) {
        let ip = endpoint.addr.ip().to_canonical();
        if self.0.len() < limits::HOPS_MAX * (NAMES_MAX + 2) && !self.0.contains(&ip) {
            self.0.push(ip);
        }
    }

    fn has(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip)
    }
}

/// Requests from addresses that only a name of the peer's may lead to.
#[derive(Default)]
pub(super) struct Strangers {
    /// Names that led somewhere.
    looked_up: Vec<String>,
    asked: Vec<(RequestId, String)>,
    look_ups: usize,
    waiting: Vec<(ServerKey, Message, Endpoint)>,
    /// What waited has its answer now, and does not wait again.
    answering: bool,
}

/// The URIs by which a peer is named and not addressed. What is under `.invalid` names nothing (RFC 7118 section 5.2). Nobody is called
/// over WebSocket, so that it has no places in DNS: those names have addresses.
fn names(dialog: &Dialog) -> impl Iterator<Item = String> {
    dialog.peer_uris().filter_map(|text| {
        let uri = Uri::parse(text).ok().filter(|uri| uri.host_ip().is_none())?;
        let host = uri.host().to_ascii_lowercase();
        let by_web =
            uri.param("transport").is_some_and(|t| t.eq_ignore_ascii_case("ws") || t.eq_ignore_ascii_case("wss"));
        let port = uri.port().unwrap_or(Transport::Wss.default_port());
        let asked = if by_web { format!("sip:{host}:{port};transport=tcp") } else { text.to_owned() };
        (!host.is_empty() && !host.ends_with(".invalid")).then_some(asked)
    })
}

impl Leg {
    /// Whether anything of this leg came from there or went there.
    pub fn is_known_source(&self, source: Endpoint) -> bool {
        self.listed || !self.env.extensions.known_sources_only || self.known.has(source.addr.ip().to_canonical())
    }

    /// Whether any address that messages of this leg came from or went to is such a one.
    pub fn knows_any(&self, is_such: impl Fn(IpAddr) -> bool) -> bool {
        self.known.0.iter().copied().any(is_such)
    }

    /// As [`Self::handle`], for what comes from an address that the operator wrote down for the far end: its carrier has several,
    /// or a proxy of ours stands before it. Tags have to be right all the same.
    pub fn handle_listed(&mut self, now: Timestamp, input: LegInput) {
        self.listed = true;
        self.handle(now, input);
        self.listed = false;
    }

    /// Whether a request from there may be of this dialog.
    pub(super) fn is_known(&self, dialog: &Dialog, source: Endpoint) -> bool {
        if self.is_known_source(source) {
            return true;
        }
        let ip = source.addr.ip().to_canonical();
        let named = dialog.peer_uris().filter_map(|uri| Uri::parse(uri).ok()).filter_map(|uri| uri.host_ip());
        named.into_iter().any(|named| named.to_canonical() == ip)
    }

    /// Keeps a request until the names of the peer have been looked up. False: none may lead to where it came from.
    pub(super) fn waits_for_names(
        &mut self,
        dialog: &Dialog,
        key: ServerKey,
        request: &Message,
        source: Endpoint,
    ) -> bool {
        // Only who knows the tags has anything looked up.
        if !dialog.matches(request) || names(dialog).next().is_none() {
            return false;
        }
        let mut strangers = self.strangers.take().unwrap_or_default();
        if strangers.answering {
            self.strangers = Some(strangers);
            return false;
        }
        for name in names(dialog) {
            let Strangers { looked_up, asked, look_ups, .. } = &mut *strangers;
            let is_new = !looked_up.contains(&name) && !asked.iter().any(|(_, asked)| *asked == name);
            if is_new && looked_up.len() + asked.len() < NAMES_MAX && *look_ups < LOOK_UPS_MAX {
                let id = self.next_request_id();
                self.emit(LegEffect::LookUp { id, uri: name.clone() });
                asked.push((id, name));
                *look_ups += 1;
            }
        }
        let waits = !strangers.asked.is_empty() && strangers.waiting.len() < WAITING_MAX;
        if waits {
            strangers.waiting.push((key, request.clone(), source));
        }
        self.strangers = Some(strangers);
        waits
    }

    /// Where a name leads, if it was asked for here: what waited for the last of them has its answer now.
    pub(super) fn looked_up(&mut self, now: Timestamp, id: RequestId, hops: &Result<Vec<Endpoint>, String>) -> bool {
        let Some(strangers) = &mut self.strangers else { return false };
        let Some(at) = strangers.asked.iter().position(|(asked, _)| *asked == id) else { return false };
        let (_, name) = strangers.asked.swap_remove(at);
        if hops.is_ok() {
            strangers.looked_up.push(name);
        }
        let is_last = strangers.asked.is_empty();
        let waiting = if is_last { std::mem::take(&mut strangers.waiting) } else { Vec::new() };
        strangers.answering = true;
        for hop in hops.iter().flatten() {
            self.known.add(*hop);
        }
        for (key, message, source) in waiting {
            self.handle(now, LegInput::Request { key, message, source });
        }
        if let Some(strangers) = &mut self.strangers {
            strangers.answering = false;
        }
        true
    }

    /// The dialog is over: what still waits is answered as what comes later is.
    pub(super) fn end_strangers(&mut self) {
        for (key, message, source) in self.strangers.take().map(|s| s.waiting).unwrap_or_default() {
            let status = if message.method() == Method::Bye { 200 } else { 481 };
            self.respond(key, &message, source, status, None, &[]);
        }
    }
}
