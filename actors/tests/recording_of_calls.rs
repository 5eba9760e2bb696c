//! A call on a real media thread, recorded through its tap: each channel holds the right party.

use std::f64::consts::TAU;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use tandem_actors::media::{self, EventSink, MediaConfig, MediaThread};
use tandem_actors::recording::{Outcome, RecordingConfig, RecordingService, RecordingSpec, StopReason};
use tandem_codecs::{CodecId, CodecSpec};
use tandem_media::control::{Command, Event, LegSpec};
use tandem_media::record::{Layout, Pause, Track};
use tandem_media::tap::TapId;
use tandem_model::{LegId, SampleRate, Sid};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// A phone that says one tone, in real time, until it is told to be quiet.
struct Phone {
    socket: UdpSocket,
    hz: f64,
}

impl Phone {
    fn new(hz: f64) -> Phone {
        Phone { socket: UdpSocket::bind((LOOPBACK, 0)).unwrap(), hz }
    }

    fn talk(&self, to: SocketAddr, quiet: &AtomicBool) {
        let law = Law::new();
        let started = Instant::now();
        for seq in 0..u16::MAX {
            if quiet.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep((started + TICK * u32::from(seq)).saturating_duration_since(Instant::now()));
            let mut packet = vec![0x80, 0];
            packet.extend(seq.to_be_bytes());
            packet.extend((u32::from(seq) * 160).to_be_bytes());
            packet.extend((self.hz as u32).to_be_bytes());
            let at = |n: u32| f64::from(u32::from(seq) * 160 + n) / 8_000.0;
            packet.extend((0..160).map(|n| law.encode((TAU * self.hz * at(n)).sin() * 8_000.0)));
            self.socket.send_to(&packet, to).unwrap();
        }
    }
}

/// µ-law by the nearest of its 256 values.
struct Law([i16; 256]);

impl Law {
    fn new() -> Law {
        let mut decoder = (CodecSpec::by_id(CodecId::Pcmu).decoder)(SampleRate::HZ_8000).unwrap();
        let bytes: Vec<u8> = (0..=255).collect();
        let mut values = [0; 256];
        assert_eq!(decoder.decode(&bytes, &mut values), Ok(256));
        Law(values)
    }

    fn encode(&self, sample: f64) -> u8 {
        let distance = |byte: &u8| (f64::from(self.0[usize::from(*byte)]) - sample).abs() as u32;
        (0..=255).min_by_key(distance).unwrap()
    }
}

/// The part of the energy that is at `hz`, 0 to 1 (Goertzel).
fn share(samples: &[f64], hz: f64) -> f64 {
    let turn = TAU * hz / 8_000.0;
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, s)| {
        let angle = turn * n as f64;
        (re + s * angle.cos(), im + s * angle.sin())
    });
    let energy: f64 = samples.iter().map(|s| s * s).sum();
    2.0 * (re * re + im * im) / (samples.len() as f64 * energy.max(1e-9))
}

/// Each channel of a file, without its first and last 100 ms.
fn channels(path: &Path) -> Vec<Vec<f64>> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let count = usize::from(reader.spec().channels);
    assert_eq!(reader.spec().sample_rate, 8_000);
    let samples: Vec<f64> = reader.samples::<i16>().map(|s| f64::from(s.unwrap())).collect();
    let channel = |c: usize| -> Vec<f64> { samples.iter().skip(c).step_by(count).copied().collect() };
    (0..count).map(channel).map(|c| c[800..c.len() - 800].to_vec()).collect()
}

struct Call {
    thread: MediaThread,
    events: Receiver<Event>,
    _pool: media::MediaPool,
}

impl Call {
    fn new(ports: std::ops::RangeInclusive<u16>) -> Call {
        let (sender, events) = bounded::<Event>(256);
        let config = MediaConfig::new(LOOPBACK, ports, vec![0]);
        let sink = move |_: usize| {
            let sender = sender.clone();
            Box::new(move |event: Event| sender.try_send(event).is_ok()) as Box<dyn EventSink>
        };
        let pool = media::start(&config, sink).expect("starts");
        Call { thread: pool.handle().thread_for("a call"), events, _pool: pool }
    }

    fn open(&self, id: u64, phone: &Phone) -> SocketAddr {
        self.send(Command::Open { leg: LegId(id) });
        let port = loop {
            match self.events.recv_timeout(PATIENCE).expect("an event comes") {
                Event::Opened { leg, rtp_port } if leg == LegId(id) => break rtp_port,
                Event::OpenFailed { reason, .. } => panic!("{reason:?}"),
                _ => {}
            }
        };
        let spec = LegSpec::new(CodecId::Pcmu, Some(phone.socket.local_addr().unwrap()));
        self.send(Command::Configure { leg: LegId(id), spec: Box::new(spec) });
        SocketAddr::new(LOOPBACK, port)
    }

    fn send(&self, command: Command) {
        self.thread.send(command).unwrap();
    }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tandem-recording-of-calls-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn each_channel_of_a_recorded_call_holds_the_right_party() {
    let service = RecordingService::open(RecordingConfig { folder: folder("call"), ..RecordingConfig::default() });
    let service = service.unwrap();
    let call = Call::new(22_000..=22_019);
    let (caller, callee) = (Phone::new(440.0), Phone::new(1_000.0));
    let (a, b) = (call.open(1, &caller), call.open(2, &callee));
    call.send(Command::Bridge { a: LegId(1), b: LegId(2) });

    let spec = |number: u8, layout| RecordingSpec {
        sid: Sid::from_bytes([number; 16]),
        layout,
        rate: SampleRate::HZ_8000,
        trim: false,
        max: None,
        silence_max: None,
    };
    let quiet = AtomicBool::new(false);
    let reports = std::thread::scope(|scope| {
        let quiet = &quiet;
        scope.spawn(move || caller.talk(a, quiet));
        scope.spawn(move || callee.talk(b, quiet));
        let tap = |id: u64, layout, pause: Option<Pause>| {
            let (handle, sink) = service.start(spec(id as u8, layout)).unwrap();
            assert!(pause.is_none_or(|pause| handle.control().pause(pause)));
            call.send(Command::Tap { leg: LegId(1), tap: TapId(id), rate: SampleRate::HZ_8000, sink });
            handle
        };
        let dual = tap(1, Layout::Dual, None);
        let mixed = tap(2, Layout::Mono(Track::Both), None);
        let paused = tap(3, Layout::Mono(Track::Inbound), Some(Pause::Skip));
        until("two seconds are recorded", || dual.control().duration() >= Duration::from_secs(2));
        // One ends by its control, one because its tap is taken off, one because the leg ends.
        dual.control().stop();
        call.send(Command::Untap { leg: LegId(1), tap: TapId(2) });
        call.send(Command::Close { leg: LegId(1) });
        quiet.store(true, Ordering::Relaxed);
        [dual, mixed, paused]
    });
    let [dual, mixed, paused] = reports.map(|handle| handle.report());
    let (dual, mixed, paused) = (dual.await, mixed.await, paused.await);

    assert_eq!((dual.reason, dual.channels, dual.lost_frames), (StopReason::Asked, 2, 0), "{dual:?}");
    let Outcome::Complete(path) = &dual.outcome else { panic!("{dual:?}") };
    let [inbound, outbound] = &channels(path)[..] else { panic!("two channels") };
    for (channel, hz, other) in [(inbound, 440.0, 1_000.0), (outbound, 1_000.0, 440.0)] {
        // The first second is the jitter buffer's to settle in.
        let settled = &channel[channel.len() / 2..];
        assert!(share(settled, hz) > 0.8, "{hz} Hz has {:.2}", share(settled, hz));
        assert!(share(settled, other) < 0.01, "{other} Hz has {:.2}", share(settled, other));
    }

    assert_eq!((mixed.reason, mixed.channels), (StopReason::TapEnded, 1));
    let Outcome::Complete(path) = &mixed.outcome else { panic!("{mixed:?}") };
    let both = &channels(path)[0];
    let settled = &both[both.len() / 2..];
    assert!(share(settled, 440.0) > 0.4 && share(settled, 1_000.0) > 0.4);

    assert_eq!((paused.reason, &paused.outcome), (StopReason::TapEnded, &Outcome::Absent), "all of it was a pause");
}
