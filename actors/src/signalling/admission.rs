//! What an INVITE is for, and whether its sender may: the decision, without the sending.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tandem_call::call::{
    Asserted, HOPS, Hops, InboundLeg, Party, Plan, VOUCHER, carrier_media, endpoint_media, party_of_badge, policy_of,
};
use tandem_call::carrier::called_address;
use tandem_call::directory::{Carrier, Directory, DomainApp, Handler, NumberHandler, PhoneNumber, SipEndpoint};
use tandem_call::leg::{MediaPolicy, Replaces};
use tandem_call::own::Own;
use tandem_call::routing::{self, Caller};
use tandem_model::{CallSid, Endpoint, Sid, limits};
use tandem_sip::message::{Message, Uri};

use super::own_places::OwnPlaces;

/// Whether new calls are taken at all. Written by the switchboard, read by every shard.
#[derive(Debug, Default)]
pub struct Gate {
    pub draining: AtomicBool,
    pub calls: AtomicUsize,
}

/// Who sent a request that starts something, by address.
pub(super) enum Sender {
    /// To an application: its allow-list has let it in.
    ToApp(Arc<DomainApp>),
    /// From an address of this carrier.
    Carrier(Arc<Carrier>),
    /// This server itself, for a party that asked it for an attended transfer.
    Own { replaces: Replaces, by: Caller },
    /// Has to prove who it is.
    Unknown,
}

/// A refusal: the status on the wire and the reason in the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub why: &'static str,
}

/// What an admitted INVITE becomes.
#[derive(Debug)]
pub(super) struct Admitted {
    pub plan: Plan,
    pub media: MediaPolicy,
    /// The sender may say who calls (RFC 3325 section 2.3).
    pub trusted: bool,
    /// Who brings it, and so gives one of its channels.
    pub carrier: Option<Arc<Carrier>>,
}

/// Looks at the target and the source only; no webhook is fetched and no password asked before this.
pub(super) fn classify(
    own: &Own,
    directory: &Directory,
    invite: &Message,
    source: SocketAddr,
) -> Result<Sender, Refusal> {
    if let Some(sender) = from_this_server(own, directory, invite)? {
        return Ok(sender);
    }
    let uri = invite.request_uri().ok_or(Refusal { status: 400, why: "malformed Request-URI" })?;
    if let Some(app) = routing::app(directory, &uri) {
        if app.ip_auth_enabled && !app.ip_auth.iter().any(|range| range.contains(source.ip())) {
            return Err(Refusal { status: 403, why: "source is not on the application's allow-list" });
        }
        // An application takes calls; the calls it has are not its senders' to take over.
        let replaces = invite.header("Replaces").is_some();
        return Ok(if replaces { Sender::Unknown } else { Sender::ToApp(app.clone()) });
    }
    if claims_to_be_endpoint(directory, invite) {
        return Ok(Sender::Unknown);
    }
    let by_address = carrier_at(directory, source);
    // Calls to the Contact that we registered with a carrier come from wherever it likes: who knows it was told by us.
    let user = uri.user_decoded().unwrap_or_default();
    let by_contact = directory.carriers.iter().find(|c| c.registration.is_some() && c.is_contact_user(&user));
    let carrier = by_contact.or(by_address);
    Ok(carrier.map_or(Sender::Unknown, |c| Sender::Carrier(c.clone())))
}

fn carrier_at(directory: &Directory, source: SocketAddr) -> Option<&Arc<Carrier>> {
    directory.carriers.iter().find(|c| c.allow_from.iter().any(|r| r.contains(source.ip())))
}

fn from_this_server(own: &Own, directory: &Directory, invite: &Message) -> Result<Option<Sender>, Refusal> {
    let Some(voucher) = invite.header(VOUCHER) else { return Ok(None) };
    let replaces = replaces_of(invite)?;
    let sender = replaces.and_then(|replaces| {
        let badge = own.vouched(voucher, &replaces.to_string())?;
        Some(Sender::Own { by: party_of_badge(badge, directory)?, replaces })
    });
    match sender {
        Some(sender) => Ok(Some(sender)),
        None => Err(Refusal { status: 403, why: "forged voucher" }),
    }
}

/// RFC 3891 section 3: one Replaces at most, and one that can be read.
fn replaces_of(invite: &Message) -> Result<Option<Replaces>, Refusal> {
    let mut values = invite.headers("Replaces");
    let (Some(value), more) = (values.next(), values.next()) else { return Ok(None) };
    match Replaces::parse(value) {
        Some(replaces) if more.is_none() => Ok(Some(replaces)),
        Some(_) | None => Err(Refusal { status: 400, why: "malformed Replaces" }),
    }
}

/// Phones may share an address with a carrier, as they do behind a proxy: who speaks in an endpoint's name proves it,
/// wherever it comes from.
fn claims_to_be_endpoint(directory: &Directory, invite: &Message) -> bool {
    let in_its_name = invite.from().uri().is_ok_and(|from| {
        from.host().eq_ignore_ascii_case(directory.profile_domain())
            && from.user_decoded().is_some_and(|user| directory.endpoint(&user).is_some())
    });
    in_its_name || invite.header("Proxy-Authorization").is_some()
}

/// `source` decides whether the sender may say who calls: with an allow-list it was let in as somebody known.
pub(super) fn to_app(
    directory: &Directory,
    app: Arc<DomainApp>,
    invite: &Message,
    source: SocketAddr,
) -> Result<Admitted, Refusal> {
    if !matches!(app.handler, Handler::LamlWebhooks(_)) {
        return Err(Refusal { status: 480, why: "the application has no handler" });
    }
    let media = policy_of(&app.codecs, &app.ciphers, app.encryption);
    let carrier = carrier_at(directory, source);
    let trusted = app.ip_auth_enabled || carrier.is_some();
    // A phone beside it, behind one proxy, takes no channel of the carrier's.
    let carrier = carrier.filter(|_| !claims_to_be_endpoint(directory, invite)).cloned();
    Ok(Admitted { plan: Plan::App { app }, media, trusted, carrier })
}

/// This server's own INVITE of an attended transfer.
pub(super) fn from_own(directory: &Directory, replaces: Replaces, by: Caller) -> Admitted {
    let p = &directory.profile;
    let media = policy_of(&p.default_codecs, &p.default_ciphers, p.default_encryption);
    Admitted { plan: Plan::Replace { replaces, by }, media, trusted: true, carrier: None }
}

pub(super) fn from_endpoint(
    directory: &Directory,
    endpoint: Arc<SipEndpoint>,
    invite: &Message,
    own: &OwnPlaces,
) -> Result<Admitted, Refusal> {
    let media = endpoint_media(directory, &endpoint);
    if let Some(replaces) = replaces_of(invite)? {
        return Ok(Admitted {
            plan: Plan::Replace { replaces, by: Caller::Endpoint(endpoint) },
            media,
            trusted: false,
            carrier: None,
        });
    }
    if matches!(endpoint.handler, Handler::LamlWebhooks(_)) {
        return Ok(Admitted { plan: Plan::Handler { endpoint }, media, trusted: false, carrier: None });
    }
    let caller = Caller::Endpoint(endpoint.clone());
    let route = route(directory, &caller, invite, own)?;
    let plan = Plan::Connect { caller: Party::Endpoint(endpoint), route };
    Ok(Admitted { plan, media, trusted: false, carrier: None })
}

pub(super) fn from_carrier(
    directory: &Directory,
    carrier: Arc<Carrier>,
    invite: &Message,
    own: &OwnPlaces,
) -> Result<Admitted, Refusal> {
    let malformed = Refusal { status: 400, why: "malformed Request-URI" };
    let called = called_address(&carrier, invite, directory.profile_domain()).ok_or(malformed)?;
    let uri = Uri::parse(&called).map_err(|_| Refusal { status: 404, why: "the carrier names nobody" })?;
    let caller = Caller::Carrier(carrier.clone());
    let admitted = |plan| {
        let (media, carrier) = (carrier_media(&carrier), Some(carrier.clone()));
        Admitted { plan, media, trusted: true, carrier }
    };
    if let Some(replaces) = replaces_of(invite)? {
        return Ok(admitted(Plan::Replace { replaces, by: caller }));
    }
    let route = match number_called(directory, &uri).map(|number| (number, &number.handler)) {
        Some((number, NumberHandler::Laml(_))) => {
            let (number, carrier) = (number.clone(), carrier.clone());
            return Ok(admitted(Plan::Number { number, carrier }));
        }
        Some((_, NumberHandler::Endpoint(id))) => {
            let gone = Refusal { status: 480, why: "the number's endpoint is gone" };
            routing::Route::Endpoint(directory.endpoint_by_id(*id).cloned().ok_or(gone)?)
        }
        Some((_, NumberHandler::None | NumberHandler::Unsupported(_))) => {
            return Err(Refusal { status: 480, why: "the number has no handler" });
        }
        None => route_to(directory, &caller, &uri, own)?,
    };
    Ok(admitted(Plan::Connect { caller: Party::Carrier(carrier.clone()), route }))
}

/// A number of ours, whatever host stands behind it: carriers name their own as often as ours.
fn number_called<'d>(directory: &'d Directory, uri: &Uri<'_>) -> Option<&'d Arc<PhoneNumber>> {
    directory.numbers.get(&routing::normalise(&uri.user_decoded()?)?)
}

fn route(directory: &Directory, caller: &Caller, invite: &Message, own: &OwnPlaces) -> Result<routing::Route, Refusal> {
    let uri = invite.request_uri().ok_or(Refusal { status: 400, why: "malformed Request-URI" })?;
    route_to(directory, caller, &uri, own)
}

fn route_to(directory: &Directory, caller: &Caller, uri: &Uri<'_>, own: &OwnPlaces) -> Result<routing::Route, Refusal> {
    let ours = |host: &str, port: Option<u16>| own.holds(host, port);
    routing::route(directory, caller, uri, ours).map_err(|no| Refusal { status: no.status, why: no.why })
}

/// The facts of an INVITE that a call keeps. Who calls is believed of `trusted` senders alone, beyond From.
pub(super) fn inbound_leg(
    invite: &Message,
    source: Endpoint,
    username: Option<String>,
    hops: Hops,
    trusted: bool,
) -> InboundLeg {
    let uri = invite.request_uri();
    let from = invite.from();
    let from_uri = from.uri().ok();
    let mut headers: Vec<(String, String)> = uri.as_ref().map(uri_headers).unwrap_or_default();
    for (name, value) in invite.all_headers() {
        let own = name.eq_ignore_ascii_case(HOPS) || name.eq_ignore_ascii_case(VOUCHER);
        let passed = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-")) && name.len() > 2 && !own
            || name.eq_ignore_ascii_case("User-to-User")
            || trusted && name.eq_ignore_ascii_case("P-Asserted-Identity");
        if passed && !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    InboundLeg {
        sid: Sid::from_bytes([0; 16]) as CallSid,
        from_uri: bare(from.uri_str()),
        from_display: from.display_name().map(|n| n.into_owned()),
        from_user: from_uri.and_then(|u| u.user_decoded().map(|u| u.into_owned())).unwrap_or_default(),
        to_uri: uri.as_ref().map(|u| bare(u.as_str())).unwrap_or_default(),
        request_user: uri.as_ref().and_then(|u| u.user_decoded().map(|u| u.into_owned())).unwrap_or_default(),
        request_host: uri.as_ref().map(|u| u.host().to_owned()).unwrap_or_default(),
        headers,
        call_id: invite.call_id().to_owned(),
        source,
        max_forwards: invite.max_forwards().unwrap_or(limits::MAX_FORWARDS),
        hops,
        asserted: Asserted::read(invite, trusted),
        username,
        offered: Vec::new(),
    }
}

/// `?NAME=v` of the Request-URI counts as the header `X-NAME` (laml.md 2.3).
fn uri_headers(uri: &Uri<'_>) -> Vec<(String, String)> {
    uri.headers()
        .map(|(name, value)| {
            let name = if name.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("x-")) {
                name.to_owned()
            } else {
                format!("X-{name}")
            };
            (name, percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
        .collect()
}

/// A URI without parameters and headers.
fn bare(uri: &str) -> String {
    let at = uri.find('@').unwrap_or(0);
    let end = uri[at..].find([';', '?']).map_or(uri.len(), |i| at + i);
    uri[..end].to_owned()
}

/// Whether a new call may begin now, or why not. `media_has_room`: the media threads keep below their share of load.
pub(super) fn admit(gate: &Gate, calls_max: usize, media_has_room: bool) -> Result<(), Refusal> {
    if gate.draining.load(Ordering::Relaxed) {
        return Err(Refusal { status: 503, why: "draining" });
    }
    if gate.calls.load(Ordering::Relaxed) >= calls_max {
        return Err(Refusal { status: 503, why: "too many calls" });
    }
    if !media_has_room {
        return Err(Refusal { status: 503, why: "no media thread has room" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
