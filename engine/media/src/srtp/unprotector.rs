use tandem_model::SrtpKey;

use super::SrtpError;
use super::cursor::InboundCursor;

/// One direction of a leg's SRTP.
pub struct Unprotector {
    cursor: InboundCursor,
}

impl Unprotector {
    pub fn new(_key: &SrtpKey) -> Self {
        Unprotector { cursor: InboundCursor::default() }
    }

    /// The RTP packet is `buf[..len]`. Returns its new length.
    pub fn unprotect_rtp(&mut self, _buf: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::Malformed)
    }

    /// The compound RTCP packet is `buf[..len]`. Returns its new length.
    pub fn unprotect_rtcp(&mut self, _buf: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::Malformed)
    }

    /// For a rebuilt leg.
    pub fn cursor(&self) -> InboundCursor {
        self.cursor
    }

    pub fn restore(&mut self, cursor: &InboundCursor) {
        self.cursor = *cursor;
    }
}
