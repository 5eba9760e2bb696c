//! How a leg writes its messages: the header fields every one of them carries.

use std::fmt::Write;

use bytes::Bytes;
use tandem_model::{Endpoint, Transport, hex_token};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Builder, Message, Method};
use tandem_sip::transaction::ServerKey;

use super::contract::{LegEffect, RequestId};
use super::{ACCEPT, ALLOW, Leg, Refused, supported};

impl Leg {
    /// A response outside the dialog's bookkeeping.
    pub(super) fn respond(
        &mut self,
        key: ServerKey,
        request: &Message,
        source: Endpoint,
        status: u16,
        reason: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let mut response = Message::response(request, source.addr, status, reason).to_tag(&self.local_tag);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        if request.method() == Method::Options || matches!(status, 405 | 501) {
            response = response.header("Allow", ALLOW);
        }
        if request.method() == Method::Options {
            response = response.header("Accept", ACCEPT).header("Supported", supported(&self.env.extensions));
        }
        let message = response.build();
        self.emit(LegEffect::Respond { key, message });
    }

    /// A response that makes or refreshes a dialog: with Contact and, where given, SDP.
    #[expect(clippy::too_many_arguments, reason = "what a response consists of")]
    pub(super) fn respond_in_dialog(
        &mut self,
        key: ServerKey,
        request: &Message,
        source: Endpoint,
        status: u16,
        reason: Option<&str>,
        headers: &[(&str, &str)],
        sdp: Option<Bytes>,
    ) -> Message {
        let mut response = Message::response(request, source.addr, status, reason).to_tag(&self.local_tag);
        response = response
            .header("Contact", &self.contact(source))
            .header("Allow", ALLOW)
            .header("Supported", supported(&self.env.extensions));
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response = response.header("Server", &self.env.user_agent);
        if let Some(sdp) = sdp {
            response = response.body("application/sdp", sdp);
        }
        let message = response.build();
        self.emit(LegEffect::Respond { key, message: message.clone() });
        message
    }

    /// A refusal with what belongs to it.
    pub(super) fn refuse(&mut self, key: ServerKey, request: &Message, source: Endpoint, refused: &Refused) {
        let warning = format!("399 tandem \"{}\"", refused.why.replace(['"', '\\'], "'"));
        let more = refused.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = more.chain([("Warning", warning.as_str())]).collect();
        self.respond(key, request, source, refused.status, None, &headers);
    }

    /// Takes a request of a dialog for what it is: from where the dialog knows, with its tags and a higher CSeq
    /// (RFC 3261 section 12.2.2), and requiring nothing we have not. Else it has its refusal already, or waits (`source.rs`).
    pub(super) fn accepts(&mut self, dialog: &mut Dialog, key: ServerKey, request: &Message, source: Endpoint) -> bool {
        if !self.is_known(dialog, source) {
            if !self.waits_for_names(dialog, key, request, source) {
                self.respond(key, request, source, 481, None, &[]);
            }
            return false;
        }
        if let Err(reject) = dialog.accept(request) {
            self.respond(key, request, source, reject.status, None, &[]);
            return false;
        }
        !self.refuses_extension(key, request, source)
    }

    /// What is answered alike before and after the call is.
    pub(super) fn request_of_any_state(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        match request.method() {
            Method::Options => self.respond(key, request, source, 200, None, &[]),
            Method::Info => self.info(key, request, source),
            // Of a response that waits for none (RFC 3262 section 3), and of no subscription (RFC 6665 section 4.1.3).
            Method::Prack | Method::Notify => self.respond(key, request, source, 481, None, &[]),
            // Nobody is transferred before there is a conversation.
            Method::Refer => self.respond(key, request, source, 603, None, &[]),
            // RFC 3261 section 21.5.2.
            Method::Other => self.respond(key, request, source, 501, None, &[]),
            _ => self.respond(key, request, source, 405, None, &[]),
        }
    }

    /// A request of a dialog in a client transaction of its own.
    pub(super) fn send_request(
        &mut self,
        dialog: &mut Dialog,
        hop: Endpoint,
        method: Method,
        finish: impl FnOnce(Builder) -> Builder,
    ) -> RequestId {
        let request = dialog.request(method);
        let message = finish(self.dress(request, hop)).build();
        let id = self.next_request_id();
        self.proof.keep(id, &message);
        self.emit(LegEffect::Request { id, message, destination: hop });
        id
    }

    /// Via (with a fresh branch), Contact and the identification every request of ours carries.
    pub(super) fn dress(&mut self, builder: Builder, hop: Endpoint) -> Builder {
        let (branch, transport) = (hex_token(&mut *self.entropy, 8), hop.transport);
        let via = format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK{branch}", self.env.sent_by.towards(hop));
        builder.header("Via", &via).header("Contact", &self.contact(hop)).header("User-Agent", &self.env.user_agent)
    }

    /// Where the peer at the other end of `flow` reaches this leg.
    pub(super) fn contact(&self, flow: Endpoint) -> String {
        let (scheme, parameter) = match flow.transport {
            Transport::Udp => ("sip", ""),
            Transport::Tcp => ("sip", ";transport=tcp"),
            Transport::Tls => ("sips", ""),
            Transport::Ws | Transport::Wss => ("sip", ";transport=ws"),
        };
        // Of its full size at once: there is one in nearly every message.
        let mut contact = String::with_capacity(96);
        let _ = write!(contact, "<{scheme}:{}@{}{parameter}>", self.id, self.env.sent_by.towards(flow));
        contact
    }
}
