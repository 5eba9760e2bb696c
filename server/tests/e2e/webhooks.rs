//! What customers' servers get and give: signatures that the published validators accept, notifications that survive a restart,
//! faults that end as promised, and a log of it all.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::address::{free_port, own_ip};
use crate::common::app_server::Seen;
use crate::common::bad_server::{Act, BadServer, response};
use crate::common::tandem::{PASSWORD, SIGNING_KEY};
use crate::common::{AppServer, Call, Options, Phone, Reply, Tandem, eventually, root};
use crate::rest_clients::{arguments, client};

fn phone(tandem: &Tandem, name: &str) -> Phone {
    tandem.endpoint(name, json!({}));
    let mut phone = Phone::new(tandem, name, PASSWORD);
    assert_eq!(phone.register().status(), 200);
    phone
}

/// A call to `phone` that runs the document at `url`; its sid.
fn call_to(tandem: &Tandem, phone: &mut Phone, url: &str, more: &[(&str, &str)]) -> (String, Call) {
    let to = phone.uri();
    let fields: Vec<(&str, &str)> =
        [("To", to.as_str()), ("From", "+15550001111"), ("Url", url)].into_iter().chain(more.iter().copied()).collect();
    let made = tandem.laml("POST", "/Calls", &fields).success();
    let mut rung = phone.ringing();
    phone.answer_call(&mut rung);
    (made["sid"].as_str().expect("a sid").to_owned(), rung)
}

/// What a published Node library's validator says of requests.
fn node(library: &str, requests: &Value) -> Value {
    let modules = root().join("target/node/node_modules");
    let script = root().join("server/tests/clients/node/validate.js");
    let mut child = Command::new("node")
        .arg(&script)
        .args([library, modules.to_str().expect("a path")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("node: {e}; tools/setup.sh test installs it"));
    let mut stdin = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut stdin, requests.to_string().as_bytes()).expect("to write to it");
    drop(stdin);
    let out = child.wait_with_output().expect("its end");
    assert!(out.status.success(), "{library}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON from the validator")
}

/// What an application hands to its library: for a GET, the URL has all.
fn as_received(seen: &Seen, header: &str) -> Value {
    let params = seen.params.iter().filter(|_| seen.method == "POST");
    let params: serde_json::Map<String, Value> = params.map(|(n, v)| (n.clone(), json!(v))).collect();
    json!({"url": seen.url, "params": params, "signature": seen.header(header)})
}

#[test]
fn the_validators_of_the_published_libraries_accept_every_kind_of_request() {
    let (secure, ca) = AppServer::start_tls(|_| Reply::laml("<Hangup/>"));
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let ca_file = folder.join(format!("apps-{}.pem", secure.address.ip()));
    std::fs::write(&ca_file, ca).expect("to write the authority");
    let tandem =
        Tandem::start_with(Options { webhook: format!("ca = \"{}\"\n", ca_file.display()), ..Options::default() });
    let mut bob = phone(&tandem, "bob");
    let app = AppServer::start(|request| match request.path() {
        "/moved" => Reply::status(302).header("Location", "/there?after=1"),
        _ => Reply::laml("<Hangup/>"),
    });
    let urls = [
        (app.url("/voice"), "POST"),
        (app.url("/voice?foo=1&bar=%20x&empty="), "POST"),
        (app.url("/voice?foo=1"), "GET"),
        (app.url("/voice"), "GET"),
        (app.url_as("user:p%40ss", "/voice?a=b#rt=4000"), "POST"),
        (app.url("/moved?x=1"), "POST"),
        (secure.url("/voice?foo=1&bar=2"), "POST"),
        (secure.url_as("user:secret", "/voice"), "GET"),
    ];
    for (url, method) in &urls {
        let status = [("StatusCallback", url.as_str()), ("StatusCallbackMethod", *method)];
        let (sid, rung) = call_to(&tandem, &mut bob, url, &[&[("Method", *method)][..], &status].concat());
        bob.hung_up(&rung);
        let server = if url.starts_with("https") { &secure } else { &app };
        eventually("the status callback", Duration::from_secs(10), || {
            server.seen().into_iter().find(|s| s.param("CallSid") == sid && s.param("CallStatus") == "completed")
        });
    }
    let basic = app.seen().into_iter().filter(|s| s.header("Authorization").is_some()).count();
    assert_eq!(basic, 2, "the document and the callback of the URL with credentials");

    let seen: Vec<Seen> = app.seen().into_iter().chain(secure.seen()).collect();
    // A document and a callback each, and what the two of the moved one led to.
    assert_eq!(seen.len(), 2 * urls.len() + 2);
    for s in &seen {
        s.assert_signed(SIGNING_KEY);
        assert!(!s.url.contains('#') && s.header("I-Twilio-Idempotency-Token").is_some_and(|t| t.len() == 32), "{s:?}");
        let mut names: Vec<&String> = s.params.iter().map(|(n, _)| n).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), s.params.len(), "a repeated key: {:?}", s.params);
    }
    for (library, header) in [("twilio", "X-Twilio-Signature"), ("signalwire", "X-SignalWire-Signature")] {
        let requests: Vec<Value> = seen.iter().map(|s| as_received(s, header)).collect();
        let valid = json!(vec![true; seen.len()]);
        let asked = json!({"key": SIGNING_KEY, "requests": requests});
        assert_eq!(client(library, "validate", &asked), valid, "Python, {library}");
        assert_eq!(node(library, &asked), valid, "Node, {library}");
        let forged: Vec<Value> = requests
            .into_iter()
            .map(|mut r| {
                r["url"] = json!(format!("{}x", r["url"].as_str().unwrap_or_default()));
                r
            })
            .collect();
        let asked = json!({"key": SIGNING_KEY, "requests": forged});
        let refused = json!(vec![false; seen.len()]);
        assert_eq!(client(library, "validate", &asked), refused, "Python, {library}");
        assert_eq!(node(library, &asked), refused, "Node, {library}");
    }
    let _ = std::fs::remove_file(ca_file);
}

#[test]
fn requests_of_many_calls_share_a_connection() {
    let tandem = Tandem::start();
    let mut bob = phone(&tandem, "bob");
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    for _ in 0..5 {
        let (_, rung) = call_to(&tandem, &mut bob, &app.url("/voice"), &[]);
        bob.hung_up(&rung);
    }
    assert_eq!((app.seen().len(), app.connections()), (5, 1));
}

#[test]
fn a_status_callback_whose_server_is_down_survives_a_kill_and_comes_with_its_token() {
    let mut tandem = Tandem::start();
    let mut bob = phone(&tandem, "bob");
    let ip = own_ip();
    let (document, status) = (AppServer::start(|_| Reply::laml("<Hangup/>")), SocketAddr::new(ip, free_port(ip)));
    // Two applications: one refuses connections, one answers 503 and so sees the token.
    let sick = AppServer::start(|_| Reply::status(503));
    let down = format!("http://{status}/status");
    let mut sids = Vec::new();
    for url in [down.as_str(), &sick.url("/status")] {
        let more = [
            ("StatusCallback", url),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
        ];
        let (sid, rung) = call_to(&tandem, &mut bob, &document.url("/voice"), &more);
        bob.hung_up(&rung);
        sids.push(sid);
    }
    let first = sick.wait("/status", |s| s.param("CallStatus") == "initiated");
    let token = |s: &Seen| s.header("I-Twilio-Idempotency-Token").unwrap_or_default().to_owned();
    eventually("all six are on disk", Duration::from_secs(10), || {
        (tandem.metric("tandem_status_callbacks_stored", "") == 6.0).then_some(())
    });
    tandem.kill();
    let sick_address = sick.address;
    let well = AppServer::at(status, |_| Reply::empty());
    tandem.launch();
    let statuses = |app: &AppServer, sid: &str| -> Vec<String> {
        app.seen().iter().filter(|s| s.param("CallSid") == sid).map(|s| s.param("CallStatus").to_owned()).collect()
    };
    eventually("the one that was down gets all three", Duration::from_secs(15), || {
        (statuses(&well, &sids[0]).len() == 3).then_some(())
    });
    assert_eq!(statuses(&well, &sids[0]), ["initiated", "in-progress", "completed"], "in their order, each once");
    let numbers: Vec<u32> = well.seen().iter().map(|s| s.param("SequenceNumber").parse().expect("a number")).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    well.seen().iter().for_each(|s| s.assert_signed(SIGNING_KEY));

    let before = sick.seen().len();
    let again = eventually("the sick one is asked again", Duration::from_secs(15), || {
        sick.seen().into_iter().skip(before.saturating_sub(1)).find(|s| s.param("CallStatus") == "initiated")
    });
    assert_eq!((token(&again), again.param("CallSid")), (token(&first), first.param("CallSid")), "{sick_address}");
    eventually("three are delivered, three are left", Duration::from_secs(10), || {
        (tandem.metric("tandem_status_callbacks_stored", "") == 3.0).then_some(())
    });
}

#[test]
fn a_callback_delivered_at_once_is_not_kept() {
    let tandem = Tandem::start();
    let mut bob = phone(&tandem, "bob");
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    let status = app.url("/status");
    let (_, rung) = call_to(&tandem, &mut bob, &app.url("/voice"), &[("StatusCallback", &status)]);
    bob.hung_up(&rung);
    eventually("it is delivered", Duration::from_secs(10), || {
        (tandem.metric("tandem_status_callbacks_delivered_total", "") == 1.0).then_some(())
    });
    assert_eq!(tandem.metric("tandem_status_callbacks_queued", ""), 0.0);
    eventually("nothing of it is on disk", Duration::from_secs(5), || {
        (tandem.metric("tandem_status_callbacks_stored", "") == 0.0).then_some(())
    });
}

#[test]
fn the_log_of_a_call_shows_requests_responses_and_errors_by_rest_and_on_its_page() {
    let tandem = Tandem::start();
    let mut bob = phone(&tandem, "bob");
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::status(500).header("X-App", "<b>mine</b>").header("Set-Cookie", "secret=1"),
        "/fallback" => {
            // An application takes its time, so that what was before can be told from what comes after.
            std::thread::sleep(Duration::from_millis(20));
            Reply::laml("<Nonsense/><Hangup/>")
        }
        _ => Reply::status(404),
    });
    let (url, fallback, status) = (app.url_as("u:hidden", "/voice?a=1"), app.url("/fallback"), app.url("/status"));
    let more = [("FallbackUrl", fallback.as_str()), ("StatusCallback", &status)];
    let (sid, rung) = call_to(&tandem, &mut bob, &url, &more);
    bob.hung_up(&rung);
    let path = format!("/api/tandem/calls/{sid}/webhooks");
    let log = eventually("the callback is given up", Duration::from_secs(15), || {
        let log = tandem.api("GET", &path, None).success()["data"].as_array().cloned().unwrap_or_default();
        (log.len() == 5).then_some(log)
    });
    let said = |n: usize, pointer: &str| log[n].pointer(pointer).cloned().unwrap_or(Value::Null);
    assert_eq!(said(0, "/kind"), "instruction");
    assert_eq!(said(0, "/request/url"), json!(app.url("/voice?a=1")), "without the credentials");
    assert_eq!(said(0, "/request/method"), "POST");
    assert_eq!(said(0, "/request/params/CallSid"), json!(sid));
    assert_eq!((said(0, "/response/status"), said(0, "/error/code")), (json!(500), json!(11217)));
    assert_eq!(said(0, "/response/headers/x-app"), "<b>mine</b>");
    assert_eq!(said(0, "/response/headers/set-cookie"), Value::Null);
    assert!(said(0, "/timings/first_byte_ms").is_u64() && said(0, "/timings/total_ms").is_u64());
    assert_eq!(said(1, "/request/params/ErrorCode"), "11217");
    assert_eq!((said(1, "/response/status"), said(1, "/error")), (json!(200), Value::Null));
    assert!(said(1, "/response/body").as_str().is_some_and(|b| b.contains("<Nonsense/>")));
    for (n, attempt) in [(2, 1), (3, 2), (4, 3)] {
        assert_eq!((said(n, "/kind"), said(n, "/attempt")), (json!("notification"), json!(attempt)));
        assert_eq!(said(n, "/response/status"), json!(404));
        assert_eq!(said(n, "/idempotency_token"), said(2, "/idempotency_token"));
    }
    assert!(!tandem.api("GET", &path, None).body.contains("hidden"));

    // As published libraries read it.
    for library in ["twilio", "signalwire"] {
        let read = client(library, "notifications", &arguments(&tandem, json!({"sid": sid})));
        let of_call = read["of_call"].as_array().cloned().unwrap_or_default();
        let codes: Vec<&str> = of_call.iter().filter_map(|n| n["error_code"].as_str()).collect();
        assert_eq!(codes.iter().filter(|c| **c == "11217").count(), 2, "{library}: {read}");
        assert!(codes.len() > 2, "{library}: the unknown verb too: {read}");
        assert_eq!(read["errors"].as_array().map(Vec::len), Some(1), "{library}: what was given up: {read}");
        assert_eq!(read["all"], json!(of_call.len()), "{library}");
        assert_eq!(read["paged"], json!(of_call.len()), "{library}, one at a time");
        assert_eq!(read["fetched"]["request_url"], json!(app.url("/voice?a=1")), "{library}: {read}");
        assert_eq!(read["fetched"]["request_method"], "POST");
        assert!(read["fetched"]["request_variables"].as_str().is_some_and(|v| v.contains(&sid)), "{library}");
    }

    let page = tandem.api("GET", &format!("/dashboard/calls/{sid}"), None);
    assert_eq!(page.status, 200);
    for part in ["11217", "500, ", "&lt;b&gt;mine&lt;/b&gt;", "/voice?a=1", "instruction, try 1", "notification, try 3"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("hidden") && !page.body.contains("<b>mine"));
    assert!(tandem.api("GET", "/", None).body.contains(&format!("/dashboard/calls/{sid}")));
    let nobody = "/api/tandem/calls/00000000-0000-4000-8000-000000000000/webhooks";
    assert_eq!(tandem.api("GET", nobody, None).status, 404);
}

/// Each way a server can fail, what the fallback is told of it, and what stands in the log.
fn faults(bad: &BadServer) -> Vec<(String, &'static str)> {
    let refusing = SocketAddr::new(bad.address.ip(), free_port(bad.address.ip()));
    vec![
        (format!("http://{refusing}/"), "11200"),
        (bad.url("/500"), "11217"),
        (bad.url("/slow"), "11200"),
        (bad.url("/reset"), "11200"),
        (bad.url("/half"), "11200"),
        (bad.url("/garbage"), "11251"),
        (bad.url("/not-http"), "11300"),
        (bad.url("/50mb"), "11750"),
        (bad.url("/50mb-said"), "11750"),
        (bad.url("/loop"), "11215"),
        (bad.url("/text"), "12300"),
        (bad.url("/no-type"), "12300"),
        (bad.url("/broken"), "12100"),
        (format!("https://{}/", bad.address), "11220"),
        ("http://nowhere.dead.test/".to_owned(), "11210"),
    ]
}

fn misbehave(path: &str) -> Vec<Act> {
    let xml = "Content-Type: text/xml\r\n";
    match path {
        "/500" => vec![Act::Send(response("500 Oops", "", b"it hurts"))],
        "/slow" => vec![Act::Wait],
        "/reset" => vec![Act::Reset],
        "/half" => {
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Resp".to_vec()),
                Act::Reset,
            ]
        }
        "/garbage" => vec![Act::Send(b"HTTP/1.1 two hundred\r\n\r\n".to_vec()), Act::Wait],
        "/not-http" => vec![Act::Send(b"\x00\x01\x02 SSH-2.0 or the like\r\n\r\n".to_vec()), Act::Wait],
        "/50mb" => vec![Act::Flood(50 << 20)],
        "/50mb-said" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 52428800\r\n\r\n";
            vec![Act::Send(head.into()), Act::Wait]
        }
        "/loop" => vec![Act::Send(response("302 Found", "Location: /loop\r\n", b""))],
        "/text" => vec![Act::Send(response("200 OK", "Content-Type: text/plain\r\n", b"hello"))],
        "/no-type" => vec![Act::Send(response("200 OK", "", b"<Response/>"))],
        "/broken" => vec![Act::Send(response("200 OK", xml, b"<Response><Say>"))],
        _ => vec![Act::Send(response("404 Not Found", "", b""))],
    }
}

#[test]
fn every_fault_of_a_server_leads_to_the_fallback_and_no_other_call_feels_it() {
    // A name server that never answers is dead.
    let dns = crate::common::dns::Dns::start(|_, _| None);
    let webhook = format!("dns_servers = [\"{}\"]\n", dns.address);
    let tandem = Tandem::start_with(Options { webhook, ..Options::default() });
    let mut bob = phone(&tandem, "bob");
    let mut carol = phone(&tandem, "carol");
    let bad = BadServer::start(misbehave);
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    for (url, code) in faults(&bad) {
        let fallback = app.url("/fallback");
        let (sid, rung) = call_to(&tandem, &mut bob, &url, &[("FallbackUrl", &fallback)]);
        if url.ends_with("/slow") {
            // While that one waits, another call goes its whole way.
            let (other, other_rung) = call_to(&tandem, &mut carol, &app.url("/other"), &[]);
            carol.hung_up(&other_rung);
            assert!(app.seen().iter().any(|s| s.path() == "/other" && s.param("CallSid") == other));
            let asked = app.seen().iter().any(|s| s.path() == "/fallback" && s.param("CallSid") == sid);
            assert!(!asked, "the slow one was over before the other had begun");
        }
        let told = app.wait("/fallback", |s| s.param("CallSid") == sid);
        assert_eq!(told.param("ErrorCode"), code, "{url}");
        assert_eq!(told.param("ErrorUrl").trim_end_matches('/'), url.trim_end_matches('/'));
        bob.hung_up(&rung);
    }
    assert!(bad.flooded() < 16 << 20, "{} bytes of the flood were taken", bad.flooded());
    assert_eq!(tandem.metric("tandem_panics_caught_total", ""), 0.0);
}

#[test]
fn when_the_fallback_fails_too_the_caller_hears_a_fixed_message_and_is_hung_up() {
    let tandem = Tandem::start();
    let mut bob = phone(&tandem, "bob");
    let bad = BadServer::start(misbehave);
    let (url, fallback) = (bad.url("/500"), bad.url("/half"));
    let (sid, rung) = call_to(&tandem, &mut bob, &url, &[("FallbackUrl", &fallback)]);
    bob.hung_up_within(&rung, Duration::from_secs(25));
    let heard = rung.media.heard();
    let loud = heard.iter().filter(|s| s.unsigned_abs() > 1_000).count();
    assert!(loud > 4_000, "a message of some length: {loud} loud samples of {}", heard.len());
    let call = tandem.wait_call("it is over", |c| c["sid"] == json!(sid) && c["end_time"].is_string());
    assert_eq!(call["status"], "completed");
}

#[test]
fn a_host_that_never_answers_flooded_by_calls_delays_no_fetch_from_another() {
    // Room for few, so that the slow host's queue is long.
    let tandem = Tandem::start_with(Options { webhook: "requests_per_host = 4\n".into(), ..Options::default() });
    let bad = BadServer::start(|_| vec![Act::Wait]);
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    let mut bob = phone(&tandem, "bob");
    let mut rungs = Vec::new();
    for n in 0..12 {
        // Documents of one host, notifications of another.
        let url = bad.url(&format!("/{n}"));
        let more = [("StatusCallback", url.as_str()), ("StatusCallbackEvent", "answered")];
        rungs.push(call_to(&tandem, &mut bob, &url, &more).1);
    }
    eventually("the slow host holds what it may", Duration::from_secs(5), || (bad.targets().len() == 8).then_some(()));
    let status = app.url("/status");
    let (sid, rung) = call_to(&tandem, &mut bob, &app.url("/quick"), &[("StatusCallback", &status)]);
    bob.hung_up(&rung);
    app.wait("/status", |s| s.param("CallSid") == sid);
    // Nothing of the slow host had ended before: no further request of it had its turn.
    assert_eq!(bad.targets().len(), 8);
    drop(rungs);
}

#[test]
fn in_the_twilio_dialect_a_call_keeps_cookies_tries_again_and_tells_places_and_minutes() {
    let tandem = Tandem::start();
    tandem.api("PUT", "/api/tandem/project", Some(json!({"dialect": "twilio"}))).success();
    let mut bob = phone(&tandem, "bob");
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::laml("<Play digits=\"1\"/><Redirect>/next#rc=1&amp;rp=5xx</Redirect>")
            .header("Set-Cookie", "session=7; Path=/; HttpOnly"),
        // Well only with the cookie that the first try set.
        "/next" if request.header("Cookie") == Some("session=7") => {
            Reply::status(503).header("Set-Cookie", "seen=1; Path=/next")
        }
        "/next" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    let status = app.url("/status");
    let (sid, rung) = call_to(&tandem, &mut bob, &app.url("/voice"), &[("StatusCallback", &status)]);
    bob.hung_up(&rung);
    let done = app.wait("/status", |s| s.param("CallSid") == sid);
    assert!(!done.param("Duration").is_empty() && !done.param("CallDuration").is_empty(), "{done:?}");
    let seen = app.seen();
    let cookies: Vec<_> = seen.iter().map(|s| (s.path(), s.header("Cookie"))).collect();
    let expected =
        [("/voice", None), ("/next", Some("session=7")), ("/next", Some("seen=1; session=7")), ("/status", None)];
    assert_eq!(cookies, expected);
    let token = |n: usize| seen[n].header("I-Twilio-Idempotency-Token");
    assert_eq!(token(1), token(2), "a second try of the same request");
    for s in &seen {
        s.assert_signed(SIGNING_KEY);
        assert!(s.params.contains(&("FromCity".into(), String::new())), "{s:?}");
    }
}
