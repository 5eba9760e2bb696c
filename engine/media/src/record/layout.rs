use crate::tap::TapFrame;

/// What a recording's channels hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One channel.
    Mono(Track),
    /// Two: what the leg's peer said is the first (left), what it was told the second.
    Dual,
}

/// Which direction is heard in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    Inbound,
    Outbound,
    /// The sum of both.
    Both,
}

impl Layout {
    pub fn channels(self) -> u16 {
        match self {
            Layout::Mono(_) => 1,
            Layout::Dual => 2,
        }
    }

    /// Appends a frame's samples, interleaved, little-endian; what the frame lacks of `samples` is silence.
    pub(super) fn write(self, frame: &TapFrame<'_>, samples: usize, out: &mut Vec<u8>) {
        for n in 0..samples {
            let at = |track: &[i16]| track.get(n).copied().unwrap_or(0);
            let (inbound, outbound) = (at(frame.inbound), at(frame.outbound));
            match self {
                Layout::Mono(Track::Inbound) => out.extend(inbound.to_le_bytes()),
                Layout::Mono(Track::Outbound) => out.extend(outbound.to_le_bytes()),
                Layout::Mono(Track::Both) => out.extend(inbound.saturating_add(outbound).to_le_bytes()),
                Layout::Dual => out.extend(inbound.to_le_bytes().into_iter().chain(outbound.to_le_bytes())),
            }
        }
    }
}
