//! Streams against servers that behave, and that do not, over real sockets.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tandem_call::call::{OpenStream, StreamInput, StreamProblem};
use tandem_laml::Dialect;
use tandem_laml::instruction::{Stream, StreamCodec, StreamFault, Track};
use tandem_media::control::MarkId;
use tandem_media::tap::TapFrame;
use tandem_model::{SampleRate, Sid};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::{StreamHandle, StreamHub, ToStream};
use crate::webhook::test_server::local_client;
use crate::webhook::{WebhookClient, signature};
use crate::world::Clock;

const CERTIFICATE: &[u8] = include_bytes!("../webhook/tests/cert.pem");
const KEY: &[u8] = include_bytes!("../webhook/tests/key.pem");
const PATIENCE: Duration = Duration::from_secs(20);
const ME: &str = "07070707-0707-0707-0707-070707070707";

fn hub(webhooks: WebhookClient) -> StreamHub {
    StreamHub::start(webhooks, &[], Clock::new()).unwrap()
}

fn stream(url: impl Into<String>) -> Stream {
    Stream {
        url: url.into(),
        name: None,
        track: Track::Both,
        codec: StreamCodec::L16(SampleRate::HZ_16000),
        realtime: false,
        bearer_token: None,
        status_callback: None,
        parameters: vec![],
        fault: None,
    }
}

fn open(hub: &StreamHub, stream: Stream, two_way: bool) -> (StreamHandle, Receiver<StreamInput>) {
    let (reports, heard) = sync_channel(4_096);
    let open = OpenStream {
        sid: ME.parse().unwrap(),
        account_sid: "acc".into(),
        call_sid: Sid::from_bytes([1; 16]),
        stream,
        two_way,
        dialect: Dialect::SignalWire,
    };
    (hub.open(open, move |input| reports.try_send(input).is_ok()), heard)
}

/// A server of one connection, in a thread of its own.
fn serve<T: Send + 'static>(
    conversation: impl FnOnce(WebSocket<TcpStream>) -> T + Send + 'static,
) -> (String, std::thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/audio", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        conversation(tungstenite::accept(tcp).unwrap())
    });
    (url, server)
}

/// The next message as JSON.
fn json_of(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code of the close that comes, whatever comes before.
fn close_of(socket: &mut WebSocket<TcpStream>) -> Option<CloseCode> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.map(|f| f.code),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[track_caller]
fn opened(heard: &Receiver<StreamInput>) {
    let report = heard.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(report, StreamInput::Opened { .. }), "{report:?}");
}

#[track_caller]
fn ended(heard: &Receiver<StreamInput>) -> Option<StreamProblem> {
    loop {
        if let StreamInput::Ended { problem, .. } = heard.recv_timeout(PATIENCE).unwrap() {
            assert!(heard.recv_timeout(PATIENCE).is_err(), "nothing follows");
            return problem;
        }
    }
}

#[test]
fn a_server_is_told_what_the_leg_hears_and_is_told_and_that_it_is_over() {
    let (url, server) = serve(|mut socket| {
        let mut all = Vec::new();
        loop {
            let message = json_of(&mut socket);
            let last = message["event"] == "stop";
            all.push(message);
            if last {
                return (all, close_of(&mut socket));
            }
        }
    });
    let hub = hub(local_client(|_| ()));
    let (handle, heard) = open(&hub, stream(url), false);
    opened(&heard);
    for tick in 0..3_i16 {
        let (inbound, outbound) = ([tick; 320], [-tick; 320]);
        handle.sink().take(TapFrame { tick: tick as u64, inbound: &inbound, outbound: &outbound });
    }
    assert!(handle.tell(ToStream::Digit { digit: '7', duration_ms: 90 }));
    while hub.stats().open == 0 {
        std::thread::yield_now();
    }
    drop(handle);
    assert_eq!(ended(&heard), None);
    let (messages, close) = server.join().unwrap();
    assert_eq!(close, Some(CloseCode::Normal));
    let events: Vec<&str> = messages.iter().map(|m| m["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], events[1], events[events.len() - 1]), ("connected", "start", "stop"));
    assert!(events.contains(&"dtmf"), "{events:?}");
    let media: Vec<&Value> = messages.iter().filter(|m| m["event"] == "media").map(|m| &m["media"]).collect();
    for (n, media) in media.iter().enumerate() {
        let (tick, outbound) = (n / 2, n % 2 == 1);
        assert_eq!(media["track"], if outbound { "outbound" } else { "inbound" });
        assert_eq!(media["chunk"], (tick + 1).to_string());
        assert_eq!(media["timestamp"], (tick * 20).to_string());
        let sample = if outbound { -(tick as i16) } else { tick as i16 };
        let bytes: Vec<u8> = [sample; 320].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(STANDARD.decode(media["payload"].as_str().unwrap()).unwrap(), bytes);
    }
    assert_eq!(media.len(), 6);
    let numbers: Vec<String> = messages[1..].iter().map(|m| m["sequenceNumber"].as_str().unwrap().to_owned()).collect();
    assert!(numbers.iter().cloned().eq((1..=numbers.len()).map(|n| n.to_string())), "{numbers:?}");
    assert_eq!((hub.stats().open, hub.stats().connected, hub.stats().failed), (0, 1, 0));
}

#[test]
fn what_a_server_sends_reaches_the_call_and_marks_come_back_in_order() {
    let (url, server) = serve(|mut socket| {
        json_of(&mut socket);
        let sid = json_of(&mut socket)["start"]["streamSid"].as_str().unwrap().to_owned();
        let mut say = |message: Value| socket.send(Message::text(message.to_string())).unwrap();
        let payload = STANDARD.encode([1_u8, 0].repeat(1_600));
        say(json!({"event": "media", "streamSid": sid, "media": {"payload": payload}}));
        say(json!({"event": "mark", "streamSid": sid, "mark": {"name": "first"}}));
        say(json!({"event": "media", "streamSid": "another", "media": {"payload": payload}}));
        say(json!({"event": "dtmf", "streamSid": sid, "dtmf": {"digit": "1#"}}));
        let first = json_of(&mut socket);
        let mut say = |message: Value| socket.send(Message::text(message.to_string())).unwrap();
        // A minute, which is not heard to its end.
        say(json!({"event": "media", "media": {"payload": STANDARD.encode(vec![0; 32_000 * 30])}}));
        say(json!({"event": "mark", "mark": {"name": "second"}}));
        say(json!({"event": "mark", "mark": {"name": "third"}}));
        say(json!({"event": "clear"}));
        let (second, third) = (json_of(&mut socket), json_of(&mut socket));
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
        [first, second, third]
    });
    let hub = hub(local_client(|_| ()));
    let (handle, heard) = open(&hub, Stream { track: Track::Inbound, ..stream(url) }, true);
    opened(&heard);
    let (mut samples, mut digits, mut cleared) = (Vec::new(), String::new(), false);
    let problem = loop {
        match heard.recv_timeout(PATIENCE).unwrap() {
            StreamInput::Audio { audio, .. } => samples.extend(audio),
            StreamInput::Mark { mark, .. } => {
                assert_eq!(mark, MarkId(1), "the others are never reached");
                assert_eq!(samples.iter().filter(|s| **s == 1).count(), 1_600, "all before it");
                assert!(handle.tell(ToStream::Marked(mark)));
            }
            StreamInput::Digits { digits: keys, .. } => digits.push_str(&keys),
            StreamInput::Clear { .. } => cleared = true,
            StreamInput::Ended { problem, .. } => break problem,
            other @ StreamInput::Opened { .. } => panic!("{other:?}"),
        }
    };
    assert_eq!((problem, digits.as_str(), cleared), (None, "1#", true));
    let names = server.join().unwrap().map(|m| m["mark"]["name"].as_str().unwrap().to_owned());
    assert_eq!(names, ["first", "second", "third"]);
    assert!(samples.len() < 16_000 * 5, "fed as it is played: {}", samples.len());
    assert_eq!(hub.stats().messages_ignored, 1);
}

#[test]
fn a_copy_takes_nothing_back() {
    let (url, server) = serve(|mut socket| {
        for message in [json!({"event": "media", "media": {"payload": "AAAA"}}), json!({"event": "clear"})] {
            socket.send(Message::text(message.to_string())).unwrap();
        }
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    });
    let hub = hub(local_client(|_| ()));
    let (_handle, heard) = open(&hub, stream(url), false);
    opened(&heard);
    let report = heard.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(report, StreamInput::Ended { problem: None, .. }), "{report:?}");
    server.join().unwrap();
}

#[test]
fn the_upgrade_is_signed_and_bears_the_token() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let log = seen.clone();
    std::thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let log = log.clone();
            #[expect(clippy::result_large_err, reason = "the library's callback")]
            let note = move |request: &Request, response: Response| {
                let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
                let names = ["authorization", "x-signalwire-signature", "x-twilio-signature", "user-agent"];
                log.lock().unwrap().push(names.map(header));
                Ok(response)
            };
            let mut socket = tungstenite::accept_hdr(tcp, note).unwrap();
            socket.close(None).unwrap();
            while socket.read().is_ok() {}
        }
    });
    let hub = hub(local_client(|config| config.signing_key = "key".to_owned()));
    let bare = format!("ws://{address}/a");
    let signed = Some(signature::sign("key", &bare, &[]));
    for (url, token, authorization) in [
        (bare.clone(), None, None),
        (bare.clone(), Some("t0k"), Some("Bearer t0k")),
        (format!("ws://u:p%40@{address}/a"), None, Some("Basic dTpwQA==")),
        (format!("ws://u:p@{address}/a"), Some("t0k"), Some("Bearer t0k")),
    ] {
        let stream = Stream { bearer_token: token.map(str::to_owned), ..stream(url.clone()) };
        let (_handle, heard) = open(&hub, stream, false);
        assert_eq!(ended(&heard), None);
        let [auth, first, second, agent] = seen.lock().unwrap().pop().unwrap();
        assert_eq!(auth.as_deref(), authorization, "{url}");
        assert_eq!((&first, &second), (&signed, &signed), "{url}");
        assert!(agent.is_some_and(|a| a.starts_with("Tandem/")));
    }
}

#[test]
fn a_server_that_refuses_is_told_apart_from_one_that_cannot_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let refuses = refusing.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut tcp in refusing.incoming().flatten() {
            let _ = tcp.read(&mut [0; 2_000]);
            let _ = tcp.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = hanging.local_addr().unwrap();
    let hub = hub(local_client(|_| ()));
    for (url, fault, code) in [
        (format!("ws://{closed}/"), StreamFault::Refused, 11_200),
        (format!("ws://{refuses}/"), StreamFault::Refused, 11_217),
        (format!("ws://{hangs}/"), StreamFault::Unreachable, 11_200),
        (format!("wss://{refuses}/"), StreamFault::Unreachable, 11_220),
        ("ws://169.254.169.254/".to_owned(), StreamFault::Refused, 11_200),
        ("wss://no-such-host.invalid/".to_owned(), StreamFault::Unreachable, 11_210),
    ] {
        let (_handle, heard) = open(&hub, stream(url.clone()), false);
        let problem = ended(&heard).unwrap();
        assert_eq!((problem.fault, problem.code), (fault, code), "{url}: {problem:?}");
    }
    assert_eq!(hub.stats().failed, 6);
}

/// A WebSocket server behind TLS, for `localhost`.
fn secure_server() -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificate, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let tls = rustls::StreamOwned::new(rustls::ServerConnection::new(config.clone()).unwrap(), tcp);
            let Ok(mut socket) = tungstenite::accept(tls) else { continue };
            let _ = socket.close(None);
            while socket.read().is_ok() {}
        }
    });
    port
}

#[test]
fn a_certificate_is_checked_for_its_issuer_and_its_name() {
    let port = secure_server();
    let root = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let trusting = StreamHub::start(local_client(|_| ()), &[root], Clock::new()).unwrap();
    let by_name = || stream(format!("wss://localhost:{port}/"));
    let (_handle, heard) = open(&trusting, by_name(), false);
    assert_eq!(ended(&heard), None);
    let (_handle, heard) = open(&trusting, stream(format!("wss://127.0.0.1:{port}/")), false);
    assert_eq!(ended(&heard).map(|p| (p.fault, p.code)), Some((StreamFault::Unreachable, 11_220)));
    let distrusting = hub(local_client(|_| ()));
    let (_handle, heard) = open(&distrusting, by_name(), false);
    assert_eq!(ended(&heard).map(|p| (p.fault, p.code)), Some((StreamFault::Unreachable, 11_220)));
}

#[test]
fn nonsense_is_counted_and_then_the_server_is_let_go() {
    let (url, server) = serve(|mut socket| {
        for n in 0..65 {
            let message = match n % 3 {
                0 => Message::text("{"),
                1 => Message::binary(vec![n; 10]),
                _ => Message::text(r#"{"event":"media","media":{"payload":"*"}}"#),
            };
            socket.send(message).unwrap();
        }
        close_of(&mut socket)
    });
    let hub = hub(local_client(|_| ()));
    let (_handle, heard) = open(&hub, stream(url), true);
    assert_eq!(ended(&heard).map(|p| (p.fault, p.code)), Some((StreamFault::General, 11_251)));
    assert_eq!(server.join().unwrap(), Some(CloseCode::Unsupported));
    assert_eq!(hub.stats().messages_ignored, 65);
}

#[test]
fn a_message_that_is_too_large_ends_the_stream() {
    let (url, server) = serve(|mut socket| {
        // Its claim of length is enough: it is not read to the end.
        let _ = socket.send(Message::text("x".repeat(3 * 1024 * 1024)));
        loop {
            match socket.read() {
                Ok(Message::Close(frame)) => return frame.map(|f| f.code),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    });
    let hub = hub(local_client(|_| ()));
    let (_handle, heard) = open(&hub, stream(url), true);
    assert_eq!(ended(&heard).map(|p| p.fault), Some(StreamFault::General));
    // The close may be lost with the connection that still has half a message in it.
    assert!(matches!(server.join().unwrap(), Some(CloseCode::Size) | None));
}

#[test]
fn a_connection_that_breaks_is_an_error_and_one_that_is_closed_is_not() {
    let (url, _server) = serve(|socket| {
        let tcp = socket.get_ref().try_clone().unwrap();
        socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
        drop((socket, tcp));
    });
    let hub = hub(local_client(|_| ()));
    let (_handle, heard) = open(&hub, stream(url), false);
    assert_eq!(ended(&heard).map(|p| p.fault), Some(StreamFault::General));
}

#[test]
fn a_server_that_never_reads_loses_the_oldest_audio_and_holds_nobody_up() {
    let (stop, wait) = sync_channel::<()>(1);
    let (url, _server) = serve(move |mut socket| {
        json_of(&mut socket);
        let _ = wait.recv();
    });
    let hub = hub(local_client(|_| ()));
    let (handle, heard) = open(&hub, stream(url), false);
    opened(&heard);
    let (sink, pcm) = (handle.sink(), [0; 320]);
    // Far more than sockets hold: takes never wait, and are counted as lost.
    let mut tick = 0;
    while hub.stats().ticks_lost == 0 && tick < 40_000 {
        sink.take(TapFrame { tick, inbound: &pcm, outbound: &pcm });
        tick += 1;
    }
    drop(handle);
    let report = heard.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(report, StreamInput::Ended { problem: None, .. }), "{report:?}");
    assert!(hub.stats().ticks_lost > 1_000, "{:?}", hub.stats());
    drop(stop);
}

#[test]
fn a_stream_that_is_let_go_before_it_is_connected_says_nothing_more() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = hub(local_client(|_| ()));
    let (handle, heard) = open(&hub, stream(format!("ws://{}/", hanging.local_addr().unwrap())), false);
    drop(handle);
    assert!(heard.recv_timeout(PATIENCE).is_err());
    assert_eq!(hub.stats().failed, 0);
}
