//! What one party heard, kept as it came, and as sound.

use tandem_codecs::{CodecError, CodecId, CodecSpec};
use tandem_model::{Ptime, SampleRate};

/// The rate of everything that is listened to.
pub const RATE: SampleRate = SampleRate::HZ_8000;

/// RTP payloads of one stream in the order they came.
#[derive(Debug, Default)]
pub struct Heard {
    bytes: Vec<u8>,
    packets: Vec<Packet>,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    start: usize,
    len: usize,
    at_ns: u64,
}

impl Heard {
    pub fn keep(&mut self, sequence: u16, timestamp: u32, payload_type: u8, payload: &[u8], at_ns: u64) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.packets.push(Packet { sequence, timestamp, payload_type, start, len: payload.len(), at_ns });
    }

    /// Payload bytes of a packet on average.
    pub fn mean_bytes(&self) -> f64 {
        self.bytes.len() as f64 / self.packets.len().max(1) as f64
    }

    /// The sound, each packet where its timestamp puts it, at [`RATE`]. What was not received is silence.
    ///
    /// # Errors
    /// The codec's, or a packet of another payload type.
    pub fn sound(&self, codec: CodecId, payload_type: u8) -> Result<Vec<i16>, CodecError> {
        let spec = CodecSpec::by_id(codec);
        let mut decoder = (spec.decoder)(RATE)?;
        let (mut out, mut pcm) = (Vec::new(), vec![0; RATE.samples(Ptime(20)) * 6]);
        let mut packets = self.packets.clone();
        let Some(first) = packets.first().copied() else { return Ok(out) };
        // Reordering is a matter of a few packets, so the distance to the first tells the order, across the wrap too.
        packets.sort_by_key(|p| p.timestamp.wrapping_sub(first.timestamp) as i32);
        let origin = packets[0].timestamp;
        for packet in packets {
            if packet.payload_type != payload_type {
                return Err(CodecError::Malformed);
            }
            let payload = &self.bytes[packet.start..packet.start + packet.len];
            let samples = decoder.decode(payload, &mut pcm)?;
            let clock = u64::from(packet.timestamp.wrapping_sub(origin));
            let at = (clock * u64::from(RATE.0) / u64::from(spec.clock_hz)) as usize;
            if out.len() < at + samples {
                out.resize(at + samples, 0);
            }
            out[at..at + samples].copy_from_slice(&pcm[..samples]);
        }
        Ok(out)
    }

    /// When a sample of [`sound`](Self::sound) could be heard at the earliest: when its packet had come, and as much later as it
    /// stands in it. In nanoseconds.
    pub fn time_of(&self, codec: CodecId, sample: usize) -> Option<u64> {
        let clock_hz = u64::from(CodecSpec::by_id(codec).clock_hz);
        let first = self.packets.first()?.timestamp;
        let offset = |p: &Packet| p.timestamp.wrapping_sub(first) as i32;
        let origin = self.packets.iter().map(offset).min()?;
        let begins = |p: &Packet| (i64::from(offset(p) - origin) as u64 * u64::from(RATE.0) / clock_hz) as usize;
        let holds = self.packets.iter().filter(|p| begins(p) <= sample).max_by_key(|p| begins(p))?;
        Some(holds.at_ns + (sample - begins(holds)) as u64 * 1_000_000_000 / u64::from(RATE.0))
    }

    /// Packets whose sequence number did not come, between the first and the last.
    pub fn missing(&self) -> u64 {
        let Some(first) = self.packets.first() else { return 0 };
        let (mut lowest, mut highest) = (0_i64, 0_i64);
        let mut last = 0_i64;
        for packet in &self.packets {
            last += i64::from(packet.sequence.wrapping_sub((i64::from(first.sequence) + last) as u16) as i16);
            (lowest, highest) = (lowest.min(last), highest.max(last));
        }
        ((highest - lowest + 1) as u64).saturating_sub(self.packets.len() as u64)
    }

    pub fn len(&self) -> usize {
        self.packets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_lies_where_the_timestamps_put_it_and_a_hole_is_silent() {
        let mut heard = Heard::default();
        for (sequence, value) in [(65_535_u16, 0x80), (1, 0x80), (0, 0x00)] {
            let step = sequence.wrapping_sub(65_534);
            heard.keep(
                sequence,
                (u32::MAX - 300).wrapping_add(u32::from(step) * 160),
                0,
                &[value; 160],
                u64::from(step) * 1_000_000,
            );
        }
        heard.keep(4, (u32::MAX - 300).wrapping_add(6 * 160), 0, &[0x80; 160], 9_000_000);
        let sound = heard.sound(CodecId::Pcmu, 0).expect("PCMU");
        assert_eq!(sound.len(), 6 * 160);
        assert!(sound[0] > 30_000 && sound[160] < -30_000 && sound[320] > 30_000 && sound[900] > 30_000);
        assert!(sound[480..800].iter().all(|s| *s == 0));
        assert_eq!(heard.missing(), 2);
        // Sample 170 lies 10 samples, or 1.25 ms, into the second packet, which came at 2 ms.
        assert_eq!(heard.time_of(CodecId::Pcmu, 170), Some(3_250_000));
        assert_eq!(heard.time_of(CodecId::Pcmu, 0), Some(1_000_000));
        assert_eq!(Heard::default().time_of(CodecId::Pcmu, 0), None);
        assert_eq!(heard.mean_bytes(), 160.0);
        assert_eq!(heard.sound(CodecId::Pcmu, 8), Err(CodecError::Malformed));
    }
}
