//! Where a dialled address leads, decided from a copy of the configuration: no lookup, no I/O. Registrations are
//! the registrar's to say, and names are the resolver's. Start at [`route`].

mod number;

pub use number::{is_number, named, normalise};

use std::sync::Arc;

use tandem_sip::message::{Scheme, Uri};

use crate::directory::{Carrier, Directory, DomainApp, OutboundPolicy, SipEndpoint};

/// Who dials.
#[derive(Clone, Debug)]
pub enum Caller {
    Endpoint(Arc<SipEndpoint>),
    Carrier(Arc<Carrier>),
    /// A document or the REST API of this project: trusted to dial out.
    Application,
    /// Somebody on the network who has proved nothing, at whatever address: allowed nothing.
    Stranger,
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub enum Route {
    Endpoint(Arc<SipEndpoint>),
    App(Arc<DomainApp>),
    /// To a number, in the order to try.
    Number {
        number: String,
        carriers: Vec<Arc<Carrier>>,
    },
    /// To a SIP address elsewhere.
    Foreign {
        uri: String,
    },
}

/// A refusal: the SIP status to answer, and what the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoute {
    pub status: u16,
    pub why: &'static str,
}

/// Decides where `target` leads for `caller`. `ours` tells whether a host and port are this server's own.
pub fn route(
    directory: &Directory,
    caller: &Caller,
    target: &Uri<'_>,
    ours: impl Fn(&str, Option<u16>) -> bool,
) -> Result<Route, NoRoute> {
    let tel = target.scheme() == Scheme::Tel;
    let host = target.host();
    if target.scheme() == Scheme::Other {
        return Err(NoRoute { status: 416, why: "URI scheme is not sip, sips or tel" });
    }
    if let Some(app) = app(directory, target) {
        return Ok(Route::App(app.clone()));
    }
    let at_home = tel || host.eq_ignore_ascii_case(directory.profile_domain()) || ours(host, target.port());
    if at_home {
        if let Some(endpoint) = endpoint(directory, target) {
            return match caller {
                Caller::Stranger => Err(NoRoute { status: 403, why: "a stranger may not call endpoints" }),
                _ => Ok(Route::Endpoint(endpoint.clone())),
            };
        }
        return to_number(directory, caller, &named(target));
    }
    if is_under(host, &directory.project.domain) {
        return Err(NoRoute { status: 404, why: "unknown domain of this server" });
    }
    may_leave(directory, caller)?;
    Ok(Route::Foreign { uri: target.as_str().to_owned() })
}

/// The application that takes calls to this address. What follows a `;` may be of the user's name, or be what a telephone number
/// has beside (RFC 3261 section 19.1.1): whoever is called as the whole is meant first.
pub fn app<'d>(directory: &'d Directory, target: &Uri<'_>) -> Option<&'d Arc<DomainApp>> {
    let whole = target.user_decoded().unwrap_or_default();
    let called = directory.domain_app(&whole, target.host()).filter(|app| app.user == whole);
    called.or_else(|| directory.domain_app(&named(target), target.host()))
}

/// The endpoint whose user part this address has, at whatever host, as [`app`] reads it.
pub fn endpoint<'d>(directory: &'d Directory, target: &Uri<'_>) -> Option<&'d Arc<SipEndpoint>> {
    let called = directory.endpoint(&target.user_decoded().unwrap_or_default());
    called.or_else(|| directory.endpoint(&named(target)))
}

/// A number dialled by itself, as `<Number>` and REST name it.
pub fn to_number(directory: &Directory, caller: &Caller, dialled: &str) -> Result<Route, NoRoute> {
    let Some(number) = normalise(dialled) else {
        return Err(NoRoute { status: 404, why: "neither an endpoint nor an E.164 number" });
    };
    may_leave(directory, caller)?;
    let carriers: Vec<_> = directory.carriers.iter().filter(|c| c.carries(&number)).cloned().collect();
    if carriers.is_empty() {
        return Err(NoRoute { status: 404, why: "no carrier carries this number" });
    }
    Ok(Route::Number { number, carriers })
}

/// Whether this caller may place calls that leave the server (promises row 6).
fn may_leave(directory: &Directory, caller: &Caller) -> Result<(), NoRoute> {
    match caller {
        Caller::Application => Ok(()),
        Caller::Endpoint(e) => match directory.outbound_policy(e) {
            OutboundPolicy::Passthrough => Ok(()),
            OutboundPolicy::Block => Err(NoRoute { status: 403, why: "the endpoint's outbound policy is block" }),
        },
        Caller::Carrier(_) => Err(NoRoute { status: 403, why: "a carrier may not place outbound calls" }),
        Caller::Stranger => Err(NoRoute { status: 403, why: "a stranger may not place outbound calls" }),
    }
}

fn is_under(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}
