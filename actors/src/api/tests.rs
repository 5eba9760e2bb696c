//! Every resource through HTTP, against a real store and calls that are made up.

mod auth;
mod calls;
mod carriers;
mod conferences;
mod pages;
mod queues;
mod recordings;
mod relay;
mod resources;
mod speech;
mod streams;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::App;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tandem_call::call::{StreamStatus, StreamView};
use tandem_laml::instruction::Stream;
use tandem_model::{Sid, WallTime};

use super::{
    ApiOptions, ApiState, BODY_BYTES_MAX, CallControl, CallControlError, CallDocument, CallView, CarrierRegistration,
    CarrierState, CarrierStates, ChangeRate, ContactView, CreateCall, EndCall, Logins, Metrics, RecordingChange,
    RecordingName, Registrations, StartRecording, StreamControl, UpdateCall, routes, serve,
};
use crate::bins::LamlBins;
use crate::recording::{RecordingConfig, RecordingService};
use crate::store::tests::TempDir;
use crate::store::{
    CallDirection, CallRecord, CallStatus, ProjectSettings, RecordingRecord, RecordingSource, RecordingStatus, Store,
};
use crate::world::Clock;

pub(super) const PROJECT: &str = "6bfbbe86-a901-4197-8759-2a0de1fa319d";
pub(super) const URL: &str = "https://sw.example.com";
pub(super) const TOKEN: &str = "PTtest";

/// An API with nothing in it.
pub(super) struct Api {
    pub state: ApiState,
    pub calls: Arc<FakeCalls>,
    pub conferences: Arc<conferences::FakeConferences>,
    pub queues: Arc<queues::FakeQueues>,
    pub streams: Arc<FakeStreams>,
    _dir: TempDir,
}

pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Api {
    pub async fn new() -> Self {
        let dir = TempDir::new();
        let settings = ProjectSettings {
            id: Some(PROJECT.into()),
            token: Some(TOKEN.into()),
            signing_key: None,
            space: "acme".into(),
            domain: "sw.example.com".into(),
        };
        let store = Store::open(&dir.url(), settings).await.unwrap();
        let calls = Arc::new(FakeCalls::default());
        let conferences = Arc::new(conferences::FakeConferences::default());
        let queues = Arc::new(queues::FakeQueues::default());
        let streams = Arc::new(FakeStreams::default());
        let bins = LamlBins::new(store.clone(), Clock::new(), &[URL.into()]);
        let state = ApiState {
            store,
            calls: calls.clone(),
            conferences: conferences.clone(),
            streams: streams.clone(),
            registrations: Arc::new(FakeRegistrations),
            carriers: Arc::new(FakeCarriers),
            queues: queues.clone(),
            recordings: RecordingService::open(RecordingConfig {
                folder: dir.path().join("recordings"),
                ..RecordingConfig::default()
            })
            .unwrap(),
            metrics: Metrics::new(Vec::new()),
            logins: Logins::new(Clock::new()),
            rate: ChangeRate::new(Clock::new()),
            bins,
            options: ApiOptions { public_url: URL.into(), ..ApiOptions::default() },
        };
        Api { state, calls, conferences, queues, streams, _dir: dir }
    }

    pub async fn send(&self, request: TestRequest) -> Reply {
        let state = self.state.clone();
        let app = App::new().wrap(from_fn(crate::api::auth::guard)).configure(move |config| routes(config, state));
        let app = init_service(app).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // Files are no text; what matters of them is in what can be read.
        let text = String::from_utf8_lossy(&read_body(response).await).into_owned();
        Reply { status, headers, text }
    }

    /// With good credentials.
    pub async fn ask(&self, request: TestRequest) -> Reply {
        self.send(request.insert_header(basic(PROJECT, TOKEN))).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(TestRequest::get().uri(path)).await
    }

    pub async fn json(&self, method: Method, path: &str, body: Value) -> Reply {
        self.ask(TestRequest::with_uri(path).method(method).set_json(body)).await
    }

    pub async fn form(&self, path: &str, body: &str) -> Reply {
        let request = TestRequest::post().uri(path).set_payload(body.to_owned());
        self.ask(request.insert_header(("content-type", "application/x-www-form-urlencoded"))).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.ask(TestRequest::delete().uri(path)).await
    }
}

pub(super) fn basic(user: &str, password: &str) -> (&'static str, String) {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    ("authorization", format!("Basic {text}"))
}

pub(super) fn sid(n: u8) -> Sid {
    Sid::from_bytes([n; 16])
}

#[derive(Default)]
pub(super) struct FakeCalls {
    pub live: Mutex<BTreeMap<Sid, CallView>>,
    pub created: Mutex<Vec<CreateCall>>,
    pub updated: Mutex<Vec<(Sid, UpdateCall)>>,
    pub recordings_started: Mutex<Vec<(Sid, StartRecording)>>,
    pub recordings_changed: Mutex<Vec<(Sid, RecordingName, RecordingChange)>>,
    pub draining: AtomicBool,
}

impl FakeCalls {
    pub fn put(&self, n: u8, status: CallStatus) -> CallView {
        let mut call = CallRecord::new(sid(n), CallDirection::Inbound, "a".into(), "b".into(), WallTime(i64::from(n)));
        call.status = status;
        self.live.lock().unwrap().insert(call.sid, call.clone());
        call
    }
}

impl CallControl for FakeCalls {
    fn create(&self, call: CreateCall) -> BoxFuture<'_, Result<CallView, CallControlError>> {
        let view =
            CallRecord::new(sid(200), CallDirection::OutboundApi, call.from.clone(), call.to.clone(), WallTime(1));
        let busy = call.to.contains("busy");
        self.created.lock().unwrap().push(call);
        async move { if busy { Err(CallControlError::new(429, 20429, "Too many requests")) } else { Ok(view) } }.boxed()
    }

    fn update(&self, sid: Sid, change: UpdateCall) -> BoxFuture<'_, Result<CallView, CallControlError>> {
        let view = self.live(sid).ok_or_else(|| CallControlError::new(400, 10000, "over"));
        self.updated.lock().unwrap().push((sid, change));
        async move { view }.boxed()
    }

    fn start_recording(
        &self,
        call: Sid,
        what: StartRecording,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>> {
        let record = RecordingRecord {
            call_sid: Some(call),
            status: RecordingStatus::InProgress,
            channels: what.channels,
            track: what.track,
            trim: what.trim,
            ..RecordingRecord::new(sid(201), RecordingSource::StartCallRecordingApi, WallTime(1))
        };
        self.recordings_started.lock().unwrap().push((call, what));
        async move { Ok(record) }.boxed()
    }

    fn update_recording(
        &self,
        call: Sid,
        name: RecordingName,
        change: RecordingChange,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>> {
        let status = match change {
            RecordingChange::Pause(_) => RecordingStatus::Paused,
            RecordingChange::Resume => RecordingStatus::InProgress,
            RecordingChange::Stop => RecordingStatus::Stopped,
        };
        let sid = match name {
            RecordingName::Sid(sid) => sid,
            RecordingName::Current => sid(201),
        };
        let record = RecordingRecord {
            call_sid: Some(call),
            status,
            ..RecordingRecord::new(sid, RecordingSource::StartCallRecordingApi, WallTime(1))
        };
        self.recordings_changed.lock().unwrap().push((call, name, change));
        async move { Ok(record) }.boxed()
    }

    fn live(&self, sid: Sid) -> Option<CallView> {
        self.live.lock().unwrap().get(&sid).cloned()
    }

    fn live_all(&self) -> Vec<CallView> {
        self.live.lock().unwrap().values().cloned().collect()
    }

    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Call 1 is in progress: its stream `taken` runs, and so does 50, of any name but `nobody`.
#[derive(Default)]
pub(super) struct FakeStreams {
    pub started: Mutex<Vec<(Sid, Stream)>>,
    pub stopped: Mutex<Vec<String>>,
}

fn stream_view(name: Option<String>, status: StreamStatus) -> StreamView {
    StreamView { sid: sid(50), call_sid: sid(1), name, status, updated: WallTime(1_000) }
}

impl StreamControl for FakeStreams {
    fn start(&self, call: Sid, stream: Stream) -> BoxFuture<'_, Result<StreamView, CallControlError>> {
        let view = match stream.name.as_deref() {
            _ if call != sid(1) => Err(CallControlError::new(404, 20404, "gone")),
            Some("taken") => Err(CallControlError::new(400, 20422, "Duplicated stream name")),
            _ => Ok(stream_view(stream.name.clone(), StreamStatus::Queued)),
        };
        self.started.lock().unwrap().push((call, stream));
        async move { view }.boxed()
    }

    fn stop(&self, _: Sid, which: String) -> BoxFuture<'_, Result<StreamView, CallControlError>> {
        let view = match which.as_str() {
            "nobody" => Err(CallControlError::new(404, 20404, "gone")),
            _ => Ok(stream_view(None, StreamStatus::Stopped)),
        };
        if view.is_ok() {
            self.stopped.lock().unwrap().push(which);
        }
        async move { view }.boxed()
    }
}

struct FakeRegistrations;

impl Registrations for FakeRegistrations {
    fn contacts(&self, username: &str) -> Vec<ContactView> {
        let contact = ContactView {
            id: sid(77),
            username: "alice".into(),
            uri: "sip:alice@192.0.2.7".into(),
            transport: "UDP".into(),
            source: "192.0.2.7:5060".into(),
            user_agent: Some("<script>alert(1)</script>".into()),
            instance: Some("<urn:uuid:1>".into()),
            reg_id: Some(1),
            path: vec!["<sip:edge.example;lr>".into()],
            q_thousandths: 500,
            behind_nat: true,
            reachable: false,
            refreshed: WallTime(1_000),
            expires_secs: 60,
        };
        if username == "alice" { vec![contact] } else { Vec::new() }
    }

    fn all(&self) -> Vec<ContactView> {
        let alice = self.contacts("alice");
        let bob = |n: u8| ContactView {
            id: sid(n),
            username: "bob".into(),
            uri: format!("sip:bob@192.0.2.{n}"),
            reachable: true,
            ..alice[0].clone()
        };
        [alice.clone(), vec![bob(1), bob(2)]].concat()
    }

    fn remove(&self, id: Sid) -> BoxFuture<'_, Result<bool, String>> {
        let known = self.all().iter().any(|c| c.id == id);
        async move { if id == sid(2) { Err("no disk".into()) } else { Ok(known) } }.boxed()
    }
}

struct FakeCarriers;

impl CarrierStates for FakeCarriers {
    fn state(&self, _: Sid) -> Option<CarrierState> {
        let registration = CarrierRegistration {
            state: "failed",
            expires_secs: None,
            error: Some("the carrier said <403>".into()),
            retry_secs: Some(40),
        };
        Some(CarrierState {
            up: false,
            since_secs: 7,
            retry_after_secs: Some(25),
            channels: 3,
            refused: 2,
            registration: Some(registration),
        })
    }
}
