//! Calls to numbers: which carrier they take, what it is sent, and where they go when it fails.

use std::sync::Arc;

use tandem_call::call::{CallInput, Plan};
use tandem_call::carrier::{DialPlan, NumberFormat, NumberPlan, PrefixRule};
use tandem_call::directory::{Carrier, Encryption, NumberHandler, PhoneNumber, StatusClass, WebhookSet};
use tandem_codecs::CodecId;
use tandem_model::Sid;

use crate::world::{DOMAIN, World, api_call, directory};

const PLAY: &str = "<Response><Play>https://app.test/a.wav</Play></Response>";

fn carrier(name: &str, priority: i32) -> Carrier {
    let id = Sid::from_bytes([name.as_bytes()[0]; 16]);
    Carrier { priority, ..Carrier::new(id, name, format!("sip:{name}.test")) }
}

fn number() -> String {
    format!("sip:+15551234567@{DOMAIN}")
}

/// Which carriers a call was sent through, in order.
fn tried(w: &World) -> Vec<&str> {
    let host = |uri: &'_ str| uri.rsplit('@').next().and_then(|h| h.strip_suffix(".test")).map(str::len);
    w.specs
        .values()
        .map(|s| {
            let len = host(&s.request_uri).unwrap();
            &s.request_uri[s.request_uri.len() - 5 - len..s.request_uri.len() - 5]
        })
        .collect()
}

#[test]
fn a_carrier_that_is_down_or_full_is_passed_over() {
    let all = || vec![carrier("a", 1), carrier("b", 2), carrier("c", 3)];
    let mut w = World::dials_by(all(), &number(), |w| {
        w.down = vec!["a".into()];
        w.busy = vec!["b".into()];
    });
    w.take();
    assert_eq!(tried(&w), ["c"]);
    w.run(&[("2 486", "L1 486; finished")]);

    let mut w = World::dials_by(all(), &number(), |w| w.down = vec!["a".into(), "b".into(), "c".into()]);
    w.take();
    assert_eq!(tried(&w), ["a"], "all are down: one may be wrong");
    w.step("2 503");
    assert_eq!(tried(&w), ["a", "b"]);
}

#[test]
fn a_caller_whom_no_carrier_has_room_for_gets_503_with_retry_after() {
    let mut w = World::dials_by(vec![carrier("a", 1)], &number(), |w| w.busy = vec!["a".into()]);
    assert_eq!(w.take(), "L1 503; finished");
    assert_eq!(w.refusal, [("Retry-After".to_owned(), "3".to_owned())]);
    w.over(&["inbound failed 503 0s"]);
}

#[test]
fn only_the_responses_that_a_carrier_lists_go_on_to_the_next() {
    for (said, goes_on) in [("480", true), ("603", true), ("503", false), ("486", false)] {
        let mut first = carrier("a", 1);
        first.failover = vec![StatusClass::One(480), StatusClass::Hundred(6)];
        let mut w = World::dials_by(vec![first, carrier("b", 2)], &number(), |_| {});
        w.take();
        w.step(&format!("2 {said}"));
        assert_eq!(tried(&w).len() == 2, goes_on, "{said}");
    }
}

#[test]
fn a_call_given_up_tries_no_other_carrier() {
    let mut w = World::dials_by(vec![carrier("a", 1), carrier("b", 2)], &number(), |_| {});
    w.take();
    w.run(&[("1 cancelled", "L1 487; L2 CANCEL")]);
    w.step("2 503");
    assert_eq!(tried(&w), ["a"]);
}

#[test]
fn each_carrier_is_written_to_in_its_own_way() {
    let numbers = NumberPlan {
        format: NumberFormat::National,
        country: DialPlan::of_country("us"),
        outbound: vec![PrefixRule { prefix: "1".into(), replacement: "88#".into(), digits: Some(11) }],
        ..NumberPlan::default()
    };
    let carrier = Carrier {
        numbers,
        from_domain: Some("acme.example".into()),
        headers: vec![("X-Trunk".into(), "7".into())],
        codecs: vec!["OPUS".into(), "PCMA".into()],
        encryption: Encryption::Required,
        ..carrier("a", 1)
    };
    let w = World::dials_by(vec![carrier.clone()], &number(), |_| {});
    let spec = w.specs.values().next().unwrap();
    assert_eq!(spec.request_uri, "sip:88%235551234567@a.test");
    assert_eq!(spec.to_uri, "sip:88%235551234567@a.test");
    assert_eq!(spec.from_uri, "sip:15550001111@acme.example", "rules are for the number called");
    assert!(spec.headers.contains(&("X-Trunk".into(), "7".into())));
    assert_eq!(spec.media.encryption, Encryption::Required);
    assert!(spec.media.codecs.contains(&CodecId::Opus) && !spec.media.codecs.contains(&CodecId::Pcmu));
    let account = Carrier { from_user: Some("trunk".into()), ..carrier };
    let w = World::dials_by(vec![account.clone()], &number(), |_| {});
    assert_eq!(w.specs.values().next().unwrap().from_uri, "sip:trunk@acme.example");
    let w = World::api_by(vec![account], api_call("+15551234567", PLAY), |_| {});
    assert_eq!(w.specs.values().next().unwrap().from_uri, "sip:trunk@acme.example");
}

#[test]
fn credentials_are_for_the_carriers_own_realm_alone() {
    let login = Carrier { username: Some("u".into()), password: Some("p".into()), ..carrier("a", 1) };
    for (realm, answered) in [(None, true), (Some("there"), true), (Some("elsewhere.test"), false)] {
        let carrier = Carrier { realm: realm.map(str::to_owned), ..login.clone() };
        let mut w = World::dials_by(vec![carrier], &number(), |_| {});
        w.take();
        let said = w.step("2 407");
        assert_eq!(said.contains("INVITE"), answered, "{realm:?}: {said}");
    }
}

#[test]
fn calls_through_a_registered_carrier_follow_its_service_route() {
    let w = World::dials_by(vec![carrier("a", 1)], &number(), |w| {
        w.service_route = vec!["<sip:edge.a.test;lr>".into(), "<sip:core.a.test;lr>".into()];
    });
    assert_eq!(w.specs.values().next().unwrap().route, ["<sip:edge.a.test;lr>", "<sip:core.a.test;lr>"]);
}

#[test]
fn a_call_of_the_rest_api_goes_on_with_the_next_carrier_as_the_same_call() {
    let call = || api_call("+15551234567", PLAY);
    let mut w = World::api_by(vec![carrier("a", 1), carrier("b", 2)], call(), |_| {});
    w.take();
    w.run(&[("1 180", "notify 1 ringing")]);
    w.step("1 503");
    assert_eq!(tried(&w), ["a", "b"]);
    assert_eq!(w.call.rows().len(), 1, "one call, whatever became of its first leg");
    w.run(&[
        ("2 180", ""),
        ("2 200 sdp", "L2 ACK 1; notify 2 in-progress; play L2 1; L2 BYE; notify 3 completed 200; finished"),
    ]);
    w.over(&["outbound-api completed 200 0s"]);

    let mut w = World::api_by(vec![carrier("a", 1), carrier("b", 2)], call(), |_| {});
    w.step("1 503");
    w.run(&[("2 503", "notify 1 failed 503; finished")]);
    let mut w = World::api_by(vec![carrier("a", 1), carrier("b", 2)], call(), |_| {});
    w.step("1 486");
    assert_eq!((tried(&w), w.finished), (vec!["a"], 1), "busy is an answer");
    let mut w = World::api_by(vec![carrier("a", 1)], call(), |w| w.busy = vec!["a".into()]);
    assert_eq!(w.take(), "notify 0 initiated; notify 1 failed 503; finished");
}

#[test]
fn an_answer_that_comes_too_late_or_twice_rings_nobody() {
    use tandem_call::call::SeizedCarrier;
    let mut w = World::dials_by(vec![carrier("a", 1)], &number(), |_| {});
    w.take();
    for ticket in 0..4 {
        let seized = Ok(SeizedCarrier { carrier: Sid::from_bytes([b'a'; 16]), route: vec![] });
        assert_eq!(w.input(CallInput::CarrierSeized { ticket, seized }), "");
    }
}

/// A carrier brings a call to a number with this handler.
fn called(handler: NumberHandler) -> World {
    let number = PhoneNumber { id: Sid::from_bytes([8; 16]), number: "+15550000001".into(), handler };
    let plan = Plan::Number { number: Arc::new(number), carrier: Arc::new(carrier("a", 1)) };
    World::inbound(directory(), plan, "sdp", false)
}

#[test]
fn a_call_to_a_number_runs_its_document_and_one_without_is_not_picked_up() {
    let hooks = WebhookSet { request_url: "https://app.test/number".into(), ..WebhookSet::default() };
    let mut w = called(NumberHandler::Laml(hooks));
    assert_eq!(w.take(), "fetch https://app.test/number");
    for handler in [NumberHandler::None, NumberHandler::Laml(WebhookSet::default())] {
        let mut w = called(handler);
        assert_eq!(w.take(), "L1 480; finished");
    }
}
