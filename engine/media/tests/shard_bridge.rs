//! Bridges: what one leg says is what the other hears, as one continuous stream.

mod common;

use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, PlayId, Repeat, SrtpPair};
use tandem_media::srtp::{Protector, Unprotector};
use tandem_model::{DropReason, LegId, Ptime, SrtpKey, SrtpSuite};

/// Both speak for `frames` × 20 ms.
fn talk(world: &mut World, a: (LegId, &mut Phone), b: (LegId, &mut Phone), frames: usize) {
    for _ in 0..frames {
        let (from_a, from_b) = (a.1.speak(), b.1.speak());
        world.packet(a.0, a.1.addr, &from_a);
        world.packet(b.0, b.1.addr, &from_b);
        world.pass(TICK);
    }
}

#[test]
fn tones_cross_a_transcoded_bridge_both_ways() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Opus, addr(2)));
    let (mut pa, mut pb) = (Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Opus, addr(2), 1_000.0));
    w.command(Command::Bridge { a, b });
    talk(&mut w, (a, &mut pa), (b, &mut pb), 100);
    let (to_a, to_b) = (w.take_rtp(addr(1)), w.take_rtp(addr(2)));
    for (packets, codec, hz, pt, units) in
        [(&to_a, CodecId::Pcmu, 1_000.0, 0, 160), (&to_b, CodecId::Opus, 440.0, 96, 960)]
    {
        assert!((90..=100).contains(&packets.len()), "{}", packets.len());
        assert_continuous(packets);
        assert!(packets.iter().all(|p| p.view().payload_type() == pt));
        assert!(packets.windows(2).all(|p| p[1].view().timestamp().diff(p[0].view().timestamp()) == units));
        assert!(packets[0].view().marker() && !packets[1].view().marker());
        let heard = listen(codec, &packets[10..]);
        assert!(share(&heard, hz) > 0.9, "{codec:?} {}", share(&heard, hz));
    }
    assert_eq!(w.shard.drops().total(), 0);
}

#[test]
fn a_common_codec_passes_through_at_once_and_unchanged() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, {
        let mut s = spec(CodecId::Pcmu, addr(2));
        s.payload_type_send = 120;
        s
    });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    w.command(Command::Bridge { a, b });
    for _ in 0..60 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        let out = w.take_rtp(addr(2));
        assert_eq!(out.len(), 1, "in the same turn");
        assert_eq!(out[0].view().payload(), &packet[12..]);
        assert_eq!(out[0].view().payload_type(), 120);
        assert_ne!(out[0].view().ssrc(), phone.ssrc);
        w.pass(TICK);
    }
}

#[test]
fn loss_and_reordering_stay_visible_behind_a_relay_and_duplicates_do_not_pass() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    w.command(Command::Bridge { a, b });
    let packets: Vec<_> = (0..10).map(|_| phone.speak()).collect();
    for i in [0, 1, 3, 2, 2, 4, 6, 7, 7, 9] {
        w.packet(a, addr(1), &packets[i]);
    }
    let out = w.take_rtp(addr(2));
    let first = out[0].view().sequence();
    let order: Vec<_> = out.iter().map(|p| p.view().sequence().diff(first)).collect();
    assert_eq!(order, [0, 1, 3, 2, 4, 6, 7, 9]);
    let times: Vec<_> = out.iter().map(|p| p.view().timestamp().diff(out[0].view().timestamp()) / 160).collect();
    assert_eq!(times, [0, 1, 3, 2, 4, 6, 7, 9]);
    assert_eq!(w.shard.drops().of(DropReason::Duplicate), 2);
}

#[test]
fn one_stream_goes_on_through_prompt_bridge_hold_transcoding_and_another_partner() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    let c = w.open(3, spec(CodecId::Opus, addr(3)));
    let (mut pb, mut pc) = (Phone::new(CodecId::Pcmu, addr(2), 600.0), Phone::new(CodecId::Opus, addr(3), 900.0));
    let feed = |w: &mut World, leg: LegId, phone: &mut Phone, n: usize| {
        for _ in 0..n {
            let packet = phone.speak();
            w.packet(leg, phone.addr, &packet);
            w.pass(TICK);
        }
    };
    w.command(Command::Play { leg: a, play: PlayId(1), clip: clip(440.0, 8_000, 200), repeat: Repeat::Times(2) });
    w.pass(Duration::from_millis(700));
    w.command(Command::Bridge { a, b });
    feed(&mut w, b, &mut pb, 20);
    w.command(Command::Unbridge { leg: a });
    let hold = {
        let mut s = spec(CodecId::Pcmu, addr(1));
        s.send = false;
        s
    };
    w.command(Command::Configure { leg: a, spec: Box::new(hold) });
    w.command(Command::Bridge { a, b });
    let before_hold = w.sent.len();
    feed(&mut w, b, &mut pb, 10);
    assert!(w.sent[before_hold..].iter().all(|p| p.to != addr(1)), "nothing is sent on hold");
    w.command(Command::Configure { leg: a, spec: Box::new(spec(CodecId::Pcmu, addr(1))) });
    feed(&mut w, b, &mut pb, 20);
    w.command(Command::Bridge { a, b: c });
    feed(&mut w, c, &mut pc, 30);
    w.command(Command::Configure { leg: a, spec: Box::new(spec(CodecId::Pcma, addr(1))) });
    feed(&mut w, c, &mut pc, 30);
    let out = w.take_rtp(addr(1));
    assert!(out.len() > 100, "{}", out.len());
    assert_continuous(&out);
    assert_eq!(out.last().unwrap().view().payload_type(), 8);
    // The timestamp followed the clock on the wall through all of it, within a jitter buffer's delay.
    let (first, last) = (&out[0], &out[out.len() - 1]);
    let wall = last.at.since(first.at).as_millis() as i64;
    let media = i64::from(last.view().timestamp().diff(first.view().timestamp())) / 8;
    assert!((wall - media).abs() <= 60, "{wall} ms passed, {media} ms said");
    let done: Vec<_> = w.take_events().into_iter().filter(|e| matches!(e, Event::PlayDone { .. })).collect();
    assert!(matches!(done[..], [Event::PlayDone { play: PlayId(1), completed: true, .. }]), "{done:?}");
}

#[test]
fn an_srtp_leg_and_a_plain_leg_hear_each_other() {
    for suite in SrtpSuite::ALL {
        let key = |n: u8| SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).unwrap();
        let mut w = World::new();
        let secure = {
            let mut s = spec(CodecId::Pcmu, addr(1));
            s.srtp = Some(SrtpPair { outbound: key(1), inbound: key(2) });
            s
        };
        let a = w.open(1, secure.clone());
        let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
        w.command(Command::Bridge { a, b });
        let (mut pa, mut pb) = (Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(2), 600.0));
        let (mut protector, mut unprotector) = (Protector::new(&key(2)), Unprotector::new(&key(1)));
        for i in 0..50 {
            let mut packet = pa.speak();
            let (len, plain) = (packet.len(), packet.clone());
            packet.resize(len + 32, 0);
            let len = protector.protect_rtp(&mut packet, len).unwrap();
            w.packet(a, addr(1), &plain);
            assert!(w.take_rtp(addr(2)).is_empty(), "plain RTP does not enter an SRTP leg");
            w.packet(a, addr(9), &packet[..len]);
            let out = w.take_rtp(addr(2));
            assert_eq!(out[0].view().payload(), &plain[12..]);
            let plain = pb.speak();
            w.packet(b, addr(2), &plain);
            let mut out = w.take_rtp(addr(9)).remove(0).bytes;
            assert_ne!(&out[12..out.len().min(172)], &plain[12..]);
            let len = out.len();
            let len = unprotector.unprotect_rtp(&mut out, len).expect("authentic");
            assert_eq!(&out[12..len], &plain[12..]);
            if i == 25 {
                // The same keys in a re-offer: the roll-over counters go on.
                w.command(Command::Configure { leg: a, spec: Box::new(secure.clone()) });
            }
            w.pass(TICK);
        }
        assert_eq!(w.shard.drops().of(DropReason::AuthFailed), 50);
    }
}

#[test]
fn clips_of_any_rate_reach_any_codec_and_any_packet_time() {
    for (codec, rate, ptime) in [
        (CodecId::Pcmu, 8_000, 20),
        (CodecId::Pcmu, 16_000, 30),
        (CodecId::Pcma, 44_100, 10),
        (CodecId::Opus, 8_000, 60),
        (CodecId::Opus, 22_050, 20),
        (CodecId::Opus, 48_000, 40),
        (CodecId::Pcmu, 11_025, 60),
    ] {
        let mut w = World::new();
        let a = w.open(1, {
            let mut s = spec(codec, addr(1));
            s.ptime = Ptime(ptime);
            s
        });
        w.command(Command::Play { leg: a, play: PlayId(7), clip: clip(440.0, rate, 1_000), repeat: Repeat::Times(1) });
        w.pass(Duration::from_millis(1_300));
        let out = w.take_rtp(addr(1));
        let ms = out.len() * usize::from(ptime);
        assert!((940..=1_060).contains(&ms), "{codec:?} from {rate} in {ptime} ms: {ms} ms");
        assert_continuous(&out);
        let heard = listen(codec, &out);
        assert!(share(&heard[400..], 440.0) > 0.9, "{codec:?} from {rate}: {}", share(&heard[400..], 440.0));
        assert!(matches!(w.take_events()[..], [.., Event::PlayDone { completed: true, .. }]));
    }
}

#[test]
fn a_replaced_and_a_stopped_prompt_are_reported_as_not_completed() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.take_events();
    let play = |n| Command::Play { leg: a, play: PlayId(n), clip: clip(440.0, 8_000, 100), repeat: Repeat::Forever };
    w.command(play(1));
    w.pass(Duration::from_secs(1));
    w.command(play(2));
    w.command(Command::StopPlay { leg: a, play: PlayId(1) });
    w.command(Command::StopPlay { leg: a, play: PlayId(2) });
    w.command(play(3));
    w.command(Command::Bridge { a, b });
    let done: Vec<_> = w
        .take_events()
        .into_iter()
        .map(|e| match e {
            Event::PlayDone { play, completed, .. } => (play.0, completed),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(done, [(1, false), (2, false), (3, false)]);
}

#[test]
fn an_echo_comes_back_as_our_own_stream() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Opus, addr(1)));
    w.command(Command::Echo { leg: a, on: true });
    let mut phone = Phone::new(CodecId::Opus, addr(1), 440.0);
    let mut said = Vec::new();
    for _ in 0..30 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        said.push(packet);
    }
    let out = w.take_rtp(addr(1));
    assert_continuous(&out);
    assert!(out.iter().zip(&said).all(|(o, s)| o.view().payload() == &s[12..]));
    w.command(Command::Echo { leg: a, on: false });
    let packet = phone.speak();
    w.packet(a, addr(1), &packet);
    assert!(w.take_rtp(addr(1)).is_empty());
}

/// Most ticks of a leg that does nothing are passed over.
#[test]
fn a_leg_that_was_long_at_rest_plays_from_its_next_tick() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    for rested in [TICK * 2, TICK * 7, TICK * 33] {
        w.pass(rested);
        w.take_rtp(addr(1));
        w.command(Command::Play { leg: a, play: PlayId(1), clip: clip(440.0, 8_000, 100), repeat: Repeat::Times(1) });
        w.pass(TICK * 5);
        assert_eq!(w.take_rtp(addr(1)).len(), 5, "after {rested:?}");
    }
}
