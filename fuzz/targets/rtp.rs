//! Any datagram as RTP: what is accepted lies within the packet, and writing its header again gives the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_media::dtmf::{EventPacket, EventReceiver, Key};
use tandem_media::rtp::{PacketKind, RTP_HEADER_BYTES, RtpHeader, RtpView, classify, write_header};
use tandem_model::Timestamp;

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
    let (mut down, mut up) = (0, 0);
    for (n, payload) in view.payload().chunks(8).enumerate() {
        let packet = EventPacket { ts: view.timestamp().0, marker: view.marker(), clock_hz: 8_000, payload };
        events.packet(Timestamp::from_millis(20 * n as u64), packet, |key| match key {
            Key::Down { .. } => down += 1,
            Key::Up { .. } => up += 1,
        });
    }
    assert!(up <= down, "a key comes up after it went down");
});
