//! Any datagram as RTCP, whole and of reduced size: what is accepted can be read to its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_media::rtcp::{
    Compound, ExtendedBlock, ExtendedReport, OwnReport, Packet, ReportBlock, VoipMetrics, write_report,
};

fuzz_target!(|datagram: &[u8]| {
    let whole = Compound::parse(datagram);
    let reduced = Compound::parse_reduced(datagram);
    assert!(whole.is_err() || reduced.is_ok(), "a whole compound is a reduced one");
    let Ok(compound) = reduced else { return };
    let mut bytes = 0;
    for packet in compound {
        bytes += 4;
        match packet {
            Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } => blocks.for_each(again),
            Packet::Bye(sources) => assert!(sources.count() <= 31),
            Packet::ExtendedReport { blocks, .. } => {
                for block in blocks {
                    match block {
                        ExtendedBlock::VoipMetrics(metrics) => metrics_again(metrics),
                        ExtendedBlock::Dlrr(blocks) => assert!(blocks.count() <= datagram.len() / 12),
                        ExtendedBlock::ReferenceTime { .. } | ExtendedBlock::Other(_) => {}
                    }
                }
            }
            Packet::SourceDescription | Packet::Other(_) => {}
        }
    }
    assert!(bytes <= datagram.len());
});

/// A block that was read is written and read as the same.
fn again(block: ReportBlock) {
    let report = OwnReport { ssrc: 1, sender: None, block: Some(block), cname: "a", bye: false };
    let mut out = [0; 128];
    let len = write_report(&mut out, &report, &[], &ExtendedReport::default()).expect("there is room");
    let Some(Packet::ReceiverReport { mut blocks, .. }) = Compound::parse(&out[..len]).expect("ours").next() else {
        panic!("a receiver report");
    };
    assert_eq!(blocks.next(), Some(block));
}

fn metrics_again(metrics: VoipMetrics) {
    let report = OwnReport { ssrc: 1, sender: None, block: None, cname: "a", bye: false };
    let extended = ExtendedReport { voip_metrics: Some(metrics), ..ExtendedReport::default() };
    let mut out = [0; 128];
    let len = write_report(&mut out, &report, &[], &extended).expect("there is room");
    let found = Compound::parse(&out[..len]).expect("ours").find_map(|packet| match packet {
        Packet::ExtendedReport { mut blocks, .. } => blocks.next(),
        _ => None,
    });
    assert!(matches!(found, Some(ExtendedBlock::VoipMetrics(read)) if read == metrics));
}
