//! What the first bytes of a packet tell without decoding it (RFC 6716 section 3).

/// The packet carries a second, coarser coding of the frame before it (section 4.2.5, "LBRR").
/// False for anything too short to tell.
pub(super) fn has_redundancy(packet: &[u8]) -> bool {
    let Some((&toc, rest)) = packet.split_first() else { return false };
    let Some(silk_frames) = silk_frames(toc) else { return false };
    let Some(&head) = first_frame(toc & 3, rest).and_then(<[u8]>::first) else { return false };
    // The frame opens with plain bits: for each channel one voice bit per SILK frame, then one redundancy bit.
    let mono = head >> (7 - silk_frames) & 1 == 1;
    let side = toc & 0b100 != 0 && head >> (6 - 2 * silk_frames).max(0) & 1 == 1;
    mono || side
}

/// 20 ms units of the speech layer in one frame; None when the packet has no speech layer.
fn silk_frames(toc: u8) -> Option<i32> {
    match toc >> 3 {
        // Speech only: 10, 20, 40, 60 ms for each of three bandwidths.
        config @ 0..12 => Some(match config & 3 {
            3 => 3,
            2 => 2,
            _ => 1,
        }),
        // Hybrid: 10 or 20 ms.
        12..16 => Some(1),
        _ => None,
    }
}

/// The first compressed frame, at least its beginning (sections 3.2.2 to 3.2.5).
fn first_frame(code: u8, rest: &[u8]) -> Option<&[u8]> {
    match code {
        0 | 1 => Some(rest),
        2 => after_length(rest),
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                // Padding length: 255 stands for 254 and another byte of length.
                while let Some((&length, after)) = rest.split_first() {
                    rest = after;
                    if length != 255 {
                        break;
                    }
                }
            }
            let lengths = if count & 0x80 != 0 { (count & 0x3f).saturating_sub(1) } else { 0 };
            (0..lengths).try_fold(rest, |rest, _| after_length(rest))
        }
    }
}

/// Skips one frame length: one byte below 252, else two.
fn after_length(bytes: &[u8]) -> Option<&[u8]> {
    let length_bytes = if *bytes.first()? < 252 { 1 } else { 2 };
    bytes.get(length_bytes..)
}
