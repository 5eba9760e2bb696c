use tandem_model::SrtpKey;
use tandem_model::limits::SRTP_KEYS_MAX;

use super::SrtpError;
use super::header::{RtpHeader, rtcp_ssrc};
use super::keys::Stream;
use super::master::{KeyUse, MasterKey};
use super::sources::{Sources, SrtpCursor};
use super::window::Window;

/// How the first packet of a source under new keys is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// As RFC 3711 section 3.3.1 has it: the roll-over counter keeps its sequence.
    GoesOn,
    /// As peers do it that make a new cryptographic context with each key: from zero.
    StartsAnew,
}

/// The keys that packets may be under, told apart by their identifiers (RFC 3711 section 3.1), and the state of each source.
pub(super) struct KeyRing {
    /// The first always there; more only with identifiers, all of one length.
    keys: Vec<MasterKey>,
    mki_len: usize,
    sources: Sources,
}

impl KeyRing {
    pub fn new(key: &SrtpKey, more: &[SrtpKey]) -> Self {
        let keys: Vec<MasterKey> = std::iter::once(key).chain(more).take(SRTP_KEYS_MAX).map(MasterKey::new).collect();
        KeyRing { mki_len: mki_len(key), keys, sources: Sources::default() }
    }

    /// Takes these keys; the ring as it was when they are others.
    pub fn change(&mut self, key: &SrtpKey, more: &[SrtpKey]) -> Option<KeyRing> {
        let mut next = KeyRing::new(key, more);
        next.sources = self.sources;
        let mut shared = 0;
        for new in &mut next.keys {
            if let Some(old) = self.keys.iter().find(|old| old.secret().is_same_secret(new.secret())) {
                new.used = old.used;
                shared += 1;
            }
        }
        if shared == self.keys.len() && shared == next.keys.len() && next.mki_len == self.mki_len {
            *self = next;
            return None;
        }
        if shared == 0 {
            next.sources.expect_new_numbers();
        }
        Some(std::mem::replace(self, next))
    }

    /// Opens `packet` in place; returns what is left of it.
    pub fn open(&mut self, stream: Stream, packet: &mut [u8], numbering: Numbering) -> Result<usize, SrtpError> {
        let (key, len) = self.select(stream, packet)?;
        match stream {
            Stream::Rtp => self.open_rtp(key, &mut packet[..len], numbering),
            Stream::Rtcp => self.open_rtcp(key, &mut packet[..len], numbering),
        }
    }

    pub fn is_expiring(&self) -> bool {
        self.keys.iter().any(MasterKey::is_expiring)
    }

    pub fn cursor(&self) -> SrtpCursor {
        let mut used = [KeyUse::default(); SRTP_KEYS_MAX];
        used.iter_mut().zip(&self.keys).for_each(|(used, key)| *used = key.used);
        SrtpCursor { sources: self.sources, used }
    }

    pub fn restore(&mut self, cursor: &SrtpCursor) {
        self.sources = cursor.sources;
        self.keys.iter_mut().zip(cursor.used).for_each(|(key, used)| key.used = used);
    }

    /// The key of the packet's identifier, which is taken out: what was behind it moves up. Returns the length without it.
    /// Not authenticated, in either family of suites: an identifier that was changed on the way finds a wrong key or none.
    fn select(&self, stream: Stream, packet: &mut [u8]) -> Result<(usize, usize), SrtpError> {
        if self.mki_len == 0 {
            return Ok((0, packet.len()));
        }
        let at = self.keys[0].cipher(stream).mki_at(stream, packet.len(), self.mki_len).ok_or(SrtpError::Malformed)?;
        let field = &packet[at..at + self.mki_len];
        let named = |key: &MasterKey| key.secret().mki.is_some_and(|mki| mki.is(field));
        let key = self.keys.iter().position(named).ok_or(SrtpError::AuthFailed)?;
        packet.copy_within(at + self.mki_len.., at);
        Ok((key, packet.len() - self.mki_len))
    }

    fn open_rtp(&mut self, key: usize, packet: &mut [u8], numbering: Numbering) -> Result<usize, SrtpError> {
        let key = &mut self.keys[key];
        let plain = packet.len().checked_sub(key.rtp.rtp_tag_len()).ok_or(SrtpError::Malformed)?;
        let header = RtpHeader::parse(&packet[..plain])?;
        let mut source = self.sources.load(header.ssrc);
        if numbering == Numbering::StartsAnew {
            source.rtp = if source.rtp_expects_new { Window::default() } else { return Err(SrtpError::Replayed) };
        }
        let index = source.rtp.index_of(header.seq)?;
        source.rtp.check(index)?;
        key.may_go_on(Stream::Rtp)?;
        key.rtp.open_rtp(packet, header.len, header.ssrc, index)?;
        key.count(Stream::Rtp);
        source.rtp.commit(index);
        source.rtp_expects_new = false;
        self.sources.store(source);
        Ok(plain)
    }

    fn open_rtcp(&mut self, key: usize, packet: &mut [u8], numbering: Numbering) -> Result<usize, SrtpError> {
        let key = &mut self.keys[key];
        let ssrc = rtcp_ssrc(packet)?;
        let word = key.rtcp.rtcp_index_word(packet)?;
        let index = u64::from(word & 0x7FFF_FFFF);
        let mut source = self.sources.load(ssrc);
        if numbering == Numbering::StartsAnew {
            source.rtcp = if source.rtcp_expects_new { Window::default() } else { return Err(SrtpError::Replayed) };
        }
        source.rtcp.check(index)?;
        key.may_go_on(Stream::Rtcp)?;
        key.rtcp.open_rtcp(packet, ssrc, word)?;
        key.count(Stream::Rtcp);
        source.rtcp.commit(index);
        source.rtcp_expects_new = false;
        self.sources.store(source);
        Ok(packet.len() - key.rtcp.rtcp_trailer_len())
    }
}

fn mki_len(key: &SrtpKey) -> usize {
    key.mki.map_or(0, |mki| usize::from(mki.len))
}
