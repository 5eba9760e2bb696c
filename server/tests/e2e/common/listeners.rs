//! TLS and WebSocket beside UDP and TCP, with a certificate of an authority made for them.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::address::{free_port, own_ip};
use super::link::{Secure, secure};
use super::tandem::Options;

/// Where a server listens for streams, and what its clients trust.
pub struct Listeners {
    pub ip: IpAddr,
    pub tls: SocketAddr,
    pub ws: SocketAddr,
    pub wss: SocketAddr,
    folder: PathBuf,
}

const NAME: &str = "sip.test.example";

impl Listeners {
    pub fn new() -> Listeners {
        let ip = own_ip();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("listeners-{ip}"));
        std::fs::create_dir_all(&folder).expect("a folder for certificates");
        let [tls, ws, wss] = [(); 3].map(|()| SocketAddr::new(ip, free_port(ip)));
        let listeners = Listeners { ip, tls, ws, wss, folder };
        let write = |name, text: String| std::fs::write(listeners.file(name), text).expect("to write");
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write("ca.pem", authority.self_signed(&key).expect("an authority").pem());
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        write("chain.pem", server.signed_by(&key, &issuer).expect("a certificate").pem());
        write("key.pem", key.serialize_pem());
        listeners
    }

    /// A server with them.
    pub fn options(&self) -> Options {
        let sip = format!(
            "tls = [\"{}\"]\nws = [\"{}\"]\nwss = [\"{}\"]\ntls_certificate = \"{}\"\ntls_key = \"{}\"\n",
            self.tls,
            self.ws,
            self.wss,
            self.file("chain.pem").display(),
            self.file("key.pem").display()
        );
        Options { ip: Some(self.ip), sip, ..Options::default() }
    }

    /// The client's handshake over a connection to one of them.
    pub fn secure(&self, stream: TcpStream) -> Secure {
        secure(stream, NAME, &self.file("ca.pem"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
