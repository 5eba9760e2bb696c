//! Audio streams over WebSocket: copies, conversations with marks, REST, and servers that refuse, hang and flood.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept_hdr};

use crate::common::address::{free_port, own_ip};
use crate::common::audio::{self, RATE, ulaw_decode, ulaw_encode};
use crate::common::tandem::SIGNING_KEY;
use crate::common::{AppServer, Call, Phone, Reply, Tandem, alone, eventually, signature};

type Socket = WebSocket<TcpStream>;

/// The WebSocket server of a customer: remembers what it is told, and says what the test has it say.
struct AudioServer {
    address: SocketAddr,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    messages: Mutex<Vec<Value>>,
    /// Header fields of the upgrades, names in lower case.
    upgrades: Mutex<Vec<Vec<(String, String)>>>,
}

impl Log {
    fn messages(&self) -> MutexGuard<'_, Vec<Value>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AudioServer {
    /// `answer` is called with each message, and says whether to go on; false closes.
    fn start(answer: impl Fn(&mut Socket, &Value) -> bool + Send + Sync + 'static) -> AudioServer {
        let ip = own_ip();
        let listener = TcpListener::bind((ip, free_port(ip))).expect("the server's port");
        let address = listener.local_addr().expect("its address");
        let (log, answer) = (Arc::new(Log::default()), Arc::new(answer));
        let (kept, answer) = (log.clone(), answer);
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (log, answer) = (kept.clone(), answer.clone());
                std::thread::spawn(move || converse(tcp, &log, &*answer));
            }
        });
        AudioServer { address, log }
    }

    /// Listens, and never says anything.
    fn listener() -> AudioServer {
        AudioServer::start(|_, _| true)
    }

    fn url(&self) -> String {
        format!("ws://{}/audio", self.address)
    }

    #[track_caller]
    fn wait(&self, what: &str, which: impl Fn(&Value) -> bool) -> Value {
        eventually(what, Duration::from_secs(15), || self.log.messages().iter().find(|m| which(m)).cloned())
    }

    #[track_caller]
    fn wait_event(&self, event: &str) -> Value {
        self.wait(event, |m| m["event"] == event)
    }

    /// The audio of a track so far, 8 kHz.
    fn track(&self, name: &str) -> Vec<i16> {
        let messages = self.log.messages();
        let of_track = messages.iter().filter(|m| m["media"]["track"] == name);
        of_track.flat_map(|m| payload(m).into_iter().map(ulaw_decode).collect::<Vec<_>>()).collect()
    }
}

fn payload(message: &Value) -> Vec<u8> {
    STANDARD.decode(message["media"]["payload"].as_str().expect("a payload")).expect("base64")
}

fn converse(tcp: TcpStream, log: &Log, answer: &dyn Fn(&mut Socket, &Value) -> bool) {
    #[expect(clippy::result_large_err, reason = "the library's callback")]
    let note = |request: &Request, response: Response| {
        let fields = request.headers().iter();
        let fields = fields.map(|(n, v)| (n.as_str().to_owned(), v.to_str().unwrap_or("?").to_owned())).collect();
        log.upgrades.lock().unwrap_or_else(PoisonError::into_inner).push(fields);
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(tcp, note) else { return };
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                log.messages().push(message.clone());
                if !answer(&mut socket, &message) {
                    let _ = socket.close(None);
                    while socket.read().is_ok() {}
                    return;
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn say(socket: &mut Socket, message: Value) {
    match socket.send(Message::text(message.to_string())) {
        Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Serves `document`, and notes callbacks at any other path.
fn app(document: impl Into<String>) -> AppServer {
    let document = document.into();
    AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(&document),
        "/over" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    })
}

fn calling(tandem: &Tandem, app: &AppServer) -> (Phone, Call) {
    tandem.domain_app("app", app, "/answer", json!({}));
    let mut phone = Phone::new(tandem, "caller", "");
    let mut call = phone.invite(&tandem.app_uri("app"));
    phone.connected(&mut call);
    (phone, call)
}

/// The stream's callbacks are these events, each with exactly what is documented, signed, in this order.
#[track_caller]
fn assert_callbacks(
    tandem: &Tandem,
    app: &AppServer,
    call_sid: &str,
    name: Option<&str>,
    track: &str,
    events: &[(&str, &str)],
) {
    let callbacks = eventually("all callbacks of the stream", Duration::from_secs(15), || {
        let seen: Vec<_> = app.seen().into_iter().filter(|s| s.path() == "/stream").collect();
        (seen.len() >= events.len()).then_some(seen)
    });
    let told: Vec<(&str, &str)> = callbacks.iter().map(|c| (c.param("StreamEvent"), c.param("StreamError"))).collect();
    assert_eq!(told, events);
    for callback in &callbacks {
        callback.assert_signed(SIGNING_KEY);
        let sid = callback.param("StreamSid");
        assert_eq!(sid.len(), 36, "{callback:?}");
        for (param, value) in [
            ("AccountSid", tandem.project.as_str()),
            ("CallSid", call_sid),
            ("StreamName", name.unwrap_or(sid)),
            ("StreamTrack", track),
            ("Unique-ID", call_sid),
        ] {
            assert_eq!(callback.param(param), value, "{param}: {callback:?}");
        }
        // ISO 8601, unlike all other callbacks.
        let at = callback.param("Timestamp");
        assert!(at.len() == 20 && &at[10..11] == "T" && at.ends_with('Z'), "{at}");
        let extra = usize::from(!callback.param("StreamError").is_empty());
        assert_eq!(callback.params.len(), 8 + extra, "{:?}", callback.params);
    }
}

#[test]
fn a_started_stream_hears_both_directions_and_its_callbacks_tell_its_course() {
    let _turn = alone();
    let tandem = Tandem::start();
    let server = AudioServer::listener();
    let tune = audio::sweep(3.0, 400.0, 2_400.0);
    let document = format!(
        "<Start><Stream name=\"ears\" url=\"{}\" track=\"both_tracks\" statusCallback=\"/stream\" authBearerToken=\"t0ken\">\
         <Parameter name=\"a\" value=\"1 &amp; 2\"/></Stream></Start><Play>/tune.wav</Play><Pause length=\"1\"/>\
         <Stop><Stream name=\"ears\"/></Stop><Pause length=\"30\"/>",
        server.url()
    );
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(&document),
        "/tune.wav" => Reply::wav(wav.clone()),
        _ => Reply::empty(),
    });
    let (mut phone, mut call) = calling(&tandem, &app);
    let words = audio::sweep(3.0, 2_800.0, 700.0);
    server.wait_event("start");
    call.media.play(&words);
    call.media.dial("5");
    let call_sid = app.wait("/answer", |_| true).param("CallSid").to_owned();
    server.wait_event("stop");
    let messages = server.log.messages().clone();
    assert_eq!(messages[0], json!({"event": "connected", "protocol": "Call", "version": "0.2.0"}));
    let stream_sid = messages[1]["start"]["streamSid"].as_str().expect("a sid").to_owned();
    assert_eq!(
        messages[1],
        json!({"event": "start", "sequenceNumber": "1", "start": {
            "streamSid": stream_sid, "accountSid": tandem.project, "callSid": call_sid, "tracks": ["inbound", "outbound"],
            "customParameters": {"a": "1 & 2"},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
    );
    assert_eq!(messages.last().expect("messages")["stop"], json!({"accountSid": tandem.project, "callSid": call_sid}));
    for (n, message) in messages[1..].iter().enumerate() {
        assert_eq!(message["sequenceNumber"], (n + 1).to_string());
    }
    for track in ["inbound", "outbound"] {
        let of_track: Vec<&Value> =
            messages.iter().filter(|m| m["media"]["track"] == track).map(|m| &m["media"]).collect();
        let number = |m: &Value, name: &str| m[name].as_str().expect("a string").parse::<u64>().expect("a number");
        assert!(of_track.windows(2).all(|w| number(w[1], "chunk") == number(w[0], "chunk") + 1), "no tick is left out");
        assert!(of_track.iter().all(|m| number(m, "timestamp") == (number(m, "chunk") - 1) * 20));
        assert!(messages.iter().filter(|m| m["media"]["track"] == track).all(|m| payload(m).len() == 160));
    }
    let dtmf = messages.iter().find(|m| m["event"] == "dtmf").expect("the key");
    assert_eq!((&dtmf["dtmf"]["digit"], &dtmf["streamSid"]), (&json!("5"), &json!(stream_sid)));
    let held: u32 = dtmf["dtmf"]["duration"].as_str().expect("a string").parse().expect("milliseconds");
    assert!((60..=200).contains(&held), "{held} ms");
    let [heard, told] = [server.track("inbound"), server.track("outbound")];
    assert!(audio::likeness(&tune, &told) >= 0.85, "{:.2}", audio::likeness(&tune, &told));
    assert!(audio::likeness(&words, &heard) >= 0.85, "{:.2}", audio::likeness(&words, &heard));
    assert_callbacks(
        &tandem,
        &app,
        &call_sid,
        Some("ears"),
        "both_tracks",
        &[("stream-started", ""), ("stream-stopped", "")],
    );
    let upgrade = server.log.upgrades.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    let field = |name: &str| upgrade.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    assert_eq!(field("authorization").as_deref(), Some("Bearer t0ken"));
    for name in ["x-signalwire-signature", "x-twilio-signature"] {
        assert_eq!(field(name), Some(signature::sign(SIGNING_KEY, &server.url(), &[])), "{name}");
    }
    // The document goes on without it.
    assert_eq!(phone.hang_up(&mut call).status(), 200);
}

#[test]
fn a_connected_stream_echoes_the_caller_with_marks_clears_and_keys() {
    let _turn = alone();
    let tandem = Tandem::start();
    // Sends back what it hears; keys say what else to do.
    let server = AudioServer::start(|socket, message| {
        let event = message["event"].as_str().unwrap_or_default();
        match (event, message["dtmf"]["digit"].as_str()) {
            ("media", _) => say(socket, json!({"event": "media", "media": {"payload": message["media"]["payload"]}})),
            // Half a minute of a tone and a mark behind it, which are taken back when its first half second was heard.
            ("dtmf", Some("1")) => {
                let tone: Vec<u8> = audio::sweep(30.0, 1_000.0, 1_000.0).into_iter().map(ulaw_encode).collect();
                say(socket, json!({"event": "media", "media": {"payload": STANDARD.encode(&tone[..4_000])}}));
                say(socket, json!({"event": "mark", "mark": {"name": "half a second"}}));
                say(socket, json!({"event": "media", "media": {"payload": STANDARD.encode(&tone[4_000..])}}));
                say(socket, json!({"event": "mark", "mark": {"name": "the end"}}));
            }
            ("mark", _) if message["mark"]["name"] == "half a second" => say(socket, json!({"event": "clear"})),
            ("dtmf", Some("2")) => say(socket, json!({"event": "dtmf", "dtmf": {"digit": "42#"}})),
            ("dtmf", Some("9")) => return false,
            _ => {}
        }
        true
    });
    let document = format!(
        "<Connect action=\"/over\"><Stream url=\"{}\" statusCallback=\"/stream\"/></Connect><Say>never</Say>",
        server.url()
    );
    let app = app(document);
    let (mut phone, call) = calling(&tandem, &app);
    assert_eq!(server.wait_event("start")["start"]["tracks"], json!(["inbound"]));
    let words = audio::sweep(3.0, 500.0, 2_500.0);
    call.media.play(&words);
    eventually("the caller hears itself", Duration::from_secs(12), || {
        (audio::likeness(&words, &call.media.heard()) >= 0.85).then_some(())
    });
    call.media.dial("1");
    let began = Instant::now();
    server.wait("both marks", |m| m["mark"]["name"] == "the end");
    assert!(began.elapsed() < Duration::from_secs(12), "cleared, not played to its end");
    let names: Vec<Value> =
        server.log.messages().iter().filter(|m| m["event"] == "mark").map(|m| m["mark"]["name"].clone()).collect();
    assert_eq!(names, ["half a second", "the end"]);
    call.media.dial("2");
    eventually("the keys that the server sent", Duration::from_secs(10), || {
        (call.media.heard_digits() == "42#").then_some(())
    });
    // The tone was heard for half a second and what was under way, not for half a minute.
    let heard = call.media.heard();
    let tone = heard.chunks(160).filter(|c| audio::level(c) > 4_000.0 && crossings(c) == 40).count();
    assert!((15..=80).contains(&tone), "{tone} ticks of the tone");
    call.media.dial("9");
    let over = app.wait("/over", |_| true);
    over.assert_signed(SIGNING_KEY);
    assert_eq!((over.param("StreamEvent"), over.param("StreamError")), ("stream-stopped", ""));
    let call_sid = over.param("CallSid").to_owned();
    assert_callbacks(
        &tandem,
        &app,
        &call_sid,
        None,
        "inbound_track",
        &[("stream-started", ""), ("stream-stopped", "")],
    );
    phone.hung_up(&call);
    assert!(server.log.messages().iter().all(|m| m["event"] != "stop"), "who closes need not be told");
}

/// Sign changes in a tick: 40 for 1 kHz.
fn crossings(pcm: &[i16]) -> usize {
    pcm.windows(2).filter(|w| (w[0] < 0) != (w[1] < 0)).count().next_multiple_of(2)
}

#[test]
fn rest_starts_and_stops_a_stream_and_hanging_up_ends_one() {
    let _turn = alone();
    let tandem = Tandem::start();
    let server = AudioServer::listener();
    let app = app("<Say>Hello</Say><Pause length=\"60\"/>");
    let (mut phone, mut call) = calling(&tandem, &app);
    let call_sid = app.wait("/answer", |_| true).param("CallSid").to_owned();
    tandem.wait_call("the call talks", |c| c["sid"] == call_sid.as_str() && c["status"] == "in-progress");
    let (url, callback) = (server.url(), app.url("/stream"));
    let fields = [
        ("Url", url.as_str()),
        ("Name", "spy"),
        ("StatusCallback", callback.as_str()),
        ("Parameter1.Name", "who"),
        ("Parameter1.Value", "rest"),
        ("AuthorizationBearerToken", "t0k"),
    ];
    let path = format!("/Calls/{call_sid}/Streams");
    let created = tandem.laml("POST", &format!("{path}.json"), &fields);
    assert_eq!(created.status, 201, "{}", created.body);
    let created = created.json();
    let sid = created["sid"].as_str().expect("a sid").to_owned();
    assert_eq!(
        (&created["name"], &created["status"], &created["call_sid"]),
        (&json!("spy"), &json!("queued"), &json!(call_sid))
    );
    let start = server.wait_event("start");
    assert_eq!(start["start"]["streamSid"], sid.as_str());
    assert_eq!(start["start"]["tracks"], json!(["inbound", "outbound"]));
    assert_eq!(start["start"]["customParameters"], json!({"who": "rest"}));
    // A second one of its name is refused, and told so.
    let refused = tandem.laml("POST", &path, &fields);
    assert_eq!(
        (refused.status, refused.json()["message"].as_str().map(str::to_owned)),
        (400, Some("Duplicated stream name".into()))
    );
    let bad = tandem.laml("POST", &path, &[("Url", "https://a.example/")]);
    assert_eq!((bad.status, bad.json()["code"].as_u64()), (400, Some(31_922)));
    server.wait_event("media");
    let stopped = tandem.laml("POST", &format!("{path}/{sid}.json"), &[("Status", "stopped")]);
    assert_eq!((stopped.status, &stopped.json()["status"]), (200, &json!("stopped")));
    server.wait_event("stop");
    assert_callbacks(
        &tandem,
        &app,
        &call_sid,
        Some("spy"),
        "both_tracks",
        &[("stream-started", ""), ("stream-error", "Duplicated stream name"), ("stream-stopped", "")],
    );
    // The next one of the name runs until the caller hangs up.
    server.log.messages().clear();
    assert_eq!(tandem.laml("POST", &path, &fields).status, 201);
    server.wait_event("media");
    assert_eq!(phone.hang_up(&mut call).status(), 200);
    server.wait_event("stop");
    eventually("its last callback", Duration::from_secs(10), || {
        let seen = app.seen();
        let events: Vec<_> = seen.iter().filter(|s| s.path() == "/stream").map(|s| s.param("StreamEvent")).collect();
        (events.len() == 5 && events.ends_with(&["stream-started", "stream-stopped"])).then_some(())
    });
    tandem.wait_call("the call is over", |c| c["sid"] == call_sid.as_str() && c["status"] == "completed");
    for which in [sid.as_str(), "nobody"] {
        assert_eq!(tandem.laml("POST", &format!("{path}/{which}"), &[("Status", "stopped")]).status, 404);
    }
    assert_eq!(tandem.laml("POST", &path, &fields).status, 404);
}

#[test]
fn servers_that_refuse_or_hang_are_errors_and_the_document_goes_on() {
    let tandem = Tandem::start();
    let ip = own_ip();
    let refusing = TcpListener::bind((ip, free_port(ip))).expect("a port");
    let refuses = refusing.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut tcp in refusing.incoming().flatten() {
            let _ = tcp.read(&mut [0; 2_000]);
            let _ = std::io::Write::write_all(&mut tcp, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let hanging = TcpListener::bind((ip, free_port(ip))).expect("a port");
    let hangs = hanging.local_addr().expect("its address");
    let nobody = SocketAddr::new(ip, free_port(ip));
    for (n, (url, error, codes)) in [
        (format!("ws://{refuses}/"), "connection_refused", 11_217),
        (format!("ws://{nobody}/"), "connection_refused", 11_200),
        (format!("ws://{hangs}/"), "connection_refused_timeout_or_ssl_error", 11_200),
        (format!("wss://{refuses}/"), "connection_refused_timeout_or_ssl_error", 11_220),
        ("wss://10.1.2.3/".to_owned(), "connection_refused", 11_200),
        (format!("ws://{refuses}/?x=1"), "invalid_url", 31_922),
    ]
    .into_iter()
    .enumerate()
    {
        let document =
            format!("<Connect><Stream url=\"{url}\" statusCallback=\"/stream\"/></Connect><Redirect>/over</Redirect>");
        let app = app(document);
        tandem.domain_app(&format!("app{n}"), &app, "/answer", json!({}));
        let mut phone = Phone::new(&tandem, "caller", "");
        let mut call = phone.invite(&tandem.app_uri(&format!("app{n}")));
        phone.connected(&mut call);
        let call_sid = app.wait("/over", |_| true).param("CallSid").to_owned();
        assert_callbacks(&tandem, &app, &call_sid, None, "inbound_track", &[("stream-error", error)]);
        phone.hung_up(&call);
        eventually(&format!("{codes} in the log of {url}"), Duration::from_secs(10), || {
            let log = tandem.api("GET", &format!("/api/tandem/calls/{call_sid}/events"), None).success();
            log["data"].as_array().is_some_and(|all| all.iter().any(|e| e["code"] == codes)).then_some(())
        });
    }
}

#[test]
fn a_server_that_floods_or_never_reads_is_felt_by_no_other_call() {
    let _turn = alone();
    let tandem = Tandem::start();
    // One sends audio as fast as it can, and reads nothing; from then on it is a flood both ways.
    let server = AudioServer::start(|socket, _| {
        let payload = STANDARD.encode(vec![0x55; 8_000]);
        let message = json!({"event": "media", "media": {"payload": payload}}).to_string();
        while socket.send(Message::text(message.clone())).is_ok() {}
        false
    });
    let flooded = app(format!("<Connect><Stream url=\"{}\"/></Connect>", server.url()));
    tandem.domain_app("flood", &flooded, "/answer", json!({}));
    let echo = AppServer::start(|_| Reply::laml("<Echo/>"));
    tandem.domain_app("echo", &echo, "/answer", json!({}));
    let mut victim = Phone::new(&tandem, "victim", "");
    let mut flood = victim.invite(&tandem.app_uri("flood"));
    victim.connected(&mut flood);
    eventually("the flood is heard", Duration::from_secs(10), || {
        (audio::level(&flood.media.heard()) > 300.0).then_some(())
    });
    let mut phone = Phone::new(&tandem, "caller", "");
    let mut call = phone.invite(&tandem.app_uri("echo"));
    phone.connected(&mut call);
    let words = audio::sweep(3.0, 500.0, 2_500.0);
    call.media.play(&words);
    eventually("the other caller hears itself", Duration::from_secs(10), || {
        (audio::likeness(&words, &call.media.heard()) >= 0.85).then_some(())
    });
    assert_eq!(phone.hang_up(&mut call).status(), 200);
    // The one that is flooded can still be ended, and rung again.
    assert_eq!(victim.hang_up(&mut flood).status(), 200);
    let mut again = victim.invite(&tandem.app_uri("echo"));
    victim.connected(&mut again);
}

#[test]
fn denoise_takes_the_noise_out_of_what_comes_back() {
    let _turn = alone();
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/quiet" => Reply::laml("<Denoise>on</Denoise><Echo/>"),
        _ => Reply::laml("<Echo/>"),
    });
    let mut levels = [("loud", 0.0), ("quiet", 0.0)].map(|(name, _)| {
        tandem.domain_app(name, &app, &format!("/{name}"), json!({}));
        let mut phone = Phone::new(&tandem, "caller", "");
        let mut call = phone.invite(&tandem.app_uri(name));
        phone.connected(&mut call);
        let mut random = 7_u32;
        let noise: Vec<i16> = (0..20 * RATE)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 16) as u16 as i16 / 40
            })
            .collect();
        call.media.play(&noise);
        let heard = eventually("five seconds of it", Duration::from_secs(12), || {
            let heard = call.media.heard();
            (heard.len() > 5 * RATE).then_some(heard)
        });
        phone.hang_up(&mut call);
        audio::level(&heard[heard.len() - RATE..])
    });
    levels[0] /= 3.0;
    assert!(levels[1] < levels[0] && levels[0] > 50.0, "{levels:?}");
}

#[test]
fn a_conference_is_copied_to_a_server_that_hears_all_of_it() {
    let _turn = alone();
    let tandem = Tandem::start();
    let server = AudioServer::listener();
    let app = app(format!(
        "<Dial><Conference beep=\"false\">room<Stream name=\"ears\" url=\"{}\" statusCallback=\"/stream\"/></Conference></Dial>",
        server.url()
    ));
    let (mut anna, mut with_anna) = calling(&tandem, &app);
    let mut ben = Phone::new(&tandem, "ben", "");
    let mut with_ben = ben.invite(&tandem.app_uri("app"));
    ben.connected(&mut with_ben);
    let start = server.wait_event("start");
    let started = app.wait("/stream", |s| s.param("StreamEvent") == "stream-started");
    started.assert_signed(SIGNING_KEY);
    let conference = started.param("ConferenceSid").to_owned();
    assert_eq!(start["start"]["callSid"], json!(conference));
    let (hers, his) = (audio::sweep(2.0, 400.0, 1_200.0), audio::sweep(2.0, 2_600.0, 1_400.0));
    with_anna.media.play(&hers);
    std::thread::sleep(Duration::from_millis(2_400));
    with_ben.media.play(&his);
    std::thread::sleep(Duration::from_millis(2_600));
    let heard = server.track("inbound");
    let (one, other) = (audio::likeness(&hers, &heard), audio::likeness(&his, &heard));
    assert!(one >= 0.85 && other >= 0.85, "hers {one:.2}, his {other:.2}");
    assert_eq!(anna.hang_up(&mut with_anna).status(), 200);
    assert_eq!(ben.hang_up(&mut with_ben).status(), 200);
    server.wait_event("stop");
    let stopped = app.wait("/stream", |s| s.param("StreamEvent") == "stream-stopped");
    for (name, value) in [("ConferenceSid", conference.as_str()), ("StreamName", "ears"), ("Unique-ID", &conference)] {
        assert_eq!(stopped.param(name), value, "{name}");
    }
}
