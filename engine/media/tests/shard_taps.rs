//! Taps: a copy of both directions, whatever the leg is doing, and no change to what it does.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::tape::tap;
use common::*;
use tandem_codecs::CodecId::{self, Opus, Pcma, Pcmu};
use tandem_media::control::{Clip, Command, PlayId, Repeat};
use tandem_media::tap::TapId;
use tandem_model::limits::TAPS_PER_LEG_MAX;
use tandem_model::{LegId, SampleRate};

/// Two legs that are bridged; 500 Hz comes from the first, 900 Hz from the second.
struct Bridge {
    world: World,
    legs: [LegId; 2],
    phones: [Phone; 2],
}

impl Bridge {
    fn new(codecs: [CodecId; 2]) -> Self {
        let mut world = World::new();
        let a = world.open(1, spec(codecs[0], addr(1)));
        let b = world.open(2, spec(codecs[1], addr(2)));
        world.command(Command::Bridge { a, b });
        let phones = [Phone::new(codecs[0], addr(1), 500.0), Phone::new(codecs[1], addr(2), 900.0)];
        Bridge { world, legs: [a, b], phones }
    }

    fn talk(&mut self, ticks: usize) {
        for _ in 0..ticks {
            for (leg, phone) in self.legs.iter().zip(&mut self.phones) {
                let packet = phone.speak();
                self.world.packet(*leg, phone.addr, &packet);
            }
            self.world.pass(TICK);
        }
    }
}

/// The share of a tone in a track of `rate`, by what is left of it at 8 kHz.
fn share_at(track: &[i16], rate: SampleRate, hz: f32) -> f32 {
    let step = (rate.0 / 8_000) as usize;
    share(&track.iter().step_by(step).copied().collect::<Vec<_>>(), hz)
}

#[test]
fn a_tap_hears_both_directions_of_a_relayed_and_of_a_transcoded_call() {
    for codecs in [[Pcmu, Pcmu], [Pcmu, Opus], [Opus, Pcma], [Opus, Opus]] {
        for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000] {
            let mut bridge = Bridge::new(codecs);
            let tape = tap(&mut bridge.world, bridge.legs[0], 1, rate);
            bridge.talk(60);
            let (inbound, outbound) = tape.tracks(rate);
            assert!((inbound.len() as i64 - rate.0 as i64 * 9 / 10).unsigned_abs() <= u64::from(rate.0 / 25));
            for (track, hz, name) in [(&inbound, 500.0, "inbound"), (&outbound, 900.0, "outbound")] {
                let share = share_at(track, rate, hz);
                assert!(share > 0.9, "{codecs:?} at {} Hz, {name}: {share}", rate.0);
            }
            let ticks = tape.ticks();
            assert!(ticks.iter().copied().eq(0..ticks.len() as u64), "{ticks:?}");
        }
    }
}

#[test]
fn a_tapped_call_is_still_passed_through_packet_by_packet() {
    let mut bridge = Bridge::new([Pcmu, Pcmu]);
    bridge.talk(5);
    tap(&mut bridge.world, bridge.legs[0], 1, SampleRate::HZ_8000);
    bridge.world.take_rtp(addr(2));
    for _ in 0..20 {
        let packet = bridge.phones[0].speak();
        let at = bridge.world.now;
        bridge.world.packet(bridge.legs[0], addr(1), &packet);
        let sent = bridge.world.take_rtp(addr(2));
        assert_eq!((sent.len(), sent[0].at), (1, at), "at once");
        assert_eq!(sent[0].view().payload(), &packet[12..], "as it was");
        bridge.world.pass(TICK);
    }
}

#[test]
fn a_prompt_is_what_the_peer_was_told() {
    let mut world = World::new();
    let leg = world.open(1, spec(Pcmu, addr(1)));
    let tape = tap(&mut world, leg, 1, SampleRate::HZ_8000);
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: tone(SampleRate::HZ_8000, 700.0, 0, 16_000) });
    world.command(Command::Play { leg, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    world.pass(Duration::from_secs(1));
    let (inbound, outbound) = tape.tracks(SampleRate::HZ_8000);
    assert!(share(&outbound, 700.0) > 0.95);
    assert!(inbound.iter().all(|&s| s == 0), "nobody spoke");
}

#[test]
fn time_the_thread_slept_through_is_a_step_in_the_numbers() {
    let mut world = World::new();
    let leg = world.open(1, spec(Pcmu, addr(1)));
    let tape = tap(&mut world, leg, 1, SampleRate::HZ_8000);
    world.pass(Duration::from_millis(200));
    let before = tape.ticks().len() as u64;
    // A thread that was stopped for a second.
    world.now = world.now + Duration::from_secs(1);
    world.pass(Duration::from_millis(200));
    let ticks = tape.ticks();
    assert_eq!(ticks[before as usize - 1], before - 1);
    assert!((68..=71).contains(ticks.last().unwrap()), "{ticks:?}");
}

#[test]
fn a_sink_is_told_its_end_exactly_once() {
    let mut bridge = Bridge::new([Pcmu, Pcmu]);
    let [a, b] = bridge.legs;
    let first = tap(&mut bridge.world, a, 1, SampleRate::HZ_8000);
    let second = tap(&mut bridge.world, a, 1, SampleRate::HZ_8000);
    assert_eq!((first.ended(), second.ended()), (1, 0), "one of the same id replaces it");
    bridge.world.command(Command::Untap { leg: a, tap: TapId(1) });
    bridge.world.command(Command::Untap { leg: a, tap: TapId(1) });
    assert_eq!(second.ended(), 1);
    let third = tap(&mut bridge.world, b, 1, SampleRate::HZ_8000);
    bridge.world.command(Command::Close { leg: b });
    assert_eq!(third.ended(), 1, "with its leg");
    assert_eq!(tap(&mut bridge.world, b, 1, SampleRate::HZ_8000).ended(), 1, "no such leg");
    assert_eq!(tap(&mut bridge.world, a, 1, SampleRate(11_025)).ended(), 1, "no such rate");
    let most = TAPS_PER_LEG_MAX as u64;
    let kept: Vec<_> = (0..most).map(|id| tap(&mut bridge.world, a, id, SampleRate::HZ_8000)).collect();
    assert_eq!(tap(&mut bridge.world, a, most, SampleRate::HZ_8000).ended(), 1, "too many");
    drop(bridge);
    assert!(kept.iter().all(|tape| tape.ended() == 1), "with its thread");
}

#[test]
fn a_leg_that_panics_keeps_its_taps() {
    let mut bridge = Bridge::new([Pcmu, Pcmu]);
    let a = bridge.legs[0];
    let tape = tap(&mut bridge.world, a, 1, SampleRate::HZ_8000);
    bridge.talk(5);
    bridge.world.command(Command::InjectPanic { leg: a });
    bridge.talk(40);
    let (inbound, outbound) = tape.tracks(SampleRate::HZ_8000);
    assert!(share(&inbound, 500.0) > 0.9 && share(&outbound, 900.0) > 0.9);
    assert_eq!(tape.ended(), 0);
}
