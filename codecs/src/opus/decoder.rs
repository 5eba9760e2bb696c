use opus::{Channels, packet};
use tandem_model::SampleRate;

use super::{check_rate, toc};
use crate::{CodecError, Decoder};

/// A mono decoder straight to the rate asked: a fullband stream costs less at 8 kHz, and stereo is mixed down inside.
pub(super) struct OpusDecoder {
    state: opus::Decoder,
    rate: SampleRate,
}

impl OpusDecoder {
    pub(super) fn new(rate: SampleRate) -> Result<Self, CodecError> {
        check_rate(rate)?;
        let state = opus::Decoder::new(rate.0, Channels::Mono).map_err(|_| CodecError::Rate(rate))?;
        Ok(OpusDecoder { state, rate })
    }

    /// libopus conceals and recovers in steps of 2.5 ms.
    fn is_whole_steps(&self, samples: usize) -> bool {
        samples > 0 && samples.is_multiple_of(self.rate.0 as usize / 400)
    }
}

impl Decoder for OpusDecoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        // An empty payload would ask libopus for concealment; on the wire it is an error.
        if payload.is_empty() {
            return Err(CodecError::Malformed);
        }
        let needed = packet::get_nb_samples(payload, self.rate.0).map_err(|_| CodecError::Malformed)?;
        if needed > pcm.len() {
            return Err(CodecError::OutputTooSmall { needed });
        }
        self.state.decode(payload, pcm, false).map_err(|_| CodecError::Malformed)
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> bool {
        self.is_whole_steps(pcm.len()) && self.state.decode(&[], pcm, false).is_ok()
    }

    fn decode_fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Option<usize> {
        if !toc::has_redundancy(next) || !self.is_whole_steps(pcm.len()) {
            return None;
        }
        self.state.decode(next, pcm, true).ok()
    }

    fn reset(&mut self) {
        // Fails only for a null decoder, which `new` does not give.
        let _ = self.state.reset_state();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The bitstreams of RFC 8251: for each packet its length, the range coder's final state, and its bytes. The state tells
    /// whether every symbol was read as the encoder wrote it.
    #[test]
    fn the_range_coder_ends_where_the_test_bitstreams_say() {
        #[expect(clippy::disallowed_methods, reason = "the vectors are large, so their owner says where they are")]
        let folder = std::env::var("TANDEM_ITU_VECTORS").map(|folder| PathBuf::from(folder).join("opus"));
        let mut packets = 0;
        for n in 1..=12 {
            let Ok(folder) = &folder else { break };
            #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
            let Ok(bytes) = std::fs::read(folder.join(format!("testvector{n:02}.bit"))) else { continue };
            let mut decoder = OpusDecoder::new(SampleRate::HZ_48000).expect("a rate of Opus");
            let mut rest = bytes.as_slice();
            while let [l0, l1, l2, l3, r0, r1, r2, r3, after @ ..] = rest {
                let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
                let (packet, next) = after.split_at(length);
                decoder.decode(packet, &mut [0; 5_760]).expect("a packet of the bitstream");
                let range = decoder.state.get_final_range().expect("after a packet");
                assert_eq!(range, u32::from_be_bytes([*r0, *r1, *r2, *r3]), "bitstream {n}");
                (rest, packets) = (next, packets + 1);
            }
        }
        if packets == 0 {
            eprintln!("skipped: TANDEM_ITU_VECTORS names no folder with opus/testvector01.bit and its companions");
        }
    }
}
