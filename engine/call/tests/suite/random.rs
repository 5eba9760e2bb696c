//! Whatever comes in whatever order: no panic, every end told once, and after a hang-up an end that is reached.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tandem_call::call::{
    ApiDocument, Call, CallEffect, CallEnv, CallInput, CallUpdate, CarriersBusy, HoldUse, Origin, RunId, SeizedCarrier,
};
use tandem_call::leg::{Destination, EndedBy, Hold, LegEffect, LegEnd, LegReport, ReferRequest};
use tandem_call::room::queue::{AgentParty, MemberParty, QueueNews, QueuePlace, QueueTicket, QueueUnavailable};
use tandem_codecs::CodecId;
use tandem_laml::instruction::{Document, FetchFailure, Method, PromptFailure, PromptId};
use tandem_media::control::{Clip, MoveFailed, PlayId};
use tandem_model::{LegId, SampleRate, SeedEntropy, Sid, Timestamp, WallTime};

use crate::rig::{Rig, spec};
use crate::world::{DOMAIN, World, api_call, contact, directory};

const LEG_WORDS: &[&str] = &[
    "opened",
    "open-failed",
    "closed",
    "failed",
    "rtp-timeout",
    "key-expiring",
    "digit 1",
    "play-done 1",
    "cancelled",
    "timeout",
    "unreachable",
    "bye-timeout",
    "resolved",
    "unresolved",
    "ring",
    "early",
    "answer",
    "answer-pcma",
    "reject 486",
    "hangup",
    "hangup SIP;cause=200",
    "100",
    "180",
    "183 sdp",
    "183 g729",
    "200 sdp",
    "200 sdp tag=b",
    "200 fork tag=c",
    "200",
    "200 junk",
    "200 notag",
    "302",
    "401",
    "401 stale",
    "407 stale",
    "486",
    "200 bye",
    "401 bye",
    "INVITE sdp",
    "INVITE",
    "INVITE hold",
    "INVITE g729",
    "INVITE junk",
    "UPDATE sdp",
    "UPDATE",
    "BYE",
    "BYE tag=x",
    "INFO",
    "INFO signal=5",
    "INFO signal=x",
    "digit-for-peer 5",
    "digit-ended 5",
    "200 info",
    "415 info",
    "info-timeout",
    "REFER",
    "REFER Refer-To:<sip:carol@far.test>",
    "accept-refer",
    "refuse-refer",
    "progress 180",
    "outcome 200",
    "200 notify",
    "481 notify",
    "notify-timeout",
    "SUBSCRIBE Event:refer",
    "SUBSCRIBE Event:refer Expires:0",
    "302 Contact:<sip:x@far.test>",
    "OPTIONS",
    "ACK",
    "ACK sdp",
    "ACK junk",
    "ACK cseq=1",
    "PRACK rack=last",
    "PRACK sdp rack=last",
    "PRACK pcma rack=last",
    "PRACK rack=1_1_INVITE",
    "180 Require:100rel RSeq:1",
    "183 sdp Require:100rel RSeq:1 Allow:UPDATE",
    "183 fork tag=b Require:100rel RSeq:1",
    "183 sdp Require:100rel RSeq:2",
    "183 junk Require:100rel RSeq:2",
    "180 tag=b",
    "199 tag=b",
    "199",
    "200 prack",
    "407 prack",
    "hold",
    "mute",
    "resume",
    "to-pcma",
    "200 sdp update",
    "405 update",
    "422 update Min-SE:200",
    "update-timeout",
    "491",
    "500 Retry-After:2",
    "503",
    "422 Min-SE:4000",
    "200 sdp Session-Expires:90;refresher=uac Allow:UPDATE",
    "200 sdp Session-Expires:90;refresher=uas",
    "UPDATE Supported:timer Session-Expires:90;refresher=uas",
    "INVITE sdp Supported:timer Session-Expires:90;refresher=uac",
    "UPDATE hold",
    "INVITE declined",
    "UPDATE declined",
    "INVITE sdp source=198.51.100.66",
    "OPTIONS source=198.51.100.66",
    "BYE source=203.0.113.10",
    "resolved 203.0.113.9 203.0.113.10 203.0.113.11",
];

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}

fn leg_of(kind: u8) -> Rig {
    match kind {
        0 => Rig::called("sdp"),
        1 => Rig::called(""),
        2 => Rig::calling(spec()),
        3 => Rig::called("sdp Supported:100rel,timer Allow:UPDATE Session-Expires:90;refresher=uas"),
        4 => Rig::called("Require:100rel Allow:UPDATE"),
        5 => {
            let mut spec = spec();
            spec.late_offer = true;
            Rig::calling(spec)
        }
        6 => Rig::called("sdp nocontact Contact:<sip:alice@phones.test>"),
        7 => Rig::called_unproved("sdp"),
        8 => Rig::called_unproved("sdp Supported:100rel,timer Allow:UPDATE"),
        9 => Rig::called_unproved(""),
        _ => {
            let mut spec = spec();
            spec.destination = Destination::Uri("sip:there.example".into());
            Rig::calling(spec)
        }
    }
}

#[derive(Default)]
struct Seen {
    answered: u32,
    ended: u32,
    closed: u32,
    stopped: bool,
    finals: Vec<u16>,
}

impl Seen {
    fn take(&mut self, rig: &mut Rig) {
        while let Some(effect) = rig.leg.poll() {
            rig.peer.hears(&effect);
            let refusal = matches!(&effect, LegEffect::Respond { message, .. } if message.status() == Some(481));
            assert!(!self.stopped || refusal, "{effect:?} after Stop");
            match effect {
                LegEffect::Report(report) => {
                    assert_eq!(self.closed, 0, "{report:?} after Closed");
                    self.answered += u32::from(matches!(report, LegReport::Answered { .. }));
                    self.ended += u32::from(matches!(report, LegReport::Ended(_)));
                    self.closed += u32::from(matches!(report, LegReport::Closed(_)));
                }
                LegEffect::Respond { message, .. } if message.header("CSeq") == Some("1 INVITE") => {
                    let status = message.status().unwrap_or(0);
                    if status >= 200 && !self.finals.contains(&status) {
                        self.finals.push(status);
                    }
                }
                LegEffect::Stop => self.stopped = true,
                LegEffect::Request { .. }
                | LegEffect::Cancel { .. }
                | LegEffect::SendAck { .. }
                | LegEffect::Respond { .. }
                | LegEffect::Resolve { .. }
                | LegEffect::LookUp { .. }
                | LegEffect::Media(_)
                | LegEffect::Bind { .. }
                | LegEffect::Record(_) => {}
            }
        }
        assert!(self.answered <= 1 && self.ended <= 1 && self.closed <= 1, "told more than once");
        assert!(self.finals.len() <= 1, "several final responses to one INVITE: {:?}", self.finals);
    }
}

fn say(rig: &mut Rig, seen: &mut Seen, line: &str) {
    if rig.peer.can_say(line) {
        let input = rig.peer.says(line);
        rig.leg.handle(rig.now, input);
    }
    seen.take(rig);
}

fn wait(rig: &mut Rig, seen: &mut Seen, millis: u64) {
    rig.now = rig.now + std::time::Duration::from_millis(millis);
    rig.leg.expire(rig.now);
    seen.take(rig);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_leg_survives_anything_and_ends(
        kind in 0u8..11,
        steps in prop::collection::vec((0..LEG_WORDS.len(), 0u64..4_000), 0..60),
    ) {
        let mut rig = leg_of(kind);
        let mut seen = Seen::default();
        seen.take(&mut rig);
        for (word, millis) in steps {
            say(&mut rig, &mut seen, LEG_WORDS[word]);
            if millis > 2_000 {
                wait(&mut rig, &mut seen, millis);
            }
        }
        say(&mut rig, &mut seen, "hangup");
        for _ in 0..200 {
            if let Some(at) = rig.leg.deadline() {
                rig.now = rig.now.max(at);
                rig.leg.expire(rig.now);
                seen.take(&mut rig);
            }
        }
        prop_assert_eq!((seen.ended, seen.closed, seen.stopped), (1, 1, true));
        prop_assert!(rig.leg.is_over() && rig.leg.deadline().is_none());
    }
}

const WORLD_WORDS: &[&str] = &[
    "+1",
    "+6",
    "+31",
    "+61",
    "1 cancelled",
    "1 BYE",
    "1 ACK",
    "1 ACK sdp",
    "1 digit 1",
    "1 digit *",
    "1 rtp-timeout",
    "1 INVITE hold",
    "1 INVITE sdp",
    "1 UPDATE inactive",
    "2 INVITE inactive",
    "2 UPDATE sdp",
    "2 UPDATE hold",
    "2 ACK",
    "2 491",
    "3 UPDATE hold",
    "3 200 recvonly",
    "1 INVITE",
    "1 failed",
    "2 180",
    "2 183 sdp",
    "2 200 sdp",
    "2 200 sdp tag=b",
    "2 486",
    "2 503",
    "2 timeout",
    "2 BYE",
    "2 rtp-timeout",
    "2 failed",
    "2 487",
    "2 200 g729",
    "3 180",
    "3 183 sdp",
    "3 200 sdp",
    "3 486",
    "3 BYE",
    "3 487",
    "4 200 sdp",
    "4 BYE",
    "1 REFER Refer-To:<sip:x@far.test>",
    "2 REFER Refer-To:<sip:x@far.test>",
    "2 REFER Refer-To:<tel:+15557654321>",
    "3 REFER Refer-To:<sip:bob@acme-main.sip.example.test>",
    "2 302 Contact:<sip:m@far.test> Contact:<sip:n@far.test>",
    "3 302 Contact:<sip:m@far.test>",
    "replace 1",
    "replace 2",
    "replace 3",
    "3 503",
    "5 200 sdp",
    "5 BYE",
    "1 180",
    "1 200 sdp",
    "1 486",
    "1 play-done 1",
    "1 play-done 2",
    "2 play-done 1",
    "document",
    "no-document",
    "complete",
    "cancel",
    "take-over",
    "end-leg",
    "drain",
    "crash 1",
    "crash 2",
    "stream opened",
    "stream ended",
    "stream failed",
    "stream says",
    "rest stream",
];

const DOCUMENTS: &[&str] = &[
    "<Dial answerOnBridge=\"true\" timeout=\"30\" action=\"https://app.test/x\"><Sip>sip:a@far.test</Sip><Sip>sip:b@far.test</Sip></Dial>",
    "<Dial hangupOnStar=\"true\" timeLimit=\"40\"><Number sendDigits=\"1\">+15551234567</Number></Dial><Dial><Sip>sip:c@far.test</Sip></Dial>",
    "<Gather numDigits=\"1\"><Play>https://app.test/a.wav</Play></Gather><Redirect>https://app.test/y</Redirect>",
    "<Pause length=\"3\"/><Reject/>",
    "<Echo/><Hangup/>",
    "<Enqueue action=\"https://app.test/x\">q</Enqueue><Play>https://app.test/a.wav</Play>",
    "<Enqueue waitUrl=\"https://app.test/w\" waitUrlMethod=\"GET\">q</Enqueue>",
    "<Dial timeout=\"10\" action=\"https://app.test/x\"><Queue url=\"https://app.test/u\">q</Queue></Dial>",
    "<Leave/>",
    "",
    "<Connect action=\"https://app.test/x\"><Stream url=\"wss://a.test/\" statusCallback=\"https://app.test/s\"/></Connect><Pause length=\"9\"/>",
    "<Denoise>on</Denoise><Start><Stream name=\"a\" url=\"wss://a.test/\"/></Start><Start><Stream name=\"a\" url=\"wss://a.test/\"/></Start><Gather><Pause/></Gather><Stop><Stream name=\"a\"/></Stop>",
];

fn world_of(kind: usize) -> World {
    match kind {
        0 => World::dials(&format!("sip:bob@{DOMAIN}"), "sdp"),
        1 => World::dials(&format!("sip:bob@{DOMAIN}"), ""),
        2 => World::dials("sip:+15551234567@acme-main.sip.example.test", "sdp"),
        3 => World::api(api_call("sip:a@far.test", &format!("<Response>{}</Response>", DOCUMENTS[0]))),
        4 => World::api_unanswered_lookup(api_call(&format!("sip:bob@{DOMAIN}"), "<Response/>")),
        n => World::app(DOCUMENTS[(n - 5) % DOCUMENTS.len()]),
    }
}

fn live(w: &World) -> bool {
    w.finished == 0
}

fn act(w: &mut World, word: &str, document: &str) {
    if !live(w) {
        return;
    }
    match word {
        // A crashed leg has no machine any more; the call alone is told, as its supervisor would.
        "crash 1" | "crash 2" => w.crash(if word == "crash 1" { LegId(1) } else { LegId(2) }),
        "document" => w.document(document),
        "no-document" => drop(w.no_document()),
        "complete" => drop(w.input(CallInput::Update(CallUpdate::Complete))),
        "cancel" => drop(w.input(CallInput::Update(CallUpdate::Cancel))),
        "take-over" => {
            let xml = format!("<Response>{document}</Response>");
            drop(w.input(CallInput::Update(CallUpdate::Document(ApiDocument::Inline(xml)))));
        }
        "end-leg" => {
            let sid = w.call.rows().last().map(|r| r.sid);
            drop(sid.map(|sid| w.input(CallInput::EndLeg { sid })));
        }
        "drain" => drop(w.input(CallInput::Drain)),
        "stream opened" | "stream ended" | "stream failed" | "stream says" | "rest stream" => w.try_stream(word),
        "replace 1" | "replace 2" | "replace 3" => w.try_replace(word[8..].parse().expect("a leg")),
        line => w.try_step(line),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_call_with_its_legs_survives_anything_and_finishes(
        kind in 0usize..11,
        hold_plays in any::<bool>(),
        steps in prop::collection::vec((0..WORLD_WORDS.len(), 0..DOCUMENTS.len()), 0..30),
    ) {
        let mut w = world_of(kind);
        w.hold_plays = hold_plays;
        for (word, document) in steps {
            act(&mut w, WORLD_WORDS[word], DOCUMENTS[document]);
        }
        act(&mut w, "drain", "");
        act(&mut w, "+200", "");
        let rows = w.final_rows();
        prop_assert!(!rows.is_empty());
    }
}

fn end(status: u16) -> LegEnd {
    LegEnd {
        status,
        reason: "said so".into(),
        by: EndedBy::Remote,
        call_id: "c".into(),
        cause: None,
        retry_after: None,
        was_silent: false,
        headers: vec![],
    }
}

fn report(kind: u8) -> LegReport {
    match kind {
        0 => LegReport::Progress { status: 180, early_media: None },
        1 => LegReport::Progress { status: 183, early_media: Some(CodecId::Pcmu) },
        2 | 3 => LegReport::Answered { codec: CodecId::Pcma, encrypted: false, answer: None },
        4 => LegReport::Renegotiated { codec: CodecId::Pcma },
        5 => LegReport::Digit('*'),
        6 => LegReport::PlayDone { play: PlayId(1), completed: true },
        7 => LegReport::Ended(end(503)),
        8 => LegReport::Ended(end(486)),
        23 => LegReport::Refer(Box::new(ReferRequest {
            to: "sip:x@far.test".into(),
            replaces: None,
            referred_by: None,
            headers: vec![],
        })),
        24 => LegReport::Redirected { targets: vec!["sip:m@far.test".into(), "sip:n@far.test".into()] },
        40 => LegReport::Held(Hold::SendOnly),
        41 => LegReport::Held(Hold::Inactive),
        42 => LegReport::Held(Hold::Off),
        _ => LegReport::Closed(Box::default()),
    }
}

fn call_input(kind: u8, number: u64, document: &str) -> CallInput {
    let xml = format!("<Response>{document}</Response>");
    let run = RunId(1 + number % 3);
    match kind {
        0..=9 | 23 | 24 | 40..=42 => CallInput::Leg { leg: LegId(number), report: report(kind) },
        10 => CallInput::LegCrashed { leg: LegId(number) },
        11 => CallInput::Document {
            run,
            result: Ok(Document {
                url: "https://app.test/d".into(),
                content_type: Some("text/xml".into()),
                body: xml.into_bytes(),
            }),
        },
        12 => CallInput::Document { run, result: Err(FetchFailure { code: 11_200, message: "no".into() }) },
        13 => {
            let clip = Arc::new(Clip { rate: SampleRate(8_000), samples: vec![] });
            CallInput::PromptLoaded { run, id: PromptId(number), result: Ok(clip) }
        }
        14 => {
            let failure = PromptFailure { code: 13_420, message: "no".into() };
            CallInput::PromptLoaded { run, id: PromptId(number), result: Err(failure) }
        }
        15 => CallInput::Contacts { ticket: number.saturating_sub(1), contacts: vec![contact("x"), contact("y")] },
        16 => CallInput::Contacts { ticket: number.saturating_sub(1), contacts: vec![] },
        17 => CallInput::Update(CallUpdate::Document(ApiDocument::Inline(xml))),
        18 => CallInput::Update(CallUpdate::Document(ApiDocument::Url("https://app.test/u".into(), Method::Post))),
        19 => CallInput::Update(CallUpdate::Cancel),
        20 => CallInput::Update(CallUpdate::Complete),
        21 => CallInput::EndLeg { sid: Sid::from_bytes([number as u8; 16]) },
        25 | 26 => {
            let carrier = directory().carriers[usize::from(kind - 25)].id;
            let seized = Ok(SeizedCarrier { carrier, route: vec![] });
            CallInput::CarrierSeized { ticket: number.saturating_sub(1), seized }
        }
        27 => {
            let seized = Err(CarriersBusy { retry_after_secs: 1 });
            CallInput::CarrierSeized { ticket: number.saturating_sub(1), seized }
        }
        28..=37 => CallInput::Queue(queue_news(kind - 28, number)),
        38 => CallInput::MediaMoved { result: Ok(()) },
        39 => CallInput::MediaMoved { result: Err(MoveFailed::Overloaded) },
        44 | 45 => CallInput::Queue(queue_news(kind - 34, number)),
        _ => CallInput::Drain,
    }
}

fn queue_news(kind: u8, number: u64) -> QueueNews {
    let ticket = QueueTicket { leg: LegId(1), nth: number };
    let (queue, waited) = (Sid::from_bytes([4; 16]), Duration::from_secs(number));
    let call_sid = Sid::from_bytes([5; 16]);
    let other = QueueTicket { leg: LegId::first_of(9), nth: 1 };
    match kind {
        0 => QueueNews::Joined { ticket, queue },
        1 => QueueNews::Refused { ticket, queue: None, why: QueueUnavailable::Full },
        2 => {
            let place = QueuePlace { queue, position: 1, size: 2, average_wait: waited, waited };
            QueueNews::Place { ticket, place }
        }
        3 => QueueNews::Called { ticket, agent: AgentParty { ticket: other, call_sid }, url: None, queue, waited },
        4 => {
            let url = Some(("https://app.test/q".into(), Method::Get));
            QueueNews::Called { ticket, agent: AgentParty { ticket: other, call_sid }, url, queue, waited }
        }
        5 => QueueNews::Coming { ticket, member: MemberParty { leg: other.leg, call_sid }, queue, waited },
        6 => QueueNews::Connected { ticket },
        7 => QueueNews::Back { ticket },
        8 => QueueNews::PartnerLeft { ticket },
        10 => QueueNews::Held { ticket, hold: Hold::SendOnly },
        11 => QueueNews::Held { ticket, hold: Hold::Off },
        _ => QueueNews::Lost { ticket },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_call_survives_reports_that_make_no_sense(
        to_number in any::<bool>(),
        steps in prop::collection::vec((0u8..47, 1u64..6, 0..DOCUMENTS.len(), 0u64..20), 0..50),
    ) {
        let to = if to_number { "+15551234567".to_owned() } else { format!("sip:bob@{DOMAIN}") };
        let env = CallEnv { directory: Arc::new(directory()), own_address: "198.51.100.1:5060".into(), call_duration_max: Duration::from_secs(14_400), own: crate::rig::own(), redirect_targets_max: 3, hold: HoldUse::Pass, dial_transport: None, public_url: "http://tandem.test".into() };
        let call = api_call(&to, &format!("<Response>{}</Response>", DOCUMENTS[0]));
        let mut call = Call::new(env, LegId(1), Origin::Api(Box::new(call)), Box::new(SeedEntropy::new(9)));
        let (mut now, wall, mut finished) = (Timestamp::from_secs(1), WallTime::default(), 0);
        let mut settle = |call: &mut Call| {
            while let Some(effect) = call.poll() {
                assert_eq!(finished, 0, "{effect:?} after Finished");
                finished += u32::from(matches!(effect, CallEffect::Finished));
            }
            finished
        };
        call.start(now, wall);
        settle(&mut call);
        for (kind, number, document, secs) in steps {
            call.handle(now, wall, call_input(kind, number, DOCUMENTS[document]));
            if settle(&mut call) > 0 {
                return Ok(());
            }
            now = now + std::time::Duration::from_secs(secs);
            call.expire(now, wall);
            if settle(&mut call) > 0 {
                return Ok(());
            }
        }
        for leg in (1..40).map(LegId) {
            for report in [LegReport::Ended(end(487)), LegReport::Closed(Box::default())] {
                if settle(&mut call) == 0 {
                    call.handle(now, wall, CallInput::Leg { leg, report });
                }
            }
        }
        prop_assert_eq!(settle(&mut call), 1, "every leg is closed, and the call has not finished");
        prop_assert_eq!(call.deadline(), None);
    }
}
