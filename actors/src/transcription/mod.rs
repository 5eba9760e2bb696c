//! Recordings turned into text, and whoever asked told of it (laml.md 1.11). The recogniser is the one that listens to callers.
//! Start at [`Transcriber`].

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_laml::instruction::{Listening, Method};
use tandem_model::{SampleRate, Sid};
use tokio::sync::Semaphore;

use crate::listen::{self, Recogniser};
use crate::store::{Store, TranscriptionRecord, TranscriptionStatus};
use crate::webhook::{StatusJob, StatusQueue, WebhookRequest};
use crate::world::{Clock, SystemEntropy};

/// Transcribes recordings in the background. Clones are of one service.
#[derive(Clone)]
pub struct Transcriber {
    inner: Arc<Inner>,
}

struct Inner {
    recogniser: Option<Arc<dyn Recogniser>>,
    store: Store,
    status: StatusQueue,
    clock: Clock,
    account: String,
    /// Scheme, host and port under which REST is reached.
    public_url: String,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A recording to transcribe.
#[derive(Clone, Debug)]
pub struct TranscriptionJob {
    pub recording_sid: Sid,
    /// Of the call it is of, with the key of the order of its callbacks.
    pub call: Option<(Sid, String)>,
    pub wav: PathBuf,
    pub duration: Duration,
    pub language: String,
    pub callback: Option<(String, Method)>,
}

/// At a time: each holds its recording's samples.
const AT_A_TIME: usize = 4;
/// Further ones wait for their turn; above these a transcription fails at once.
const WAITING_MAX: usize = 1_000;
/// Longer recordings are not transcribed: their samples would not fit beside those of others.
const RECORDING_MAX: Duration = Duration::from_secs(30 * 60);

impl Transcriber {
    pub fn new(
        recogniser: Option<Arc<dyn Recogniser>>,
        store: Store,
        status: StatusQueue,
        clock: Clock,
        public_url: String,
    ) -> Self {
        let account = store.project().project.id.clone();
        let (places, waiting) = (Arc::new(Semaphore::new(AT_A_TIME)), Arc::new(Semaphore::new(WAITING_MAX)));
        Transcriber {
            inner: Arc::new(Inner { recogniser, store, status, clock, account, public_url, places, waiting }),
        }
    }

    /// Begins, and returns the transcription's sid. Its record is kept and its callback sent when it is done; both happen once,
    /// also when it fails. Must be called on a tokio runtime.
    pub fn transcribe(&self, job: TranscriptionJob) -> Sid {
        let inner = Arc::clone(&self.inner);
        let now = inner.clock.wall();
        let record = TranscriptionRecord {
            sid: Sid::ordered(now, &mut SystemEntropy::new()),
            recording_sid: job.recording_sid,
            status: TranscriptionStatus::InProgress,
            created: now,
            updated: now,
            duration_secs: job.duration.as_millis().div_ceil(1_000) as u64,
            text: String::new(),
        };
        let sid = record.sid;
        tokio::spawn(async move { inner.run(record, job).await });
        sid
    }
}

impl Inner {
    async fn run(&self, mut record: TranscriptionRecord, job: TranscriptionJob) {
        if let Err(error) = self.store.put_transcription(record.clone(), true).await {
            tracing::error!(transcription = %record.sid, %error, "record of a transcription lost");
        }
        match self.text(&job).await {
            Ok(text) => {
                record.text = text;
                record.status = TranscriptionStatus::Completed;
            }
            Err(reason) => {
                tracing::warn!(recording = %job.recording_sid, reason, "a recording was not transcribed");
                record.status = TranscriptionStatus::Failed;
            }
        }
        record.updated = self.clock.wall();
        if let Err(error) = self.store.put_transcription(record.clone(), false).await {
            tracing::error!(transcription = %record.sid, %error, "record of a transcription lost");
        }
        self.tell(&record, job);
    }

    async fn text(&self, job: &TranscriptionJob) -> Result<String, String> {
        let recogniser = self.recogniser.as_ref().ok_or("there is no recogniser")?;
        if job.duration > RECORDING_MAX {
            return Err(format!("it is longer than {} minutes", RECORDING_MAX.as_secs() / 60));
        }
        let _waits = self.waiting.try_acquire().map_err(|_| "too many recordings wait for it")?;
        let _turn = self.places.acquire().await.map_err(|_| "the service has ended")?;
        let samples = read(&job.wav, recogniser.rate()).await?;
        let how = Listening {
            language: job.language.clone(),
            hints: Vec::new(),
            profanity_filter: false,
            model: None,
            enhanced: false,
            end_silence: None,
            speech_max: RECORDING_MAX,
            partials: None,
            debug: false,
        };
        Ok(listen::transcribe(&**recogniser, &how, samples).await?.text)
    }

    fn tell(&self, record: &TranscriptionRecord, job: TranscriptionJob) {
        let Some((url, method)) = job.callback else { return };
        let address = |kind: &str, sid: Sid| {
            format!("{}/api/laml/2010-04-01/Accounts/{}/{kind}/{sid}", self.public_url, self.account)
        };
        let mut params = vec![
            ("TranscriptionSid", record.sid.to_string()),
            ("TranscriptionText", record.text.clone()),
            ("TranscriptionStatus", record.status.as_str().to_owned()),
            ("TranscriptionUrl", address("Transcriptions", record.sid)),
            ("RecordingSid", record.recording_sid.to_string()),
            ("RecordingUrl", address("Recordings", record.recording_sid)),
            ("AccountSid", self.account.clone()),
        ];
        let call = match job.call {
            Some((sid, key)) => {
                params.push(("CallSid", sid.to_string()));
                key
            }
            None => record.recording_sid.to_string(),
        };
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // A refusal has been counted and logged where it happened.
        let _ = self.status.push(StatusJob::new(call, WebhookRequest { url, method, params }));
    }
}

async fn read(path: &Path, rate: SampleRate) -> Result<Vec<i16>, String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || listen::read_wav(&path, rate)).await;
    read.map_err(|_| "its file cannot be read".to_owned())?
}
