//! Click to call: REST rings one telephone, and its document dials another.

use std::time::Duration;

use serde_json::json;

use crate::common::tandem::SIGNING_KEY;
use crate::common::{AppServer, Phone, Reply, Tandem, alone, audio};

#[test]
fn rest_rings_an_agent_and_its_document_connects_the_customer() {
    let _turn = alone();
    let tandem = Tandem::start();
    let [mut agent, mut customer] = ["agent", "customer"].map(|name| Phone::registered(&tandem, name, json!({})));
    let domain = tandem.domain();
    let app = AppServer::start(move |request| match request.path() {
        "/connect" => Reply::laml(format!(
            "<Dial action=\"/dialled\" callerId=\"desk\" timeout=\"15\"><Sip statusCallback=\"/child\" \
             statusCallbackEvent=\"initiated ringing answered completed\">sip:customer@{domain}</Sip></Dial>"
        )),
        "/dialled" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    let (url, status) = (app.url("/connect"), app.url("/parent"));
    let to = agent.uri();
    let fields = [
        ("To", to.as_str()),
        ("From", "click"),
        ("Url", &url),
        ("StatusCallback", &status),
        ("StatusCallbackEvent", "initiated ringing answered completed"),
        ("Timeout", "20"),
    ];
    let made = tandem.laml("POST", "/Calls", &fields).success();
    assert_eq!((&made["status"], &made["direction"]), (&json!("queued"), &json!("outbound-api")));
    let sid = made["sid"].as_str().expect("a sid").to_owned();

    let mut with_agent = agent.ringing();
    agent.answer_call(&mut with_agent);
    let first = app.wait("/connect", |_| true);
    first.assert_signed(SIGNING_KEY);
    assert_eq!((first.param("CallSid"), first.param("CallStatus")), (sid.as_str(), "in-progress"));
    assert_eq!(first.param("Direction"), "outbound-api");
    let mut with_customer = customer.ringing();
    assert!(with_customer.invite.header("From").contains("sip:desk@"), "{:?}", with_customer.invite);
    customer.answer_call(&mut with_customer);
    std::thread::sleep(Duration::from_millis(300));
    let (one, other) = (audio::sweep(2.0, 400.0, 1_200.0), audio::sweep(2.0, 2_600.0, 1_400.0));
    with_agent.media.play(&one);
    with_customer.media.play(&other);
    std::thread::sleep(Duration::from_millis(2_900));
    let there = audio::likeness(&one, &with_customer.media.heard());
    let back = audio::likeness(&other, &with_agent.media.heard());
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");

    assert_eq!(customer.hang_up(&mut with_customer).status(), 200);
    let dialled = app.wait("/dialled", |_| true);
    agent.hung_up(&with_agent);
    assert_eq!((dialled.param("DialCallStatus"), dialled.param("DialSipResponseCode")), ("completed", "200"));
    let child = dialled.param("DialCallSid").to_owned();

    // Each leg's callbacks, in their order.
    for (path, of, directions) in [("/parent", &sid, "outbound-api"), ("/child", &child, "outbound-dial")] {
        for (sequence, status) in ["initiated", "ringing", "in-progress", "completed"].iter().enumerate() {
            let told = app.wait(path, |s| s.param("CallStatus") == *status);
            told.assert_signed(SIGNING_KEY);
            assert_eq!(told.param("CallSid"), of.as_str(), "{path} {status}");
            assert_eq!(told.param("SequenceNumber"), sequence.to_string(), "{path} {status}");
            assert_eq!(told.param("Direction"), directions);
            assert_eq!(told.param("CallbackSource"), "call-progress-events");
        }
    }
    let ended = app.wait("/child", |s| s.param("CallStatus") == "completed");
    assert_eq!((ended.param("ParentCallSid"), ended.param("HangupDirection")), (sid.as_str(), "inbound"));
    assert!(ended.param("HangupBy").contains("customer"), "{ended:?}");
    assert_eq!((ended.param("SipResultCode"), ended.param("SipResponseCode")), ("200", "200"));
    assert_eq!(ended.param("SipInviteResultPhrase"), "OK");

    let row = |sid: &str| tandem.wait_call("the end", |c| c["sid"] == json!(sid) && c["status"] == "completed");
    let (parent, child) = (row(&sid), row(&child));
    assert_eq!(child["parent_call_sid"], json!(sid));
    assert_eq!((&parent["direction"], &child["direction"]), (&json!("outbound-api"), &json!("outbound-dial")));
    assert!(parent["duration"].as_u64() >= child["duration"].as_u64(), "{parent} {child}");
    assert_eq!(child["sip_result_code"], json!("200"), "{child}");
}
