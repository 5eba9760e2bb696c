use tandem_model::limits::{RTP_PACKET_BYTES_MAX, SRTP_KEYS_MAX};
use tandem_model::{SrtpKey, Timestamp};

use super::SrtpError;
use super::keys::Stream;
use super::master::KeyUse;
use super::ring::{KeyRing, Numbering};
use super::sources::SrtpCursor;
use super::transition::Transition;

/// Authenticates and decrypts what a leg receives. Nothing in it moves before a packet is authenticated, so a forger
/// can neither shift a roll-over counter, nor close a replay window, nor push a source out.
pub struct Unprotector {
    ring: KeyRing,
    /// After [`rekey`](Self::rekey), for a while.
    transition: Option<Box<Transition>>,
}

impl Unprotector {
    /// `key` is one that [`SrtpKey::new`] made, so that its length fits the suite.
    pub fn new(key: &SrtpKey) -> Self {
        Unprotector { ring: KeyRing::new(key, &[]), transition: None }
    }

    /// `more` are further keys of the same description, which packets tell from `key` by their identifiers; at most
    /// `limits::SRTP_KEYS_MAX` in all count.
    pub fn with_keys(key: &SrtpKey, more: &[SrtpKey]) -> Self {
        Unprotector { ring: KeyRing::new(key, more), transition: None }
    }

    /// The peer will send with other keys. Packets under the old ones may still be on their way: those are taken for a while,
    /// by their own replay window. Roll-over counters go on (RFC 3711 section 3.3.1). With keys that are in use already
    /// nothing changes but what is said of them.
    pub fn rekey(&mut self, now: Timestamp, key: &SrtpKey, more: &[SrtpKey]) {
        if let Some(before) = self.ring.change(key, more) {
            self.transition = Some(Box::new(Transition::new(now, before)));
        }
    }

    /// Ends the time of old keys when it is over. Call it now and then.
    pub fn expire(&mut self, now: Timestamp) {
        if self.transition.as_mut().is_some_and(|t| t.is_over(now)) {
            self.transition = None;
        }
    }

    /// Old keys are still good beside the new ones: [`Unprotector::expire`] has their end to look for.
    pub fn has_old_keys(&self) -> bool {
        self.transition.is_some()
    }

    /// Opens the SRTP packet in `buf[..len]`. Returns the length of the RTP packet, whose header lies within it.
    /// On an error the content of `buf` is unspecified.
    pub fn unprotect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        self.unprotect(Stream::Rtp, buf.get_mut(..len).ok_or(SrtpError::Malformed)?)
    }

    /// Opens the SRTCP packet in `buf[..len]`. Returns the length of the compound RTCP packet, at least 8.
    /// On an error the content of `buf` is unspecified.
    pub fn unprotect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        self.unprotect(Stream::Rtcp, buf.get_mut(..len).ok_or(SrtpError::Malformed)?)
    }

    /// Little is left of a key's lifetime: time to agree on another.
    pub fn is_expiring(&self) -> bool {
        self.ring.is_expiring()
    }

    /// For [`restore`](Self::restore) in a rebuilt leg with the same keys.
    pub fn cursor(&self) -> SrtpCursor {
        self.ring.cursor()
    }

    pub fn restore(&mut self, cursor: &SrtpCursor) {
        self.ring.restore(cursor);
    }

    fn unprotect(&mut self, stream: Stream, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let Some(transition) = &mut self.transition else {
            return self.ring.open(stream, packet, Numbering::GoesOn);
        };
        // A failed attempt may spoil the packet. One longer than any that is handled gets the new keys alone.
        let mut room = [0; RTP_PACKET_BYTES_MAX];
        let Some(copy) = room.get_mut(..packet.len()) else {
            return self.ring.open(stream, packet, Numbering::GoesOn);
        };
        copy.copy_from_slice(packet);
        let first = match self.ring.open(stream, packet, Numbering::GoesOn) {
            Ok(len) => {
                transition.new_key_heard();
                return Ok(len);
            }
            Err(SrtpError::Malformed) => return Err(SrtpError::Malformed),
            Err(error) => error,
        };
        if !transition.may_try() {
            self.transition = None;
            return Err(first);
        }
        packet.copy_from_slice(copy);
        if let Ok(len) = transition.before.open(stream, packet, Numbering::GoesOn) {
            transition.try_was_good();
            return Ok(len);
        }
        packet.copy_from_slice(copy);
        if let Ok(len) = self.ring.open(stream, packet, Numbering::StartsAnew) {
            transition.try_was_good();
            transition.new_key_heard();
            return Ok(len);
        }
        Err(first)
    }
}

const _: () = assert!(SRTP_KEYS_MAX > 0 && size_of::<KeyUse>() * SRTP_KEYS_MAX < 256, "a cursor is copied");
