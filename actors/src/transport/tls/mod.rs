//! TLS under SIP and WebSocket: 1.2 and later, by rustls. Peers we connect to prove the name we were asked to reach
//! (RFC 5922); what peers that connect to us have to prove is a setting.

mod certificates;
mod identity;
mod proof;
mod trust;

pub(super) use proof::PeerProof;

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use tandem_model::{Endpoint, HostId};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::hosts::{Host, Verify};
use super::settings::{ClientCertificates, TransportSettings};
use certificates::Certificates;

/// Plain bytes that a session holds for a peer that does not read; ours wait in the outbox.
const SESSION_BUFFER_BYTES: usize = 16 * 1024;

/// Both roles, ready.
pub(super) struct Tls {
    /// None without a certificate.
    acceptor: Option<TlsAcceptor>,
    /// For browsers: asks for no certificate.
    web_acceptor: Option<TlsAcceptor>,
    connector: TlsConnector,
    /// Takes any certificate.
    trusting: TlsConnector,
}

impl Tls {
    /// # Errors
    /// What of the settings cannot be used, in words for the operator.
    pub fn new(settings: &TransportSettings) -> Result<Tls, String> {
        let own = settings.certificate.as_ref().map(Certificates::load).transpose()?;
        if own.is_none() && !(settings.tls.is_empty() && settings.wss.is_empty()) {
            return Err("TLS and WSS need a certificate and its key".into());
        }
        let roots = trust::roots(settings.ca.as_deref())?;
        let connector = |verify| client_config(&roots, verify, own.as_ref()).map(|c| TlsConnector::from(Arc::new(c)));
        let tls = Tls {
            acceptor: own.as_ref().map(|own| server_config(settings, own)).transpose()?.map(acceptor),
            web_acceptor: own.as_ref().map(web_config).transpose()?.map(acceptor),
            connector: connector(Verify::Yes)?,
            trusting: connector(Verify::No)?,
        };
        if let Some(own) = own {
            own.follow_files();
        }
        Ok(tls)
    }

    pub async fn accept(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        accept(self.acceptor.as_ref(), stream).await
    }

    pub async fn accept_web(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        accept(self.web_acceptor.as_ref(), stream).await
    }

    /// The peer proves `host`, or its address where no name is known (RFC 5922 section 7.1).
    pub async fn connect(
        &self,
        stream: TcpStream,
        to: Endpoint,
        host: Option<Host>,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let (name, verify) = match host {
            Some(Host { name, verify }) => (ServerName::try_from(name.to_string()), verify),
            None if to.host == HostId::NONE => (Ok(ServerName::from(to.addr.ip())), Verify::Yes),
            None => return Err(io::Error::other("the name to prove is forgotten")),
        };
        let name = name.map_err(io::Error::other)?;
        let connector = if verify == Verify::Yes { &self.connector } else { &self.trusting };
        let mut stream = connector.connect(name, stream).await?;
        stream.get_mut().1.set_buffer_limit(Some(SESSION_BUFFER_BYTES));
        Ok(stream)
    }
}

async fn accept(acceptor: Option<&TlsAcceptor>, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
    let acceptor = acceptor.ok_or_else(|| io::Error::other("no certificate"))?;
    let mut stream = acceptor.accept(stream).await?;
    stream.get_mut().1.set_buffer_limit(Some(SESSION_BUFFER_BYTES));
    Ok(stream)
}

fn acceptor(config: ServerConfig) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config))
}

fn server_config(settings: &TransportSettings, own: &Certificates) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match (settings.client_certificates, &settings.client_ca) {
        (ClientCertificates::Off, _) => builder.with_no_client_auth(),
        (_, None) => return Err("client certificates need a file of authorities".into()),
        (demand, Some(ca)) => {
            let roots = Arc::new(trust::of_file(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, trust::provider());
            let verifier = match demand {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional | ClientCertificates::Off => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| format!("{}: {e}", ca.display()))?)
        }
    };
    Ok(builder.with_cert_resolver(own.shown()))
}

fn web_config(own: &Certificates) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(own.shown());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn client_config(
    roots: &Arc<rustls::RootCertStore>,
    verify: Verify,
    own: Option<&Certificates>,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match verify {
        Verify::Yes => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(identity::SipServers(roots.clone())))
        }
        Verify::No => builder.dangerous().with_custom_certificate_verifier(Arc::new(trust::Anybody)),
    };
    Ok(match own {
        Some(own) => builder.with_client_cert_resolver(own.shown()),
        None => builder.with_no_client_auth(),
    })
}
