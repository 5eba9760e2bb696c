/// What a datagram on a media port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    Rtp,
    Rtcp,
    /// STUN, DTLS, or noise.
    Other,
}

/// Tells RTP from RTCP and from the rest by the first two bytes (RFC 7983 section 7, RFC 5761 section 4).
///
/// First byte 128..=191 is RTP or RTCP; there, a second byte of 192..=223 is an RTCP packet type: an RTP packet with those bits
/// would carry a payload type of 64..=95, which RFC 5761 keeps free for that reason.
pub fn classify(packet: &[u8]) -> PacketKind {
    match packet {
        [128..=191, 192..=223, ..] => PacketKind::Rtcp,
        [128..=191, _, ..] => PacketKind::Rtp,
        _ => PacketKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_bytes_tell_the_protocols_apart() {
        for (packet, kind) in [
            (&[0x80, 0x00][..], PacketKind::Rtp),
            (&[0x80, 0x80], PacketKind::Rtp),
            (&[0xbf, 101], PacketKind::Rtp),
            (&[0x80, 96], PacketKind::Rtp),
            (&[0x80, 0x80 | 96], PacketKind::Rtp),
            (&[0x81, 200], PacketKind::Rtcp),
            (&[0x80, 201], PacketKind::Rtcp),
            (&[0x80, 223], PacketKind::Rtcp),
            (&[0x80, 224], PacketKind::Rtp),
            (&[0x00, 0x01], PacketKind::Other),
            (&[22, 254], PacketKind::Other),
            (&[192, 200], PacketKind::Other),
            (&[0x80], PacketKind::Other),
            (&[], PacketKind::Other),
        ] {
            assert_eq!(classify(packet), kind, "{packet:?}");
        }
    }
}
