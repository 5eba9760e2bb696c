//! The contract of stream transports: each behaviour, over each of them.

use tandem_actors::transport::Timing;
use tandem_model::{Endpoint, Transport, limits};
use tokio::io::AsyncWriteExt;

use super::common::peer::{BINARY, CLOSE, PING, PONG, frame, frame_head};
use super::common::server::{hasty, patient};
use super::common::{Peer, Seen, Server, options, options_with};

macro_rules! contract {
    ($($behaviour:ident)*) => { contract!(@each $($behaviour)*; tcp Tcp, tls Tls, ws Ws, wss Wss); };
    (@each $($behaviour:ident)*; $($name:ident $transport:ident),*) => {
        contract!(@all ($($behaviour)*) $($name $transport),*);
    };
    (@all $behaviours:tt $($name:ident $transport:ident),*) => {
        $(contract!(@one $behaviours $name $transport);)*
    };
    (@one ($($behaviour:ident)*) $name:ident $transport:ident) => {
        mod $name {
            $(
                #[actix::test]
                async fn $behaviour() {
                    super::$behaviour(super::Transport::$transport).await;
                }
            )*
        }
    };
}

contract! {
    a_request_is_answered_over_its_connection
    a_request_of_ours_goes_over_the_connection_that_is_there
    a_message_split_anywhere_arrives_whole
    a_message_byte_by_byte_arrives_whole
    two_messages_in_one_segment_both_arrive
    a_claim_of_four_gigabytes_ends_the_connection
    a_message_too_large_ends_the_connection
    a_wrong_content_length_harms_nobody_else
    a_keep_alive_is_answered_and_keeps_alive
    a_flood_of_keep_alives_is_cut_off
    messages_that_cannot_be_read_are_refused_and_not_for_ever
    whoever_says_nothing_is_closed_and_others_are_not
    whoever_dribbles_is_closed
    silence_after_a_message_is_allowed_for_long_and_not_for_ever
    a_peer_that_never_reads_is_dropped_and_disturbs_nobody
    what_signalling_cannot_take_yet_waits
    what_comes_behind_something_else_is_as_old_as_that
    what_is_queued_is_sent_before_a_drain_ends
    a_peer_that_is_gone_is_told_upwards
}

async fn a_request_is_answered_over_its_connection(transport: Transport) {
    let mut server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    let Seen::Message(message, source, local, _) = server.seen().await else { panic!("no message") };
    assert_eq!(message.call_id(), "one");
    assert_eq!(source, Endpoint::new(transport, peer.address));
    assert_eq!(local, Endpoint::new(transport, server.address(transport)));
    peer.answered("one", 200).await;
    assert_eq!(server.transports.counters().connections(transport), 1);
}

async fn a_request_of_ours_goes_over_the_connection_that_is_there(transport: Transport) {
    let mut server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    let (_, source) = server.message().await;
    peer.answered("one", 200).await;
    assert!(server.transports.send(source, None, options("ours").into()));
    assert!(peer.receive().await.unwrap().contains("Call-ID: ours\r\n"));
}

// RFC 3261 section 18.3.
async fn a_message_split_anywhere_arrives_whole(transport: Transport) {
    let mut server = Server::start();
    server.answer(false);
    let mut peer = Peer::connect(&server, transport).await;
    let length = peer.encoded(&options_with("split-000", "", "a body")).len();
    for cut in 1..length {
        let id = format!("split-{cut:03}");
        let bytes = peer.encoded(&options_with(&id, "", "a body"));
        peer.write(&bytes[..cut]).await.unwrap();
        // The server's turn, so that it reads the one part before the other.
        tokio::task::yield_now().await;
        peer.write(&bytes[cut..]).await.unwrap();
        let (message, _) = server.message().await;
        assert_eq!((message.call_id(), message.body()), (id.as_str(), &b"a body"[..]));
    }
}

async fn a_message_byte_by_byte_arrives_whole(transport: Transport) {
    let mut server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    for byte in peer.encoded(&options_with("bytes", "", "a body")) {
        peer.write(&[byte]).await.unwrap();
    }
    assert_eq!(server.message().await.0.body(), b"a body");
    peer.answered("bytes", 200).await;
}

async fn two_messages_in_one_segment_both_arrive(transport: Transport) {
    let mut server = Server::start();
    server.answer(false);
    let mut peer = Peer::connect(&server, transport).await;
    let mut both = peer.encoded(&options_with("first", "", "x"));
    both.extend(peer.encoded(&options("second")));
    peer.write(&both).await.unwrap();
    assert_eq!(server.message().await.0.call_id(), "first");
    assert_eq!(server.message().await.0.call_id(), "second");
}

async fn a_claim_of_four_gigabytes_ends_the_connection(transport: Transport) {
    let server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    if peer.is_web() {
        // The frame's own claim.
        peer.write(&frame_head(BINARY, true, 4_000_000_000)).await.unwrap();
    } else {
        let text = String::from_utf8(options("huge")).unwrap();
        peer.send(text.replace("Content-Length: 0", "Content-Length: 4000000000").as_bytes()).await;
        peer.answered("huge", 513).await;
    }
    peer.closed().await;
    served(&server, transport).await;
}

async fn a_message_too_large_ends_the_connection(transport: Transport) {
    let server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    let padding = format!("X-Padding: {}\r\n", "x".repeat(limits::SIP_MESSAGE_BYTES_MAX));
    let bytes = peer.encoded(&options_with("large", &padding, ""));
    // It may be cut off before it has said all.
    let _ = peer.write(&bytes).await;
    peer.closed().await;
    served(&server, transport).await;
}

async fn a_wrong_content_length_harms_nobody_else(transport: Transport) {
    let server = Server::hasty();
    let text = String::from_utf8(options_with("wrong", "", "body")).unwrap();
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(text.replace("Content-Length: 4", "Content-Length: 400").as_bytes()).await;
    if peer.is_web() {
        // A message that says it is longer than its frame.
        peer.answered("wrong", 400).await;
    }
    // Elsewhere the rest is waited for, for a while.
    peer.closed().await;

    let mut peer = Peer::connect(&server, transport).await;
    peer.send(text.replace("Content-Length: 4", "Content-Length: 2").as_bytes()).await;
    peer.answered("wrong", 200).await;
    served(&server, transport).await;
}

async fn a_keep_alive_is_answered_and_keeps_alive(transport: Transport) {
    let idle = std::time::Duration::from_millis(600);
    let server = Server::with(Timing { idle, ..patient() }, Default::default(), |_| {});
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    peer.answered("one", 200).await;
    // RFC 5626 section 4.4.1; for WebSocket clients that do so all the same.
    for _ in 0..4 {
        tokio::time::sleep(idle / 2).await;
        peer.send(b"\r\n\r\n").await;
        assert_eq!(peer.receive().await.as_deref(), Some("\r\n"));
    }
    if peer.is_web() {
        peer.write(&frame(PING, true, b"payload")).await.unwrap();
        assert_eq!(peer.frame().await, Some((PONG, b"payload".to_vec())));
    }
    peer.send(&options("two")).await;
    peer.answered("two", 200).await;
}

async fn a_flood_of_keep_alives_is_cut_off(transport: Transport) {
    let server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    let flood = match peer.is_web() {
        true => frame(PING, true, b"").repeat(1_000),
        false => b"\r\n\r\n".repeat(1_000),
    };
    let _ = peer.write(&flood).await;
    peer.closed().await;
    served(&server, transport).await;
}

async fn messages_that_cannot_be_read_are_refused_and_not_for_ever(transport: Transport) {
    let server = Server::start();
    let mut peer = Peer::connect(&server, transport).await;
    let bad = |n: u32| String::from_utf8(options(&format!("bad{n}"))).unwrap().replace("CSeq: 1 OPTIONS", "CSeq: x");
    for n in 1..limits::STREAM_MALFORMED_MAX {
        peer.send(bad(n).as_bytes()).await;
        peer.answered(&format!("bad{n}"), 400).await;
    }
    // A good one begins the count anew.
    peer.send(&options("good")).await;
    peer.answered("good", 200).await;
    for n in 0..limits::STREAM_MALFORMED_MAX {
        peer.send(bad(n).as_bytes()).await;
        peer.answered(&format!("bad{n}"), 400).await;
    }
    peer.closed().await;
}

async fn whoever_says_nothing_is_closed_and_others_are_not(transport: Transport) {
    let server = Server::hasty();
    let mut silent = Peer::connect(&server, transport).await;
    let mut unfinished = Peer::raw(&server, Transport::Tcp).await;
    let mut pinging = Peer::connect(&server, transport).await;
    let mut speaking = Peer::connect(&server, transport).await;
    speaking.send(&options("one")).await;
    speaking.answered("one", 200).await;
    pinging.send(b"\r\n\r\n").await;
    assert_eq!(pinging.receive().await.as_deref(), Some("\r\n"));
    silent.closed().await;
    unfinished.closed().await;
    pinging.closed().await;
    speaking.send(&options("two")).await;
    speaking.answered("two", 200).await;
}

async fn whoever_dribbles_is_closed(transport: Transport) {
    let server = Server::hasty();
    let mut new = Peer::connect(&server, transport).await;
    let mut known = Peer::connect(&server, transport).await;
    known.send(&options("one")).await;
    known.answered("one", 200).await;
    let mut dribbled =
        new.encoded(&options_with("drops", &format!("X-Padding: {}\r\n", "x".repeat(9_000)), "")).into_iter();
    // Until writing fails, because it was closed.
    for byte in dribbled.by_ref() {
        if new.write(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(dribbled.next().is_some(), "it was let say it all");
    // One that spoke before has to bring each message to its end, where bytes are what is counted.
    if !known.is_web() {
        known.write(b"OPTIONS sip:server.test").await.unwrap();
        known.closed().await;
    }
    served(&server, transport).await;
}

async fn silence_after_a_message_is_allowed_for_long_and_not_for_ever(transport: Transport) {
    let idle = std::time::Duration::from_millis(1_500);
    let server = Server::with(Timing { idle, ..hasty() }, Default::default(), |_| {});
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    peer.answered("one", 200).await;
    // Longer than the first message may take.
    tokio::time::sleep(hasty().first_message * 2).await;
    peer.send(&options("two")).await;
    peer.answered("two", 200).await;
    peer.closed().await;
}

async fn a_peer_that_never_reads_is_dropped_and_disturbs_nobody(transport: Transport) {
    let mut server = Server::start();
    let mut greedy = Peer::connect(&server, transport).await;
    let mut other = Peer::connect(&server, transport).await;
    let address = greedy.address;
    let padding = format!("X-Padding: {}\r\n", "x".repeat(2_000));
    let one =
        greedy.encoded(&options_with("greedy", &format!("Record-Route: <sip:{}>\r\n{padding}", "r".repeat(500)), ""));
    let flood = one.repeat(16);
    let flooding = tokio::spawn(async move {
        // Ends when the server hangs up; 200 MB if it never did.
        for _ in 0..6_000 {
            if greedy.write(&flood).await.is_err() {
                return true;
            }
        }
        false
    });
    for n in 0..50 {
        other.send(&options(&format!("other{n}"))).await;
        other.answered(&format!("other{n}"), 200).await;
    }
    assert!(flooding.await.unwrap(), "it was never dropped");
    while server.unreachable().await.addr != address {}
    other.send(&options("after")).await;
    other.answered("after", 200).await;
}

async fn what_signalling_cannot_take_yet_waits(transport: Transport) {
    let mut server = Server::start();
    server.take_nothing(true);
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("first")).await;
    peer.send(&options("second")).await;
    while server.refused() < 2 {
        tokio::task::yield_now().await;
    }
    server.take_nothing(false);
    assert_eq!(server.message().await.0.call_id(), "first");
    assert_eq!(server.message().await.0.call_id(), "second");
    peer.answered("first", 200).await;
    peer.answered("second", 200).await;
}

/// How overload shows over streams: a connection says since when it has not been found empty.
async fn what_comes_behind_something_else_is_as_old_as_that(transport: Transport) {
    let mut server = Server::start();
    server.take_nothing(true);
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("first")).await;
    while server.refused() < 3 {
        tokio::task::yield_now().await;
    }
    peer.send(&options("second")).await;
    server.take_nothing(false);
    let mut behind = Vec::new();
    for id in ["first", "second", "third"] {
        if id == "third" {
            // All that it said has been answered, so that it is waited for again.
            peer.answered("first", 200).await;
            peer.answered("second", 200).await;
            peer.send(&options(id)).await;
        }
        let Seen::Message(message, .., since) = server.seen().await else { panic!("no message") };
        assert_eq!(message.call_id(), id);
        behind.push(since.expect("of a stream"));
    }
    assert!(behind[0].elapsed() >= std::time::Duration::from_millis(40), "it was offered three times");
    assert_eq!(behind[0], behind[1], "it waited behind the first");
    assert!(behind[1] < behind[2], "nothing was before it");
}

async fn what_is_queued_is_sent_before_a_drain_ends(transport: Transport) {
    let mut server = Server::start();
    server.answer(false);
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    let (_, source) = server.message().await;
    for n in 0..20 {
        server.transports.send(source, None, options(&format!("last{n}")).into());
    }
    server.transports.close().await;
    for n in 0..20 {
        assert!(peer.receive().await.unwrap().contains(&format!("Call-ID: last{n}\r\n")));
    }
    peer.closed().await;
    assert_eq!(server.transports.counters().connections(transport), 0);
    let refused = tokio::net::TcpStream::connect(server.address(transport)).await;
    assert!(refused.is_err(), "still listening");
}

async fn a_peer_that_is_gone_is_told_upwards(transport: Transport) {
    let brief = std::time::Duration::from_millis(100);
    let mut server = Server::with(Timing { half_close: brief, ..patient() }, Default::default(), |_| {});
    let mut peer = Peer::connect(&server, transport).await;
    peer.send(&options("one")).await;
    peer.answered("one", 200).await;
    let source = Endpoint::new(transport, peer.address);
    if peer.is_web() {
        peer.write(&frame(CLOSE, true, &1_000_u16.to_be_bytes())).await.unwrap();
        assert_eq!(peer.frame().await.map(|f| f.0), Some(CLOSE), "a closing handshake is answered");
    }
    drop(peer);
    assert_eq!(server.unreachable().await, source);
    // Nobody can be reached there any more, and that is said too.
    if transport != Transport::Tcp && transport != Transport::Tls {
        server.transports.send(source, None, options("late").into());
        assert_eq!(server.unreachable().await, source);
    }
}

/// A request is still answered: what happened harmed nobody else.
async fn served(server: &Server, transport: Transport) {
    let mut peer = Peer::connect(server, transport).await;
    peer.send(&options("another")).await;
    peer.answered("another", 200).await;
}

/// Only where the transport has it: TCP and TLS.
#[actix::test]
async fn what_was_asked_before_a_half_close_is_still_answered() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut server = Server::start();
        server.answer(false);
        let mut peer = Peer::connect(&server, transport).await;
        peer.send(&options("one")).await;
        peer.stream.shutdown().await.unwrap();
        let (message, source) = server.message().await;
        let reply = tandem_sip::message::Message::response(&message, source.addr, 200, None).to_tag("s").build();
        server.transports.send(source, None, reply.bytes().clone());
        peer.answered("one", 200).await;
    }
}

#[actix::test]
async fn a_stun_keep_alive_on_udp_is_answered_beside_sip() {
    let mut server = Server::start();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.address(Transport::Udp)).await.unwrap();
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], b"transaction!"].concat();
    socket.send(&request).await.unwrap();
    let mut buffer = [0; 2_048];
    let len = socket.recv(&mut buffer).await.unwrap();
    assert_eq!((len, &buffer[..4], &buffer[8..20]), (32, &[1, 1, 0, 12][..], &b"transaction!"[..]));
    let port = u16::from_be_bytes([buffer[26], buffer[27]]) ^ 0x2112;
    assert_eq!(port, socket.local_addr().unwrap().port());
    socket.send(&options("udp")).await.unwrap();
    assert_eq!(server.message().await.0.call_id(), "udp");
}
