//! TLS: who has to prove what, and that a proof for one name is none for another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use tandem_actors::transport::{ClientCertificates, Verify};
use tandem_model::{Endpoint, HostId, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::common::server::patient;
use super::common::{Authority, Peer, Server, options};

/// A TLS server that is not ours.
async fn carrier() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener, config: Arc<ServerConfig>) -> std::io::Result<(Peer, Option<String>)> {
    let (stream, address) = listener.accept().await?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    Ok((Peer::of(Transport::Tls, address, stream), name))
}

fn to(address: SocketAddr, host: HostId) -> Endpoint {
    Endpoint { transport: Transport::Tls, addr: address, host }
}

#[actix::test]
async fn a_carrier_that_proves_its_name_is_talked_to() {
    let mut server = Server::start();
    let (listener, address) = carrier().await;
    let config = server.authority.server(&["carrier.test"], |_| {});
    let destination = to(address, server.transports.host("Carrier.test", Verify::Yes));
    assert!(server.transports.send(destination, None, options("out").into()));
    let (mut peer, name) = accept(&listener, config).await.unwrap();
    assert_eq!(name.as_deref(), Some("carrier.test"));
    assert!(peer.receive().await.unwrap().contains("Call-ID: out\r\n"));
    // What it asks comes from the same flow, and is answered over it.
    peer.send(&options("back")).await;
    assert_eq!(server.message().await.1, destination);
    peer.answered("back", 200).await;
}

/// RFC 5922 section 7.1.
#[actix::test]
async fn a_carrier_that_proves_its_domain_by_a_sip_uri_is_talked_to() {
    let server = Server::start();
    let (listener, address) = carrier().await;
    let uri = |p: &mut rcgen::CertificateParams| {
        p.subject_alt_names.push(rcgen::SanType::URI("sip:carrier.test".try_into().unwrap()));
    };
    let config = server.authority.server(&["host7.test"], uri);
    let destination = to(address, server.transports.host("carrier.test", Verify::Yes));
    assert!(server.transports.send(destination, None, options("out").into()));
    let (mut peer, _) = accept(&listener, config).await.unwrap();
    assert!(peer.receive().await.unwrap().contains("Call-ID: out\r\n"));
}

#[actix::test]
async fn a_carrier_that_does_not_prove_its_name_gets_nothing() {
    let mut server = Server::start();
    let stranger = Authority::new();
    let past = |p: &mut rcgen::CertificateParams| {
        p.not_before = rcgen::date_time_ymd(2020, 1, 1);
        p.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let other_domain = |p: &mut rcgen::CertificateParams| {
        p.subject_alt_names.push(rcgen::SanType::URI("sip:other.test".try_into().unwrap()));
    };
    let mut failed = 0;
    for (what, config, host) in [
        ("another name", server.authority.server(&["other.test"], |_| {}), "carrier.test"),
        ("an unknown authority", stranger.server(&["carrier.test"], |_| {}), "carrier.test"),
        ("a certificate that ended", server.authority.server(&["carrier.test"], past), "carrier.test"),
        ("a name where an address is asked for", server.authority.server(&["carrier.test"], |_| {}), ""),
        ("a name beside a domain", server.authority.server(&["carrier.test"], other_domain), "carrier.test"),
        ("a part of the name", server.authority.server(&["test"], |_| {}), "carrier.test"),
    ] {
        let (listener, address) = carrier().await;
        let host = if host.is_empty() { HostId::NONE } else { server.transports.host(host, Verify::Yes) };
        server.transports.send(to(address, host), None, options("secret").into());
        let heard = match accept(&listener, config).await {
            // TLS 1.3 servers finish first; the refusal comes with the next bytes.
            Ok((mut peer, _)) => peer.receive().await,
            Err(_) => None,
        };
        assert_eq!(heard, None, "{what}");
        assert_eq!(server.unreachable().await, to(address, host), "{what}");
        failed += 1;
        assert_eq!(server.transports.counters().handshakes_failed.load(Ordering::Relaxed), failed, "{what}");
    }
}

#[actix::test]
async fn a_carrier_may_be_exempt_from_proof_and_others_are_not() {
    let mut server = Server::start();
    let stranger = Authority::new();
    let (listener, address) = carrier().await;
    let config = stranger.server(&["whatever.test"], |_| {});
    let lenient = to(address, server.transports.host("old.test", Verify::No));
    server.transports.send(lenient, None, options("lenient").into());
    let (mut peer, _) = accept(&listener, config.clone()).await.unwrap();
    assert!(peer.receive().await.unwrap().contains("Call-ID: lenient\r\n"));
    // The same name and address, verified: another connection, which comes to nothing.
    let strict = to(address, server.transports.host("old.test", Verify::Yes));
    assert_ne!(strict, lenient);
    server.transports.send(strict, None, options("strict").into());
    let heard = match accept(&listener, config.clone()).await {
        Ok((mut peer, _)) => peer.receive().await,
        Err(_) => None,
    };
    assert_eq!(heard, None);
    assert_eq!(server.unreachable().await, strict);
    // As its carrier's record says.
    server.transports.exempt(["old.test".to_owned()]);
    assert_eq!(server.transports.host("old.test", Verify::Yes), lenient.host);
}

#[actix::test]
async fn two_names_at_one_address_never_share_a_connection() {
    // Promises row 22, RFC 5922 section 7.2. The certificate is good for both, which changes nothing.
    let server = Server::start();
    let (listener, address) = carrier().await;
    let config = server.authority.server(&["a.test", "b.test"], |_| {});
    let mut connections = Vec::new();
    for name in ["a.test", "b.test"] {
        let destination = to(address, server.transports.host(name, Verify::Yes));
        server.transports.send(destination, None, options(name).into());
        let (mut peer, asked) = accept(&listener, config.clone()).await.unwrap();
        assert_eq!(asked.as_deref(), Some(name));
        assert!(peer.receive().await.unwrap().contains(&format!("Call-ID: {name}\r\n")));
        connections.push(peer);
    }
    let again = to(address, server.transports.host("a.test", Verify::Yes));
    server.transports.send(again, None, options("again").into());
    assert!(connections[0].receive().await.unwrap().contains("Call-ID: again\r\n"));
    assert_eq!(server.transports.counters().connections(Transport::Tls), 2);
}

#[actix::test]
async fn a_client_certificate_is_demanded_where_the_setting_says_so() {
    for (demand, shown, welcome) in [
        (ClientCertificates::Required, Some(true), true),
        (ClientCertificates::Required, Some(false), false),
        (ClientCertificates::Required, None, false),
        (ClientCertificates::Optional, Some(true), true),
        (ClientCertificates::Optional, Some(false), false),
        (ClientCertificates::Optional, None, true),
        (ClientCertificates::Off, None, true),
    ] {
        let clients = Authority::new();
        let ca = clients.file();
        let server = Server::with(patient(), Default::default(), |s| {
            s.client_certificates = demand;
            s.client_ca = Some(ca);
        });
        // A client believes the server's authority, and is vouched for by another, or by nobody known.
        let vouched = match shown {
            Some(true) => clients.issue(&["phone.test"], |_| {}),
            Some(false) => Authority::new().issue(&["phone.test"], |_| {}),
            None => (String::new(), String::new()),
        };
        let config = server.authority.client_showing(&vouched);
        let stream = TcpStream::connect(server.address(Transport::Tls)).await.unwrap();
        let name = ServerName::try_from("server.test").unwrap();
        let mut answered = false;
        if let Ok(stream) = TlsConnector::from(config).connect(name, stream).await {
            let mut peer = Peer::of(Transport::Tls, server.address(Transport::Tls), stream);
            if peer.write(&options("who")).await.is_ok() {
                answered = peer.receive().await.is_some();
            }
        }
        assert_eq!(answered, welcome, "{demand:?}, shown: {shown:?}");
        let failed = server.transports.counters().handshakes_failed.load(Ordering::Relaxed);
        assert_eq!(failed, u64::from(!welcome), "{demand:?}, shown: {shown:?}");
    }
}

#[actix::test]
async fn a_connection_whose_certificate_proves_the_name_carries_requests_to_it() {
    // RFC 5923 section 8: a proxy connects to us, and what we ask of it goes the same way.
    let clients = Authority::new();
    let ca = clients.file();
    let mut server = Server::with(patient(), Default::default(), |s| {
        s.client_certificates = ClientCertificates::Optional;
        s.client_ca = Some(ca);
    });
    let config = server.authority.client_showing(&clients.issue(&["proxy.test"], |_| {}));
    let connect = async |server: &Server| {
        let stream = TcpStream::connect(server.address(Transport::Tls)).await.unwrap();
        let address = stream.local_addr().unwrap();
        let name = ServerName::try_from("server.test").unwrap();
        let stream = TlsConnector::from(config.clone()).connect(name, stream).await.unwrap();
        Peer::of(Transport::Tls, address, stream)
    };
    let with_via = |id: &str, via: &str| {
        let text = String::from_utf8(options(id)).unwrap();
        text.replace("Via: SIP/2.0/TCP client.test;", &format!("Via: SIP/2.0/TLS {via};")).into_bytes()
    };
    let mut proxy = connect(&server).await;
    proxy.send(&with_via("hello", "proxy.test:5071;alias")).await;
    proxy.answered("hello", 200).await;
    let alias = |port, name| to(SocketAddr::from(([127, 0, 0, 1], port)), server.transports.host(name, Verify::Yes));
    let proved = alias(5071, "proxy.test");
    server.transports.send(proved, None, options("ours").into());
    assert!(proxy.receive().await.unwrap().contains("Call-ID: ours\r\n"));

    // A name the certificate does not have, and one that was not asked for.
    let mut liar = connect(&server).await;
    liar.send(&with_via("lie", "victim.test:5072;alias")).await;
    liar.answered("lie", 200).await;
    liar.send(&with_via("silent", "proxy.test:5073")).await;
    liar.answered("silent", 200).await;
    let unproved = [alias(5072, "victim.test"), alias(5073, "proxy.test")];
    for unproved in unproved {
        server.transports.send(unproved, None, options("not for you").into());
        assert_eq!(server.unreachable().await, unproved, "nobody listens there");
    }
    // A proxy that comes again is reached where it is now, though its old connection may not be known to be dead.
    let mut again = connect(&server).await;
    again.send(&with_via("again", "proxy.test:5071;alias")).await;
    again.answered("again", 200).await;
    server.transports.send(proved, None, options("moved").into());
    assert!(again.receive().await.unwrap().contains("Call-ID: moved\r\n"));
    drop(proxy);
    server.transports.send(proved, None, options("still").into());
    assert!(again.receive().await.unwrap().contains("Call-ID: still\r\n"));
    // The proof ends with the connection.
    drop(again);
    while server.unreachable().await != proved {}
}

#[actix::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let server = Server::start();
    let shown = async || {
        let stream = TcpStream::connect(server.address(Transport::Tls)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(server.authority.client());
        let stream = connector.connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let first = shown().await;
    assert_eq!(shown().await, first);
    // What cannot be used changes nothing.
    std::fs::write(&server.files.key, "no key").unwrap();
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(shown().await, first);
    server.authority.renew(&server.files, &["server.test", "127.0.0.1"]);
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
    let end = tokio::time::Instant::now() + super::common::PATIENCE;
    while shown().await == first {
        assert!(tokio::time::Instant::now() < end, "the old one is still shown");
    }
}

#[actix::test]
async fn versions_before_1_2_are_refused() {
    let server = Server::start();
    for minor in [0_u8, 1, 2] {
        // A ClientHello of SSL 3.0, TLS 1.0 and 1.1, with one cipher suite and no extensions.
        let hello: Vec<u8> = [&[3, minor][..], &[7; 32], &[0, 0, 2, 0xc0, 0x14, 1, 0]].concat();
        let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
        let record = [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat();
        let mut stream = TcpStream::connect(server.address(Transport::Tls)).await.unwrap();
        stream.write_all(&record).await.unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        // A fatal alert, and nothing else.
        assert!(reply.is_empty() || (reply[0] == 21 && reply[5] == 2), "TLS 3.{minor}: {reply:?}");
    }
    assert_eq!(server.transports.counters().handshakes_failed.load(Ordering::Relaxed), 3);
    let mut peer = Peer::connect(&server, Transport::Tls).await;
    peer.send(&options("modern")).await;
    peer.answered("modern", 200).await;
}

#[actix::test]
async fn what_is_no_tls_is_closed_and_others_are_served() {
    let server = Server::start();
    for transport in [Transport::Tls, Transport::Wss] {
        let mut stream = TcpStream::connect(server.address(transport)).await.unwrap();
        stream.write_all(&options("plain")).await.unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        assert!(!String::from_utf8_lossy(&reply).contains("SIP/2.0"));
        let mut peer = Peer::connect(&server, transport).await;
        peer.send(&options("after")).await;
        peer.answered("after", 200).await;
    }
}
