//! What a request that starts something may carry, whoever it is for: route set, way so far, body. Pure; said to the wire and
//! the log by the shard.

use tandem_call::call::Hops;
use tandem_call::directory::Directory;
use tandem_call::leg;
use tandem_call::own::Own;
use tandem_call::routing;
use tandem_model::limits;
use tandem_sip::message::{Message, Uri};

use super::admission::{Refusal, Sender};

/// A route set in a request that starts something is refused unless it names only this server (RFC 3261 section 16.4 has it
/// taken off): nobody sends through us where we would not.
pub(super) fn only_ours_on_route(own: &Own, directory: &Directory, request: &Message) -> Result<(), Refusal> {
    let ours = |uri: Uri<'_>| {
        let host = uri.host();
        own.is_here(host, uri.port()) || directory.is_home(host)
    };
    let mut routes = request.routes();
    let elements = request.token_list("Route").count();
    let named = routes.by_ref().filter(|route| route.uri().is_ok_and(ours)).count();
    // An element that cannot be read names nobody of ours.
    if named == elements { Ok(()) } else { Err(Refusal { status: 403, why: "preloaded Route leads elsewhere" }) }
}

/// Whether an INVITE asks for what only some may: to leave the server, or to take another's place. Said in the audit log
/// when whoever asks has not proved who it is.
pub(super) fn asks_for_much(own: &Own, directory: &Directory, invite: &Message) -> Option<&'static str> {
    if invite.header("Replaces").is_some() {
        return Some("Replaces without credentials");
    }
    let uri = invite.request_uri()?;
    let at_home = own.is_here(uri.host(), uri.port()) || directory.is_home(uri.host());
    if at_home && routing::endpoint(directory, &uri).is_some() {
        return None;
    }
    Some("a call that leaves the server, without credentials")
}

/// What an INVITE may carry (RFC 3261 sections 8.2.3 and 21.4.11). After who sent it is known.
pub(super) fn content(invite: &Message) -> Result<(), Refusal> {
    let description = leg::description(invite).map_err(|why| Refusal { status: 415, why })?;
    if description.len() > limits::SDP_BYTES_MAX {
        return Err(Refusal { status: 413, why: "the body is too large" });
    }
    Ok(())
}

/// Header fields that belong to a refusal.
pub(super) fn headers_of(status: u16) -> &'static [(&'static str, &'static str)] {
    match status {
        // RFC 3261 section 21.4.13.
        415 => &[("Accept", "application/sdp"), ("Accept-Encoding", "identity")],
        _ => &[],
    }
}

/// The way of an INVITE so far, or that it goes in a circle (docs/adr/0010-loops.md).
pub(super) fn hops(own: &Own, invite: &Message, sender: &Sender) -> Result<Hops, Refusal> {
    match (Hops::read(invite, own.mark()), sender) {
        (Ok(hops), _) => Ok(hops),
        // What this server sends itself for a transfer ends in a call that is there.
        (Err(_), Sender::Own { .. }) => Ok(Hops::default()),
        (Err(_), Sender::ToApp(_) | Sender::Carrier(_) | Sender::Unknown) => {
            Err(Refusal { status: 482, why: "the call has been here before" })
        }
    }
}
