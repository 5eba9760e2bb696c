use tandem_model::SrtpKey;

use super::SrtpError;
use super::cursor::OutboundCursor;

/// One direction of a leg's SRTP.
pub struct Protector {
    cursor: OutboundCursor,
}

impl Protector {
    pub fn new(_key: &SrtpKey) -> Self {
        Protector { cursor: OutboundCursor::default() }
    }

    /// The RTP packet is `buf[..len]`. Returns its new length.
    pub fn protect_rtp(&mut self, _buf: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::Malformed)
    }

    /// The compound RTCP packet is `buf[..len]`. Returns its new length.
    pub fn protect_rtcp(&mut self, _buf: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::Malformed)
    }

    /// For a rebuilt leg.
    pub fn cursor(&self) -> OutboundCursor {
        self.cursor
    }

    pub fn restore(&mut self, cursor: &OutboundCursor) {
        self.cursor = *cursor;
    }
}
