//! Row 17: what goes to somebody in whose name a stranger writes.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{AppServer, Message, Reply, alone, audio};
use crate::mutant::METHODS;
use crate::size::{count, soaking};
use crate::stranger::source;
use crate::target::Target;

/// Promised: bytes out for bytes in.
const RATIO_MAX: f64 = 1.5;

#[test]
fn no_method_sends_an_unproved_source_more_than_one_and_a_half_times_what_came_in_its_name() {
    let mut target = Target::start();
    let domain = target.tandem.domain();
    let mut n = 0x1100;
    let times = count(20, 100);
    let mut victims = Vec::new();
    for method in METHODS.into_iter().chain(["WHATEVER"]) {
        for size in ["bare", "usual"] {
            n += 1;
            let mut victim = target.stranger(n);
            let uri = if method == "REGISTER" { format!("sip:{domain}") } else { format!("sip:bob@{domain}") };
            let body = if method == "INVITE" && size == "usual" { victim.sdp() } else { String::new() };
            for _ in 0..times {
                let text = if size == "bare" { bare(method, &uri) } else { victim.request(method, &uri, "", &body) };
                victim.say(text.as_bytes());
            }
            victims.push((method, size, victim));
        }
    }
    // Long enough for timer G to repeat an answer (RFC 3261 section 17.2.1).
    std::thread::sleep(Duration::from_millis(2_000));
    for (method, size, victim) in &mut victims {
        let answers = victim.hear_all(Duration::from_millis(20));
        let ratio = victim.received as f64 / victim.sent as f64;
        println!(
            "{method} {size}: {} bytes for {}, {ratio:.2}, {} answers to {times}",
            victim.received,
            victim.sent,
            answers.len()
        );
        assert!(ratio <= RATIO_MAX, "{method} {size}: {ratio:.2}");
        assert!(answers.len() <= times, "{method} {size}: {} answers to {times} requests", answers.len());
    }
    target.unharmed("after writing in others' names");
}

/// As short as it may be.
fn bare(method: &str, uri: &str) -> String {
    let id = crate::common::phone::unique("");
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{id};rport\r\nFrom: <sip:a>;tag=a\r\nTo: <sip:a>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\r\n"
    )
}

#[test]
fn what_cannot_be_read_is_not_answered_with_more_either() {
    let mut target = Target::start();
    let mut victim = target.stranger(0x1201);
    let broken = "INVITE sip:bob@x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx;rport\r\nFrom: <sip:a>;tag=a\r\nCSeq: 1 INVITE\r\n\r\n";
    for _ in 0..count(1_000, 50_000) {
        victim.say(broken.as_bytes());
    }
    let answers = victim.hear_all(Duration::from_millis(500));
    println!("{} bytes for {}, {} answers", victim.received, victim.sent, answers.len());
    assert!(victim.received as f64 <= RATIO_MAX * victim.sent as f64);
    assert!(answers.len() < 300, "{} answers: no cap for one source", answers.len());
    target.unharmed("after what cannot be read");
}

#[test]
fn one_source_is_answered_up_to_a_cap_and_then_there_is_silence() {
    let mut target = Target::start();
    let mut victim = target.stranger(0x1202);
    let said = 3_000;
    for _ in 0..said {
        let text = victim.request(
            "OPTIONS",
            &format!("sip:{}", target.tandem.sip),
            &format!("User-Agent: {}\r\n", "a".repeat(300)),
            "",
        );
        victim.say(text.as_bytes());
    }
    let answers = victim.hear_all(Duration::from_millis(300)).len();
    println!("{answers} answers to {said} requests");
    assert!(answers < said / 2, "{answers} answers to {said} requests");
    // A moment later it is served again.
    std::thread::sleep(Duration::from_millis(500));
    victim.settled();
    target.unharmed("after one source's flood");
}

/// An application that is open to all answers a forged INVITE; the 200 is repeated, but not without an end.
#[test]
fn an_accepted_call_that_nobody_acknowledges_costs_its_supposed_sender_little() {
    let mut target = Target::start();
    let mut victim = target.stranger(0x1203);
    for _ in 0..count(40, 400) {
        let invite = victim.request("INVITE", &target.tandem.app_uri("open"), "", &victim.sdp());
        victim.say(invite.as_bytes());
    }
    // The first repetitions of a 2xx come half a second apart, and double (RFC 3261 section 13.3.1.4).
    let end = Instant::now() + Duration::from_secs(if soaking() { 40 } else { 5 });
    let (mut finals, mut byes) = (0, 0);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match victim.hear(left) {
            Some(m) if m.is_request() => byes += 1,
            Some(m) => finals += usize::from(m.status() >= 200),
            None => break,
        }
    }
    println!("{} bytes for {}, {finals} final responses, {byes} requests", victim.received, victim.sent);
    assert!(victim.received <= victim.sent * 3 / 2 + 16 * 1024, "{} bytes for {}", victim.received, victim.sent);
    target.unharmed("after calls that nobody made");
}

/// The same of a single one, which is what pays best: five bytes for each (docs/adr/0011).
#[test]
fn one_accepted_call_that_nobody_acknowledges_brings_five_times_its_size_at_most() {
    let mut target = Target::start();
    let mut victim = target.stranger(0x1207);
    let invite = victim.request("INVITE", &target.tandem.app_uri("open"), "", &victim.sdp());
    victim.say(invite.as_bytes());
    let end = Instant::now() + Duration::from_secs(if soaking() { 40 } else { 8 });
    let mut accepted = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        accepted += u32::from(victim.hear(left).is_some_and(|m| !m.is_request() && m.status() == 200));
    }
    println!("{} bytes for {}, {accepted} times 200", victim.received, victim.sent);
    assert!(accepted >= 2, "a 200 that is lost is said again");
    assert!(victim.received <= victim.sent * 5, "{} bytes for {}", victim.received, victim.sent);
    target.unharmed("after a call that nobody made");
}

/// An application that plays before it answers: a ring tone of the country that its document names.
#[test]
fn early_sound_goes_to_whom_the_operator_knows_and_to_others_once_they_have_shown_themselves() {
    let _turn = alone();
    let mut target = Target::start();
    let to = target.bob.uri();
    let app = AppServer::start(move |_| {
        Reply::laml(format!("<Dial answerOnBridge=\"true\" ringTone=\"us\"><Sip>{to}</Sip></Dial>"))
    });
    target.tandem.domain_app("early", &app, "/answer", json!({}));
    let listed = json!({"ip_auth_enabled": true, "ip_auth": [format!("{}/32", source(0x1209))]});
    target.tandem.domain_app("listed", &app, "/answer", listed);
    for (n, to, last, hears) in [(0x1208, "early", 180, false), (0x1209, "listed", 183, true)] {
        let mut caller = target.stranger(n);
        let ear = UdpSocket::bind((source(n), 0)).expect("an address of this machine");
        let port = ear.local_addr().expect("its address").port();
        let heard = |patience| {
            ear.set_read_timeout(Some(patience)).expect("a time-out");
            ear.recv(&mut [0; 2_048]).is_ok()
        };
        let sdp = caller.sdp().replace("m=audio 40000", &format!("m=audio {port}"));
        let invite = caller.request("INVITE", &target.tandem.app_uri(to), "", &sdp);
        caller.say(invite.as_bytes());
        let rung = target.bob.ringing();
        let told = caller.hear_all(Duration::from_secs(1));
        assert_eq!(told.last().map(Message::status), Some(last), "{to}: {told:?}");
        assert_eq!(heard(Duration::from_secs(1)), hears, "{to}: before the answer");
        let sdp = rung.media.sdp("sendrecv");
        target.bob.reply(&rung, &rung.invite, 200, "OK", &sdp);
        target.bob.expect("ACK", &rung);
        let said = std::iter::from_fn(|| caller.hear(Duration::from_secs(10)));
        let accepted = said.into_iter().find(|m| !m.is_request() && m.status() == 200).expect("a 200");
        let within = |method: &str, cseq: u32| {
            let names = ["From", "To", "Call-ID"].map(|name| format!("{name}: {}\r\n", accepted.header(name)));
            caller.request(method, &accepted.contact(), &format!("{}CSeq: {cseq} {method}\r\n", names.concat()), "")
        };
        let (ack, bye) = (within("ACK", 1), within("BYE", 2));
        caller.say(ack.as_bytes());
        rung.media.play(&audio::sweep(2.0, 400.0, 1_800.0));
        assert!(heard(Duration::from_secs(5)), "{to}: once it has acknowledged the answer");
        assert_eq!(caller.answer(&bye).status(), 200, "{to}");
        target.bob.hung_up(&rung);
    }
    target.unharmed("after callers that nobody knew");
}

/// Its description may name anybody: neither the INVITE's supposed sender nor that address has shown that it wants to hear anything.
#[test]
fn an_accepted_call_that_nobody_acknowledges_is_sent_no_sound() {
    let mut target = Target::start();
    let wav = audio::wav(&audio::sweep(10.0, 400.0, 1_800.0));
    let app = AppServer::start(move |request| match request.path() {
        "/tune.wav" => Reply::wav(wav.clone()),
        _ => Reply::laml("<Play>/tune.wav</Play>"),
    });
    target.tandem.domain_app("tune", &app, "/answer", json!({}));
    let third = UdpSocket::bind((source(0x1205), 0)).expect("an address of this machine");
    let named = third.local_addr().expect("its address");
    let mut victim = target.stranger(0x1204);
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
        named.port(),
        ip = named.ip()
    );
    let invite = victim.request("INVITE", &target.tandem.app_uri("tune"), "", &sdp);
    assert_eq!(victim.answer(&invite).status(), 200);
    third.set_read_timeout(Some(Duration::from_secs(if soaking() { 33 } else { 3 }))).expect("a time-out");
    assert!(third.recv(&mut [0; 2_048]).is_err(), "nothing is played to who was only named");
    target.unharmed("after a call that nobody hears");
}

/// A monitor's single OPTIONS is answered each time, and within the same bound.
#[test]
fn one_who_only_asks_whether_we_are_there_is_answered_every_time() {
    let mut target = Target::start();
    let mut monitor = target.stranger(0x1206);
    for n in 0..60 {
        let ping = monitor.request("OPTIONS", &format!("sip:{}", target.tandem.sip), "User-Agent: monitor\r\n", "");
        monitor.say(ping.as_bytes());
        let answer = monitor.hear(Duration::from_secs(2));
        assert_eq!(answer.map(|a| a.status()), Some(200), "the {n}th of {} bytes", ping.len());
    }
    assert!(monitor.received as f64 <= RATIO_MAX * monitor.sent as f64, "{} for {}", monitor.received, monitor.sent);
    target.unharmed("after being asked often");
}
