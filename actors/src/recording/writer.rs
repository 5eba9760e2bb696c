use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tandem_media::record::{Ended, Recorder, RecorderSpec, WAV_HEADER_BYTES};
use tokio::sync::oneshot;

use super::disk::Disk;
use super::file::{RecordingFile, Unsynced};
use super::folder::Folder;
use super::report::{Outcome, RecordingReport, StopReason};
use super::service::{Active, Counters, Shared};

/// To the writer.
pub(super) enum Message {
    Start(Box<Job>),
    Stop,
}

/// One recording, from its start to its report.
pub(super) struct Job {
    shared: Arc<Shared>,
    recorder: Recorder,
    file: Option<RecordingFile>,
    /// Why there is no file.
    create_failed: Option<io::Error>,
    tell: oneshot::Sender<RecordingReport>,
    _active: Active,
}

/// How often the writer comes by.
const ROUND: Duration = Duration::from_millis(200);
/// Files that wait for the disk. A sync that finds no room is left out; a file that is finished then is finished by the writer.
const DISK_JOBS: usize = 1_024;

/// Starts the writer and, below it, the thread that waits for the disk.
pub(super) fn start(
    messages: Receiver<Message>,
    folder: Folder,
    disk: Arc<dyn Disk>,
    counters: Arc<Counters>,
) -> io::Result<JoinHandle<()>> {
    let (disk_jobs, receiver) = bounded(DISK_JOBS);
    let keeper = Keeper { folder: folder.clone(), counters };
    let below = {
        let keeper = keeper.clone();
        std::thread::Builder::new().name("recorder-disk".to_owned()).spawn(move || wait_for_disk(&receiver, &keeper))?
    };
    let writer = Writer { messages, folder, disk, jobs: Vec::new(), disk_jobs, keeper };
    std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
        writer.run();
        // The writer's end closed the disk thread's queue.
        let _ = below.join();
    })
}

struct Writer {
    messages: Receiver<Message>,
    folder: Folder,
    disk: Arc<dyn Disk>,
    #[expect(clippy::vec_box, reason = "each round and the way to the disk thread move the box, not some 500 bytes")]
    jobs: Vec<Box<Job>>,
    disk_jobs: Sender<DiskJob>,
    keeper: Keeper,
}

impl Writer {
    fn run(mut self) {
        let mut next = Instant::now() + ROUND;
        loop {
            let message = if self.jobs.is_empty() {
                self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.messages.recv_deadline(next)
            };
            match message {
                Ok(Message::Start(job)) => self.begin(job),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.round(Some(StopReason::Shutdown));
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= next {
                self.round(None);
                next = Instant::now() + ROUND;
            }
        }
    }

    fn begin(&mut self, mut job: Box<Job>) {
        let sid = job.shared.sid;
        let taken = self.folder.wav(sid).try_exists().unwrap_or(false);
        let file = if taken {
            Err(io::Error::from(io::ErrorKind::AlreadyExists))
        } else {
            RecordingFile::create(&*self.disk, self.folder.part(sid), job.recorder.format(), Instant::now())
        };
        match file {
            Ok(file) => job.file = Some(file),
            Err(error) => job.create_failed = Some(error),
        }
        self.jobs.push(job);
    }

    /// Drains every recording once, and finishes those that have ended; `all` of them for that reason.
    fn round(&mut self, all: Option<StopReason>) {
        let now = Instant::now();
        for mut job in std::mem::take(&mut self.jobs) {
            // A recording that panics is lost alone, and its handle says so (I4).
            let Ok((reason, sync)) = catch_unwind(AssertUnwindSafe(|| job.drain(now))) else {
                tracing::error!(recording = %job.shared.sid, "a recording was given up after a panic");
                continue;
            };
            if let Some(sync) = sync {
                let _ = self.disk_jobs.try_send(DiskJob::Sync(sync));
            }
            match reason.or(all) {
                Some(reason) => self.finish(job, reason),
                None => self.jobs.push(job),
            }
        }
    }

    fn finish(&self, job: Box<Job>, reason: StopReason) {
        match self.disk_jobs.try_send(DiskJob::Finish(job, reason)) {
            Ok(()) => {}
            Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => work.run(&self.keeper),
        }
    }
}

impl Job {
    pub fn new(
        spec: RecorderSpec,
        shared: Arc<Shared>,
        active: Active,
        tell: oneshot::Sender<RecordingReport>,
    ) -> Self {
        Job { shared, recorder: Recorder::new(spec), file: None, create_failed: None, tell, _active: active }
    }

    fn drain(&mut self, now: Instant) -> (Option<StopReason>, Option<Unsynced>) {
        // Looked at before the frames: those that came before the end belong to the recording.
        let asked = self.shared.stop.load(Ordering::Acquire);
        // A sink that nobody holds any more gives nothing more either.
        let over = self.shared.queue.has_ended() || Arc::strong_count(&self.shared.queue) == 1;
        let Some(file) = &mut self.file else { return (Some(StopReason::Disk), None) };
        while let Some((tick, pause)) = self.shared.changes.pop() {
            self.recorder.change(tick, pause);
        }
        let mut ended = None;
        self.shared.queue.drain(|frame| ended = self.recorder.take(&frame, file));
        let sync = file.flush(now);
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.shared.duration_ms.store(millis(self.recorder.duration()), Ordering::Relaxed);
        self.shared.quiet_ms.store(millis(self.recorder.quiet_for()), Ordering::Relaxed);
        let reason = match ended {
            _ if file.failure().is_some() => Some(StopReason::Disk),
            Some(Ended::MaxLength) => Some(StopReason::MaxLength),
            Some(Ended::Silence) => Some(StopReason::Silence),
            None if asked => Some(StopReason::Asked),
            None if over => Some(StopReason::TapEnded),
            None => None,
        };
        (reason, sync)
    }
}

/// What waits for the disk.
enum DiskJob {
    Sync(Unsynced),
    Finish(Box<Job>, StopReason),
}

impl DiskJob {
    fn run(self, keeper: &Keeper) {
        match self {
            DiskJob::Sync(file) => {
                if let Err(error) = file.sync() {
                    tracing::warn!(%error, "a recording could not be synced");
                }
            }
            DiskJob::Finish(job, reason) => keeper.finish(*job, reason),
        }
    }
}

fn wait_for_disk(jobs: &Receiver<DiskJob>, keeper: &Keeper) {
    while let Ok(job) = jobs.recv() {
        if catch_unwind(AssertUnwindSafe(|| job.run(keeper))).is_err() {
            tracing::error!("a recording was given up after a panic");
        }
    }
}

/// Gives finished recordings their name.
#[derive(Clone)]
struct Keeper {
    folder: Folder,
    counters: Arc<Counters>,
}

impl Keeper {
    fn finish(&self, job: Job, reason: StopReason) {
        let Job { shared, recorder, file, create_failed, tell, _active } = job;
        let (format, finished) = (recorder.format(), recorder.finish());
        let (outcome, data_bytes) = match file {
            None => {
                let error = create_failed.map_or_else(|| "the file was not made".to_owned(), |error| error.to_string());
                (Outcome::Failed(error), 0)
            }
            Some(file) => self.keep(&shared, file, finished.data_bytes),
        };
        let seconds = data_bytes as f64 / (format.frame_bytes() * u64::from(format.rate.0.max(1))) as f64;
        let bytes = if data_bytes == 0 { 0 } else { data_bytes + WAV_HEADER_BYTES as u64 };
        let report = RecordingReport {
            sid: shared.sid,
            outcome,
            reason,
            duration: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            bytes,
            channels: format.channels,
            lost_frames: shared.queue.lost(),
            filled_ticks: recorder.filled_ticks(),
        };
        self.count(&report);
        drop(_active);
        // Nobody need be waiting.
        let _ = tell.send(report);
    }

    /// The outcome, and the data bytes that are in the file.
    fn keep(&self, shared: &Shared, mut file: RecordingFile, wanted: u64) -> (Outcome, u64) {
        let mut failure = file.failure().map(io::Error::to_string);
        let data_bytes = wanted.min(file.written());
        let done = self.folder.wav(shared.sid);
        if data_bytes == 0 {
            let removed = std::fs::remove_file(&file.path);
            let failure = failure.or(removed.err().map(|error| error.to_string()));
            return (failure.map_or(Outcome::Absent, Outcome::Failed), 0);
        }
        if let Err(error) = file.close(data_bytes) {
            failure.get_or_insert(error.to_string());
        }
        if let Err(error) = self.folder.complete(&file.path, &done) {
            failure.get_or_insert(error.to_string());
        }
        // Where even the name could not be changed the file is found at the next start.
        match failure {
            None => (Outcome::Complete(done), data_bytes),
            Some(reason) => (Outcome::Partial(done, reason), data_bytes),
        }
    }

    fn count(&self, report: &RecordingReport) {
        let counters = &self.counters;
        let outcome = match &report.outcome {
            Outcome::Complete(_) => &counters.completed,
            Outcome::Absent => &counters.absent,
            Outcome::Partial(..) => &counters.partial,
            Outcome::Failed(_) => &counters.failed,
        };
        outcome.fetch_add(1, Ordering::Relaxed);
        counters.bytes.fetch_add(report.bytes, Ordering::Relaxed);
        counters.frames_lost.fetch_add(report.lost_frames, Ordering::Relaxed);
        if let Outcome::Partial(_, reason) | Outcome::Failed(reason) = &report.outcome {
            tracing::error!(recording = %report.sid, reason, "a recording was cut short");
        }
        if report.lost_frames > 0 {
            tracing::warn!(recording = %report.sid, frames = report.lost_frames, "frames of a recording were lost");
        }
    }
}
