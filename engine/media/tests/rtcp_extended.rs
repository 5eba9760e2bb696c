//! Extended reports (RFC 3611), goodbyes and reduced-size RTCP (RFC 5506), with the `rtcp` crate as oracle for what we write.

use proptest::prelude::*;
use rtcp::extended_report::{
    DLRRReportBlock, ExtendedReport as Oracle, ReceiverReferenceTimeReportBlock, VoIPMetricsReportBlock,
};
use tandem_media::rtcp::{
    Compound, Dlrr, ExtendedBlock, ExtendedReport, OwnReport, Packet, ReportBlock, VoipMetrics, write_report,
};
use tandem_model::DropReason;

fn metrics() -> impl Strategy<Value = VoipMetrics> {
    let score = || proptest::option::of((10..=50_u8).prop_map(|tenths| f32::from(tenths) / 10.0));
    let level = || proptest::option::of(-128..=126_i8);
    let rating = || proptest::option::of(0..=100_u8);
    let shares = any::<[u8; 4]>();
    let times = any::<[u16; 7]>();
    let echo = proptest::option::of(0..=126_u8);
    (any::<u32>(), shares, times, (level(), level(), echo), (rating(), rating(), score(), score()), any::<[u8; 2]>())
        .prop_map(|(ssrc, shares, times, (signal, noise, echo), (r, external, lq, cq), [gmin, configuration])| {
            VoipMetrics {
                ssrc,
                loss_rate: shares[0],
                discard_rate: shares[1],
                burst_density: shares[2],
                gap_density: shares[3],
                burst_ms: times[0],
                gap_ms: times[1],
                round_trip_ms: times[2],
                end_system_delay_ms: times[3],
                signal_dbm0: signal,
                noise_dbm0: noise,
                echo_return_loss_db: echo,
                gmin,
                r_factor: r,
                external_r_factor: external,
                mos_listening: lq,
                mos_conversation: cq,
                receiver_configuration: configuration,
                buffer_nominal_ms: times[4],
                buffer_maximum_ms: times[5],
                buffer_absolute_maximum_ms: times[6],
            }
        })
}

fn blocks_of(wire: &[u8]) -> Vec<ExtendedBlock<'_>> {
    let reports = Compound::parse(wire).unwrap().filter_map(|packet| match packet {
        Packet::ExtendedReport { blocks, .. } => Some(blocks),
        _ => None,
    });
    reports.flatten().collect()
}

proptest! {
    #[test]
    fn what_we_write_the_oracle_and_we_read(
        ssrc: u32, reference_time in proptest::option::of(any::<u64>()), voip_metrics in proptest::option::of(metrics()),
        dlrr in proptest::option::of(any::<[u32; 3]>()), more in 0..5_usize, bye: bool,
    ) {
        let dlrr = dlrr.map(|[ssrc, last_rr, delay_since_last_rr]| Dlrr { ssrc, last_rr, delay_since_last_rr });
        let extended = ExtendedReport { reference_time, dlrr, voip_metrics };
        let block = |n| ReportBlock { ssrc: n, ..ReportBlock::default() };
        let more: Vec<ReportBlock> = (0..more as u32).map(|n| block(100 + n)).collect();
        let own = OwnReport { ssrc, sender: None, block: Some(block(7)), cname: "a@b", bye };
        let mut out = [0; 512];
        let len = write_report(&mut out, &own, &more, &extended).unwrap();
        let wire = &out[..len];
        for short in 0..len {
            prop_assert_eq!(write_report(&mut vec![0; short], &own, &more, &extended), None);
        }

        let mut read = ExtendedReport::default();
        for block in blocks_of(wire) {
            match block {
                ExtendedBlock::ReferenceTime { ntp } => read.reference_time = Some(ntp),
                ExtendedBlock::Dlrr(mut blocks) => read.dlrr = blocks.next(),
                ExtendedBlock::VoipMetrics(metrics) => read.voip_metrics = Some(metrics),
                ExtendedBlock::Other(kind) => prop_assert!(false, "block {}", kind),
            }
        }
        prop_assert_eq!(read, extended);

        let mut buf = wire;
        let theirs = rtcp::packet::unmarshal(&mut buf).unwrap();
        let rr = theirs[0].as_any().downcast_ref::<rtcp::receiver_report::ReceiverReport>().unwrap();
        let heard: Vec<u32> = rr.reports.iter().map(|r| r.ssrc).collect();
        prop_assert_eq!(heard, std::iter::once(7).chain(more.iter().map(|b| b.ssrc)).collect::<Vec<_>>());
        let report = theirs.iter().find_map(|p| p.as_any().downcast_ref::<Oracle>());
        prop_assert_eq!(report.is_some(), !extended.is_empty());
        for block in report.iter().flat_map(|r| &r.reports) {
            let block = block.as_any();
            if let Some(theirs) = block.downcast_ref::<ReceiverReferenceTimeReportBlock>() {
                prop_assert_eq!(Some(theirs.ntp_timestamp), extended.reference_time);
            } else if let Some(theirs) = block.downcast_ref::<DLRRReportBlock>() {
                let ours = dlrr.unwrap();
                let theirs = &theirs.reports[0];
                prop_assert_eq!((theirs.ssrc, theirs.last_rr, theirs.dlrr), (ours.ssrc, ours.last_rr, ours.delay_since_last_rr));
            } else {
                let theirs = block.downcast_ref::<VoIPMetricsReportBlock>().unwrap();
                let ours = voip_metrics.unwrap();
                prop_assert_eq!((theirs.ssrc, theirs.loss_rate, theirs.discard_rate), (ours.ssrc, ours.loss_rate, ours.discard_rate));
                prop_assert_eq!((theirs.burst_density, theirs.gap_density), (ours.burst_density, ours.gap_density));
                prop_assert_eq!((theirs.burst_duration, theirs.gap_duration), (ours.burst_ms, ours.gap_ms));
                prop_assert_eq!((theirs.round_trip_delay, theirs.end_system_delay), (ours.round_trip_ms, ours.end_system_delay_ms));
                prop_assert_eq!(theirs.signal_level, ours.signal_dbm0.map_or(127, |l| l as u8));
                prop_assert_eq!(theirs.noise_level, ours.noise_dbm0.map_or(127, |l| l as u8));
                prop_assert_eq!((theirs.rerl, theirs.gmin), (ours.echo_return_loss_db.unwrap_or(127), ours.gmin));
                prop_assert_eq!((theirs.rfactor, theirs.ext_rfactor), (ours.r_factor.unwrap_or(127), ours.external_r_factor.unwrap_or(127)));
                let tenths = |mos: Option<f32>| mos.map_or(127, |m| (m * 10.0).round() as u8);
                prop_assert_eq!((theirs.mos_lq, theirs.mos_cq), (tenths(ours.mos_listening), tenths(ours.mos_conversation)));
                prop_assert_eq!(theirs.rx_config, ours.receiver_configuration);
                prop_assert_eq!(
                    (theirs.jb_nominal, theirs.jb_maximum, theirs.jb_abs_max),
                    (ours.buffer_nominal_ms, ours.buffer_maximum_ms, ours.buffer_absolute_maximum_ms)
                );
            }
        }
    }

    /// Mostly extended reports, with block lengths that lie.
    #[test]
    fn any_bytes_are_safe_to_read(body in proptest::collection::vec(any::<u8>(), 4..200), kind in 192..=223_u8, pad: bool) {
        let mut wire = vec![if pad { 0xA0 } else { 0x80 }, kind, 0, 0];
        wire.extend(&body[..body.len() / 4 * 4]);
        let words = (wire.len() / 4 - 1) as u16;
        wire[2..4].copy_from_slice(&words.to_be_bytes());
        for parsed in [Compound::parse(&wire), Compound::parse_reduced(&wire)].into_iter().flatten() {
            for packet in parsed {
                match packet {
                    Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } => {
                        prop_assert!(blocks.count() <= 31);
                    }
                    Packet::Bye(sources) => prop_assert!(sources.count() <= 31),
                    Packet::ExtendedReport { blocks, .. } => {
                        for block in blocks {
                            if let ExtendedBlock::Dlrr(blocks) = block {
                                prop_assert!(blocks.count() <= 16);
                            }
                        }
                    }
                    Packet::SourceDescription | Packet::Other(_) => {}
                }
            }
        }
    }
}

#[test]
fn a_reduced_packet_is_read_only_where_it_was_agreed() {
    let bye = [0x82, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6];
    assert_eq!(Compound::parse(&bye).err(), Some(DropReason::MalformedRtcp));
    let Some(Packet::Bye(sources)) = Compound::parse_reduced(&bye).unwrap().next() else { panic!("a goodbye") };
    assert_eq!(sources.collect::<Vec<_>>(), [5, 6]);
    for bad in [&[][..], &[0x80], &[0x83, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6], &[0x80, 207, 0, 0]] {
        assert_eq!(Compound::parse_reduced(bad).err(), Some(DropReason::MalformedRtcp), "{bad:?}");
    }
}

#[test]
fn blocks_that_do_not_fit_or_lie_are_passed_over() {
    // RR, then XR of: an unknown block, VoIP metrics of a wrong length, a reference time, and one that claims too much.
    let mut wire = vec![0x80, 201, 0, 1, 0, 0, 0, 7, 0x80, 207, 0, 0, 0, 0, 0, 7];
    wire.extend([99, 0, 0, 0]);
    wire.extend([7, 0, 0, 1, 0, 0, 0, 0]);
    wire.extend([4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    wire.extend([5, 0, 0, 9, 1, 2, 3, 4]);
    let words = ((wire.len() - 8) / 4 - 1) as u8;
    wire[11] = words;
    let blocks = blocks_of(&wire);
    assert!(
        matches!(
            blocks[..],
            [ExtendedBlock::Other(99), ExtendedBlock::Other(7), ExtendedBlock::ReferenceTime { ntp: 0x1_0000_0002 }]
        ),
        "{blocks:?}"
    );
}
