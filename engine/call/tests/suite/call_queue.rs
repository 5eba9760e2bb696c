//! A caller in a queue, and an agent who takes who is next: what each hears, asks of the queue and tells its actions.

use std::time::Duration;

use tandem_call::call::{ApiDocument, CallInput, CallUpdate, HoldUse};
use tandem_call::leg::Hold;
use tandem_call::room::queue::{AgentParty, MemberParty, QueueNews, QueuePlace, QueueTicket, QueueUnavailable};
use tandem_laml::instruction::Method;
use tandem_media::tone::wait_music;
use tandem_model::{LegId, Sid};

use crate::world::World;

const QUEUE: Sid = Sid::from_bytes([7; 16]);
const OTHER: Sid = Sid::from_bytes([8; 16]);
/// The first leg of another call.
const THERE: LegId = LegId::first_of(9);

fn joined(ticket: QueueTicket) -> QueueNews {
    QueueNews::Joined { ticket, queue: QUEUE }
}

fn place(position: usize, size: usize, waited: u64, average: u64) -> impl FnOnce(QueueTicket) -> QueueNews {
    let (waited, average_wait) = (Duration::from_secs(waited), Duration::from_secs(average));
    move |ticket| QueueNews::Place { ticket, place: QueuePlace { queue: QUEUE, position, size, average_wait, waited } }
}

fn called(url: Option<&str>, waited: u64) -> impl FnOnce(QueueTicket) -> QueueNews {
    let url = url.map(|url| (url.to_owned(), Method::Get));
    let agent = AgentParty { ticket: QueueTicket { leg: THERE, nth: 1 }, call_sid: OTHER };
    move |ticket| QueueNews::Called { ticket, agent, url, queue: QUEUE, waited: Duration::from_secs(waited) }
}

fn coming(waited: u64) -> impl FnOnce(QueueTicket) -> QueueNews {
    let member = MemberParty { leg: THERE, call_sid: OTHER };
    move |ticket| QueueNews::Coming { ticket, member, queue: QUEUE, waited: Duration::from_secs(waited) }
}

/// A caller in line, hearing music.
fn waiting(document: &str) -> World {
    let mut w = World::app_playing(document);
    assert_eq!(w.take(), "L1 200 sendrecv; join support");
    w.run(&[("1 ACK", "")]);
    assert_eq!(w.queue(joined), "play L1 1");
    w
}

const ENQUEUE: &str = "<Enqueue action=\"https://app.test/after\">support</Enqueue>";

#[test]
fn a_caller_waits_with_music_and_without_a_timer_of_its_own() {
    let mut w = World::app_playing(ENQUEUE);
    w.take();
    w.run(&[("1 ACK", "")]);
    let before = w.call.deadline();
    assert_eq!(w.queue(joined), "play L1 1");
    assert_eq!(w.call.deadline(), before, "only the longest call has an end");
    w.run(&[("+3600", ""), ("1 BYE", "L1 200; leave; stop-play L1 1; tell https://app.test/after QueueResult=hangup QueueTime=3600; notify 0 completed 200; finished")]);
}

#[test]
fn a_caller_joins_once_it_is_answered() {
    let mut w = World::app_offered(ENQUEUE, "");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK sdp", "join support")]);
}

#[test]
fn each_request_of_the_wait_document_says_how_things_stand_then() {
    let mut w =
        World::app_playing("<Enqueue waitUrl=\"https://app.test/wait\" waitUrlMethod=\"GET\">support</Enqueue>");
    w.take();
    w.run(&[("1 ACK", "")]);
    assert_eq!(w.queue(joined), "place?");
    assert_eq!(
        w.queue(place(2, 3, 0, 40)),
        "fetch https://app.test/wait QueuePosition=2 QueueTime=0 AvgQueueTime=40 CurrentQueueSize=3"
    );
    assert_eq!(w.param("QueueSid"), Some(QUEUE.to_string().as_str()));
    assert_eq!(w.param("CallStatus"), Some("in-progress"));
    w.document("<Play>https://app.test/a.wav</Play><Redirect>https://app.test/more</Redirect>");
    assert_eq!(w.take(), "play L1 1");
    w.run(&[("+9", ""), ("1 play-done 1", "place?")]);
    assert_eq!(
        w.queue(place(1, 1, 9, 9)),
        "fetch https://app.test/more QueuePosition=1 QueueTime=9 AvgQueueTime=9 CurrentQueueSize=1"
    );
    // It ends, and begins again.
    w.document("<Pause length=\"2\"/>");
    assert_eq!(w.take(), "");
    w.run(&[("+2", "place?")]);
    assert!(w.queue(place(1, 1, 11, 11)).starts_with("fetch https://app.test/wait "));
}

#[test]
fn a_wait_document_that_says_nothing_is_not_asked_for_without_end() {
    let mut w = World::app_playing("<Enqueue waitUrl=\"https://app.test/wait\">support</Enqueue>");
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    for _ in 0..5 {
        assert!(w.queue(place(1, 1, 0, 0)).starts_with("fetch"));
        w.document("");
        assert_eq!(w.take(), "");
        w.run(&[("+1", "place?")]);
    }
}

#[test]
fn a_key_leaves_the_queue_and_the_document_goes_on_after_the_enqueue() {
    let mut w = World::app_playing(
        "<Enqueue waitUrl=\"https://app.test/wait\">support</Enqueue><Play>https://app.test/b.wav</Play>",
    );
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    w.queue(place(1, 1, 0, 0));
    w.document("<Gather numDigits=\"1\" action=\"https://app.test/key\"><Play>https://app.test/a.wav</Play></Gather>");
    assert_eq!(w.take(), "play L1 1");
    w.run(&[("1 digit 9", "stop-play L1 1; place?")]);
    assert!(w.queue(place(1, 1, 5, 5)).starts_with("fetch https://app.test/key Digits=9"));
    w.document("<Leave/>");
    assert_eq!(w.take(), "leave; play L1 2");
}

#[test]
fn leaving_tells_the_action_at_once() {
    let mut w = World::app_playing(
        "<Enqueue action=\"https://app.test/after\" waitUrl=\"https://app.test/wait\">support</Enqueue>",
    );
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    w.queue(place(1, 1, 0, 0));
    w.document("<Pause length=\"3\"/><Leave/>");
    w.run(&[("+3", "leave; fetch https://app.test/after QueueResult=leave QueueTime=3")]);
    assert_eq!(w.param("QueueSid"), Some(QUEUE.to_string().as_str()));
    w.document("<Reject/>");
    assert!(w.take().contains("BYE"));
}

#[test]
fn a_wait_document_may_hang_up() {
    let mut w = World::app_playing(
        "<Enqueue action=\"https://app.test/after\" waitUrl=\"https://app.test/wait\">support</Enqueue>",
    );
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    w.queue(place(1, 1, 0, 0));
    w.document("<Hangup/>");
    assert_eq!(
        w.take(),
        "leave; tell https://app.test/after QueueResult=hangup QueueTime=0; L1 BYE; notify 0 completed 200; finished"
    );
}

#[test]
fn a_wait_document_that_cannot_be_had_is_an_error_and_the_call_goes_on() {
    let mut w = World::app_playing(
        "<Enqueue action=\"https://app.test/after\" waitUrl=\"https://app.test/wait\">support</Enqueue>",
    );
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    w.queue(place(1, 1, 0, 0));
    assert_eq!(w.no_document(), "warn 11200; leave; fetch https://app.test/after QueueResult=error QueueTime=0");
}

#[test]
fn a_full_queue_and_one_that_fails_are_told_to_the_action() {
    for (why, result) in [(QueueUnavailable::Full, "queue-full"), (QueueUnavailable::Failed, "system-error")] {
        let mut w = World::app_playing(ENQUEUE);
        w.take();
        w.run(&[("1 ACK", "")]);
        let refused = |ticket| QueueNews::Refused { ticket, queue: None, why };
        assert_eq!(w.queue(refused), format!("fetch https://app.test/after QueueResult={result} QueueTime=0"));
    }
    let mut w = waiting(ENQUEUE);
    w.run(&[("+4", "")]);
    let lost = |ticket| QueueNews::Lost { ticket };
    assert_eq!(w.queue(lost), "stop-play L1 1; fetch https://app.test/after QueueResult=system-error QueueTime=4");
}

#[test]
fn an_agent_takes_the_caller_and_the_action_follows_the_conversation() {
    let mut w = waiting(ENQUEUE);
    w.run(&[("+20", "")]);
    let heard = w.queue(called(None, 20));
    assert_eq!(heard, format!("stop-play L1 1; move beside {THERE}; bridge L1 {THERE}; connected {THERE}"));
    w.run(&[("+60", "")]);
    let left = |ticket| QueueNews::PartnerLeft { ticket };
    assert_eq!(w.queue(left), "unbridge L1; fetch https://app.test/after QueueResult=bridged QueueTime=20");
}

#[test]
fn a_caller_who_hangs_up_on_an_agent_was_bridged() {
    let mut w = waiting(ENQUEUE);
    w.queue(called(None, 5));
    w.run(&[(
        "1 BYE",
        "L1 200; leave; unbridge L1; tell https://app.test/after QueueResult=bridged QueueTime=5; notify 0 completed 200; finished",
    )]);
    w.over(&["inbound completed 200 0s"]);
}

#[test]
fn the_agents_document_is_heard_by_the_caller_before_they_talk() {
    let mut w = waiting(ENQUEUE);
    w.run(&[("+7", "")]);
    assert_eq!(
        w.queue(called(Some("https://app.test/next"), 7)),
        "stop-play L1 1; fetch https://app.test/next QueueTime=7"
    );
    assert_eq!(w.param("QueueSid"), Some(QUEUE.to_string().as_str()));
    assert_eq!(w.param("DequeingCallSid"), Some(OTHER.to_string().as_str()));
    assert_eq!(w.param("CallSid"), Some("01010101-0101-0101-0101-010101010101"));
    w.document("<Play>https://app.test/hello.wav</Play>");
    assert_eq!(w.take(), "play L1 2");
    w.run(&[("1 play-done 2", &format!("move beside {THERE}; bridge L1 {THERE}; connected {THERE}"))]);
}

#[test]
fn a_caller_is_put_through_though_the_agents_document_cannot_be_had() {
    let mut w = waiting(ENQUEUE);
    w.queue(called(Some("https://app.test/next"), 7));
    let heard = w.no_document();
    assert_eq!(heard, format!("warn 11200; move beside {THERE}; bridge L1 {THERE}; connected {THERE}"));
}

#[test]
fn a_caller_whose_agent_has_left_waits_on() {
    let back = |ticket| QueueNews::Back { ticket };
    let mut w = waiting(ENQUEUE);
    w.queue(called(Some("https://app.test/next"), 7));
    w.document("<Play>https://app.test/hello.wav</Play>");
    w.take();
    assert_eq!(w.queue(back), "stop-play L1 2; play L1 3");
    // Their ways crossed: the two were bridged as the agent left.
    w.queue(called(None, 9));
    assert_eq!(w.queue(back), "unbridge L1; play L1 4");
    w.run(&[("1 BYE", "L1 200; leave; stop-play L1 4; tell https://app.test/after QueueResult=hangup QueueTime=0; notify 0 completed 200; finished")]);
}

#[test]
fn media_that_cannot_move_ends_the_wait_before_they_talk() {
    let mut w = waiting(ENQUEUE);
    w.cannot_move = true;
    let heard = w.queue(called(None, 3));
    assert_eq!(
        heard,
        format!(
            "stop-play L1 1; move beside {THERE}; leave; \
             fetch https://app.test/after QueueResult=bridging-in-progress QueueTime=3"
        )
    );
}

/// An answer to a move towards an agent who has left says nothing of the way to the next.
#[test]
fn a_move_under_way_is_waited_for_before_the_next() {
    let next = |ticket| {
        let agent = AgentParty { ticket: QueueTicket { leg: LegId::first_of(11), nth: 1 }, call_sid: OTHER };
        QueueNews::Called { ticket, agent, url: None, queue: QUEUE, waited: Duration::from_secs(1) }
    };
    let moved = || CallInput::MediaMoved { result: Ok(()) };
    let there = LegId::first_of(11);
    let mut w = waiting(ENQUEUE);
    w.hold_moves = true;
    assert_eq!(w.queue(called(None, 1)), format!("stop-play L1 1; move beside {THERE}"));
    assert_eq!(w.queue(|ticket| QueueNews::Back { ticket }), "play L1 2");
    assert_eq!(w.queue(next), "stop-play L1 2");
    assert_eq!(w.input(moved()), format!("move beside {there}"));
    assert_eq!(w.input(moved()), format!("bridge L1 {there}; connected {there}"));
    assert_eq!(w.input(moved()), "", "nobody asked for it");
}

#[test]
fn rest_takes_a_caller_out_of_the_queue_and_the_action_is_told() {
    let elsewhere =
        || CallInput::Update(CallUpdate::Document(ApiDocument::Url("https://app.test/else".into(), Method::Post)));
    let mut w = waiting(ENQUEUE);
    w.run(&[("+6", "")]);
    assert_eq!(
        w.input(elsewhere()),
        "leave; stop-play L1 1; tell https://app.test/after QueueResult=redirected QueueTime=6; \
         fetch https://app.test/else"
    );
    // By the queue's own resource.
    let mut w = waiting(ENQUEUE);
    let redirected =
        |ticket| QueueNews::Redirected { ticket, url: "https://app.test/else".into(), method: Method::Get };
    assert_eq!(
        w.queue(redirected),
        "leave; stop-play L1 1; tell https://app.test/after QueueResult=redirected QueueTime=0; \
         fetch https://app.test/else"
    );
    // While it talks.
    let mut w = waiting(ENQUEUE);
    w.queue(called(None, 4));
    assert_eq!(
        w.input(elsewhere()),
        "leave; unbridge L1; tell https://app.test/after QueueResult=redirected-from-bridged QueueTime=4; \
         fetch https://app.test/else"
    );
    // While it hears what the agent has it told.
    let mut w = waiting(ENQUEUE);
    w.queue(called(Some("https://app.test/next"), 4));
    assert_eq!(
        w.input(elsewhere()),
        "leave; cancel-fetch; tell https://app.test/after QueueResult=bridging-in-progress QueueTime=4; \
         fetch https://app.test/else"
    );
}

#[test]
fn a_request_that_waits_for_the_place_is_dropped_with_the_wait() {
    let mut w = World::app_playing("<Enqueue waitUrl=\"https://app.test/wait\">support</Enqueue>");
    w.take();
    w.run(&[("1 ACK", "")]);
    assert_eq!(w.queue(joined), "place?");
    assert_eq!(w.queue(called(None, 0)), format!("move beside {THERE}; bridge L1 {THERE}; connected {THERE}"));
    assert_eq!(w.queue(place(1, 1, 0, 0)), "", "nobody waits for it any more");
}

/// An agent who has dialled the queue.
fn agent(document: &str) -> World {
    let mut w = World::app_playing(document);
    assert_eq!(w.take(), "dequeue support; L1 200 sendrecv; play L1 1");
    w.run(&[("1 ACK", "")]);
    w
}

const DIAL: &str =
    "<Dial action=\"https://app.test/dialled\" timeout=\"20\" timeLimit=\"60\"><Queue>support</Queue></Dial>";

#[test]
fn an_agent_hears_it_ring_until_somebody_comes_and_is_told_how_it_went() {
    let mut w = agent(DIAL);
    w.run(&[("+10", "")]);
    assert_eq!(w.queue(coming(33)), "");
    w.run(&[("+30", "")]);
    let connected = |ticket| QueueNews::Connected { ticket };
    assert_eq!(w.queue(connected), "", "the caller's side has bridged them");
    w.run(&[("+12", "")]);
    let left = |ticket| QueueNews::PartnerLeft { ticket };
    assert_eq!(
        w.queue(left),
        "unbridge L1; fetch https://app.test/dialled DialCallStatus=completed DialCallDuration=12 QueueTime=33"
    );
    assert_eq!(w.param("DialCallSid"), Some(OTHER.to_string().as_str()));
    assert_eq!(w.param("QueueSid"), Some(QUEUE.to_string().as_str()));
    assert_eq!(w.param("DialBridged"), Some("true"));
}

#[test]
fn an_empty_queue_is_waited_at_until_the_time_out() {
    let mut w = agent(DIAL);
    w.run(&[("+19", ""), ("+1", "leave; stop-play L1 1; fetch https://app.test/dialled DialCallStatus=no-answer")]);
    assert_eq!(w.param("QueueSid"), None);
    // Somebody came and left before they talked: the time begins anew.
    let mut w = agent(DIAL);
    w.run(&[("+15", "")]);
    w.queue(coming(1));
    let back = |ticket| QueueNews::Back { ticket };
    assert_eq!(w.queue(back), "");
    w.run(&[("+19", ""), ("+1", "leave; stop-play L1 1; fetch https://app.test/dialled DialCallStatus=no-answer")]);
}

#[test]
fn the_time_limit_ends_the_conversation() {
    let mut w = agent(DIAL);
    w.queue(coming(2));
    w.queue(|ticket| QueueNews::Connected { ticket });
    w.run(&[
        ("+59", ""),
        ("+1", "leave; unbridge L1; fetch https://app.test/dialled DialCallStatus=completed DialCallDuration=60 QueueTime=2"),
    ]);
}

#[test]
fn an_agent_ends_it_with_a_star() {
    let star = "<Dial hangupOnStar=\"true\" action=\"https://app.test/dialled\"><Queue>support</Queue></Dial>";
    let mut w = agent(star);
    w.queue(coming(2));
    w.queue(|ticket| QueueNews::Connected { ticket });
    w.run(&[(
        "1 digit *",
        "leave; unbridge L1; fetch https://app.test/dialled DialCallStatus=completed DialCallDuration=0 QueueTime=2",
    )]);
    let mut w = agent(star);
    w.run(&[("1 digit *", "leave; stop-play L1 1; fetch https://app.test/dialled DialCallStatus=canceled")]);
}

#[test]
fn an_agent_who_hangs_up_leaves_the_queue_and_the_action_is_told() {
    let mut w = agent(DIAL);
    w.queue(coming(2));
    w.queue(|ticket| QueueNews::Connected { ticket });
    w.run(&[(
        "1 BYE",
        "L1 200; leave; unbridge L1; tell https://app.test/dialled DialCallStatus=completed DialCallDuration=0 \
         QueueTime=2; notify 0 completed 200; finished",
    )]);
}

#[test]
fn without_an_answer_so_far_an_agent_hears_its_own_telephone_ring() {
    let dial = "<Dial answerOnBridge=\"true\" timeout=\"20\"><Queue>support</Queue></Dial>";
    let mut w = World::app_playing(dial);
    assert_eq!(w.take(), "dequeue support; L1 180");
    assert_eq!(w.queue(coming(2)), "L1 200 sendrecv; play L1 1", "while the caller is being told");
    w.queue(|ticket| QueueNews::Connected { ticket });
    w.run(&[("1 ACK", "")]);
    assert!(w.queue(|ticket| QueueNews::PartnerLeft { ticket }).starts_with("unbridge L1; L1 BYE"));
    let mut w = World::app_playing(dial);
    w.take();
    assert!(w.step("+20").starts_with("leave; L1 480"));
}

#[test]
fn a_queue_that_cannot_be_had_fails_the_dial() {
    let mut w = agent(DIAL);
    let refused = |ticket| QueueNews::Refused { ticket, queue: None, why: QueueUnavailable::Failed };
    assert_eq!(w.queue(refused), "stop-play L1 1; fetch https://app.test/dialled DialCallStatus=failed");
}

#[test]
fn a_dial_of_a_queue_is_recorded_at_the_agents_leg() {
    let mut w = agent("<Dial record=\"record-from-answer-dual\"><Queue>support</Queue></Dial>");
    w.queue(coming(2));
    assert_eq!(w.queue(|ticket| QueueNews::Connected { ticket }), "record L1 Dual");
    assert!(w.queue(|ticket| QueueNews::PartnerLeft { ticket }).starts_with("stop-record; unbridge L1"));
    let mut w = World::app_playing("<Dial record=\"record-from-ringing\"><Queue>support</Queue></Dial>");
    assert!(w.take().contains("record L1 Mono(Both)"));
}

/// Its position, its time and its music cost a caller who waits nothing that has to be woken for.
#[test]
fn a_thousand_who_wait_have_no_timers_beside_those_of_their_calls() {
    use tandem_call::room::queue::{QueueAsk, Queues};
    use tandem_model::{SeedEntropy, Timestamp, WallTime};

    let mut queues = Queues::new(vec![], Box::new(SeedEntropy::new(1)));
    for n in 0..1_000u64 {
        let ticket = QueueTicket { leg: LegId::first_of(n), nth: 1 };
        let call_sid = Sid::from_bytes([1; 16]);
        let ask = QueueAsk::Join { ticket, name: "support".into(), call_sid, size_max: None, new_size_max: None };
        queues.handle(Timestamp::from_secs(n), WallTime(0), ask);
    }
    assert_eq!(std::iter::from_fn(|| queues.poll()).count(), 1_000);
    // Its type has no deadline to give; of the calls, each has that of the longest call and no other.
    let deadlines = (0..1_000).filter(|_| {
        let mut w = World::app_playing(ENQUEUE);
        w.step("1 ACK");
        let before = w.call.deadline();
        w.queue(joined);
        w.call.deadline() != before
    });
    assert_eq!(deadlines.count(), 0);
}

fn held(hold: Hold) -> impl FnOnce(QueueTicket) -> QueueNews {
    move |ticket| QueueNews::Held { ticket, hold }
}

/// RFC 3264 section 8.4, by way of the queues: both sides' calls are the same in this.
#[test]
fn hold_reaches_the_other_call_and_comes_from_it_while_they_talk() {
    let mut caller = waiting(ENQUEUE);
    // Before there is anybody to tell.
    caller.run(&[("1 UPDATE hold", "L1 200 recvonly")]);
    let talks = format!("stop-play L1 1; move beside {THERE}; bridge L1 {THERE}; connected {THERE}; tell SendOnly");
    assert_eq!(caller.queue(called(None, 20)), talks);
    caller.run(&[("1 UPDATE sdp", "L1 200 sendrecv; tell Off")]);
    let mut agent = agent(DIAL);
    agent.queue(coming(2));
    agent.queue(|ticket| QueueNews::Connected { ticket });
    for w in [&mut caller, &mut agent] {
        w.run(&[
            ("1 UPDATE inactive", "L1 200 inactive; tell Inactive"),
            ("1 UPDATE inactive", "L1 200 inactive"),
            ("1 UPDATE sdp", "L1 200 sendrecv; tell Off"),
        ]);
        assert_eq!(w.queue(held(Hold::SendOnly)), "L1 INVITE 1 sendonly");
        w.run(&[("1 200 recvonly", "L1 ACK 1")]);
        assert_eq!(w.queue(held(Hold::SendOnly)), "", "it knows");
        assert_eq!(w.queue(held(Hold::Off)), "L1 INVITE 2 sendrecv");
        w.run(&[("1 200 sdp", "L1 ACK 2")]);
        assert_eq!(w.queue(held(Hold::Inactive)), "L1 INVITE 3 inactive");
        w.run(&[("1 200 inactive", "L1 ACK 3")]);
        // Whoever is alone is on hold no more.
        let alone = w.queue(|ticket| QueueNews::PartnerLeft { ticket });
        assert!(alone.starts_with("unbridge L1; ") && alone.ends_with("; L1 INVITE 4 sendrecv"), "{alone}");
        assert_eq!(w.queue(held(Hold::SendOnly)), "", "it is too late");
    }
}

#[test]
fn with_music_who_is_held_by_the_other_call_hears_it() {
    let mut w = World::app_holding(ENQUEUE, HoldUse::Music(wait_music()));
    w.take();
    w.run(&[("1 ACK", "")]);
    w.queue(joined);
    w.queue(called(None, 20));
    assert_eq!(w.queue(held(Hold::SendOnly)), "play L1 2; allow-silence L1 true");
    assert_eq!(w.queue(held(Hold::Off)), "stop-play L1 2; allow-silence L1 false");
    w.queue(held(Hold::Inactive));
    let alone = w.queue(|ticket| QueueNews::PartnerLeft { ticket });
    assert!(
        alone.starts_with("unbridge L1; ") && alone.ends_with("; stop-play L1 3; allow-silence L1 false"),
        "{alone}"
    );
}

#[test]
fn a_caller_that_has_lost_its_dialog_when_it_is_held_is_gone() {
    let mut w = waiting(ENQUEUE);
    w.queue(called(None, 5));
    w.queue(held(Hold::Inactive));
    let said = w.step("1 481");
    assert!(said.contains("leave; unbridge L1;") && said.ends_with("finished"), "{said}");
}
