//! The constants of ITU-T G.722 that no formula gives, under the names of its block diagrams.

/// Decision levels of the lower band's 6-bit quantizer (table 8), times 16 so that one product of the scale factor
/// shifts down by 16 bits. The last three are no levels: they fill the row, and [`LOW_LEVELS`] says how many count.
pub(super) const Q6_TIMES_16: [u16; 32] = {
    const Q6: [u16; LOW_LEVELS] = [
        35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
        1458, 1612, 1765, 1980, 2195, 2557, 2919,
    ];
    let mut levels = [u16::MAX; 32];
    let mut i = 0;
    while i < LOW_LEVELS {
        levels[i] = Q6[i] * 16;
        i += 1;
    }
    levels
};
pub(super) const LOW_LEVELS: usize = 29;

/// Outputs of the lower band's quantizer with all six bits (table 10, QM6).
pub(super) const QM6: [i16; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// Outputs with the four bits that both ends adapt on (QM4).
pub(super) const QM4: [i16; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];

/// What a four-bit code adds to the lower band's logarithmic scale factor (WL by way of RL42).
pub(super) const WL4: [i16; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// Outputs of the higher band's quantizer (QM2).
pub(super) const QM2: [i16; 4] = [-7408, -1616, 7408, 1616];

/// What its code adds to the logarithmic scale factor (WH by way of RH2).
pub(super) const WH2: [i16; 4] = [798, -214, 798, -214];

/// The decision level of the higher band's quantizer (Q2).
pub(super) const Q2: i32 = 564;

/// One octave of the inverse logarithm: 2048 · 2^(i/32) (ILB).
pub(super) const ILB: [i16; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Half of the symmetric band-splitting filter (table 11), every second coefficient: h0, h2, … h22, of which the odd ones
/// are the mirror image.
pub(super) const QMF: [i16; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
