//! How a leg writes its messages: the header fields every one of them carries.

use bytes::Bytes;
use tandem_model::{Endpoint, Transport, hex_token};
use tandem_sip::message::{Builder, Message, Method};
use tandem_sip::transaction::ServerKey;

use super::contract::LegEffect;
use super::{ALLOW, Leg, SUPPORTED};

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
        if request.method() == Method::Options || status == 405 {
            response = response.header("Allow", ALLOW);
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
        response = response.header("Contact", &self.contact(source.transport));
        if status >= 200 {
            response = response.header("Allow", ALLOW).header("Supported", SUPPORTED);
        }
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

    /// Via (with a fresh branch), Contact and the identification every request of ours carries.
    pub(super) fn dress(&mut self, builder: Builder, transport: Transport) -> Builder {
        let branch = hex_token(&mut *self.entropy, 8);
        let via = format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK{branch}", self.sent_by(transport));
        builder
            .header("Via", &via)
            .header("Contact", &self.contact(transport))
            .header("User-Agent", &self.env.user_agent)
    }

    pub(super) fn contact(&self, transport: Transport) -> String {
        let host = self.sent_by(transport);
        match transport {
            Transport::Udp => format!("<sip:{}@{host}>", self.id),
            Transport::Tcp => format!("<sip:{}@{host};transport=tcp>", self.id),
            Transport::Tls => format!("<sips:{}@{host}>", self.id),
            Transport::Ws | Transport::Wss => format!("<sip:{}@{host};transport=ws>", self.id),
        }
    }

    fn sent_by(&self, transport: Transport) -> &str {
        let listed = self.env.sent_by.iter().find(|(t, _)| *t == transport).or(self.env.sent_by.first());
        listed.map_or("invalid.invalid", |(_, host)| host)
    }
}
