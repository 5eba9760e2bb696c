//! A leg that is decoded: what its jitter buffer does shows in the statistics, and what disturbs a stream is not heard.

mod common;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegStats};
use tandem_media::jitter::JitterConfig;
use tandem_media::shard::{Shard, ShardConfig};
use tandem_model::{LegId, WallTime};

fn stats(w: &mut World, leg: LegId) -> Box<LegStats> {
    w.command(Command::Query { leg });
    match w.take_events().pop() {
        Some(Event::Stats { stats, .. }) => stats,
        other => panic!("{other:?}"),
    }
}

/// A PCMU leg that is heard by a PCMA leg.
fn bridge(w: &mut World) -> (LegId, Phone) {
    let (a, b) = (w.open(1, spec(CodecId::Pcmu, addr(1))), w.open(2, spec(CodecId::Pcma, addr(2))));
    w.command(Command::Bridge { a, b });
    (a, Phone::new(CodecId::Pcmu, addr(1), 500.0))
}

fn talk(w: &mut World, leg: LegId, phone: &mut Phone, packets: usize, lost: impl Fn(usize) -> bool) {
    for n in 0..packets {
        let packet = phone.speak();
        if !lost(n) {
            w.packet(leg, addr(1), &packet);
        }
        w.pass(TICK);
    }
}

#[test]
fn the_statistics_tell_delay_target_and_what_was_made_up() {
    let mut w = World::new();
    let (a, mut phone) = bridge(&mut w);
    let none = stats(&mut w, a);
    assert_eq!((none.samples_played, none.buffer_ms), (0, None));
    talk(&mut w, a, &mut phone, 200, |n| n % 20 == 7);
    let told = stats(&mut w, a);
    assert!((15.0..=60.0).contains(&told.buffer_ms.unwrap()), "{told:?}");
    assert!((20.0..=40.0).contains(&told.buffer_target_ms.unwrap()), "{told:?}");
    assert!((190 * 160..=200 * 160).contains(&told.samples_played), "{told:?}");
    assert!((9 * 160..=11 * 170).contains(&told.samples_concealed), "{told:?}");
    assert_eq!((told.packets_concealed, told.packets_recovered, told.packets_discarded), (10, 0, 0));
    // Another codec is another player; what was counted stays.
    w.command(Command::Configure { leg: a, spec: Box::new(spec(CodecId::Pcma, addr(1))) });
    assert_eq!(stats(&mut w, a).samples_concealed, told.samples_concealed);
}

#[test]
fn the_bounds_of_the_delay_reach_every_leg() {
    let mut w = World::new();
    let jitter = JitterConfig { min_ms: 100, max_ms: 150, start_ms: 120 };
    let config = ShardConfig { legs_max: 4, wall_at_zero: WallTime::from_unix_millis(0), jitter };
    w.shard = Shard::new(config);
    let (a, mut phone) = bridge(&mut w);
    talk(&mut w, a, &mut phone, 150, |_| false);
    let told = stats(&mut w, a);
    assert_eq!(told.buffer_target_ms, Some(100.0));
    assert!((95.0..=150.0).contains(&told.buffer_ms.unwrap()), "{told:?}");
}

#[test]
fn another_source_and_an_unknown_payload_type_leave_no_hole() {
    let mut w = World::new();
    let (a, mut phone) = bridge(&mut w);
    talk(&mut w, a, &mut phone, 50, |_| false);
    // Five packets of a codec that nobody agreed to take the place of audio.
    for _ in 0..5 {
        let mut packet = phone.speak();
        packet[1] = 77;
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    talk(&mut w, a, &mut phone, 50, |_| false);
    let mut other = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    (other.ssrc, other.seq.0, other.ts.0) = (99, 7, 123_456);
    w.pass(TICK * 6);
    talk(&mut w, a, &mut other, 50, |_| false);
    let out = w.take_rtp(addr(2));
    assert!(out.len() >= 155, "{}", out.len());
    assert_continuous(&out);
    let heard = listen(CodecId::Pcma, &out);
    let steepest = heard.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
    // A tone of 500 Hz steps by 3,900 at most, and a little more where it is joined.
    assert!(steepest <= 5_500, "{steepest}");
    assert!(share(&heard[heard.len() - 4_000..], 500.0) > 0.95);
}
