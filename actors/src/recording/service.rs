use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Sender, TrySendError, bounded};
use crossbeam::queue::ArrayQueue;
use tandem_media::record::{Layout, Pause, RecorderSpec};
use tandem_media::tap::{TAP_RATES, TapSink};
use tandem_model::{SampleRate, Sid};
use tokio::sync::oneshot;

use super::disk::{Disk, RealDisk};
use super::folder::{Folder, Recovered};
use super::mp3::{Lame, Mp3Config, Mp3Error};
use super::report::{Outcome, RecordingReport, StopReason};
use super::writer::{self, Job, Message};
use crate::media::TapQueue;

/// Three seconds: the writer comes fifteen times in it, and a disk that keeps it for longer is no disk to record on.
pub(super) const QUEUE_FRAMES: usize = 150;

/// Makes and keeps recordings. Clones are of one service.
#[derive(Clone)]
pub struct RecordingService {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
pub struct RecordingConfig {
    /// Where the files lie; made when missing.
    pub folder: PathBuf,
    /// Recordings at a time. Each takes some 120 kB at 8 kHz and an open file.
    pub recordings_max: usize,
    pub mp3: Mp3Config,
}

/// What is to be recorded, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    /// Names the file, and must be new.
    pub sid: Sid,
    pub layout: Layout,
    /// One of [`TAP_RATES`]; the tap must be put on with the same.
    pub rate: SampleRate,
    /// Take silence off both ends.
    pub trim: bool,
    pub max: Option<Duration>,
    /// End after so much silence.
    pub silence_max: Option<Duration>,
}

/// Why a recording cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// As many run as may.
    Full,
    /// The rate is none that a tap gives.
    Rate,
    /// The service has ended.
    Ended,
}

/// Steers one recording, and tells what became of it. Dropping it changes nothing: the recording goes on to the end of its tap.
#[derive(Debug)]
pub struct RecordingHandle {
    control: RecordingControl,
    report: oneshot::Receiver<RecordingReport>,
}

/// Steers one recording. Cheap to clone; nothing here waits.
#[derive(Clone, Debug)]
pub struct RecordingControl {
    shared: Arc<Shared>,
}

/// What controls, queue and writer have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub sid: Sid,
    pub queue: Arc<TapQueue>,
    pub changes: ArrayQueue<(u64, Option<Pause>)>,
    pub stop: AtomicBool,
    pub duration_ms: AtomicU64,
    pub quiet_ms: AtomicU64,
}

/// Counts since the start, and what runs now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordingStats {
    pub active: u64,
    pub completed: u64,
    pub absent: u64,
    pub partial: u64,
    pub failed: u64,
    pub frames_lost: u64,
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub active: AtomicU64,
    pub completed: AtomicU64,
    pub absent: AtomicU64,
    pub partial: AtomicU64,
    pub failed: AtomicU64,
    pub frames_lost: AtomicU64,
    pub bytes: AtomicU64,
}

struct Inner {
    folder: Folder,
    recordings_max: u64,
    counters: Arc<Counters>,
    messages: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lame: Lame,
    recovered: Vec<Recovered>,
}

/// Recordings that wait for the writer to open their file.
const STARTS: usize = 1_024;
/// Pauses and resumes the writer has not seen yet.
const CHANGES: usize = 16;

impl Default for RecordingConfig {
    fn default() -> Self {
        RecordingConfig { folder: PathBuf::from("recordings"), recordings_max: 1_000, mp3: Mp3Config::default() }
    }
}

impl RecordingService {
    /// Finishes what an earlier process left undone ([`recovered`](Self::recovered)) and starts the threads. Waits for the disk.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the threads cannot be started.
    pub fn open(config: RecordingConfig) -> io::Result<Self> {
        RecordingService::with_disk(config, Arc::new(RealDisk))
    }

    pub(super) fn with_disk(config: RecordingConfig, disk: Arc<dyn Disk>) -> io::Result<Self> {
        let folder = Folder::open(config.folder)?;
        let recovered = folder.recover()?;
        for one in &recovered {
            tracing::warn!(recording = %one.sid, duration = ?one.duration, "a recording cut by the last restart was finished");
        }
        let counters = Arc::new(Counters::default());
        let (messages, receiver) = bounded(STARTS);
        let thread = writer::start(receiver, folder.clone(), disk, Arc::clone(&counters))?;
        let inner = Inner {
            folder,
            recordings_max: config.recordings_max as u64,
            counters,
            messages,
            thread: Mutex::new(Some(thread)),
            lame: Lame::new(config.mp3),
            recovered,
        };
        Ok(RecordingService { inner: Arc::new(inner) })
    }

    /// Begins a recording: the sink goes to `Command::Tap` at the spec's rate. Does not wait for the disk; a file that cannot be
    /// made is told of in the report.
    ///
    /// # Errors
    /// [`StartError`]; nothing has begun then.
    pub fn start(&self, spec: RecordingSpec) -> Result<(RecordingHandle, Arc<dyn TapSink>), StartError> {
        let inner = &*self.inner;
        if !TAP_RATES.contains(&spec.rate) {
            return Err(StartError::Rate);
        }
        let active = Active::begin(&inner.counters, inner.recordings_max).ok_or(StartError::Full)?;
        let queue = Arc::new(TapQueue::new(spec.rate, QUEUE_FRAMES));
        let shared = Arc::new(Shared::new(spec.sid, Arc::clone(&queue)));
        let (tell, report) = oneshot::channel();
        let job = Box::new(Job::new(spec.recorder(), Arc::clone(&shared), active, tell));
        inner.messages.try_send(Message::Start(job)).map_err(|error| match error {
            TrySendError::Full(_) => StartError::Full,
            TrySendError::Disconnected(_) => StartError::Ended,
        })?;
        Ok((RecordingHandle { control: RecordingControl { shared }, report }, queue))
    }

    /// The finished WAV file of a recording, if there is one.
    pub async fn wav(&self, sid: Sid) -> Option<PathBuf> {
        let path = self.inner.folder.wav(sid);
        tokio::fs::try_exists(&path).await.is_ok_and(|exists| exists).then_some(path)
    }

    /// The MP3 file of a recording: made when first asked for, and kept.
    ///
    /// # Errors
    /// [`Mp3Error`].
    pub async fn mp3(&self, sid: Sid) -> Result<PathBuf, Mp3Error> {
        self.inner.lame.make(&self.inner.folder, sid).await
    }

    /// Removes the files of a finished recording. False when there were none.
    ///
    /// # Errors
    /// The folder's.
    pub async fn delete(&self, sid: Sid) -> io::Result<bool> {
        let folder = self.inner.folder.clone();
        tokio::task::spawn_blocking(move || folder.remove(sid)).await.map_err(io::Error::other)?
    }

    /// What was finished at the start for a process that was killed.
    pub fn recovered(&self) -> &[Recovered] {
        &self.inner.recovered
    }

    pub fn stats(&self) -> RecordingStats {
        let counters = &self.inner.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RecordingStats {
            active: read(&counters.active),
            completed: read(&counters.completed),
            absent: read(&counters.absent),
            partial: read(&counters.partial),
            failed: read(&counters.failed),
            frames_lost: read(&counters.frames_lost),
            bytes: read(&counters.bytes),
        }
    }

    /// Finishes every recording and ends the threads. Waits for the disk.
    pub fn shutdown(&self) {
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // An error means that the thread has ended already.
            let _ = self.inner.messages.send(Message::Stop);
            if thread.join().is_err() {
                tracing::error!("the recorder ended by a panic");
            }
        }
    }
}

impl RecordingSpec {
    pub(super) fn recorder(self) -> RecorderSpec {
        let RecordingSpec { layout, rate, trim, max, silence_max, .. } = self;
        RecorderSpec { layout, rate, trim, max, silence_max }
    }
}

impl Shared {
    pub fn new(sid: Sid, queue: Arc<TapQueue>) -> Self {
        Shared {
            sid,
            queue,
            changes: ArrayQueue::new(CHANGES),
            stop: AtomicBool::new(false),
            duration_ms: AtomicU64::new(0),
            quiet_ms: AtomicU64::new(0),
        }
    }
}

impl RecordingHandle {
    pub fn control(&self) -> RecordingControl {
        self.control.clone()
    }

    /// Waits for the recording's end.
    pub async fn report(self) -> RecordingReport {
        self.report.await.unwrap_or_else(|_| RecordingReport {
            sid: self.control.shared.sid,
            outcome: Outcome::Failed("the recorder died".to_owned()),
            reason: StopReason::Disk,
            duration: self.control.duration(),
            bytes: 0,
            channels: 0,
            lost_frames: self.control.shared.queue.lost(),
            filled_ticks: 0,
        })
    }
}

impl RecordingControl {
    pub fn sid(&self) -> Sid {
        self.shared.sid
    }

    /// From the frame that comes next on. False when it was asked for too often at once, and ignored.
    pub fn pause(&self, pause: Pause) -> bool {
        self.change(Some(pause))
    }

    pub fn resume(&self) -> bool {
        self.change(None)
    }

    /// Ends the recording with the frames that have come.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// Length of the file a moment ago.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.shared.duration_ms.load(Ordering::Relaxed))
    }

    /// How long nobody had spoken a moment ago.
    pub fn quiet_for(&self) -> Duration {
        Duration::from_millis(self.shared.quiet_ms.load(Ordering::Relaxed))
    }

    fn change(&self, pause: Option<Pause>) -> bool {
        self.shared.changes.push((self.shared.queue.next_tick(), pause)).is_ok()
    }
}

/// A place among the recordings at a time.
pub(super) struct Active(Arc<Counters>);

impl Active {
    pub fn begin(counters: &Arc<Counters>, max: u64) -> Option<Active> {
        let more = |active| (active < max).then_some(active + 1);
        counters.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Active(Arc::clone(counters)))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for RecordingService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordingService({:?})", self.stats())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartError::Full => "as many recordings run as may",
            StartError::Rate => "recordings have no such sample rate",
            StartError::Ended => "the recorder has ended",
        })
    }
}

impl std::error::Error for StartError {}
