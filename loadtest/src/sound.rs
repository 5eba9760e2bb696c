use std::f64::consts::TAU;

use clap::ValueEnum;
use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

/// What one side of a call speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    Pcmu,
    Opus,
}

impl Codec {
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Opus => 111,
        }
    }

    pub fn rtpmap(self) -> &'static str {
        match self {
            Codec::Pcmu => "0 PCMU/8000",
            Codec::Opus => "111 opus/48000/2",
        }
    }

    /// RTP clock ticks of a frame of 20 ms.
    pub fn step(self) -> u32 {
        match self {
            Codec::Pcmu => 160,
            Codec::Opus => 960,
        }
    }

    /// Two seconds of something like a voice, as payloads of 20 ms.
    pub fn payloads(self) -> Vec<Vec<u8>> {
        let (id, rate) = match self {
            Codec::Pcmu => (CodecId::Pcmu, 8_000),
            Codec::Opus => (CodecId::Opus, 48_000),
        };
        let settings = EncoderSettings { rate: SampleRate(rate), ptime: Ptime(20), fmtp: "", complexity: 5 };
        let mut encoder = (CodecSpec::by_id(id).encoder)(&settings).expect("the codec takes its natural rate");
        let samples: Vec<i16> = voice(rate).collect();
        let frames = samples.chunks_exact(rate as usize / 50);
        frames
            .map(|frame| {
                let mut payload = vec![0; 1_500];
                let n = encoder.encode(frame, &mut payload).expect("room for a frame");
                payload.truncate(n);
                payload
            })
            .collect()
    }
}

/// A buzz of harmonics through moving resonances, in syllables: what a speech codec has to work on.
fn voice(rate: u32) -> impl Iterator<Item = i16> {
    (0..rate * 2).map(move |i| {
        let t = f64::from(i) / f64::from(rate);
        let pitch = 120.0 + 25.0 * (TAU * 0.7 * t).sin();
        let syllable = (TAU * 2.0 * t).sin().max(0.0).sqrt();
        let (f1, f2) = (500.0 + 250.0 * (TAU * 1.5 * t).sin(), 1_700.0 + 600.0 * (TAU * 1.1 * t).cos());
        let sum: f64 = (1..28)
            .map(|n| {
                let hz = pitch * f64::from(n);
                let gain = 1.0 / (1.0 + ((hz - f1) / 120.0).powi(2)) + 0.6 / (1.0 + ((hz - f2) / 180.0).powi(2));
                gain * (TAU * 120.0 * f64::from(n) * t + f64::from(n)).sin()
            })
            .sum();
        (sum * syllable * 5_000.0).clamp(-30_000.0, 30_000.0) as i16
    })
}
