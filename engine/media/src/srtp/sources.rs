use tandem_model::limits::{SRTP_KEYS_MAX, SSRCS_PER_LEG_MAX};

use super::master::KeyUse;
use super::window::Window;

/// Where a [`Protector`](super::Protector) or [`Unprotector`](super::Unprotector) stands: roll-over counters, SRTCP
/// indices and replay windows of each source, and what each key was used for. A rebuilt leg restores it and goes on
/// without repeating key stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SrtpCursor {
    pub(super) sources: Sources,
    pub(super) used: [KeyUse; SRTP_KEYS_MAX],
}

/// The cryptographic state of one SSRC (RFC 3711 section 3.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub ssrc: u32,
    pub rtp: Window,
    pub rtcp: Window,
    /// Its keys changed since it was heard last: should its numbers not go on, they may start anew.
    pub rtp_expects_new: bool,
    pub rtcp_expects_new: bool,
    /// The table's count of authenticated packets when this source was last heard; 0 marks a free place.
    last_used: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    places: [Source; SSRCS_PER_LEG_MAX],
    used: u64,
}

impl Sources {
    /// The state of `ssrc`, or that of a source never heard. A copy: nothing moves until [`store`](Self::store).
    pub fn load(&self, ssrc: u32) -> Source {
        let known = self.places.iter().find(|s| s.last_used != 0 && s.ssrc == ssrc);
        known.copied().unwrap_or(Source { ssrc, ..Source::default() })
    }

    /// All keys changed.
    pub fn expect_new_numbers(&mut self) {
        for source in &mut self.places {
            source.rtp_expects_new = true;
            source.rtcp_expects_new = true;
        }
    }

    /// True when `store` of this source would forget another.
    pub fn would_evict(&self, ssrc: u32) -> bool {
        self.places.iter().all(|s| s.last_used != 0 && s.ssrc != ssrc)
    }

    /// Writes a source back, into its place, a free one, or that of the source heard longest ago.
    pub fn store(&mut self, source: Source) {
        self.used += 1;
        let known = self.places.iter().position(|s| s.last_used != 0 && s.ssrc == source.ssrc);
        let oldest = || (0..SSRCS_PER_LEG_MAX).min_by_key(|&i| self.places[i].last_used).unwrap_or(0);
        let place = known.unwrap_or_else(oldest);
        self.places[place] = Source { last_used: self.used, ..source };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_heard_longest_ago_gives_its_place_away() {
        let mut sources = Sources::default();
        for ssrc in [0, 1, 2, 3, 0] {
            assert!(!sources.would_evict(ssrc), "before {ssrc}");
            let mut source = sources.load(ssrc);
            source.rtp.commit(u64::from(ssrc) + 100);
            sources.store(source);
        }
        assert!(sources.would_evict(9) && !sources.would_evict(2));
        sources.store(sources.load(9));
        assert_eq!(sources.load(1).rtp, Window::default());
        for ssrc in [0, 2, 3] {
            assert_ne!(sources.load(ssrc).rtp, Window::default(), "{ssrc}");
        }
    }
}
