//! What the far end says it can do (RFC 3261 sections 20.5 and 20.37), and what of SIP's extensions we can.

use tandem_sip::message::{Message, Method};

use super::Leg;
use super::contract::{Extensions, Reliable};

/// Methods this switch answers within a dialog (RFC 3261 section 20.5).
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, REGISTER";

/// Bodies that an INVITE of a peer may have.
pub const ACCEPT: &str = "application/sdp";

/// The option tags of our Supported (RFC 3261 section 20.37). `199` says that we understand such responses (RFC 6228).
pub fn supported(extensions: &Extensions) -> &'static str {
    match extensions.reliable {
        Reliable::Off => "timer, replaces, norefersub, 199",
        Reliable::Supported | Reliable::Required => "100rel, timer, replaces, norefersub, 199",
    }
}

/// The option tags in Require that we do not have, for Unsupported in a 420 (RFC 3261 section 8.2.2.3).
pub fn unsupported(extensions: &Extensions, request: &Message) -> Option<String> {
    // ACK and CANCEL are never refused for it.
    if matches!(request.method(), Method::Ack | Method::Cancel) {
        return None;
    }
    let ours = |tag: &str| supported(extensions).split(", ").any(|own| own.eq_ignore_ascii_case(tag));
    let others: Vec<_> = request.token_list("Require").filter(|tag| !ours(tag)).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

/// Whether the sender of a message has an extension: it supports or requires it.
pub(super) fn has(message: &Message, tag: &str) -> bool {
    let listed = |name| message.token_list(name).any(|t| t.eq_ignore_ascii_case(tag));
    listed("Supported") || listed("Require")
}

impl Leg {
    /// Notes whether the far end takes INFO and UPDATE; a message without Allow says nothing of it.
    pub(super) fn note_allow(&mut self, message: &Message) {
        let mut methods = message.token_list("Allow").peekable();
        if methods.peek().is_none() {
            return;
        }
        (self.info.allowed, self.takes_update) = (false, false);
        for method in methods {
            self.info.allowed |= method.eq_ignore_ascii_case("INFO");
            self.takes_update |= method.eq_ignore_ascii_case("UPDATE");
        }
    }

    /// Refuses an in-dialog request that requires what we have not.
    pub(super) fn refuses_extension(
        &mut self,
        key: tandem_sip::transaction::ServerKey,
        request: &Message,
        source: tandem_model::Endpoint,
    ) -> bool {
        let Some(others) = unsupported(&self.env.extensions, request) else { return false };
        self.respond(key, request, source, 420, None, &[("Unsupported", &others)]);
        true
    }
}
