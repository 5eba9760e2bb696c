use rustls::pki_types::{CertificateDer, ServerName};
use tandem_model::Transport;
use tandem_model::limits::STREAM_ALIASES_MAX;
use tandem_sip::message::Message;
use tokio_rustls::server::TlsStream;

use super::identity;

/// The checked certificate of a peer that connected to us, and the names it was already asked for.
pub(in crate::transport) struct PeerProof {
    certificate: CertificateDer<'static>,
    asked: Vec<(String, u16)>,
}

impl PeerProof {
    /// None for a peer that showed none.
    pub fn of<S>(stream: &TlsStream<S>) -> Option<PeerProof> {
        let certificate = stream.get_ref().1.peer_certificates()?.first()?.clone().into_owned();
        Some(PeerProof { certificate, asked: Vec::new() })
    }

    /// The name and port of a Via that asks for an alias and whose name the certificate proves, once (RFC 5923 sections
    /// 5 and 8.1). A connection is asked a few times at most; what it says later changes nothing.
    pub fn alias(&mut self, message: &Message) -> Option<(String, u16)> {
        let via = message.is_request().then(|| message.via())?;
        if via.transport() != Some(Transport::Tls) || via.params().get("alias").is_none() {
            return None;
        }
        let name = via.host().trim_end_matches('.').to_ascii_lowercase();
        let wanted = (name, via.port().unwrap_or(Transport::Tls.default_port()));
        if self.asked.contains(&wanted) || self.asked.len() >= STREAM_ALIASES_MAX {
            return None;
        }
        self.asked.push(wanted.clone());
        let name = ServerName::try_from(wanted.0.as_str()).ok()?;
        identity::proves(&self.certificate, &name).ok().map(|()| wanted)
    }
}
