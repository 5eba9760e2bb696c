use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tandem_actors::transport::CertificateFiles;

/// A certificate authority of one test, with a folder for its files.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    folder: PathBuf,
}

impl Authority {
    pub fn new() -> Authority {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for certificates");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let authority = Authority { issuer: Issuer::new(params, key), certificate, folder };
        std::fs::write(authority.file(), &authority.certificate).expect("to write it");
        authority
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for `names`, and its key.
    pub fn files(&self, names: &[&str]) -> CertificateFiles {
        let files = CertificateFiles { chain: self.folder.join("chain.pem"), key: self.folder.join("key.pem") };
        self.renew(&files, names);
        files
    }

    /// Puts another in its place.
    pub fn renew(&self, files: &CertificateFiles, names: &[&str]) {
        let (certificate, key) = self.issue(names, |_| {});
        std::fs::write(&files.chain, certificate).expect("to write the chain");
        std::fs::write(&files.key, key).expect("to write the key");
    }

    /// As PEM.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    /// For a peer that believes this authority.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_showing(&(String::new(), String::new()))
    }

    /// The same, with a certificate and key to show if asked, as PEM; none when empty.
    pub fn client_showing(&self, own: &(String, String)) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM")).expect("an authority");
        let builder = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        if own.0.is_empty() {
            return Arc::new(builder.with_no_client_auth());
        }
        let (chain, key) = der(own);
        Arc::new(builder.with_client_auth_cert(chain, key).expect("a usable certificate"))
    }

    /// For a server that shows a certificate for `names`.
    pub fn server(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let (chain, key) = der(&self.issue(names, change));
        let builder = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions");
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate"))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn der((certificate, key): &(String, String)) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    (vec![certificate], PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM"))
}
