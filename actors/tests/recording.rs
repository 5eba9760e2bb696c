//! Recordings on a real disk: what a tap gave stands in the file, at every moment, even for a process that is killed.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tandem_actors::recording::{
    Mp3Config, Mp3Error, Outcome, RecordingConfig, RecordingReport, RecordingService, RecordingSpec, StopReason,
};
use tandem_media::record::{Layout, Pause, Track};
use tandem_media::tap::{TapFrame, TapSink};
use tandem_model::{SampleRate, Sid};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call on to the system allocator unchanged. JUSTIFICATION: the only way to see an allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Memory) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Memory) {
        // SAFETY: `block` came from `alloc` above with this `layout`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const TICK: Duration = Duration::from_millis(20);

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tandem-recordings-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn open(folder: &Path) -> RecordingService {
    RecordingService::open(RecordingConfig { folder: folder.to_owned(), ..RecordingConfig::default() }).unwrap()
}

fn spec(number: u8, layout: Layout) -> RecordingSpec {
    let sid = Sid::from_bytes([number; 16]);
    RecordingSpec { sid, layout, rate: SampleRate::HZ_8000, trim: false, max: None, silence_max: None }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A leg that talks to a recording as fast as the recording takes it.
struct Leg<'a> {
    sink: &'a dyn TapSink,
    tick: u64,
}

impl Leg<'_> {
    /// Says and hears one value each for so many ticks, in steps that the queue holds.
    fn talk(&mut self, ticks: u64, inbound: i16, outbound: i16, taken: impl Fn() -> bool) {
        for _ in 0..ticks {
            self.sink.take(TapFrame { tick: self.tick, inbound: &[inbound; 160], outbound: &[outbound; 160] });
            self.tick += 1;
        }
        until("the writer takes them", taken);
    }
}

fn complete(report: &RecordingReport) -> PathBuf {
    match &report.outcome {
        Outcome::Complete(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

/// Runs of (first sample, second sample, ticks) of a dual file, by an independent reader.
fn dual_runs(path: &Path) -> Vec<(i16, i16, usize)> {
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let mut runs: Vec<(i16, i16, usize)> = Vec::new();
    for tick in samples.chunks(320) {
        assert!(tick.chunks(2).all(|pair| pair == &tick[..2]), "a tick is torn");
        match runs.last_mut() {
            Some((left, right, count)) if (*left, *right) == (tick[0], tick[1]) => *count += 1,
            _ => runs.push((tick[0], tick[1], 1)),
        }
    }
    runs
}

#[tokio::test]
async fn a_dual_recording_holds_both_parties_pauses_and_lost_time() {
    let folder = folder("dual");
    let service = open(&folder);
    let (handle, sink) = service.start(spec(1, Layout::Dual)).unwrap();
    let control = handle.control();
    let length = |ticks: u32| control.duration() == TICK * ticks;
    let mut leg = Leg { sink: &*sink, tick: 0 };
    leg.talk(100, 1_000, 2_000, || length(100));
    assert!(control.pause(Pause::Silence));
    leg.talk(50, 3_000, 4_000, || length(150));
    assert!(control.resume());
    leg.talk(50, 1_001, 2_001, || length(200));
    assert!(control.pause(Pause::Skip));
    leg.talk(100, 3_000, 4_000, || true);
    assert!(control.resume());
    leg.tick += 25;
    leg.talk(20, 1_002, 2_002, || length(245));
    // The file in the making has its last name only once it is whole.
    assert!(folder.join(format!("{}.wav.part", control.sid())).exists() && service.wav(control.sid()).await.is_none());
    control.stop();
    let report = handle.report().await;
    let path = complete(&report);
    assert_eq!((report.duration, report.channels, report.reason), (TICK * 245, 2, StopReason::Asked));
    assert_eq!((report.bytes, report.lost_frames, report.filled_ticks), (44 + 245 * 640, 0, 25));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), report.bytes);
    let runs = [(1_000, 2_000, 100), (0, 0, 50), (1_001, 2_001, 50), (0, 0, 25), (1_002, 2_002, 20)];
    assert_eq!(dual_runs(&path), runs);
    assert_eq!(service.wav(control.sid()).await, Some(path));
    assert!(service.delete(control.sid()).await.unwrap() && !service.delete(control.sid()).await.unwrap());
}

#[tokio::test]
async fn a_trimmed_recording_loses_its_silence_and_one_of_silence_alone_leaves_no_file() {
    let folder = folder("trim");
    let service = open(&folder);
    let trimmed = |number| RecordingSpec { trim: true, ..spec(number, Layout::Mono(Track::Inbound)) };
    let (handle, sink) = service.start(trimmed(1)).unwrap();
    let control = handle.control();
    let mut leg = Leg { sink: &*sink, tick: 0 };
    leg.talk(100, 5, 9_000, || control.quiet_for() == TICK * 100);
    leg.talk(50, 5_000, 9_000, || control.duration() == TICK * 59);
    leg.talk(100, 5, 9_000, || control.duration() == TICK * 159);
    sink.ended();
    let report = handle.report().await;
    assert_eq!((report.duration, report.reason), (TICK * 69, StopReason::TapEnded));
    assert_eq!(hound::WavReader::open(complete(&report)).unwrap().duration(), 69 * 160);

    let silent = RecordingSpec { silence_max: Some(Duration::from_secs(2)), ..trimmed(2) };
    let (handle, sink) = service.start(silent).unwrap();
    Leg { sink: &*sink, tick: 0 }.talk(120, 5, 9_000, || true);
    let report = handle.report().await;
    assert_eq!((&report.outcome, report.reason, report.bytes), (&Outcome::Absent, StopReason::Silence, 0));
    assert_eq!(files(&folder), [format!("{}.wav", Sid::from_bytes([1; 16]))]);
    assert_eq!((service.stats().completed, service.stats().absent), (1, 1));
}

#[tokio::test]
async fn the_longest_recording_ends_itself_and_shutdown_finishes_the_others() {
    let folder = folder("ends");
    let service = open(&folder);
    let short = RecordingSpec { max: Some(Duration::from_secs(1)), ..spec(1, Layout::Dual) };
    let (handle, sink) = service.start(short).unwrap();
    Leg { sink: &*sink, tick: 0 }.talk(100, 1, 2, || true);
    let report = handle.report().await;
    assert_eq!((report.reason, dual_runs(&complete(&report))), (StopReason::MaxLength, vec![(1, 2, 50)]));
    let (open, sink) = service.start(spec(2, Layout::Dual)).unwrap();
    Leg { sink: &*sink, tick: 0 }.talk(10, 1, 2, || true);
    // Nobody holds this one's sink: nothing can come any more.
    let (orphan, sink) = service.start(spec(3, Layout::Dual)).unwrap();
    Leg { sink: &*sink, tick: 0 }.talk(10, 1, 2, || true);
    drop(sink);
    assert_eq!(orphan.report().await.reason, StopReason::TapEnded);
    tokio::task::spawn_blocking({
        let service = service.clone();
        move || service.shutdown()
    })
    .await
    .unwrap();
    let report = open.report().await;
    assert_eq!((report.reason, dual_runs(&complete(&report))), (StopReason::Shutdown, vec![(1, 2, 10)]));
    assert!(service.start(spec(4, Layout::Dual)).is_err());
}

#[test]
fn a_frame_costs_the_media_thread_no_allocation() {
    let folder = folder("allocations");
    let service = open(&folder);
    let (_handle, sink) = service.start(spec(1, Layout::Dual)).unwrap();
    let before = ALLOCATIONS.with(Cell::get);
    // More than the queue holds: losing frames costs none either.
    for tick in 0..1_000 {
        sink.take(TapFrame { tick, inbound: &[1; 160], outbound: &[2; 160] });
    }
    sink.ended();
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
    service.shutdown();
}

const CHILD: &str = "TANDEM_TEST_RECORD_INTO";

/// Not a test of its own: the process that the next test kills. It records in real time and says how far it is.
#[test]
fn child_that_records_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let service = open(Path::new(&folder));
    let (_handle, sink) = service.start(spec(1, Layout::Dual)).unwrap();
    let started = Instant::now();
    for tick in 0..3_000u64 {
        std::thread::sleep((started + TICK * tick as u32).saturating_duration_since(Instant::now()));
        let value = (tick % 1_000) as i16 + 1;
        sink.take(TapFrame { tick, inbound: &[value; 160], outbound: &[-value; 160] });
        println!("tick {tick}");
        std::io::stdout().flush().unwrap();
    }
}

fn kill_at(folder: &Path, ticks: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_records_until_it_is_killed", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ticks_said = lines.filter_map(|line| line.rsplit_once("tick ")?.1.parse::<u64>().ok());
    let last = ticks_said.take_while(|tick| *tick < ticks).last();
    // SIGKILL: no handler runs.
    child.kill().unwrap();
    child.wait().unwrap();
    last.unwrap_or(0)
}

#[test]
fn a_killed_process_leaves_a_recording_that_plays_to_within_two_seconds_of_its_end() {
    let base = folder("killed");
    let random = std::process::id() as u64;
    std::thread::scope(|scope| {
        for run in 0..5u64 {
            let folder = base.join(run.to_string());
            scope.spawn(move || {
                // Anywhere in a header's second, from two to five seconds.
                let ticks = 100 + (random.wrapping_mul(7_919).wrapping_add(run * 37)) % 150;
                let last = kill_at(&folder, ticks);
                assert!(last > 90, "{last}");
                let part = folder.join(format!("{}.wav.part", Sid::from_bytes([1; 16])));
                let least = TICK * (last as u32 + 1) - Duration::from_secs(2);
                let check = |path: &Path| {
                    let mut reader = hound::WavReader::open(path).unwrap();
                    let seconds = f64::from(reader.duration()) / 8_000.0;
                    assert!(seconds >= least.as_secs_f64(), "{seconds} s of {last} ticks");
                    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
                    for (tick, pcm) in samples.chunks(320).enumerate() {
                        let value = tick as i16 + 1;
                        assert!(pcm.chunks(2).all(|pair| pair == [value, -value]), "tick {tick}");
                    }
                    seconds
                };
                let as_left = check(&part);
                match Command::new("sox").args(["-t", "wav"]).arg(&part).args(["-t", "raw", "-"]).output() {
                    Ok(heard) => {
                        let heard = heard.stdout.len() as f64 / (4.0 * 8_000.0);
                        assert!((heard - as_left).abs() < 0.01, "sox hears {heard} s, hound {as_left} s");
                    }
                    Err(_) => println!("not heard by a second reader: sox is not installed"),
                }
                // The next start finds it and makes it whole, under its name.
                let service = open(&folder);
                let [one] = service.recovered() else { panic!("{:?}", service.recovered()) };
                let whole = check(&one.path);
                assert!(whole >= as_left && (one.duration.as_secs_f64() - whole).abs() < 0.001);
                assert_eq!((one.channels, one.bytes), (2, std::fs::metadata(&one.path).unwrap().len()));
                assert!(!part.exists());
                service.shutdown();
            });
        }
    });
}

#[test]
fn what_cannot_be_finished_at_a_start_is_left_alone_or_removed_when_empty() {
    let folder = folder("recover");
    std::fs::create_dir_all(&folder).unwrap();
    let id = |number: u8| Sid::from_bytes([number; 16]);
    std::fs::write(folder.join(format!("{}.wav.part", id(1))), b"").unwrap();
    std::fs::write(folder.join(format!("{}.wav.part", id(2))), [7; 20]).unwrap();
    std::fs::write(folder.join("notes.wav.part"), b"mine").unwrap();
    std::fs::write(folder.join(format!("{}.3.mp3.part", id(3))), b"half").unwrap();
    let service = open(&folder);
    assert_eq!(service.recovered(), []);
    assert_eq!(files(&folder), ["notes.wav.part"]);
    // Another process would take our recordings in the making for cut ones.
    let second = RecordingService::open(RecordingConfig { folder: folder.clone(), ..RecordingConfig::default() });
    assert!(second.unwrap_err().to_string().contains("another process"));
}

/// Recordings, and what is not ours.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "lock").collect()
}

async fn recorded(service: &RecordingService, number: u8) -> Sid {
    let (handle, sink) = service.start(spec(number, Layout::Dual)).unwrap();
    let sid = handle.control().sid();
    for tick in 0..100u64 {
        let wave = |hz: f64| -> Vec<i16> {
            let at = |n: u64| (tick * 160 + n) as f64 / 8_000.0;
            (0..160).map(|n| ((std::f64::consts::TAU * hz * at(n)).sin() * 8_000.0) as i16).collect()
        };
        sink.take(TapFrame { tick, inbound: &wave(440.0), outbound: &wave(1_000.0) });
    }
    sink.ended();
    complete(&handle.report().await);
    sid
}

#[tokio::test]
async fn an_mp3_is_made_when_asked_for_and_kept() {
    let folder = folder("mp3");
    let service = open(&folder);
    let sid = recorded(&service, 1).await;
    let all = futures_util::future::join_all((0..4).map(|_| service.mp3(sid))).await;
    if all[0] == Err(Mp3Error::Missing) {
        println!("skipped: lame is not installed");
        return;
    }
    let path = all[0].clone().unwrap();
    assert!(all.iter().all(|made| made.as_ref() == Ok(&path)));
    let clip = tandem_media::file::decode(Some("audio/mpeg"), &std::fs::read(&path).unwrap()).unwrap();
    let seconds = clip.samples.len() as f64 / f64::from(clip.rate.0);
    assert!((1.9..2.2).contains(&seconds), "{seconds}");
    let loud = clip.samples.iter().filter(|s| s.unsigned_abs() > 2_000).count();
    assert!(loud * 3 > clip.samples.len());
    assert_eq!(files(&folder).len(), 2, "nothing half-made stays");
    assert!(service.delete(sid).await.unwrap());
    assert_eq!(service.mp3(sid).await, Err(Mp3Error::NotFound));
    assert_eq!(files(&folder), [""; 0]);
}

#[tokio::test]
async fn an_encoder_that_is_missing_or_fails_or_hangs_is_named() {
    let folder = folder("bad-mp3");
    for (number, text, reason) in [
        (1u8, None, "not installed"),
        (2, Some("echo 'no good' >&2; exit 3"), "exit status: 3: no good"),
        (3, Some("exec sleep 60"), "longer than"),
    ] {
        let program = folder.join(format!("encoder-{number}"));
        let mp3 = Mp3Config { program: program.clone(), timeout: Duration::from_millis(500), processes_max: 1 };
        let config =
            RecordingConfig { folder: folder.join(format!("files-{number}")), mp3, ..RecordingConfig::default() };
        let service = RecordingService::open(config).unwrap();
        if let Some(text) = text {
            // Another process writes the program: what is open for writing cannot be run, and a process that another test forks
            // meanwhile has whatever this one has open.
            let draft = folder.join("draft");
            std::fs::write(&draft, format!("#!/bin/sh\n{text}\n")).unwrap();
            let installed = std::process::Command::new("install").args([&draft, &program]).status();
            assert!(installed.unwrap().success());
        }
        let sid = recorded(&service, number).await;
        let error = service.mp3(sid).await.unwrap_err();
        assert!(error.to_string().contains("lame") && error.to_string().contains(reason), "{error}");
        assert!(service.wav(sid).await.is_some(), "the recording itself is unharmed");
    }
}
