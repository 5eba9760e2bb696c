//! A leg that is called (RFC 3261 sections 9.2, 13.3 and 15; RFC 3264).

use tandem_call::leg::RecordStage;

use crate::rig::Rig;

const ANSWER: &str = "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu";

#[test]
fn an_answered_call_ends_with_the_far_ends_bye() {
    let rig = Rig::called("sdp").run(&[
        ("opened", ""),
        ("ring", "180"),
        ("ring", ""),
        ("answer", ANSWER),
        ("ACK", ""),
        ("digit 5", "digit 5"),
        ("BYE", "200; ended 200 remote; close"),
        ("closed", "closed; stop"),
        ("digit 6", ""),
        ("BYE", "481"),
    ]);
    assert!(matches!(rig.peer.record, Some(RecordStage::Over)));
}

#[test]
fn an_answered_call_ends_with_our_bye() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("ACK", ""),
        ("hangup SIP;cause=503", "ended 200 local; BYE 1 [SIP;cause=503]; close"),
        ("closed", ""),
        ("200 bye", "closed; stop"),
    ]);
}

#[test]
fn byes_that_cross_are_both_answered() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("ACK", ""),
        ("hangup", "ended 200 local; BYE 1; close"),
        ("BYE", "200"),
        ("INFO", "481"),
        ("481 bye", ""),
        ("closed", "closed; stop"),
    ]);
}

#[test]
fn an_answer_waits_for_its_port_and_is_not_displaced() {
    Rig::called("sdp").run(&[("answer", ""), ("early", ""), ("ring", "180"), ("opened", ANSWER)]);
}

#[test]
fn the_2xx_repeats_until_its_ack_and_then_gives_up_with_bye() {
    let mut rig = Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("+499", ""),
        ("+1", "200 sendrecv"),
        ("+1000", "200 sendrecv"),
        ("+2000", "200 sendrecv"),
        ("+4000", "200 sendrecv"),
    ]);
    let last = rig.step("+24500");
    assert_eq!(last, "ended 200 failure; BYE 1 [SIP;cause=408;text=\"No ACK\"]; close");
    assert_eq!(rig.step("closed"), "");
    assert_eq!(rig.step("+33000"), "closed; stop");
}

#[test]
fn bye_waits_for_the_ack() {
    // RFC 3261 section 15: the callee sends no BYE before it has the ACK.
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("hangup", "ended 200 local"),
        ("+500", "200 sendrecv"),
        ("ACK", "BYE 1; close"),
        ("200 bye", ""),
        ("closed", "closed; stop"),
    ]);
}

#[test]
fn early_media_and_the_answer_after_it_are_the_same_description() {
    let mut rig = Rig::called("sdp").run(&[
        ("early", ""),
        ("opened", "configure Pcmu 203.0.113.9:4000 sr; 183 sendrecv; progress 183 Pcmu"),
        ("ring", ""),
        ("early", ""),
    ]);
    let early = rig.peer.last_response.clone().expect("183");
    assert_eq!(rig.step("answer"), "200 sendrecv; answered Pcmu");
    let answer = rig.peer.last_response.clone().expect("200");
    assert_eq!(early.body(), answer.body());
    assert_eq!(early.to_tag(), answer.to_tag());
    assert!(answer.header("Contact").is_some() && answer.header("Allow").is_some());
}

#[test]
fn the_wanted_codec_is_taken_when_it_is_common() {
    Rig::called("sdp")
        .run(&[("opened", ""), ("answer-pcma", "configure Pcma 203.0.113.9:4000 sr; 200 sendrecv; answered Pcma")]);
}

#[test]
fn refusals_and_cancellation_settle_without_a_dialog() {
    for (input, want) in [
        ("reject 486", "486; ended 486 local; close"),
        ("hangup", "480; ended 480 local; close"),
        ("hangup SIP;cause=503", "480 [SIP;cause=503]; ended 480 local; close"),
        ("cancelled", "487; ended 487 remote; close"),
        ("BYE", "200; 487; ended 487 remote; close"),
        ("failed", "503; ended 503 failure; closed; stop"),
    ] {
        Rig::called("sdp").run(&[("opened", ""), (input, want)]);
    }
    Rig::called("sdp").run(&[("open-failed", "503; ended 503 failure; closed; stop")]);
    Rig::called("g729").run(&[("opened", ""), ("answer", "488; ended 488 failure; close"), ("closed", "closed; stop")]);
    Rig::called("g729").run(&[("opened", ""), ("early", "488; ended 488 failure; close")]);
}

#[test]
fn a_port_that_never_comes_back_ends_the_leg_without_statistics() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("reject 404", "404; ended 404 local; close"),
        ("+1999", ""),
        ("+1", "closed; stop"),
    ]);
}

#[test]
fn a_cancel_that_lost_against_the_answer_changes_nothing() {
    Rig::called("sdp").run(&[("opened", ""), ("answer", ANSWER), ("cancelled", ""), ("ACK", "")]);
}

#[test]
fn a_refusal_that_crossed_the_answer_hangs_up() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("ACK", ""),
        ("reject 486", "ended 200 local; BYE 1; close"),
    ]);
}

#[test]
fn a_late_offer_is_answered_by_the_ack() {
    Rig::called("").run(&[
        ("early", ""),
        ("opened", "180"),
        ("answer", "200 sendrecv"),
        ("UPDATE sdp", "491"),
        ("ACK pcma", "configure Pcma 203.0.113.9:4000 sr; answered Pcma"),
        ("UPDATE hold", "configure Pcma 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcma"),
    ]);
}

#[test]
fn a_late_offer_whose_ack_brings_no_usable_answer_ends() {
    for ack in ["ACK", "ACK g729", "ACK junk"] {
        Rig::called("").run(&[
            ("opened", ""),
            ("answer", "200 sendrecv"),
            (ack, "ended 488 failure; BYE 1 [SIP;cause=488]; close"),
        ]);
    }
}

#[test]
fn requests_before_the_answer_must_be_the_callers_own() {
    let mut rig = Rig::called("sdp").run(&[
        ("opened", ""),
        ("BYE tag=other", "481"),
        ("BYE call-id=other", "481"),
        ("INVITE sdp", "500"),
        ("UPDATE sdp", "500"),
        ("INFO", "200"),
        ("OPTIONS", "200"),
    ]);
    assert_eq!(rig.step("PRACK"), "400");
    assert_eq!(rig.step("PRACK rack=1_1_INVITE"), "481");
    assert_eq!(rig.step("FROB"), "501");
    assert_eq!(rig.step("NOTIFY"), "481");
    assert_eq!(rig.step("SUBSCRIBE"), "405");
    let response = rig.peer.last_response.clone().expect("405");
    assert_eq!(response.headers("Allow").count(), 1);
    assert_eq!(rig.step("answer"), ANSWER);
}

#[test]
fn an_invite_that_no_dialog_can_be_made_of_starts_no_leg() {
    for (words, status) in [("sdp nocontact", 400), ("nocontact", 400), ("sdp isup", 415), ("junk", 400)] {
        assert_eq!(Rig::try_called(words).err().map(|r| r.status), Some(status), "{words}");
    }
}

/// RFC 3261 sections 13.3.1 and 20.19.
#[test]
fn an_invitation_expires_when_its_caller_says_and_not_once_it_is_answered() {
    let expired = "487; ended 487 remote; close";
    Rig::called("sdp Expires:30").run(&[
        ("opened", ""),
        ("ring", "180"),
        ("+29999", ""),
        ("+1", expired),
        ("answer", ""),
        ("closed", "closed; stop"),
    ]);
    // Whatever waits: the port, or the PRACK of what it was told.
    Rig::called("sdp Expires:1").run(&[("answer", ""), ("+1000", expired)]);
    Rig::called("sdp Expires:1 Supported:100rel").run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("+500", "183 reliable sendrecv"),
        ("+500", expired),
    ]);
    Rig::called("sdp Expires:30").run(&[("opened", ""), ("answer", ANSWER), ("ACK", ""), ("+30000", "")]);
    for never in ["", "0", "-1", "1x", "86401", "4294967296", "99999999999999999999999"] {
        let mut rig = Rig::called(&format!("sdp Expires:{never}")).run(&[("opened", "")]);
        assert_eq!(rig.leg.deadline(), None, "{never}");
        assert_eq!(rig.step("+86400000"), "", "{never}");
        assert_eq!(rig.step("answer"), ANSWER, "{never}");
    }
}

/// RFC 3261 sections 8.2.3 and 20.11.
#[test]
fn a_body_that_may_be_ignored_is_no_offer() {
    let ignored = "sdp isup Content-Disposition:signal;handling=optional";
    Rig::called(ignored).run(&[
        ("opened", ""),
        (&format!("UPDATE {ignored}"), "200"),
        ("answer", "200 sendrecv"),
        ("ACK pcma", "configure Pcma 203.0.113.9:4000 sr; answered Pcma"),
        (&format!("UPDATE {ignored}"), "200"),
        // As one without a body: the offer is ours.
        (&format!("INVITE {ignored}"), "200 sendrecv"),
        ("ACK pcma", "configure Pcma 203.0.113.9:4000 sr; renegotiated Pcma"),
        ("INVITE sdp isup Content-Disposition:signal", "415"),
        ("UPDATE sdp Content-Encoding:gzip", "415"),
    ]);
}

#[test]
fn the_record_names_what_it_takes_to_end_the_leg() {
    let mut rig = Rig::called("sdp");
    rig.effects();
    assert!(matches!(rig.peer.record, Some(RecordStage::Incoming { .. })));
    rig.step("opened");
    rig.step("answer");
    let Some(RecordStage::Confirmed { destination, .. }) = &rig.peer.record else { panic!("{:?}", rig.peer.record) };
    assert_eq!(*destination, crate::peer::address());
}

/// Promises row 17: anybody may write an INVITE in the name of another, with a third party's address in its description.
#[test]
fn a_caller_that_proved_nothing_is_sent_no_media_before_it_shows_that_it_is_there() {
    const QUIET: &str = "configure Pcmu 203.0.113.9:4000 -r";
    const NO_ACK: &str = "ended 200 failure; BYE 1 [SIP;cause=408;text=\"No ACK\"]; close";
    const THERE: &str = "configure Pcmu 203.0.113.9:4000 sr";
    let answered = format!("{QUIET}; 200 sendrecv");
    for proof in ["ACK", "rtp"] {
        Rig::called_unproved("sdp").run(&[
            ("opened", ""),
            ("answer", &answered),
            (proof, &format!("{THERE}; answered Pcmu")),
            (if proof == "ACK" { "rtp" } else { "ACK" }, ""),
            ("BYE", "200; ended 200 remote; close"),
        ]);
    }
    // Early media would be silence in place of its own ringing.
    Rig::called_unproved("sdp").run(&[("opened", ""), ("early", "180"), ("answer", &answered)]);
    // A PRACK shows it, and what was agreed early stands when the call is answered.
    Rig::called_unproved("sdp Supported:100rel").run(&[
        ("opened", ""),
        ("early", &format!("{QUIET}; 183 reliable sendrecv; progress 183 Pcmu")),
        ("PRACK rack=last", &format!("{THERE}; 200")),
        ("answer", "200; answered Pcmu"),
        ("ACK", ""),
    ]);
    // The end is told once, and first.
    Rig::called_unproved("sdp").run(&[
        ("opened", ""),
        ("answer", &answered),
        ("hangup", "ended 200 local"),
        ("rtp", THERE),
        ("ACK", "BYE 1; close"),
        ("rtp", ""),
    ]);
    Rig::called_unproved("sdp").run(&[("opened", ""), ("answer", &answered), ("+32000", NO_ACK)]);
    // Who was given our offer shows it with the answer.
    Rig::called_unproved("").run(&[
        ("opened", ""),
        ("answer", "200 sendrecv"),
        ("ACK sdp", &format!("{THERE}; answered Pcmu")),
    ]);
}
