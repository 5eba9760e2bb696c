//! A network from a seed: what a sender says in even packets arrives late, twice, out of order, in bursts or not at all,
//! and a `Playout` plays it tick by tick. Time is simulated.
#![allow(dead_code, reason = "each test file uses its part")]

use std::f64::consts::TAU;

use tandem_codecs::{CodecId, CodecSpec, Encoder, EncoderSettings};
use tandem_media::jitter::{Content, JitterConfig, Packet};
use tandem_media::playout::{FRAME_SAMPLES_MAX, Playout, PlayoutCounts};
use tandem_model::{Entropy, Ptime, SampleRate, SeedEntropy, Timestamp};

/// When everything begins, so that nothing happens before zero.
const START_NS: i64 = 1_000_000_000;
/// The delay of the best path.
pub const BASE_MS: f64 = 50.0;

#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub seed: u64,
    /// Every packet is late by up to this, evenly spread, whatever its neighbours.
    pub jitter_ms: f64,
    pub loss: f64,
    pub duplicates: f64,
    /// Packets sent in this part of every period arrive at its end: (period, length).
    pub stall_ms: Option<(f64, f64)>,
    /// The sender's clock is off by this much.
    pub drift_ppm: f64,
    /// Where in the tick the first packet comes.
    pub phase_ms: f64,
}

impl Network {
    pub fn clean(seed: u64) -> Self {
        Network {
            seed,
            jitter_ms: 0.0,
            loss: 0.0,
            duplicates: 0.0,
            stall_ms: None,
            drift_ppm: 0.0,
            phase_ms: seed as f64 * 3.7 % 20.0,
        }
    }
}

/// One packet as it was sent: when, by the sender's clock, and what.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at_ms: f64,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Option<Vec<u8>>,
}

/// What was heard, and how.
pub struct Heard {
    pub pcm: Vec<i16>,
    pub counts: PlayoutCounts,
    /// What the buffer added, at each tick that played something: by its own account.
    pub added_ms: Vec<f32>,
    /// Whether each tick played something.
    pub ticks: Vec<bool>,
    pub late: u64,
}

impl Heard {
    pub fn mean_added_ms(&self) -> f32 {
        self.added_ms.iter().sum::<f32>() / self.added_ms.len().max(1) as f32
    }

    /// The mean of the ticks from `from_s` to `to_s`.
    pub fn mean_between(&self, from_s: usize, to_s: usize) -> f32 {
        let part = &self.added_ms[from_s * 50..to_s * 50];
        part.iter().sum::<f32>() / part.len() as f32
    }

    pub fn max_added_ms(&self) -> f32 {
        self.added_ms.iter().copied().fold(0.0, f32::max)
    }
}

/// Encodes `pcm` to packets of `ptime_ms`, from a sequence and a timestamp about to wrap.
pub fn send(codec: CodecId, rate: SampleRate, ptime_ms: u8, fmtp: &str, pcm: &[i16]) -> Vec<Sent> {
    let spec = CodecSpec::by_id(codec);
    let settings = EncoderSettings { fmtp, ..EncoderSettings::new(rate, Ptime(ptime_ms)) };
    let mut encoder: Box<dyn Encoder> = (spec.encoder)(&settings).expect("a rate of the codec");
    let units = spec.clock_hz / 1_000 * u32::from(ptime_ms);
    pcm.chunks_exact(rate.samples(Ptime(ptime_ms)))
        .zip(0_u32..)
        .map(|(frame, n)| {
            let mut payload = [0; 1_400];
            let len = encoder.encode(frame, &mut payload).expect("encodes");
            Sent {
                at_ms: f64::from(n) * f64::from(ptime_ms),
                sequence: 65_500_u16.wrapping_add(n as u16),
                timestamp: (u32::MAX - 50_000).wrapping_add(n.wrapping_mul(units)),
                marker: n == 0,
                payload: Some(payload[..len].to_vec()),
            }
        })
        .collect()
}

impl Network {
    /// When each packet arrives, in the order of arrival.
    pub fn carry<'a>(&self, sent: &'a [Sent]) -> Vec<(Timestamp, &'a Sent)> {
        let mut random = SeedEntropy::new(self.seed);
        let mut share = || f64::from(random.next_u32()) / f64::from(u32::MAX);
        let mut arrivals = Vec::new();
        for packet in sent {
            let (lost, twice, late) = (share() < self.loss, share() < self.duplicates, share() * self.jitter_ms);
            let sent_ms = packet.at_ms * (1.0 + self.drift_ppm / 1e6);
            let held_ms = self.stall_ms.map_or(0.0, |(period, length)| {
                // The first period is spared, for the buffer to settle.
                let into = sent_ms % period;
                if sent_ms >= period && into < length { length - into } else { 0.0 }
            });
            let at_ms = self.phase_ms + BASE_MS + sent_ms + held_ms.max(late);
            let at = Timestamp::from_nanos((START_NS + (at_ms * 1e6) as i64) as u64);
            if !lost {
                arrivals.push((at, packet));
                if twice {
                    arrivals.push((at + std::time::Duration::from_micros((share() * 30_000.0) as u64), packet));
                }
            }
        }
        arrivals.sort_by_key(|(at, _)| *at);
        arrivals
    }

    /// Carries and plays until the last packet had its turn.
    pub fn play(&self, codec: CodecId, rate: SampleRate, ptime_ms: u8, config: JitterConfig, sent: &[Sent]) -> Heard {
        let mut playout = Playout::new(codec, rate, u32::from(ptime_ms), config).expect("a rate of the codec");
        let mut arrivals = self.carry(sent).into_iter().peekable();
        let end_ms = sent.last().map_or(0.0, |s| s.at_ms) + BASE_MS + 40.0;
        let (mut frame, mut tick) = ([0; FRAME_SAMPLES_MAX], vec![0; rate.0 as usize / 50]);
        let mut heard =
            Heard { pcm: vec![], counts: PlayoutCounts::default(), added_ms: vec![], ticks: vec![], late: 0 };
        for n in 0..(end_ms / 20.0) as u64 {
            let now = Timestamp::from_nanos(START_NS as u64 + n * 20_000_000);
            while let Some((at, packet)) = arrivals.next_if(|(at, _)| *at <= now) {
                let content = packet.payload.as_deref().map_or(Content::Nothing, Content::Audio);
                let (sequence, timestamp, marker) = (packet.sequence, packet.timestamp, packet.marker);
                let insert = playout.insert(at, Packet { sequence, timestamp, marker, content });
                heard.late += u64::from(insert == tandem_media::jitter::Insert::Late);
            }
            let added = playout.delay_ms(now);
            let played = playout.fill(now, &mut frame, &mut tick, &mut heard.counts);
            heard.ticks.push(played);
            if played {
                heard.added_ms.extend(added);
                heard.pcm.extend(&tick);
            }
        }
        heard
    }
}

/// A voice-like signal: a gliding pitch with formants in syllables, between breaths of noise.
pub fn speech(rate: SampleRate, secs: usize) -> Vec<i16> {
    let hz = rate.0 as usize;
    let mut noise = SeedEntropy::new(7);
    let mut phase = 0.0;
    (0..hz * secs)
        .map(|n| {
            let t = n as f64 / hz as f64;
            phase += TAU * (130.0 + 25.0 * (TAU * 0.3 * t).sin()) / hz as f64;
            let voice: f64 = (1..12).map(|h| (phase * h as f64).sin() / (1.0 + (h as f64 - 4.0).abs())).sum();
            let syllable = (TAU * 2.0 * t).sin().max(0.0).sqrt();
            let breath = f64::from(noise.next_u32() % 2_000) - 1_000.0;
            (voice * syllable * 4_000.0 + breath * 0.05) as i16
        })
        .collect()
}

pub fn tone(rate: SampleRate, hz: f64, secs: usize) -> Vec<i16> {
    let step = TAU * hz / f64::from(rate.0);
    (0..rate.0 as usize * secs).map(|n| ((n as f64 * step).sin() * 10_000.0) as i16).collect()
}

/// The greatest step between neighbouring samples: what a click exceeds.
pub fn steepest(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap_or(0)
}
