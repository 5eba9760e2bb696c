//! Streams of a call's audio and noise reduction: from the document and from REST, to connections, media and callbacks.

use tandem_call::call::{CallInput, StreamInput, StreamProblem, StreamRefused, StreamStatus};
use tandem_laml::instruction::{Method, Stream, StreamCodec, StreamFault, Track};
use tandem_media::control::{Event, MarkId, PlayId};
use tandem_model::{LegId, Sid};

use crate::world::World;

const CALL: &str = "01010101-0101-0101-0101-010101010101";

fn answered(document: &str) -> World {
    let mut w = World::app(&format!("<Play>a.wav</Play>{document}"));
    w.take();
    w
}

fn sid(w: &World) -> Sid {
    w.last_stream.as_ref().expect("a stream was opened").sid
}

fn opened(w: &mut World) -> String {
    let sid = sid(w);
    w.input(CallInput::Stream(StreamInput::Opened { sid }))
}

fn ended(w: &mut World, problem: Option<StreamFault>) -> String {
    let problem = problem.map(|fault| StreamProblem { fault, code: 11_200, message: "it went wrong".into() });
    let sid = sid(w);
    w.input(CallInput::Stream(StreamInput::Ended { sid, problem }))
}

const START: &str =
    "<Start><Stream name=\"ears\" track=\"both_tracks\" url=\"wss://a.test/x\" statusCallback=\"/s\"/></Start>";

#[test]
fn a_started_stream_runs_beside_the_document_and_ends_with_stop() {
    let mut w =
        answered(&format!("{START}<Pause length=\"5\"/><Stop><Stream name=\"ears\"/></Stop><Pause length=\"5\"/>"));
    assert_eq!(w.take(), "");
    w.step("1 ACK");
    let open = w.last_stream.clone().expect("opened");
    assert_eq!((open.account_sid.as_str(), open.call_sid.to_string().as_str(), open.two_way), ("acc", CALL, false));
    assert_eq!(opened(&mut w), "tap L1 300 8000; notify stream-started");
    let stream_sid = sid(&w).to_string();
    for (name, value) in [
        ("AccountSid", "acc"),
        ("CallSid", CALL),
        ("StreamSid", stream_sid.as_str()),
        ("StreamName", "ears"),
        ("StreamEvent", "stream-started"),
        ("StreamTrack", "both_tracks"),
        ("Timestamp", "2023-11-14T22:13:21Z"),
        ("Unique-ID", CALL),
    ] {
        assert_eq!(w.param(name), Some(value), "{name}");
    }
    assert_eq!(w.params.len(), 8, "{:?}", w.params);
    assert_eq!(w.step("+5"), "close; untap L1 300; notify stream-stopped");
    assert_eq!(ended(&mut w, None), "", "it is over once");
    assert_eq!(w.step("1 BYE"), "L1 200; notify 0 completed 200; finished");
}

#[test]
fn a_stream_ends_with_its_call_and_is_told_before_the_call_is() {
    let mut w = answered(&format!("{START}<Pause length=\"60\"/>"));
    w.step("1 ACK");
    opened(&mut w);
    assert_eq!(w.step("1 BYE"), "L1 200; close; untap L1 300; notify stream-stopped; notify 0 completed 200; finished");
}

#[test]
fn a_connected_stream_holds_the_document_plays_what_comes_and_lets_go_when_the_far_side_closes() {
    let mut w = answered("<Connect action=\"/over\"><Stream url=\"wss://a.test/x\" codec=\"L16@24000h\"/></Connect>");
    w.step("1 ACK");
    assert!(w.last_stream.as_ref().is_some_and(|s| s.two_way));
    assert_eq!(opened(&mut w), "start-stream L1 2 24000; tap L1 300 24000");
    let sid = sid(&w);
    let mut input = |input: StreamInput| w.input(CallInput::Stream(input));
    assert_eq!(input(StreamInput::Audio { sid, audio: vec![1; 480] }), "inject L1 2 480");
    assert_eq!(input(StreamInput::Mark { sid, mark: MarkId(7) }), "mark L1 2 7");
    assert_eq!(input(StreamInput::Clear { sid }), "clear L1 2");
    assert_eq!(input(StreamInput::Digits { sid, digits: "1x#".into() }), "press-digit 1 100; press-digit # 100");
    let marked = |mark, play| Event::Marked { leg: LegId(1), play: PlayId(play), mark: MarkId(mark), played: true };
    assert_eq!(w.media_event(marked(7, 2)), "marked 7");
    assert_eq!(w.media_event(marked(7, 1)), "", "of another play");
    assert_eq!(w.media_event(Event::DigitEnded { leg: LegId(1), digit: '5', duration_ms: 180 }), "key 5 180");
    assert_eq!(ended(&mut w, None), "close; untap L1 300; stop-play L1 2; fetch https://app.test/over");
    let stream_sid = sid.to_string();
    for (name, value) in [("StreamSid", stream_sid.as_str()), ("StreamEvent", "stream-stopped")] {
        assert_eq!(w.param(name), Some(value), "{name}");
    }
}

#[test]
fn a_server_that_refuses_is_an_error_and_the_document_goes_on() {
    let connect = "<Connect><Stream url=\"wss://a.test/x\" statusCallback=\"/s\"/></Connect><Hangup/>";
    let mut w = answered(connect);
    w.step("1 ACK");
    assert_eq!(
        ended(&mut w, Some(StreamFault::Refused)),
        "close; notify stream-error connection_refused; warn 11200; L1 BYE; notify 0 completed 200; finished"
    );
}

#[test]
fn what_cannot_run_is_told_to_the_callback_and_connects_nowhere() {
    let bad = START.replace("wss://a.test/x", "https://a.test/x");
    let mut w = World::app(&format!("{bad}<Pause length=\"5\"/>"));
    assert_eq!(w.take(), "warn 31922; notify stream-error invalid_url");
    assert!(w.last_stream.is_none());
    let bad =
        "<Connect><Stream url=\"wss://a.test/\" codec=\"MP3\" statusCallback=\"/s\"/></Connect><Pause length=\"9\"/>";
    let mut w = World::app(bad);
    assert_eq!(w.take(), "warn 53404; notify stream-error codec_error; L1 200 sendrecv");
}

#[test]
fn two_of_one_name_do_not_run_and_more_than_a_leg_may_have_neither() {
    let mut w = World::app(&format!("{START}{START}<Pause length=\"5\"/>"));
    assert_eq!(w.take(), "open wss://a.test/x; warn 10000; notify stream-error Duplicated stream name");
    let five: String = (0..5).map(|n| START.replace("ears", &n.to_string())).collect();
    let mut w = World::app(&format!("{five}<Pause length=\"5\"/>"));
    let four = "open wss://a.test/x; ".repeat(4);
    assert_eq!(w.take(), format!("{four}warn 10000; notify stream-error general_error"));
    // One that ended gives its name back.
    let mut w = World::app(&format!(
        "{START}<Stop><Stream name=\"ears\"/></Stop>{START}<Stop><Stream name=\"x\"/></Stop><Pause/>"
    ));
    assert_eq!(w.take(), "open wss://a.test/x; close; notify stream-stopped; open wss://a.test/x; warn 10000");
}

#[test]
fn a_document_that_takes_over_lets_go_of_the_connection_but_not_of_copies() {
    let mut w = answered(&format!("{START}<Connect><Stream url=\"wss://b.test/x\"/></Connect>"));
    w.step("1 ACK");
    let update = tandem_call::call::CallUpdate::Document(tandem_call::call::ApiDocument::Inline(
        "<Response><Pause length=\"9\"/></Response>".into(),
    ));
    assert_eq!(w.input(CallInput::Update(update)), "close");
    assert_eq!(w.step("1 BYE"), "L1 200; close; notify stream-stopped; notify 0 completed 200; finished");
}

pub fn stream(name: &str) -> Stream {
    Stream {
        url: "wss://rest.test/x".into(),
        name: Some(name.into()),
        track: Track::Both,
        codec: StreamCodec::Pcmu,
        realtime: false,
        bearer_token: None,
        status_callback: Some(("https://app.test/s".into(), Method::Post)),
        parameters: vec![],
        fault: None,
    }
}

#[test]
fn rest_starts_and_stops_streams_of_a_call_that_talks() {
    let call = Sid::from_bytes([1; 16]);
    let mut w = World::app("<Pause length=\"5\"/><Say>x</Say><Pause length=\"60\"/>");
    let (refused, _) = w.rest(|c, now, wall| c.start_stream(now, wall, call, stream("a")));
    assert_eq!(refused, Err(StreamRefused::NotInProgress));
    w.step("+5");
    w.step("1 ACK");
    let (view, log) = w.rest(|c, now, wall| c.start_stream(now, wall, call, stream("a")));
    let view = view.expect("started");
    assert_eq!((view.status, view.name.as_deref(), view.call_sid), (StreamStatus::Queued, Some("a"), call));
    assert_eq!(log, "open wss://rest.test/x");
    let (again, log) = w.rest(|c, now, wall| c.start_stream(now, wall, call, stream("a")));
    assert_eq!(again, Err(StreamRefused::Fault(StreamFault::DuplicateName)));
    assert_eq!(log, "warn 10000; notify stream-error Duplicated stream name");
    opened(&mut w);
    for which in [view.sid.to_string(), "a".to_owned()] {
        let (stopped, _) = w.rest(|c, now, wall| c.stop_stream(now, wall, call, &which));
        assert_eq!(stopped.map(|v| (v.sid, v.status)), Ok((view.sid, StreamStatus::Stopped)));
    }
    let (unknown, _) = w.rest(|c, now, wall| c.stop_stream(now, wall, call, "b"));
    assert_eq!(unknown, Err(StreamRefused::NoSuchStream));
    let other = Sid::from_bytes([2; 16]);
    let (unknown, _) = w.rest(|c, now, wall| c.stop_stream(now, wall, other, "a"));
    assert_eq!(unknown, Err(StreamRefused::NoSuchCall));
}

#[test]
fn denoise_reaches_the_leg_of_the_document() {
    let mut w = World::app("<Denoise>on</Denoise><Denoise>off</Denoise><Reject/>");
    assert_eq!(w.take(), "denoise L1 true; denoise L1 false; L1 404; notify 0 no-answer 404; finished");
}
