//! Offers within a session: hold by every known way, resume, glare, refusals (RFC 3261 section 14, RFC 3264 section 8,
//! RFC 3311, RFC 6141), and requests that are not what they claim.

use tandem_call::leg::{Extensions, MediaPolicy, RecordStage};

use crate::rig::{Rig, spec};

const ANSWER: &str = "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu";
const AGAIN: &str = "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu";

fn called() -> Rig {
    Rig::called("sdp").run(&[("opened", ""), ("answer", ANSWER), ("ACK", "")])
}

fn calling() -> Rig {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
    ])
}

#[test]
fn every_known_way_of_hold_holds_and_lets_go() {
    for (hold, configured) in [
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("INVITE inactive", "configure Pcmu nowhere --; 200 inactive; renegotiated Pcmu"),
        ("INVITE hold-2543", "configure Pcmu nowhere -r; 200 recvonly; renegotiated Pcmu"),
    ] {
        for rig in [called(), calling()] {
            let mut rig = rig.run(&[(hold, configured), ("ACK", ""), ("INVITE sdp", AGAIN), ("ACK", "")]);
            let update = hold.replace("INVITE", "UPDATE");
            assert_eq!(rig.step(&update), configured);
            assert_eq!(rig.step("UPDATE sdp"), AGAIN);
        }
    }
}

#[test]
fn we_hold_take_back_and_change_the_codec() {
    calling().run(&[
        ("hold", "INVITE 2 sendonly"),
        ("100", ""),
        ("200 sdp", "ACK 2; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("200 sdp", "ACK 2"),
        // What the far end offers meanwhile is answered from hold.
        ("UPDATE sdp", "configure Pcmu 203.0.113.9:4000 s-; 200 sendonly; renegotiated Pcmu"),
        ("resume", "INVITE 3 sendrecv"),
        ("200 sdp", "ACK 3; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
        ("to-pcma", "INVITE 4 sendrecv"),
        ("200 pcma", "ACK 4; configure Pcma 203.0.113.9:4000 sr; renegotiated Pcma"),
    ]);
}

#[test]
fn a_hold_answered_with_port_0_is_one_without_media_and_is_taken_back() {
    for (words, direction) in [("hold", "sendonly"), ("mute", "inactive")] {
        let put_away = "ACK 2; configure Pcmu nowhere --; renegotiated Pcmu";
        let held = || calling().run(&[(words, &format!("INVITE 2 {direction}")), ("200 declined", put_away)]);
        let rig = held().run(&[("resume", "INVITE 3 sendrecv")]);
        let (resumed, _) = rig.peer.requests.last().expect("a re-INVITE");
        assert!(String::from_utf8_lossy(resumed.body()).contains("\r\nm=audio 20000 RTP/AVP"), "{resumed:?}");
        rig.run(&[
            ("200 sdp", "ACK 3; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
            ("BYE", "200; ended 200 remote; close"),
        ]);
        // The far end takes it up by itself; we hold it still.
        let from =
            if words == "hold" { "203.0.113.9:4000 s-; 200 sendonly" } else { "203.0.113.9:4000 --; 200 inactive" };
        held().run(&[("UPDATE sdp", &format!("configure Pcmu {from}; renegotiated Pcmu"))]);
        // Whoever takes no audio when it is to be heard has no call.
        held().run(&[
            ("resume", "INVITE 3 sendrecv"),
            ("200 declined", "ACK 3; ended 488 failure; BYE 4 [SIP;cause=488]; close"),
        ]);
    }
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 declined", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
    ]);
}

/// RFC 3264 sections 6 and 8.2: without media the dialog goes on, and an offer with a port is heard again.
#[test]
fn audio_that_the_far_end_puts_away_rests_until_either_takes_it_up() {
    let away = "configure Pcmu nowhere --; 200 sdp; renegotiated Pcmu";
    let media = |rig: &Rig| {
        let answer = rig.peer.last_response.as_ref().expect("a response");
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect::<Vec<_>>()
    };
    for rig in [called(), calling()] {
        let rig = rig.run(&[
            ("INVITE declined", away),
            ("ACK", ""),
            ("INVITE declined", away),
            ("ACK", ""),
            ("UPDATE declined", away),
        ]);
        assert_eq!(media(&rig), ["m=audio 0 RTP/AVP 0"]);
        let rig = rig.run(&[("INVITE sdp", AGAIN), ("ACK", ""), ("BYE", "200; ended 200 remote; close")]);
        drop(rig);
    }
    // It holds as before, by its own word or by ours.
    called().run(&[
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK", ""),
        ("INVITE declined", away),
        ("ACK", ""),
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
    ]);
    called().run(&[
        ("hold", "INVITE 1 sendonly"),
        ("200 declined", "ACK 1; configure Pcmu nowhere --; renegotiated Pcmu"),
        ("INVITE declined", away),
        ("ACK", ""),
        ("resume", "INVITE 2 sendrecv"),
        ("200 sdp", "ACK 2; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
    ]);
    // What we offer meanwhile may find it away still; asked for an offer, we make one with a port.
    called().run(&[
        ("UPDATE declined", away),
        ("to-pcma", "INVITE 1 sendrecv"),
        ("200 declined", "ACK 1; configure Pcmu nowhere --; renegotiated Pcmu"),
        ("INVITE", "200 sendrecv"),
        ("ACK sdp", "configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
    ]);
    // Put away while we held it, by a user who holds too: what we take up again waits for that user.
    called().run(&[
        ("hold", "INVITE 1 sendonly"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("INVITE declined", away),
        ("ACK", ""),
        ("resume", "INVITE 2 sendrecv"),
        ("200 declined", "ACK 2; configure Pcmu nowhere --; renegotiated Pcmu"),
        ("INVITE sdp", AGAIN),
    ]);
    // For fax in place of audio there is nothing here: audio goes on.
    called().run(&[("INVITE fax", "488"), ("ACK", ""), ("OPTIONS", "200")]);
    Rig::called("declined").run(&[("opened", ""), ("answer", "488; ended 488 failure; close")]);
}

#[test]
fn a_re_invite_that_fails_leaves_the_session_as_it_was() {
    for refusal in ["488", "403", "415", "503"] {
        let rig = called().run(&[
            ("hold", "INVITE 1 sendonly"),
            (refusal, ""),
            ("+4000", ""),
            // Not on hold: theirs is answered in full.
            ("UPDATE sdp", AGAIN),
        ]);
        drop(rig);
    }
    called().run(&[
        ("hold", "INVITE 1 sendonly"),
        ("500 Retry-After:3", ""),
        ("+2999", ""),
        ("+1", "INVITE 2 sendonly"),
        ("481", "ended 481 failure; BYE 3; close"),
    ]);
    called().run(&[("to-pcma", "INVITE 1 sendrecv"), ("481", "ended 481 failure; BYE 2; close")]);
}

/// RFC 3261 sections 12.2.1.2 and 14.1: silence is a 408, and that ends the dialog, whatever was asked.
#[test]
fn a_far_end_that_does_not_answer_a_hold_has_lost_the_dialog() {
    for silence in ["timeout", "408"] {
        called().run(&[("hold", "INVITE 1 sendonly"), (silence, "ended 408 failure; BYE 2; close")]);
        called().run(&[
            ("hold", "INVITE 1 sendonly"),
            ("200 recvonly", "ACK 1; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
            ("resume", "INVITE 2 sendrecv"),
            (silence, "ended 408 failure; BYE 3; close"),
        ]);
    }
}

#[test]
fn what_would_change_nothing_is_not_offered() {
    called().run(&[
        ("resume", ""),
        ("hold", "INVITE 1 sendonly"),
        ("hold", ""),
        ("200 recvonly", "ACK 1; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("mute", "INVITE 2 inactive"),
        ("488", ""),
        ("hold", ""),
        ("resume", "INVITE 3 sendrecv"),
        ("200 sdp", "ACK 3; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
        // Over before the far end has room for it.
        ("INVITE sdp", AGAIN),
        ("hold", ""),
        ("resume", ""),
        ("ACK", ""),
        ("+2000", ""),
    ]);
}

#[test]
fn offers_that_cross_are_both_refused_and_the_callers_comes_later() {
    let crossed = |rig: Rig, cseq: u32| {
        rig.run(&[
            ("hold", &format!("INVITE {cseq} sendonly")),
            ("INVITE sdp", "491"),
            ("INVITE", "491"),
            ("UPDATE sdp", "491"),
            ("UPDATE", "200"),
            ("491", ""),
        ])
    };
    // RFC 3261 section 14.1: who was called waits up to 2 s,
    crossed(called(), 1).run(&[("+2000", "INVITE 2 sendonly")]);
    // who called 2.1 to 4 s.
    crossed(calling(), 2).run(&[("+2099", ""), ("+1901", "INVITE 3 sendonly")]);
    // Theirs comes first then.
    crossed(calling(), 2).run(&[("INVITE sdp", AGAIN), ("ACK", ""), ("+4000", "INVITE 3 sendonly")]);
}

#[test]
fn a_target_moves_with_a_re_invite_that_is_accepted_and_stays_with_one_that_is_not() {
    let target = |rig: &Rig| match &rig.peer.record {
        Some(RecordStage::Confirmed { dialog, .. }) => dialog.remote_target.clone(),
        other => panic!("{other:?}"),
    };
    let rig = called().run(&[("INVITE sdp contact=<sip:alice@203.0.113.9:5070>", AGAIN), ("ACK", "")]);
    assert_eq!(target(&rig), "sip:alice@203.0.113.9:5070");
    // RFC 6141 section 4.1.
    let rig = rig.run(&[
        ("INVITE g729 contact=<sip:alice@203.0.113.9:5080>", "488"),
        ("hangup", "ended 200 local; BYE 1 @UDP:203.0.113.9:5070; close"),
    ]);
    drop(rig);
}

#[test]
fn what_is_required_and_not_here_is_refused_and_the_call_goes_on() {
    let mut rig = called().run(&[("INVITE sdp Require:precondition", "420")]);
    assert_eq!(rig.peer.last_response.as_ref().and_then(|r| r.header("Unsupported")), Some("precondition"));
    assert_eq!(rig.step("INVITE sdp Require:timer"), AGAIN);
    for (request, status) in [("MESSAGE", "405"), ("PUBLISH", "405"), ("FROB", "501")] {
        assert_eq!(rig.step(request), status, "{request}");
        let allow = rig.peer.last_response.as_ref().and_then(|r| r.header("Allow").map(str::to_owned));
        assert!(allow.is_some_and(|allow| allow.contains("PRACK") && allow.contains("UPDATE")), "{request}");
    }
    assert_eq!(rig.step("SUBSCRIBE"), "489");
    assert_eq!(rig.step("NOTIFY"), "481");
    assert_eq!(rig.step("PRACK rack=1_1_INVITE"), "481");
}

/// A carrier of several addresses. What one request came from, no other may for that.
#[test]
fn what_comes_from_an_address_written_down_for_the_far_end_is_its_own_where_the_tags_are() {
    let mut rig = called();
    let mut listed = |words: &str| {
        let input = rig.peer.says(words);
        rig.leg.handle_listed(rig.now, input);
        let said = rig.effects();
        (said, rig.step("OPTIONS source=198.51.100.66"))
    };
    assert_eq!(listed("BYE tag=forged source=198.51.100.66"), ("481".into(), "481".into()));
    assert_eq!(listed("INFO source=198.51.100.66"), ("200".into(), "481".into()));
    assert_eq!(listed("BYE source=198.51.100.66").0, "200; ended 200 remote; close");
}

/// Promises row 12. The right Call-ID, or all of it from elsewhere, moves nothing.
#[test]
fn forged_requests_get_481_and_the_call_goes_on() {
    for rig in [called(), calling()] {
        let mut rig = rig;
        for method in ["BYE", "INVITE sdp", "UPDATE sdp", "INFO signal=5", "OPTIONS"] {
            for forgery in ["tag=forged", "call-id=forged", "source=198.51.100.66"] {
                assert_eq!(rig.step(&format!("{method} {forgery}")), "481", "{method} {forgery}");
            }
        }
        assert_eq!(
            rig.step("BYE cseq=1"),
            if rig.peer.requests.is_empty() { "500" } else { "200; ended 200 remote; close" }
        );
    }
    // An ACK of somebody else's is none.
    Rig::called("").run(&[
        ("opened", ""),
        ("answer", "200 sendrecv"),
        ("ACK fork tag=forged", ""),
        ("ACK sdp", "configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
    ]);
    let open = Extensions { known_sources_only: false, ..Extensions::default() };
    let roams = Rig::called_in(open, "sdp", MediaPolicy::default()).unwrap_or_else(|r| panic!("{r:?}"));
    roams.run(&[("opened", ""), ("answer", ANSWER), ("ACK", ""), ("INVITE sdp source=198.51.100.66", AGAIN)]);
}

/// RFC 3261 section 12.2.2 proves by tags alone; a name in Contact leads to addresses that may use them.
#[test]
fn a_far_end_that_is_named_by_host_is_known_by_where_the_name_leads() {
    let talking = |name: &str| {
        let words = format!("sdp nocontact Contact:<sip:alice@{name}>");
        Rig::called(&words).run(&[("opened", ""), ("answer", ANSWER), ("ACK", "")])
    };
    const ELSEWHERE: &str = "OPTIONS source=198.51.100.7";
    const LOOKS: &str = "look-up sip:alice@phones.test";
    talking("phones.test").run(&[
        ("OPTIONS", "200"),
        ("BYE tag=forged source=198.51.100.7", "481"),
        (ELSEWHERE, LOOKS),
        (ELSEWHERE, ""),
        ("OPTIONS source=198.51.100.66", ""),
        ("resolved 198.51.100.8 198.51.100.7", "200; 200; 481"),
        ("BYE source=198.51.100.66", "481"),
        ("INFO source=198.51.100.8", "200"),
        ("BYE source=198.51.100.7", "200; ended 200 remote; close"),
    ]);
    // A name that leads nowhere makes nobody known. It may lead somewhere the next time, as often as is borne.
    let lost = [(ELSEWHERE, LOOKS), ("unresolved", "481")];
    let steps = [&lost.repeat(3)[..], &[(ELSEWHERE, LOOKS), ("resolved 198.51.100.7", "200")]].concat();
    talking("phones.test").run(&steps);
    let steps = [&lost.repeat(8)[..], &[(ELSEWHERE, "481"), ("BYE", "200; ended 200 remote; close")]].concat();
    talking("phones.test").run(&steps);
    // Nobody is called over WebSocket: its addresses are what is asked for.
    for (name, uri) in [
        ("phones.test:5066;transport=ws", "sip:phones.test:5066;transport=tcp"),
        ("phones.test;transport=wss", "sip:phones.test:443;transport=tcp"),
        ("phones.test;transport=tls", "sip:alice@phones.test;transport=tls"),
    ] {
        talking(name).run(&[(ELSEWHERE, &format!("look-up {uri}"))]);
    }
    talking("phones.invalid").run(&[(ELSEWHERE, "481")]);
    // No more wait than there is room for, and none longer than the call.
    talking("phones.test").run(&[
        (ELSEWHERE, LOOKS),
        ("BYE source=198.51.100.7", ""),
        (ELSEWHERE, ""),
        (ELSEWHERE, ""),
        (ELSEWHERE, "481"),
        ("hangup", "ended 200 local; BYE 1; 481; 200; 481; 481; close"),
        ("resolved 198.51.100.7", ""),
        ("200 bye", ""),
        ("closed", "closed; stop"),
    ]);
    // Before the answer too, and the first that ends the call leaves the rest to be told so.
    let rig = Rig::called("sdp nocontact Contact:<sip:alice@phones.test>").run(&[("opened", ""), ("ring", "180")]);
    rig.run(&[
        ("BYE source=198.51.100.7", LOOKS),
        (ELSEWHERE, ""),
        ("resolved 198.51.100.7", "200; 487; ended 487 remote; close; 481"),
    ]);
}

#[test]
fn a_reason_reaches_the_end_of_the_leg_and_ours_the_far_end() {
    called().run(&[("BYE Reason:Q.850;cause=16", "200; ended 200 remote [Q.850;cause=16]; close")]);
    Rig::called("sdp").run(&[
        ("opened", ""),
        (
            "cancelled SIP;cause=200;text=\"Call completed elsewhere\"",
            "487; ended 487 remote [SIP;cause=200;text=\"Call completed elsewhere\"]; close",
        ),
    ]);
    Rig::called("sdp")
        .run(&[("opened", ""), ("BYE Reason:Q.850;cause=31", "200; 487; ended 487 remote [Q.850;cause=31]; close")]);
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("503 Reason:Q.850;cause=34", "ended 503 remote [Q.850;cause=34]; close"),
    ]);
    let rig = Rig::calling(spec())
        .run(&[("opened", "INVITE 1 sendrecv"), ("hangup SIP;cause=200", "ended 487 local; CANCEL")]);
    assert_eq!(rig.peer.cancel_reason.as_deref(), Some("SIP;cause=200"));
}

#[test]
fn a_ringing_call_tells_its_proxies_so_each_minute() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("+70000", ""),
        ("ring", "180"),
        ("+61000", "180"),
        ("+61000", "180"),
        ("answer", ANSWER),
    ]);
}

#[test]
fn a_hang_up_while_our_offer_is_out_acknowledges_its_answer() {
    called().run(&[
        ("hold", "INVITE 1 sendonly"),
        ("hangup", "ended 200 local; BYE 2; close"),
        ("200 sdp", "ACK 1"),
        ("200 sdp", "ACK 1"),
        ("200 bye", ""),
        ("closed", "closed; stop"),
    ]);
}
