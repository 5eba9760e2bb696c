//! Calls that are sent on: with a whisper, with screening, to several at once or one after the other, and by REFER.

use std::time::Duration;

use serde_json::json;

use crate::common::tandem::SIGNING_KEY;
use crate::common::{AppServer, Message, Phone, Reply, Tandem, alone, audio, eventually};

/// A server with telephones of these names, registered.
fn with_phones<const N: usize>(names: [&str; N]) -> (Tandem, [Phone; N]) {
    let tandem = Tandem::start();
    let phones = names.map(|name| Phone::registered(&tandem, name, json!({})));
    (tandem, phones)
}

/// An application whose call forwards with screening: the callee hears a tune and takes the call with 1.
fn screening(tandem: &Tandem, tune: &[i16]) -> AppServer {
    let (domain, wav) = (tandem.domain(), audio::wav(tune));
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!(
            "<Dial answerOnBridge=\"true\" action=\"/dialled\"><Sip url=\"/screen\" statusCallback=\"/event\" \
             statusCallbackEvent=\"initiated ringing answered completed\">sip:bob@{domain}</Sip></Dial>"
        )),
        "/screen" => Reply::laml(
            "<Gather numDigits=\"1\" timeout=\"8\" action=\"/screened\"><Play>/tune.wav</Play></Gather><Hangup/>",
        ),
        "/tune.wav" => Reply::wav(wav.clone()),
        "/screened" if request.param("Digits") == "1" => Reply::laml(""),
        "/screened" | "/dialled" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    tandem.domain_app("forward", &app, "/answer", json!({}));
    app
}

#[test]
fn a_callee_hears_who_calls_and_takes_the_call_with_a_key() {
    let _turn = alone();
    let (tandem, [mut bob]) = with_phones(["bob"]);
    let tune = audio::sweep(2.0, 500.0, 2_000.0);
    let app = screening(&tandem, &tune);
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("forward"));
    let mut rung = bob.ringing();
    caller.provisional(&call, 180);
    bob.answer_call(&mut rung);
    let screen = app.wait("/screen", |_| true);
    screen.assert_signed(SIGNING_KEY);
    let parent = app.wait("/answer", |_| true).param("CallSid").to_owned();
    assert_eq!(screen.param("ParentCallSid"), parent);
    assert_eq!((screen.param("Direction"), screen.param("CallStatus")), ("outbound-dial", "in-progress"));
    assert!(!screen.param("SipCallId").is_empty());
    eventually("the callee hears the tune", Duration::from_secs(10), || {
        (audio::likeness(&tune, &rung.media.heard()) >= 0.85).then_some(())
    });
    rung.media.dial("1");
    let taken = app.wait("/screened", |_| true);
    assert_eq!((taken.param("Digits"), taken.param("CallSid")), ("1", screen.param("CallSid")));
    // The caller is answered now, and not before.
    caller.connected(&mut call);
    let words = audio::sweep(2.0, 2_500.0, 900.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(2_800));
    let alike = audio::likeness(&words, &rung.media.heard());
    assert!(alike >= 0.85, "the two are bridged: {alike:.2}");
    assert_eq!(caller.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
    // The action is told although its caller has gone.
    let dialled = app.wait("/dialled", |_| true);
    assert_eq!((dialled.param("DialCallStatus"), dialled.param("DialBridged")), ("completed", "true"));
    assert_eq!(dialled.param("CallStatus"), "completed");
    let events = |status: &str| app.wait("/event", |e| e.param("CallStatus") == status);
    let order: Vec<u32> = ["initiated", "ringing", "in-progress", "completed"]
        .iter()
        .map(|status| events(status).param("SequenceNumber").parse().expect("a number"))
        .collect();
    assert_eq!(order, [0, 1, 2, 3]);
    let child = tandem
        .wait_call("the callee's end", |c| c["sid"] == json!(screen.param("CallSid")) && c["status"] == "completed");
    assert_eq!(child["parent_call_sid"], json!(parent));
}

#[test]
fn a_callee_who_does_not_take_it_leaves_the_caller_unanswered() {
    let (tandem, [mut bob]) = with_phones(["bob"]);
    let app = screening(&tandem, &audio::sweep(0.5, 500.0, 2_000.0));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("forward"));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    app.wait("/screen", |_| true);
    rung.media.dial("2");
    bob.hung_up(&rung);
    let dialled = app.wait("/dialled", |_| true);
    assert_eq!((dialled.param("DialCallStatus"), dialled.param("DialBridged")), ("no-answer", "false"));
    assert_eq!(dialled.param("CallStatus"), "ringing");
    caller.outcome(&mut call);
}

#[test]
fn all_ring_and_the_first_who_answers_has_the_call() {
    let (tandem, [mut bob, mut carol]) = with_phones(["bob", "carol"]);
    let domain = tandem.domain();
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!(
            "<Dial answerOnBridge=\"true\" action=\"/dialled\"><Sip>sip:bob@{domain}</Sip><Sip>sip:carol@{domain}</Sip></Dial>"
        )),
        _ => Reply::laml("<Hangup/>"),
    });
    tandem.domain_app("both", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("both"));
    let with_bob = bob.ringing();
    let mut with_carol = carol.ringing();
    carol.answer_call(&mut with_carol);
    bob.expect("CANCEL", &with_bob);
    caller.connected(&mut call);
    assert_eq!(carol.hang_up(&mut with_carol).status(), 200);
    let dialled = app.wait("/dialled", |_| true);
    assert_eq!(dialled.param("DialCallStatus"), "completed");
    let winner = tandem.wait_call("carol's leg", |c| c["sid"] == json!(dialled.param("DialCallSid")));
    assert!(winner["to"].as_str().is_some_and(|to| to.contains("carol")), "{winner}");
    let loser = tandem
        .wait_call("bob's leg", |c| c["to"].as_str().is_some_and(|to| to.contains("bob")) && c["status"] != "ringing");
    assert_eq!(loser["status"], "no-answer");
    caller.hung_up(&call);
}

#[test]
fn those_who_do_not_answer_make_way_for_the_next() {
    let (tandem, [mut bob, mut carol, mut dave]) = with_phones(["bob", "carol", "dave"]);
    let domain = tandem.domain();
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!(
            "<Dial sequential=\"true\" timeout=\"5\" answerOnBridge=\"true\" action=\"/dialled\">\
             <Sip>sip:bob@{domain}</Sip><Sip>sip:carol@{domain}</Sip><Sip>sip:dave@{domain}</Sip></Dial>"
        )),
        _ => Reply::laml("<Hangup/>"),
    });
    tandem.domain_app("hunt", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("hunt"));
    let with_bob = bob.ringing();
    bob.refuse(&with_bob, 486, "Busy Here");
    let with_carol = carol.ringing();
    // She lets it ring for all her time.
    carol.expect("CANCEL", &with_carol);
    let mut with_dave = dave.ringing();
    dave.answer_call(&mut with_dave);
    caller.connected(&mut call);
    assert_eq!(caller.hang_up(&mut call).status(), 200);
    dave.hung_up(&with_dave);
    assert_eq!(app.wait("/dialled", |_| true).param("DialCallStatus"), "completed");
}

#[test]
fn an_application_sends_a_caller_elsewhere_and_is_told_how_that_went() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Refer action=\"/referred\"><Sip>sip:desk@pbx.example?X-Case=12</Sip></Refer>"),
        _ => Reply::laml("<Hangup/>"),
    });
    tandem.domain_app("refer", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("refer"));
    caller.connected(&mut call);
    let refer: Message = caller.expect("REFER", &call);
    assert_eq!(refer.header("Refer-To"), "<sip:desk@pbx.example?X-Case=12>");
    caller.reply(&call, &refer, 202, "Accepted", "");
    for (state, line) in [("active", "SIP/2.0 180 Ringing\r\n"), ("terminated;reason=noresource", "SIP/2.0 200 OK\r\n")]
    {
        let headers =
            format!("Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n");
        assert_eq!(caller.within(&mut call, "NOTIFY", &headers, line).status(), 200);
    }
    let referred = app.wait("/referred", |_| true);
    referred.assert_signed(SIGNING_KEY);
    for (name, value) in
        [("ReferCallStatus", "in-progress"), ("ReferSipResponseCode", "202"), ("NotifySipResponseCode", "200")]
    {
        assert_eq!(referred.param(name), value, "{name}");
    }
    caller.hung_up(&call);
}

#[test]
fn a_party_that_sends_refer_leaves_the_other_to_a_document() {
    let _turn = alone();
    let (tandem, [mut bob]) = with_phones(["bob"]);
    let (domain, tune) = (tandem.domain(), audio::sweep(2.0, 500.0, 2_000.0));
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!("<Dial referUrl=\"/moved\"><Sip>sip:bob@{domain}</Sip></Dial>")),
        "/moved" => Reply::laml("<Play>/tune.wav</Play><Hangup/>"),
        "/tune.wav" => Reply::wav(wav.clone()),
        _ => Reply::status(404),
    });
    tandem.domain_app("moving", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("moving"));
    caller.connected(&mut call);
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    std::thread::sleep(Duration::from_millis(300));
    let headers = "Refer-To: <sip:sales@elsewhere.example>\r\nX-Reason: lunch\r\n";
    assert_eq!(bob.within(&mut rung, "REFER", headers, "").status(), 202);
    let moved = app.wait("/moved", |_| true);
    moved.assert_signed(SIGNING_KEY);
    assert_eq!(moved.param("ReferTransferTarget"), "sip:sales@elsewhere.example");
    assert_eq!(moved.param("SipHeader_X-Reason"), "lunch");
    assert_eq!(moved.param("CallSid"), app.wait("/answer", |_| true).param("CallSid"));
    bob.hung_up(&rung);
    caller.hung_up(&call);
    let alike = audio::likeness(&tune, &call.media.heard());
    assert!(alike >= 0.85, "who is left hears the document: {alike:.2}");
}
