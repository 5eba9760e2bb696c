use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::HoldUse;
use tandem_call::directory::Directory;
use tandem_call::leg::SharedEnv;
use tandem_model::LegId;
use tokio::sync::watch;

use super::inbox::{Hearers, MediaInbox};
use crate::api::Metrics;
use crate::carrier::Trunks;
use crate::listen::{self, Recogniser};
use crate::media::MediaHandle;
use crate::prompt::{PromptLoader, SpeechEngine};
use crate::queues::QueuesActor;
use crate::recording::RecordingService;
use crate::rooms::FromCall;
use crate::signalling::{RegistrarActor, Resolver, Shards};
use crate::store::Store;
use crate::stream::StreamHub;
use crate::transcription::Transcriber;
use crate::webhook::{StatusQueue, WebhookClient};
use crate::world::Clock;

/// All that calls reach outside themselves. Clones share it.
#[derive(Clone)]
pub struct Services {
    pub clock: Clock,
    pub env: SharedEnv,
    /// `host:port` of the first listener, for calls to this server's own applications.
    pub own_address: String,
    pub call_duration_max: Duration,
    /// Contacts of 3xx responses that one run of dialling follows.
    pub redirect_targets_max: usize,
    /// What becomes of a hold at the other side of a bridge.
    pub hold: HoldUse,
    /// Scheme, host and port under which REST is reached, without a slash at the end.
    pub public_url: String,
    pub recordings: RecordingService,
    /// The transport for SIP addresses that name none.
    pub dial_transport: Option<&'static str>,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub shards: Shards,
    pub media: MediaHandle,
    pub registrar: Addr<RegistrarActor>,
    pub queues: Addr<QueuesActor>,
    pub resolver: Resolver,
    pub trunks: Trunks,
    pub webhooks: WebhookClient,
    pub status: StatusQueue,
    pub prompts: PromptLoader,
    pub rooms: Recipient<FromCall>,
    pub speech: Arc<dyn SpeechEngine>,
    /// What callers say becomes words by this; None: it does not.
    pub recogniser: Option<Arc<dyn Recogniser>>,
    pub listen_limits: listen::Limits,
    pub transcriber: Transcriber,
    pub streams: StreamHub,
    pub store: Store,
    pub metrics: Metrics,
}

/// One arbiter that calls live on, with the inbox of its media events and who hears them.
#[derive(Clone)]
pub struct Floor {
    pub arbiter: ArbiterHandle,
    pub inbox: Addr<MediaInbox>,
    pub hearers: Hearers,
}

/// The first leg id of the call with this number.
pub(super) fn base_leg(call_number: u64) -> LegId {
    LegId::first_of(call_number)
}

/// The number of the call a leg belongs to.
pub(super) fn call_number(leg: LegId) -> u64 {
    leg.call_number()
}
