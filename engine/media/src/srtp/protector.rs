use tandem_model::SrtpKey;
use tandem_model::limits::SRTP_KEYS_MAX;

use super::header::{RtpHeader, rtcp_ssrc};
use super::keys::Stream;
use super::master::{KeyUse, MasterKey};
use super::sources::SrtpCursor;
use super::{SrtpError, sources::Sources};

/// Protects what a leg sends. The roll-over counter follows the sequence numbers it is shown.
///
/// An identifier of the key is not written: our own keys have none (RFC 4568 section 6.1 leaves that to who makes them).
pub struct Protector {
    key: MasterKey,
    sources: Sources,
}

impl Protector {
    /// `key` is one that [`SrtpKey::new`] made, so that its length fits the suite.
    pub fn new(key: &SrtpKey) -> Self {
        Protector { key: MasterKey::new(key), sources: Sources::default() }
    }

    /// Goes on with another key. Roll-over counters and SRTCP indices keep their sequence (RFC 3711 sections 3.3.1 and 3.4);
    /// with the key that is in use already, only its lifetime is taken.
    pub fn rekey(&mut self, key: &SrtpKey) {
        if self.key.secret().is_same_secret(key) {
            self.key.relabel(key);
        } else {
            self.key = MasterKey::new(key);
        }
    }

    /// Protects the RTP packet in `buf[..len]`; `buf` has [`TAIL_ROOM`](super::TAIL_ROOM) behind it. Returns the new length.
    /// A sequence number sent before is refused as `Replayed`: it would repeat key stream.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let header = RtpHeader::parse(buf.get(..len).ok_or(SrtpError::Malformed)?)?;
        let total = len + self.key.rtp.rtp_tag_len();
        let packet = buf.get_mut(..total).ok_or(SrtpError::NoRoom)?;
        let mut source = self.sources.load(header.ssrc);
        let index = source.rtp.index_of(header.seq)?;
        source.rtp.check(index)?;
        if self.sources.would_evict(header.ssrc) {
            return Err(SrtpError::TooManySources);
        }
        self.key.may_go_on(Stream::Rtp)?;
        self.key.rtp.seal_rtp(packet, header.len, header.ssrc, index)?;
        self.key.count(Stream::Rtp);
        source.rtp.commit(index);
        self.sources.store(source);
        Ok(total)
    }

    /// Protects the compound RTCP packet in `buf[..len]`. Returns the new length.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(buf.get(..len).ok_or(SrtpError::Malformed)?)?;
        let total = len + self.key.rtcp.rtcp_trailer_len();
        let packet = buf.get_mut(..total).ok_or(SrtpError::NoRoom)?;
        let mut source = self.sources.load(ssrc);
        let index = source.rtcp.next();
        if self.sources.would_evict(ssrc) {
            return Err(SrtpError::TooManySources);
        }
        let wire_index = u32::try_from(index).ok().filter(|i| i >> 31 == 0).ok_or(SrtpError::KeyExhausted)?;
        self.key.may_go_on(Stream::Rtcp)?;
        self.key.rtcp.seal_rtcp(packet, ssrc, wire_index)?;
        self.key.count(Stream::Rtcp);
        source.rtcp.commit(index);
        self.sources.store(source);
        Ok(total)
    }

    /// Little is left of the key's lifetime: time to agree on another.
    pub fn is_expiring(&self) -> bool {
        self.key.is_expiring()
    }

    /// For [`restore`](Self::restore) in a rebuilt leg with the same key.
    pub fn cursor(&self) -> SrtpCursor {
        let mut used = [KeyUse::default(); SRTP_KEYS_MAX];
        used[0] = self.key.used;
        SrtpCursor { sources: self.sources, used }
    }

    pub fn restore(&mut self, cursor: &SrtpCursor) {
        self.sources = cursor.sources;
        self.key.used = cursor.used[0];
    }
}
