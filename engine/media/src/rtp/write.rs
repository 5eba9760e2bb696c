use tandem_model::{RtpTime, SeqNo};

use super::RTP_HEADER_BYTES;

/// What a packet we send says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    /// 0..=127.
    pub payload_type: u8,
    pub sequence: SeqNo,
    pub timestamp: RtpTime,
    pub ssrc: u32,
}

/// Writes the fixed header (no CSRC, extension or padding) and returns its length. None when `packet` is shorter than that.
pub fn write_header(packet: &mut [u8], header: RtpHeader) -> Option<usize> {
    let out = packet.first_chunk_mut::<RTP_HEADER_BYTES>()?;
    out[0] = 0x80;
    out[1] = (u8::from(header.marker) << 7) | (header.payload_type & 0x7f);
    out[2..4].copy_from_slice(&header.sequence.0.to_be_bytes());
    out[4..8].copy_from_slice(&header.timestamp.0.to_be_bytes());
    out[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
    Some(RTP_HEADER_BYTES)
}
