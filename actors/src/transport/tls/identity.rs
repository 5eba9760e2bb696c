//! Whose a certificate is, as SIP sees it (RFC 5922 section 7.1): the domains of its `sip:` URIs where it has any, else its DNS
//! names and addresses.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tandem_sip::message::{Scheme, Uri};
use webpki::EndEntityCert;

use super::trust::{self, Anybody};

/// Whether a certificate proves `name`. It says nothing of who signed it.
pub(super) fn proves(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let entity = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let mut domains = entity.valid_uri_names().filter_map(domain_of).peekable();
    if domains.peek().is_none() {
        return verify_server_name(&ParsedCertificate::try_from(certificate)?, name);
    }
    let wanted = name.to_str();
    let wanted = wanted.trim_end_matches('.');
    // RFC 5922 section 7.2: letter for letter in any case; no wildcards, and no part of a name.
    let is_it = |domain: &str| domain.trim_end_matches('.').eq_ignore_ascii_case(wanted);
    if domains.any(is_it) { Ok(()) } else { Err(CertificateError::NotValidForName.into()) }
}

/// The identity of a URI in a certificate: a `sip:` one without a user, for one with a user is somebody's.
fn domain_of(uri: &str) -> Option<&str> {
    let uri = Uri::parse(uri).ok()?;
    (uri.scheme() == Scheme::Sip && uri.user().is_none()).then(|| uri.host())
}

/// Takes certificates that these authorities signed and that prove the name asked for.
#[derive(Debug)]
pub(super) struct SipServers(pub Arc<RootCertStore>);

impl ServerCertVerifier for SipServers {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = trust::provider().signature_verification_algorithms;
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.0, chain, now, algorithms.all)?;
        proves(certificate, name).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Anybody.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Anybody.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Anybody.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn proven(names: &[&str], uris: &[&str], wanted: &str) -> bool {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        proves(certificate.der(), &ServerName::try_from(wanted).unwrap()).is_ok()
    }

    /// RFC 5922 sections 7.1 and 7.2.
    #[test]
    fn a_certificate_is_its_sip_domains_or_else_its_dns_names() {
        for (names, uris, wanted, proves) in [
            (&["sip.example.com"][..], &[][..], "sip.example.com", true),
            (&["sip.example.com"], &[], "example.com", false),
            (&["192.0.2.1"], &[], "192.0.2.1", true),
            (&[], &["sip:example.com"], "example.com", true),
            (&[], &["sip:Example.COM"], "example.com", true),
            (&[], &["sip:other.example", "sip:example.com"], "example.com", true),
            (&[], &["sip:example.com"], "sip.example.com", false),
            (&[], &["sip:*.example.com"], "sip.example.com", false),
            (&[], &["sip:example.com.evil.example"], "example.com", false),
            // A DNS name counts only where there is no such URI.
            (&["host.example.net"], &["sip:example.com"], "host.example.net", false),
            (&["host.example.net"], &["sip:example.com"], "example.com", true),
            // URIs of others say nothing, for or against.
            (&["host.example.net"], &["https://example.com/"], "host.example.net", true),
            (&["host.example.net"], &["https://example.com/"], "example.com", false),
            (&["host.example.net"], &["sip:alice@example.com"], "host.example.net", true),
            (&["host.example.net"], &["sip:alice@example.com"], "example.com", false),
            (&["host.example.net"], &["sips:example.com"], "example.com", false),
        ] {
            assert_eq!(proven(names, uris, wanted), proves, "{names:?} {uris:?} for {wanted}");
        }
    }
}
