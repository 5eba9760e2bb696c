//! Any packets, in any order: no panic, no more delay than allowed, exactly one tick each time.

use proptest::prelude::*;
use tandem_codecs::CodecId;
use tandem_media::jitter::{Content, JitterConfig, Packet};
use tandem_media::playout::{FRAME_SAMPLES_MAX, Playout, PlayoutCounts};
use tandem_model::{SampleRate, Timestamp};

#[derive(Clone, Debug)]
enum Step {
    Packet { seq_off: i16, ts_off: i32, marker: bool, kind: u8, len: usize },
    Jump { seq: u16, ts: u32 },
    Tick,
    Wait(u16),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let near = (-3_i16..4, -400_i32..400, any::<bool>(), any::<u8>(), 0..400_usize);
    let packet = |(seq_off, ts_off, marker, kind, len)| Step::Packet { seq_off, ts_off, marker, kind, len };
    prop_oneof![
        8 => (any::<u8>(), 100..200_usize).prop_map(move |(kind, len)| packet((0, 0, false, kind, len))),
        4 => near.prop_map(packet),
        1 => (any::<u16>(), any::<u32>()).prop_map(|(seq, ts)| Step::Jump { seq, ts }),
        12 => Just(Step::Tick),
        1 => (0_u16..3_000).prop_map(Step::Wait),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_packets_panic_a_player_or_make_it_later_than_allowed(
        which in 0..4_usize,
        max_ms in 20_u16..500,
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let (codec, rate) = [
            (CodecId::Pcmu, SampleRate::HZ_8000),
            (CodecId::Opus, SampleRate::HZ_8000),
            (CodecId::Opus, SampleRate::HZ_16000),
            (CodecId::Opus, SampleRate::HZ_48000),
        ][which];
        let config = JitterConfig { max_ms, ..JitterConfig::default() };
        let mut playout = Playout::new(codec, rate, 20, config).expect("a rate of the codec");
        let units = if codec == CodecId::Opus { 960 } else { 160 };
        let (mut frame, mut tick) = (vec![0; FRAME_SAMPLES_MAX], vec![0; rate.0 as usize / 50]);
        let mut counts = PlayoutCounts::default();
        let (mut now, mut seq, mut ts) = (Timestamp::from_secs(1), 65_530_u16, u32::MAX - 1_000);
        let mut ticks = 0;
        for step in steps {
            match step {
                Step::Packet { seq_off, ts_off, marker, kind, len } => {
                    let bytes: Vec<u8> = (0..len).map(|n| (n as u8).wrapping_mul(kind)).collect();
                    let content = match kind % 8 {
                        0 => Content::Noise(&bytes),
                        1 => Content::Nothing,
                        _ => Content::Audio(&bytes),
                    };
                    let sequence = seq.wrapping_add_signed(seq_off);
                    let timestamp = ts.wrapping_add_signed(ts_off);
                    playout.insert(now, Packet { sequence, timestamp, marker, content });
                    (seq, ts) = (seq.wrapping_add(1), ts.wrapping_add(units));
                }
                Step::Jump { seq: s, ts: t } => (seq, ts) = (s, t),
                Step::Tick => {
                    now = now + std::time::Duration::from_millis(20);
                    tick.fill(12_345);
                    let before = counts.played;
                    let played = playout.fill(now, &mut frame, &mut tick, &mut counts);
                    ticks += u64::from(played);
                    prop_assert_eq!(counts.played > before, played);
                    prop_assert!(counts.played <= ticks * tick.len() as u64);
                    prop_assert!(counts.concealed <= counts.played + u64::from(rate.0), "{:?}", counts);
                }
                Step::Wait(ms) => now = now + std::time::Duration::from_millis(u64::from(ms)),
                Step::Reset => playout.reset(),
            }
        }
        // A sender that behaves again is heard within the delay allowed, whatever went before: at the latest when the best
        // path of before is forgotten.
        for n in 0..900_u32 {
            now = now + std::time::Duration::from_millis(20);
            let payload = if codec == CodecId::Opus { vec![0x08, 1, 2, 3] } else { vec![0x55; 160] };
            let content = Content::Audio(&payload);
            playout.insert(now, Packet { sequence: seq.wrapping_add(n as u16), timestamp: ts.wrapping_add(n * units), marker: false, content });
            playout.fill(now, &mut frame, &mut tick, &mut counts);
        }
        let added = playout.delay_ms(now);
        // The tick's phase may not allow the very maximum.
        prop_assert!(added.is_some_and(|ms| ms <= f32::from(max_ms) + 21.0), "{:?} of {}", added, max_ms);
    }
}
