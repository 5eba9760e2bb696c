//! WebSocket: the upgrade and its frames (RFC 6455, RFC 7118).

use std::sync::atomic::Ordering;

use tandem_model::Transport;

use super::common::peer::{BINARY, TEXT, frame};
use super::common::server::patient;
use super::common::{Peer, Server, options, options_with};

#[actix::test]
async fn an_upgrade_needs_the_subprotocol_sip() {
    // RFC 7118 section 4.1.
    let server = Server::start();
    for (headers, want) in [
        ("Sec-WebSocket-Protocol: sip\r\n", "101"),
        ("Sec-WebSocket-Protocol: chat, sip\r\n", "101"),
        ("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: SIP\r\n", "101"),
        ("Sec-WebSocket-Protocol: chat\r\n", "400"),
        ("Sec-WebSocket-Protocol: sips\r\n", "400"),
        ("", "400"),
    ] {
        let mut peer = Peer::raw(&server, Transport::Ws).await;
        let reply = peer.upgrade(headers).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {want}")), "{headers}: {reply}");
        if want == "101" {
            assert!(reply.to_ascii_lowercase().contains("sec-websocket-protocol: sip\r\n"), "{reply}");
        } else {
            peer.closed().await;
        }
    }
    assert_eq!(server.transports.counters().handshakes_failed.load(Ordering::Relaxed), 3);
}

#[actix::test]
async fn a_page_of_another_site_may_not_connect() {
    // RFC 6455 section 10.2.
    let server = Server::start();
    for (origin, want) in [("https://server.test", "101"), ("https://evil.test", "403"), ("null", "403")] {
        let mut peer = Peer::raw(&server, Transport::Wss).await;
        let reply = peer.upgrade(&format!("Origin: {origin}\r\nSec-WebSocket-Protocol: sip\r\n")).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {want}")), "{origin}: {reply}");
    }
    let server = Server::with(patient(), Default::default(), |s| s.origins = vec!["https://app.test".into()]);
    for (origin, want) in [("https://app.test", "101"), ("https://server.test", "403")] {
        let mut peer = Peer::raw(&server, Transport::Ws).await;
        let reply = peer.upgrade(&format!("Origin: {origin}\r\nSec-WebSocket-Protocol: sip\r\n")).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {want}")), "{origin}: {reply}");
    }
}

#[actix::test]
async fn an_upgrade_is_bounded_in_time_and_in_size() {
    let server = Server::hasty();
    let mut silent = Peer::raw(&server, Transport::Ws).await;
    silent.write(b"GET / HTTP/1.1\r\nHost: server.test\r\n").await.unwrap();
    silent.closed().await;

    let server = Server::start();
    let mut endless = Peer::raw(&server, Transport::Ws).await;
    endless.write(b"GET / HTTP/1.1\r\n").await.unwrap();
    let line = format!("X-Padding: {}\r\n", "x".repeat(1_000));
    // Until it is cut off; a megabyte if it never were.
    let mut cut = false;
    for _ in 0..1_000 {
        cut = cut || endless.write(line.as_bytes()).await.is_err();
        tokio::task::yield_now().await;
    }
    endless.closed().await;

    let mut other = Peer::raw(&server, Transport::Ws).await;
    other.write(b"OPTIONS sip:server.test SIP/2.0\r\n\r\n").await.unwrap();
    other.closed().await;
    assert_eq!(server.transports.counters().connections(Transport::Ws), 0);
}

#[actix::test]
async fn text_binary_and_fragmented_messages_are_all_read() {
    let mut server = Server::start();
    let mut peer = Peer::connect(&server, Transport::Ws).await;
    peer.write(&frame(TEXT, true, &options("text"))).await.unwrap();
    peer.answered("text", 200).await;
    peer.write(&frame(BINARY, true, &options("binary"))).await.unwrap();
    peer.answered("binary", 200).await;
    let whole = options_with("parts", "", "a body");
    let (first, rest) = whole.split_at(40);
    let (second, third) = rest.split_at(1);
    for (kind, last, part) in [(TEXT, false, first), (0, false, second), (0, true, third)] {
        peer.write(&frame(kind, last, part)).await.unwrap();
    }
    peer.answered("parts", 200).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(server.message().await.0.call_id().to_owned());
    }
    assert_eq!(seen, ["text", "binary", "parts"]);
}

#[actix::test]
async fn fragments_are_bounded_together() {
    let server = Server::start();
    let mut peer = Peer::connect(&server, Transport::Ws).await;
    let part = vec![b'x'; 30_000];
    peer.write(&frame(TEXT, false, &part)).await.unwrap();
    peer.write(&frame(0, false, &part)).await.unwrap();
    let _ = peer.write(&frame(0, false, &part)).await;
    peer.closed().await;
}

#[actix::test]
async fn a_message_without_content_length_ends_with_its_frame() {
    // RFC 7118 section 5: the field may be left out.
    let mut server = Server::start();
    let mut peer = Peer::connect(&server, Transport::Ws).await;
    let text = String::from_utf8(options_with("bare", "", "body")).unwrap().replace("Content-Length: 4\r\n", "");
    peer.send(text.as_bytes()).await;
    assert_eq!(server.message().await.0.body(), b"body");
    peer.answered("bare", 200).await;
}
