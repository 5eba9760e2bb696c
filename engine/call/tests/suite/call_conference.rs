//! A call in a conference: it asks the room in, does with its leg what the room says, and goes on with its document.

use tandem_call::call::{ApiDocument, CallInput, CallUpdate};
use tandem_call::room::conference::{ConferenceEvent, Refused};
use tandem_laml::instruction::Method;
use tandem_media::control::MoveFailed;
use tandem_model::LegId;

use crate::world::World;

const TEAM: &str = "<Dial action=\"https://app.test/left\" hangupOnStar=\"true\" timeLimit=\"60\"><Conference>team</Conference></Dial>";

fn room(w: &mut World, event: ConferenceEvent) -> String {
    w.input(CallInput::Conference { leg: LegId(1), event })
}

fn document(path: &str) -> ConferenceEvent {
    let document = ApiDocument::Url(format!("https://app.test/{path}"), Method::Post);
    ConferenceEvent::Wait { document, params: vec![("ConferenceSid".into(), "c".into())] }
}

/// In the room, which waits for others.
fn inside() -> World {
    let mut w = World::app(TEAM);
    assert_eq!(w.take(), "L1 200 sendrecv; room L1 joins team");
    w.run(&[("1 ACK", "")]);
    w
}

#[test]
fn a_caller_is_answered_and_asks_the_room_in_whose_end_is_the_actions() {
    let mut w = inside();
    w.run(&[("+7", "")]);
    let over = room(&mut w, ConferenceEvent::Ended);
    assert_eq!(over, "fetch https://app.test/left DialCallStatus=answered DialCallDuration=7");
    assert_eq!(room(&mut w, ConferenceEvent::Ended), "", "one end is enough");
}

#[test]
fn its_media_goes_beside_the_others_and_the_room_hears_of_it() {
    let mut w = inside();
    assert_eq!(room(&mut w, ConferenceEvent::Move { beside: LegId(77) }), "move beside L77; room L1 moved Ok(())");
}

#[test]
fn who_is_refused_goes_on_with_a_warning() {
    for (why, code) in [
        (Refused::Coach, 13_240),
        (Refused::Full, 10_000),
        (Refused::Media(MoveFailed::Overloaded), 20_504),
        (Refused::Unavailable, 20_504),
    ] {
        let mut w = inside();
        let over = room(&mut w, ConferenceEvent::Refused(why));
        assert_eq!(
            over,
            format!("warn {code}; fetch https://app.test/left DialCallStatus=answered DialCallDuration=0")
        );
    }
}

#[test]
fn the_star_the_time_and_another_document_leave_the_room() {
    let left = "room L1 leaves; fetch https://app.test/left DialCallStatus=answered";
    let mut w = inside();
    w.run(&[("1 digit *", &format!("{left} DialCallDuration=0"))]);
    let mut w = inside();
    w.run(&[("+60", &format!("{left} DialCallDuration=60"))]);
    let mut w = inside();
    let update = CallUpdate::Document(ApiDocument::Url("https://app.test/new".into(), Method::Post));
    assert_eq!(w.input(CallInput::Update(update)), "room L1 leaves; fetch https://app.test/new");
}

#[test]
fn a_caller_who_hangs_up_leaves_and_the_action_is_told() {
    let mut w = inside();
    let said = w.step("1 BYE");
    assert!(said.starts_with("L1 200 bye; room L1 leaves") || said.contains("room L1 leaves"), "{said}");
    assert_eq!(said.matches("room L1 leaves").count(), 1, "{said}");
    assert_eq!(room(&mut w, ConferenceEvent::Move { beside: LegId(9) }), "", "it is over");
}

#[test]
fn a_wait_document_runs_on_the_leg_until_the_room_stops_it() {
    let mut w = inside();
    assert_eq!(room(&mut w, document("wait")), "fetch https://app.test/wait");
    assert_eq!(w.param("ConferenceSid"), Some("c"));
    assert_eq!(room(&mut w, document("hold")), "cancel-fetch; fetch https://app.test/hold", "one at a time");
    w.hold_plays = true;
    w.document("<Play>https://app.test/a.wav</Play>");
    assert_eq!(w.take(), "play L1 1");
    assert_eq!(room(&mut w, ConferenceEvent::StopWait), "stop-play L1 1");
    assert_eq!(room(&mut w, document("again")), "fetch https://app.test/again");
    assert_eq!(w.no_document(), "warn 11200; room L1 has no wait document");
}

#[test]
fn an_announcement_runs_on_the_leg_and_its_end_is_told_to_the_room() {
    let mut w = inside();
    let document = ApiDocument::Inline("<Response><Pause length=\"2\"/></Response>".into());
    assert_eq!(room(&mut w, ConferenceEvent::Announce { document, params: vec![] }), "");
    w.run(&[("+2", "room L1 announced true")]);
}

#[test]
fn a_room_that_calls_whoever_left_is_told_so() {
    let mut w = inside();
    w.run(&[("1 digit *", "room L1 leaves; fetch https://app.test/left DialCallStatus=answered DialCallDuration=0")]);
    assert_eq!(room(&mut w, ConferenceEvent::Move { beside: LegId(77) }), "room L1 leaves");
}
