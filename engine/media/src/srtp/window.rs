use super::SrtpError;

/// The newest packet index and which of the 128 up to it were seen (RFC 3711 section 3.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    newest: u64,
    /// Bit n: index `newest - n` was seen. Zero until the first packet.
    seen: u128,
}

impl Window {
    /// The 48-bit index of `seq`: the candidate nearest to the newest index (RFC 3711 section 3.3.1, appendix A).
    pub fn index_of(&self, seq: u16) -> Result<u64, SrtpError> {
        if self.seen == 0 {
            return Ok(u64::from(seq));
        }
        let ahead = i64::from(seq.wrapping_sub(self.newest as u16) as i16);
        let index = self.newest.checked_add_signed(ahead).ok_or(SrtpError::Replayed)?;
        if index >> 48 != 0 { Err(SrtpError::KeyExhausted) } else { Ok(index) }
    }

    /// The index after the newest.
    pub fn next(&self) -> u64 {
        if self.seen == 0 { 0 } else { self.newest + 1 }
    }

    pub fn check(&self, index: u64) -> Result<(), SrtpError> {
        if self.seen == 0 || index > self.newest {
            return Ok(());
        }
        let age = self.newest - index;
        if age < 128 && self.seen >> age & 1 == 0 { Ok(()) } else { Err(SrtpError::Replayed) }
    }

    /// Only for an index that passed [`check`](Self::check), and only after authentication.
    pub fn commit(&mut self, index: u64) {
        if self.seen == 0 || index > self.newest {
            let step = index.saturating_sub(self.newest);
            self.seen = if self.seen != 0 && step < 128 { self.seen << step | 1 } else { 1 };
            self.newest = index;
        } else if self.newest - index < 128 {
            self.seen |= 1 << (self.newest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_roll_over_counter_follows_the_sequence_across_its_wrap() {
        let mut window = Window::default();
        let mut index = 65_000;
        window.commit(index);
        for step in [1, 100, 700, 32_767, 40, 32_000, 1, 30_000] {
            index += step;
            assert_eq!(window.index_of(index as u16), Ok(index));
            window.commit(index);
            let late = index - 60;
            assert_eq!(window.index_of(late as u16), Ok(late));
        }
    }

    #[test]
    fn a_packet_before_the_first_roll_over_counter_is_too_old() {
        let mut window = Window::default();
        window.commit(2);
        assert_eq!(window.index_of(65_535), Err(SrtpError::Replayed));
    }

    #[test]
    fn the_index_does_not_pass_48_bits() {
        let mut window = Window::default();
        window.commit((1 << 48) - 1);
        assert_eq!(window.index_of(0), Err(SrtpError::KeyExhausted));
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_a_set(indices in proptest::collection::vec(0u64..600, 1..300)) {
            let (mut window, mut seen, mut newest) = (Window::default(), BTreeSet::new(), None);
            for index in indices {
                let fresh = !seen.contains(&index) && newest.is_none_or(|n: u64| index + 128 > n);
                prop_assert_eq!(window.check(index).is_ok(), fresh);
                if fresh {
                    window.commit(index);
                    seen.insert(index);
                    newest = newest.max(Some(index));
                }
            }
        }
    }
}
