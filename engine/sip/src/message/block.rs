//! Which of 64 bytes are the ones a header's reader stops at, as bit masks: every byte of a header passes through here.

/// Bytes in a block; bit `n` of a mask is byte `n`.
pub(super) const BLOCK: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Control characters, HTAB and DEL among them, and bytes that are not ASCII.
    pub(super) odd: u64,
    pub(super) colon: u64,
}

/// The marks of a block.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(super) fn marks(block: &[u8; BLOCK]) -> Marks {
    // SAFETY: every x86-64 processor has SSE2; nothing else is asked of the caller.
    // JUSTIFICATION: a third of the instructions of [`wide_marks`], which would make a parse a third longer.
    unsafe { sse2_marks(block) }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn sse2_marks(block: &[u8; BLOCK]) -> Marks {
    use std::arch::x86_64::*;
    let mut marks = Marks::default();
    for part in 0..BLOCK / 16 {
        let (low, high) = (word(block, 2 * part), word(block, 2 * part + 1));
        let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
        // Bytes above 0x7F are negative here, and so less than a blank too.
        let odd = _mm_or_si128(
            _mm_cmplt_epi8(bytes, _mm_set1_epi8(b' '.cast_signed())),
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)),
        );
        let colon = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b':'.cast_signed()));
        marks.odd |= u64::from(_mm_movemask_epi8(odd) as u16) << (16 * part);
        marks.colon |= u64::from(_mm_movemask_epi8(colon) as u16) << (16 * part);
    }
    marks
}

#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn marks(block: &[u8; BLOCK]) -> Marks {
    wide_marks(block)
}

/// Eight bytes at a time, for processors whose own instructions are not used.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn wide_marks(block: &[u8; BLOCK]) -> Marks {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const LOW: u64 = 0x0101_0101_0101_0101;
    // The top bit of each byte, gathered into one byte.
    let gather = |tops: u64| ((tops & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let mut marks = Marks::default();
    for part in 0..BLOCK / 8 {
        let bytes = word(block, part);
        // No sum below carries into the next byte: the top bits are off.
        let low = bytes & !HIGH;
        let (above_controls, del) = (low + LOW * 0x60, low + LOW);
        let other = bytes ^ (LOW * u64::from(b':'));
        let not_colon = ((other & !HIGH) + !HIGH) | other;
        marks.odd |= gather(bytes | !above_controls | del) << (8 * part);
        marks.colon |= gather(!not_colon) << (8 * part);
    }
    marks
}

#[inline]
fn word(block: &[u8; BLOCK], n: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&block[8 * n..8 * n + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_a_byte_by_byte_reader_makes() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[at] = byte;
                block[BLOCK - 1 - at] ^= byte;
                let bits = |is: fn(u8) -> bool| (0..BLOCK).fold(0, |bits, n| bits | u64::from(is(block[n])) << n);
                let slow = Marks { odd: bits(|b| !(0x20..0x7F).contains(&b)), colon: bits(|b| b == b':') };
                assert_eq!(marks(&block), slow, "{byte:#x} at {at}");
                assert_eq!(wide_marks(&block), slow, "{byte:#x} at {at}");
            }
        }
    }
}
