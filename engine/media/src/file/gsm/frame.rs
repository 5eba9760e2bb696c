/// The four bits before each frame of 33 bytes.
pub(super) const MAGIC: u8 = 0xd;
pub(super) const FRAME_BYTES: usize = 33;
pub(super) const PAIR_BYTES: usize = 65;

/// The parameters of 20 ms, as they are coded (EN 300 961 table 1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Log-area ratios.
    pub lar: [u8; 8],
    pub quarters: [Quarter; 4],
}

/// The parameters of 5 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quarter {
    /// Lag of the long-term predictor, and its gain.
    pub lag: u8,
    pub gain: u8,
    /// Which of four grids the pulses stand on, how high the largest is, and all of them.
    pub grid: u8,
    pub height: u8,
    pub pulses: [u8; 13],
}

const LAR_BITS: [u8; 8] = [6, 6, 5, 5, 4, 4, 3, 3];

impl Frame {
    /// The highest bit of each byte first, after the magic.
    pub fn of_bytes(bytes: &[u8]) -> Frame {
        let mut at = 4;
        Frame::of(|bits| {
            let value = (at..at + usize::from(bits)).fold(0, |value, n| value << 1 | bit(bytes, n / 8, 7 - n % 8));
            at += usize::from(bits);
            value
        })
    }

    /// Two frames without magic, the lowest bit of each byte first.
    pub fn of_pair(bytes: &[u8]) -> [Frame; 2] {
        let mut at = 0;
        let mut take = |bits: u8| {
            let places = (at..at + usize::from(bits)).rev();
            let value = places.fold(0, |value, n| value << 1 | bit(bytes, n / 8, n % 8));
            at += usize::from(bits);
            value
        };
        [Frame::of(&mut take), Frame::of(&mut take)]
    }

    fn of(mut take: impl FnMut(u8) -> u8) -> Frame {
        let lar = LAR_BITS.map(&mut take);
        let quarters = [(); 4].map(|()| Quarter {
            lag: take(7),
            gain: take(2),
            grid: take(2),
            height: take(6),
            pulses: [3; 13].map(&mut take),
        });
        Frame { lar, quarters }
    }
}

/// Beyond the end there are zeros.
fn bit(bytes: &[u8], byte: usize, shift: usize) -> u8 {
    bytes.get(byte).map_or(0, |b| b >> shift & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_packings_take_the_fields_in_order() {
        let mut bytes = [0; FRAME_BYTES];
        // Magic, the first ratio all ones, the second 1.
        bytes[..3].copy_from_slice(&[0xdf, 0xc1, 0]);
        bytes[32] = 0x07;
        let frame = Frame::of_bytes(&bytes);
        assert_eq!(frame.lar, [63, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(frame.quarters[3].pulses[12], 7);
        let mut pair = [0; PAIR_BYTES];
        // The second frame begins in the upper half of byte 32.
        (pair[0], pair[32], pair[64]) = (0x3f, 0x30, 0xe0);
        let [first, second] = Frame::of_pair(&pair);
        assert_eq!((first.lar[0], first.lar[1], first.quarters[3].pulses[12]), (63, 0, 0));
        assert_eq!((second.lar[0], second.quarters[3].pulses[12]), (3, 7));
    }
}
