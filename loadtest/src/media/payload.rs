//! What goes into the packets of one stream, and what a stamped payload says.

use std::time::{Duration, SystemTime};

use super::speech;

/// Bytes of 20 ms of PCMU.
const PCMU_BYTES: usize = 160;
const MARK: [u8; 4] = *b"load";

/// The payloads of one stream.
pub enum Payloads {
    /// PCMU, made when it is sent, with a stamp in front.
    Stamped,
    /// Sent in turn, from `first` on, over and over.
    Encoded { frames: Vec<Vec<u8>>, first: usize, clock_step: u32 },
}

impl Payloads {
    pub fn clock_step(&self) -> u32 {
        match self {
            Payloads::Stamped => PCMU_BYTES as u32,
            Payloads::Encoded { clock_step, .. } => *clock_step,
        }
    }

    /// Whether the tone of a party begins with this packet of a stream.
    pub fn is_onset(&self, count: u32) -> bool {
        matches!(self, Payloads::Encoded { frames, first, .. } if speech::is_onset((first + count as usize) % frames.len()))
    }

    pub fn write(&self, stamp: Stamp, out: &mut Vec<u8>) {
        match self {
            Payloads::Stamped => stamp.write(out),
            Payloads::Encoded { frames, first, .. } => {
                out.extend_from_slice(&frames[(first + stamp.count as usize) % frames.len()]);
            }
        }
    }
}

/// Who sent a payload, as which, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub side: u8,
    pub call: u32,
    pub count: u32,
    /// The kernel's stamps of arrival are of the same clock.
    pub sent_ns: u64,
}

/// Nanoseconds of the system's clock.
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos() as u64
}

impl Stamp {
    fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MARK);
        out.push(self.side);
        out.extend_from_slice(&self.call.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.sent_ns.to_be_bytes());
        out.resize(start + PCMU_BYTES, 0xff);
    }

    /// None for a payload that has none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (side, rest) = payload.strip_prefix(&MARK)?.split_first()?;
        Some(Stamp {
            side: *side,
            call: u32::from_be_bytes(*rest.first_chunk()?),
            count: u32::from_be_bytes(*rest.get(4..)?.first_chunk()?),
            sent_ns: u64::from_be_bytes(*rest.get(8..)?.first_chunk()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_out_of_a_whole_payload() {
        let stamp = Stamp { side: 1, call: 7, count: 9, sent_ns: 11 };
        let mut out = Vec::new();
        Payloads::Stamped.write(stamp, &mut out);
        assert_eq!((out.len(), Stamp::read(&out)), (PCMU_BYTES, Some(stamp)));
        assert_eq!(Stamp::read(&out[..19]), None);
        assert_eq!(Stamp::read(&[0xff; PCMU_BYTES]), None);
    }
}
