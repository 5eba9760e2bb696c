//! Bad networks and bad peers: loss is concealed and counted, and no input panics a leg or stops its neighbours.

mod common;

use std::sync::Arc;

use common::tape::Tape;
use common::*;
use proptest::prelude::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Clip, Command, Event, MarkId, MixId, PlayId, Repeat, Seat, SrtpPair};
use tandem_media::shard::Component;
use tandem_media::srtp::Protector;
use tandem_media::tap::TapId;
use tandem_model::{LegId, Ptime, SampleRate, SrtpKey, SrtpSuite};

#[test]
fn loss_on_one_side_of_a_transcoded_bridge_is_concealed_and_counted() {
    // A lone tone is the worst case for Opus at 20 kb/s: its predictor stays off for several frames behind each loss, in the bare
    // decoder just the same.
    for (from, to, floor) in [(CodecId::Pcmu, CodecId::Opus, 0.85), (CodecId::Opus, CodecId::Pcma, 0.6)] {
        let mut w = World::new();
        let (a, b) = (w.open(1, spec(from, addr(1))), w.open(2, spec(to, addr(2))));
        w.command(Command::Bridge { a, b });
        let mut phone = Phone::new(from, addr(1), 500.0);
        for i in 0..400 {
            let packet = phone.speak();
            if i % 20 != 7 {
                w.packet(a, addr(1), &packet);
            }
            w.pass(TICK);
        }
        w.command(Command::Query { leg: a });
        let Some(Event::Stats { stats, .. }) = w.take_events().pop() else { panic!("statistics") };
        assert_eq!((stats.packets_received, stats.packets_lost), (380, 20));
        assert!((15..=25).contains(&stats.packets_concealed), "{}", stats.packets_concealed);
        assert!(stats.mos_in.unwrap() < 4.2 && stats.mos_in.unwrap() > 2.5);
        let out = w.take_rtp(addr(2));
        assert!(out.len() >= 390, "no hole reaches the far end: {}", out.len());
        assert_continuous(&out);
        // By the tenth of a second: concealment need not keep the phase.
        let heard = listen(to, &out[20..]);
        let pieces: Vec<f32> = heard.chunks_exact(800).map(|piece| share(piece, 500.0)).collect();
        let mean = pieces.iter().sum::<f32>() / pieces.len() as f32;
        assert!(mean > floor, "{from:?}: {mean}");
    }
}

#[test]
fn jittered_arrivals_leave_an_even_stream() {
    let mut w = World::new();
    let (a, b) = (w.open(1, spec(CodecId::Pcmu, addr(1))), w.open(2, spec(CodecId::Pcma, addr(2))));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    // Three packets at once every 60 ms.
    for _ in 0..100 {
        for _ in 0..3 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
        }
        w.pass(TICK * 3);
    }
    let out = w.take_rtp(addr(2));
    assert!(out.len() >= 280, "{}", out.len());
    assert_continuous(&out);
    let gaps = out[50..].windows(2).filter(|p| p[1].at.since(p[0].at) > TICK).count();
    assert!(gaps <= 2, "{gaps}");
    assert!(share(&listen(CodecId::Pcma, &out[60..]), 500.0) > 0.9);
}

fn key(n: u8) -> SrtpKey {
    let suite = SrtpSuite::AeadAes128Gcm;
    SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).unwrap()
}

#[derive(Clone, Debug)]
enum Input {
    /// A true packet of the phone, with one byte changed; index and value.
    Mutated(u8, usize, u8),
    Raw(u8, Component, Vec<u8>),
    Skip(u16),
    Command(u8, u8),
    Pass,
}

fn input() -> impl Strategy<Value = Input> {
    let component = prop_oneof![Just(Component::Rtp), Just(Component::Rtcp)];
    prop_oneof![
        4 => (0u8..4, 0usize..180, any::<u8>()).prop_map(|(l, i, b)| Input::Mutated(l, i, b)),
        2 => (0u8..4, component, proptest::collection::vec(any::<u8>(), 0..80)).prop_map(|(l, c, mut p)| {
            if let [first, second, ..] = &mut p[..] {
                *first = 0x80 | (*first & 0x3f);
                *second = if c == Component::Rtcp { 200 + *second % 4 } else { *second };
            }
            Input::Raw(l, c, p)
        }),
        1 => any::<u16>().prop_map(Input::Skip),
        1 => (0u8..4, 0u8..24).prop_map(|(l, c)| Input::Command(l, c)),
        2 => Just(Input::Pass),
    ]
}

fn command(w: &mut World, leg: LegId, which: u8) {
    let other = LegId(leg.0 % 4 + 1);
    let codec = [CodecId::Pcmu, CodecId::Pcma, CodecId::Opus][usize::from(which) % 3];
    let again = {
        let mut s = spec(codec, addr(leg.0 as u8));
        s.ptime = Ptime([0, 10, 20, 30, 255][usize::from(which) % 5]);
        s.send = which.is_multiple_of(2);
        s
    };
    let mix = MixId(u64::from(leg.0 == 4));
    let clip = Arc::new(Clip { rate: SampleRate(11_025), samples: vec![9_000; 300] });
    let digits = ["1", "wW#", "x", ""][usize::from(which) % 4].to_owned();
    w.command(match which {
        0..=4 => Command::Configure { leg, spec: Box::new(again) },
        5 | 6 => Command::Bridge { a: leg, b: other },
        7 => Command::Unbridge { leg },
        8 => Command::Echo { leg, on: true },
        9 => Command::SendDigits { leg, play: PlayId(1), digits },
        10 => Command::Bridge { a: leg, b: leg },
        11 => Command::StopPlay { leg, play: PlayId(1) },
        12 | 13 => Command::Join { leg, mix, seat: Seat::MEMBER },
        14 => Command::Join { leg, mix, seat: Seat { coaches: Some(other), ..Seat::MEMBER } },
        15 => Command::Join { leg, mix, seat: Seat { speaks: false, hears: false, coaches: Some(leg) } },
        16 => Command::Tap { leg, tap: TapId(1), rate: SampleRate::HZ_16000, sink: Arc::new(Tape::default()) },
        17 => Command::TapMix { mix, tap: TapId(1), rate: SampleRate(24_000), sink: Arc::new(Tape::default()) },
        18 => Command::Untap { leg, tap: TapId(1) },
        19 => Command::StartStream { leg, play: PlayId(1), rate: SampleRate(24_000) },
        20 => Command::Inject { leg, play: PlayId(1), audio: vec![9_000; 1_000] },
        21 => Command::Mark { leg, play: PlayId(1), mark: MarkId(1) },
        22 => Command::ClearStream { leg, play: PlayId(1) },
        _ => Command::PlayMix { mix, play: PlayId(1), clip, repeat: Repeat::Forever },
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_packets_commands_and_ticks_panics_a_leg(inputs in proptest::collection::vec(input(), 1..120)) {
        let mut w = World::new();
        let secure = {
            let mut s = spec(CodecId::Pcmu, addr(4));
            s.srtp = Some(SrtpPair { outbound: key(1), inbound: key(2) });
            s
        };
        let specs =
            [spec(CodecId::Pcmu, addr(1)), spec(CodecId::Opus, addr(2)), spec(CodecId::Pcma, addr(3)), secure];
        let codecs = specs.each_ref().map(|s| s.codec);
        let legs: Vec<LegId> = (1..).zip(specs).map(|(id, spec)| w.open(id, spec)).collect();
        w.command(Command::Bridge { a: legs[0], b: legs[1] });
        w.command(Command::Bridge { a: legs[2], b: legs[3] });
        let mut phones: Vec<Phone> =
            (1..).zip(codecs).map(|(n, codec)| Phone::new(codec, addr(n), 400.0)).collect();
        let mut protector = Protector::new(&key(2));
        for input in inputs {
            match input {
                Input::Mutated(i, at, byte) => {
                    let i = usize::from(i);
                    let mut packet = phones[i].speak();
                    if let Some(b) = packet.get_mut(at) {
                        *b = byte;
                    }
                    // Even authentic packets may hold anything.
                    if i == 3 && at.is_multiple_of(2) {
                        let len = packet.len();
                        packet.resize(len + 32, 0);
                        let len = protector.protect_rtp(&mut packet, len).unwrap_or(len);
                        packet.truncate(len);
                    }
                    w.packet(legs[i], addr(i as u8 + 1), &packet);
                }
                Input::Raw(i, component, packet) => {
                    w.packet_on(legs[usize::from(i)], component, addr(i + 1), &packet);
                }
                Input::Skip(by) => {
                    for phone in &mut phones {
                        phone.seq.0 = phone.seq.0.wrapping_add(by);
                        phone.ts = phone.ts.wrapping_add(u32::from(by) * 7_919);
                    }
                }
                Input::Command(i, which) => command(&mut w, legs[usize::from(i)], which),
                Input::Pass => w.pass(TICK),
            }
        }
        w.pass(TICK * 10);
        prop_assert_eq!(w.shard.rebuilt(), 0, "a caught panic is a bug");
        prop_assert_eq!(w.shard.legs(), 4);
    }
}
