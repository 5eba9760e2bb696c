//! A server's certificate is checked, against the platform's roots and the configured ones.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::test_server::local_client;
use super::super::{ClientError, WebhookClient, WebhookConfig};
use super::post;

/// Self-signed for `localhost`, made for this test alone.
const CERTIFICATE: &[u8] = include_bytes!("cert.pem");
const KEY: &[u8] = include_bytes!("key.pem");

/// A TLS server of one thread that answers every connection once.
fn start() -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::Stream::new(&mut connection, &mut tcp);
            let mut request = [0; 4_096];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n<Response/>",
                );
                let _ = stream.flush();
            }
        }
    });
    address
}

#[tokio::test]
async fn an_unknown_issuer_or_a_wrong_name_is_11220_and_a_configured_root_is_trusted() {
    let port = start().port();
    let by_name = post(format!("https://localhost:{port}/"), &[]);
    let failure = local_client(|_| ()).fetch(&by_name).await.unwrap_err();
    assert_eq!(failure.code, 11220, "{failure:?}");
    let trusting = local_client(|config| config.extra_roots_pem.push(CERTIFICATE.to_vec()));
    assert_eq!(trusting.fetch(&by_name).await.unwrap().body, b"<Response/>");
    let failure = trusting.fetch(&post(format!("https://127.0.0.1:{port}/"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11220, "{failure:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_11220() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = tcp.read(&mut [0; 4_096]);
        }
    });
    let failure = local_client(|_| ()).fetch(&post(format!("https://{address}/"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11220, "{failure:?}");
}

#[test]
fn a_root_that_is_no_certificate_is_refused_at_the_start() {
    for pem in [&b""[..], b"hello"] {
        let config = WebhookConfig { extra_roots_pem: vec![pem.to_vec()], ..WebhookConfig::default() };
        assert!(matches!(WebhookClient::new(config), Err(ClientError::ExtraRoots(_))));
    }
}
