//! The recorder on a disk that fails when told to, and frames that come faster than it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tandem_media::record::{Layout, Track};
use tandem_media::tap::{TapFrame, TapSink};
use tandem_model::{SampleRate, Sid};

use super::disk::{Disk, Medium, RealDisk};
use super::service::{Active, Counters, QUEUE_FRAMES, Shared};
use super::*;
use crate::media::TapQueue;

/// A file system with so many bytes left for the files whose names contain a word.
struct SmallDisk {
    word: String,
    left: Arc<AtomicU64>,
}

struct SmallFile(Box<dyn Medium>, Arc<AtomicU64>);

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        let file = RealDisk.create(path)?;
        let small = path.to_string_lossy().contains(&self.word);
        Ok(if small { Box::new(SmallFile(file, Arc::clone(&self.left))) } else { file })
    }
}

impl Medium for SmallFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        // Headers are written over; data take room.
        if at > 0 {
            let length = bytes.len() as u64;
            let taken = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(length));
            taken.map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        }
        self.0.write_at(bytes, at)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tandem-recording-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn spec(number: u8) -> RecordingSpec {
    RecordingSpec {
        sid: Sid::from_bytes([number; 16]),
        layout: Layout::Mono(Track::Inbound),
        rate: SampleRate::HZ_8000,
        trim: false,
        max: None,
        silence_max: None,
    }
}

fn config(folder: &Path) -> RecordingConfig {
    RecordingConfig { folder: folder.to_owned(), recordings_max: 2, ..RecordingConfig::default() }
}

fn hear(sink: &dyn TapSink, ticks: std::ops::Range<u64>) {
    for tick in ticks {
        sink.take(TapFrame { tick, inbound: &[tick as i16 + 1; 160], outbound: &[0; 160] });
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn samples(path: &Path) -> Vec<i16> {
    hound::WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_full_disk_ends_that_recording_with_what_it_holds_and_no_other() {
    let folder = folder("full");
    let left = Arc::new(AtomicU64::new(100 * 320));
    let disk = SmallDisk { word: Sid::from_bytes([1; 16]).to_string(), left };
    let service = RecordingService::with_disk(config(&folder), Arc::new(disk)).unwrap();
    let (small, small_sink) = service.start(spec(1)).unwrap();
    let (large, large_sink) = service.start(spec(2)).unwrap();
    assert_eq!(service.start(spec(3)).map(|_| ()), Err(StartError::Full));
    for round in 0..4u64 {
        hear(&*small_sink, round * 50..(round + 1) * 50);
        hear(&*large_sink, round * 50..(round + 1) * 50);
        let length = Duration::from_secs(round + 1);
        until("written", || large.control().duration() == length);
    }
    let report = small.report().await;
    let Outcome::Partial(path, why) = &report.outcome else { panic!("{report:?}") };
    assert_eq!((report.reason, why.is_empty()), (StopReason::Disk, false));
    // What fits of the writer's rounds: whole ticks, and no more than there was room for.
    let held = samples(path);
    assert_eq!((held.len() * 2 + 44) as u64, report.bytes);
    assert!(!held.is_empty() && held.len() <= 100 * 160 && held.len().is_multiple_of(160), "{}", held.len());
    assert!(held.chunks(160).enumerate().all(|(n, tick)| tick == [n as i16 + 1; 160]));
    large_sink.ended();
    let report = large.report().await;
    assert!(matches!(&report.outcome, Outcome::Complete(path) if samples(path).len() == 200 * 160), "{report:?}");
    let stats = service.stats();
    assert_eq!((stats.active, stats.completed, stats.partial, stats.failed), (0, 1, 1, 0));
    service.start(spec(3)).unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_told_of_and_a_taken_name_is_not_written_over() {
    let folder = folder("taken");
    let service = RecordingService::open(config(&folder)).unwrap();
    let path = folder.join(format!("{}.wav", Sid::from_bytes([1; 16])));
    std::fs::write(&path, "mine").unwrap();
    let (handle, _sink) = service.start(spec(1)).unwrap();
    let report = handle.report().await;
    assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    std::fs::remove_dir_all(&folder).unwrap();
    let (handle, _sink) = service.start(spec(2)).unwrap();
    let report = handle.report().await;
    assert!(matches!(&report.outcome, Outcome::Failed(why) if why.contains("No such file")), "{report:?}");
    assert_eq!((service.stats().failed, service.stats().active), (2, 0));
    assert_eq!(service.start(RecordingSpec { rate: SampleRate(11_025), ..spec(3) }).map(|_| ()), Err(StartError::Rate));
}

#[test]
fn a_queue_that_nobody_empties_loses_its_oldest_frames_and_counts_them() {
    let queue = TapQueue::new(SampleRate::HZ_8000, QUEUE_FRAMES);
    hear(&queue, 0..QUEUE_FRAMES as u64 + 7);
    assert_eq!((queue.lost(), queue.next_tick()), (7, QUEUE_FRAMES as u64 + 7));
    let mut ticks = Vec::new();
    queue.drain(|frame| {
        assert_eq!((frame.inbound, frame.outbound), (&[frame.tick as i16 + 1; 160][..], &[0; 160][..]));
        ticks.push(frame.tick);
    });
    assert_eq!(ticks, (7..QUEUE_FRAMES as u64 + 7).collect::<Vec<_>>());
    // A frame that is shorter or longer than agreed is taken as far as it goes.
    queue.take(TapFrame { tick: 900, inbound: &[1; 3], outbound: &[2; 5_000] });
    queue.drain(|frame| assert_eq!((frame.inbound.len(), frame.outbound.len()), (3, 160)));
}

#[test]
fn what_is_lost_on_the_way_is_silence_in_its_place_and_in_the_report() {
    // The writer is started last, so that it cannot come by while the queue overflows.
    let folder = folder("lost");
    let counters = Arc::new(Counters::default());
    let (messages, receiver) = crossbeam::channel::bounded(4);
    let queue = Arc::new(TapQueue::new(SampleRate::HZ_8000, QUEUE_FRAMES));
    let (tell, report) = tokio::sync::oneshot::channel();
    let shared = Arc::new(Shared::new(spec(1).sid, Arc::clone(&queue)));
    let active = Active::begin(&counters, 1).unwrap();
    let job = Box::new(writer::Job::new(spec(1).recorder(), shared, active, tell));
    hear(&*queue, 0..QUEUE_FRAMES as u64 + 30);
    queue.ended();
    messages.send(writer::Message::Start(job)).unwrap();
    let folder = folder::Folder::open(folder).unwrap();
    let thread = writer::start(receiver, folder, Arc::new(RealDisk), counters).unwrap();
    let report = report.blocking_recv().unwrap();
    assert_eq!((report.lost_frames, report.filled_ticks, report.reason), (30, 30, StopReason::TapEnded));
    let Outcome::Complete(path) = &report.outcome else { panic!("{report:?}") };
    let held = samples(path);
    assert_eq!(held.len(), (QUEUE_FRAMES + 30) * 160);
    assert!(held[..30 * 160].iter().all(|s| *s == 0) && held[30 * 160..31 * 160] == [31; 160]);
    drop(messages);
    thread.join().unwrap();
}
