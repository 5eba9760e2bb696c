//! Calls that run a LaML document.

use std::time::Duration;

use serde_json::json;

use crate::common::address::own_ip;
use crate::common::sipp::Sipp;
use crate::common::tandem::{PASSWORD, SIGNING_KEY};
use crate::common::{AppServer, Media, Phone, Reply, Tandem, alone, audio, eventually};

/// A caller that is no endpoint, in a call with an application.
fn stranger(tandem: &Tandem) -> Phone {
    Phone::new(tandem, "caller", "")
}

#[test]
fn a_sipp_caller_hears_a_file_enters_digits_and_is_put_through_to_a_registered_phone() {
    let _turn = alone();
    let tandem = Tandem::start();
    tandem.endpoint("bob", json!({}));
    let tune = audio::sweep(3.0, 400.0, 2_400.0);
    let bob_uri = format!("sip:bob@{}?X-Ticket=17", tandem.domain());
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Play>/tune.wav</Play><Gather numDigits=\"3\" timeout=\"10\" action=\"/digits\"><Pause length=\"1\"/></Gather>\
             <Hangup/>",
        ),
        "/tune.wav" => Reply::wav(wav.clone()),
        "/digits" => Reply::laml(format!("<Dial timeout=\"10\" action=\"/dialled\"><Sip>{bob_uri}</Sip></Dial>")),
        "/dialled" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    let ivr = tandem.domain_app("ivr", &app, "/answer", json!({}));

    // The phone: registered by one run of SIPp, answered by the next at the same address.
    let phone_ip = own_ip();
    let domain = tandem.domain();
    let server = tandem.sip.to_string();
    let registration = Sipp::start(
        "phone_registers",
        phone_ip,
        None,
        &[
            "-key",
            "user",
            "bob",
            "-key",
            "domain",
            &domain,
            "-au",
            "bob",
            "-ap",
            PASSWORD,
            "-auth_uri",
            &domain,
            &server,
        ],
    );
    let phone_port = registration.address.port();
    registration.succeeded();
    let phone_media = Media::new(phone_ip);
    let rtp_port = phone_media.address.port().to_string();
    let rtp_ip = phone_ip.to_string();
    let phone = Sipp::start(
        "phone_answers",
        phone_ip,
        Some(phone_port),
        &["-key", "rtp_ip", &rtp_ip, "-key", "rtp_port", &rtp_port, &server],
    );

    let caller_ip = own_ip();
    let media = Media::new(caller_ip);
    let (rtp_ip, rtp_port) = (caller_ip.to_string(), media.address.port().to_string());
    let target = tandem.app_uri("ivr");
    let caller = Sipp::start(
        "caller_to_app",
        caller_ip,
        None,
        &["-key", "target", &target, "-key", "rtp_ip", &rtp_ip, "-key", "rtp_port", &rtp_port, &server],
    );
    // Where the server's media is, as its answer says.
    let remote = eventually("the server answers with SDP", Duration::from_secs(10), || {
        let log = caller.report();
        let answer = log.split("SIP/2.0 200 OK").nth(1)?;
        let line = answer.lines().find_map(|l| l.strip_prefix("m=audio "))?;
        line.split(' ').next()?.parse::<u16>().ok()
    });
    media.connect((tandem.ip, remote).into());

    let first = app.wait("/answer", |_| true);
    first.assert_signed(SIGNING_KEY);
    assert_eq!(first.method, "POST");
    assert_eq!(first.param("AccountSid"), tandem.project);
    assert_eq!(first.param("ApiVersion"), "2010-04-01");
    assert_eq!(first.param("CallStatus"), "ringing");
    assert_eq!(first.param("Direction"), "inbound");
    assert_eq!(first.param("SipUser"), "anything");
    assert_eq!(first.param("SipHeader_X-Route-Id"), "seventeen");
    assert_eq!(first.param("SipSourceIp"), caller_ip.to_string());
    assert!(first.param("From").contains("caller@caller.example"), "{first:?}");
    assert!(first.param("To").contains("acme-ivr.dapp.test.example"), "{first:?}");
    assert_eq!(first.param("SipDomain"), "acme-ivr.dapp.test.example");
    assert_eq!(json!(first.param("SipDomainSid")), ivr["id"]);
    assert!(!first.param("SipCallId").is_empty());

    eventually("the tune has been heard", Duration::from_secs(10), || {
        (audio::likeness(&tune, &media.heard()) >= 0.85).then_some(())
    });
    media.dial("427");
    let digits = app.wait("/digits", |_| true);
    digits.assert_signed(SIGNING_KEY);
    assert_eq!(digits.param("Digits"), "427");
    assert_eq!(digits.param("CallSid"), first.param("CallSid"));
    assert_eq!(digits.param("CallStatus"), "in-progress");

    // The two are bridged: the caller hears the phone.
    let remote = eventually("the phone rings", Duration::from_secs(10), || {
        let log = phone.report();
        let offer = log.split("INVITE sip:").nth(1)?;
        assert!(offer.contains("X-Ticket: 17"), "{offer}");
        offer.lines().find_map(|l| l.strip_prefix("m=audio "))?.split(' ').next()?.parse::<u16>().ok()
    });
    phone_media.connect((tandem.ip, remote).into());
    std::thread::sleep(Duration::from_millis(700));
    let words = audio::sweep(2.0, 2_800.0, 700.0);
    phone_media.play(&words);
    phone.succeeded();
    let alike = audio::likeness(&words, &media.heard());
    assert!(alike >= 0.85, "the caller heard the phone: {alike:.2}");

    let dialled = app.wait("/dialled", |_| true);
    dialled.assert_signed(SIGNING_KEY);
    assert_eq!(dialled.param("DialCallStatus"), "completed");
    assert_eq!(dialled.param("DialSipResponseCode"), "200");
    assert!(dialled.param("DialCallDuration").parse::<u32>().is_ok_and(|s| s >= 2), "{dialled:?}");
    let child = tandem.wait_call("the dialled leg", |c| c["sid"] == dialled.param("DialCallSid"));
    assert_eq!(child["parent_call_sid"], json!(first.param("CallSid")));
    assert_eq!(child["direction"], "outbound-dial");
    caller.succeeded();
}

#[test]
fn a_source_off_the_allow_list_gets_403_and_nothing_is_fetched() {
    let tandem = Tandem::start();
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    let mut phone = stranger(&tandem);
    let listed = json!({"ip_auth_enabled": true, "ip_auth": ["192.0.2.0/24", "198.51.100.7"]});
    let record = tandem.domain_app("closed", &app, "/answer", listed);
    let mut call = phone.invite(&tandem.app_uri("closed"));
    assert_eq!(phone.outcome(&mut call).status(), 403);
    std::thread::sleep(Duration::from_millis(300));
    assert!(app.seen().is_empty(), "{:?}", app.seen());

    // On the list, the same caller is served.
    let path = format!("/api/relay/rest/domain_applications/{}", record["id"].as_str().expect("an id"));
    let address = phone.address.ip().to_string();
    tandem.api("PUT", &path, Some(json!({"ip_auth": [address]}))).success();
    let mut call = phone.invite(&tandem.app_uri("closed"));
    phone.connected(&mut call);
    phone.hung_up(&call);
    assert_eq!(app.seen().len(), 1);
}

#[test]
fn echo_sends_the_caller_back_what_it_says() {
    let _turn = alone();
    let tandem = Tandem::start();
    let app = AppServer::start(|_| Reply::laml("<Echo/>"));
    tandem.domain_app("echo", &app, "/answer", json!({}));
    let mut phone = stranger(&tandem);
    let mut call = phone.invite(&tandem.app_uri("echo"));
    phone.connected(&mut call);
    let words = audio::sweep(2.0, 500.0, 2_500.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(3_000));
    let alike = audio::likeness(&words, &call.media.heard());
    assert!(alike >= 0.85, "{alike:.2}");
    assert_eq!(phone.hang_up(&mut call).status(), 200);
}

#[test]
fn say_is_heard_and_the_call_ends_after_the_last_verb() {
    let _turn = alone();
    let tandem = Tandem::start();
    let app = AppServer::start(|_| Reply::laml("<Say>Good morning, this is the switch.</Say>"));
    tandem.domain_app("hello", &app, "/answer", json!({}));
    let mut phone = stranger(&tandem);
    let mut call = phone.invite(&tandem.app_uri("hello"));
    phone.connected(&mut call);
    phone.hung_up_within(&call, Duration::from_secs(15));
    let heard = call.media.heard();
    let loud = heard.chunks(800).filter(|part| audio::level(part) > 300.0).count();
    assert!(loud >= 8, "speech in at least 0.8 s of {} samples: {loud}", heard.len());
}

#[test]
fn reject_answers_busy_and_a_stream_of_documents_is_followed() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/busy" => Reply::laml("<Reject reason=\"busy\"/>"),
        "/first" => Reply::laml("<Redirect>/second?step=2</Redirect>"),
        "/second" => Reply::laml("<Play digits=\"8w5\"/><Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("busy", &app, "/busy", json!({}));
    tandem.domain_app("chain", &app, "/first", json!({"call_status_callback_url": app.url("/status")}));
    let mut phone = stranger(&tandem);
    let mut call = phone.invite(&tandem.app_uri("busy"));
    assert_eq!(phone.outcome(&mut call).status(), 486);

    let mut call = phone.invite(&tandem.app_uri("chain"));
    phone.connected(&mut call);
    phone.hung_up(&call);
    assert_eq!(call.media.heard_digits(), "85");
    let second = app.wait("/second", |_| true);
    second.assert_signed(SIGNING_KEY);
    assert!(second.target.contains("step=2"));
    let status = app.wait("/status", |_| true);
    status.assert_signed(SIGNING_KEY);
    assert_eq!(status.param("CallStatus"), "completed");
    assert_eq!(status.param("CallSid"), second.param("CallSid"));
}

#[test]
fn a_dial_reports_each_event_and_how_it_ended() {
    let tandem = Tandem::start();
    tandem.endpoint("bob", json!({}));
    let domain = tandem.domain();
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!(
            "<Dial timeout=\"5\" action=\"/dialled\" callerId=\"reception\" answerOnBridge=\"true\">\
             <Sip statusCallback=\"/event\" statusCallbackEvent=\"initiated ringing answered completed\">sip:bob@{domain}</Sip>\
             </Dial>"
        )),
        "/dialled" => Reply::laml("<Hangup/>"),
        "/event" => Reply::empty(),
        _ => Reply::status(404),
    });
    tandem.domain_app("front", &app, "/answer", json!({}));
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);

    // Answered, then hung up by the callee.
    let mut phone = stranger(&tandem);
    let mut call = phone.invite(&tandem.app_uri("front"));
    let mut rung = bob.ringing();
    assert!(rung.invite.header("From").contains("sip:reception@"), "{}", rung.invite.header("From"));
    bob.answer_call(&mut rung);
    phone.connected(&mut call);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    phone.hung_up(&call);
    let dialled = app.wait("/dialled", |_| true);
    assert_eq!(dialled.param("DialCallStatus"), "completed");
    let sid = dialled.param("DialCallSid").to_owned();
    for status in ["initiated", "ringing", "in-progress", "completed"] {
        let event = app.wait("/event", |e| e.param("CallSid") == sid && e.param("CallStatus") == status);
        event.assert_signed(SIGNING_KEY);
        assert_eq!(event.param("ParentCallSid"), dialled.param("CallSid"));
        assert_eq!(event.param("CallbackSource"), "call-progress-events");
    }

    // Not answered in time: the callee is cancelled, the document goes on.
    let mut call = phone.invite(&tandem.app_uri("front"));
    let rung = bob.ringing();
    bob.expect("CANCEL", &rung);
    app.wait("/dialled", |d| d.param("DialCallStatus") == "no-answer");
    let status = phone.outcome(&mut call).status();
    assert!(status == 200 || status >= 400, "{status}");

    // Busy.
    let mut call = phone.invite(&tandem.app_uri("front"));
    let rung = bob.ringing();
    bob.refuse(&rung, 486, "Busy Here");
    let dialled = app.wait("/dialled", |d| d.param("DialCallStatus") == "busy");
    assert_eq!(dialled.param("DialSipResponseCode"), "486");
    phone.outcome(&mut call);
}

#[test]
fn an_application_that_fails_gives_way_to_its_fallback() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/fallback" => Reply::laml("<Reject/>"),
        _ => Reply::status(500),
    });
    tandem.domain_app("frail", &app, "/answer", json!({"call_fallback_url": app.url("/fallback")}));
    let mut phone = stranger(&tandem);
    let mut call = phone.invite(&tandem.app_uri("frail"));
    assert!(phone.outcome(&mut call).status() >= 400);
    let fallback = app.wait("/fallback", |_| true);
    assert!(fallback.param("ErrorCode").starts_with("112"), "{fallback:?}");
}

#[test]
fn digits_that_come_in_info_reach_a_gather_and_malformed_ones_are_refused() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Gather numDigits=\"2\" timeout=\"20\" action=\"/digits\"/><Hangup/>"),
        "/digits" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("info", &app, "/answer", json!({}));
    let (target, server) = (tandem.app_uri("info"), tandem.sip.to_string());
    let caller = Sipp::start("caller_sends_info", own_ip(), None, &["-key", "target", &target, &server]);
    let digits = app.wait("/digits", |_| true);
    assert_eq!(digits.param("Digits"), "57");
    caller.succeeded();
}
