//! The actor with real media threads and calls that are made up: what falls, and who does not notice.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::room::conference::{ConferenceCommand, ConferenceEvent, Joining};
use tandem_laml::instruction::{Beep, Conference, WaitMusic};
use tandem_media::control::Event;
use tandem_model::{LegId, Sid};

use super::actor::{RoomServices, RoomsActor};
use super::message::{Ask, AskRefused, Asked, Fault, FromCall};
use crate::call::ToCall;
use crate::media::{self, EventSink, MediaConfig, MediaPool};
use crate::prompt::{EspeakConfig, EspeakEngine, PromptLimits, PromptLoader};
use crate::recording::{RecordingConfig, RecordingService};
use crate::store::tests::TempDir;
use crate::store::{CallPage, ConferenceFilter, ConferenceStatus, ProjectSettings, Store};
use crate::stream::StreamHub;
use crate::webhook::{StatusQueue, StatusQueueLimits, WebhookClient, WebhookConfig};
use crate::world::{Clock, SystemEntropy};

/// A call that writes down what its conference says.
#[derive(Default)]
struct FakeCall(Arc<Mutex<Vec<ConferenceEvent>>>);

impl Actor for FakeCall {
    type Context = Context<Self>;
}

impl Handler<ToCall> for FakeCall {
    type Result = ();

    fn handle(&mut self, msg: ToCall, _: &mut Self::Context) {
        if let CallInput::Conference { event, .. } = msg.0 {
            self.0.lock().unwrap().push(event);
        }
    }
}

struct Rig {
    rooms: Addr<RoomsActor>,
    store: Store,
    _media: MediaPool,
    _dir: TempDir,
}

struct Member {
    leg: LegId,
    sid: Sid,
    call: Addr<FakeCall>,
    told: Arc<Mutex<Vec<ConferenceEvent>>>,
}

impl Rig {
    async fn new(first_port: u16) -> Self {
        let dir = TempDir::new();
        let settings = ProjectSettings {
            id: Some("6bfbbe86-a901-4197-8759-2a0de1fa319d".into()),
            token: None,
            signing_key: None,
            space: "acme".into(),
            domain: "sw.example.com".into(),
        };
        let store = Store::open(&dir.url(), settings).await.unwrap();
        let config = MediaConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), first_port..=first_port + 19, vec![0]);
        let pool = media::start(&config, |_| Box::new(|_: Event| true) as Box<dyn EventSink>).unwrap();
        let webhooks = WebhookClient::new(WebhookConfig::default()).unwrap();
        let folder = dir.path().join("recordings");
        let services = RoomServices {
            clock: Clock::new(),
            directory: store.directory(),
            media: pool.handle(),
            status: StatusQueue::start(webhooks.clone(), StatusQueueLimits::default()),
            prompts: PromptLoader::new(webhooks.clone(), PromptLimits::default()),
            streams: StreamHub::start(webhooks.clone(), &[], Clock::new()).unwrap(),
            webhooks,
            speech: Arc::new(EspeakEngine::start(EspeakConfig::default()).await),
            recordings: RecordingService::open(RecordingConfig { folder, ..RecordingConfig::default() }).unwrap(),
            store: store.clone(),
            public_url: "http://127.0.0.1".into(),
        };
        Rig { rooms: RoomsActor::new(services).start(), store, _media: pool, _dir: dir }
    }

    async fn member(&self, call: u64, name: &str) -> Member {
        let told = Arc::new(Mutex::new(Vec::new()));
        let actor = FakeCall(told.clone()).start();
        let leg = LegId::first_of(call);
        let sid = Sid::ordered(Clock::new().wall(), &mut SystemEntropy::new());
        let member = Member { leg, sid, call: actor, told };
        let conference = Conference {
            name: name.into(),
            muted: false,
            beep: Beep::Never,
            start_on_enter: true,
            end_on_exit: false,
            max_participants: 250,
            wait: WaitMusic::BuiltIn,
            record: false,
            trim: true,
            coach: None,
            label: None,
            status_callback: None,
            recording_callback: None,
            event_callback: None,
            stream: None,
        };
        self.say(&member, ConferenceCommand::Join(Box::new(Joining { leg, sid, conference }))).await;
        if member.told.lock().unwrap().iter().any(|e| matches!(e, ConferenceEvent::Move { .. })) {
            self.say(&member, ConferenceCommand::Moved { leg, result: Ok(()) }).await;
        }
        member
    }

    /// Answered when the actor has done it, and the call has heard what it says.
    async fn say(&self, member: &Member, command: ConferenceCommand) {
        self.rooms.send(FromCall { command, call: member.call.clone().recipient() }).await.unwrap();
        self.heard(member).await;
    }

    /// What was sent to a call before this is handled before it.
    async fn heard(&self, member: &Member) {
        let nothing = CallInput::MediaMoved { result: Ok(()) };
        member.call.send(ToCall(nothing)).await.unwrap();
    }

    async fn named(&self, name: &str) -> (Sid, ConferenceStatus) {
        let filter = ConferenceFilter { friendly_name: Some(name.into()), ..ConferenceFilter::default() };
        let page = CallPage { after: None, before: None, limit: 1 };
        let found = self.store.conferences(&filter, page).await.unwrap();
        (found[0].sid, found[0].status)
    }
}

#[actix::test]
async fn a_conference_that_falls_lets_its_members_go_and_no_other_notices() {
    let rig = Rig::new(27_000).await;
    let (a, b) = (rig.member(1, "falls").await, rig.member(2, "falls").await);
    let (c, _d) = (rig.member(3, "stays").await, rig.member(4, "stays").await);
    let (falls, status) = rig.named("falls").await;
    assert_eq!(status, ConferenceStatus::InProgress);
    rig.rooms.send(Fault { conference: falls }).await.unwrap();
    for member in [&a, &b] {
        rig.heard(member).await;
        assert_eq!(member.told.lock().unwrap().last(), Some(&ConferenceEvent::Ended));
    }
    assert_eq!(rig.named("falls").await.1, ConferenceStatus::Completed);
    let (stays, _) = rig.named("stays").await;
    let seen = rig.rooms.send(Ask { conference: stays, what: Asked::View }).await.unwrap().unwrap();
    assert_eq!(seen.members.len(), 2);
    assert!(!c.told.lock().unwrap().contains(&ConferenceEvent::Ended));
    // And its name is free for a new one.
    let _e = rig.member(5, "falls").await;
    assert_ne!(rig.named("falls").await.0, falls);
}

#[actix::test]
async fn rest_sees_and_changes_what_lives_and_nothing_else() {
    let rig = Rig::new(27_100).await;
    let (a, b) = (rig.member(1, "room").await, rig.member(2, "room").await);
    let (room, _) = rig.named("room").await;
    let ask = async |what| rig.rooms.send(Ask { conference: room, what }).await.unwrap().map(|seen| seen.members.len());
    assert_eq!(ask(Asked::View).await, Ok(2));
    assert_eq!(ask(Asked::Kick { call: a.sid }).await, Ok(1));
    assert_eq!(ask(Asked::Kick { call: a.sid }).await, Err(AskRefused::Member));
    rig.heard(&a).await;
    assert_eq!(a.told.lock().unwrap().last(), Some(&ConferenceEvent::Ended));
    rig.say(&b, ConferenceCommand::Leave { leg: b.leg }).await;
    assert_eq!(ask(Asked::View).await, Err(AskRefused::Conference));
    assert_eq!(rig.named("room").await.1, ConferenceStatus::Completed);
    // Commands of who has left are nobody's.
    rig.say(&b, ConferenceCommand::Announced { leg: b.leg, completed: true }).await;
    tokio::time::timeout(Duration::from_secs(10), rig.store.flush()).await.unwrap().unwrap();
}
