use tandem_codecs::{CodecId, CodecSpec, Encoder, EncoderSettings, Tuning};
use tandem_model::limits::TICK;
use tandem_model::{Ptime, SampleRate};

use crate::leg::encoder_rate;
use crate::resample::RateFifo;

/// 20 ms at the highest rate, and the largest payload.
const SAMPLES_MAX: usize = 960;
const PAYLOAD_BYTES_MAX: usize = 1_400;
/// A shared encoder nobody used for a second is given up.
const IDLE_TICKS_MAX: u32 = 1_000 / TICK.as_millis() as u32;

/// One encode for all listeners of the same sum that agreed the same codec.
pub(super) struct SharedEncoder {
    codec: CodecId,
    fmtp: String,
    encoder: Box<dyn Encoder>,
    fifo: RateFifo,
    payload: Box<[u8; PAYLOAD_BYTES_MAX]>,
    /// Bytes of this tick's payload; None until it is asked for.
    len: Option<usize>,
    /// Ticks it was not asked for.
    idle: u32,
    /// The most that any of its listeners loses, of those who asked this tick, and what it was told.
    loss_percent: u8,
    loss_percent_told: u8,
}

impl SharedEncoder {
    pub fn new(codec: CodecId, fmtp: &str, tuning: Tuning, from: SampleRate) -> Option<Self> {
        let rate = encoder_rate(codec, from.min(CodecSpec::by_id(codec).far_end(fmtp).plays));
        let settings = EncoderSettings { rate, ptime: Ptime(20), fmtp, tuning };
        let mut encoder = (CodecSpec::by_id(codec).encoder)(&settings).ok()?;
        encoder.set_expected_loss_percent(0);
        Some(SharedEncoder {
            codec,
            fmtp: fmtp.to_owned(),
            encoder,
            fifo: RateFifo::new(from, rate, 2 * SAMPLES_MAX),
            payload: Box::new([0; PAYLOAD_BYTES_MAX]),
            len: None,
            idle: 0,
            loss_percent: 0,
            loss_percent_told: 0,
        })
    }

    pub fn encodes(&self, codec: CodecId, fmtp: &str) -> bool {
        self.codec == codec && self.fmtp == fmtp
    }

    pub fn is_forgotten(&self) -> bool {
        self.idle >= IDLE_TICKS_MAX
    }

    pub fn next_tick(&mut self) {
        self.idle = if self.len.take().is_some() { 0 } else { self.idle + 1 };
        if self.loss_percent != self.loss_percent_told {
            self.encoder.set_expected_loss_percent(self.loss_percent);
            self.loss_percent_told = self.loss_percent;
        }
        self.loss_percent = 0;
    }

    /// This tick's payload; `pcm` is the same whoever asks first.
    pub fn payload(&mut self, loss_percent: u8, pcm: &[i16]) -> Option<&[u8]> {
        self.loss_percent = self.loss_percent.max(loss_percent);
        if self.len.is_none() {
            let mut matched = [0; SAMPLES_MAX];
            let samples = self.fifo.rate().samples(Ptime(20)).min(SAMPLES_MAX);
            self.fifo.push(pcm);
            self.fifo.take(&mut matched[..samples]);
            self.len = self.encoder.encode(&matched[..samples], &mut self.payload[..]).ok();
        }
        self.payload.get(..self.len?)
    }
}
