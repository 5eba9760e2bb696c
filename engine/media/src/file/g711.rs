//! G.711 expansion for audio files (ITU-T G.711 tables 1 and 2). Calls use the codec's own implementation.

/// µ-law to linear.
pub(super) fn ulaw(byte: u8) -> i16 {
    let code = !byte;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7);
    if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// A-law to linear.
pub(super) fn alaw(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let step = i16::from(code & 0x0f) << 4;
    let magnitude = match (code >> 4) & 7 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_law_have_their_values() {
        assert_eq!([ulaw(0xff), ulaw(0x7f), ulaw(0x80), ulaw(0x00)], [0, 0, 32_124, -32_124]);
        assert_eq!([ulaw(0xfe), ulaw(0xf0), ulaw(0xef)], [8, 120, 132]);
        assert_eq!([alaw(0xd5), alaw(0x55), alaw(0xaa), alaw(0x2a)], [8, -8, 32_256, -32_256]);
    }

    #[test]
    fn both_laws_rise_with_their_codes() {
        let positive = |decode: fn(u8) -> i16, toggle: u8, sign: u8| {
            (0..128u8).map(move |n| decode((n | sign) ^ toggle)).collect::<Vec<_>>()
        };
        for values in [positive(ulaw, 0x7f, 0x80), positive(alaw, 0x55, 0x80)] {
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
        }
    }
}
