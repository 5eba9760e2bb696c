//! Row 18: no URL of a customer leads to an inner address, however it is written, wherever it stands, and whatever a name server
//! or a redirect says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use crate::common::address::{free_port, own_ip};
use crate::common::bad_server::{Act, BadServer, response};
use crate::common::dns::Dns;
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Options, Phone, Reply, Tandem, eventually};

/// A server that may reach one application, beside it canaries nobody may wake.
struct House {
    tandem: Tandem,
    bob: Phone,
    app: AppServer,
    canary: BadServer,
    /// At ::1, where there is one.
    canary6: Option<BadServer>,
}

/// Names for [`House`]'s name server.
const TWICE: &str = "twice.rebinding.test";
const BOTH: &str = "both.rebinding.test";
const INSIDE: &str = "inside.rebinding.test";

impl House {
    fn start() -> House {
        let laml =
            || vec![Act::Send(response("200 OK", "Content-Type: text/xml\r\n", b"<Response><Hangup/></Response>"))];
        let canary = BadServer::start(move |_| laml());
        let canary6 = std::net::TcpListener::bind("[::1]:0")
            .is_ok()
            .then(|| BadServer::at("::1".parse().unwrap(), move |_| laml()));
        let inner = canary.address.ip();
        let ip = own_ip();
        let address = SocketAddr::new(ip, free_port(ip));
        let dns = Dns::start(move |name, before| match name {
            // First where it may go, then within.
            TWICE if before == 0 => Some(vec![ip]),
            TWICE | INSIDE => Some(vec![inner]),
            BOTH => Some(vec![inner, ip]),
            _ => Some(Vec::new()),
        });
        let tandem = Tandem::start_with(Options {
            webhook_allow: Some(format!("{ip}/32")),
            webhook: format!("dns_servers = [\"{}\"]\n", dns.address),
            ..Options::default()
        });
        let to = canary.address;
        let app = AppServer::at(address, move |request| match request.path() {
            "/redirect" => Reply::status(302).header("Location", &format!("http://{to}/redirected")),
            "/redirect-file" => Reply::status(302).header("Location", "file:///etc/passwd"),
            "/redirect-named" => Reply::status(307).header("Location", &format!("http://{INSIDE}:{}/", to.port())),
            "/play" => Reply::laml(format!(
                "<Play>http://{to}/a.wav</Play><Play>http://{INSIDE}:{}/a.wav</Play><Play>file:///etc/passwd</Play><Hangup/>",
                to.port()
            )),
            "/record" => Reply::laml(format!(
                "<Record maxLength=\"1\" playBeep=\"false\" recordingStatusCallback=\"http://{to}/recorded\" action=\"/done\"/>"
            )),
            "/dial" => Reply::laml(format!(
                "<Dial timeout=\"5\" action=\"http://{to}/dialled\"><Sip url=\"http://{to}/whisper\" statusCallback=\"http://{to}/sip\" \
                 statusCallbackEvent=\"initiated completed\">sip:nobody@{ip}:9</Sip></Dial>"
            )),
            _ => Reply::laml("<Hangup/>"),
        });
        tandem.endpoint("bob", json!({}));
        let mut bob = Phone::new(&tandem, "bob", PASSWORD);
        assert_eq!(bob.register().status(), 200);
        House { tandem, bob, app, canary, canary6 }
    }

    /// A call that runs the document at `url` to its end; None when REST takes no such URL.
    fn call(&mut self, url: &str, more: &[(&str, &str)]) -> Option<String> {
        let (to, fallback) = (self.bob.uri(), self.app.url("/fallback"));
        let fields: Vec<(&str, &str)> =
            [("To", to.as_str()), ("From", "+15550001111"), ("Url", url), ("FallbackUrl", &fallback)]
                .into_iter()
                .chain(more.iter().copied())
                .collect();
        let made = self.tandem.laml("POST", "/Calls", &fields);
        if made.status == 400 {
            return None;
        }
        let sid = made.success()["sid"].as_str().expect("a sid").to_owned();
        let mut rung = self.bob.ringing();
        self.bob.answer_call(&mut rung);
        self.bob.hung_up_within(&rung, Duration::from_secs(20));
        Some(sid)
    }

    #[track_caller]
    fn nobody_came(&self, after: &str) {
        let six = self.canary6.as_ref().map_or(0, BadServer::connections);
        assert_eq!((self.canary.connections(), six), (0, 0), "an inner server was reached, {after}");
    }

    #[track_caller]
    fn fallback_told(&self, sid: &str, url: &str) {
        let told = self.app.wait("/fallback", |s| s.param("CallSid") == sid);
        assert!(matches!(told.param("ErrorCode"), "11200" | "11100"), "{url}: {}", told.param("ErrorCode"));
    }
}

#[test]
fn no_way_to_write_an_inner_address_reaches_it() {
    let mut house = House::start();
    let (ip, port) = (house.canary.address.ip(), house.canary.address.port());
    let IpAddr::V4(v4) = ip else { panic!("canaries live in 127.0.0.0/8") };
    let [a, b, c, d] = v4.octets();
    let number = u32::from(v4);
    let port6 = house.canary6.as_ref().map_or(port, |c| c.address.port());
    let metadata = Ipv4Addr::new(169, 254, 169, 254);
    let urls = [
        format!("http://{ip}:{port}/"),
        format!("http://{number}:{port}/"),
        format!("http://0{a:o}.0{b:o}.0{c:o}.0{d:o}:{port}/"),
        format!("http://0x{number:x}:{port}/"),
        format!("http://{a}.{}:{port}/", number & 0xff_ffff),
        format!("http://[::ffff:{ip}]:{port}/"),
        format!("http://[::1]:{port6}/"),
        format!("http://public.example@{ip}:{port}/"),
        format!("http://user:{ip}@{ip}:{port}/#@{}", house.app.address),
        format!("http://{INSIDE}:{port}/"),
        format!("http://{metadata}/latest/meta-data/"),
        "http://10.0.0.1/".into(),
        "http://[fd00::1]/".into(),
        "http://localhost/".into(),
        format!("gopher://{ip}:{port}/"),
        "file:///etc/passwd".into(),
        house.app.url("/redirect"),
        house.app.url("/redirect-named"),
        house.app.url("/redirect-file"),
    ];
    for url in &urls {
        if let Some(sid) = house.call(url, &[]) {
            house.fallback_told(&sid, url);
        }
        house.nobody_came(url);
    }
}

#[test]
fn a_name_that_answers_differently_the_second_time_gains_nothing() {
    let mut house = House::start();
    let app_port = house.app.address.port();
    // Both answers at once: the good one is taken, whatever their order.
    let sid = house.call(&format!("http://{BOTH}:{app_port}/both"), &[]).expect("a call");
    house.app.wait("/both", |s| s.param("CallSid") == sid);
    // First the application's address; then the canary's, at the application's port and at its own.
    let sid = house.call(&format!("http://{TWICE}:{app_port}/first"), &[]).expect("a call");
    house.app.wait("/first", |s| s.param("CallSid") == sid);
    let url = format!("http://{TWICE}:{}/second", house.canary.address.port());
    let sid = house.call(&url, &[]).expect("a call");
    house.fallback_told(&sid, &url);
    house.nobody_came("after a name changed its mind");
}

#[test]
fn files_callbacks_and_whispers_are_guarded_too() {
    let mut house = House::start();
    let inner = format!("http://{}/status", house.canary.address);
    let status = [("StatusCallback", inner.as_str()), ("StatusCallbackEvent", "initiated answered completed")];
    for path in ["/play", "/record", "/dial"] {
        let sid = house.call(&house.app.url(path), &status).expect("a call");
        house.nobody_came(path);
        // What was refused stands in the call's log.
        eventually("the refused callback is told of", Duration::from_secs(10), || {
            let log = house.tandem.api("GET", &format!("/api/tandem/calls/{sid}/webhooks"), None).success();
            let refused = |e: &serde_json::Value| {
                e["error"]["code"] == 11200 && e["error"]["message"].as_str().is_some_and(|m| m.contains("loopback"))
            };
            log["data"].as_array().is_some_and(|l| l.iter().any(refused)).then_some(())
        });
    }
    assert_eq!(house.tandem.metric("tandem_status_callbacks_asleep", ""), 0.0, "what is forbidden is not tried again");
    house.nobody_came("at the end");
}
