//! Our reader and writer of RTP against the `rtp` package: whatever ours accepts means the same to both. The package
//! sees only packets that our validation has accepted, because it panics on others.

use proptest::prelude::*;
use rtp::header::{Extension, Header};
use rtp::packet::Packet;
use tandem_media::rtp::{RtpHeader, RtpView, write_header};
use tandem_model::{RtpTime, SeqNo};
use webrtc_util::marshal::{Marshal, Unmarshal};

/// Both readers on one packet that ours accepts.
fn agree(bytes: &[u8]) {
    let Ok(ours) = RtpView::parse(bytes) else { return };
    let theirs = Packet::unmarshal(&mut &bytes[..]).expect("what we accept they read");
    assert_eq!(ours.marker(), theirs.header.marker);
    assert_eq!(ours.payload_type(), theirs.header.payload_type);
    assert_eq!(ours.sequence().0, theirs.header.sequence_number);
    assert_eq!(ours.timestamp().0, theirs.header.timestamp);
    assert_eq!(ours.ssrc(), theirs.header.ssrc);
    assert_eq!(ours.csrcs().collect::<Vec<_>>(), theirs.header.csrc);
    assert_eq!(ours.payload(), &theirs.payload[..]);
}

fn extension() -> impl Strategy<Value = Vec<Extension>> {
    let element = (1u8..15, prop::collection::vec(any::<u8>(), 1..16))
        .prop_map(|(id, payload)| Extension { id, payload: payload.into() });
    prop::collection::vec(element, 0..4)
}

proptest! {
    #[test]
    fn what_the_package_writes_we_read_alike(
        marker: bool,
        payload_type in 0u8..128,
        sequence_number: u16,
        timestamp: u32,
        ssrc: u32,
        csrc in prop::collection::vec(any::<u32>(), 0..16),
        extensions in extension(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let extension = !extensions.is_empty();
        let extension_profile = if extension { 0xBEDE } else { 0 };
        let header = Header {
            version: 2, marker, payload_type, sequence_number, timestamp, ssrc, csrc, extension, extension_profile,
            extensions: extensions.clone(), ..Header::default()
        };
        let bytes = Packet { header, payload: payload.into() }.marshal().expect("a valid packet");
        let ours = RtpView::parse(&bytes).expect("a valid packet is accepted");
        agree(&bytes);
        let elements: Vec<_> = ours.extension().map(|e| (e.id, e.data.to_vec())).collect();
        let written: Vec<_> = extensions.iter().map(|e| (e.id, e.payload.to_vec())).collect();
        prop_assert_eq!(elements, written);
    }

    #[test]
    fn what_we_write_the_package_reads_alike(
        marker: bool,
        payload_type in 0u8..128,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![0; 12];
        let header = RtpHeader { marker, payload_type, sequence: SeqNo(sequence), timestamp: RtpTime(timestamp), ssrc };
        prop_assert_eq!(write_header(&mut bytes, header), Some(12));
        bytes.extend(&payload);
        let theirs = Packet::unmarshal(&mut &bytes[..]).expect("a valid packet");
        prop_assert_eq!(&theirs.payload[..], &payload[..]);
        agree(&bytes);
    }
}
