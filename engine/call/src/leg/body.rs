use tandem_sip::message::Message;

use super::{ACCEPT, Refused};

/// The session description in a request, empty when it has none: what is no description is passed over where its sender says
/// that it may be (RFC 3261 sections 8.2.3 and 20.11). The error is why the request gets 415.
pub fn description(request: &Message) -> Result<&[u8], &'static str> {
    let body = request.body();
    if body.is_empty() {
        return Ok(&[]);
    }
    let disposition = request.header("Content-Disposition").unwrap_or("session");
    let mut parts = disposition.split(';').map(str::trim);
    // Some say `render` of all bodies, as it is the default of other types.
    let is_ours = |kind: &str| ["session", "render"].iter().any(|known| known.eq_ignore_ascii_case(kind));
    let for_session = parts.next().is_none_or(is_ours);
    let is_optional = parts.any(is_optional);
    let encoded = request.token_list("Content-Encoding").any(|coding| !coding.eq_ignore_ascii_case("identity"));
    match request.content_type().is_some_and(is_sdp) {
        _ if encoded && !is_optional => Err("the body is encoded"),
        false if !is_optional => Err("the body is not application/sdp"),
        // An SDP body for a use that is not ours, such as `early-session` (RFC 3959), is no offer of the session.
        true if !encoded && for_session => Ok(body),
        true if !is_optional => Err("the body is of another disposition"),
        true | false => Ok(&[]),
    }
}

/// `handling=optional`; without it a body must be understood.
fn is_optional(param: &str) -> bool {
    let (name, value) = param.split_once('=').unwrap_or((param, ""));
    name.trim().eq_ignore_ascii_case("handling") && value.trim().eq_ignore_ascii_case("optional")
}

fn is_sdp(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/sdp")
}

/// [`description`] with what belongs to the refusal (RFC 3261 section 21.4.13).
pub(super) fn description_or_refusal(request: &Message) -> Result<&[u8], Refused> {
    description(request).map_err(|why| {
        let mut refused = Refused::new(415, why);
        refused.headers.extend([("Accept", ACCEPT.to_owned()), ("Accept-Encoding", "identity".to_owned())]);
        refused
    })
}

/// [`description`] of a message that nothing can refuse: a response, an ACK, a PRACK. What should be understood and is
/// called something else is read for what it may be.
pub(super) fn described(message: &Message) -> &[u8] {
    description(message).unwrap_or(message.body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_ignored_is_and_what_must_be_understood_is_refused() {
        let unknown = Err("the body is not application/sdp");
        let (sdp, isup) = ("application/sdp", "application/isup;version=x");
        for (kind, disposition, encoding, wanted) in [
            (sdp, "", "", Ok("v=0")),
            (" Application/SDP ; charset=utf-8", "", "identity", Ok("v=0")),
            (sdp, "session;handling=optional", "", Ok("v=0")),
            (sdp, "Session ; Handling = required", "", Ok("v=0")),
            (sdp, "early-session;handling=optional", "", Ok("")),
            (sdp, "early-session", "", Err("the body is of another disposition")),
            (sdp, "render", "", Ok("v=0")),
            (sdp, "", "gzip", Err("the body is encoded")),
            (sdp, "session;handling=optional", "gzip", Ok("")),
            (isup, "", "", unknown),
            (isup, "signal", "", unknown),
            (isup, "signal;handling=required", "", unknown),
            (isup, "signal;handling=optional", "", Ok("")),
            (isup, "signal;x=\"y\" ; HANDLING = Optional", "", Ok("")),
            (isup, "handling=optional", "", unknown),
            (isup, "signal;handling", "", unknown),
            (isup, "signal;handling=optionally", "", unknown),
        ] {
            let mut invite = Message::request("INVITE", "sip:h");
            for (name, value) in [("Content-Disposition", disposition), ("Content-Encoding", encoding)] {
                if !value.is_empty() {
                    invite = invite.header(name, value);
                }
            }
            let invite = invite.body(kind, "v=0").build();
            assert_eq!(description(&invite), wanted.map(str::as_bytes), "{kind} {disposition} {encoding}");
        }
        assert_eq!(
            description(&Message::request("INVITE", "sip:h").header("Content-Type", "x/y").build()),
            Ok(&[][..])
        );
    }
}
