//! What goes into the packets of one side, and what a stamped payload says.

use super::speech;

/// Bytes of 20 ms of PCMU.
const PCMU_BYTES: usize = 160;
const MARK: [u8; 4] = *b"load";

/// The payloads of one side, sent in turn.
pub enum Payloads {
    /// Made when they are sent, with a stamp in front.
    Stamped,
    Encoded {
        frames: Vec<Vec<u8>>,
        payload_type: u8,
        clock_step: u32,
    },
}

impl Payloads {
    pub fn pcmu_speech() -> Result<Self, tandem_codecs::CodecError> {
        Ok(Payloads::Encoded { frames: speech::pcmu()?, payload_type: 0, clock_step: 160 })
    }

    /// Opus has a clock of 48 kHz whatever it carries (RFC 7587 section 4.1).
    pub fn opus_speech() -> Result<Self, tandem_codecs::CodecError> {
        Ok(Payloads::Encoded { frames: speech::opus()?, payload_type: 96, clock_step: 960 })
    }

    pub fn payload_type(&self) -> u8 {
        match self {
            Payloads::Stamped => 0,
            Payloads::Encoded { payload_type, .. } => *payload_type,
        }
    }

    pub fn clock_step(&self) -> u32 {
        match self {
            Payloads::Stamped => 160,
            Payloads::Encoded { clock_step, .. } => *clock_step,
        }
    }

    pub fn write(&self, stamp: Stamp, out: &mut Vec<u8>) {
        match self {
            Payloads::Stamped => stamp.write(out),
            // Each call is at another place of the speech.
            Payloads::Encoded { frames, .. } => {
                out.extend_from_slice(&frames[(stamp.count as usize + stamp.call as usize * 7) % frames.len()]);
            }
        }
    }
}

/// Who sent a payload, as which, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub call: u32,
    pub count: u32,
    /// Nanoseconds since the run began.
    pub sent_ns: u64,
}

impl Stamp {
    fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&self.call.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.sent_ns.to_be_bytes());
        out.resize(start + PCMU_BYTES, 0xff);
    }

    /// None for a payload that has none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&MARK)?;
        Some(Stamp {
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
        let stamp = Stamp { call: 7, count: 9, sent_ns: 11 };
        let mut out = Vec::new();
        Payloads::Stamped.write(stamp, &mut out);
        assert_eq!((out.len(), Stamp::read(&out)), (PCMU_BYTES, Some(stamp)));
        assert_eq!(Stamp::read(&out[..18]), None);
        assert_eq!(Stamp::read(&[0xff; PCMU_BYTES]), None);
    }
}
