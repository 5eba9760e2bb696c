//! RTCP reading and writing, with the `rtcp` crate as oracle for what we write.

use proptest::prelude::*;
use tandem_media::rtcp::{Compound, OwnReport, Packet, ReportBlock, SenderInfo, write_compound};
use tandem_model::DropReason;

fn block() -> impl Strategy<Value = ReportBlock> {
    (any::<u32>(), any::<u8>(), -0x80_0000i32..0x80_0000, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sr, delay_since_last_sr)| {
            ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sr, delay_since_last_sr }
        })
}

#[test]
fn compounds_whose_parts_do_not_fit_are_refused() {
    for (why, bytes) in [
        ("empty", &[][..]),
        ("one byte", &[0x80]),
        ("four bytes", &[0x80, 200, 0, 0]),
        ("length beyond the end", &[0x80, 201, 0, 9, 0, 0, 0, 1]),
        ("a block that is not there", &[0x81, 201, 0, 1, 0, 0, 0, 1]),
        ("version 1", &[0x40, 201, 0, 1, 0, 0, 0, 1]),
        ("starts with SDES", &[0x80, 202, 0, 0]),
        ("padding of zero", &[0xa0, 201, 0, 1, 0, 0, 0, 0]),
        ("trailing bytes", &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 203]),
        ("BYE naming one source that is not there", &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 203, 0, 0]),
    ] {
        assert_eq!(Compound::parse(bytes).err(), Some(DropReason::MalformedRtcp), "{why}");
    }
}

#[test]
fn a_receiver_report_alone_is_a_valid_compound() {
    let parts: Vec<_> = Compound::parse(&[0x80, 201, 0, 1, 0, 0, 0, 7]).unwrap().collect();
    assert!(matches!(&parts[..], [Packet::ReceiverReport { ssrc: 7, .. }]));
}

proptest! {
    #[test]
    fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..160), force in any::<bool>()) {
        let mut bytes = bytes;
        if force && bytes.len() > 4 {
            bytes[0] = 0x80 | (bytes[0] & 0x3f);
            bytes[1] = 200 + (bytes[1] & 1);
            let words = (bytes.len() / 4 - 1) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            bytes.truncate((usize::from(words) + 1) * 4);
        }
        if let Ok(compound) = Compound::parse(&bytes) {
            for packet in compound {
                if let Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } = packet {
                    prop_assert!(blocks.count() <= 31);
                }
            }
        }
    }

    #[test]
    fn what_we_write_the_oracle_and_we_read(
        ssrc in any::<u32>(), ntp in any::<u64>(), rtp_time in any::<u32>(), packets in any::<u32>(), octets in any::<u32>(),
        sends in any::<bool>(), block in proptest::option::of(block()), cname in "[a-z0-9@.]{1,40}", bye in any::<bool>(),
    ) {
        let sender = sends.then_some(SenderInfo { ntp, rtp_time, packets, octets });
        let mut out = [0; 256];
        let len = write_compound(&mut out, &OwnReport { ssrc, sender, block, cname: &cname, bye }).unwrap();
        let wire = &out[..len];

        let parts: Vec<_> = Compound::parse(wire).unwrap().collect();
        prop_assert_eq!(parts.len(), 2 + usize::from(bye));
        let blocks: Vec<_> = match parts[0] {
            Packet::SenderReport { ssrc: s, info, blocks } => {
                prop_assert_eq!((s, Some(info)), (ssrc, sender));
                blocks.collect()
            }
            Packet::ReceiverReport { ssrc: s, blocks } => {
                prop_assert_eq!((s, sender), (ssrc, None));
                blocks.collect()
            }
            ref other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        prop_assert_eq!(blocks, block.into_iter().collect::<Vec<_>>());

        let mut buf = wire;
        let theirs = rtcp::packet::unmarshal(&mut buf).unwrap();
        prop_assert_eq!(theirs.len(), parts.len());
        let sdes = theirs[1].as_any().downcast_ref::<rtcp::source_description::SourceDescription>().unwrap();
        prop_assert_eq!(sdes.chunks[0].source, ssrc);
        prop_assert_eq!(&sdes.chunks[0].items[0].text[..], cname.as_bytes());
        if let Some(sr) = theirs[0].as_any().downcast_ref::<rtcp::sender_report::SenderReport>() {
            prop_assert_eq!((sr.ssrc, sr.ntp_time, sr.rtp_time), (ssrc, ntp, rtp_time));
            prop_assert_eq!(sr.reports.len(), usize::from(block.is_some()));
        } else {
            let rr = theirs[0].as_any().downcast_ref::<rtcp::receiver_report::ReceiverReport>().unwrap();
            prop_assert!(sender.is_none());
            if let Some(b) = block {
                prop_assert_eq!(rr.reports[0].ssrc, b.ssrc);
                prop_assert_eq!(rr.reports[0].delay, b.delay_since_last_sr);
            }
        }
    }
}

#[test]
fn a_report_that_does_not_fit_is_not_written() {
    let report = OwnReport { ssrc: 1, sender: None, block: None, cname: "a", bye: true };
    let mut out = [0; 64];
    let len = write_compound(&mut out, &report).unwrap();
    for short in 0..len {
        assert_eq!(write_compound(&mut out[..short], &report), None);
    }
}
