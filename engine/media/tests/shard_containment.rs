//! Crash ring 2 and time: a leg that panics, a leg that falls silent, reports, and nothing allocated per packet.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegSpec, PlayId, Repeat, SrtpPair};
use tandem_media::rtcp::{Compound, OwnReport, Packet as RtcpPacket, ReportBlock, SenderInfo, write_compound};
use tandem_media::shard::Component;
use tandem_media::srtp::Unprotector;
use tandem_model::limits::RTP_TIMEOUT;
use tandem_model::{DropReason, LegId, SrtpKey, SrtpSuite};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; only a counter of this thread moves beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn key(n: u8) -> SrtpKey {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).unwrap()
}

fn hear_all(w: &mut World, legs: &mut [(LegId, Phone)], frames: usize) {
    for _ in 0..frames {
        for (leg, phone) in legs.iter_mut() {
            if w.shard.slot(*leg).is_some() {
                let packet = phone.speak();
                w.packet(*leg, phone.addr, &packet);
            }
        }
        w.pass(TICK);
    }
}

#[test]
fn a_leg_that_panics_once_goes_on_with_its_stream_and_its_neighbours_lose_nothing() {
    let mut w = World::new();
    let secure = {
        let mut s = spec(CodecId::Pcmu, addr(1));
        s.srtp = Some(SrtpPair { outbound: key(1), inbound: key(2) });
        s
    };
    let (a, b) = (w.open(1, secure), w.open(2, spec(CodecId::Pcmu, addr(2))));
    let (c, d) = (w.open(3, spec(CodecId::Pcmu, addr(3))), w.open(4, spec(CodecId::Pcmu, addr(4))));
    w.command(Command::Bridge { a, b });
    w.command(Command::Bridge { a: c, b: d });
    let phone = |n: u8| Phone::new(CodecId::Pcmu, addr(n), 400.0 + f32::from(n));
    let mut legs = [(b, phone(2)), (c, phone(3)), (d, phone(4))];
    for round in 0..40 {
        if round == 20 {
            w.command(Command::InjectPanic { leg: a });
        }
        hear_all(&mut w, &mut legs, 1);
    }
    assert_eq!(w.shard.rebuilt(), 1);
    for neighbour in [addr(3), addr(4)] {
        let out = w.take_rtp(neighbour);
        assert_eq!(out.len(), 40, "neighbours lose nothing");
        assert_continuous(&out);
    }
    let out = w.take_rtp(addr(1));
    assert!(out.len() >= 39, "{}", out.len());
    assert_continuous(&out);
    let mut unprotector = Unprotector::new(&key(1));
    for packet in &out {
        let mut bytes = packet.bytes.clone();
        let len = bytes.len();
        unprotector.unprotect_rtp(&mut bytes, len).expect("the key stream goes on and repeats nothing");
    }
    assert!(!w.take_events().iter().any(|e| matches!(e, Event::Failed { .. })));
}

#[test]
fn a_leg_that_keeps_panicking_is_closed_alone() {
    let mut w = World::new();
    let (a, b) = (w.open(1, spec(CodecId::Pcmu, addr(1))), w.open(2, spec(CodecId::Opus, addr(2))));
    let (c, d) = (w.open(3, spec(CodecId::Pcmu, addr(3))), w.open(4, spec(CodecId::Pcmu, addr(4))));
    w.command(Command::Bridge { a, b });
    w.command(Command::Bridge { a: c, b: d });
    let mut legs = [
        (a, Phone::new(CodecId::Pcmu, addr(1), 500.0)),
        (b, Phone::new(CodecId::Opus, addr(2), 600.0)),
        (c, Phone::new(CodecId::Pcmu, addr(3), 700.0)),
    ];
    for _ in 0..3 {
        w.command(Command::InjectPanic { leg: a });
        hear_all(&mut w, &mut legs, 10);
    }
    assert_eq!(w.shard.rebuilt(), 2);
    let heard = w.take_rtp(addr(2));
    assert!(heard.iter().any(|p| p.at.as_millis() > 100_300), "the rebuilt leg was heard again");
    let slot_b = w.shard.slot(b);
    let failed: Vec<_> = w.take_events().into_iter().filter(|e| matches!(e, Event::Failed { .. })).collect();
    assert!(matches!(&failed[..], [Event::Failed { leg, stats }] if *leg == a && stats.packets_received > 10));
    assert_eq!(w.released.len(), 1);
    assert_eq!(w.shard.slot(a), None);
    assert!(slot_b.is_some(), "the partner lives on");
    assert_eq!(w.take_rtp(addr(4)).len(), 30);
    w.command(Command::Close { leg: a });
    assert!(w.take_events().is_empty(), "a command for a leg that is gone is ignored");
}

#[test]
fn legs_that_come_and_go_leave_nothing_behind() {
    let mut w = World::new();
    for id in 0..5_000 {
        let (a, b) = (w.open(2 * id, spec(CodecId::Pcmu, addr(1))), w.open(2 * id + 1, spec(CodecId::Pcma, addr(2))));
        w.command(Command::Bridge { a, b });
        w.pass(TICK);
        w.command(Command::Close { leg: a });
        w.command(Command::Close { leg: b });
    }
    assert_eq!((w.shard.legs(), w.shard.deadline()), (0, None));
    assert_eq!(w.released.len(), 10_000);
    assert!(w.released.iter().all(|slot| slot.0 < 2), "places are used again");
    let closed = w.events.iter().filter(|e| matches!(e, Event::Closed { .. })).count();
    assert_eq!(closed, 10_000);
}

#[test]
fn nothing_of_a_leg_follows_its_end() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    w.take_events();
    w.command(Command::Play { leg: a, play: PlayId(1), clip: clip(440.0, 8_000, 200), repeat: Repeat::Forever });
    // Nobody polls between the first packet and the end.
    let mut first = Phone::new(CodecId::Pcmu, addr(1), 440.0).speak();
    let slot = w.shard.slot(a).expect("the leg is open");
    w.shard.handle_packet(w.now, slot, Component::Rtp, addr(1), &mut first, &mut w.batch);
    w.command(Command::Close { leg: a });
    let events = w.take_events();
    let [Event::Started { .. }, Event::PlayDone { completed: false, .. }, Event::Closed { stats, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(stats.packets_received, 1);
}

#[test]
fn silence_is_reported_once_and_again_only_after_a_packet() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let held = w.open(2, {
        let mut s = spec(CodecId::Pcmu, addr(2));
        s.receive = false;
        s
    });
    let timed_out =
        |w: &mut World| w.take_events().iter().filter(|e| matches!(e, Event::TimedOut { leg } if *leg == a)).count();
    w.pass(RTP_TIMEOUT - TICK);
    assert_eq!(timed_out(&mut w), 0);
    w.pass(RTP_TIMEOUT * 2);
    assert_eq!(timed_out(&mut w), 1);
    let packet = Phone::new(CodecId::Pcmu, addr(1), 440.0).speak();
    w.packet(a, addr(1), &packet);
    w.pass(RTP_TIMEOUT * 2);
    assert_eq!(timed_out(&mut w), 1);
    let hold = {
        let mut s = spec(CodecId::Pcmu, addr(1));
        s.receive = false;
        s
    };
    w.command(Command::Configure { leg: a, spec: Box::new(hold) });
    w.pass(RTP_TIMEOUT * 2);
    assert_eq!(timed_out(&mut w), 0);
    assert!(w.shard.slot(held).is_some());
}

/// RFC 3264 section 8.4: music may come from who holds, and need not.
#[test]
fn a_peer_that_holds_may_be_silent_until_it_takes_the_call_back() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let timed_out =
        |w: &mut World| w.take_events().iter().filter(|e| matches!(e, Event::TimedOut { leg } if *leg == a)).count();
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let packet = phone.speak();
    w.packet(a, addr(1), &packet);
    let holds = LegSpec { send: false, ..spec(CodecId::Pcmu, addr(1)) };
    w.command(Command::Configure { leg: a, spec: Box::new(holds) });
    w.pass(RTP_TIMEOUT * 2);
    let packet = phone.speak();
    w.packet(a, addr(1), &packet);
    w.pass(RTP_TIMEOUT * 2);
    assert_eq!(timed_out(&mut w), 0);
    w.command(Command::Configure { leg: a, spec: Box::new(spec(CodecId::Pcmu, addr(1))) });
    w.pass(RTP_TIMEOUT - TICK);
    assert_eq!(timed_out(&mut w), 0, "it counts from the end of the hold");
    w.pass(TICK * 2);
    assert_eq!(timed_out(&mut w), 1);
}

#[test]
fn a_peer_that_is_on_hold_untold_may_be_silent_until_it_is_taken_back() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let timed_out =
        |w: &mut World| w.take_events().iter().filter(|e| matches!(e, Event::TimedOut { leg } if *leg == a)).count();
    w.pass(RTP_TIMEOUT / 2);
    w.command(Command::AllowSilence { leg: a, allowed: true });
    w.pass(RTP_TIMEOUT * 2);
    // What it says meanwhile, or another description, begins nothing.
    let packet = Phone::new(CodecId::Pcmu, addr(1), 440.0).speak();
    w.packet(a, addr(1), &packet);
    w.command(Command::Configure { leg: a, spec: Box::new(spec(CodecId::Pcmu, addr(1))) });
    w.pass(RTP_TIMEOUT * 2);
    assert_eq!(timed_out(&mut w), 0);
    w.command(Command::AllowSilence { leg: a, allowed: false });
    w.pass(RTP_TIMEOUT - TICK);
    assert_eq!(timed_out(&mut w), 0, "it counts from the end of the hold");
    w.pass(TICK * 2);
    assert_eq!(timed_out(&mut w), 1);
}

#[test]
fn an_attackers_spray_puts_nothing_into_the_call() {
    let mut w = World::new();
    let (a, b) = (w.open(1, spec(CodecId::Pcmu, addr(1))), w.open(2, spec(CodecId::Pcmu, addr(2))));
    w.command(Command::Bridge { a, b });
    let (mut phone, mut attacker) =
        (Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(66), 2_000.0));
    for i in 0..200 {
        let packet = attacker.speak();
        w.packet(a, addr(66), &packet);
        if i >= 1 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
        }
        w.pass(TICK);
    }
    let out = w.take_rtp(addr(2));
    assert_eq!(out.len(), 199);
    assert!(share(&listen(CodecId::Pcmu, &out), 440.0) > 0.99);
    assert!(w.take_rtp(addr(66)).is_empty());
    assert_eq!(w.shard.drops().of(DropReason::WrongSource), 200);
}

#[test]
fn junk_is_dropped_with_its_reason_and_no_panic() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let unconfigured = LegId(9);
    w.shard.open(w.now, unconfigured, 20_000, &mut w.entropy).unwrap();
    for (leg, packet, reason) in [
        (a, &b"\x00\x01stun"[..], DropReason::NotRtp),
        (a, &[], DropReason::NotRtp),
        (a, &[0x80, 0, 1], DropReason::MalformedRtp),
        (a, &[0x80, 77, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], DropReason::UnknownPayloadType),
        (a, &[0x80, 200, 0, 9], DropReason::MalformedRtcp),
        (unconfigured, &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], DropReason::NotConfigured),
    ] {
        let before = w.shard.drops().of(reason);
        w.packet(leg, addr(1), packet);
        assert_eq!(w.shard.drops().of(reason), before + 1, "{reason:?}");
    }
    assert_eq!(w.shard.rebuilt(), 0);
}

#[test]
fn reports_go_both_ways_and_give_round_trip_and_remote_loss() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    w.command(Command::Echo { leg: a, on: true });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let mut legs = [(a, Phone::new(CodecId::Pcmu, addr(1), 440.0))];
    hear_all(&mut w, &mut legs, 500);
    let rtcp = std::net::SocketAddr::new(addr(1).ip(), addr(1).port() + 1);
    let reports: Vec<_> = w.sent.iter().filter(|p| p.component == Component::Rtcp).cloned().collect();
    assert!((2..=4).contains(&reports.len()), "{} in ten seconds", reports.len());
    assert!(reports.iter().all(|p| p.to == rtcp));
    let last = reports.last().unwrap();
    let Some(RtcpPacket::SenderReport { ssrc, info, mut blocks }) = Compound::parse(&last.bytes).unwrap().next() else {
        panic!("we send, so we report as a sender");
    };
    assert_eq!(blocks.next().unwrap().ssrc, legs[0].1.ssrc);
    assert!(info.packets > 200 && info.octets == info.packets * 160);

    // The phone answers 300 ms after our report, of which it says it spent 100 ms.
    w.pass(Duration::from_millis(300) - w.now.since(last.at).min(Duration::from_millis(300)));
    let waited = w.now.since(last.at);
    let block = ReportBlock {
        ssrc,
        fraction_lost: 64,
        last_sr: (info.ntp >> 16) as u32,
        delay_since_last_sr: (waited - Duration::from_millis(200)).as_millis() as u32 * 65_536 / 1_000,
        ..ReportBlock::default()
    };
    let sender = Some(SenderInfo { ntp: 1 << 40, rtp_time: 0, packets: 1, octets: 1 });
    let mut out = [0; 128];
    let own = OwnReport { ssrc: phone.ssrc, sender, block: Some(block), cname: "phone", bye: false };
    let len = write_compound(&mut out, &own).unwrap();
    w.packet_on(a, Component::Rtcp, rtcp, &out[..len]);
    w.packet_on(a, Component::Rtcp, addr(66), &out[..len]);
    assert_eq!(w.shard.drops().of(DropReason::WrongSource), 1, "a stranger's report is not heard");
    w.take_events();
    let _ = phone.speak();
    w.command(Command::Close { leg: a });
    let events = w.take_events();
    let [Event::Closed { stats, .. }] = &events[..] else { panic!("{events:?}") };
    assert!((stats.round_trip_ms.unwrap() - 200.0).abs() < 2.0, "{:?}", stats.round_trip_ms);
    assert_eq!(stats.remote_loss, Some(0.25));
    assert_eq!((stats.packets_received, stats.packets_lost), (500, 0));
    assert!(stats.mos_in.unwrap() > 4.0);
    let bye = w.sent.last().unwrap();
    assert!(Compound::parse(&bye.bytes).unwrap().any(|p| matches!(p, RtcpPacket::Bye(_))));
}

#[test]
fn a_million_bytes_of_talk_allocate_nothing() {
    for (codec_a, codec_b) in
        [(CodecId::Pcmu, CodecId::Pcmu), (CodecId::Pcmu, CodecId::Pcma), (CodecId::Pcmu, CodecId::Opus)]
    {
        let mut w = World::new();
        let secure = {
            let mut s = spec(codec_b, addr(2));
            s.srtp = Some(SrtpPair { outbound: key(1), inbound: key(2) });
            (s.xr_voip_metrics, s.xr_receiver_rtt) = (true, true);
            s
        };
        let (a, b) = (w.open(1, spec(codec_a, addr(1))), w.open(2, secure));
        w.command(Command::Bridge { a, b });
        let mut phone = Phone::new(codec_a, addr(1), 440.0);
        let mut legs = [(a, phone)];
        hear_all(&mut w, &mut legs, 50);
        w.take_events();
        [(_, phone)] = legs;
        let slot = w.shard.slot(a).unwrap();
        let mut allocated = 0;
        let mut sent = 0;
        for _ in 0..250 {
            let mut packet = phone.speak();
            let before = ALLOCATIONS.with(Cell::get);
            w.shard.handle_packet(w.now, slot, Component::Rtp, addr(1), &mut packet, &mut w.batch);
            w.now = w.now + TICK;
            while w.shard.tick(w.now, &mut w.batch) {}
            sent += w.batch.len();
            w.batch.clear();
            while w.shard.poll_event().is_some() {}
            allocated += ALLOCATIONS.with(Cell::get) - before;
        }
        assert!(sent >= 245, "{sent}");
        assert_eq!(allocated, 0, "{codec_a:?} to {codec_b:?}");
    }
}
