//! Transfers of bridged calls: who may ask, who is dialled under whose rules, and what is left when it fails.

use std::sync::Arc;

use tandem_call::call::{CallInput, CallUpdate, InboundLeg, Party, Plan};
use tandem_call::directory::{Directory, Handler, OutboundPolicy, WebhookSet};
use tandem_call::routing::{self, Caller};
use tandem_model::LegId;
use tandem_sip::message::Uri;

use crate::world::{DOMAIN, World, app, directory};

fn to(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

fn refer(leg: u8, uri: &str) -> String {
    format!("{leg} REFER Refer-To:<{uri}>")
}

/// Alice and Bob talk, under these rules for both.
fn talk(policy: OutboundPolicy) -> World {
    let mut directory = directory();
    for name in ["alice", "bob"] {
        let mut endpoint = (*directory.endpoints[name]).clone();
        endpoint.outbound_policy = Some(policy);
        directory.endpoints.insert(name.into(), Arc::new(endpoint));
    }
    talk_in(directory)
}

fn talk_in(directory: Directory) -> World {
    talk_as(directory, |_| {})
}

fn talk_as(directory: Directory, alter: impl FnOnce(&mut InboundLeg)) -> World {
    let alice = directory.endpoints["alice"].clone();
    let caller = Caller::Endpoint(alice.clone());
    let uri = to("bob");
    let route = routing::route(&directory, &caller, &Uri::parse(&uri).expect("a URI"), |_, _| false).expect("a route");
    let plan = Plan::Connect { caller: Party::Endpoint(alice), route };
    let mut w = World::inbound_altered(directory, plan, "sdp", false, 0, alter);
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w
}

fn headers(w: &World, leg: u64, name: &str) -> Vec<String> {
    let spec = &w.specs[&LegId(leg)];
    spec.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
}

const CALL_FAR: &str = "L3 INVITE 1 sendrecv";

#[test]
fn the_callee_transfers_its_caller() {
    let mut w = talk(OutboundPolicy::Passthrough);
    let said = w.step(&refer(2, "sip:carol@far.test"));
    assert_eq!(
        said,
        format!(
            "audit transfer; call L3 sip:carol@far.test from sip:alice@{DOMAIN} hops 9; L2 202; L2 NOTIFY active 100; {CALL_FAR}"
        )
    );
    assert_eq!(headers(&w, 3, "Referred-By"), [format!("<sip:bob@{DOMAIN}>")]);
    w.run(&[
        ("3 180", "L2 NOTIFY active 180"),
        ("3 200 sdp", "L3 ACK 1; bridge L1 L3; L2 NOTIFY terminated 200; L2 BYE"),
        ("+5", ""),
        ("3 BYE", "L3 200; unbridge L1; L1 BYE; finished"),
    ]);
    w.over(&["inbound completed 200 5s", "outbound-dial completed 200 0s", "outbound-dial completed 200 5s"]);
}

#[test]
fn the_caller_transfers_its_callee() {
    let mut w = talk(OutboundPolicy::Passthrough);
    let said = w.step(&refer(1, "sip:carol@far.test"));
    assert!(said.contains(&format!("call L3 sip:carol@far.test from sip:bob@{DOMAIN}")), "{said}");
    w.run(&[
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3; L1 NOTIFY terminated 200; L1 BYE"),
        ("2 BYE", "L2 200; L3 BYE; finished"),
    ]);
    w.over(&["inbound completed 200 0s", "outbound-dial completed 200 0s", "outbound-dial completed 200 0s"]);
}

#[test]
fn the_party_transferred_to_may_transfer_again() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test"));
    w.step("3 200 sdp");
    let said = w.step(&refer(2, "sip:dave@far.test"));
    assert!(said.contains("call L4 sip:dave@far.test") && said.contains("L2 202"), "{said}");
    w.run(&[
        ("4 200 sdp", "L4 ACK 1; bridge L3 L4; L2 NOTIFY terminated 200; L2 BYE"),
        ("4 BYE", "L4 200; unbridge L3; L3 BYE; finished"),
    ]);
}

#[test]
fn a_target_that_fails_leaves_the_call_as_it_was() {
    for (says, told) in [("486", "486"), ("404", "404"), ("timeout", "408"), ("302", "480"), ("407", "502")] {
        let mut w = talk(OutboundPolicy::Passthrough);
        w.step(&refer(2, "sip:carol@far.test"));
        assert_eq!(w.step(&format!("3 {says}")), format!("L2 NOTIFY terminated {told}"));
        w.run(&[("2 BYE", "L2 200; unbridge L1; L1 BYE; finished")]);
    }
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, &to("carol")));
    w.run(&[("1 BYE", "L1 200; L2 BYE; finished")]);
}

#[test]
fn a_target_that_rings_for_ever_is_given_up() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    w.run(&[
        ("+60", "L2 NOTIFY terminated 408; L3 CANCEL"),
        ("3 200 sdp", "L3 ACK 1; L3 BYE"),
        ("2 BYE", "L2 200; unbridge L1; L1 BYE; finished"),
    ]);
}

#[test]
fn all_contacts_of_the_target_ring_and_the_first_answer_wins() {
    let mut w = talk(OutboundPolicy::Block);
    w.hold_lookups = true;
    assert_eq!(w.step(&refer(1, &to("carol"))), "audit transfer; lookup carol; L1 202; L1 NOTIFY active 100");
    let said = w.contacts(&["desk", "soft"]);
    assert!(said.ends_with("L3 INVITE 1 sendrecv; L4 INVITE 1 sendrecv"), "{said}");
    w.run(&[
        ("3 486", ""),
        ("4 200 sdp", "L4 ACK 1; bridge L2 L4; L1 NOTIFY terminated 200; L1 BYE"),
        ("2 BYE", "L2 200; L4 BYE; finished"),
    ]);
}

#[test]
fn a_transferor_that_leaves_at_once_is_not_waited_for() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test"));
    w.run(&[
        ("1 BYE", "L1 200; unbridge L2"),
        ("3 180", "play L2 1"),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3"),
        ("3 BYE", "L3 200; unbridge L2; L2 BYE; finished"),
    ]);
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    w.run(&[
        ("2 BYE", "L2 200; unbridge L1"),
        ("3 200 sdp", "L3 ACK 1; bridge L1 L3"),
        ("1 BYE", "L1 200; L3 BYE; finished"),
    ]);
}

#[test]
fn who_waits_alone_hears_what_the_target_says_before_it_answers() {
    // It speaks after the transferor has left,
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test"));
    w.run(&[
        ("1 BYE", "L1 200; unbridge L2"),
        ("3 180", "play L2 1"),
        ("3 183 sdp", "bridge L2 L3"),
        ("3 180", ""),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3"),
        ("3 BYE", "L3 200; unbridge L2; L2 BYE; finished"),
    ]);
    // or before: until then the old conversation stands.
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    w.run(&[
        ("3 183 sdp", "L2 NOTIFY active 183"),
        ("2 BYE", "L2 200; unbridge L1; bridge L1 L3"),
        ("3 486", "unbridge L1; L1 BYE; finished"),
    ]);
}

/// As telephones do that wait for the outcome.
#[test]
fn who_is_on_hold_for_a_transfer_hears_the_target_until_it_fails_or_is_taken_back() {
    let start = || {
        let mut w = talk(OutboundPolicy::Passthrough);
        w.step("1 UPDATE inactive");
        w.step("2 200 inactive");
        w.step(&refer(1, "sip:carol@far.test"));
        w
    };
    let mut w = start();
    w.run(&[
        ("3 183 sdp", "bridge L2 L3; L1 NOTIFY active 183; L2 INVITE 3 sendrecv"),
        ("2 200 sdp", "L2 ACK 3"),
        // The old conversation stands, on hold as it was.
        ("3 486", "bridge L2 L1; L1 NOTIFY terminated 486; L2 INVITE 4 inactive"),
        ("2 200 inactive", "L2 ACK 4"),
        ("1 UPDATE sdp", "L1 200 sendrecv; L2 INVITE 5 sendrecv"),
    ]);
    let mut w = start();
    w.step("3 183 sdp");
    w.step("2 200 sdp");
    w.run(&[
        // The transferor changes its mind.
        ("1 UPDATE sdp", "L1 200 sendrecv; bridge L2 L1"),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3; L1 NOTIFY terminated 200; L1 BYE"),
    ]);
    let mut w = start();
    w.step("3 180");
    w.step("2 200 sdp");
    w.run(&[
        ("1 UPDATE sdp", "L1 200 sendrecv; stop-play L2 1"),
        ("1 UPDATE hold", "L1 200 recvonly; play L2 2"),
        ("3 183 sdp", "bridge L2 L3; L1 NOTIFY active 183"),
        ("1 BYE", "L1 200"),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3"),
        ("2 BYE", "L2 200; L3 BYE; finished"),
    ]);
}

#[test]
fn when_the_target_that_spoke_fails_it_rings_for_those_that_are_left() {
    let mut w = talk(OutboundPolicy::Block);
    w.hold_lookups = true;
    w.step(&refer(1, &to("carol")));
    w.contacts(&["desk", "soft"]);
    w.run(&[
        ("1 BYE", "L1 200; unbridge L2"),
        ("4 183 sdp", "bridge L2 L4"),
        // The first to speak is heard; the others only ring.
        ("3 183 sdp", ""),
        ("4 486", "play L2 1"),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3"),
    ]);
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "tel:+15551234567"));
    w.step("2 BYE");
    assert_eq!(w.step("3 183 sdp"), "bridge L1 L3");
    let said = w.step("3 503");
    assert!(said.contains("two.carrier.test") && said.contains("play L1 1"), "the next carrier is tried: {said}");
    w.run(&[("4 183 sdp", "bridge L1 L4"), ("4 200 sdp", "L4 ACK 1; bridge L1 L4")]);
}

#[test]
fn when_the_transferor_has_left_and_the_target_fails_the_call_ends() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test"));
    w.run(&[("1 BYE", "L1 200; unbridge L2"), ("3 486", "L2 BYE; finished")]);
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    w.run(&[("2 BYE", "L2 200; unbridge L1"), ("3 486", "unbridge L1; L1 BYE; finished")]);
}

#[test]
fn a_party_that_leaves_ends_its_transfer() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test"));
    w.run(&[("2 BYE", "L2 200; unbridge L1; L1 NOTIFY terminated 487; L1 BYE; L3 CANCEL"), ("3 487", "finished")]);
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    assert_eq!(w.step("1 BYE"), "L1 200; L2 NOTIFY terminated 487; L2 BYE; L3 CANCEL");
    w.run(&[("3 487", "finished")]);
}

#[test]
fn rest_ends_a_call_in_the_middle_of_a_transfer() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(2, "sip:carol@far.test"));
    let said = w.input(CallInput::Update(CallUpdate::Complete));
    assert!(said.contains("L3 CANCEL") && said.contains("L1 BYE") && said.contains("L2 BYE"), "{said}");
    w.run(&[("3 487", "finished")]);
}

/// Promises row 6: what a user may not dial, it cannot have dialled by a transfer either.
#[test]
fn who_may_not_dial_out_may_not_transfer_out() {
    for (uri, status) in [
        ("sip:x@elsewhere.test".to_owned(), 403),
        ("sip:x@203.0.113.200".to_owned(), 403),
        (to("+15551234567"), 403),
        ("tel:+15551234567".to_owned(), 403),
        (format!("sip:+19005551234@{DOMAIN};user=phone"), 403),
        ("tel:9005551234;phone-context=+1".to_owned(), 403),
        (format!("sip:9005551234;phone-context=+1@{DOMAIN};user=phone"), 403),
        (to("01115551234567"), 404),
        (to("0015551234567"), 404),
        (to("nobody"), 404),
    ] {
        for leg in [1, 2] {
            let mut w = talk(OutboundPolicy::Block);
            let said = w.step(&refer(leg, &uri));
            assert!(said.starts_with("audit ") && said.ends_with(&format!("; L{leg} {status}")), "{uri}: {said}");
            assert_eq!(said.split("; ").count(), 2, "{uri}: nothing else happens: {said}");
            w.run(&[("1 BYE", "L1 200; L2 BYE; finished")]);
        }
    }
    let mut w = talk(OutboundPolicy::Block);
    assert!(w.step(&refer(2, &to("carol"))).contains("L2 202"), "within the house it may");
}

#[test]
fn a_carrier_and_a_stranger_transfer_nobody_out() {
    let mut w = World::dials(&to("+15551234567"), "sdp");
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w.run(&[
        ("2 REFER Refer-To:<tel:+15557654321>", "audit a carrier may not place outbound calls; L2 403"),
        ("2 REFER Refer-To:<sip:x@elsewhere.test>", "audit a carrier may not place outbound calls; L2 403"),
    ]);
    let mut w = World::dials("sip:x@elsewhere.test", "sdp");
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    let refused = "audit a stranger may not place outbound calls; L2 403";
    w.run(&[("2 REFER Refer-To:<tel:+15557654321>", refused)]);
    assert_eq!(w.step(&refer(2, &to("carol"))), "audit a stranger may not call endpoints; L2 403");
}

#[test]
fn an_endpoint_whose_calls_run_a_document_sends_nobody_out() {
    let mut directory = directory();
    let mut bob = (*directory.endpoints["bob"]).clone();
    bob.handler = Handler::LamlWebhooks(WebhookSet::default());
    directory.endpoints.insert("bob".into(), Arc::new(bob));
    let mut w = talk_in(directory);
    for uri in ["tel:+15551234567", "sip:x@elsewhere.test"] {
        assert_eq!(w.step(&refer(2, uri)), "audit where this endpoint's calls lead is its document's to say; L2 403");
    }
    assert!(w.step(&refer(2, &to("carol"))).contains("L2 202"));
}

#[test]
fn a_number_is_called_with_the_transferors_number_and_says_who_sent_the_call_on() {
    let mut w = talk(OutboundPolicy::Passthrough);
    let said = w.step(&refer(2, "tel:+15551234567"));
    assert!(said.contains("call L3 sip:+15551234567@one.carrier.test from sip:+15550001111@"), "{said}");
    assert_eq!(headers(&w, 3, "Diversion"), [format!("<sip:bob@{DOMAIN}>;reason=deflection;counter=1")]);
    let said = w.step("3 503");
    assert!(said.contains("two.carrier.test"), "the next carrier is tried: {said}");
    w.run(&[("4 200 sdp", "L4 ACK 1; bridge L1 L4; L2 NOTIFY terminated 200; L2 BYE")]);
}

/// RFC 3261 section 19.1.6.
#[test]
fn the_parameters_of_a_number_do_not_hide_whom_a_transfer_is_to() {
    let mut w = talk(OutboundPolicy::Passthrough);
    let said = w.step(&refer(2, &to("5551234567;phone-context=+1")));
    assert!(said.contains("call L3 sip:+15551234567@one.carrier.test"), "{said}");
    let mut w = talk(OutboundPolicy::Passthrough);
    w.hold_lookups = true;
    assert!(w.step(&refer(1, &to("carol;isub=1"))).contains("lookup carol"));
}

#[test]
fn a_transfer_before_there_is_a_conversation_is_declined() {
    let mut w = World::app("<Gather timeout=\"60\"/>");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[
        ("1 ACK", ""),
        ("1 REFER Refer-To:<sip:x@elsewhere.test>", "audit REFER without a conversation to transfer; L1 603"),
    ]);
}

#[test]
fn a_dialled_party_transfers_the_caller_of_a_document_which_goes_on_afterwards() {
    let mut w = World::app(
        "<Dial action=\"https://app.test/after\" answerOnBridge=\"true\"><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>",
    );
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    let said = w.step(&refer(2, "sip:carol@far.test"));
    assert!(said.contains("L2 202"), "{said}");
    w.run(&[("3 200 sdp", "L3 ACK 1; bridge L1 L3; L2 NOTIFY terminated 200; L2 BYE"), ("+4", "")]);
    let said = w.step("3 BYE");
    assert!(said.contains("fetch https://app.test/after DialCallStatus=completed DialCallDuration=4"), "{said}");
}

#[test]
fn a_dialog_of_ours_is_asked_for_at_this_server_with_a_voucher() {
    let mut w = talk(OutboundPolicy::Block);
    let tag = crate::rig::own().tag(LegId(0x77), &mut tandem_model::SeedEntropy::new(4));
    let replaces = format!("other%40host%3Bto-tag%3D{tag}%3Bfrom-tag%3Dabc");
    let said = w.step(&refer(1, &format!("{}?Replaces={replaces}", to("carol"))));
    assert!(said.contains("L1 202") && said.contains(CALL_FAR), "no lookup: the call is here: {said}");
    let value = format!("other@host;to-tag={tag};from-tag=abc");
    assert_eq!(headers(&w, 3, "Replaces"), std::slice::from_ref(&value));
    assert_eq!(headers(&w, 3, "Require"), ["replaces"]);
    let voucher = headers(&w, 3, "X-Tandem-Voucher").remove(0);
    let who = crate::rig::own().vouched(&voucher, &value).map(str::to_owned).expect("a voucher of ours");
    assert!(who.starts_with("endpoint:"), "{who}");
    w.run(&[("3 200 sdp", "L3 ACK 1; bridge L2 L3; L1 NOTIFY terminated 200; L1 BYE")]);
    let mut w = talk(OutboundPolicy::Block);
    w.step(&refer(1, &format!("{}?Replaces={replaces}", to("carol"))));
    w.run(&[("3 481", "L1 NOTIFY terminated 481")]);
}

#[test]
fn a_dialog_elsewhere_is_replaced_there() {
    let mut w = talk(OutboundPolicy::Passthrough);
    w.step(&refer(1, "sip:carol@far.test?Replaces=1%40far%3Bto-tag%3Da%3Bfrom-tag%3Db"));
    assert_eq!(headers(&w, 3, "Replaces"), ["1@far;to-tag=a;from-tag=b"]);
    assert!(headers(&w, 3, "X-Tandem-Voucher").is_empty(), "nobody else is told our secrets");
    let mut w = talk(OutboundPolicy::Block);
    let said = w.step(&refer(1, "sip:carol@far.test?Replaces=1%40far%3Bto-tag%3Da%3Bfrom-tag%3Db"));
    assert!(said.ends_with("L1 403"), "{said}");
}

/// Alice and Bob talk, and Alice has asked to stay unknown to others, or not.
fn talk_unknown(withheld: bool) -> World {
    let mut directory = directory();
    for name in ["alice", "bob", "carol"] {
        let mut endpoint = (*directory.endpoints[name]).clone();
        endpoint.outbound_policy = Some(OutboundPolicy::Passthrough);
        directory.endpoints.insert(name.into(), Arc::new(endpoint));
    }
    talk_as(directory, |inbound| inbound.asserted.withheld = withheld)
}

/// RFC 3323: who asked to stay unknown does not become known by transferring the call.
#[test]
fn a_caller_who_withholds_its_name_is_not_named_for_its_transfer() {
    for (withheld, named) in [(false, 1), (true, 0)] {
        let mut w = talk_unknown(withheld);
        w.step(&refer(1, "sip:carol@far.test"));
        assert_eq!(headers(&w, 3, "Referred-By").len(), named);
        // Nor where it has hung up already, and the next carrier is tried.
        let mut w = talk_unknown(withheld);
        w.step(&refer(1, "tel:+15551234567"));
        w.step("1 BYE");
        assert!(w.step("3 503").contains("two.carrier.test"));
        assert_eq!(headers(&w, 4, "Referred-By").len(), named);
        assert_eq!(headers(&w, 4, "Diversion").len(), named);
    }
}

/// RFC 3323: who is transferred by a caller who stays unknown has asked for nothing itself.
#[test]
fn who_is_shown_to_the_target_is_unknown_if_it_asked_for_that_itself() {
    let anonymous = "sip:anonymous@anonymous.invalid".to_owned();
    let bob = format!("sip:bob@{DOMAIN}");
    for (transferor, target, want) in [
        (1, "sip:carol@far.test", &bob),
        (2, "sip:carol@far.test", &anonymous),
        // A number is called in the transferor's name.
        (1, "tel:+15551234567", &anonymous),
        (2, "tel:+15551234567", &format!("sip:+15550001111@{DOMAIN}")),
    ] {
        let mut w = talk_unknown(true);
        w.step(&refer(transferor, target));
        let spec = &w.specs[&LegId(3)];
        assert_eq!(&spec.from_uri, want, "{transferor} to {target}");
        let told = spec.headers.iter().any(|(name, value)| name == "Privacy" && value == "id");
        assert_eq!(told, want == &anonymous && target.starts_with("tel:"), "{transferor} to {target}");
    }
}

#[test]
fn who_has_taken_the_callers_place_is_not_shown_as_the_caller() {
    let mut w = talk_unknown(true);
    w.hold_lookups = true;
    w.step(&refer(1, &to("carol")));
    w.contacts(&["desk"]);
    w.step("3 200 sdp");
    let said = w.step(&refer(3, "sip:dave@far.test"));
    assert!(said.contains(&format!("call L4 sip:dave@far.test from sip:bob@{DOMAIN}")), "{said}");
    assert_eq!(headers(&w, 4, "Referred-By").len(), 1);
    // The telephones of the target are found when the transferor has left.
    let mut w = talk_unknown(true);
    w.hold_lookups = true;
    w.step(&refer(1, &to("carol")));
    w.step("1 BYE");
    let said = w.contacts(&["desk"]);
    assert!(said.contains(&format!("from sip:bob@{DOMAIN}")), "{said}");
    assert!(headers(&w, 3, "Referred-By").is_empty());
}

/// The document names who calls; who is transferred is not that.
#[test]
fn a_caller_who_stays_unknown_does_so_for_whoever_the_document_named() {
    let plan = Plan::App { app: app() };
    let mut w = World::inbound_altered(directory(), plan, "sdp", false, 0, |i| i.asserted.withheld = true);
    w.document(
        "<Dial callerId=\"+15550001111\" answerOnBridge=\"true\"><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>",
    );
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w.step(&refer(2, "sip:carol@far.test"));
    assert_eq!(w.specs[&LegId(3)].from_uri, "sip:anonymous@anonymous.invalid");
}
