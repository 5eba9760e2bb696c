//! Row 12: requests that name a call and are not of its parties.

use std::time::Duration;

use crate::common::{Call, Message, alone, audio};
use crate::stranger::Stranger;
use crate::target::Target;

/// What somebody who overheard a call, or guesses, puts into a request.
struct Forgery {
    what: &'static str,
    from: String,
    to: String,
    via: Option<String>,
    cseq: u32,
}

fn forgeries(call: &Call) -> Vec<Forgery> {
    let (local, remote) = (call.local.clone(), call.remote.clone());
    let wrong = |value: &str| format!("{};tag=wrong", value.split(";tag=").next().unwrap_or_default());
    let cseq = call.cseq + 10;
    vec![
        Forgery { what: "a wrong To tag", from: local.clone(), to: wrong(&remote), via: None, cseq },
        Forgery { what: "a wrong From tag", from: wrong(&local), to: remote.clone(), via: None, cseq },
        Forgery { what: "both tags wrong", from: wrong(&local), to: wrong(&remote), via: None, cseq },
        Forgery { what: "the tags swapped", from: remote.clone(), to: local.clone(), via: None, cseq },
        Forgery {
            what: "no From tag",
            from: local.split(";tag=").next().unwrap_or_default().into(),
            to: remote.clone(),
            via: None,
            cseq,
        },
        Forgery { what: "an old CSeq", from: local.clone(), to: remote.clone(), via: None, cseq: 0 },
    ]
}

#[test]
fn forged_requests_within_a_call_are_refused_and_the_call_keeps_its_sound() {
    let _turn = alone();
    let mut target = Target::start();
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    let mut stranger = target.stranger(0x0c01);
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "PRACK", "MESSAGE"] {
        for forged in forgeries(&call) {
            let mut headers = format!(
                "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n",
                forged.from, forged.to, call.call_id, forged.cseq
            );
            headers.push_str(&forged.via.unwrap_or_default());
            headers.push_str("Refer-To: <sip:+19005551234@127.0.0.1>\r\nRAck: 1 1 INVITE\r\nEvent: refer\r\nSubscription-State: active\r\n");
            let body = if matches!(method, "INVITE" | "UPDATE") { stranger.sdp() } else { String::new() };
            let reply = stranger.answer(&stranger.request(method, &call.target, &headers, &body));
            assert!(
                matches!(reply.status(), 400 | 403 | 405 | 481 | 489 | 500 | 501),
                "{method} with {}: {}",
                forged.what,
                reply.start
            );
            if forged.what.contains("tag")
                && !forged.what.contains("no From")
                && matches!(method, "BYE" | "INVITE" | "UPDATE" | "INFO")
            {
                assert_eq!(reply.status(), 481, "{method} with {}", forged.what);
            }
        }
    }
    // CANCEL of an INVITE that was answered, and a stray 200 with a description of the forger's own.
    let via = call.invite.header("Via").to_owned();
    let cancel = cancel_of(&stranger, &call, &via);
    stranger.say(cancel.as_bytes());
    for to in [&call.invite, &rung.invite] {
        let stray = stray_response(&stranger, to, "200 OK", &rung.local);
        stranger.say(stray.as_bytes());
    }
    sound_goes_through(&call, &rung);
    assert_eq!(target.alice.hang_up(&mut call).status(), 200, "the call was still there");
    target.bob.hung_up(&rung);
    target.unharmed("after forged requests");
}

/// The branch of our request is all that a response needs, and whoever overheard the request has it.
#[test]
fn an_answer_from_who_was_not_asked_neither_takes_a_call_nor_ends_it() {
    let _turn = alone();
    let mut target = Target::start();
    let mut stranger = target.stranger(0x0c03);
    for status in
        ["200 OK", "302 Moved", "407 Proxy Authentication Required", "486 Busy Here", "487 Terminated", "603 No"]
    {
        for tag in ["his own", "the callee's"] {
            let mut call = target.alice.invite(&target.bob.uri());
            let mut rung = target.bob.ringing();
            let to = match tag {
                "his own" => format!("{};tag=stranger", rung.invite.header("To")),
                _ => rung.local.clone(),
            };
            let stray = stray_response(&stranger, &rung.invite, status, &to);
            stranger.say(stray.as_bytes());
            // A carrier's address is no better, for it was not asked either.
            target.trunk.send(&stray);
            assert!(stranger.hear(Duration::from_millis(200)).is_none(), "{status}, {tag}: no ACK");
            target.bob.answer_call(&mut rung);
            target.alice.connected(&mut call);
            assert_eq!(target.alice.hang_up(&mut call).status(), 200, "{status}, {tag}");
            target.bob.hung_up(&rung);
        }
    }
    // The same for a re-INVITE of ours, which hold brings.
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    for (asked, given) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        assert_eq!(target.alice.reinvite(&mut call, asked).status(), 200);
        let invite = target.bob.expect("INVITE", &rung);
        let stray = stray_response(&stranger, &invite, "200 OK", &rung.local);
        stranger.say(stray.as_bytes());
        assert!(stranger.hear(Duration::from_millis(200)).is_none(), "no ACK of {asked}");
        let sdp = rung.media.sdp(given);
        target.bob.reply(&rung, &invite, 200, "OK", &sdp);
        target.bob.expect("ACK", &rung);
    }
    sound_goes_through(&call, &rung);
    assert_eq!(target.alice.hang_up(&mut call).status(), 200);
    target.bob.hung_up(&rung);
    target.unharmed("after answers from elsewhere");
}

#[test]
fn a_cancel_from_elsewhere_or_for_another_branch_stops_no_ringing() {
    let mut target = Target::start();
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    let mut stranger = target.stranger(0x0c02);
    let right = call.invite.header("Via").to_owned();
    for via in [
        right.clone(),
        right.replace("z9hG4bK", "z9hG4bKother"),
        format!("SIP/2.0/UDP {};rport;branch=z9hG4bKx", stranger.address),
    ] {
        let cancel = cancel_of(&stranger, &call, &via);
        stranger.say(cancel.as_bytes());
        // Responses to the first go to the port in Via; what counts is that the call rings on.
        let reply = stranger.hear(Duration::from_millis(300));
        assert!(reply.as_ref().is_none_or(|r| r.status() == 481), "{via}: {reply:?}");
    }
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    assert_eq!(target.alice.hang_up(&mut call).status(), 200);
    target.bob.hung_up(&rung);
    target.unharmed("after forged CANCELs");
}

/// A response to what the stranger overheard, with a description of its own.
fn stray_response(stranger: &Stranger, request: &Message, status: &str, to: &str) -> String {
    let sdp = stranger.sdp();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:x@{}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        request.header("Via"),
        request.header("From"),
        request.call_id(),
        request.header("CSeq"),
        stranger.address,
        sdp.len(),
    )
}

fn cancel_of(stranger: &Stranger, call: &Call, via: &str) -> String {
    let headers = format!(
        "Via: {via}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} CANCEL\r\n",
        call.local,
        call.invite.header("To"),
        call.call_id,
        call.cseq
    );
    stranger.request("CANCEL", call.invite.request_uri(), &headers, "")
}

fn sound_goes_through(call: &Call, rung: &Call) {
    let before = rung.media.heard().len();
    let words = audio::sweep(1.0, 400.0, 1_800.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(1_500));
    let heard = rung.media.heard();
    assert!(audio::likeness(&words, &heard[before..]) >= 0.85);
}
