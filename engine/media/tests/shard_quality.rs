//! What a leg says of a call's quality, hears of it, and keeps.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegSpec, LegStats};
use tandem_media::rtcp::{
    Compound, Dlrr, ExtendedBlock, ExtendedReport, OwnReport, Packet as Rtcp, ReportBlock, SenderInfo, VoipMetrics,
    write_report,
};
use tandem_media::shard::Component;
use tandem_model::{DropReason, LegId};

fn with_reports(codec: CodecId) -> LegSpec {
    LegSpec { xr_voip_metrics: true, xr_receiver_rtt: true, ..spec(codec, addr(1)) }
}

fn rtcp_addr() -> SocketAddr {
    SocketAddr::new(addr(1).ip(), addr(1).port() + 1)
}

/// The phone says this.
fn tell(w: &mut World, leg: LegId, own: OwnReport<'_>, extended: &ExtendedReport) {
    let mut out = [0; 256];
    let len = write_report(&mut out, &own, &[], extended).unwrap();
    w.packet_on(leg, Component::Rtcp, rtcp_addr(), &out[..len]);
}

fn stats(w: &mut World, leg: LegId) -> LegStats {
    w.take_events();
    w.command(Command::Query { leg });
    let Some(Event::Stats { stats, .. }) = w.take_events().pop() else { panic!("statistics") };
    *stats
}

fn extended(packet: &Packet) -> Vec<(Option<u64>, Option<Dlrr>, Option<VoipMetrics>)> {
    let reports = Compound::parse(&packet.bytes).unwrap().filter_map(|p| match p {
        Rtcp::ExtendedReport { blocks, .. } => Some(blocks),
        _ => None,
    });
    reports
        .flatten()
        .map(|block| match block {
            ExtendedBlock::ReferenceTime { ntp } => (Some(ntp), None, None),
            ExtendedBlock::Dlrr(mut blocks) => (None, blocks.next(), None),
            ExtendedBlock::VoipMetrics(metrics) => (None, None, Some(metrics)),
            ExtendedBlock::Other(kind) => panic!("block {kind}"),
        })
        .collect()
}

fn reports(w: &World) -> Vec<Packet> {
    w.sent.iter().filter(|p| p.component == Component::Rtcp && p.to == rtcp_addr()).cloned().collect()
}

#[test]
fn metrics_of_the_stream_we_hear_go_out_where_they_were_agreed() {
    for (agreed, spec) in [(true, with_reports(CodecId::Pcmu)), (false, spec(CodecId::Pcmu, addr(1)))] {
        let mut w = World::new();
        let (a, b) = (w.open(1, spec), w.open(2, common::spec(CodecId::Pcma, addr(2))));
        w.command(Command::Bridge { a, b });
        let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
        for n in 0..1_500 {
            let packet = phone.speak();
            // Bursts of ten lost of twenty, every 200 packets.
            if n % 200 >= 20 || n % 2 == 0 {
                w.packet(a, addr(1), &packet);
            }
            w.pass(TICK);
        }
        let sent = reports(&w);
        let told: Vec<_> = sent.iter().flat_map(extended).filter_map(|(_, _, metrics)| metrics).collect();
        if !agreed {
            assert!(told.is_empty() && !sent.is_empty());
            continue;
        }
        assert_eq!(told.len(), sent.len(), "one in each report");
        let last = told.last().unwrap();
        assert_eq!((last.ssrc, last.gmin), (phone.ssrc, 16));
        assert!((11..=15).contains(&last.loss_rate), "5 % of 256: {last:?}");
        assert!((110..=150).contains(&last.burst_density), "half: {last:?}");
        assert!((300..=420).contains(&last.burst_ms), "twenty packets: {last:?}");
        assert!((3_000..=4_000).contains(&last.gap_ms), "{last:?}");
        assert_eq!((last.signal_dbm0, last.noise_dbm0), (None, None));
        let (lq, cq) = (last.mos_listening.unwrap(), last.mos_conversation.unwrap());
        assert!(lq >= cq && (2.5..4.2).contains(&cq), "{lq} {cq}");
        assert!(last.end_system_delay_ms >= 20 && last.receiver_configuration != 0, "it is decoded: {last:?}");

        let stats = stats(&mut w, a);
        let bursts = stats.bursts.unwrap();
        assert!(bursts.burst_ms.abs_diff(last.burst_ms) < 80);
        assert!((stats.mos_in.unwrap() - cq).abs() < 0.4, "{stats:?}");
    }
}

#[test]
fn what_the_peer_reports_is_kept_and_is_the_outbound_quality() {
    let mut w = World::new();
    let a = w.open(1, with_reports(CodecId::Pcmu));
    w.command(Command::Echo { leg: a, on: true });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for _ in 0..200 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    assert_eq!(stats(&mut w, a).mos_out, None, "nobody told");
    let own_ssrc = w.take_rtp(addr(1))[0].view().ssrc();

    // A receiver report alone is enough for an estimate.
    let block = |fraction_lost, cumulative_lost, jitter| ReportBlock {
        ssrc: own_ssrc,
        fraction_lost,
        cumulative_lost,
        jitter,
        ..ReportBlock::default()
    };
    let report = |block| OwnReport { ssrc: phone.ssrc, sender: None, block: Some(block), cname: "phone", bye: false };
    tell(&mut w, a, report(block(0, 0, 80)), &ExtendedReport::default());
    let clean = stats(&mut w, a);
    assert!(clean.mos_out.unwrap() > 4.2);
    tell(&mut w, a, report(block(26, 20, 240)), &ExtendedReport::default());
    let lossy = stats(&mut w, a);
    assert!(lossy.mos_out.unwrap() < 3.5, "{lossy:?}");
    assert_eq!(lossy.remote_lost, Some(20));
    let jitter = lossy.remote_jitter.unwrap();
    assert_eq!((jitter.min, jitter.max, jitter.mean), (10.0, 30.0, 20.0));

    // Its own metrics go before an estimate; those of other streams do not count.
    let metrics =
        VoipMetrics { ssrc: own_ssrc, r_factor: Some(70), mos_conversation: Some(2.9), ..VoipMetrics::default() };
    let other = VoipMetrics { ssrc: own_ssrc ^ 1, mos_conversation: Some(1.1), ..metrics };
    for told in [metrics, other] {
        let extended = ExtendedReport { voip_metrics: Some(told), ..ExtendedReport::default() };
        tell(&mut w, a, report(block(26, 20, 240)), &extended);
    }
    let told = stats(&mut w, a);
    assert_eq!((told.mos_out, told.remote_metrics), (Some(2.9), Some(metrics)));
}

#[test]
fn a_leg_that_only_receives_learns_the_round_trip_from_reference_times() {
    let mut w = World::new();
    let a = w.open(1, with_reports(CodecId::Pcmu));
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for _ in 0..400 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    let last = reports(&w).pop().expect("a receiver report");
    let ntp = extended(&last).iter().find_map(|b| b.0).expect("our reference time");
    assert!(extended(&last).iter().all(|b| b.1.is_none()));
    let Some(Rtcp::ReceiverReport { ssrc, .. }) = Compound::parse(&last.bytes).unwrap().next() else {
        panic!("receives only")
    };

    // The phone answers 250 ms after it was sent, of which it spent 100; and asks the same of us.
    let waited = Duration::from_millis(250).saturating_sub(w.now.since(last.at));
    w.pass(waited);
    let spent = w.now.since(last.at) - Duration::from_millis(150);
    let dlrr =
        Dlrr { ssrc, last_rr: (ntp >> 16) as u32, delay_since_last_rr: (spent.as_millis() * 65_536 / 1_000) as u32 };
    let extended_report =
        ExtendedReport { dlrr: Some(dlrr), reference_time: Some(0x1234_5678_9ABC_DEF0), ..Default::default() };
    let own = OwnReport { ssrc: 99, sender: None, block: None, cname: "phone", bye: false };
    tell(&mut w, a, own, &extended_report);
    let heard = stats(&mut w, a);
    assert!((heard.round_trip_ms.unwrap() - 150.0).abs() < 2.0, "{heard:?}");
    let asked = w.now;
    for _ in 0..400 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    let (at, answer) = reports(&w)
        .iter()
        .filter(|p| p.at > asked)
        .find_map(|p| Some((p.at, extended(p).iter().find_map(|b| b.1)?)))
        .expect("our answer");
    assert_eq!((answer.ssrc, answer.last_rr), (99, 0x5678_9ABC));
    let delay = u128::from(answer.delay_since_last_rr) * 1_000 / 65_536;
    assert!(delay.abs_diff(at.since(asked).as_millis()) <= 1);
}

#[test]
fn each_stream_heard_gets_a_block() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let (mut first, mut second) =
        (Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(1), 700.0));
    let mut named: Vec<Vec<u32>> = Vec::new();
    for n in 0..1_000 {
        // A transfer behind the peer after ten seconds.
        let packet = if n < 500 { first.speak() } else { second.speak() };
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    for packet in reports(&w) {
        let Some(Rtcp::ReceiverReport { blocks, .. }) = Compound::parse(&packet.bytes).unwrap().next() else {
            panic!()
        };
        named.push(blocks.map(|b| b.ssrc).collect());
    }
    named.dedup();
    assert_eq!(named, [vec![first.ssrc], vec![second.ssrc, first.ssrc], vec![second.ssrc]]);
}

#[test]
fn a_goodbye_makes_room_for_another_stream_at_once() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    // Four streams fill the table; a fifth must wait until one is forgotten, or says goodbye.
    let mut phones: Vec<Phone> = (1..=5).map(|n| Phone::new(CodecId::Pcmu, addr(1), n as f32 * 100.0)).collect();
    for phone in &mut phones[..4] {
        for _ in 0..2 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
            w.pass(TICK * 10);
        }
    }
    let packet = phones[4].speak();
    w.packet(a, addr(1), &packet);
    assert_eq!(w.shard.drops().of(DropReason::TooManySources), 1);
    let own = OwnReport { ssrc: phones[1].ssrc, sender: None, block: None, cname: "phone", bye: true };
    tell(&mut w, a, own, &ExtendedReport::default());
    let packet = phones[4].speak();
    w.packet(a, addr(1), &packet);
    assert_eq!(w.shard.drops().of(DropReason::TooManySources), 1);
    assert_eq!(stats(&mut w, a).packets_received, 9);
}

#[test]
fn reduced_reports_are_heard_where_they_were_agreed() {
    for agreed in [false, true] {
        let mut w = World::new();
        let a = w.open(1, LegSpec { rtcp_reduced_size: agreed, ..with_reports(CodecId::Pcmu) });
        w.packet_on(a, Component::Rtcp, rtcp_addr(), &[0x81, 203, 0, 1, 0, 0, 0, 5]);
        assert_eq!(w.shard.drops().of(DropReason::MalformedRtcp), u64::from(!agreed));
    }
}

#[test]
fn the_quality_through_the_call_is_a_series_that_shows_when_it_was_bad() {
    let mut w = World::new();
    let (a, b) = (w.open(1, spec(CodecId::Pcmu, addr(1))), w.open(2, spec(CodecId::Pcma, addr(2))));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for n in 0..3_000 {
        let packet = phone.speak();
        // A fifth is lost between the twentieth and the thirtieth second.
        if !(1_000..1_500).contains(&n) || n % 5 != 0 {
            w.packet(a, addr(1), &packet);
        }
        w.pass(TICK);
    }
    let own_ssrc = w.take_rtp(addr(2))[0].view().ssrc();
    let report = ReportBlock { ssrc: own_ssrc, fraction_lost: 25, ..ReportBlock::default() };
    let sender = Some(SenderInfo { ntp: 1, rtp_time: 1, packets: 1, octets: 1 });
    let own = OwnReport { ssrc: 5, sender, block: Some(report), cname: "b", bye: false };
    let mut out = [0; 256];
    let len = write_report(&mut out, &own, &[], &ExtendedReport::default()).unwrap();
    w.packet_on(b, Component::Rtcp, SocketAddr::new(addr(2).ip(), addr(2).port() + 1), &out[..len]);
    w.pass(Duration::from_secs(6));

    let series = stats(&mut w, a).quality;
    assert_eq!(series.len(), 13);
    assert!(series.windows(2).all(|p| p[1].at_ms - p[0].at_ms == 5_000), "{series:?}");
    let mos: Vec<f32> = series.iter().filter_map(|p| p.mos_in).collect();
    assert_eq!(mos.len(), 12, "the last five seconds nothing came");
    assert!(mos[..4].iter().chain(&mos[7..]).all(|m| *m > 4.2), "{mos:?}");
    assert!(mos[5] < 3.0, "{mos:?}");
    assert!((series[5].loss_in - 0.2).abs() < 0.02, "{:?}", series[5]);
    let out = stats(&mut w, b).quality.pop().unwrap();
    assert!(out.mos_in.is_none() && (2.5..4.2).contains(&out.mos_out.unwrap()), "{out:?}");
    assert!((out.loss_out.unwrap() - 25.0 / 256.0).abs() < 0.001);
}

/// RFC 5761 section 4: only where both share a port is such a packet RTCP.
#[test]
fn a_marked_packet_of_a_payload_type_that_looks_like_rtcp_is_heard_on_a_port_of_its_own() {
    for shared in [false, true] {
        let mut w = World::new();
        let odd = LegSpec { rtcp_mux: shared, payload_type_receive: 72, ..spec(CodecId::Pcmu, addr(1)) };
        let a = w.open(1, odd);
        let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
        let packet = phone.packet(true, 72, &[0xFF; 160]);
        w.packet(a, addr(1), &packet);
        assert_eq!(w.shard.drops().of(DropReason::MalformedRtcp), u64::from(shared));
        assert_eq!(stats(&mut w, a).packets_received, u64::from(!shared));
    }
}
