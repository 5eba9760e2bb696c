//! Any datagram as RTP: what is accepted lies within the packet, and writing its header again gives the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_media::dtmf::EventReceiver;
use tandem_media::rtp::{PacketKind, RTP_HEADER_BYTES, RtpHeader, RtpView, classify, write_header};

fuzz_target!(|packet: &[u8]| {
    let kind = classify(packet);
    let _ = RtpView::parse_protected(packet);
    let Ok(view) = RtpView::parse(packet) else { return };
    assert_ne!(kind, PacketKind::Other, "a packet of version 2 has two bytes");
    let range = view.payload_range();
    assert_eq!(view.payload(), &packet[range.clone()]);
    assert!(range.start >= RTP_HEADER_BYTES + 4 * view.csrcs().count());
    assert!(view.extension().count() <= packet.len());

    let mut out = [0; RTP_HEADER_BYTES];
    let header = RtpHeader {
        marker: view.marker(),
        payload_type: view.payload_type(),
        sequence: view.sequence(),
        timestamp: view.timestamp(),
        ssrc: view.ssrc(),
    };
    assert_eq!(write_header(&mut out, header), Some(RTP_HEADER_BYTES));
    assert_eq!(out[1..], packet[1..RTP_HEADER_BYTES]);

    let mut events = EventReceiver::new();
    for payload in view.payload().chunks(4) {
        let _ = events.packet(view.timestamp().0, view.marker(), payload);
    }
});
