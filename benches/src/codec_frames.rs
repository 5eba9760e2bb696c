use tandem_codecs::{CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_model::{Entropy, Ptime, SampleRate, SeedEntropy};

/// 20 ms at the highest rate, and the longest payload.
const SAMPLES_MAX: usize = 960;
const PAYLOAD_BYTES_MAX: usize = 1_400;
/// A second of sound, gone through again and again.
const FRAMES: usize = 50;

/// One codec at one rate with voice-like sound to code, 20 ms a time: as two packets where the codec has none that long.
pub struct CodecFrames {
    encoder: Box<dyn Encoder>,
    decoder: Box<dyn Decoder>,
    pcm: Vec<Vec<i16>>,
    payloads: Vec<Vec<u8>>,
    packets_a_frame: usize,
    next: usize,
}

/// A codec and a rate for the name of a bench, without blanks: `opus-16000`, `L16-48000`.
pub fn frame_name(codec: &CodecSpec, rate: SampleRate) -> String {
    format!("{}-{}", codec.name, rate.0)
}

impl CodecFrames {
    /// # Panics
    /// When the codec does not run at `rate`.
    pub fn new(codec: &CodecSpec, rate: SampleRate, fmtp: &str) -> Self {
        let ptime = codec.ptime_for(Ptime(20));
        let settings = EncoderSettings { fmtp, ..EncoderSettings::new(rate, ptime) };
        let make = || (codec.encoder)(&settings).expect("a rate of the codec");
        let mut encoder = make();
        let packets_a_frame = usize::from(20 / ptime.0);
        let pcm: Vec<Vec<i16>> = spoken(rate)
            .chunks_exact(rate.samples(ptime))
            .take(FRAMES * packets_a_frame)
            .map(<[i16]>::to_vec)
            .collect();
        let payloads = pcm
            .iter()
            .map(|frame| {
                let mut payload = vec![0; PAYLOAD_BYTES_MAX];
                let bytes = encoder.encode(frame, &mut payload).expect("a whole frame");
                payload.truncate(bytes);
                payload
            })
            .collect();
        let mut encoder = make();
        if fmtp.is_empty() {
            encoder.set_expected_loss_percent(0);
        }
        let decoder = (codec.decoder)(rate).expect("a rate of the codec");
        CodecFrames { encoder, decoder, pcm, payloads, packets_a_frame, next: 0 }
    }

    /// Bytes of the next 20 ms.
    pub fn encode(&mut self) -> usize {
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        (0..self.packets_a_frame)
            .map(|_| {
                self.next = (self.next + 1) % self.pcm.len();
                self.encoder.encode(&self.pcm[self.next], &mut payload).unwrap_or(0)
            })
            .sum()
    }

    /// Samples of the next 20 ms.
    pub fn decode(&mut self) -> usize {
        let mut pcm = [0; SAMPLES_MAX];
        (0..self.packets_a_frame)
            .map(|_| {
                self.next = (self.next + 1) % self.payloads.len();
                self.decoder.decode(&self.payloads[self.next], &mut pcm).unwrap_or(0)
            })
            .sum()
    }
}

/// Twelve harmonics of 140 Hz that swell four times a second, over a little noise.
fn spoken(rate: SampleRate) -> Vec<i16> {
    let mut random = SeedEntropy::new(20);
    (0..rate.0)
        .map(|n| {
            let at = |hz: f64| (f64::from(n) * hz * std::f64::consts::TAU / f64::from(rate.0)).sin();
            let voice: f64 = (1..=12).map(|h| at(140.0 * f64::from(h)) / f64::from(h)).sum();
            let noise = f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
            (voice * (0.6 + 0.4 * at(4.0)) * 6_000.0 + noise * 300.0) as i16
        })
        .collect()
}
