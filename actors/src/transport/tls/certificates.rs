use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::trust;
use crate::transport::settings::CertificateFiles;

/// How often the files are looked at. Certificates are renewed weeks before they end.
const LOOK: Duration = Duration::from_secs(30);

/// The server's own certificate and key, read again when their files change, and at once on SIGHUP.
pub(super) struct Certificates {
    files: CertificateFiles,
    current: watch::Sender<Arc<CertifiedKey>>,
    changed: Option<Changed>,
}

/// When both files were last changed.
type Changed = (SystemTime, SystemTime);

/// Shows peers whatever is current.
#[derive(Debug)]
pub(super) struct Shown(watch::Receiver<Arc<CertifiedKey>>);

impl Certificates {
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn load(files: &CertificateFiles) -> Result<Certificates, String> {
        // Before the files are read: a change meanwhile is then seen as one.
        let changed = changed(files);
        let current = watch::Sender::new(Arc::new(read(files)?));
        Ok(Certificates { files: files.clone(), current, changed })
    }

    pub fn shown(&self) -> Arc<Shown> {
        Arc::new(Shown(self.current.subscribe()))
    }

    /// Looks after the files for as long as anybody shows the certificate.
    pub fn follow_files(mut self) {
        // Taken at once: without a handler SIGHUP ends the process.
        let mut hangup = signal(SignalKind::hangup()).ok();
        tokio::spawn(async move {
            loop {
                let told = async {
                    match &mut hangup {
                        Some(hangup) => _ = hangup.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let asked = tokio::select! {
                    () = told => true,
                    () = tokio::time::sleep(LOOK) => false,
                    () = self.current.closed() => return,
                };
                self.look(asked);
            }
        });
    }

    /// What cannot be used changes nothing.
    fn look(&mut self, asked: bool) {
        let changed = changed(&self.files);
        if !asked && (changed.is_none() || changed == self.changed) {
            return;
        }
        self.changed = changed;
        match read(&self.files) {
            Ok(key) => {
                self.current.send_replace(Arc::new(key));
                tracing::info!(chain = %self.files.chain.display(), "TLS certificate read again");
            }
            Err(error) => tracing::warn!(error, "TLS certificate not read again: the one before stays"),
        }
    }
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, String> {
    let (chain, key) = (files.chain.display(), files.key.display());
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&files.chain).and_then(Iterator::collect).map_err(|e| format!("{chain}: {e}"))?;
    if certificates.is_empty() {
        return Err(format!("{chain}: holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| format!("{key}: {e}"))?;
    // Also says whether the key is that of the first certificate.
    CertifiedKey::from_der(certificates, private, &trust::provider()).map_err(|e| format!("{chain}, {key}: {e}"))
}

fn changed(files: &CertificateFiles) -> Option<Changed> {
    let of = |path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    Some((of(&files.chain)?, of(&files.key)?))
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().clone())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
