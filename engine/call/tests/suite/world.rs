//! A whole call without actors: its machine, its legs, their far ends, a media engine and a clock that tests move.
//!
//! What the call wants done and what far ends see is one log of short lines, taken step by step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tandem_call::call::{
    AmdEffect, ApiCall, ApiDocument, Asserted, Call, CallEffect, CallEnv, CallInput, CarriersBusy, HoldUse, Hops,
    InboundLeg, LegRow, ListenEffect, Origin, Party, Plan, RecordingEffect, RecordingNews, RecordingOutcome,
    RegisteredContact, RunId, SeizedCarrier,
};
use tandem_call::call::{OpenStream, StreamEffect, StreamInput, StreamProblem};
use tandem_call::carrier::{Availability, choose};
use tandem_call::directory::{
    Carrier, ContactLimits, Directory, DomainApp, DtmfMethod, Encryption, Handler, OutboundPolicy, Project,
    SipEndpoint, SipProfile, WebhookSet,
};
use tandem_call::leg::{
    IncomingInvite, InviteSpec, Leg, LegCommand, LegEffect, LegInput, LegReport, MediaPolicy, Refused, Replaces,
};
use tandem_call::room::conference::ConferenceCommand;
use tandem_call::room::queue::{QueueAsk, QueueNews, QueueTicket};
use tandem_call::routing;
use tandem_laml::instruction::{Document, FetchFailure, Method, StatusCallback, StatusEvents, StreamFault};
use tandem_media::control::{Clip, Command, Event, LegSpec, LegStats, MarkId, MoveFailed};
use tandem_model::{LegId, SampleRate, SeedEntropy, Sid, Timestamp, WallTime};
use tandem_sip::message::Uri;

use crate::peer::{self, Peer};
use crate::rig;

pub const DOMAIN: &str = "acme-main.sip.example.test";

struct Side {
    leg: Leg,
    peer: Peer,
    ended: u32,
    closed: u32,
    stopped: bool,
}

pub struct World {
    pub call: Call,
    parties: BTreeMap<LegId, Side>,
    /// Legs without a machine.
    crashed: Vec<LegId>,
    now: Timestamp,
    log: Vec<String>,
    /// For each leg, media events that come by themselves.
    media: VecDeque<Event>,
    /// Plays go on until the test ends them.
    pub hold_plays: bool,
    /// Lookups stay unanswered until the test says so.
    pub hold_lookups: bool,
    /// Prompts stay unloaded until the test says so.
    pub hold_prompts: bool,
    /// Recordings that are stopped end when the test says so.
    pub hold_recordings: bool,
    pub rows: BTreeMap<String, LegRow>,
    pub finished: u32,
    /// Parameters of the last fetch or notice.
    pub params: Vec<(String, String)>,
    /// Parameters of the last fetch.
    pub fetched: Vec<(String, String)>,
    pub last_ticket: u64,
    pub recordings: Vec<Sid>,
    /// The document that a fetch was for last.
    pub last_run: RunId,
    /// The stream that was opened last.
    pub last_stream: Option<OpenStream>,
    /// Those that were opened and not closed.
    pub streams: BTreeSet<Sid>,
    /// What INVITEs went out.
    pub specs: BTreeMap<LegId, InviteSpec>,
    /// Carriers that are down, by name; those at their limits; and the Service-Route of all.
    pub down: Vec<String>,
    pub busy: Vec<String>,
    pub service_route: Vec<String>,
    /// Header fields of the last Reject.
    pub refusal: Vec<(String, String)>,
    queue_ticket: Option<QueueTicket>,
    /// Media stays where it is.
    pub cannot_move: bool,
    /// Moves are under way until the test says so.
    pub hold_moves: bool,
}

/// Parameters that stand in the log.
fn is_shown(name: &str) -> bool {
    let starts = ["DialCall", "RecordingStatus", "RecordingDuration", "Refer", "Queue", "SpeechResult", "AnsweredBy"]
        .iter()
        .any(|p| name.starts_with(p));
    starts && !matches!(name, "DialCallSid" | "QueueSid")
        || matches!(
            name,
            "Digits" | "DialSipResponseCode" | "NotifySipResponseCode" | "CurrentQueueSize" | "AvgQueueTime"
        )
}

pub fn directory() -> Directory {
    let profile = SipProfile {
        domain_identifier: "main".into(),
        default_codecs: vec!["PCMU".into(), "PCMA".into()],
        default_send_as: Some("+15550001111".into()),
        default_outbound_policy: OutboundPolicy::Passthrough,
        ..SipProfile::default()
    };
    let project = Project {
        id: "acc".into(),
        space: "acme".into(),
        domain: "example.test".into(),
        realm: "example.test".into(),
        ..Project::default()
    };
    let endpoints = ["alice", "bob", "carol"].map(|name| {
        let endpoint = SipEndpoint {
            id: Sid::from_bytes([name.as_bytes()[0]; 16]),
            username: name.into(),
            secrets: Default::default(),
            caller_id: None,
            send_as: None,
            codecs: vec![],
            ciphers: vec![],
            encryption: Encryption::Default,
            dtmf: DtmfMethod::Auto,
            contacts: ContactLimits::default(),
            outbound_policy: None,
            handler: Handler::None,
        };
        (name.to_owned(), Arc::new(endpoint))
    });
    let carriers = ["one", "two"].map(|name| {
        let id = Sid::from_bytes([name.as_bytes()[0]; 16]);
        // Without weights they are tried in this order.
        let carrier = Carrier::new(id, name, format!("sip:{name}.carrier.test"));
        Arc::new(Carrier { patterns: vec!["+1*".into()], priority: 1, weight: 0, ..carrier })
    });
    Directory {
        project,
        profile,
        endpoints: endpoints.into(),
        domain_apps: vec![],
        carriers: carriers.into(),
        ..Directory::default()
    }
}

fn with_carriers(carriers: Vec<Carrier>) -> Directory {
    Directory { carriers: carriers.into_iter().map(Arc::new).collect(), ..directory() }
}

/// Alice dials.
pub fn plan_of(to: &str) -> (Directory, Plan) {
    plan_in(directory(), to)
}

fn plan_in(directory: Directory, to: &str) -> (Directory, Plan) {
    let alice = directory.endpoints["alice"].clone();
    let caller = routing::Caller::Endpoint(alice.clone());
    let route = routing::route(&directory, &caller, &Uri::parse(to).unwrap(), |_, _| false).unwrap();
    (directory, Plan::Connect { caller: Party::Endpoint(alice), route })
}

/// An application whose document is fetched.
pub fn app() -> Arc<DomainApp> {
    let hooks = WebhookSet {
        request_url: "https://app.test/start".into(),
        status_callback_url: Some("https://app.test/status".into()),
        ..WebhookSet::default()
    };
    Arc::new(DomainApp {
        id: Sid::from_bytes([9; 16]),
        name: "app".into(),
        identifier: "app".into(),
        user: "*".into(),
        ip_auth_enabled: false,
        ip_auth: vec![],
        handler: Handler::LamlWebhooks(hooks),
        encryption: Encryption::Default,
        codecs: vec![],
        ciphers: vec![],
    })
}

pub fn api_call(to: &str, document: &str) -> ApiCall {
    ApiCall {
        sid: Sid::from_bytes([1; 16]),
        to: to.into(),
        from: "+15550001111".into(),
        caller_id: None,
        document: ApiDocument::Inline(document.into()),
        fallback: None,
        status_callback: Some(StatusCallback {
            url: "https://app.test/status".into(),
            method: Method::Post,
            events: StatusEvents { initiated: true, ringing: true, answered: true, completed: true },
        }),
        timeout: Duration::from_secs(60),
        send_digits: None,
        amd: None,
        record: None,
        time_limit: None,
        credentials: None,
    }
}

impl World {
    /// The Reason of the CANCEL that this leg's far end was last sent.
    pub fn cancel_reason(&self, leg: u64) -> Option<&str> {
        self.parties.get(&LegId(leg))?.peer.cancel_reason.as_deref()
    }

    /// Alice dials `to`; `offer` as in [`peer::description`].
    pub fn dials(to: &str, offer: &str) -> World {
        World::dialling(to, offer, false)
    }

    /// The registrar takes its time.
    pub fn dials_looking(to: &str) -> World {
        World::dials_looking_with(to, "sdp")
    }

    /// The same, with an INVITE that says `offer`.
    pub fn dials_looking_with(to: &str, offer: &str) -> World {
        World::dialling(to, offer, true)
    }

    fn dialling(to: &str, offer: &str, hold_lookups: bool) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound(directory, plan, offer, hold_lookups)
    }

    /// Somebody calls the application, which answers with `document`.
    pub fn app(document: &str) -> World {
        World::app_offered(document, "sdp")
    }

    pub fn app_offered(document: &str, offer: &str) -> World {
        let mut world = World::inbound(directory(), Plan::App { app: app() }, offer, false);
        assert_eq!(world.take(), "fetch https://app.test/start");
        world.document(document);
        world
    }

    /// What plays does so until the test ends it.
    pub fn app_playing(document: &str) -> World {
        let mut world = World::first_request();
        world.take();
        world.hold_plays = true;
        world.document(document);
        world
    }

    /// The same, where a hold is used like this.
    pub fn app_holding(document: &str, hold: HoldUse) -> World {
        let mut world = World::arriving(directory(), Plan::App { app: app() }, "sdp", (0, hold), |_| {});
        world.hold_plays = true;
        world.start();
        world.take();
        world.document(document);
        world
    }

    /// Prompts are loaded when the test says so.
    pub fn app_without_audio(document: &str) -> World {
        let mut world = World::first_request();
        world.hold_prompts = true;
        world.document(document);
        world
    }

    /// The application's document is still being fetched.
    pub fn first_request() -> World {
        World::inbound(directory(), Plan::App { app: app() }, "sdp", false)
    }

    pub fn inbound(directory: Directory, plan: Plan, offer: &str, hold_lookups: bool) -> World {
        World::inbound_altered(directory, plan, offer, hold_lookups, 0, |_| {})
    }

    /// Callees' redirections are followed, this many.
    pub fn dials_redirected(to: &str, redirects: usize) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", false, redirects, |_| {})
    }

    /// The INVITE said something more.
    pub fn dials_saying(to: &str, alter: impl FnOnce(&mut InboundLeg)) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", false, 0, alter)
    }

    /// Alice talks to Bob, where a hold is used like this. What plays does so until the test ends it.
    pub fn talks(hold: HoldUse) -> World {
        World::talks_in(directory(), hold)
    }

    pub fn talks_in(directory: Directory, hold: HoldUse) -> World {
        let (directory, plan) = plan_in(directory, &format!("sip:bob@{DOMAIN}"));
        let mut world = World::arriving(directory, plan, "sdp", (0, hold), |_| {});
        world.hold_plays = true;
        world.start();
        world.take();
        world.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
        world
    }

    /// The same, and the registrar takes its time.
    pub fn dials_saying_looking(to: &str, alter: impl FnOnce(&mut InboundLeg)) -> World {
        let (directory, plan) = plan_of(to);
        World::inbound_altered(directory, plan, "sdp", true, 0, alter)
    }

    /// The registrar has found these.
    pub fn found(&mut self, contacts: Vec<RegisteredContact>) -> String {
        self.input(CallInput::Contacts { ticket: self.last_ticket, contacts })
    }

    pub fn inbound_altered(
        directory: Directory,
        plan: Plan,
        offer: &str,
        hold_lookups: bool,
        redirects: usize,
        alter: impl FnOnce(&mut InboundLeg),
    ) -> World {
        let mut world = World::arriving(directory, plan, offer, (redirects, HoldUse::Pass), alter);
        world.hold_lookups = hold_lookups;
        world.start();
        world
    }

    /// Alice dials `to` with carriers of the test's making, in a world that `set` has prepared.
    pub fn dials_by(carriers: Vec<Carrier>, to: &str, set: impl FnOnce(&mut World)) -> World {
        let (directory, plan) = plan_in(with_carriers(carriers), to);
        let mut world = World::arriving(directory, plan, "sdp", (0, HoldUse::Pass), |_| {});
        set(&mut world);
        world.start();
        world
    }

    pub fn api_by(carriers: Vec<Carrier>, call: ApiCall, set: impl FnOnce(&mut World)) -> World {
        let mut world = World::new(with_carriers(carriers), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        set(&mut world);
        world.start();
        world
    }

    /// Before anything has happened.
    fn arriving(
        directory: Directory,
        plan: Plan,
        offer: &str,
        rules: (usize, HoldUse),
        alter: impl FnOnce(&mut InboundLeg),
    ) -> World {
        let (id, sid) = (LegId(1), Sid::from_bytes([1; 16]));
        let mut peer = Peer::new(id);
        let message = peer::invite("sip:support@acme-app.dapp.example.test", offer);
        let hops = Hops::read(&message, "here").expect("no loop");
        let invite = IncomingInvite {
            key: peer.key(),
            message,
            source: peer::address(),
            received: Timestamp::from_secs(1),
            unproved: false,
        };
        let policy = MediaPolicy::default();
        let entropy = Box::new(SeedEntropy::new(5));
        let leg = Leg::new_incoming(id, sid, rig::env(), policy, invite, entropy).expect("a good INVITE");
        let mut inbound = InboundLeg {
            sid,
            from_uri: format!("sip:alice@{DOMAIN}"),
            from_display: None,
            from_user: "alice".into(),
            to_uri: "sip:support@acme-app.dapp.example.test".into(),
            request_user: "support".into(),
            request_host: "acme-app.dapp.example.test".into(),
            headers: vec![("X-Room".into(), "12".into())],
            call_id: "incoming-1".into(),
            source: peer::address(),
            max_forwards: 10,
            hops,
            asserted: Asserted::default(),
            username: None,
            offered: leg.offered_codecs(),
        };
        alter(&mut inbound);
        let mut world = World::new(directory, Origin::Inbound { leg: Box::new(inbound), plan }, rules);
        world.parties.insert(id, Side { leg, peer, ended: 0, closed: 0, stopped: false });
        world
    }

    pub fn api(call: ApiCall) -> World {
        let mut world = World::new(directory(), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        world.start();
        world
    }

    pub fn api_unanswered_lookup(call: ApiCall) -> World {
        let mut world = World::new(directory(), Origin::Api(Box::new(call)), (0, HoldUse::Pass));
        world.hold_lookups = true;
        world.start();
        world
    }

    fn new(directory: Directory, origin: Origin, (redirect_targets_max, hold): (usize, HoldUse)) -> World {
        let env = CallEnv {
            directory: Arc::new(directory),
            own_address: "198.51.100.1:5060".into(),
            call_duration_max: Duration::from_secs(20_000),
            own: rig::own(),
            redirect_targets_max,
            hold,
            public_url: "http://tandem.test".into(),
            dial_transport: None,
        };
        World {
            call: Call::new(env, LegId(1), origin, Box::new(SeedEntropy::new(3))),
            parties: BTreeMap::new(),
            crashed: vec![],
            now: Timestamp::from_secs(1),
            log: vec![],
            media: VecDeque::new(),
            hold_plays: false,
            hold_lookups: false,
            hold_prompts: false,
            hold_recordings: false,
            rows: BTreeMap::new(),
            finished: 0,
            params: vec![],
            fetched: vec![],
            last_ticket: 0,
            last_stream: None,
            streams: BTreeSet::new(),
            recordings: vec![],
            last_run: RunId(1),
            specs: BTreeMap::new(),
            down: vec![],
            busy: vec![],
            service_route: vec![],
            refusal: vec![],
            queue_ticket: None,
            cannot_move: false,
            hold_moves: false,
        }
    }

    fn start(&mut self) {
        self.call.start(self.now, self.wall());
        self.settle();
    }

    fn wall(&self) -> WallTime {
        WallTime::from_unix_millis(1_700_000_000_000 + self.now.as_millis() as i64)
    }

    pub fn input(&mut self, input: CallInput) -> String {
        self.call.handle(self.now, self.wall(), input);
        self.settle();
        self.take()
    }

    pub fn document(&mut self, xml: &str) {
        let document = Document {
            url: "https://app.test/start".into(),
            content_type: Some("text/xml".into()),
            body: format!("<Response>{xml}</Response>").into_bytes(),
        };
        self.call.handle(self.now, self.wall(), CallInput::Document { run: self.last_run, result: Ok(document) });
        self.settle();
    }

    pub fn no_document(&mut self) -> String {
        let failure = FetchFailure { code: 11_200, message: "refused".into() };
        self.input(CallInput::Document { run: self.last_run, result: Err(failure) })
    }

    /// What was recorded so far is five seconds long.
    fn recording_ends(&mut self, sid: Sid, exists: bool) {
        self.recordings.retain(|r| *r != sid);
        let duration = Duration::from_secs(if exists { 5 } else { 0 });
        let news = RecordingNews::Ended(RecordingOutcome { exists, duration });
        self.call.handle(self.now, self.wall(), CallInput::Recording { sid, news });
    }

    pub fn recording_ended(&mut self, exists: bool) -> String {
        let sid = self.recordings[0];
        self.recording_ends(sid, exists);
        self.settle();
        self.take()
    }

    /// A prompt of a leg is over.
    pub fn play_done(&mut self, leg: u64, play: u64) -> String {
        let (leg, play) = (LegId(leg), tandem_media::control::PlayId(play));
        self.media.push_back(Event::PlayDone { leg, play, completed: true });
        self.settle();
        self.take()
    }

    pub fn contacts(&mut self, names: &[&str]) -> String {
        let contacts = names.iter().map(|n| contact(n)).collect();
        self.input(CallInput::Contacts { ticket: self.last_ticket, contacts })
    }

    /// `2 180`: the far end of leg 2 says so. `+30`: thirty seconds pass.
    pub fn step(&mut self, line: &str) -> String {
        match line.strip_prefix('+') {
            Some(secs) => self.pass(Duration::from_secs(secs.parse().expect("seconds"))),
            None => {
                let (leg, words) = line.split_once(' ').expect("a leg and words");
                let id = LegId(leg.parse().expect("a leg"));
                let party = self.parties.get_mut(&id).unwrap_or_else(|| panic!("no leg {id}"));
                let input = party.peer.says(words);
                party.leg.handle(self.now, input);
                self.settle();
            }
        }
        self.take()
    }

    /// The machine of a leg is lost.
    pub fn crash(&mut self, id: LegId) {
        if self.parties.get(&id).is_some_and(|p| !p.stopped) {
            self.parties.remove(&id);
            self.crashed.push(id);
            self.input(CallInput::LegCrashed { leg: id });
        }
    }

    /// As [`World::step`], but what cannot be said is left unsaid.
    pub fn try_step(&mut self, line: &str) {
        let sayable = line.split_once(' ').is_none_or(|(leg, words)| {
            let id = LegId(leg.parse().expect("a leg"));
            self.parties.get(&id).is_some_and(|p| !p.stopped && p.peer.can_say(words))
        });
        if sayable && self.finished == 0 {
            self.step(line);
        }
    }

    #[track_caller]
    pub fn run(&mut self, steps: &[(&str, &str)]) {
        for (at, (input, want)) in steps.iter().enumerate() {
            let got = self.step(input);
            assert_eq!(got, *want, "step {at}: {input:?}");
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let legs = self.parties.values().filter_map(|p| p.leg.deadline());
            let Some(at) = legs.chain(self.call.deadline()).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            for party in self.parties.values_mut() {
                party.leg.expire(self.now);
            }
            self.call.expire(self.now, self.wall());
            self.settle();
        }
        self.now = until;
    }

    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.log).join("; ")
    }

    /// Legs, call and media until nothing moves.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if let Some(effect) = self.call.poll() {
                self.call_effect(effect);
            } else if let Some((id, effect)) = self.leg_effect() {
                self.carry_out(id, effect);
            } else if let Some(event) = self.media.pop_front() {
                let (Event::Opened { leg, .. }
                | Event::Closed { leg, .. }
                | Event::PlayDone { leg, .. }
                | Event::Digit { leg, .. }
                | Event::DigitEnded { leg, .. }
                | Event::Marked { leg, .. }
                | Event::DigitForPeer { leg, .. }) = event
                else {
                    continue;
                };
                if let Some(party) = self.parties.get_mut(&leg) {
                    party.leg.handle(self.now, LegInput::Media(event));
                }
            } else {
                return;
            }
        }
        panic!("the call never settles: {:?}", self.log);
    }

    fn leg_effect(&mut self) -> Option<(LegId, LegEffect)> {
        self.parties.iter_mut().find_map(|(id, p)| p.leg.poll().map(|e| (*id, e)))
    }

    fn carry_out(&mut self, id: LegId, effect: LegEffect) {
        let now = self.now;
        let Some(party) = self.parties.get_mut(&id) else { return };
        assert!(!party.stopped, "{effect:?} after Stop");
        let heard = party.peer.hears(&effect);
        match effect {
            LegEffect::Request { message, .. } if message.method_str() == "BYE" => {
                // Far ends are polite: each BYE has its 200 at once.
                self.log.push(format!("{id} BYE"));
                let answer = party.peer.says("200 bye");
                party.leg.handle(now, answer);
            }
            LegEffect::Request { message, .. } if message.method_str() == "NOTIFY" => {
                self.log.extend(heard.map(|h| format!("{id} {h}")));
                let answer = party.peer.says("200 notify");
                party.leg.handle(now, answer);
            }
            LegEffect::Resolve { .. } | LegEffect::LookUp { .. } => {
                let found = party.peer.says("resolved");
                party.leg.handle(now, found);
            }
            LegEffect::Request { .. }
            | LegEffect::Respond { .. }
            | LegEffect::SendAck { .. }
            | LegEffect::Cancel { .. } => {
                self.log.extend(heard.map(|h| format!("{id} {h}")));
            }
            LegEffect::Media(command) => self.command(command),
            LegEffect::Report(report) => {
                party.ended += u32::from(matches!(report, LegReport::Ended(_)));
                party.closed += u32::from(matches!(report, LegReport::Closed(_)));
                self.call.handle(
                    now,
                    WallTime::from_unix_millis(1_700_000_000_000 + now.as_millis() as i64),
                    CallInput::Leg { leg: id, report },
                );
            }
            LegEffect::Stop => party.stopped = true,
            LegEffect::Bind { .. } | LegEffect::Record(_) => {}
        }
    }

    fn command(&mut self, command: Command) {
        match &command {
            Command::Open { leg } => self.media.push_back(Event::Opened { leg: *leg, rtp_port: 20_000 }),
            Command::Close { leg } => {
                self.media.push_back(Event::Closed { leg: *leg, stats: Box::new(LegStats::default()) });
            }
            Command::Configure { .. } => {}
            Command::Play { leg, play, .. } | Command::SendDigits { leg, play, .. } => {
                self.log.push(peer::media(&command));
                if !self.hold_plays {
                    self.media.push_back(Event::PlayDone { leg: *leg, play: *play, completed: true });
                }
            }
            Command::StopPlay { leg, play } => {
                self.log.push(peer::media(&command));
                self.media.push_back(Event::PlayDone { leg: *leg, play: *play, completed: false });
            }
            // Media reports a digit that it was told of as one it heard.
            Command::HearDigit { leg, digit, .. } => {
                self.media.push_back(Event::Digit { leg: *leg, digit: *digit });
            }
            _ => self.log.push(peer::media(&command)),
        }
    }

    fn stream(&mut self, effect: StreamEffect) {
        self.log.push(match &effect {
            StreamEffect::Open(open) => format!("open {}", open.stream.url),
            StreamEffect::Tap { leg, tap, rate, .. } => format!("tap {leg} {} {}", tap.0, rate.0),
            StreamEffect::Digit { digit, duration_ms, .. } => format!("key {digit} {duration_ms}"),
            StreamEffect::Marked { mark, .. } => format!("marked {}", mark.0),
            StreamEffect::Close { .. } => "close".into(),
        });
        match effect {
            StreamEffect::Open(open) => {
                assert!(self.streams.insert(open.sid), "opened twice");
                self.last_stream = Some(*open);
            }
            StreamEffect::Close { sid } => assert!(self.streams.remove(&sid), "closed twice"),
            StreamEffect::Tap { sid, .. } | StreamEffect::Digit { sid, .. } | StreamEffect::Marked { sid, .. } => {
                assert!(self.streams.contains(&sid), "of a stream that does not run");
            }
        }
    }

    /// Media tells something of a leg.
    pub fn media_event(&mut self, event: Event) -> String {
        self.media.push_back(event);
        self.settle();
        self.take()
    }

    /// Something of a stream happens, or what crosses its end; or REST wants one.
    pub fn try_stream(&mut self, what: &str) {
        if what == "rest stream" {
            let call = self.call.rows().first().map(|r| r.sid);
            let stream = crate::call_stream::stream("rest");
            drop(call.map(|call| self.rest(|c, now, wall| c.start_stream(now, wall, call, stream))));
            return;
        }
        let Some(sid) = self.last_stream.as_ref().map(|s| s.sid).filter(|_| self.finished == 0) else { return };
        let problem = StreamProblem { fault: StreamFault::General, code: 11_200, message: "it broke".into() };
        match what {
            "stream opened" => drop(self.input(CallInput::Stream(StreamInput::Opened { sid }))),
            "stream ended" => drop(self.input(CallInput::Stream(StreamInput::Ended { sid, problem: None }))),
            "stream failed" => drop(self.input(CallInput::Stream(StreamInput::Ended { sid, problem: Some(problem) }))),
            _ => {
                for input in [
                    StreamInput::Audio { sid, audio: vec![0; 160] },
                    StreamInput::Mark { sid, mark: MarkId(1) },
                    StreamInput::Digits { sid, digits: "1".into() },
                    StreamInput::Clear { sid },
                ] {
                    self.input(CallInput::Stream(input));
                }
            }
        }
    }

    /// REST asks for something.
    pub fn rest<T>(&mut self, ask: impl FnOnce(&mut Call, Timestamp, WallTime) -> T) -> (T, String) {
        let wall = self.wall();
        let answer = ask(&mut self.call, self.now, wall);
        self.settle();
        (answer, self.take())
    }

    fn call_effect(&mut self, effect: CallEffect) {
        assert_eq!(self.finished, 0, "{effect:?} after Finished");
        match effect {
            CallEffect::Leg { leg, command } => {
                if let LegCommand::Reject { headers, .. } = &command {
                    self.refusal = headers.clone();
                }
                if let Some(party) = self.parties.get_mut(&leg) {
                    party.leg.handle(self.now, LegInput::Command(command));
                } else {
                    assert!(self.crashed.contains(&leg), "{command:?} to {leg}, which does not exist");
                }
            }
            CallEffect::CreateLeg { leg, sid, spec } => {
                self.log
                    .push(format!("call {leg} {} from {} hops {}", spec.request_uri, spec.from_uri, spec.max_forwards));
                self.specs.insert(leg, (*spec).clone());
                let entropy = Box::new(SeedEntropy::new(leg.0));
                let party = Leg::new_outgoing(leg, sid, rig::env(), *spec, entropy);
                self.parties
                    .insert(leg, Side { leg: party, peer: Peer::new(leg), ended: 0, closed: 0, stopped: false });
            }
            CallEffect::Media(command) => self.command(command),
            CallEffect::Conference(command) => self.log.push(room_line(&command)),
            CallEffect::MoveMedia { beside } => {
                self.log.push(format!("move beside {beside}"));
                if !self.hold_moves {
                    let result = if self.cannot_move { Err(MoveFailed::Overloaded) } else { Ok(()) };
                    self.call.handle(self.now, self.wall(), CallInput::MediaMoved { result });
                }
            }
            CallEffect::Queue(ask) => self.queue_ask(ask),
            CallEffect::Stream(effect) => self.stream(effect),
            CallEffect::Fetch { run, url, params, .. } => {
                self.last_run = run;
                let shown: String =
                    params.iter().filter(|(n, _)| is_shown(n)).map(|(n, v)| format!(" {n}={v}")).collect();
                self.log.push(format!("fetch {url}{shown}"));
                self.fetched = params.clone();
                self.params = params;
            }
            CallEffect::CancelFetch { .. } => self.log.push("cancel-fetch".into()),
            CallEffect::LoadPrompt { .. } if self.hold_prompts => {}
            CallEffect::LoadPrompt { run, id, .. } => {
                let clip = Arc::new(Clip { rate: SampleRate(8000), samples: vec![0; 160] });
                self.call.handle(self.now, self.wall(), CallInput::PromptLoaded { run, id, result: Ok(clip) });
            }
            CallEffect::SeizeCarrier { ticket, carriers, draw } => {
                let standing =
                    |c: &Carrier| if self.down.contains(&c.name) { Availability::Down } else { Availability::Up };
                let order = choose(&carriers, standing, &mut SeedEntropy::new(draw));
                let seized = match order.iter().find(|c| !self.busy.contains(&c.name)) {
                    Some(c) => Ok(SeizedCarrier { carrier: c.id, route: self.service_route.clone() }),
                    None => Err(CarriersBusy { retry_after_secs: 3 }),
                };
                let wall = self.wall();
                self.call.handle(self.now, wall, CallInput::CarrierSeized { ticket, seized });
            }
            CallEffect::Recording(RecordingEffect::Start(order)) => {
                self.log.push(format!("record {} {:?}", order.leg, order.layout));
                self.recordings.push(order.sid);
                let news = RecordingNews::Begun;
                self.call.handle(self.now, self.wall(), CallInput::Recording { sid: order.sid, news });
            }
            CallEffect::Recording(RecordingEffect::Stop { sid }) => {
                self.log.push("stop-record".into());
                if !self.hold_recordings {
                    self.recording_ends(sid, true);
                }
            }
            CallEffect::Listen(ListenEffect::Start { run, leg, id, how }) => {
                self.last_run = run;
                self.log.push(format!("listen {leg} {} {}", id.0, how.language));
            }
            CallEffect::Listen(ListenEffect::Finish { run, id }) => {
                self.last_run = run;
                self.log.push(format!("finish-listening {}", id.0));
            }
            CallEffect::Listen(ListenEffect::Stop { id, .. }) => self.log.push(format!("stop-listening {}", id.0)),
            CallEffect::Amd(AmdEffect::Start { leg, config }) => {
                self.log.push(format!("detect {leg} {:?}", config.goal))
            }
            CallEffect::Amd(AmdEffect::Stop { leg }) => self.log.push(format!("stop-detecting {leg}")),
            CallEffect::Lookup { ticket, aor } => {
                self.log.push(format!("lookup {aor}"));
                self.last_ticket = ticket;
                if !self.hold_lookups {
                    let contacts = if aor == "carol" { vec![] } else { vec![contact(&aor)] };
                    self.call.handle(self.now, self.wall(), CallInput::Contacts { ticket, contacts });
                }
            }
            CallEffect::Notify { params, .. } if params.iter().any(|(n, _)| n == "StreamEvent") => {
                let value = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
                let error = value("StreamError").map(|error| format!(" {error}")).unwrap_or_default();
                self.log.push(format!("notify {}{error}", value("StreamEvent").unwrap_or_default()));
                self.params = params;
            }
            CallEffect::Notify { url, params, .. } if !params.iter().any(|(n, _)| n == "SequenceNumber") => {
                let shown: String =
                    params.iter().filter(|(n, _)| is_shown(n)).map(|(n, v)| format!(" {n}={v}")).collect();
                self.log.push(format!("tell {url}{shown}"));
                self.params = params;
            }
            CallEffect::Notify { params, .. } => {
                let value = |name: &str| params.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
                let code = value("SipResultCode");
                let code = if code.is_empty() { String::new() } else { format!(" {code}") };
                self.log.push(format!("notify {} {}{code}", value("SequenceNumber"), value("CallStatus")));
                self.params = params;
            }
            CallEffect::Record(row) => {
                self.rows.insert(format!("{}{}", row.direction.as_str(), row.sid), *row);
            }
            CallEffect::Audit { what, .. } => self.log.push(format!("audit {what}")),
            CallEffect::Warn { code, .. } => self.log.push(format!("warn {code}")),
            CallEffect::Finished => {
                self.log.push("finished".into());
                self.finished += 1;
            }
        }
    }

    fn queue_ask(&mut self, ask: QueueAsk) {
        self.queue_ticket = Some(ask.ticket());
        self.log.push(match ask {
            QueueAsk::Join { name, size_max, .. } => match size_max {
                Some(most) => format!("join {name} of {most}"),
                None => format!("join {name}"),
            },
            QueueAsk::Place { .. } => "place?".into(),
            QueueAsk::Dequeue { name, .. } => format!("dequeue {name}"),
            QueueAsk::Connected { agent, .. } => format!("connected {}", agent.leg),
            QueueAsk::Hold { hold, .. } => format!("tell {hold:?}"),
            QueueAsk::Leave { .. } => "leave".into(),
        });
    }

    /// The queue tells who asked last.
    pub fn queue(&mut self, news: impl FnOnce(QueueTicket) -> QueueNews) -> String {
        let ticket = self.queue_ticket.expect("the queue was asked");
        self.input(CallInput::Queue(news(ticket)))
    }

    /// The party of a leg takes its place with another telephone, if it may.
    pub fn try_replace(&mut self, leg: u64) {
        let known = self.parties.contains_key(&LegId(leg)) && self.finished == 0;
        for name in ["alice", "bob"].into_iter().filter(|_| known) {
            let by = routing::Caller::Endpoint(directory().endpoints[name].clone());
            let _ = self.replaced(leg, by, |_| {});
        }
    }

    /// Somebody's INVITE with Replaces for the dialog of a leg; `alter` changes the value before it is looked at.
    pub fn replaced(
        &mut self,
        leg: u64,
        by: routing::Caller,
        alter: impl FnOnce(&mut Replaces),
    ) -> Result<String, Refused> {
        let (call_id, to_tag) = self.parties[&LegId(leg)].peer.dialog();
        let mut replaces = Replaces { call_id, to_tag, from_tag: "theirs".into(), early_only: false };
        alter(&mut replaces);
        let replaced = self.call.may_replace(&replaces, &by)?;
        let id = self.call.next_leg();
        let sid = Sid::from_bytes([id.0 as u8 + 100; 16]);
        let mut peer = Peer::new(id);
        let message = peer::invite("sip:tandem@198.51.100.1", "sdp");
        let invite =
            IncomingInvite { key: peer.key(), message, source: peer::address(), received: self.now, unproved: false };
        let entropy = Box::new(SeedEntropy::new(id.0));
        let leg = Leg::new_incoming(id, sid, rig::env(), MediaPolicy::default(), invite, entropy)?;
        let inbound = InboundLeg {
            sid,
            from_uri: format!("sip:new@{DOMAIN}"),
            from_display: None,
            from_user: "new".into(),
            to_uri: "sip:tandem@198.51.100.1".into(),
            request_user: "tandem".into(),
            request_host: "198.51.100.1".into(),
            headers: vec![],
            call_id: "incoming-1".into(),
            source: peer::address(),
            max_forwards: 10,
            hops: Hops::default(),
            asserted: Asserted::default(),
            username: None,
            offered: leg.offered_codecs(),
        };
        self.parties.insert(id, Side { leg, peer, ended: 0, closed: 0, stopped: false });
        Ok(self.input(CallInput::Replace { replaced, inbound: Box::new(inbound), by }))
    }

    /// What a leg's media was configured with last.
    pub fn spec_of(&self, leg: u64) -> Option<LegSpec> {
        self.parties.get(&LegId(leg)).and_then(|party| party.peer.last_spec.clone())
    }

    pub fn params(&self) -> &[(String, String)] {
        &self.params
    }

    pub fn rows(&self) -> Vec<LegRow> {
        self.rows.values().cloned().collect()
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let mut values = self.params.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }

    /// The call is over, each leg ended and closed once, and the final rows are these: `inbound completed 200 3s`.
    #[track_caller]
    pub fn over(&mut self, rows: &[&str]) {
        assert_eq!(self.final_rows(), rows);
    }

    #[track_caller]
    pub fn final_rows(&self) -> Vec<String> {
        assert_eq!(self.finished, 1, "the call has not finished");
        assert!(self.streams.is_empty(), "streams outlive the call");
        for (id, party) in &self.parties {
            assert_eq!((party.ended, party.closed, party.stopped), (1, 1, true), "{id}");
        }
        self.call
            .rows()
            .iter()
            .map(|r| {
                assert!(r.closed && r.status.is_final());
                let kept = &self.rows[&format!("{}{}", r.direction.as_str(), r.sid)];
                assert_eq!((kept.status, kept.closed), (r.status, true), "the last record is the final row");
                let code = r.sip_code.unwrap_or(0);
                format!("{} {} {code} {}s", r.direction.as_str(), r.status.as_str(), r.duration_secs)
            })
            .collect()
    }
}

/// What a call says to its conference.
fn room_line(command: &ConferenceCommand) -> String {
    match command {
        ConferenceCommand::Join(joining) => format!("room {} joins {}", joining.leg, joining.conference.name),
        ConferenceCommand::Moved { leg, result } => format!("room {leg} moved {result:?}"),
        ConferenceCommand::Leave { leg } => format!("room {leg} leaves"),
        ConferenceCommand::WaitFailed { leg } => format!("room {leg} has no wait document"),
        ConferenceCommand::Announced { leg, completed } => format!("room {leg} announced {completed}"),
    }
}

pub fn contact(name: &str) -> RegisteredContact {
    RegisteredContact {
        uri: format!("sip:{name}@203.0.113.9:5060"),
        source: peer::address(),
        path: vec![],
        over_flow: false,
        other_flows: vec![],
    }
}

/// A child leg's id by its number, for REST.
pub fn sid_of(world: &World, to: &str) -> Sid {
    let row = world.call.rows().into_iter().find(|r| r.to.contains(to)).expect("a leg to it");
    Sid::from_str(&row.sid.to_string()).expect("an id")
}
