/// A companding law as two tables, computed at compile time from ITU-T G.711 tables 1a and 2a.
pub(super) struct Law {
    expand: [i16; 256],
    /// By the upper 14 bits of the sample; A-law looks at 13 of them.
    compress: [u8; 1 << 14],
}

pub(super) static MU: Law = {
    let mut law = Law { expand: [0; 256], compress: [0; 1 << 14] };
    let mut i = 0;
    while i < law.expand.len() {
        law.expand[i] = mu_expand(i as u8);
        i += 1;
    }
    let mut i = 0;
    while i < law.compress.len() {
        law.compress[i] = mu_compress((i << 2) as u16 as i16);
        i += 1;
    }
    law
};

pub(super) static A: Law = {
    let mut law = Law { expand: [0; 256], compress: [0; 1 << 14] };
    let mut i = 0;
    while i < law.expand.len() {
        law.expand[i] = a_expand(i as u8);
        i += 1;
    }
    let mut i = 0;
    while i < law.compress.len() {
        law.compress[i] = a_compress((i << 2) as u16 as i16);
        i += 1;
    }
    law
};

impl Law {
    pub(super) fn expand(&self, code: u8) -> i16 {
        self.expand[code as usize]
    }

    pub(super) fn compress(&self, sample: i16) -> u8 {
        self.compress[(sample as u16 >> 2) as usize]
    }
}

/// Added to a µ-law magnitude so that every segment begins at a power of two.
const MU_BIAS: u32 = 33;
/// Largest 14-bit magnitude µ-law codes without clipping.
const MU_MAX: u32 = 8_158;
/// A-law codes go over the line with even bits inverted.
const A_INVERTED: u8 = 0x55;

/// G.711 table 2a: 14-bit values, given here in 16 bits.
const fn mu_expand(code: u8) -> i16 {
    let bits = !code;
    let (segment, step) = ((bits >> 4) & 7, (bits & 15) as u32);
    let magnitude = (((2 * step + MU_BIAS) << segment) - MU_BIAS) as i16 * 4;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn mu_compress(sample: i16) -> u8 {
    // One's complement: -1 lies as far below zero as 0 lies above it.
    let magnitude = (if sample < 0 { !sample } else { sample }) as u32 >> 2;
    let biased = (if magnitude > MU_MAX { MU_MAX } else { magnitude }) + MU_BIAS;
    let segment = 26 - biased.leading_zeros();
    let step = (biased >> (segment + 1)) & 15;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment << 4 | step) as u8)
}

/// G.711 table 1a: 13-bit values, given here in 16 bits.
const fn a_expand(code: u8) -> i16 {
    let bits = code ^ A_INVERTED;
    let (segment, step) = ((bits >> 4) & 7, (bits & 15) as u32);
    let magnitude = match segment {
        0 => 2 * step + 1,
        _ => (2 * step + 33) << (segment - 1),
    };
    let value = (magnitude * 8) as i16;
    if bits & 0x80 == 0 { -value } else { value }
}

const fn a_compress(sample: i16) -> u8 {
    let magnitude = (if sample < 0 { !sample } else { sample }) as u32 >> 4;
    let bits = match magnitude {
        0..32 => magnitude,
        _ => {
            let segment = 28 - magnitude.leading_zeros();
            segment << 4 | (magnitude >> (segment - 1)) & 15
        }
    } as u8;
    let sign = if sample < 0 { 0 } else { 0x80 };
    (sign | bits) ^ A_INVERTED
}
