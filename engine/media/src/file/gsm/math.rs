//! Arithmetic of 16 bits as the standard defines it (EN 300 961 section 5.1): it saturates, and products are rounded fractions.

pub(super) fn add(a: i16, b: i16) -> i16 {
    a.saturating_add(b)
}

pub(super) fn sub(a: i16, b: i16) -> i16 {
    a.saturating_sub(b)
}

/// The product of two fractions, rounded. −1 × −1 is the largest number below 1.
pub(super) fn mult_r(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b) + 16_384) >> 15).min(i32::from(i16::MAX)) as i16
}
