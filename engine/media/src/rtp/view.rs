use tandem_model::{DropReason, RtpTime, SeqNo};

use super::{Elements, RTP_HEADER_BYTES};

/// A checked view of one RTP packet (RFC 3550 section 5.1). Every offset was verified against the packet's length, so no getter can
/// fail. In an SRTP packet the payload still includes the authentication tag, and padding cannot be known before decryption: parse
/// again after unprotecting.
#[derive(Clone, Copy, Debug)]
pub struct RtpView<'a> {
    packet: &'a [u8],
    extension: usize,
    payload: usize,
    payload_end: usize,
}

impl<'a> RtpView<'a> {
    /// Reads a whole, unprotected packet.
    ///
    /// # Errors
    /// [`DropReason::MalformedRtp`] when the version is not 2, or the CSRC list, the extension or the padding does not fit.
    pub fn parse(packet: &'a [u8]) -> Result<Self, DropReason> {
        let mut view = Self::parse_protected(packet)?;
        if packet[0] & 0x20 != 0 {
            let body = &packet[view.payload..];
            // The last byte counts itself, so zero is as wrong as too many (RFC 3550 section 5.1).
            let padding = usize::from(*body.last().ok_or(DropReason::MalformedRtp)?);
            if padding == 0 || padding > body.len() {
                return Err(DropReason::MalformedRtp);
            }
            view.payload_end -= padding;
        }
        Ok(view)
    }

    /// Reads the header only: what is in the clear of an SRTP packet.
    ///
    /// # Errors
    /// As [`RtpView::parse`], but the padding is not looked at.
    pub fn parse_protected(packet: &'a [u8]) -> Result<Self, DropReason> {
        if packet.len() < RTP_HEADER_BYTES || packet[0] >> 6 != 2 {
            return Err(DropReason::MalformedRtp);
        }
        let extension = RTP_HEADER_BYTES + 4 * usize::from(packet[0] & 0x0f);
        let mut payload = extension;
        if packet[0] & 0x10 != 0 {
            let head = packet.get(extension..extension + 4).ok_or(DropReason::MalformedRtp)?;
            payload += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        }
        if payload > packet.len() {
            return Err(DropReason::MalformedRtp);
        }
        Ok(RtpView { packet, extension, payload, payload_end: packet.len() })
    }

    pub fn marker(&self) -> bool {
        self.packet[1] & 0x80 != 0
    }

    pub fn payload_type(&self) -> u8 {
        self.packet[1] & 0x7f
    }

    pub fn sequence(&self) -> SeqNo {
        SeqNo(u16::from_be_bytes([self.packet[2], self.packet[3]]))
    }

    pub fn timestamp(&self) -> RtpTime {
        RtpTime(self.word(4))
    }

    pub fn ssrc(&self) -> u32 {
        self.word(8)
    }

    pub fn csrcs(&self) -> impl Iterator<Item = u32> + 'a {
        let list = &self.packet[RTP_HEADER_BYTES..self.extension];
        list.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]))
    }

    /// The header extension's elements; none when there is no extension or its form is unknown (RFC 8285).
    pub fn extension(&self) -> Elements<'a> {
        let whole = &self.packet[self.extension..self.payload];
        match whole {
            [a, b, _, _, body @ ..] => Elements::new(u16::from_be_bytes([*a, *b]), body),
            _ => Elements::new(0, &[]),
        }
    }

    /// The payload, without padding.
    pub fn payload(&self) -> &'a [u8] {
        &self.packet[self.payload..self.payload_end]
    }

    /// Where the payload stands in the packet.
    pub fn payload_range(&self) -> std::ops::Range<usize> {
        self.payload..self.payload_end
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.packet[at], self.packet[at + 1], self.packet[at + 2], self.packet[at + 3]])
    }
}
