//! The contract of a verb, held against every one of the list: cancellable at any input, exactly one Done, and nothing
//! left running after either.

use std::time::Duration;

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Surroundings, VERBS, Verb};
use crate::document;
use crate::effects::Effects;
use crate::instruction::*;

/// Documents of one verb each; every verb of the list has to have one.
const EXAMPLES: [&str; 34] = [
    "<Say>hello</Say>",
    "<Say loop='0'>for ever</Say>",
    "<Play>http://a.example/b</Play>",
    "<Play digits='12'/>",
    "<Pause length='3'/>",
    "<Gather timeout='2'><Say>a</Say><Pause/><Play>http://a.example/b</Play></Gather>",
    "<Gather numDigits='2' actionOnEmptyResult='true' action='http://a.example/'/>",
    "<Gather input='speech' timeout='2'><Say>a</Say><Say>b</Say></Gather>",
    "<Gather input='dtmf speech' numDigits='2' action='http://a.example/'/>",
    "<Gather input='dtmf speech' bargeIn='false' timeout='2'><Say>a</Say><Pause/></Gather>",
    "<Dial>1</Dial>",
    "<Dial answerOnBridge='true' hangupOnStar='true' action='http://a.example/'><Sip>a@b</Sip></Dial>",
    "<Dial>nobody</Dial>",
    "<Redirect>http://a.example/</Redirect>",
    "<Reject/>",
    "<Hangup/>",
    "<Echo/>",
    "<Denoise>on</Denoise>",
    "<Connect><Stream url='wss://a.example/'/></Connect>",
    "<Connect action='http://a.example/'><Stream url='wss://a.example/'/></Connect>",
    "<Connect><Stream track='both_tracks'/></Connect>",
    "<Start><Stream url='wss://a.example/'/><Stream url='b'/></Start>",
    "<Start><Siprec/><Stream/></Start>",
    "<Stop><Stream name='a'/></Stop>",
    "<Record/>",
    "<Record playBeep='false' finishOnKey='' action='http://a.example/'/>",
    "<Refer><Sip>sip:a@b.example</Sip></Refer>",
    "<Refer action='http://a.example/'><Sip>a@b.example</Sip></Refer>",
    "<Sms to='1'>Hello</Sms>",
    "<Pay action='http://a.example/'/>",
    "<Enqueue>q</Enqueue>",
    "<Enqueue action='http://a.example/' waitUrl='http://a.example/wait'>q</Enqueue>",
    "<Enqueue/>",
    "<Leave/>",
];

/// What the verb has running on the leg.
#[derive(Default)]
struct Running {
    prompts: Vec<PromptId>,
    dial: bool,
    dial_cancelled: bool,
    echo: bool,
    recording: Option<RecordingId>,
    recording_stopped: bool,
    refer: bool,
    queue: bool,
    listening: Option<ListenId>,
    connect: Option<ConnectId>,
}

impl Running {
    fn follow(&mut self, fx: &mut Effects) {
        while let Some(instruction) = fx.pop() {
            match instruction {
                Instruction::Prompt { id, .. } => self.prompts.push(id),
                Instruction::StopPrompt { id } => self.prompts.retain(|p| *p != id),
                Instruction::Listen(ListenCommand::Start { id, .. }) => {
                    assert!(self.listening.replace(id).is_none(), "two listenings at a time");
                }
                Instruction::Listen(ListenCommand::Stop { id }) => {
                    assert_eq!(self.listening.take(), Some(id), "stopped what does not run");
                }
                Instruction::Listen(ListenCommand::Finish { id }) => assert_eq!(self.listening, Some(id)),
                Instruction::Dial(_) => self.dial = true,
                Instruction::CancelDial => self.dial_cancelled = true,
                Instruction::Echo { on } => self.echo = on,
                Instruction::Stream(StreamCommand::Connect { id, .. }) => self.connect = Some(id),
                Instruction::Stream(StreamCommand::Disconnect { id }) => {
                    assert_eq!(self.connect.take(), Some(id));
                }
                // What they begin or end goes on beside the document.
                Instruction::Stream(StreamCommand::Start(_) | StreamCommand::Stop { .. })
                | Instruction::Denoise { .. } => {}
                Instruction::Recording(RecordingCommand::Start { id, .. }) => self.recording = Some(id),
                Instruction::Recording(RecordingCommand::Stop { .. }) => self.recording_stopped = true,
                // Given up, its end is counted off by the script.
                Instruction::Refer(_) => self.refer = true,
                Instruction::Queue(QueueCommand::Enqueue(_)) => self.queue = true,
                Instruction::Queue(QueueCommand::GiveUp) => self.queue = false,
                Instruction::Leave => {}
                Instruction::Answer | Instruction::Warn { .. } | Instruction::Hangup | Instruction::Reject { .. } => {}
                Instruction::Fetch { .. }
                | Instruction::CancelFetch
                | Instruction::NoDocument
                | Instruction::Tell { .. }
                | Instruction::Finished => {
                    panic!("not a verb's to give: {instruction:?}")
                }
            }
        }
    }

    fn is_silent(&self) -> bool {
        let recording = self.recording.is_some() && !self.recording_stopped;
        self.prompts.is_empty()
            && (!self.dial || self.dial_cancelled)
            && !self.echo
            && !recording
            && !self.queue
            && self.listening.is_none()
            && self.connect.is_none()
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    PromptEnded,
    PromptFailed,
    StalePrompt,
    Digit(char),
    DialEnded,
    RecordingEnded,
    ReferEnded,
    QueueEnded,
    SpeechBegan,
    Words,
    Noise,
    Deaf,
    StreamEnded,
    Time,
}

const ACTS: [Act; 16] = [
    Act::PromptEnded,
    Act::PromptFailed,
    Act::StalePrompt,
    Act::Digit('1'),
    Act::Digit('*'),
    Act::Digit('#'),
    Act::DialEnded,
    Act::RecordingEnded,
    Act::ReferEnded,
    Act::QueueEnded,
    Act::SpeechBegan,
    Act::Words,
    Act::Noise,
    Act::Deaf,
    Act::StreamEnded,
    Act::Time,
];

/// Runs a verb through `acts` and says whether it was done, and after how many of them.
fn run(xml: &str, acts: &[Act]) -> (Option<Done>, Box<dyn Verb>, Effects, Running) {
    let nodes = document::read_inline(&format!("<Response>{xml}</Response>")).unwrap();
    let spec: &Spec = VERBS.iter().find(|s| s.name == nodes[0].name).unwrap();
    let (mut fx, mut running, mut now) = (Effects::new(false), Running::default(), Timestamp::ZERO);
    let around = Surroundings { url: Some("http://a.example/doc"), dialect: crate::role::Dialect::SignalWire };
    let mut verb = (spec.parse)(&nodes[0], &around, &mut fx).unwrap();
    let mut step = verb.start(now, &mut fx);
    running.follow(&mut fx);
    for act in acts {
        if let Step::Done(done) = step {
            return (Some(done), verb, fx, running);
        }
        let event = match act {
            Act::PromptEnded | Act::PromptFailed => running.prompts.pop().map(|id| {
                let failure = PromptFailure { code: 13_420, message: String::new() };
                Event::PromptEnded { id, result: if matches!(act, Act::PromptEnded) { Ok(()) } else { Err(failure) } }
            }),
            Act::StalePrompt => Some(Event::PromptEnded { id: PromptId(u64::MAX), result: Ok(()) }),
            Act::Digit(digit) => Some(Event::Digit(*digit)),
            Act::DialEnded => std::mem::take(&mut running.dial).then(|| {
                let status = DialStatus::NoAnswer;
                Event::DialEnded(DialOutcome {
                    status,
                    call_sid: None,
                    duration: None,
                    recording: None,
                    bridged: false,
                    queue: None,
                    sip: None,
                })
            }),
            Act::RecordingEnded => running
                .recording
                .take()
                .map(|id| Event::RecordingEnded(RecordingEnded { id, recording: None, duration: Duration::ZERO })),
            Act::ReferEnded => std::mem::take(&mut running.refer).then(|| {
                let status = ReferStatus::Failed;
                Event::ReferEnded(ReferOutcome { status, response_code: Some(603), notified_code: None })
            }),
            Act::QueueEnded => std::mem::take(&mut running.queue).then(|| {
                let (result, waited) = (QueueResult::Bridged, Duration::from_secs(3));
                Event::Queue(QueueEvent::Ended(QueueOutcome { result, queue_sid: None, waited }))
            }),
            Act::SpeechBegan => running.listening.map(|id| Event::Heard(Heard::Began { id })),
            Act::Words | Act::Noise | Act::Deaf => running.listening.take().map(|id| {
                let text = if matches!(act, Act::Words) { "yes" } else { "" }.to_owned();
                let failure = ListenFailure { code: 10_001, message: String::new() };
                let deaf = matches!(act, Act::Deaf);
                let result = if deaf { Err(failure) } else { Ok(Utterance { text, confidence: None }) };
                Event::Heard(Heard::Ended { id, result })
            }),
            Act::StreamEnded => running.connect.take().map(|id| {
                let (sid, name) = ("sid".to_owned(), "sid".to_owned());
                Event::Stream(StreamEvent::Ended { id, sid, name, fault: None })
            }),
            Act::Time => {
                now = verb.deadline().unwrap_or(now + Duration::from_secs(1));
                step = verb.expire(now, &mut fx);
                None
            }
        };
        if let Some(event) = event {
            step = verb.handle(now, &event, &mut fx);
        }
        running.follow(&mut fx);
    }
    let done = if let Step::Done(done) = step { Some(done) } else { None };
    (done, verb, fx, running)
}

/// Every sequence of up to four acts.
fn sequences() -> Vec<Vec<Act>> {
    let mut all: Vec<Vec<Act>> = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..4 {
        longest = longest.iter().flat_map(|s| ACTS.iter().map(move |a| [s.as_slice(), &[*a]].concat())).collect();
        all.extend(longest.iter().cloned());
    }
    all
}

#[test]
fn every_verb_of_the_list_has_an_example() {
    for spec in VERBS {
        assert!(EXAMPLES.iter().any(|x| x.starts_with(&format!("<{}", spec.name))), "{} has none", spec.name);
    }
}

#[test]
fn a_verb_can_be_cancelled_after_any_input_and_leaves_nothing_running() {
    let sequences = sequences();
    for xml in EXAMPLES {
        for acts in &sequences {
            let (done, mut verb, mut fx, mut running) = run(xml, acts);
            if done.is_some() {
                assert!(running.is_silent(), "{xml} after {acts:?} is done but goes on");
                continue;
            }
            verb.cancel(&mut fx);
            running.follow(&mut fx);
            assert!(running.is_silent(), "{xml} cancelled after {acts:?} goes on");
            assert_eq!(fx.dials_given_up, u32::from(running.dial), "{xml} after {acts:?}");
            assert_eq!(fx.refers_given_up, u32::from(running.refer), "{xml} after {acts:?}");
        }
    }
}

#[test]
fn a_verb_is_done_once_all_it_started_has_ended() {
    let ending = [
        Act::PromptEnded,
        Act::Time,
        Act::DialEnded,
        Act::ReferEnded,
        Act::RecordingEnded,
        Act::QueueEnded,
        Act::StreamEnded,
        Act::PromptEnded,
        Act::Time,
        Act::Time,
        Act::Time,
    ];
    for xml in EXAMPLES {
        let (done, ..) = run(xml, &ending);
        assert!(done.is_some(), "{xml} is never done");
    }
}

#[test]
fn a_verb_that_waits_has_a_deadline_or_something_running() {
    for xml in EXAMPLES {
        for acts in sequences() {
            let (done, verb, _, running) = run(xml, &acts);
            let runs = !running.prompts.is_empty()
                || running.dial
                || running.refer
                || running.queue
                || running.listening.is_some()
                || running.connect.is_some();
            let waits = verb.deadline().is_some() || runs;
            assert!(done.is_some() || waits, "{xml} is stuck after {acts:?}");
        }
    }
}
