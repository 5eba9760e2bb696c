//! Counts allocations of the packet path: after construction there are none.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{Phone, TICK, World, addr, spec};
use tandem_codecs::CodecId::{Opus, Pcma, Pcmu};
use tandem_media::conceal::{Background, Concealer};
use tandem_media::control::{Command, MixId, Seat};
use tandem_media::denoise::Denoiser;
use tandem_media::dtmf::{EventPacket, EventReceiver, EventSender, InBandDetector, Key, Step};
use tandem_media::jitter::{Content, JitterBuffer, JitterConfig, Packet, Pop};
use tandem_media::playout::{FRAME_SAMPLES_MAX, Playout, PlayoutCounts};
use tandem_media::resample::Resampler;
use tandem_media::shard::Component;
use tandem_media::srtp::{Protector, Unprotector};
use tandem_media::stretch::{Allowance, Stretcher};
use tandem_media::tap::{TapFrame, TapId, TapSink};
use tandem_media::tone::DtmfTone;
use tandem_model::{LegId, SampleRate, SrtpKey, SrtpSuite, Timestamp};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call on to the system allocator unchanged. JUSTIFICATION: the only way to see an allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` above with this `layout`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 10]))), 1);
}

#[test]
fn srtp_allocates_nothing_per_packet() {
    for suite in SrtpSuite::ALL {
        let key = SrtpKey::new(suite, vec![7; suite.key_len() + suite.salt_len()]).unwrap();
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        let mut buf = [0; 200];
        let count = allocations(|| {
            for seq in 0..300_u16 {
                buf[0] = 0x80;
                buf[2..4].copy_from_slice(&seq.to_be_bytes());
                let len = out.protect_rtp(&mut buf, 172).unwrap();
                assert_eq!(inn.unprotect_rtp(&mut buf, len), Ok(172));
                assert!(inn.unprotect_rtp(&mut buf, len).is_err());
                let len = out.protect_rtcp(&mut buf, 28).unwrap();
                assert_eq!(inn.unprotect_rtcp(&mut buf, len), Ok(28));
            }
        });
        assert_eq!(count, 0, "{suite:?}");

        // Nor while packets under an old key are taken too.
        let next = SrtpKey::new(suite, vec![8; suite.key_len() + suite.salt_len()]).unwrap();
        inn.rekey(Timestamp::ZERO, &next, &[]);
        let count = allocations(|| {
            for seq in 300..400_u16 {
                buf[0] = 0x80;
                buf[2..4].copy_from_slice(&seq.to_be_bytes());
                let len = out.protect_rtp(&mut buf, 172).unwrap();
                assert_eq!(inn.unprotect_rtp(&mut buf, len), Ok(172));
                assert!(inn.unprotect_rtp(&mut buf, len).is_err());
            }
            inn.expire(Timestamp::from_secs(60));
        });
        assert_eq!(count, 0, "{suite:?}");
    }
}

#[test]
fn the_frame_path_allocates_nothing() {
    let mut jitter = JitterBuffer::new(8_000, 20, 8_192, JitterConfig::default());
    let mut concealer = Concealer::new(SampleRate::HZ_8000);
    let mut background = Background::new(SampleRate::HZ_8000);
    let stretcher = Stretcher::new(SampleRate::HZ_8000);
    let past: Vec<i16> = (0..800).map(|n| ((n as f32 * 0.3).sin() * 8_000.0) as i16).collect();
    let mut line = past.clone();
    let allowance = Allowance { samples: 200, likeness: 0.5, quiet: 0.0 };
    let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000);
    let mut tone = DtmfTone::new(SampleRate::HZ_8000);
    let (mut sender, mut receiver) = (EventSender::new(8_000), EventReceiver::new());
    tone.push("123").unwrap();
    sender.push("123").unwrap();
    let mut ear = InBandDetector::new(SampleRate::HZ_8000).unwrap();
    // The tables that all detectors share are made once.
    ear.hear(&[9_999; 160], |_| ());
    let mut heard = 0;
    let (mut frames, mut digits, mut missing) = (0, 0, 0);
    let count = allocations(|| {
        let (mut pcm, mut wide) = ([0; 160], [0; 960]);
        for n in 0..200_u16 {
            let now = Timestamp::from_millis(u64::from(n) * 20);
            if n % 10 != 7 {
                let payload = [n as u8; 160];
                let (timestamp, content) = (u32::from(n) * 160, Content::Audio(&payload));
                jitter.insert(now, Packet { sequence: n, timestamp, marker: n == 0, content });
            }
            tone.fill(&mut pcm);
            ear.hear(&pcm, |key| heard += u32::from(matches!(key, Key::Down { .. })));
            match jitter.pop(now, 0) {
                Pop::Frame { .. } => {
                    frames += 1;
                    background.learn(&pcm);
                    if concealer.is_active() {
                        concealer.join(&past, &mut pcm, 40, &mut background);
                    }
                }
                Pop::Missing { units, .. } => {
                    missing += 1;
                    concealer.conceal(&past, &mut pcm, &mut background);
                    jitter.concealed(units, false);
                }
                Pop::Noise { .. } | Pop::Empty => {}
            }
            let cut = stretcher.shorten(&mut line, 400, allowance);
            assert!(cut > 0 && stretcher.lengthen(&mut line, 400, 600, allowance) > 0);
            assert_eq!(resampler.process(&pcm, &mut wide), 960);
            if let Step::Packet { marker, timestamp, payload, .. } = sender.step(u32::from(n) * 160) {
                let packet = EventPacket { ts: timestamp, marker, clock_hz: 8_000, payload: &payload };
                receiver.packet(now, packet, |key| digits += u32::from(matches!(key, Key::Down { .. })));
            }
        }
    });
    assert_eq!(count, 0);
    assert!(frames > 150 && missing > 15 && digits == 3, "{frames} {missing} {digits}");
    assert_eq!(heard, 3);
}

/// Takes frames and keeps nothing.
#[derive(Debug)]
struct Void;

impl TapSink for Void {
    fn take(&self, _: TapFrame<'_>) {}

    fn ended(&self) {}
}

#[test]
fn bridges_conferences_and_taps_allocate_nothing_per_packet_or_tick() {
    let mut world = World::new();
    let codecs = [Pcmu, Pcmu, Pcmu, Opus, Pcmu, Opus, Pcma, Pcmu, Pcmu];
    let mut phones = Vec::new();
    for (n, codec) in codecs.into_iter().enumerate() {
        let at = addr(n as u8 + 1);
        world.open(n as u64 + 1, spec(codec, at));
        phones.push(Phone::new(codec, at, 300.0 + 100.0 * n as f32));
    }
    world.command(Command::Bridge { a: LegId(1), b: LegId(2) });
    world.command(Command::Bridge { a: LegId(3), b: LegId(4) });
    (5..=9).for_each(|n| world.command(Command::Join { leg: LegId(n), mix: MixId(1), seat: Seat::MEMBER }));
    let sink = std::sync::Arc::new(Void);
    world.command(Command::Tap { leg: LegId(1), tap: TapId(1), rate: SampleRate::HZ_16000, sink: sink.clone() });
    world.command(Command::TapMix { mix: MixId(1), tap: TapId(1), rate: SampleRate::HZ_8000, sink });
    let slots: Vec<_> = (1..=9).map(|n| world.shard.slot(LegId(n)).unwrap()).collect();
    let mut sent = 0;
    for tick in 0..100 {
        let mut packets: Vec<Vec<u8>> = phones.iter_mut().map(Phone::speak).collect();
        let count = allocations(|| {
            for ((packet, phone), slot) in packets.iter_mut().zip(&phones).zip(&slots) {
                world.shard.handle_packet(world.now, *slot, Component::Rtp, phone.addr, packet, &mut world.batch);
            }
            world.now = world.now + TICK;
            loop {
                let more = world.shard.tick(world.now, &mut world.batch);
                sent += world.batch.len();
                world.batch.clear();
                if !more {
                    break;
                }
            }
        });
        while world.shard.poll_event().is_some() {}
        // The first frames make encoders and let buffers grow to their size.
        assert!(tick < 20 || count == 0, "{count} allocations in tick {tick}");
    }
    assert!(sent > 9 * 80, "{sent}");
}

#[test]
fn a_player_allocates_nothing_whatever_the_network_does() {
    for (codec, rate, payload) in [
        (Pcmu, SampleRate::HZ_8000, &[0x23_u8; 160][..]),
        (Opus, SampleRate::HZ_48000, &[0x78, 1, 2, 3, 4, 5, 6, 7][..]),
    ] {
        let mut playout = Playout::new(codec, rate, 20, JitterConfig::default()).unwrap();
        let units = if codec == Opus { 960 } else { 160 };
        let (mut frame, mut tick) = (vec![0; FRAME_SAMPLES_MAX], vec![0; rate.0 as usize / 50]);
        let mut counts = PlayoutCounts::default();
        let count = allocations(|| {
            for n in 0..2_000_u32 {
                let now = Timestamp::from_millis(u64::from(n) * 20);
                // Losses, a stall every four seconds that ends in a burst, and a pause.
                let at = n % 200;
                let burst = if at == 110 { 10 } else { 0 };
                if at % 17 != 3 && !(100..110).contains(&at) && !(150..170).contains(&at) {
                    for n in n - burst..=n {
                        let (sequence, timestamp) = (n as u16, n * units);
                        let content = Content::Audio(payload);
                        playout.insert(now, Packet { sequence, timestamp, marker: at == 170, content });
                    }
                }
                playout.fill(now, &mut frame, &mut tick, &mut counts);
            }
        });
        assert_eq!(count, 0, "{codec:?}");
        assert!(counts.concealed > 0 && counts.noise > 0 && counts.accelerated > 0, "{counts:?}");
    }
}

#[test]
fn noise_reduction_allocates_nothing_per_tick() {
    for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000] {
        let mut denoiser = Denoiser::new(rate);
        let mut tick = vec![0; rate.0 as usize / 50];
        let count = allocations(|| {
            for n in 0..100_usize {
                tick.iter_mut().enumerate().for_each(|(i, s)| *s = ((i * 37 + n * 11) % 2_000) as i16 - 1_000);
                denoiser.process(&mut tick);
            }
        });
        assert_eq!(count, 0, "{rate:?}");
    }
}
