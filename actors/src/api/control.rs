//! What REST asks of the calls that live: the contract between this API and call processing.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tandem_call::call::ApiAmd;
use tandem_laml::instruction::{Method, StatusCallback};
use tandem_media::record::Pause;
use tandem_model::{Sid, WallTime};

use crate::store::{CallRecord, RecordingRecord, RecordingTrack};

/// A call as REST shows it, alive or over.
pub type CallView = CallRecord;

/// The calls in progress.
pub trait CallControl: Send + Sync {
    /// Starts an outbound call. Done when the call exists (`queued`), not when it rings.
    fn create(&self, call: CreateCall) -> BoxFuture<'_, Result<CallView, CallControlError>>;

    /// Changes a live call: another document, an end, other callbacks.
    fn update(&self, sid: Sid, change: UpdateCall) -> BoxFuture<'_, Result<CallView, CallControlError>>;

    /// Records a leg in progress (21220 otherwise). Done when the recording exists.
    fn start_recording(
        &self,
        call: Sid,
        what: StartRecording,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>>;

    /// Steers a recording of a leg in progress (20404 when it has none of that name, 21220 when it is over). The record
    /// says how it stands after the change.
    fn update_recording(
        &self,
        call: Sid,
        recording: RecordingName,
        change: RecordingChange,
    ) -> BoxFuture<'_, Result<RecordingRecord, CallControlError>>;

    fn live(&self, sid: Sid) -> Option<CallView>;

    fn live_all(&self) -> Vec<CallView>;

    /// No new calls are taken: this process is about to end.
    fn draining(&self) -> bool;
}

/// An outbound call, checked.
#[derive(Clone, PartialEq)]
pub struct CreateCall {
    /// E.164, `sip:`/`sips:` URI (header part and parameters kept), or an endpoint's username.
    pub to: String,
    pub from: String,
    /// Shown instead of `from`.
    pub caller_id: Option<String>,
    /// What the call runs once answered.
    pub document: CallDocument,
    pub fallback: Option<(String, Method)>,
    pub status_callback: Option<StatusCallback>,
    /// How long to ring.
    pub timeout: Duration,
    /// DTMF after answer: `0-9 # *`, `w` 0.5 s, `W` 1 s.
    pub send_digits: Option<String>,
    /// Find out whether a human or a machine answers.
    pub amd: Option<ApiAmd>,
    /// Digest credentials for the far end.
    pub sip_auth: Option<(String, String)>,
    /// Record from its answer on.
    pub record: Option<StartRecording>,
    /// How long it may last once it is answered.
    pub time_limit: Option<Duration>,
}

impl std::fmt::Debug for CreateCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateCall").field("document", &self.document).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum CallDocument {
    Url { url: String, method: Method },
    Inline(String),
}

/// What to change of a live call; None leaves as is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateCall {
    /// Drop what runs and run this; only in progress (21220 otherwise).
    pub document: Option<CallDocument>,
    pub end: Option<EndCall>,
    pub fallback: Option<(String, Method)>,
    pub status_callback: Option<StatusCallback>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCall {
    /// Only while queued or ringing (10000 otherwise).
    Cancel,
    /// In any state.
    Complete,
}

/// How to record a call (laml.md 3.7).
#[derive(Clone, Debug, PartialEq)]
pub struct StartRecording {
    /// 1 or 2.
    pub channels: u16,
    pub track: RecordingTrack,
    pub trim: bool,
    pub status_callback: Option<RecordingCallback>,
}

/// Who is told of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingCallback {
    pub url: String,
    pub method: Method,
    pub events: RecordingEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingEvents {
    pub in_progress: bool,
    pub completed: bool,
    pub absent: bool,
}

/// One of a call's recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingName {
    Sid(Sid),
    /// The one that runs, the newest if there are several (`Twilio.CURRENT`).
    Current,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingChange {
    Pause(Pause),
    Resume,
    Stop,
}

/// A refusal, as the client is to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallControlError {
    /// laml.md 3.13, e.g. 21220.
    pub code: u32,
    /// HTTP status.
    pub status: u16,
    pub message: String,
}

impl CallControlError {
    pub fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        CallControlError { code, status, message: message.into() }
    }
}

/// Where registered endpoints are.
pub trait Registrations: Send + Sync {
    /// The contacts of an endpoint, by its lower-case username.
    fn contacts(&self, username: &str) -> Vec<ContactView>;

    /// All contacts, by username, then in the order in which they are tried.
    fn all(&self) -> Vec<ContactView>;

    /// Takes one away. False: there is none with this id. Err: it could not be made durable, and stays.
    fn remove(&self, id: Sid) -> BoxFuture<'_, Result<bool, String>>;
}

/// One registered contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactView {
    /// The same as long as the contact is registered, over restarts too.
    pub id: Sid,
    /// Lower case.
    pub username: String,
    pub uri: String,
    /// `UDP`, `TCP`, …
    pub transport: String,
    /// Where the registration came from.
    pub source: String,
    pub user_agent: Option<String>,
    /// Of the device (RFC 5626 section 4.1).
    pub instance: Option<String>,
    /// Which of the device's flows.
    pub reg_id: Option<u32>,
    /// The proxies that lead to it (RFC 3327).
    pub path: Vec<String>,
    pub q_thousandths: u16,
    pub behind_nat: bool,
    /// False when it stopped answering, or its connection is gone.
    pub reachable: bool,
    pub refreshed: WallTime,
    pub expires_secs: u64,
}
