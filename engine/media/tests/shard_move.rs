//! Legs that go from one shard to another while their far ends talk.

mod common;

use std::sync::Arc;

use common::tape::Tape;
use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Clip, Command, Event, LegSpec, MixId, PlayId, Repeat, Seat, SrtpPair};
use tandem_media::srtp::{Protector, Unprotector};
use tandem_media::tap::TapId;
use tandem_model::{LegId, SampleRate, SrtpKey, SrtpSuite};

const CALL: u64 = 7;

fn leg(n: u64) -> u64 {
    LegId::first_of(CALL).0 + n
}

/// Moves the call, and the time.
fn moved(from: &mut World, to: &mut World) {
    let departed = from.shard.take_out(from.now, CALL, &mut from.batch);
    from.command(Command::Query { leg: LegId(0) });
    to.now = from.now;
    to.shard.put_in(to.now, departed, false, &mut to.batch).expect("room");
    to.command(Command::Query { leg: LegId(0) });
}

/// Both speak for so long.
fn talk(w: &mut World, legs: [LegId; 2], phones: &mut [Phone; 2], packets: usize) {
    for _ in 0..packets {
        for (leg, phone) in legs.iter().zip(phones.iter_mut()) {
            let packet = phone.speak();
            w.packet(*leg, phone.addr, &packet);
        }
        w.pass(TICK);
    }
}

#[test]
fn a_bridge_that_moves_goes_on_with_one_ssrc_and_no_gap_in_its_sequence() {
    for codecs in [[CodecId::Pcmu, CodecId::Pcmu], [CodecId::Pcmu, CodecId::G722]] {
        let (mut here, mut there) = (World::new(), World::new());
        let legs = [here.open(leg(0), spec(codecs[0], addr(1))), here.open(leg(1), spec(codecs[1], addr(2)))];
        here.command(Command::Bridge { a: legs[0], b: legs[1] });
        let mut phones = [Phone::new(codecs[0], addr(1), 440.0), Phone::new(codecs[1], addr(2), 1_000.0)];
        talk(&mut here, legs, &mut phones, 50);
        moved(&mut here, &mut there);
        assert_eq!((here.shard.legs(), there.shard.legs(), here.released.len()), (0, 2, 2));
        talk(&mut there, legs, &mut phones, 50);
        for (to, codec, hz) in [(addr(2), codecs[1], 440.0), (addr(1), codecs[0], 1_000.0)] {
            let before = here.take_rtp(to);
            let after = there.take_rtp(to);
            assert!(after.len() >= 49, "{} of 50 packets", after.len());
            let heard = listen(codec, &after);
            assert!(share(&heard[800..], hz) > 0.9, "{}", share(&heard[800..], hz));
            assert_continuous(&[before, after].concat());
        }
        let stats = there.shard.stats(legs[0]).expect("it is there");
        assert_eq!((stats.packets_received, stats.packets_lost), (100, 0));
        // Nothing of it is left behind to be heard or to tick.
        assert_eq!(here.shard.deadline(), None);
    }
}

#[test]
fn srtp_goes_on_under_its_roll_over_counter() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let key = |n: u8| SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).unwrap();
    let (mut here, mut there) = (World::new(), World::new());
    let secure = LegSpec { srtp: Some(SrtpPair { outbound: key(1), inbound: key(2) }), ..spec(CodecId::Pcmu, addr(1)) };
    let a = here.open(leg(0), secure);
    here.command(Command::Echo { leg: a, on: true });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    // The phone's sequence rolls over after some packets, before the move; what it takes from us has its own counter.
    let mut seal = Protector::new(&key(2));
    let mut open = Unprotector::new(&key(1));
    let mut heard = 0;
    let mut speak = |w: &mut World, packets: usize| {
        for _ in 0..packets {
            let mut packet = phone.speak();
            let length = packet.len();
            packet.resize(length + 32, 0);
            let sealed = seal.protect_rtp(&mut packet, length).unwrap();
            w.packet(a, addr(1), &packet[..sealed]);
            w.pass(TICK);
        }
        for packet in w.take_rtp(addr(1)) {
            let mut bytes = packet.bytes;
            let length = bytes.len();
            assert!(open.unprotect_rtp(&mut bytes, length).is_ok(), "the phone takes it");
            heard += 1;
        }
    };
    speak(&mut here, 100);
    moved(&mut here, &mut there);
    speak(&mut there, 100);
    assert_eq!(heard, 200);
    assert_eq!(there.shard.drops().total(), 0);
}

#[test]
fn what_plays_and_what_is_tapped_goes_on_where_it_was() {
    let (mut here, mut there) = (World::new(), World::new());
    let a = here.open(leg(0), spec(CodecId::Pcmu, addr(1)));
    let tape = Arc::new(Tape::default());
    here.command(Command::Tap { leg: a, tap: TapId(1), rate: SampleRate::HZ_8000, sink: tape.clone() });
    let samples: Vec<i16> = (0..8_000).map(|n| n as i16).collect();
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples });
    here.command(Command::Play { leg: a, play: PlayId(3), clip, repeat: Repeat::Times(1) });
    here.pass(TICK * 20);
    moved(&mut here, &mut there);
    there.pass(TICK * 40);
    let packets = [here.take_rtp(addr(1)), there.take_rtp(addr(1))].concat();
    assert_continuous(&packets);
    let heard = listen(CodecId::Pcmu, &packets);
    assert_eq!(heard.len(), 8_000, "the whole clip, once");
    assert!(heard.iter().enumerate().all(|(n, &s)| (i32::from(s) - n as i32).abs() <= 260), "in its order");
    assert!(there.take_events().iter().any(|e| matches!(e, Event::PlayDone { play: PlayId(3), completed: true, .. })));
    let ticks = tape.ticks();
    assert!(ticks.windows(2).all(|t| t[1] == t[0] + 1), "no tick is missing: {ticks:?}");
    assert!(ticks.len() >= 58);
}

#[test]
fn a_mix_of_one_call_goes_along_and_a_mix_of_several_is_left() {
    for with_other in [false, true] {
        let (mut here, mut there) = (World::new(), World::new());
        let legs = [here.open(leg(0), spec(CodecId::Pcmu, addr(1))), here.open(leg(1), spec(CodecId::Pcmu, addr(2)))];
        let other = here.open(LegId::first_of(CALL + 1).0, spec(CodecId::Pcmu, addr(3)));
        let members = legs.into_iter().chain(with_other.then_some(other));
        members.for_each(|leg| here.command(Command::Join { leg, mix: MixId(1), seat: Seat::MEMBER }));
        let mut phones = [Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(2), 1_000.0)];
        talk(&mut here, legs, &mut phones, 25);
        moved(&mut here, &mut there);
        talk(&mut there, legs, &mut phones, 50);
        let heard = listen(CodecId::Pcmu, &there.take_rtp(addr(2)));
        if with_other {
            assert!(heard.is_empty(), "nobody is heard outside the mix");
            here.pass(TICK * 10);
            assert!(!here.take_rtp(addr(3)).is_empty(), "who stayed is still served");
        } else {
            assert!(share(&heard[1_600..], 440.0) > 0.9, "{}", share(&heard[1_600..], 440.0));
            assert_eq!(here.shard.deadline().is_some(), here.shard.legs() > 0);
        }
    }
}

#[test]
fn a_full_shard_gives_the_legs_back_unharmed() {
    let (mut here, mut there) = (World::new(), World::new());
    let legs = [here.open(leg(0), spec(CodecId::Pcmu, addr(1))), here.open(leg(1), spec(CodecId::Pcmu, addr(2)))];
    here.command(Command::Bridge { a: legs[0], b: legs[1] });
    let mut phones = [Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(2), 1_000.0)];
    talk(&mut here, legs, &mut phones, 10);
    for n in 0..64 {
        there.open(LegId::first_of(100 + n).0, spec(CodecId::Pcmu, addr(9)));
    }
    let departed = here.shard.take_out(here.now, CALL, &mut here.batch);
    let departed = there.shard.put_in(here.now, departed, false, &mut there.batch).expect_err("no room");
    assert_eq!(there.shard.legs(), 64);
    here.shard.put_in(here.now, departed, true, &mut here.batch).expect("back where they were");
    talk(&mut here, legs, &mut phones, 10);
    let packets = here.take_rtp(addr(2));
    assert_eq!(packets.len(), 20);
    assert_continuous(&packets);
}
