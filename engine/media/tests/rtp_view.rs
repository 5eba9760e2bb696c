//! The RTP view against hostile packets, and against its own writer.

use proptest::prelude::*;
use tandem_media::rtp::{RtpHeader, RtpView, write_header};
use tandem_model::{DropReason, RtpTime, SeqNo};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

#[test]
fn an_extension_element_longer_than_its_packet_is_not_read() {
    let packet = hex("90000001 00000001 00000001 BEDE0001 1F010203");
    let view = RtpView::parse(&packet).expect("the extension itself fits");
    assert_eq!(view.extension().count(), 0);
    assert_eq!(view.payload(), b"");
}

#[test]
fn packets_whose_parts_do_not_fit_are_refused() {
    for (why, text) in [
        ("version 1", "50000001 00000001 00000001"),
        ("eleven bytes", "80000001 00000001 000000"),
        ("one CSRC missing", "81000001 00000001 00000001"),
        ("no extension header", "90000001 00000001 00000001"),
        ("extension beyond the end", "90000001 00000001 00000001 BEDE0002 10000000"),
        ("padding in an empty packet", "a0000001 00000001 00000001"),
        ("padding of zero", "a0000001 00000001 00000001 00"),
        ("padding longer than the payload", "a0000001 00000001 00000001 000004"),
        ("padding reaching into the extension", "b0000001 00000001 00000001 BEDE0001 10000000 02"),
    ] {
        assert_eq!(RtpView::parse(&hex(text)).err(), Some(DropReason::MalformedRtp), "{why}");
    }
}

#[test]
fn every_part_of_a_full_packet_is_found() {
    let packet = hex("b1 e5 8001 01020304 0a0b0c0d 00000063 BEDE0002 10aa 00 31bbcc 0000 11223344 550003");
    let view = RtpView::parse(&packet).unwrap();
    assert!(view.marker());
    assert_eq!(view.payload_type(), 101);
    assert_eq!(view.sequence(), SeqNo(0x8001));
    assert_eq!(view.timestamp(), RtpTime(0x0102_0304));
    assert_eq!(view.ssrc(), 0x0a0b_0c0d);
    assert_eq!(view.csrcs().collect::<Vec<_>>(), [0x63]);
    let elements: Vec<_> = view.extension().map(|e| (e.id, e.data.to_vec())).collect();
    assert_eq!(elements, [(1, vec![0xaa]), (3, vec![0xbb, 0xcc])]);
    assert_eq!(view.payload(), [0x11, 0x22, 0x33, 0x44]);
}

#[test]
fn two_byte_extension_elements_are_read() {
    let packet = hex("90000001 00000001 00000001 10000002 05 00 07 03 010203 00");
    let elements: Vec<_> = RtpView::parse(&packet).unwrap().extension().map(|e| (e.id, e.data.to_vec())).collect();
    assert_eq!(elements, [(5, vec![]), (7, vec![1, 2, 3])]);
}

proptest! {
    #[test]
    fn any_bytes_are_safe_to_view(packet in proptest::collection::vec(any::<u8>(), 0..128), force in any::<bool>()) {
        let mut packet = packet;
        if force && !packet.is_empty() {
            packet[0] = 0x80 | (packet[0] & 0x3f);
        }
        if let Ok(view) = RtpView::parse(&packet) {
            let range = view.payload_range();
            prop_assert!(range.end <= packet.len());
            for element in view.extension() {
                prop_assert!(element.data.len() < packet.len());
            }
            let _ = (view.csrcs().count(), view.payload(), view.marker(), view.timestamp());
        }
    }

    #[test]
    fn what_is_written_reads_the_same(
        seq in any::<u16>(), ts in any::<u32>(), ssrc in any::<u32>(), pt in 0u8..128, marker in any::<bool>(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let header = RtpHeader { marker, payload_type: pt, sequence: SeqNo(seq), timestamp: RtpTime(ts), ssrc };
        let mut packet = vec![0xff; 12];
        prop_assert_eq!(write_header(&mut packet, header), Some(12));
        packet.extend(&payload);
        let view = RtpView::parse(&packet).unwrap();
        prop_assert_eq!(view.sequence(), SeqNo(seq));
        prop_assert_eq!(view.timestamp(), RtpTime(ts));
        prop_assert_eq!(view.ssrc(), ssrc);
        prop_assert_eq!(view.payload_type(), pt);
        prop_assert_eq!(view.marker(), marker);
        prop_assert_eq!(view.csrcs().count(), 0);
        prop_assert_eq!(view.payload(), &payload[..]);
    }
}
