//! The one file that knows every actor: it starts them in the order they need each other, and stops them in reverse.
//!
//! ```text
//!   store ─► media threads ─► registrar ─► webhooks, prompts ─► transports (closed door)
//!         ─► switchboard ─► SIP shards ─► carriers ─► door opens ─► HTTP
//! ```

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tandem_actors::api::{self, ApiOptions, ApiState, ChangeRate, Faults, Logins, Metrics};
use tandem_actors::bins::LamlBins;
use tandem_actors::call::{
    Drain, Floor, Hearers, LiveCalls, MediaInbox, MediaRouter, Services, Switchboard, SwitchboardControl,
};
use tandem_actors::carrier::{CarrierActor, CarrierConfig, Leave, Trunks};
use tandem_actors::listen::{
    self, HttpRecogniser, HttpRecogniserConfig, Recogniser, Shape, WebSocketConfig, WebSocketRecogniser,
};
use tandem_actors::media::{self, JitterConfig, MediaConfig, SocketOptions};
use tandem_actors::operator_http::ServiceAccess;
use tandem_actors::prompt::{
    EspeakConfig, EspeakEngine, HttpSpeech, HttpSpeechConfig, PromptLimits, PromptLoader, SpeechEngine, hold_music,
};
use tandem_actors::queues::{QueueDesk, QueuesActor};
use tandem_actors::recording::{RecordingConfig, RecordingService};
use tandem_actors::rooms::{RoomDesk, RoomServices, RoomsActor};
use tandem_actors::signalling::{
    AuthPolicy, FrontDoor, Gate, RegistrarActor, RegistrarConfig, RegistrationControl, RegistrationView, Resolver,
    ShardConfig, Shards, SipShard,
};
use tandem_actors::store::{ProjectSettings, Store, WebhookLogBounds};
use tandem_actors::stream::StreamHub;
use tandem_actors::transcription::Transcriber;
use tandem_actors::transport::{ConnectionLimits, Timing, TransportSettings, Transports};
use tandem_actors::webhook::{
    DialectSource, Limits, LogSink, StatusQueue, StatusQueueLimits, WebhookClient, WebhookConfig,
};
use tandem_actors::world::{Clock, SystemEntropy};
use tandem_call::call::HoldUse;
use tandem_call::carrier::Naming;
use tandem_call::leg::LegEnv;
use tandem_call::own::Own;
use tandem_model::{Endpoint, HostAddress, SampleRate, limits};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, HoldName, RecogniserFormat, RecogniserName, SpeechEngineName};
use crate::{demo, fatal, metrics, naming};

const USER_AGENT: &str = concat!("Tandem/", env!("CARGO_PKG_VERSION"));
/// Callbacks of the last calls get this long after the drain.
const LAST_CALLBACKS: Duration = Duration::from_secs(5);

/// Runs the switch until it is told to end. `demo` asks for the demo, with its documents served there.
///
/// # Errors
/// What could not be started, in words for the operator.
pub async fn serve(config: Config, demo: Option<SocketAddr>) -> Result<ExitCode, String> {
    raise_descriptor_limit();
    let clock = Clock::new();
    let (fatal, mut died) = fatal::channel();
    let store = open_store(&config).await?;
    let espeak = espeak(&config).await;
    let speech = speech_engine(&config, &espeak)?;
    let recogniser = recogniser(&config)?;
    let demo = match demo {
        Some(listen) => Some(demo::start(&store, &config, listen, espeak.clone()).await?),
        None => None,
    };
    orphans(&store).await?;

    let arbiters: Vec<Arbiter> = (0..config.limits.call_threads).map(|_| Arbiter::new()).collect();
    let floors = floors(&arbiters);
    let router = MediaRouter::new(floors.iter().map(|f| f.inbox.clone()).collect());
    let media_pool = start_media(&config, router.clone())?;

    let (door, gate) = (Arc::new(FrontDoor::default()), Arc::new(Gate::default()));
    let transports =
        Transports::listen(&transport_settings(&config), door.clone()).map_err(|e| format!("[sip] {e}"))?;
    let resolver =
        Resolver::new(transports.clone(), &config.sip.dns_servers).map_err(|e| format!("[sip] no resolver: {e}"))?;
    let env = Arc::new(leg_env(&config, transports.listening(), media_pool.handle().advertised_address()));

    let recordings = open_recordings(&config)?;
    orphaned_recordings(&store, &recordings, clock).await?;
    let trunks = Trunks::beside(clock, config.sip.proxies.clone());
    let listening = format!("http://{}", config.http.listen);
    let bins = LamlBins::new(store.clone(), clock, &[public_url(&config), listening]);
    let webhooks = webhook_client(&config, &store, demo.as_ref().map(|d| d.listen.ip()), bins.clone())?;
    let limits = status_limits(&config);
    let status = StatusQueue::restored(webhooks.clone(), limits, store.clone())
        .await
        .map_err(|e| format!("[store] notifications of before the restart cannot be read: {e}"))?;
    let streams = StreamHub::start(webhooks.clone(), &[], clock).map_err(|e| format!("streams: {e}"))?;
    let metrics = Metrics::new(vec![
        metrics::media(media_pool.handle()),
        metrics::transports(transports.clone()),
        metrics::queues(status.clone(), store.clone()),
        metrics::recordings(recordings.clone()),
        metrics::streams(streams.clone()),
        metrics::carriers(trunks.clone()),
    ]);

    let shards = Shards::default();
    let view = RegistrationView::new(clock);
    let settings = RegistrarConfig {
        policy: config.sip.registration,
        nat_keepalive: Some(Duration::from_secs(config.sip.nat_keepalive_secs.into())).filter(|every| !every.is_zero()),
        shards: shards.clone(),
        sent_by: env.sent_by.clone(),
        user_agent: USER_AGENT.to_owned(),
    };
    let registrar = RegistrarActor::restored(store.clone(), clock, metrics.clone(), view.clone(), settings)
        .await
        .map_err(|e| format!("[store] registrations cannot be read: {e}"))?
        .start();

    let queues = QueuesActor::restored(store.clone(), clock)
        .await
        .map_err(|e| format!("[store] queues cannot be read: {e}"))?
        .start();

    let own_address = env.sent_by.first().to_owned();
    let live = LiveCalls::default();
    let prompts = PromptLoader::new(webhooks.clone(), PromptLimits::default());
    orphaned_conferences(&store, clock).await?;
    let rooms = RoomsActor::new(RoomServices {
        streams: streams.clone(),
        clock,
        directory: store.directory(),
        media: media_pool.handle(),
        webhooks: webhooks.clone(),
        status: status.clone(),
        prompts: prompts.clone(),
        speech: speech.clone(),
        recordings: recordings.clone(),
        store: store.clone(),
        public_url: public_url(&config),
    })
    .start();
    router.tell_speakers(rooms.clone().recipient());
    let switchboard = {
        let services = Services {
            clock,
            env: env.clone(),
            own_address,
            call_duration_max: Duration::from_secs(config.limits.call_secs_max),
            public_url: public_url(&config),
            dial_transport: config.sip.dial_transport,
            recordings: recordings.clone(),
            hold: hold_use(&config)?,
            redirect_targets_max: if config.sip.redirects { limits::REDIRECT_TARGETS_MAX } else { 0 },
            directory: store.directory(),
            shards: shards.clone(),
            media: media_pool.handle(),
            registrar: registrar.clone(),
            queues: queues.clone(),
            resolver: resolver.clone(),
            trunks: trunks.clone(),
            prompts,
            rooms: rooms.clone().recipient(),
            webhooks,
            status: status.clone(),
            speech,
            transcriber: Transcriber::new(
                recogniser.clone(),
                store.clone(),
                status.clone(),
                clock,
                public_url(&config),
            ),
            recogniser,
            listen_limits: listen::Limits::new(config.speech_recognition.sessions_max),
            streams,
            store: store.clone(),
            metrics: metrics.clone(),
        };
        Switchboard::new(services, floors, gate.clone(), live.clone()).start()
    };
    let shard = SipShard::new(ShardConfig {
        clock,
        directory: store.directory(),
        transports: transports.clone(),
        registrar: registrar.clone(),
        switchboard: switchboard.clone().recipient(),
        gate: gate.clone(),
        own: env.own.clone(),
        trunks: trunks.clone(),
        media: media_pool.handle(),
        calls_max: config.limits.calls_max,
        calls_per_second: config.limits.calls_per_second,
        metrics: metrics.clone(),
        user_agent: USER_AGENT.to_owned(),
        auth: AuthPolicy { algorithms: config.sip.digest.clone(), auth_int: config.sip.digest_auth_int },
        service_route: config.sip.service_route.clone(),
        sent_by: env.sent_by.clone(),
        unproved_per_second: config.limits.unproved_per_second,
        proxies: config.sip.proxies.clone(),
        overload_control: config.sip.overload_control.clone(),
        known_sources_only: config.sip.extensions.known_sources_only,
    });
    shards.set(vec![shard.start()]);
    let naming = Naming { sent_by: env.sent_by.clone(), user_agent: USER_AGENT.to_owned() };
    let carriers = CarrierActor::new(CarrierConfig {
        clock,
        directory: store.directory(),
        shards: shards.clone(),
        resolver,
        naming: Arc::new(naming),
        trunks: trunks.clone(),
    })
    .start();
    door.watch(carriers.clone().recipient());
    watch_services(&switchboard, &registrar, &carriers, &rooms, &shards, fatal);

    let control = SwitchboardControl::new(switchboard.clone(), live, gate);
    let faults =
        std::env::var("TANDEM_FAULTS").is_ok_and(|v| v == "1").then(|| Arc::new(control.clone()) as Arc<dyn Faults>);
    let state = ApiState {
        store: store.clone(),
        streams: Arc::new(control.clone()),
        calls: Arc::new(control),
        conferences: Arc::new(RoomDesk::new(rooms)),
        registrations: Arc::new(RegistrationControl::new(view, registrar.clone())),
        carriers: Arc::new(trunks),
        queues: Arc::new(QueueDesk::new(queues)),
        recordings: recordings.clone(),
        metrics,
        logins: Logins::new(clock),
        rate: ChangeRate::new(clock),
        bins,
        options: ApiOptions {
            metrics_public: config.http.metrics_public,
            workers: config.http.workers,
            public_url: public_url(&config),
            faults,
        },
    };
    let (http, addresses) = api::serve(state, config.http.listen)
        .map_err(|e| format!("[http] cannot listen on {}: {e}", config.http.listen))?;
    let http_handle = http.handle();
    actix::spawn(http);

    door.open(shards);
    announce(&store, transports.listening(), &addresses, demo.as_ref());

    let code = tokio::select! {
        () = told_to_end() => {
            // First of all, so that carriers send new calls elsewhere.
            let (_, ()) = tokio::join!(carriers.send(Leave), drain(&switchboard, &config));
            ExitCode::SUCCESS
        }
        service = died.recv() => {
            tracing::error!(service, "a service died: ending, to be started again");
            ExitCode::FAILURE
        }
    };
    transports.close().await;
    status.drain(LAST_CALLBACKS).await;
    if let Err(error) = store.flush().await {
        tracing::error!(%error, "the last records were not written");
    }
    http_handle.stop(false).await;
    media_pool.shutdown();
    // After the media threads: what they gave last belongs to the recordings.
    recordings.shutdown();
    for arbiter in arbiters {
        arbiter.stop();
    }
    tracing::info!("ended");
    Ok(code)
}

/// A call takes four sockets; shells hand out 1,024 descriptors. What the system allows is taken.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn open_store(config: &Config) -> Result<Store, String> {
    let settings = ProjectSettings {
        id: config.project.id.clone(),
        token: config.project.token.clone(),
        signing_key: config.project.signing_key.clone(),
        space: config.project.space.clone(),
        domain: config.server.domain.clone(),
    };
    Store::open(&config.store.url, settings).await.map_err(|e| format!("[store] {}: {e}", config.store.url))
}

/// Calls that a killed process left open get their end.
async fn orphans(store: &Store) -> Result<(), String> {
    let cut = store.close_orphans().await.map_err(|e| format!("[store] open calls cannot be closed: {e}"))?;
    if !cut.is_empty() {
        tracing::warn!(calls = cut.len(), "calls cut by the last restart were closed");
    }
    Ok(())
}

/// The same for conferences.
async fn orphaned_conferences(store: &Store, clock: Clock) -> Result<(), String> {
    let cut = store.close_orphaned_conferences(clock.wall()).await;
    let cut = cut.map_err(|e| format!("[store] open conferences cannot be closed: {e}"))?;
    if cut > 0 {
        tracing::warn!(conferences = cut, "conferences cut by the last restart were closed");
    }
    Ok(())
}

/// The same for recordings: their files have been finished, or there is none.
async fn orphaned_recordings(store: &Store, recordings: &RecordingService, clock: Clock) -> Result<(), String> {
    let files = recordings.recovered();
    let length = |sid| files.iter().find(|file| file.sid == sid).map(|file| file.duration);
    let cut = store.close_orphaned_recordings(clock.wall(), length).await;
    let cut = cut.map_err(|e| format!("[store] open recordings cannot be closed: {e}"))?;
    if cut > 0 {
        tracing::warn!(recordings = cut, "recordings cut by the last restart were closed");
    }
    Ok(())
}

/// Where calls live: beside signalling, where no message between them has to wake a thread; or on threads of their own.
fn floors(arbiters: &[Arbiter]) -> Vec<Floor> {
    let floor = |arbiter: ArbiterHandle| {
        let hearers = Hearers::default();
        let inbox = MediaInbox::new(hearers.clone());
        let inbox = MediaInbox::start_in_arbiter(&arbiter, |_| inbox);
        Floor { arbiter, inbox, hearers }
    };
    match arbiters {
        [] => vec![floor(Arbiter::current())],
        arbiters => arbiters.iter().map(|arbiter| floor(arbiter.handle())).collect(),
    }
}

fn start_media(config: &Config, router: MediaRouter) -> Result<media::MediaPool, String> {
    let cpus = if config.media.cpus.is_empty() {
        (0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).collect()
    } else {
        config.media.cpus.clone()
    };
    let media = &config.media;
    let settings = MediaConfig {
        advertise: Some(naming::media_address(media.address, media.advertise)),
        jitter: JitterConfig {
            min_ms: media.jitter_min_ms,
            max_ms: media.jitter_max_ms,
            start_ms: media.jitter_start_ms,
        },
        sockets: SocketOptions { dscp: media.dscp, buffer_bytes: media.buffer_bytes, busy_poll_us: media.busy_poll_us },
        busy_poll: Duration::from_micros(media.busy_poll_us.into()),
        realtime_priority: media.realtime_priority,
        load_max: f64::from(media.load_max_percent) / 100.0,
        ..MediaConfig::new(media.address, media.ports.0..=media.ports.1, cpus)
    };
    media::start(&settings, move |_| Box::new(router.clone())).map_err(|e| format!("[media] {e}"))
}

/// Where others reach REST.
fn public_url(config: &Config) -> String {
    if config.http.public_url.is_empty() {
        format!("http://{}", config.http.listen)
    } else {
        config.http.public_url.clone()
    }
}

/// Finishes what a killed process left, so it comes before the first call.
fn open_recordings(config: &Config) -> Result<RecordingService, String> {
    let folder = config.recording.folder.clone();
    let shown = folder.display().to_string();
    let settings =
        RecordingConfig { folder, recordings_max: config.recording.recordings_max, ..RecordingConfig::default() };
    RecordingService::open(settings).map_err(|e| format!("[recording] {shown}: {e}"))
}

async fn espeak(config: &Config) -> EspeakEngine {
    let speech = &config.speech;
    let settings = EspeakConfig {
        program: speech.program.clone(),
        processes_max: speech.processes_max,
        timeout: Duration::from_secs(speech.timeout_secs),
        ..EspeakConfig::default()
    };
    EspeakEngine::start(settings).await
}

fn speech_engine(config: &Config, espeak: &EspeakEngine) -> Result<Arc<dyn SpeechEngine>, String> {
    let speech = &config.speech;
    let espeak: Arc<dyn SpeechEngine> = Arc::new(espeak.clone());
    if speech.engine == SpeechEngineName::Espeak {
        return Ok(espeak);
    }
    let bad = |reason: String| format!("[speech] {reason}");
    // A placeholder stands for any word.
    let host = speech.url.replace(['{', '}'], "x").parse().map_err(|_| bad("url cannot be read".to_owned()))?;
    let access = ServiceAccess {
        url: host,
        token: speech.token.clone(),
        headers: speech.headers.clone(),
        timeout: Duration::from_secs(speech.timeout_secs),
    };
    let settings = HttpSpeechConfig {
        body: speech.body.clone(),
        content_type: speech.content_type.clone(),
        raw_rate: SampleRate(speech.raw_rate),
        requests_max: speech.requests_max,
        ..HttpSpeechConfig::new(access, &speech.url)
    };
    let engine = HttpSpeech::new(settings, speech.fallback.then_some(espeak)).map_err(|e| bad(e.to_string()))?;
    Ok(Arc::new(engine))
}

fn hold_use(config: &Config) -> Result<HoldUse, String> {
    Ok(match config.sip.hold {
        HoldName::Pass => HoldUse::Pass,
        HoldName::Local => HoldUse::Local,
        HoldName::Music => {
            let file = config.sip.hold_music.as_deref();
            HoldUse::Music(hold_music(file).map_err(|e| format!("[sip] hold_music: {e}"))?)
        }
    })
}

fn recogniser(config: &Config) -> Result<Option<Arc<dyn Recogniser>>, String> {
    let from = &config.speech_recognition;
    let Some(url) = from.url.clone().filter(|_| from.engine != RecogniserName::None) else { return Ok(None) };
    let access = ServiceAccess {
        url,
        token: from.token.clone(),
        headers: from.headers.clone(),
        timeout: Duration::from_secs(from.timeout_secs),
    };
    let (model, rate) = (from.model.clone(), SampleRate(from.rate));
    let bad = |reason: String| format!("[speech_recognition] {reason}");
    let engine: Arc<dyn Recogniser> = if from.engine == RecogniserName::WebSocket {
        let settings = WebSocketConfig { access, model, rate };
        Arc::new(WebSocketRecogniser::new(settings).map_err(|e| bad(e.to_string()))?)
    } else {
        let shape = match from.format {
            RecogniserFormat::Form => Shape::Form,
            RecogniserFormat::Wav => Shape::Wav,
            RecogniserFormat::Raw => Shape::Raw,
        };
        let response_format = from.response_format.clone();
        let settings = HttpRecogniserConfig { access, shape, model, response_format, rate };
        Arc::new(HttpRecogniser::new(settings).map_err(|e| bad(e.to_string()))?)
    };
    Ok(Some(engine))
}

fn transport_settings(config: &Config) -> TransportSettings {
    let sip = &config.sip;
    TransportSettings {
        udp: sip.udp.clone(),
        tcp: sip.tcp.clone(),
        tls: sip.tls.clone(),
        ws: sip.ws.clone(),
        wss: sip.wss.clone(),
        certificate: sip.certificate.clone(),
        client_certificates: sip.tls_client_certificates,
        client_ca: sip.tls_client_ca.clone(),
        ca: sip.tls_ca.clone(),
        origins: sip.ws_origins.clone(),
        connections: ConnectionLimits {
            all: config.limits.connections,
            per_source: config.limits.connections_per_source,
        },
        proxies: sip.proxies.clone(),
        timing: Timing::default(),
    }
}

/// How this switch appears in SIP and SDP.
fn leg_env(config: &Config, listening: &[Endpoint], media_address: HostAddress) -> LegEnv {
    let sent_by = naming::sent_by(config.sip.advertise.as_deref(), listening);
    let own = Arc::new(Own::new(&sent_by, &naming::own_names(&config.sip.names, listening), &mut SystemEntropy::new()));
    LegEnv {
        sent_by,
        media_address,
        user_agent: USER_AGENT.to_owned(),
        codecs: config.media.codecs,
        extensions: config.sip.extensions,
        own,
    }
}

fn webhook_client(
    config: &Config,
    store: &Store,
    demo: Option<IpAddr>,
    bins: LamlBins,
) -> Result<WebhookClient, String> {
    let webhook = &config.webhook;
    let mut allow = webhook.allow.clone();
    allow.extend(demo.map(ipnet::IpNet::from));
    let read =
        |path: &std::path::PathBuf| std::fs::read(path).map_err(|e| format!("[webhook] ca: {}: {e}", path.display()));
    let extra_roots_pem = webhook.ca.iter().map(read).collect::<Result<_, _>>()?;
    store.keep_webhooks(WebhookLogBounds { entries_max: webhook.log_max, per_call_max: webhook.log_per_call_max });
    let (log, directory) = (store.clone(), store.directory());
    let settings = WebhookConfig {
        dialect: DialectSource::new(move || directory.borrow().project.dialect),
        allow,
        signing_key: store.project().signing_key.clone(),
        extra_roots_pem,
        user_agent: USER_AGENT.to_owned(),
        own: Some(Arc::new(bins)),
        dns_servers: webhook.dns_servers.clone(),
        // What does not fit is counted by the store.
        log: (webhook.log_max > 0).then(|| {
            LogSink::new(move |entry| {
                log.log_webhook(entry);
            })
        }),
        limits: Limits { in_flight_per_host_max: webhook.requests_per_host, ..Limits::default() },
    };
    WebhookClient::new(settings).map_err(|e| format!("[webhook] {e}"))
}

fn status_limits(config: &Config) -> StatusQueueLimits {
    let queued_max = config.webhook.status_queue_max;
    StatusQueueLimits {
        queued_max,
        // One customer's server that is down leaves room for others'.
        queued_per_host_max: (queued_max - queued_max / 4).max(1),
        retry_for: Duration::from_secs(config.webhook.status_retry_hours * 3_600),
        ..StatusQueueLimits::default()
    }
}

/// The services a process cannot go on without: actix says nothing when one dies, so they are asked.
fn watch_services(
    switchboard: &Addr<Switchboard>,
    registrar: &Addr<RegistrarActor>,
    carriers: &Addr<CarrierActor>,
    rooms: &Addr<RoomsActor>,
    shards: &Shards,
    fatal: fatal::Fatal,
) {
    let (switchboard, registrar) = (switchboard.clone(), registrar.clone());
    let (carriers, rooms, shards) = (carriers.clone(), rooms.clone(), shards.clone());
    actix::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(500));
        loop {
            every.tick().await;
            if !registrar.connected() {
                fatal.service_died("registrar");
            }
            if !carriers.connected() {
                fatal.service_died("carriers");
            }
            if !rooms.connected() {
                fatal.service_died("rooms");
            }
            if !switchboard.connected() {
                fatal.service_died("switchboard");
            }
            if shards.all().any(|s| !s.connected()) {
                fatal.service_died("sip shard");
            }
        }
    });
}

fn announce(store: &Store, listening: &[Endpoint], http: &[SocketAddr], demo: Option<&demo::Demo>) {
    let project = store.project();
    let domain = store.directory().borrow().profile_domain().to_owned();
    for endpoint in listening {
        tracing::info!(%endpoint, "listening for SIP");
    }
    tracing::info!(?http, project = project.project.id, domain, "serving");
    println!("Tandem serves.");
    println!("  SIP domain     {domain}");
    for endpoint in listening {
        println!("  SIP            {endpoint}");
    }
    for address in http {
        println!("  REST           http://{address}   dashboard http://{address}/");
    }
    println!("  project id     {}", project.project.id);
    if let Some(token) = &project.new_token {
        let kept = if demo.is_some() { "made up now" } else { "made up now and shown only this once" };
        println!("  API token      {token}   ({kept})");
        println!("  signing key    {}", project.signing_key);
    }
    if let Some(demo) = demo {
        println!("{}", demo.instructions(&domain, listening, http));
    }
}

async fn told_to_end() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// No new calls; those in progress get their time. A second signal ends it at once.
async fn drain(switchboard: &Addr<Switchboard>, config: &Config) {
    let within = Duration::from_secs(config.limits.drain_secs);
    tracing::info!(?within, "draining");
    tokio::select! {
        _ = switchboard.send(Drain { within }) => {}
        () = told_to_end() => tracing::warn!("told again: ending at once"),
    }
}
