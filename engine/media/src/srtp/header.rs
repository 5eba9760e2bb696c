use super::SrtpError;

const RTP_FIXED: usize = 12;
/// What stays in the clear of an SRTCP packet: the first header word and the sender's SSRC.
pub(super) const RTCP_CLEAR: usize = 8;

/// What protection needs of an RTP header; made only of a header that lies whole within its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHeader {
    /// Fixed part, CSRCs and extension, in bytes: what is authenticated but not encrypted.
    pub len: usize,
    pub seq: u16,
    pub ssrc: u32,
}

impl RtpHeader {
    /// RFC 3550 sections 5.1 and 5.3.1. Elements inside the extension are not looked at.
    pub fn parse(packet: &[u8]) -> Result<Self, SrtpError> {
        let fixed: &[u8; RTP_FIXED] = packet.first_chunk().ok_or(SrtpError::Malformed)?;
        if fixed[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let mut len = RTP_FIXED + 4 * usize::from(fixed[0] & 0x0F);
        if fixed[0] & 0x10 != 0 {
            let extension = packet.get(len..len + 4).ok_or(SrtpError::Malformed)?;
            len += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
        }
        if len > packet.len() {
            return Err(SrtpError::Malformed);
        }
        let seq = u16::from_be_bytes([fixed[2], fixed[3]]);
        let ssrc = u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]);
        Ok(RtpHeader { len, seq, ssrc })
    }
}

/// The sender's SSRC of a compound RTCP packet (RFC 3550 section 6.4.1).
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    match packet.first_chunk::<RTCP_CLEAR>() {
        Some(&[first, _, _, _, a, b, c, d]) if first >> 6 == 2 => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(SrtpError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut p = vec![first, 0, 0x12, 0x34, 0, 0, 0, 1, 0xCA, 0xFE, 0xBA, 0xBE];
        p.extend_from_slice(rest);
        p
    }

    #[test]
    fn a_header_counts_its_csrcs_and_extension() {
        for (first, rest, len) in [
            (0x80, &[][..], Ok(12)),
            (0x82, &[0; 8][..], Ok(20)),
            (0x82, &[0; 7][..], Err(SrtpError::Malformed)),
            (0x90, &[0xBE, 0xDE, 0, 1, 1, 2, 3, 4][..], Ok(20)),
            (0x90, &[0xBE, 0xDE, 0, 1, 1, 2, 3][..], Err(SrtpError::Malformed)),
            (0x90, &[0xBE, 0xDE, 0][..], Err(SrtpError::Malformed)),
            (0x9F, &[0xFF; 64][..], Err(SrtpError::Malformed)),
            (0x40, &[][..], Err(SrtpError::Malformed)),
        ] {
            let parsed = RtpHeader::parse(&packet(first, rest));
            assert_eq!(parsed.map(|h| h.len), len, "{first:02x} {rest:02x?}");
            if let Ok(header) = parsed {
                assert_eq!((header.seq, header.ssrc), (0x1234, 0xCAFE_BABE));
            }
        }
        assert_eq!(RtpHeader::parse(&packet(0x80, &[])[..11]), Err(SrtpError::Malformed));
    }

    #[test]
    fn rtcp_shorter_than_its_clear_part_is_malformed() {
        let report = [0x80, 200, 0, 1, 1, 2, 3, 4];
        assert_eq!(rtcp_ssrc(&report), Ok(0x0102_0304));
        for len in 0..8 {
            assert_eq!(rtcp_ssrc(&report[..len]), Err(SrtpError::Malformed));
        }
    }
}
