use tandem_codecs::{CodecSpec, Encoder, EncoderSettings};
use tandem_model::SampleRate;

use super::send::spec_ptime;
use crate::control::LegSpec;
use crate::resample::RateFifo;

/// An encoder, fed with PCM of one rate, in pieces of any length: the codec's own rate where it runs at that one.
pub(super) struct Encoding {
    encoder: Box<dyn Encoder>,
    /// What waits for a whole packet, at the encoder's rate.
    waiting: RateFifo,
    /// One packet's worth.
    frame: Box<[i16]>,
}

impl Encoding {
    /// For PCM at `input`. None when the codec cannot be made, which its specification rules out.
    pub fn new(spec: &LegSpec, input: SampleRate) -> Option<Self> {
        let codec = CodecSpec::by_id(spec.codec);
        // What the far end does not play is not worth coding.
        let rate = codec.rate_for(input.min(codec.far_end(&spec.fmtp).plays));
        let ptime = spec_ptime(spec);
        let settings = EncoderSettings { rate, ptime, fmtp: &spec.fmtp, tuning: spec.tuning };
        let encoder = (codec.encoder)(&settings).ok()?;
        let frame = vec![0; rate.samples(ptime)].into_boxed_slice();
        // A packet that is not full yet, and a tick with what a resampler may add to it.
        let room = frame.len() + rate.samples(tandem_model::Ptime(40));
        Some(Encoding { encoder, waiting: RateFifo::new(input, rate, room), frame })
    }

    /// The rate of what it is fed.
    pub fn input(&self) -> SampleRate {
        self.waiting.source()
    }

    pub fn expect_loss(&mut self, percent: u8) {
        self.encoder.set_expected_loss_percent(percent);
    }

    pub fn push(&mut self, pcm: &[i16]) {
        self.waiting.push(pcm);
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Makes the next packet's worth ready to [`encode`](Self::encode); False when there is no whole one.
    pub fn next_frame(&mut self) -> bool {
        let whole = self.waiting.len() >= self.frame.len();
        if whole {
            self.waiting.take(&mut self.frame);
        }
        whole
    }

    pub fn frame(&self) -> &[i16] {
        &self.frame
    }

    /// Encodes the frame; 0 when the codec has nothing to send for it, None when it cannot.
    pub fn encode(&mut self, payload: &mut [u8]) -> Option<usize> {
        self.encoder.encode(&self.frame, payload).ok()
    }
}
