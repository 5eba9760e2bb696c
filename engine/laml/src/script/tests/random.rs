//! Random documents and inputs: whatever comes, a script asks for bounded things and keeps its contract.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tandem_model::Timestamp;

use super::{START, write};
use crate::attributes::Attribute;
use crate::instruction::*;
use crate::nouns::NOUNS;
use crate::script::{Script, ScriptConfig};
use crate::verbs::VERBS;

fn verb() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("<Say>hello</Say>"),
        Just("<Say loop=\"0\"/>"),
        Just("<Play loop=\"0\">a.wav</Play>"),
        Just("<Play digits=\"1w\"/>"),
        Just("<Pause length=\"2\"/>"),
        Just("<Pause length=\"0\"/>"),
        Just("<Gather numDigits=\"2\"><Say>x</Say><Pause/></Gather>"),
        Just("<Gather actionOnEmptyResult=\"true\"/>"),
        Just("<Gather input=\"speech\"><Say>x</Say></Gather>"),
        Just("<Gather input=\"dtmf speech\" bargeIn=\"false\" numDigits=\"2\"><Say>x</Say></Gather>"),
        Just("<Dial action=\"a\" hangupOnStar=\"true\">1</Dial>"),
        Just("<Dial answerOnBridge=\"true\"><Sip>a@b</Sip></Dial>"),
        Just("<Dial><Queue>q</Queue></Dial>"),
        Just("<Enqueue action=\"a\">q</Enqueue>"),
        Just("<Enqueue>q</Enqueue>"),
        Just("<Leave/>"),
        Just("<Echo timeout=\"5\"/>"),
        Just("<Denoise>on</Denoise>"),
        Just("<Connect action=\"a\"><Stream url=\"wss://a.example/\"/></Connect>"),
        Just("<Connect><Stream track=\"x\"/><Room>r</Room></Connect>"),
        Just("<Start><Stream name=\"a\" url=\"b\"><Parameter name=\"c\" value=\"d\"/></Stream></Start>"),
        Just("<Stop><Stream name=\"a\"/><Stream/></Stop>"),
        Just("<Redirect/>"),
        Just("<Redirect>ftp://x</Redirect>"),
        Just("<Reject/>"),
        Just("<Hangup/>"),
        Just("<Record/>"),
        Just("<Record playBeep=\"false\" action=\"r\"/>"),
        Just("<Refer action=\"b\"><Sip>a@b.example</Sip></Refer>"),
        Just("<Nonsense/>"),
        Just("<Say"),
    ];
    leaf.prop_map(str::to_owned)
}

/// Any element that LaML has, with attributes of its own table and values good and bad.
fn wild(depth: u32) -> BoxedStrategy<String> {
    let specs: Vec<(&'static str, &'static [Attribute])> =
        VERBS.iter().map(|s| (s.name, s.attributes)).chain(NOUNS.iter().map(|s| (s.name, s.attributes))).collect();
    let value = prop_oneof![
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("true".to_owned()),
        Just("http://a.example/%".to_owned()),
        Just("sip:@:;?=&".to_owned()),
        Just("a@b?%00=%ff&x".to_owned()),
        Just("dtmf speech".to_owned()),
        any::<String>(),
    ];
    let attributes = proptest::collection::vec((any::<prop::sample::Index>(), value.clone()), 0..5);
    let inner = if depth == 0 {
        value.prop_map(|v| escape(&v)).boxed()
    } else {
        prop_oneof![
            value.prop_map(|v| escape(&v)),
            proptest::collection::vec(wild(depth - 1), 0..4).prop_map(|v| v.concat())
        ]
        .boxed()
    };
    (prop::sample::select(specs), attributes, inner)
        .prop_map(|((name, table), attributes, inner)| {
            let mut out = format!("<{name}");
            let mut used = BTreeSet::new();
            for (index, value) in &attributes {
                if !table.is_empty() && used.insert(index.index(table.len())) {
                    out.push_str(&format!(" {}=\"{}\"", index.get(table).name, escape(value)));
                }
            }
            format!("{out}>{inner}</{name}>")
        })
        .boxed()
}

/// As XML text, without the characters XML cannot hold.
fn escape(text: &str) -> String {
    let fit = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(fit).collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn document() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => proptest::collection::vec(verb(), 0..6).prop_map(|v| format!("<Response>{}</Response>", v.concat())),
        9 => proptest::collection::vec(wild(1), 0..4).prop_map(|v| {
            let is_verb = |x: &String| !x.starts_with("<Sip") && !x.starts_with("<Number");
            format!("<Response>{}</Response>", v.into_iter().filter(is_verb).collect::<String>())
        }),
        1 => any::<String>(),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Document(String),
    Fail,
    PromptEnded(bool),
    StalePrompt(u64),
    DialEnded(bool),
    RecordingEnded(bool),
    ReferEnded,
    QueueEnded,
    SpeechBegan,
    SpeechEnded(bool),
    Deaf(bool),
    StreamEnded,
    Digit(char),
    Wait(u64),
    Redirect,
    Replace(String),
    HungUp,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => document().prop_map(Act::Document),
        1 => Just(Act::Fail),
        6 => any::<bool>().prop_map(Act::PromptEnded),
        1 => (0u64..50).prop_map(Act::StalePrompt),
        4 => any::<bool>().prop_map(Act::DialEnded),
        2 => any::<bool>().prop_map(Act::RecordingEnded),
        2 => Just(Act::ReferEnded),
        3 => Just(Act::QueueEnded),
        3 => Just(Act::SpeechBegan),
        4 => any::<bool>().prop_map(Act::SpeechEnded),
        1 => any::<bool>().prop_map(Act::Deaf),
        3 => Just(Act::StreamEnded),
        4 => prop_oneof![Just('1'), Just('#'), Just('*'), any::<char>()].prop_map(Act::Digit),
        6 => (0u64..7_000).prop_map(Act::Wait),
        1 => Just(Act::Redirect),
        1 => document().prop_map(Act::Replace),
        1 => Just(Act::HungUp),
    ]
}

/// The leg as a call would keep it: what the script has running there.
#[derive(Default)]
struct Leg {
    prompts: BTreeSet<PromptId>,
    stopped: BTreeSet<PromptId>,
    prompts_seen: BTreeSet<PromptId>,
    /// The last is the one that runs, unless it was stopped; the others are dying away.
    listenings: Vec<ListenId>,
    listening: bool,
    dials: u32,
    cancelled: u32,
    connect: Option<ConnectId>,
    fetching: bool,
    echo: bool,
    answered: bool,
    recordings: Vec<RecordingId>,
    refers: u32,
    queued: bool,
    hung_up: bool,
    over: bool,
}

impl Leg {
    /// Panics where the script breaks its contract.
    fn follow(&mut self, instruction: &Instruction) {
        assert!(!self.over, "{} after the end", write(instruction));
        let audible = self.prompts.difference(&self.stopped).count();
        match instruction {
            Instruction::Answer => {
                assert!(!self.answered, "answered twice");
                self.answered = true;
            }
            Instruction::Fetch { .. } => {
                assert!(
                    !self.fetching && audible == 0 && !self.echo && !self.listening && self.dials == self.cancelled
                );
                assert!(self.connect.is_none());
                self.fetching = true;
            }
            Instruction::CancelFetch => {
                assert!(self.fetching);
                self.fetching = false;
            }
            Instruction::Prompt { id, .. } => {
                assert!(self.answered && audible == 0 && !self.echo && !self.fetching);
                assert!(self.prompts_seen.insert(*id), "a prompt id used twice");
                self.prompts.insert(*id);
            }
            Instruction::StopPrompt { id } => {
                assert!(self.prompts.contains(id) && self.stopped.insert(*id), "stopped what does not run");
            }
            Instruction::Listen(ListenCommand::Start { id, .. }) => {
                assert!(self.answered && !self.listening && !self.fetching);
                assert!(self.listenings.last().is_none_or(|last| last < id), "a listening's id used twice");
                self.listenings.push(*id);
                self.listening = true;
            }
            Instruction::Listen(ListenCommand::Finish { id }) => {
                assert!(self.listening && self.listenings.last() == Some(id));
            }
            Instruction::Listen(ListenCommand::Stop { id }) => {
                assert!(self.listening && self.listenings.last() == Some(id), "stopped what does not run");
                self.listening = false;
            }
            Instruction::Dial(dial) => {
                assert!(audible == 0 && self.dials == self.cancelled && !self.echo);
                assert!(self.answered || dial.answer_on_bridge);
                assert!(matches!(dial.to, DialTo::Queue(_)) || !dial.targets().is_empty());
                self.dials += 1;
            }
            Instruction::CancelDial => {
                self.cancelled += 1;
                assert!(self.cancelled <= self.dials, "cancelled what does not run");
            }
            Instruction::Recording(RecordingCommand::Start { id, .. }) => {
                assert!(self.answered && audible == 0 && !self.echo);
                self.recordings.push(*id);
            }
            // It may have come to its end meanwhile.
            Instruction::Recording(RecordingCommand::Stop { .. }) => {}
            Instruction::Refer(_) => {
                assert!(self.answered && audible == 0 && !self.echo);
                self.refers += 1;
            }
            Instruction::Queue(QueueCommand::Enqueue(_)) => {
                assert!(self.answered && audible == 0 && !self.echo && !self.queued);
                self.queued = true;
            }
            Instruction::Queue(QueueCommand::GiveUp) => {
                assert!(self.queued, "gave up what does not run");
                self.queued = false;
            }
            Instruction::Leave | Instruction::NoDocument => panic!("no queue's document"),
            Instruction::Tell { .. } => {
                assert!(self.hung_up, "told though the leg is there");
                self.over = true;
            }
            Instruction::Echo { on } => {
                assert!(self.echo != *on && self.answered);
                self.echo = *on;
            }
            Instruction::Denoise { .. } | Instruction::Stream(StreamCommand::Start(_) | StreamCommand::Stop { .. }) => {
            }
            Instruction::Stream(StreamCommand::Connect { id, .. }) => {
                assert!(self.answered && audible == 0 && !self.echo && self.dials == self.cancelled);
                assert!(self.connect.replace(*id).is_none(), "connected twice");
            }
            Instruction::Stream(StreamCommand::Disconnect { id }) => {
                assert_eq!(self.connect.take(), Some(*id), "gave up what does not run");
            }
            Instruction::Reject { .. } => {
                assert!(!self.answered);
                self.over = true;
            }
            Instruction::Hangup => {
                assert!(self.answered && audible == 0 && !self.echo && !self.listening);
                self.over = true;
            }
            Instruction::Finished => {
                assert!(
                    audible == 0
                        && !self.echo
                        && !self.listening
                        && self.dials == self.cancelled
                        && self.connect.is_none()
                );
                self.over = true;
            }
            Instruction::Warn { code, .. } => assert!((10_000..60_000).contains(code)),
        }
    }
}

fn run(acts: &[Act]) {
    let mut script = Script::new(ScriptConfig { documents_max: 20, ..ScriptConfig::default() });
    let mut leg = Leg::default();
    let mut now = Timestamp::ZERO;
    script.start_fetch(now, START.to_owned(), Method::Post, None);
    let drain = |script: &mut Script, leg: &mut Leg| {
        let mut instructions = 0;
        while let Some(instruction) = script.poll() {
            leg.follow(&instruction);
            instructions += 1;
        }
        assert!(instructions < 300, "{instructions} instructions from one input");
        // After a hang-up there may be something left to tell.
        leg.over |= leg.hung_up && script.is_finished();
        assert!(leg.over == script.is_finished());
        assert!(script.deadline().is_none() || !leg.over);
    };
    drain(&mut script, &mut leg);
    for act in acts {
        let input = match act {
            Act::Document(xml) => {
                leg.fetching = false;
                super::document(START, "text/xml", xml)
            }
            Act::Fail => {
                leg.fetching = false;
                Input::Document(Err(FetchFailure { code: 11_200, message: String::new() }))
            }
            Act::PromptEnded(well) => {
                let Some(id) = leg.prompts.pop_first() else { continue };
                leg.stopped.remove(&id);
                let failure = PromptFailure { code: 13_420, message: String::new() };
                Input::PromptEnded { id, result: if *well { Ok(()) } else { Err(failure) } }
            }
            Act::StalePrompt(id) if leg.prompts.contains(&PromptId(*id)) => continue,
            Act::StalePrompt(id) => Input::PromptEnded { id: PromptId(*id), result: Ok(()) },
            Act::DialEnded(well) => {
                if leg.dials == 0 {
                    continue;
                }
                leg.dials -= 1;
                leg.cancelled = leg.cancelled.saturating_sub(1);
                leg.answered |= *well;
                super::outcome_input(if *well { "completed" } else { "busy" })
            }
            Act::RecordingEnded(well) => {
                let Some(id) = leg.recordings.pop() else { continue };
                let made = RecordingRef { sid: "r".to_owned(), url: START.to_owned() };
                let duration = std::time::Duration::from_secs(1);
                Input::RecordingEnded(RecordingEnded { id, recording: well.then_some(made), duration })
            }
            Act::ReferEnded => {
                if leg.refers == 0 {
                    continue;
                }
                leg.refers -= 1;
                let status = ReferStatus::InProgress;
                Input::ReferEnded(ReferOutcome { status, response_code: Some(202), notified_code: Some(200) })
            }
            Act::QueueEnded => {
                if !std::mem::take(&mut leg.queued) {
                    continue;
                }
                let (result, waited) = (QueueResult::Leave, std::time::Duration::from_secs(1));
                Input::Queue(QueueEvent::Ended(QueueOutcome { result, queue_sid: None, waited }))
            }
            Act::SpeechBegan => {
                let Some(id) = leg.listenings.first() else { continue };
                Input::Heard(Heard::Began { id: *id })
            }
            Act::SpeechEnded(words) | Act::Deaf(words) => {
                if leg.listenings.is_empty() {
                    continue;
                }
                let id = leg.listenings.remove(0);
                leg.listening &= !leg.listenings.is_empty();
                let text = if *words { "yes" } else { "" }.to_owned();
                let failure = ListenFailure { code: if *words { 10_001 } else { 20_504 }, message: String::new() };
                let deaf = matches!(act, Act::Deaf(_));
                Input::Heard(Heard::Ended {
                    id,
                    result: if deaf { Err(failure) } else { Ok(Utterance { text, confidence: Some(0.5) }) },
                })
            }
            Act::StreamEnded => {
                let Some(id) = leg.connect.take() else { continue };
                let (sid, name) = ("sid".to_owned(), "sid".to_owned());
                Input::Stream(StreamEvent::Ended { id, sid, name, fault: None })
            }
            Act::Digit(digit) => Input::Digit(*digit),
            Act::Wait(ms) => {
                now = now + std::time::Duration::from_millis(*ms);
                script.expire(now);
                drain(&mut script, &mut leg);
                continue;
            }
            Act::Redirect => Input::Redirect { url: START.to_owned(), method: Method::Get },
            Act::Replace(xml) => Input::Replace { xml: xml.clone() },
            Act::HungUp => {
                leg.hung_up = true;
                Input::HungUp
            }
        };
        script.handle(now, input);
        drain(&mut script, &mut leg);
    }
}

/// An actor that runs a script may be moved to another thread before it starts.
#[test]
fn a_script_can_be_sent_to_another_thread() {
    fn sent<T: Send>(_: T) {}
    sent(Script::new(ScriptConfig::default()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_script_keeps_its_contract_whatever_happens(acts in proptest::collection::vec(act(), 0..40)) {
        run(&acts);
    }
}
