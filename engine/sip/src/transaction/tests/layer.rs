//! The layer's own rules: matching, 100, CANCEL, destinations, limits, failures.

use std::time::Duration;

use super::*;

const UDP: Transport = Transport::Udp;
const MS: Duration = Duration::from_millis(1);

fn start_line_of(message: &Message) -> String {
    start_line(message.bytes())
}

/// Bob's layer with alice's INVITE in it.
fn ringing() -> (TransactionLayer, ServerKey) {
    let mut bobs = layer();
    bobs.handle_message(T, invite("z9hG4bKi"), alice(UDP), bob(UDP));
    let key = server_key(&mut bobs);
    (bobs, key)
}

#[test]
fn an_invite_is_sent_at_doubling_intervals_and_then_times_out() {
    let mut layer = layer();
    layer.request(T, invite("z9hG4bKi"), bob(UDP)).unwrap();
    assert_eq!(sent(&mut layer), ["INVITE sip:bob@192.0.2.2 SIP/2.0"]);
    let times: Vec<u64> = run(&mut layer, T, T + T1_64).into_iter().map(|(ms, _)| ms).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(told(&mut layer), ["timeout", "terminated"]);
    assert!(layer.is_empty() && layer.deadline().is_none());
}

#[test]
fn other_requests_are_sent_at_intervals_of_four_seconds_at_most() {
    let mut layer = layer();
    layer.request(T, request("OPTIONS", "z9hG4bKo", 1, ""), bob(UDP)).unwrap();
    sent(&mut layer);
    let times: Vec<u64> = run(&mut layer, T, T + T1_64).into_iter().map(|(ms, _)| ms).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(told(&mut layer), ["timeout", "terminated"]);
}

#[test]
fn nothing_is_repeated_over_a_reliable_transport() {
    for transport in [Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
        let mut alices = layer();
        alices.request(T, invite("z9hG4bKi"), bob(transport)).unwrap();
        sent(&mut alices);
        assert_eq!(run(&mut alices, T, T + T1_64), []);
        let mut bobs = layer();
        bobs.handle_message(T, invite("z9hG4bKi"), alice(transport), bob(transport));
        let key = server_key(&mut bobs);
        assert!(bobs.respond(T, key, &response(&invite("z9hG4bKi"), 486, "bt")));
        sent(&mut bobs);
        assert_eq!(run(&mut bobs, T, T + T1_64), []);
        assert_eq!(told(&mut bobs), ["ack timeout", "terminated"]);
    }
}

#[test]
fn a_silent_user_gets_a_100_sent_after_200_ms_and_a_quick_one_none() {
    let (mut bobs, _) = ringing();
    assert_eq!(run(&mut bobs, T, T + T1_64), [(200, "SIP/2.0 100 Trying".to_owned())]);
    bobs.handle_message(T + T1_64, invite("z9hG4bKi"), alice(UDP), bob(UDP));
    assert_eq!(sent(&mut bobs), ["SIP/2.0 100 Trying"], "and again when the INVITE comes again");
    assert_eq!(told(&mut bobs), [""; 0]);

    let (mut bobs, key) = ringing();
    bobs.respond(T, key, &response(&invite("z9hG4bKi"), 180, "bt"));
    assert_eq!(sent(&mut bobs), ["SIP/2.0 180 Ringing"]);
    assert_eq!(run(&mut bobs, T, T + T1_64), []);

    let mut eager = TransactionLayer::new(Config { trying_after: Duration::ZERO, ..Config::new([7; 16]) });
    eager.handle_message(T, invite("z9hG4bKi"), alice(UDP), bob(UDP));
    assert_eq!(sent(&mut eager), ["SIP/2.0 100 Trying"]);
}

#[test]
fn responses_go_where_the_via_says_over_udp_and_back_over_a_connection() {
    let source = |transport| Endpoint::new(transport, ([198, 51, 100, 9], 4444).into());
    let at = |port| Endpoint::new(UDP, ([198, 51, 100, 9], port).into());
    for (via, transport, expected) in [
        ("192.0.2.1:5070", UDP, at(5070)),
        ("192.0.2.1", UDP, at(5060)),
        ("192.0.2.1:5070;rport", UDP, at(4444)),
        ("192.0.2.1:5070;maddr=203.0.113.7", UDP, at(5070)),
        ("192.0.2.1:5070;maddr=203.0.113.7;rport", UDP, at(4444)),
        ("192.0.2.1:5070", Transport::Tcp, source(Transport::Tcp)),
        ("client.invalid", Transport::Wss, source(Transport::Wss)),
    ] {
        let text = String::from_utf8(request("OPTIONS", "z9hG4bKo", 1, "").bytes().to_vec()).unwrap();
        let text = text.replace("192.0.2.1:5060", via).replace("SIP/2.0/UDP", &format!("SIP/2.0/{transport}"));
        let options = Message::parse(Bytes::from(text)).unwrap();
        let mut bobs = layer();
        bobs.handle_message(T, options.clone(), source(transport), bob(transport));
        let key = server_key(&mut bobs);
        bobs.respond(T, key, &response(&options, 200, "bt"));
        let transmit = bobs.poll_transmit().unwrap();
        assert_eq!((transmit.to, transmit.local), (expected, Some(bob(transport))), "{via}");
    }
}

#[test]
fn branch_sent_by_and_method_tell_transactions_apart() {
    let base = request("OPTIONS", "z9hG4bKo", 1, "");
    let text = String::from_utf8(base.bytes().to_vec()).unwrap();
    for (name, other, same) in [
        ("again", text.clone(), true),
        ("another parameter", text.replace("192.0.2.1:5060;", "192.0.2.1:5060;x=1;"), true),
        ("other branch", text.replace("z9hG4bKo", "z9hG4bKp"), false),
        ("other port", text.replace("192.0.2.1:5060", "192.0.2.1:5061"), false),
        ("other host", text.replace("192.0.2.1:5060", "192.0.2.3:5060"), false),
        ("other method", text.replace("OPTIONS", "MESSAGE"), false),
    ] {
        let mut bobs = layer();
        bobs.handle_message(T, base.clone(), alice(UDP), bob(UDP));
        told(&mut bobs);
        bobs.handle_message(T, Message::parse(Bytes::from(other)).unwrap(), alice(UDP), bob(UDP));
        assert_eq!(told(&mut bobs).is_empty(), same, "{name}");
    }
}

/// RFC 3261 section 17.2.3, for peers without branch.
#[test]
fn a_peer_of_rfc_2543_is_matched_by_all_the_rest() {
    let old = |m: &Message| {
        let text = String::from_utf8(m.bytes().to_vec()).unwrap().replace(";branch=z9hG4bKi", "");
        Message::parse(Bytes::from(text)).unwrap()
    };
    let mut bobs = layer();
    bobs.handle_message(T, old(&invite("z9hG4bKi")), alice(UDP), bob(UDP));
    let key = server_key(&mut bobs);
    bobs.handle_message(T, old(&invite("z9hG4bKi")), alice(UDP), bob(UDP));
    assert_eq!(told(&mut bobs), [""; 0], "the same INVITE");
    bobs.respond(T, key, &response(&old(&invite("z9hG4bKi")), 486, "bt"));
    let ack = |tag: &str| {
        let text = String::from_utf8(old(&request("ACK", "z9hG4bKi", 1, "")).bytes().to_vec()).unwrap();
        Message::parse(Bytes::from(text.replace("To: <sip:bob@h>", &format!("To: <sip:bob@h>;tag={tag}")))).unwrap()
    };
    bobs.handle_message(T, ack("other"), alice(UDP), bob(UDP));
    assert_eq!(told(&mut bobs), ["ack"], "of another response");
    bobs.handle_message(T, ack("bt"), alice(UDP), bob(UDP));
    sent(&mut bobs);
    assert_eq!(run(&mut bobs, T, T + T4), []);
    assert_eq!(told(&mut bobs), ["terminated"]);
    let next = String::from_utf8(old(&invite("z9hG4bKi")).bytes().to_vec()).unwrap().replace("CSeq: 1", "CSeq: 2");
    bobs.handle_message(T, Message::parse(Bytes::from(next)).unwrap(), alice(UDP), bob(UDP));
    assert_eq!(told(&mut bobs), ["request INVITE"]);
}

/// RFC 3261 section 17.1.1.3.
#[test]
fn the_ack_of_a_failure_is_made_here_and_repeated_with_it() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    alices.request(T, original.clone(), bob(UDP)).unwrap();
    drain(&mut alices);
    for round in 0..3 {
        alices.handle_message(T, response(&original, 486, "bt"), bob(UDP), alice(UDP));
        let transmits = drain(&mut alices);
        assert_eq!(transmits.len(), 1, "{round}");
        let ack = Message::parse(transmits[0].bytes.clone()).unwrap();
        assert_eq!(start_line_of(&ack), "ACK sip:bob@192.0.2.2 SIP/2.0");
        assert_eq!((ack.via().branch(), ack.vias().count()), (Some("z9hG4bKi"), 1));
        assert_eq!((ack.to_tag(), ack.from_tag(), ack.cseq().number), (Some("bt"), Some("at"), 1));
        assert_eq!((ack.header("Route"), ack.call_id()), (Some("<sip:proxy;lr>"), "call"));
    }
    assert_eq!(told(&mut alices), ["response 486"], "passed up once");
}

#[test]
fn each_2xx_of_an_invite_goes_up_for_32_seconds_and_then_is_dropped() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    alices.request(T, original.clone(), bob(UDP)).unwrap();
    for tag in ["b1", "b1", "b2"] {
        alices.handle_message(T, response(&original, 200, tag), bob(UDP), alice(UDP));
    }
    assert_eq!(told(&mut alices), ["response 200"; 3]);
    drain(&mut alices);
    assert_eq!(run(&mut alices, T, T + T1_64), []);
    alices.handle_message(T + T1_64, response(&original, 200, "b3"), bob(UDP), alice(UDP));
    assert_eq!(told(&mut alices), ["terminated"], "RFC 6026 section 7.3: strays are dropped");
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    let key = alices.request(T, original.clone(), bob(UDP)).unwrap();
    drain(&mut alices);
    assert_eq!(alices.cancel(T, key), CancelOutcome::Queued);
    assert_eq!(sent(&mut alices), [""; 0], "RFC 3261 section 9.1");
    alices.handle_message(T, response(&original, 100, ""), bob(UDP), alice(UDP));
    let cancel = Message::parse(alices.poll_transmit().unwrap().bytes).unwrap();
    assert_eq!(start_line_of(&cancel), "CANCEL sip:bob@192.0.2.2 SIP/2.0");
    assert_eq!((cancel.via().branch(), cancel.to_tag()), (Some("z9hG4bKi"), None));
    assert_eq!((cancel.cseq().number, cancel.header("Route")), (1, Some("<sip:proxy;lr>")));
    assert_eq!(alices.cancel(T, key), CancelOutcome::TooLate, "once is enough");
    alices.handle_message(T, response(&cancel, 200, "bt"), bob(UDP), alice(UDP));
    alices.handle_message(T, response(&original, 487, "bt"), bob(UDP), alice(UDP));
    assert_eq!(told(&mut alices), ["response 100", "response 487"], "the CANCEL's 200 is nobody's business");
    assert_eq!(sent(&mut alices), ["ACK sip:bob@192.0.2.2 SIP/2.0"]);
    assert_eq!(alices.cancel(T, key), CancelOutcome::TooLate);
    run(&mut alices, T, T + T1_64);
    assert!(alices.is_empty());
}

/// RFC 3326 section 2: a proxy that forks says that the call was completed elsewhere.
#[test]
fn a_cancel_carries_the_reason_first_given_even_if_it_waits() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    let key = alices.request(T, original.clone(), bob(UDP)).unwrap();
    drain(&mut alices);
    assert_eq!(alices.cancel_because(T, key, Some("SIP;cause=200")), CancelOutcome::Queued);
    assert_eq!(alices.cancel_because(T, key, Some("SIP;cause=503")), CancelOutcome::Queued);
    alices.handle_message(T, response(&original, 180, "bt"), bob(UDP), alice(UDP));
    let cancel = Message::parse(alices.poll_transmit().unwrap().bytes).unwrap();
    assert_eq!(
        (start_line_of(&cancel), cancel.header("Reason")),
        ("CANCEL sip:bob@192.0.2.2 SIP/2.0".into(), Some("SIP;cause=200"))
    );
}

#[test]
fn a_queued_cancel_is_forgotten_when_the_final_response_comes_first() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    let key = alices.request(T, original.clone(), bob(UDP)).unwrap();
    alices.cancel(T, key);
    drain(&mut alices);
    alices.handle_message(T, response(&original, 200, "bt"), bob(UDP), alice(UDP));
    assert_eq!((sent(&mut alices).len(), told(&mut alices)), (0, vec!["response 200".to_owned()]));
}

#[test]
fn a_cancelled_invite_that_never_ends_is_given_up_after_32_seconds() {
    let mut alices = layer();
    let original = invite("z9hG4bKi");
    let key = alices.request(T, original.clone(), bob(UDP)).unwrap();
    alices.handle_message(T, response(&original, 180, "bt"), bob(UDP), alice(UDP));
    assert_eq!(alices.cancel(T, key), CancelOutcome::Sent);
    drain(&mut alices);
    run(&mut alices, T, T + T1_64);
    assert_eq!(told(&mut alices), ["response 180", "timeout", "terminated"]);
    assert!(alices.is_empty());
}

#[test]
fn a_cancel_is_answered_here_and_told_once() {
    let (mut bobs, key) = ringing();
    let cancel = request("CANCEL", "z9hG4bKi", 1, "");
    bobs.respond(T, key, &response(&invite("z9hG4bKi"), 180, "bt"));
    drain(&mut bobs);
    let mut answers = Vec::new();
    for _ in 0..2 {
        bobs.handle_message(T, cancel.clone(), alice(UDP), bob(UDP));
        answers.extend(drain(&mut bobs).into_iter().map(|t| t.bytes));
    }
    assert_eq!(told(&mut bobs), ["cancelled"]);
    assert_eq!((answers.len(), &answers[0]), (2, &answers[1]));
    let ok = Message::parse(answers[0].clone()).unwrap();
    assert_eq!((ok.status(), ok.to_tag(), ok.cseq().method), (Some(200), Some("bt"), Method::Cancel));
    assert!(bobs.respond(T, key, &response(&invite("z9hG4bKi"), 487, "bt")));
    bobs.handle_message(T, cancel, alice(UDP), bob(UDP));
    assert_eq!(sent(&mut bobs), ["SIP/2.0 487 Request Terminated", "SIP/2.0 200 OK"]);
    assert_eq!(told(&mut bobs), [""; 0], "too late to matter");
}

/// Promises row 12.
#[test]
fn a_forged_cancel_gets_481_and_the_call_goes_on() {
    let honest = String::from_utf8(request("CANCEL", "z9hG4bKi", 1, "").bytes().to_vec()).unwrap();
    let elsewhere = Endpoint::new(UDP, ([203, 0, 113, 66], 5060).into());
    for (name, text, source) in [
        ("branch", honest.replace("z9hG4bKi", "z9hG4bKx"), alice(UDP)),
        ("sent-by", honest.replace("192.0.2.1:5060", "192.0.2.9:5060"), alice(UDP)),
        ("Call-ID", honest.replace("Call-ID: call", "Call-ID: other"), alice(UDP)),
        ("From tag", honest.replace("tag=at", "tag=xx"), alice(UDP)),
        ("CSeq", honest.replace("CSeq: 1", "CSeq: 2"), alice(UDP)),
        ("source", honest.clone(), elsewhere),
    ] {
        let (mut bobs, key) = ringing();
        bobs.handle_message(T, Message::parse(Bytes::from(text)).unwrap(), source, bob(UDP));
        assert_eq!(sent(&mut bobs), ["SIP/2.0 481 Call/Transaction Does Not Exist"], "{name}");
        assert_eq!(told(&mut bobs), [""; 0], "{name}");
        assert!(bobs.respond(T, key, &response(&invite("z9hG4bKi"), 180, "bt")), "{name}");
    }
}

#[test]
fn only_the_first_final_response_counts_but_a_2xx_may_be_repeated() {
    let (mut bobs, key) = ringing();
    let of = |status| response(&invite("z9hG4bKi"), status, "bt");
    for (status, taken) in [(180, true), (200, true), (200, true), (180, false), (486, false)] {
        assert_eq!(bobs.respond(T, key, &of(status)), taken, "{status}");
    }
    let (mut bobs, key) = ringing();
    for (status, taken) in [(486, true), (486, false), (200, false), (180, false)] {
        assert_eq!(bobs.respond(T, key, &of(status)), taken, "{status}");
    }
    assert!(!bobs.respond(T, ServerKey(999), &of(200)));
    assert!(!bobs.respond(T, key, &invite("z9hG4bKi")), "not a response");
}

/// Promises row 17: a forged source is sent one answer and costs no memory.
#[test]
fn a_stateless_challenge_is_sent_once_and_leaves_nothing() {
    for method in ["INVITE", "REGISTER"] {
        let mut bobs = layer();
        for round in 0..3 {
            let request = request(method, "z9hG4bKr", 1, "");
            bobs.handle_message(T, request.clone(), alice(UDP), bob(UDP));
            let key = server_key(&mut bobs);
            assert!(bobs.respond_stateless(key, &response(&request, 401, "bt")), "{round}");
            assert_eq!(sent(&mut bobs), ["SIP/2.0 401 Unauthorized"]);
            assert!(bobs.is_empty() && bobs.deadline().is_none());
            assert!(!bobs.respond(T, key, &response(&request, 200, "bt")));
        }
        bobs.handle_message(T, request("ACK", "z9hG4bKr", 1, ""), alice(UDP), bob(UDP));
        assert_eq!((told(&mut bobs), sent(&mut bobs).len()), (vec!["ack".to_owned()], 0));
    }
}

#[test]
fn a_full_layer_refuses_new_requests_and_serves_calls_that_are_up() {
    let mut bobs = TransactionLayer::new(Config { transactions_max: 4, ..Config::new([7; 16]) });
    for i in 0..4 {
        bobs.handle_message(T, request("OPTIONS", &format!("z9hG4bK{i}"), 1, ""), alice(UDP), bob(UDP));
    }
    told(&mut bobs);
    for method in ["INVITE", "REGISTER", "OPTIONS", "MESSAGE"] {
        bobs.handle_message(T, request(method, "z9hG4bKnew", 1, ""), alice(UDP), bob(UDP));
        let refusal = Message::parse(bobs.poll_transmit().unwrap().bytes).unwrap();
        assert_eq!((refusal.status(), refusal.header("Retry-After")), (Some(503), Some("5")), "{method}");
        assert!(refusal.to_tag().is_some());
        assert_eq!(told(&mut bobs), [""; 0]);
    }
    bobs.handle_message(T, request("ACK", "z9hG4bKa", 1, ""), alice(UDP), bob(UDP));
    bobs.handle_message(T, request("OPTIONS", "z9hG4bK0", 1, ""), alice(UDP), bob(UDP));
    assert_eq!((told(&mut bobs), sent(&mut bobs).len()), (vec!["ack".to_owned()], 0));
    assert_eq!(bobs.request(T, request("OPTIONS", "z9hG4bKmine", 1, ""), alice(UDP)), Err(RequestError::Full));
    bobs.handle_message(T, request("BYE", "z9hG4bKbye", 2, ""), alice(UDP), bob(UDP));
    assert_eq!(told(&mut bobs), ["request BYE"]);
    bobs.handle_message(T, request("BYE", "z9hG4bKbye2", 2, ""), alice(UDP), bob(UDP));
    assert_eq!(sent(&mut bobs), ["SIP/2.0 503 Service Unavailable"], "even this has an end");
}

#[test]
fn a_refused_send_fails_the_transactions_of_that_peer_alone() {
    let mut layer = layer();
    let elsewhere = Endpoint::new(Transport::Tcp, ([192, 0, 2, 9], 5060).into());
    layer.request(T, invite("z9hG4bKi"), bob(UDP)).unwrap();
    layer.request(T, request("OPTIONS", "z9hG4bKo", 1, ""), bob(UDP)).unwrap();
    layer.request(T, request("OPTIONS", "z9hG4bKp", 1, ""), elsewhere).unwrap();
    layer.handle_transport_error(T, bob(UDP));
    assert_eq!(told(&mut layer), ["transport failed", "terminated", "transport failed", "terminated"]);
    assert_eq!(layer.len(), 1);
    layer.handle_transport_error(T, bob(UDP));
    assert_eq!(told(&mut layer), [""; 0]);
}

#[test]
fn what_cannot_make_a_client_transaction_is_refused() {
    let mut layer = layer();
    let plain = request("OPTIONS", "z9hG4bKo", 1, "");
    for (message, error) in [
        (request("ACK", "z9hG4bKa", 1, ""), RequestError::NotARequest),
        (request("CANCEL", "z9hG4bKa", 1, ""), RequestError::NotARequest),
        (response(&plain, 200, "bt"), RequestError::NotARequest),
        (request("OPTIONS", "plain", 1, ""), RequestError::NoBranch),
    ] {
        assert_eq!(layer.request(T, message, bob(UDP)), Err(error));
    }
    layer.request(T, plain.clone(), bob(UDP)).unwrap();
    assert_eq!(layer.request(T, plain, bob(UDP)), Err(RequestError::BranchInUse));
}

#[test]
fn an_abandoned_transaction_says_nothing_more() {
    let (mut bobs, key) = ringing();
    bobs.abandon(TransactionKey::Server(key));
    let call = bobs.request(T, invite("z9hG4bKz"), alice(UDP)).unwrap();
    drain(&mut bobs);
    bobs.abandon(TransactionKey::Client(call));
    assert_eq!((bobs.len(), bobs.deadline(), run(&mut bobs, T, T + T1_64)), (0, None, vec![]));
    assert_eq!(told(&mut bobs), [""; 0]);
}

#[test]
fn a_request_nobody_answers_is_dropped_after_32_seconds() {
    let mut bobs = layer();
    bobs.handle_message(T, request("OPTIONS", "z9hG4bKo", 1, ""), alice(UDP), bob(UDP));
    assert_eq!(told(&mut bobs), ["request OPTIONS"]);
    assert_eq!(run(&mut bobs, T, T + T1_64), []);
    assert_eq!((told(&mut bobs), bobs.len()), (vec!["terminated".to_owned()], 0));
}

#[test]
fn stopped_timers_do_not_pile_up() {
    let mut bobs = layer();
    let mut most = 0;
    for i in 0..20_000_u32 {
        let now = T + MS * i;
        let options = request("OPTIONS", &format!("z9hG4bK{i}"), 1, "");
        bobs.request(now, options.clone(), alice(UDP)).unwrap();
        bobs.handle_message(now, response(&options, 200, "bt"), alice(UDP), bob(UDP));
        bobs.expire(now);
        told(&mut bobs);
        assert!(drain(&mut bobs).iter().all(|t| is_method(t, Method::Options)));
        most = most.max(bobs.timer_entries());
    }
    assert!(bobs.len() <= 5_001, "Timer K is 5 s: {}", bobs.len());
    assert!(most <= 64 + 6 * 5_001 + 3, "{most}");
}
