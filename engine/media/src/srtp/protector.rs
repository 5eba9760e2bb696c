use tandem_model::SrtpKey;

use super::cipher::Cipher;
use super::header::{RtpHeader, rtcp_ssrc};
use super::keys::Stream;
use super::sources::SrtpCursor;
use super::{SrtpError, sources::Sources};

/// Protects what a leg sends. The roll-over counter follows the sequence numbers it is shown.
pub struct Protector {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
}

impl Protector {
    /// `key` is one that [`SrtpKey::new`] made, so that its length fits the suite.
    pub fn new(key: &SrtpKey) -> Self {
        Protector {
            rtp: Cipher::new(key, Stream::Rtp),
            rtcp: Cipher::new(key, Stream::Rtcp),
            sources: Sources::default(),
        }
    }

    /// Protects the RTP packet in `buf[..len]`; `buf` has [`TAIL_ROOM`](super::TAIL_ROOM) behind it. Returns the new length.
    /// A sequence number sent before is refused as `Replayed`: it would repeat key stream.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let header = RtpHeader::parse(buf.get(..len).ok_or(SrtpError::Malformed)?)?;
        let total = len + self.rtp.rtp_tag_len();
        let packet = buf.get_mut(..total).ok_or(SrtpError::NoRoom)?;
        let mut source = self.sources.load(header.ssrc);
        let index = source.rtp.index_of(header.seq)?;
        source.rtp.check(index)?;
        if self.sources.would_evict(header.ssrc) {
            return Err(SrtpError::TooManySources);
        }
        self.rtp.seal_rtp(packet, header.len, header.ssrc, index)?;
        source.rtp.commit(index);
        self.sources.store(source);
        Ok(total)
    }

    /// Protects the compound RTCP packet in `buf[..len]`. Returns the new length.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(buf.get(..len).ok_or(SrtpError::Malformed)?)?;
        let total = len + self.rtcp.rtcp_trailer_len();
        let packet = buf.get_mut(..total).ok_or(SrtpError::NoRoom)?;
        let mut source = self.sources.load(ssrc);
        let index = source.rtcp.next();
        if self.sources.would_evict(ssrc) {
            return Err(SrtpError::TooManySources);
        }
        let wire_index = u32::try_from(index).ok().filter(|i| i >> 31 == 0).ok_or(SrtpError::KeyExhausted)?;
        self.rtcp.seal_rtcp(packet, ssrc, wire_index)?;
        source.rtcp.commit(index);
        self.sources.store(source);
        Ok(total)
    }

    /// For [`restore`](Self::restore) in a rebuilt leg with the same key.
    pub fn cursor(&self) -> SrtpCursor {
        SrtpCursor(self.sources)
    }

    pub fn restore(&mut self, cursor: &SrtpCursor) {
        self.sources = cursor.0;
    }
}
