//! A queue with agents: callers wait with music or with a document that says where they stand, agents take who is next.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::app_server::Seen;
use crate::common::tandem::SIGNING_KEY;
use crate::common::{AppServer, Call, Options, Phone, Reply, Tandem, alone, audio, eventually};
use crate::rest_clients::{arguments, client};

/// Two parties of one conversation.
#[track_caller]
fn hear_each_other(left: &Call, right: &Call) {
    let (one, other) = (audio::sweep(3.0, 300.0, 1_500.0), audio::sweep(3.0, 3_000.0, 900.0));
    left.media.play(&one);
    right.media.play(&other);
    std::thread::sleep(Duration::from_millis(4_500));
    let (there, back) = (audio::likeness(&one, &right.media.heard()), audio::likeness(&other, &left.media.heard()));
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
}

#[track_caller]
fn hears(call: &Call, what: &str, sound: &[i16]) {
    eventually(what, Duration::from_secs(15), || (audio::likeness(sound, &call.media.heard()) >= 0.85).then_some(()));
}

/// A caller in a call with an application.
fn calls(tandem: &Tandem, name: &str, application: &str) -> (Phone, Call) {
    let mut phone = Phone::new(tandem, name, "");
    let mut call = phone.invite(&tandem.app_uri(application));
    phone.connected(&mut call);
    (phone, call)
}

/// The sid of the call from this name.
fn sid_of(app: &AppServer, name: &str) -> String {
    let first = app.wait("/answer", |s| s.param("From").contains(&format!("sip:{name}@")));
    first.param("CallSid").to_owned()
}

fn queue(tandem: &Tandem) -> Value {
    tandem.laml("GET", "/Queues", &[]).success()["queues"][0].clone()
}

/// Those who wait, in their order, once there are so many.
#[track_caller]
fn members(tandem: &Tandem, count: usize) -> Vec<Value> {
    eventually(&format!("{count} wait"), Duration::from_secs(10), || {
        let queue = queue(tandem);
        let list = tandem.laml("GET", &format!("/Queues/{}/Members", queue["sid"].as_str()?), &[]).success();
        list["queue_members"].as_array().filter(|m| m.len() == count).cloned()
    })
}

/// The paths asked for on behalf of one call, repetitions left out.
fn course(app: &AppServer, sid: &str) -> Vec<String> {
    let mut paths: Vec<String> =
        app.seen().iter().filter(|s| s.param("CallSid") == sid).map(|s| s.path().to_owned()).collect();
    paths.dedup();
    paths
}

fn seconds(request: &Seen, name: &str) -> u64 {
    request.param(name).parse().unwrap_or_else(|_| panic!("{name} is no number: {request:?}"))
}

#[test]
fn two_callers_hear_their_place_and_an_agent_serves_one_after_the_other() {
    let _turn = alone();
    let tandem = Tandem::start();
    // Sounds that are told from each other.
    let places = [audio::sweep(1.0, 400.0, 900.0), audio::sweep(1.0, 2_600.0, 1_400.0)];
    let (hello, bye) = (audio::sweep(1.5, 700.0, 3_000.0), audio::sweep(1.5, 3_200.0, 2_000.0));
    let wavs = [&places[0], &places[1], &hello, &bye].map(|sound| audio::wav(sound));
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml("<Enqueue action=\"/left\" waitUrl=\"/wait\" waitUrlMethod=\"GET\">support</Enqueue>"),
        "/wait" if request.param("QueuePosition") == "1" => Reply::laml("<Play>/first.wav</Play><Pause length=\"1\"/>"),
        "/wait" => Reply::laml("<Play>/second.wav</Play><Pause length=\"1\"/>"),
        "/first.wav" => Reply::wav(wavs[0].clone()),
        "/second.wav" => Reply::wav(wavs[1].clone()),
        "/hello.wav" => Reply::wav(wavs[2].clone()),
        "/bye.wav" => Reply::wav(wavs[3].clone()),
        "/agent" => Reply::laml(
            "<Dial action=\"/served\" timeout=\"20\"><Queue url=\"/next\" method=\"GET\">support</Queue></Dial>",
        ),
        "/next" => Reply::laml("<Play>/hello.wav</Play>"),
        "/served" => Reply::laml("<Redirect>/agent</Redirect>"),
        "/left" => Reply::laml("<Play>/bye.wav</Play>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("support", &app, "/answer", json!({}));
    tandem.domain_app("agents", &app, "/agent", json!({}));

    let (mut first, mut first_call) = calls(&tandem, "first", "support");
    let first_sid = sid_of(&app, "first");
    members(&tandem, 1);
    let (mut second, second_call) = calls(&tandem, "second", "support");
    let second_sid = sid_of(&app, "second");
    let waiting = members(&tandem, 2);
    assert_eq!(waiting[0]["call_sid"], json!(first_sid));
    assert_eq!((&waiting[1]["call_sid"], &waiting[1]["position"]), (&json!(second_sid), &json!(2)));
    let made = queue(&tandem);
    assert_eq!((&made["friendly_name"], &made["current_size"]), (&json!("support"), &json!(2)));
    let queue_sid = made["sid"].as_str().expect("a sid").to_owned();
    hears(&first_call, "the first hears that it is first", &places[0]);
    hears(&second_call, "the second hears that it is second", &places[1]);
    let asked = app.wait("/wait", |s| s.param("CallSid") == second_sid);
    asked.assert_signed(SIGNING_KEY);
    assert_eq!(asked.method, "GET");
    assert_eq!(asked.param("QueueSid"), queue_sid);
    assert_eq!((asked.param("QueuePosition"), asked.param("CurrentQueueSize")), ("2", "2"));
    assert_eq!(asked.param("CallStatus"), "in-progress");
    // The document comes round, and says how things stand then.
    let again = app.wait("/wait", |s| s.param("CallSid") == second_sid && seconds(s, "QueueTime") >= 2);
    assert!(seconds(&again, "AvgQueueTime") >= 2, "{again:?}");

    // An agent: the first hears what it is to hear, and they talk.
    let (mut agent, mut agent_call) = calls(&tandem, "agent", "agents");
    let next = app.wait("/next", |_| true);
    next.assert_signed(SIGNING_KEY);
    assert_eq!(next.param("CallSid"), first_sid);
    assert_eq!(next.param("QueueSid"), queue_sid);
    assert!(seconds(&next, "QueueTime") >= 2, "{next:?}");
    let agent_sid = next.param("DequeingCallSid").to_owned();
    hears(&first_call, "the first hears the agent's document", &hello);
    std::thread::sleep(Duration::from_millis(700));
    hear_each_other(&first_call, &agent_call);
    let left = members(&tandem, 1);
    assert_eq!((&left[0]["call_sid"], &left[0]["position"]), (&json!(second_sid), &json!(1)));
    hears(&second_call, "the second hears that it is first now", &places[0]);

    // The first hangs up: its action is told, the agent's document goes on and takes the second.
    assert_eq!(first.hang_up(&mut first_call).status(), 200);
    let told = app.wait("/left", |s| s.param("CallSid") == first_sid);
    told.assert_signed(SIGNING_KEY);
    assert_eq!(told.param("QueueResult"), "bridged");
    assert_eq!(told.param("QueueSid"), queue_sid);
    assert_eq!(told.param("QueueTime"), next.param("QueueTime"));
    let served = app.wait("/served", |_| true);
    served.assert_signed(SIGNING_KEY);
    assert_eq!(served.param("CallSid"), agent_sid);
    assert_eq!(served.param("DialCallStatus"), "completed");
    assert_eq!(served.param("DialCallSid"), first_sid);
    assert_eq!(served.param("DialBridged"), "true");
    assert!(seconds(&served, "DialCallDuration") >= 4, "{served:?}");
    assert_eq!((served.param("QueueSid"), served.param("QueueTime")), (queue_sid.as_str(), next.param("QueueTime")));
    app.wait("/next", |s| s.param("CallSid") == second_sid);
    hears(&second_call, "the second hears the agent's document", &hello);
    std::thread::sleep(Duration::from_millis(700));
    hear_each_other(&second_call, &agent_call);

    // The agent hangs up: the second goes on with its action's document.
    assert_eq!(agent.hang_up(&mut agent_call).status(), 200);
    hears(&second_call, "the second hears a good-bye", &bye);
    second.hung_up(&second_call);
    let told = app.wait("/left", |s| s.param("CallSid") == second_sid);
    assert_eq!((told.param("QueueResult"), told.param("CallStatus")), ("bridged", "in-progress"));
    let served = app.wait("/served", |s| s.param("DialCallSid") == second_sid);
    assert_eq!((served.param("DialCallStatus"), served.param("CallStatus")), ("completed", "completed"));

    assert_eq!(course(&app, &first_sid), ["/answer", "/wait", "/next", "/left"]);
    assert_eq!(course(&app, &second_sid), ["/answer", "/wait", "/next", "/left"]);
    assert_eq!(course(&app, &agent_sid), ["/agent", "/served", "/agent", "/served"]);
    for sid in [&first_sid, &second_sid, &agent_sid] {
        let call = tandem.wait_call("its record is final", |c| c["sid"] == json!(sid) && c["end_time"].is_string());
        assert_eq!((&call["status"], &call["direction"]), (&json!("completed"), &json!("inbound")), "{call}");
        assert_eq!(call["parent_call_sid"], Value::Null);
    }
    assert_eq!(tandem.calls().len(), 3, "agent and caller are two calls, without a leg between them");
    assert_eq!(queue(&tandem)["current_size"], 0);
}

/// A caller out of a queue in conversation with an agent, at a server with these lines in section sip.
fn served(sip: &str) -> (Tandem, AppServer, [(Phone, Call); 2]) {
    let tandem = Tandem::start_with(Options { sip: sip.to_owned(), ..Options::default() });
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Enqueue>support</Enqueue>"),
        "/agent" => Reply::laml("<Dial action=\"/served\"><Queue url=\"/next\">support</Queue></Dial>"),
        "/next" => Reply::laml(""),
        "/served" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("support", &app, "/answer", json!({}));
    tandem.domain_app("agents", &app, "/agent", json!({}));
    let caller = calls(&tandem, "caller", "support");
    members(&tandem, 1);
    let agent = calls(&tandem, "agent", "agents");
    app.wait("/next", |_| true);
    std::thread::sleep(Duration::from_millis(700));
    let word = audio::sweep(1.5, 500.0, 2_000.0);
    caller.1.media.play(&word);
    hears(&agent.1, "they talk", &word);
    (tandem, app, [caller, agent])
}

#[test]
fn a_caller_and_its_agent_hold_each_other_as_two_parties_of_one_call_do() {
    let _turn = alone();
    let (_tandem, app, [(mut caller, mut call), (mut agent, mut served)]) = served("");
    assert_eq!(agent.reinvite(&mut served, "sendonly").status(), 200);
    assert_eq!(caller.reinvited(&call, "recvonly"), "sendonly");
    assert_eq!(agent.reinvite(&mut served, "sendrecv").status(), 200);
    assert_eq!(caller.reinvited(&call, "sendrecv"), "sendrecv");
    assert_eq!(caller.reinvite(&mut call, "inactive").status(), 200);
    assert_eq!(agent.reinvited(&served, "inactive"), "inactive");
    // Whoever is left alone is on hold no more.
    assert_eq!(caller.hang_up(&mut call).status(), 200);
    app.wait("/served", |s| s.param("DialCallStatus") == "completed");
    assert_eq!(agent.reinvited(&served, "sendrecv"), "sendrecv");
    agent.hung_up(&served);
}

#[test]
fn with_music_a_caller_hears_it_while_its_agent_holds() {
    let _turn = alone();
    let music = audio::sweep(1.0, 600.0, 1_800.0);
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("queue-{}.wav", std::process::id()));
    std::fs::write(&file, audio::wav(&music)).expect("a file of music");
    let sip = format!("hold = \"music\"\nhold_music = \"{}\"\n", file.display());
    let (_tandem, _app, [(mut caller, call), (mut agent, mut served)]) = served(&sip);
    assert_eq!(agent.reinvite(&mut served, "inactive").status(), 200);
    hears(&call, "the operator's music", &music);
    assert!(caller.stays_quiet(Duration::from_millis(100)), "nothing is asked of the caller");
    assert_eq!(agent.reinvite(&mut served, "sendrecv").status(), 200);
    let word = audio::sweep(1.0, 3_000.0, 900.0);
    std::thread::sleep(Duration::from_millis(300));
    served.media.play(&word);
    hears(&call, "the agent again", &word);
    assert_eq!(agent.hang_up(&mut served).status(), 200);
    let _ = std::fs::remove_file(file);
}

#[test]
fn callers_leave_by_a_key_by_rest_and_before_a_full_queue() {
    let tandem = Tandem::start();
    let tune = audio::sweep(2.0, 500.0, 2_500.0);
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Enqueue action=\"/left\" waitUrl=\"/wait\" waitUrlMethod=\"POST\">small</Enqueue><Say>never</Say>",
        ),
        "/wait" => Reply::laml(
            "<Gather numDigits=\"1\" timeout=\"30\" action=\"/key\"><Say>Press nine to leave the queue.</Say></Gather>",
        ),
        "/key" if request.param("Digits") == "9" => Reply::laml("<Leave/>"),
        "/key" => Reply::laml("<Redirect>/wait</Redirect>"),
        "/left" => Reply::laml("<Hangup/>"),
        "/elsewhere" => Reply::laml("<Play>/tune.wav</Play>"),
        "/tune.wav" => Reply::wav(wav.clone()),
        _ => Reply::status(404),
    });
    tandem.domain_app("small", &app, "/answer", json!({}));
    let made = tandem.laml("POST", "/Queues", &[("FriendlyName", "small"), ("MaxSize", "2")]);
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.success();
    let path = format!("/Queues/{}", made["sid"].as_str().expect("a sid"));

    let (mut first, first_call) = calls(&tandem, "first", "small");
    let first_sid = sid_of(&app, "first");
    members(&tandem, 1);
    let (mut second, second_call) = calls(&tandem, "second", "small");
    let second_sid = sid_of(&app, "second");
    members(&tandem, 2);

    // The third finds it full.
    let (mut third, third_call) = calls(&tandem, "third", "small");
    third.hung_up(&third_call);
    let full = app.wait("/left", |s| s.param("QueueResult") == "queue-full");
    assert_eq!(full.param("CallSid"), sid_of(&app, "third"));
    assert_eq!((full.param("QueueSid"), full.param("QueueTime")), (made["sid"].as_str().expect("a sid"), "0"));

    // The first presses the wrong key, then the right one.
    app.wait("/wait", |s| s.param("CallSid") == first_sid);
    first_call.media.dial("5");
    let wrong = app.wait("/key", |s| s.param("CallSid") == first_sid);
    wrong.assert_signed(SIGNING_KEY);
    assert_eq!((wrong.param("Digits"), wrong.param("QueuePosition")), ("5", "1"), "each request says where it stands");
    app.wait("/wait", |s| s.param("CallSid") == first_sid && seconds(s, "QueuePosition") == 1);
    first_call.media.dial("9");
    first.hung_up(&first_call);
    let left = app.wait("/left", |s| s.param("CallSid") == first_sid);
    assert_eq!((left.param("QueueResult"), left.param("CallStatus")), ("leave", "in-progress"));

    // REST sends the second elsewhere.
    members(&tandem, 1);
    let refused = tandem.laml("DELETE", &path, &[]);
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!(10000)), "{}", refused.body);
    let elsewhere = app.url("/elsewhere");
    let front =
        tandem.laml("POST", &format!("{path}/Members/Front"), &[("Url", elsewhere.as_str()), ("Method", "GET")]);
    assert_eq!((front.status, &front.json()["call_sid"]), (200, &json!(second_sid)), "{}", front.body);
    hears(&second_call, "what it runs now", &tune);
    second.hung_up(&second_call);
    let told = app.wait("/left", |s| s.param("CallSid") == second_sid);
    told.assert_signed(SIGNING_KEY);
    assert_eq!(told.param("QueueResult"), "redirected");
    assert_eq!(app.wait("/elsewhere", |_| true).method, "GET");

    let gone = tandem.laml("GET", &format!("{path}/Members/Front"), &[]);
    assert_eq!(gone.status, 404, "{}", gone.body);
    assert_eq!(tandem.laml("DELETE", &path, &[]).status, 204);
    assert_eq!(tandem.laml("GET", &path, &[]).status, 404);
}

#[test]
fn an_agent_hears_it_ring_at_an_empty_queue_and_a_star_ends_the_conversation() {
    let _turn = alone();
    let tandem = Tandem::start();
    let bye = audio::sweep(1.5, 3_200.0, 2_000.0);
    let wav = audio::wav(&bye);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml("<Enqueue>desk</Enqueue><Play>/bye.wav</Play>"),
        "/agent" => {
            Reply::laml("<Dial action=\"/served\" hangupOnStar=\"true\"><Queue>desk</Queue></Dial><Say>never</Say>")
        }
        "/served" => Reply::laml("<Dial action=\"/nobody\" timeout=\"5\"><Queue>desk</Queue></Dial>"),
        "/nobody" => Reply::laml("<Hangup/>"),
        "/bye.wav" => Reply::wav(wav.clone()),
        _ => Reply::status(404),
    });
    tandem.domain_app("desk", &app, "/answer", json!({}));
    tandem.domain_app("agents", &app, "/agent", json!({}));
    let (mut agent, agent_call) = calls(&tandem, "agent", "agents");
    std::thread::sleep(Duration::from_millis(2_500));
    let ringing = audio::level(&agent_call.media.heard());
    assert!(ringing > 300.0, "it rings: {ringing:.0}");
    let (mut caller, caller_call) = calls(&tandem, "caller", "desk");
    eventually("the agent has the caller", Duration::from_secs(5), || {
        (tandem.laml("GET", "/Queues", &[]).success()["queues"][0]["current_size"] == 0).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    hear_each_other(&caller_call, &agent_call);
    agent_call.media.dial("*");
    let served = app.wait("/served", |_| true);
    assert_eq!((served.param("DialCallStatus"), served.param("QueueTime")), ("completed", "0"));
    // The caller's document goes on.
    hears(&caller_call, "the verb after Enqueue", &bye);
    caller.hung_up(&caller_call);
    // Nobody else comes.
    let nobody = app.wait("/nobody", |_| true);
    assert_eq!((nobody.param("DialCallStatus"), nobody.param("DialBridged")), ("no-answer", "false"));
    agent.hung_up(&agent_call);
}

#[test]
fn who_waits_hears_music_until_it_is_taken_out_by_its_call_s_resource() {
    let _turn = alone();
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Enqueue action=\"/left\">music</Enqueue>"),
        "/left" => Reply::empty(),
        _ => Reply::status(404),
    });
    tandem.domain_app("music", &app, "/answer", json!({}));
    let (mut caller, call) = calls(&tandem, "caller", "music");
    members(&tandem, 1);
    let before = call.media.heard().len();
    std::thread::sleep(Duration::from_millis(4_200));
    let heard = call.media.heard();
    let parts: Vec<f64> = heard[before..].chunks_exact(4_000).map(audio::level).collect();
    assert!(parts.len() >= 7 && parts.iter().all(|level| *level > 200.0), "each half second sounds: {parts:.0?}");
    let sid = sid_of(&app, "caller");
    tandem.laml("POST", &format!("/Calls/{sid}"), &[("Twiml", "<Response><Hangup/></Response>")]).success();
    caller.hung_up(&call);
    let told = app.wait("/left", |_| true);
    assert_eq!(told.param("QueueResult"), "redirected");
    assert!(seconds(&told, "QueueTime") >= 4, "{told:?}");
}

#[test]
fn a_call_that_dies_loses_no_other_its_place() {
    let tandem = Tandem::start_with(Options { faults: true, ..Options::default() });
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Enqueue action=\"/left\">desk</Enqueue>"),
        "/agent" => Reply::laml("<Dial><Queue>desk</Queue></Dial>"),
        "/left" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("desk", &app, "/answer", json!({}));
    tandem.domain_app("agents", &app, "/agent", json!({}));
    let fault = |sid: &str| {
        tandem.api("POST", "/api/tandem/faults", Some(json!({"call_sid": sid, "where": "call"}))).success();
    };
    let (mut first, first_call) = calls(&tandem, "first", "desk");
    let first_sid = sid_of(&app, "first");
    members(&tandem, 1);
    let (mut second, second_call) = calls(&tandem, "second", "desk");
    members(&tandem, 2);
    let (mut third, third_call) = calls(&tandem, "third", "desk");
    members(&tandem, 3);
    // One who waits.
    fault(&first_sid);
    first.hung_up(&first_call);
    let left = members(&tandem, 2);
    assert_eq!(left[0]["position"], 1);
    // An agent in conversation: its caller's document goes on, the other waits on.
    let (mut agent, agent_call) = calls(&tandem, "agent", "agents");
    members(&tandem, 1);
    // Before they talk, the caller would only go back to its place.
    hear_each_other(&second_call, &agent_call);
    fault(app.wait("/agent", |_| true).param("CallSid"));
    agent.hung_up(&agent_call);
    second.hung_up(&second_call);
    let told = app.wait("/left", |_| true);
    assert_eq!((told.param("QueueResult"), told.param("CallSid")), ("bridged", sid_of(&app, "second").as_str()));
    let left = members(&tandem, 1);
    assert_eq!(left[0]["call_sid"], json!(sid_of(&app, "third")));
    let mut third_call = third_call;
    assert_eq!(third.hang_up(&mut third_call).status(), 200);
    members(&tandem, 0);
}

#[test]
fn queues_that_rest_made_are_there_after_a_kill() {
    let mut tandem = Tandem::start();
    let made = tandem.laml("POST", "/Queues", &[("FriendlyName", "kept"), ("MaxSize", "7")]).success();
    tandem.laml("POST", &format!("/Queues/{}", made["sid"].as_str().expect("a sid")), &[("MaxSize", "9")]).success();
    tandem.kill();
    tandem.launch();
    let list = tandem.laml("GET", "/Queues", &[]).success();
    let kept = &list["queues"][0];
    assert_eq!((&kept["sid"], &kept["friendly_name"], &kept["max_size"]), (&made["sid"], &json!("kept"), &json!(9)));
    assert_eq!(list["queues"].as_array().map(Vec::len), Some(1));
}

fn a_client_sees_and_steers_a_queue(library: &str) {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Enqueue>desk</Enqueue>"),
        "/elsewhere" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("desk", &app, "/answer", json!({}));
    let (mut caller, call) = calls(&tandem, "caller", "desk");
    let sid = members(&tandem, 1)[0]["call_sid"].clone();
    let arguments = arguments(&tandem, json!({"queue": "desk", "url": app.url("/elsewhere")}));
    let seen = client(library, "queues", &arguments);
    let expected = json!({
        "made": {"name": "sdk_queue", "size": 0, "max": 5}, "changed": 6,
        "members": [{"call_sid": sid, "position": 1}], "refused": {"code": 10000, "status": 422},
        "front": sid, "deleted": true,
    });
    assert_eq!(seen, expected);
    caller.hung_up(&call);
}

#[test]
fn the_twilio_client_sees_and_steers_a_queue() {
    a_client_sees_and_steers_a_queue("twilio");
}

#[test]
fn the_signalwire_client_sees_and_steers_a_queue() {
    a_client_sees_and_steers_a_queue("signalwire");
}
