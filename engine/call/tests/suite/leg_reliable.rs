//! Reliable provisional responses and UPDATE in early dialogs, both roles (RFC 3262, RFC 3311).

use tandem_call::leg::{Extensions, InviteSpec, MediaPolicy, Reliable};
use tandem_sip::dialog::RAck;

use crate::rig::{Rig, spec};

const CONFIGURED: &str = "configure Pcmu 203.0.113.9:4000 sr";

/// Called by somebody whose INVITE says `words`, with 100rel by this policy.
fn called(policy: Reliable, words: &str) -> Rig {
    let extensions = Extensions { reliable: policy, ..Extensions::default() };
    Rig::called_in(extensions, words, MediaPolicy::default()).unwrap_or_else(|r| panic!("refused: {r:?}"))
}

fn supported() -> Rig {
    called(Reliable::Supported, "sdp Supported:100rel Allow:UPDATE")
}

fn late() -> InviteSpec {
    InviteSpec { late_offer: true, ..spec() }
}

/// RAck of the last PRACK the leg sent.
fn rack(rig: &Rig) -> RAck {
    let (prack, _) = rig.peer.requests.last().expect("a PRACK");
    RAck::of(prack).expect("a RAck")
}

#[test]
fn early_media_is_reliable_where_the_caller_can_and_the_2xx_repeats_nothing() {
    let rig = supported().run(&[
        ("opened", ""),
        ("ring", "180"),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("PRACK rack=last", "200"),
        ("answer", "200; answered Pcmu"),
        ("ACK", ""),
        ("BYE", "200; ended 200 remote; close"),
    ]);
    drop(rig);
    // A caller that requires it gets each provisional response so.
    called(Reliable::Supported, "sdp Require:100rel").run(&[
        ("opened", ""),
        ("ring", "180 reliable"),
        ("PRACK rack=last", "200"),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
    ]);
}

#[test]
fn the_policy_decides_who_gets_reliable_responses() {
    for (policy, words, ring) in [
        (Reliable::Off, "sdp Supported:100rel", "180"),
        (Reliable::Supported, "sdp", "180"),
        (Reliable::Supported, "sdp Supported:100rel", "180"),
        (Reliable::Supported, "sdp k:timer,100rel Require:100rel", "180 reliable"),
        (Reliable::Required, "sdp Supported:100rel", "180 reliable"),
    ] {
        let mut rig = called(policy, words);
        rig.effects();
        assert_eq!(rig.step("ring"), ring, "{policy:?} {words}");
    }
    for (policy, words, status, header) in [
        (Reliable::Off, "sdp Require:100rel", 420, ("Unsupported", "100rel")),
        (Reliable::Supported, "sdp Require:100rel,precondition", 420, ("Unsupported", "precondition")),
        (Reliable::Required, "sdp", 421, ("Require", "100rel")),
    ] {
        let extensions = Extensions { reliable: policy, ..Extensions::default() };
        let refused = Rig::called_in(extensions, words, MediaPolicy::default()).err().expect("refused");
        let header = (header.0, header.1.to_owned());
        assert_eq!((refused.status, refused.headers), (status, vec![header]), "{policy:?} {words}");
    }
}

#[test]
fn a_reliable_response_repeats_at_doubling_intervals_until_its_prack() {
    let again = "183 reliable sendrecv";
    supported().run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("+499", ""),
        ("+1", again),
        ("+1000", again),
        ("+2000", again),
        ("+4000", again),
        ("+8000", again),
        ("PRACK rack=last", "200"),
        ("+16000", ""),
        ("PRACK rack=last", "481"),
    ]);
}

#[test]
fn a_reliable_response_that_is_never_acknowledged_ends_the_call() {
    supported().run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("+32000", "504; ended 504 failure; close"),
        ("PRACK rack=last", "481"),
    ]);
}

#[test]
fn a_prack_must_be_of_the_response_that_waits() {
    let mut rig = supported();
    rig.effects();
    rig.step("opened");
    rig.step("early");
    let rseq: u32 = rig.peer.last_response.as_ref().and_then(|r| r.header("RSeq")?.parse().ok()).expect("RSeq");
    for (prack, status) in [
        ("PRACK".to_owned(), "400"),
        (format!("PRACK rack={}_1_INVITE", rseq + 1), "481"),
        (format!("PRACK rack={rseq}_2_INVITE"), "481"),
        (format!("PRACK rack={rseq}_1_UPDATE"), "481"),
        (format!("PRACK rack={rseq}_1_INVITE tag=other"), "481"),
        (format!("PRACK rack={rseq}_1_INVITE source=198.51.100.66"), "481"),
        (format!("PRACK rack={rseq}_1_INVITE"), "200"),
    ] {
        assert_eq!(rig.step(&prack), status, "{prack}");
    }
}

#[test]
fn the_answer_waits_for_the_prack_of_what_carries_media() {
    supported().run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("answer", ""),
        ("early", ""),
        ("PRACK rack=last", "200; 200; answered Pcmu"),
        ("ACK", ""),
    ]);
}

#[test]
fn an_answer_that_overtakes_the_prack_of_a_mere_180_takes_that_prack_still() {
    called(Reliable::Supported, "sdp Require:100rel").run(&[
        ("opened", ""),
        ("ring", "180 reliable"),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("PRACK rack=last", "200"),
        ("PRACK rack=last", "481"),
        ("ACK", ""),
    ]);
}

#[test]
fn what_is_to_be_said_meanwhile_waits_its_turn() {
    called(Reliable::Required, "sdp Supported:100rel").run(&[
        ("opened", ""),
        ("ring", "180 reliable"),
        ("early", ""),
        ("PRACK rack=last", "200; configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("answer", ""),
        ("cancelled", "487; ended 487 remote; close"),
    ]);
}

#[test]
fn a_late_offer_goes_reliably_and_is_answered_by_the_prack() {
    called(Reliable::Supported, "Supported:100rel").run(&[
        ("opened", ""),
        ("early", "183 reliable sendrecv"),
        ("UPDATE sdp", "491"),
        ("answer", ""),
        ("PRACK pcma rack=last", "configure Pcma 203.0.113.9:4000 sr; 200; progress 183 Pcma; 200; answered Pcma"),
        ("ACK", ""),
    ]);
    for (prack, status) in
        [("PRACK rack=last", "200"), ("PRACK g729 rack=last", "488"), ("PRACK junk rack=last", "400")]
    {
        let why = if status == "400" { 400 } else { 488 };
        called(Reliable::Supported, "Supported:100rel").run(&[
            ("opened", ""),
            ("early", "183 reliable sendrecv"),
            (prack, &format!("{status}; {why}; ended {why} failure; close")),
        ]);
    }
}

/// RFC 3262 section 5: without an offer in the INVITE, the first reliable response makes it.
#[test]
fn a_reliable_180_makes_the_offer_that_the_invite_did_not() {
    for (policy, words) in [(Reliable::Supported, "Require:100rel"), (Reliable::Required, "Supported:100rel")] {
        let rig = called(policy, words).run(&[
            // It waits for the port that it speaks of.
            ("ring", ""),
            ("opened", "180 reliable sendrecv"),
            ("UPDATE sdp", "491"),
            ("answer", ""),
            ("PRACK pcma rack=last", "configure Pcma 203.0.113.9:4000 sr; 200; progress 180 Pcma; 200; answered Pcma"),
            ("ACK", ""),
            ("UPDATE hold", "configure Pcma 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcma"),
        ]);
        drop(rig);
    }
    let agreed = || {
        called(Reliable::Supported, "Require:100rel Allow:UPDATE").run(&[
            ("opened", ""),
            ("ring", "180 reliable sendrecv"),
            ("+500", "180 reliable sendrecv"),
            ("PRACK sdp rack=last", "configure Pcmu 203.0.113.9:4000 sr; 200; progress 180 Pcmu"),
        ])
    };
    // Later responses say nothing of media any more.
    agreed().run(&[
        ("early", "183 reliable; progress 183 Pcmu"),
        ("PRACK rack=last", "200"),
        ("hold", "UPDATE 1 sendonly"),
        ("200 sdp update", "configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("answer", "200; answered Pcmu"),
    ]);
    agreed().run(&[("UPDATE pcma", "configure Pcma 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcma")]);
    // Early media that is asked for meanwhile needs its PRACK first.
    called(Reliable::Supported, "Require:100rel").run(&[
        ("opened", ""),
        ("ring", "180 reliable sendrecv"),
        ("early", ""),
        (
            "PRACK sdp rack=last",
            "configure Pcmu 203.0.113.9:4000 sr; 200; progress 180 Pcmu; 183 reliable; progress 183 Pcmu",
        ),
        ("cancelled", "487; ended 487 remote; close"),
    ]);
    for (prack, status) in [("PRACK rack=last", "200; 488; ended 488"), ("PRACK g729 rack=last", "488; 488; ended 488")]
    {
        called(Reliable::Supported, "Require:100rel").run(&[
            ("opened", ""),
            ("ring", "180 reliable sendrecv"),
            (prack, &format!("{status} failure; close")),
        ]);
    }
    called(Reliable::Supported, "Require:100rel")
        .run(&[("ring", ""), ("open-failed", "503; ended 503 failure; closed; stop")]);
}

#[test]
fn the_far_ends_direction_holds_wherever_its_answer_comes() {
    for (answer, way) in [("sdp", "sr"), ("hold", "-r"), ("recvonly", "s-")] {
        let configured = format!("configure Pcmu 203.0.113.9:4000 {way}");
        called(Reliable::Supported, "Supported:100rel").run(&[
            ("opened", ""),
            ("early", "183 reliable sendrecv"),
            (&format!("PRACK {answer} rack=last"), &format!("{configured}; 200; progress 183 Pcmu")),
            ("answer", "200; answered Pcmu"),
            // The offer has its answer: what the ACK says of media says nothing.
            ("ACK pcma", ""),
            ("INVITE", "200 sendrecv"),
            (&format!("ACK {answer}"), &format!("{configured}; renegotiated Pcmu")),
        ]);
        Rig::called_unproved("Supported:100rel").run(&[
            ("opened", ""),
            ("early", "183 reliable sendrecv"),
            (&format!("PRACK {answer} rack=last"), &format!("{configured}; 200; progress 183 Pcmu")),
            ("answer", "200; answered Pcmu"),
            ("ACK", ""),
        ]);
        for rig in [called(Reliable::Off, ""), Rig::called_unproved("")] {
            rig.run(&[
                ("opened", ""),
                ("answer", "200 sendrecv"),
                (&format!("ACK {answer}"), &format!("{configured}; answered Pcmu")),
            ]);
        }
    }
}

/// RFC 3261 section 20.11: what its sender says may be passed over is, in whatever message it stands.
#[test]
fn an_optional_body_of_another_kind_says_nothing_of_media() {
    const ISUP: &str = "isup Content-Disposition:signal;handling=optional";
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        (&format!("183 sdp {ISUP}"), "progress 183"),
        (&format!("UPDATE sdp {ISUP}"), "200"),
        ("200 sdp", &format!("ACK 1; {CONFIGURED}; answered Pcmu")),
        ("hold", "INVITE 2 sendonly"),
        // As one that has no answer.
        (&format!("200 sdp {ISUP}"), "ACK 2"),
        ("UPDATE sdp", &format!("{CONFIGURED}; 200 sendrecv; renegotiated Pcmu")),
    ]);
    called(Reliable::Off, "").run(&[
        ("opened", ""),
        ("answer", "200 sendrecv"),
        (&format!("ACK sdp {ISUP}"), "ended 488 failure; BYE 1 [SIP;cause=488]; close"),
    ]);
    // One that must be understood is read for what it may be: nothing can refuse it.
    Rig::calling(spec())
        .run(&[("opened", "INVITE 1 sendrecv"), ("183 sdp isup", &format!("{CONFIGURED}; progress 183 Pcmu"))]);
}

#[test]
fn a_prack_may_make_a_further_offer_once_the_first_is_answered() {
    supported().run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("PRACK pcma rack=last", "configure Pcma 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcma"),
        ("answer", "200; answered Pcma"),
    ]);
    supported().run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu"),
        ("PRACK g729 rack=last", "488"),
        ("answer", "200; answered Pcmu"),
    ]);
}

#[test]
fn an_update_before_the_answer_needs_an_answered_offer() {
    let early = "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu";
    let rig = supported().run(&[
        ("opened", ""),
        ("UPDATE sdp", "500"),
        ("UPDATE", "200"),
        ("early", early),
        ("PRACK rack=last", "200"),
        ("UPDATE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("UPDATE g729", "488"),
        ("UPDATE junk", "400"),
        ("UPDATE sdp isup", "415"),
        ("UPDATE sdp isup Content-Disposition:signal;handling=optional", "200"),
        ("answer", "200; answered Pcmu"),
    ]);
    assert!(rig.peer.last_response.is_some_and(|r| r.header("Content-Type").is_none()));
}

#[test]
fn an_offer_of_ours_before_the_answer_goes_as_update_or_waits_for_the_answer() {
    let early = "configure Pcmu 203.0.113.9:4000 sr; 183 reliable sendrecv; progress 183 Pcmu";
    let acknowledged = || supported().run(&[("opened", ""), ("early", early), ("PRACK rack=last", "200")]);
    acknowledged().run(&[
        ("hold", "UPDATE 1 sendonly"),
        ("UPDATE sdp", "491"),
        ("200 sdp update", "configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("answer", "200; answered Pcmu"),
    ]);
    acknowledged().run(&[
        ("hold", "UPDATE 1 sendonly"),
        ("491 update", ""),
        ("answer", "200; answered Pcmu"),
        ("ACK", ""),
        ("+4000", "INVITE 2 sendonly"),
        ("200 sdp", "ACK 2; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
    ]);
    // An answer that is none leaves the session as it was.
    for answer in ["200 update", "200 junk update", "200 g729 update"] {
        acknowledged().run(&[
            ("hold", "UPDATE 1 sendonly"),
            (answer, ""),
            ("UPDATE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
            ("hold", "UPDATE 2 sendonly"),
            ("200 sdp update", "configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ]);
    }
    // Without a reliable answer there is no UPDATE.
    called(Reliable::Off, "sdp Allow:UPDATE").run(&[
        ("opened", ""),
        ("early", "configure Pcmu 203.0.113.9:4000 sr; 183 sendrecv; progress 183 Pcmu"),
        ("hold", ""),
        ("answer", "200 sendrecv; answered Pcmu"),
        ("ACK", ""),
        ("+4000", "INVITE 1 sendonly"),
    ]);
}

#[test]
fn a_reliable_response_to_our_invite_has_its_prack_in_order_and_once() {
    let rig = Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("180 Require:100rel RSeq:7", "PRACK 2; progress 180"),
        ("180 Require:100rel RSeq:7", ""),
        ("183 sdp Require:100rel RSeq:9", ""),
        ("200 prack", ""),
    ]);
    assert_eq!(rack(&rig).to_string(), "7 1 INVITE");
    let rig = rig.run(&[
        ("183 sdp Require:100rel RSeq:8", &format!("{CONFIGURED}; PRACK 3; progress 183 Pcmu")),
        ("183 sdp Require:100rel RSeq:8", ""),
    ]);
    assert_eq!(rack(&rig).to_string(), "8 1 INVITE");
    // The answer was given: what the 2xx says of media says nothing.
    rig.run(&[("200 fork", "ACK 1; answered Pcmu"), ("hangup", "ended 200 local; BYE 4; close")]);
}

#[test]
fn without_the_extension_a_reliable_response_is_taken_for_an_ordinary_one() {
    let off = Extensions { reliable: Reliable::Off, ..Extensions::default() };
    let rig = Rig::calling_in(off, spec())
        .run(&[("opened", "INVITE 1 sendrecv"), ("180 Require:100rel RSeq:7", "progress 180")]);
    assert_eq!(rig.peer.invite().header("Supported"), Some("timer, replaces, norefersub, 199"));
    let required = Extensions { reliable: Reliable::Required, ..Extensions::default() };
    let rig = Rig::calling_in(required, spec()).run(&[("opened", "INVITE 1 sendrecv")]);
    assert_eq!(rig.peer.invite().header("Require"), Some("100rel"));
}

#[test]
fn an_offer_in_a_reliable_response_is_answered_in_the_prack() {
    let rig = Rig::calling(late()).run(&[
        ("opened", "INVITE 1"),
        ("183 sdp", "progress 183"),
        ("183 sdp Require:100rel RSeq:1", &format!("{CONFIGURED}; PRACK 2 sendrecv; progress 183 Pcmu")),
        ("200 prack", ""),
        ("200", "ACK 1; answered Pcmu"),
    ]);
    assert!(rig.peer.invite().body().is_empty());
    Rig::calling(late()).run(&[
        ("opened", "INVITE 1"),
        ("200 pcma", "configure Pcma 203.0.113.9:4000 sr; ACK 1 sendrecv; answered Pcma"),
        ("200 pcma", "ACK 1 sendrecv"),
    ]);
    for answer in ["200", "200 g729", "200 junk"] {
        Rig::calling(late())
            .run(&[("opened", "INVITE 1"), (answer, "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close")]);
    }
}

#[test]
fn an_early_dialog_takes_and_makes_updates_once_its_offer_is_answered() {
    let early = format!("{CONFIGURED}; PRACK 2; progress 183 Pcmu");
    let calling = || {
        Rig::calling(spec()).run(&[
            ("opened", "INVITE 1 sendrecv"),
            ("183 sdp Require:100rel RSeq:1 Allow:UPDATE", &early),
            ("200 prack", ""),
        ])
    };
    calling().run(&[
        ("UPDATE pcma", "configure Pcma 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcma"),
        ("UPDATE cseq=2 sdp", "500"),
        ("UPDATE tag=unheard sdp", "491"),
        ("hold", "UPDATE 3 sendonly"),
        ("UPDATE sdp", "491"),
        ("200 sdp update", "configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
        ("200", "ACK 1; answered Pcmu"),
    ]);
    calling().run(&[
        ("hold", "UPDATE 3 sendonly"),
        ("update-timeout", ""),
        ("200", "ACK 1; answered Pcmu"),
        ("+0", "INVITE 4 sendonly"),
    ]);
}
