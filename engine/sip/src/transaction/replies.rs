//! The messages the layer makes itself: ACK of a failure, CANCEL, 100, and answers it gives without a transaction.

use sha2::{Digest, Sha256};
use tandem_model::{Endpoint, hex, limits};

use crate::message::{Builder, Message, Method};

/// The ACK of a non-2xx final response (RFC 3261 section 17.1.1.3).
pub(super) fn ack(invite: &Message, response: &Message) -> Message {
    same_transaction(invite, Method::Ack, response.header("To").unwrap_or_default()).build()
}

/// The CANCEL of an INVITE (RFC 3261 section 9.1), with a Reason if there is one (RFC 3326).
pub(super) fn cancel(invite: &Message, reason: Option<&str>) -> Message {
    let cancel = same_transaction(invite, Method::Cancel, invite.header("To").unwrap_or_default());
    match reason {
        Some(reason) => cancel.header("Reason", reason),
        None => cancel,
    }
    .build()
}

/// Same Request-URI, top Via, Route, From, Call-ID and CSeq number.
fn same_transaction(invite: &Message, method: Method, to: &str) -> Builder {
    let uri = invite.request_uri().map_or("", |u| u.as_str());
    let via = first_item(invite.header("Via").unwrap_or_default());
    let mut builder = Message::request(method, uri)
        .header("Via", via)
        .header("Max-Forwards", &limits::MAX_FORWARDS.to_string())
        .header("From", invite.header("From").unwrap_or_default())
        .header("To", to)
        .header("Call-ID", invite.call_id())
        .header("CSeq", &format!("{} {}", invite.cseq().number, method.as_str()));
    for route in invite.headers("Route") {
        builder = builder.header("Route", route);
    }
    builder
}

pub(super) fn trying(invite: &Message, source: Endpoint) -> Message {
    Message::response(invite, source.addr, 100, None).build()
}

/// A final response with a To tag of ours, the same each time the same request is answered (RFC 3261 section 8.2.7).
pub(super) fn answer(request: &Message, source: Endpoint, status: u16, tag: &str, extra: &[(&str, &str)]) -> Message {
    let mut builder = Message::response(request, source.addr, status, None).to_tag(tag);
    for (name, value) in extra {
        builder = builder.header(name, value);
    }
    builder.build()
}

/// A To tag that only we can make, and make again.
pub(super) fn tag(secret: &[u8; 16], request: &Message) -> String {
    let mut hasher = Sha256::new();
    hasher.update(secret);
    for part in [request.call_id(), request.from_tag().unwrap_or(""), request.via().branch().unwrap_or("")] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    hex(&digest[..8])
}

/// Where a response goes: back over the connection, or by the top Via over UDP (RFC 3261 section 18.2.2, RFC 3581).
pub(super) fn reply_endpoint(request: &Message, source: Endpoint) -> Endpoint {
    if source.transport.is_reliable() {
        return source;
    }
    Endpoint::new(source.transport, request.via().reply_address(source.addr))
}

/// The first of a comma-separated list; commas in quotes do not count.
fn first_item(value: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return value[..i].trim_end(),
            _ => {}
        }
    }
    value
}
