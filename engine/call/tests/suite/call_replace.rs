//! INVITE with Replaces (RFC 3891): attended transfer's other half, and pickup.

use tandem_call::leg::Replaces;
use tandem_call::routing::Caller;

use crate::world::{DOMAIN, World, directory};

fn to(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

fn endpoint(name: &str) -> Caller {
    Caller::Endpoint(directory().endpoints[name].clone())
}

fn bob_rings() -> World {
    let mut w = World::dials(&to("bob"), "sdp");
    w.take();
    w.run(&[("2 180", "L1 180")]);
    w
}

fn bob_talks() -> World {
    let mut w = bob_rings();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w
}

fn status(w: &mut World, leg: u64, by: &str, alter: impl FnOnce(&mut Replaces)) -> u16 {
    w.replaced(leg, endpoint(by), alter).map(|said| panic!("accepted: {said}")).map_err(|r| r.status).unwrap_err()
}

#[test]
fn a_new_leg_takes_the_callers_place() {
    let mut w = bob_talks();
    assert_eq!(
        w.replaced(1, endpoint("alice"), |_| {}).expect("accepted"),
        "audit replaces; L3 200 sendrecv; bridge L3 L2; L1 BYE"
    );
    w.run(&[("3 ACK", ""), ("+2", ""), ("2 BYE", "L2 200; unbridge L3; L3 BYE; finished")]);
    w.over(&["inbound completed 200 0s", "outbound-dial completed 200 2s", "inbound completed 200 2s"]);
}

#[test]
fn a_new_leg_takes_the_callees_place() {
    let mut w = bob_talks();
    assert_eq!(
        w.replaced(2, endpoint("bob"), |_| {}).expect("accepted"),
        "audit replaces; L3 200 sendrecv; bridge L1 L3; L2 BYE"
    );
    w.run(&[("3 ACK", ""), ("1 BYE", "L1 200; L3 BYE; finished")]);
}

#[test]
fn the_document_goes_on_with_who_took_its_callers_place() {
    let mut w = World::app(
        "<Dial action=\"https://app.test/after\" answerOnBridge=\"true\"><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>",
    );
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w.replaced(2, endpoint("bob"), |_| {}).expect("accepted");
    w.run(&[("3 ACK", "")]);
    let said = w.step("3 BYE");
    assert!(said.contains("fetch https://app.test/after DialCallStatus=completed"), "{said}");
}

#[test]
fn a_ringing_call_is_picked_up_by_another_telephone_of_its_callee() {
    let mut w = bob_rings();
    let said = w.replaced(2, endpoint("bob"), |r| r.early_only = true).expect("accepted");
    assert_eq!(said, "audit replaces; L3 200 sendrecv; L1 200 sendrecv; bridge L1 L3; L2 CANCEL");
    w.run(&[("2 487", ""), ("1 ACK", ""), ("3 ACK", ""), ("3 BYE", "L3 200; unbridge L1; L1 BYE; finished")]);
}

#[test]
fn nobody_takes_what_is_not_theirs() {
    let mut w = bob_talks();
    for (leg, by) in [(1, "bob"), (2, "alice"), (1, "carol"), (2, "carol")] {
        assert_eq!(status(&mut w, leg, by, |_| {}), 403, "leg {leg} by {by}");
    }
    let stranger = Caller::Stranger;
    assert_eq!(w.replaced(1, stranger, |_| {}).map_err(|r| r.status), Err(403));
    assert_eq!(w.replaced(1, Caller::Application, |_| {}).map_err(|r| r.status), Err(403));
    w.run(&[("1 BYE", "L1 200; L2 BYE; finished")]);
}

#[test]
fn a_dialog_is_named_whole_or_not_at_all() {
    let mut w = bob_talks();
    assert_eq!(status(&mut w, 1, "alice", |r| r.call_id.push('x')), 481);
    assert_eq!(status(&mut w, 1, "alice", |r| r.from_tag = "other".into()), 481);
    assert_eq!(status(&mut w, 1, "alice", |r| r.to_tag.push('x')), 481);
    assert_eq!(status(&mut w, 1, "alice", |r| std::mem::swap(&mut r.to_tag, &mut r.from_tag)), 481);
    assert_eq!(status(&mut w, 1, "alice", |r| r.early_only = true), 486);
    w.step("1 BYE");
    assert_eq!(status(&mut w, 1, "alice", |_| {}), 603);
}

#[test]
fn an_early_dialog_that_the_other_side_began_is_not_replaced() {
    let mut w = bob_rings();
    assert_eq!(status(&mut w, 1, "alice", |_| {}), 481);
}

#[test]
fn a_document_that_talks_alone_is_not_taken_over() {
    let mut w = World::app("<Gather timeout=\"60\"/>");
    w.take();
    w.run(&[("1 ACK", "")]);
    assert_eq!(
        w.replaced(1, endpoint("alice"), |_| {}).map_err(|r| r.status),
        Err(403),
        "its caller has proved nothing"
    );
}

#[test]
fn a_new_leg_that_leaves_before_its_answer_changes_nothing() {
    let mut w = bob_talks();
    w.run(&[("1 REFER Refer-To:<sip:x@far.test>", w_refer())]);
    assert_eq!(status(&mut w, 1, "alice", |_| {}), 491, "a transfer is under way");
}

fn w_refer() -> &'static str {
    "audit transfer; call L3 sip:x@far.test from sip:bob@acme-main.sip.example.test hops 9; L1 202; L1 NOTIFY active 100; L3 INVITE 1 sendrecv"
}
