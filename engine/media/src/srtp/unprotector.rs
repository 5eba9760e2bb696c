use tandem_model::SrtpKey;

use super::SrtpError;
use super::cipher::Cipher;
use super::header::{RtpHeader, rtcp_ssrc};
use super::keys::Stream;
use super::sources::{Sources, SrtpCursor};

/// Authenticates and decrypts what a leg receives. Nothing in it moves before a packet is authenticated, so a forger
/// can neither shift a roll-over counter, nor close a replay window, nor push a source out.
pub struct Unprotector {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
}

impl Unprotector {
    /// `key` is one that [`SrtpKey::new`] made, so that its length fits the suite.
    pub fn new(key: &SrtpKey) -> Self {
        Unprotector {
            rtp: Cipher::new(key, Stream::Rtp),
            rtcp: Cipher::new(key, Stream::Rtcp),
            sources: Sources::default(),
        }
    }

    /// Opens the SRTP packet in `buf[..len]`. Returns the length of the RTP packet, whose header lies within it.
    /// On an error the content of `buf` is unspecified.
    pub fn unprotect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let packet = buf.get_mut(..len).ok_or(SrtpError::Malformed)?;
        let plain = len.checked_sub(self.rtp.rtp_tag_len()).ok_or(SrtpError::Malformed)?;
        let header = RtpHeader::parse(&packet[..plain])?;
        let mut source = self.sources.load(header.ssrc);
        let index = source.rtp.index_of(header.seq)?;
        source.rtp.check(index)?;
        self.rtp.open_rtp(packet, header.len, header.ssrc, index)?;
        source.rtp.commit(index);
        self.sources.store(source);
        Ok(plain)
    }

    /// Opens the SRTCP packet in `buf[..len]`. Returns the length of the compound RTCP packet, at least 8.
    /// On an error the content of `buf` is unspecified.
    pub fn unprotect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let packet = buf.get_mut(..len).ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(packet)?;
        let word = self.rtcp.rtcp_index_word(packet)?;
        let index = u64::from(word & 0x7FFF_FFFF);
        let mut source = self.sources.load(ssrc);
        source.rtcp.check(index)?;
        self.rtcp.open_rtcp(packet, ssrc, word)?;
        source.rtcp.commit(index);
        self.sources.store(source);
        Ok(len - self.rtcp.rtcp_trailer_len())
    }

    /// For [`restore`](Self::restore) in a rebuilt leg with the same key.
    pub fn cursor(&self) -> SrtpCursor {
        SrtpCursor(self.sources)
    }

    pub fn restore(&mut self, cursor: &SrtpCursor) {
        self.sources = cursor.0;
    }
}
