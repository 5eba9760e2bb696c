//! What a call sounds like over a bad network: `quality <codec> <network> <seed> <in.wav> <out.wav>`.
//!
//! The speech is encoded, carried by a network from the seed, played by `Playout`, and written down, with one line of
//! figures on standard output. Time is simulated. `benches/quality.sh` runs it over many voices and scores the results.
//!
//! Codecs: `pcmu`, `opus`, `opus-nofec`. Networks: `clean`, `loss:<percent>`, `jitter:<ms>` (either way), `stall:<ms>`
//! (every five seconds). Two references lose the same packets: `pcmu-silence` plays holes, `pcmu-repeat` the last packet again
//! and fading; `opus-bare` is libopus alone, with redundancy where there is some.

use std::process::ExitCode;

use tandem_codecs::{CodecId, CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_media::jitter::{Content, JitterConfig, Packet};
use tandem_media::playout::{FRAME_SAMPLES_MAX, Playout, PlayoutCounts};
use tandem_model::{Entropy, Ptime, SampleRate, SeedEntropy, Timestamp};

/// The delay of the best path, and when the first packet is sent.
const BASE_NS: u64 = 1_050_000_000;
const TICK_NS: u64 = 20_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [codec, network, seed, input, output] = arguments.as_slice() else { return usage() };
    let (Some(codec), Some(network), Ok(seed)) = (Codec::of(codec), Network::of(network), seed.parse()) else {
        return usage();
    };
    match run(codec, network, seed, input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("quality: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("quality <codec> clean|loss:<percent>|jitter:<ms>|stall:<ms> <seed> <in.wav> <out.wav>");
    eprintln!("codecs: pcmu pcmu-silence pcmu-repeat opus opus-nofec opus-bare");
    ExitCode::from(2)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Player {
    Playout,
    Silence,
    Repeat,
    Bare,
}

#[derive(Clone, Copy)]
struct Codec {
    id: CodecId,
    fmtp: &'static str,
    player: Player,
}

impl Codec {
    fn of(name: &str) -> Option<Self> {
        let (id, fmtp, player) = match name {
            "pcmu" => (CodecId::Pcmu, "", Player::Playout),
            "pcmu-silence" => (CodecId::Pcmu, "", Player::Silence),
            "pcmu-repeat" => (CodecId::Pcmu, "", Player::Repeat),
            "opus" => (CodecId::Opus, "useinbandfec=1", Player::Playout),
            "opus-nofec" => (CodecId::Opus, "", Player::Playout),
            "opus-bare" => (CodecId::Opus, "useinbandfec=1", Player::Bare),
            _ => return None,
        };
        Some(Codec { id, fmtp, player })
    }
}

#[derive(Clone, Copy, Default)]
struct Network {
    loss: f64,
    jitter_ms: f64,
    stall_ms: f64,
}

impl Network {
    fn of(name: &str) -> Option<Self> {
        if name == "clean" {
            return Some(Network::default());
        }
        let (kind, value) = name.split_once(':')?;
        let value: f64 = value.parse().ok()?;
        match kind {
            "loss" => Some(Network { loss: value / 100.0, ..Network::default() }),
            "jitter" => Some(Network { jitter_ms: 2.0 * value, ..Network::default() }),
            "stall" => Some(Network { stall_ms: value, ..Network::default() }),
            _ => None,
        }
    }

    /// What the path adds to its best for each packet; None for a packet that is lost.
    fn carry(&self, packets: usize, seed: u64) -> Vec<Option<u64>> {
        let mut random = SeedEntropy::new(seed);
        let mut share = || f64::from(random.next_u32()) / f64::from(u32::MAX);
        (0..packets)
            .map(|n| {
                let (lost, late_ms) = (share() < self.loss, share() * self.jitter_ms);
                let into = n as f64 * 20.0 % 5_000.0 - 2_500.0;
                let held_ms = if (0.0..self.stall_ms).contains(&into) { self.stall_ms - into } else { 0.0 };
                (!lost).then_some((late_ms.max(held_ms) * 1e6) as u64)
            })
            .collect()
    }
}

fn run(codec: Codec, network: Network, seed: u64, input: &str, output: &str) -> Result<(), String> {
    let (rate, pcm) = wav::read(input)?;
    let spec = CodecSpec::by_id(codec.id);
    let settings = EncoderSettings { fmtp: codec.fmtp, ..EncoderSettings::new(rate, Ptime(20)) };
    let mut encoder: Box<dyn Encoder> = (spec.encoder)(&settings).map_err(|e| e.to_string())?;
    // As a peer that reports its losses would have the sender do.
    encoder.set_expected_loss_percent((network.loss * 100.0) as u8);
    let mut packets = Vec::new();
    for frame in pcm.chunks_exact(rate.samples(Ptime(20))) {
        let mut payload = [0; 1_400];
        let n = encoder.encode(frame, &mut payload).map_err(|e| e.to_string())?;
        packets.push(payload[..n].to_vec());
    }
    let carried = network.carry(packets.len(), seed);
    let mut decoder: Box<dyn Decoder> = (spec.decoder)(rate).map_err(|e| e.to_string())?;
    let heard = match codec.player {
        Player::Playout => play(codec.id, rate, &packets, &carried)?,
        reference => refer(reference, &mut *decoder, rate, &packets, &carried)?,
    };
    wav::write(output, rate, &heard)
}

/// The switch's own way, and the figures of it.
fn play(codec: CodecId, rate: SampleRate, packets: &[Vec<u8>], carried: &[Option<u64>]) -> Result<Vec<i16>, String> {
    let units = CodecSpec::by_id(codec).clock_hz / 50;
    let mut playout = Playout::new(codec, rate, 20, JitterConfig::default()).ok_or("no decoder at this rate")?;
    let mut arrivals: Vec<(u64, usize)> =
        carried.iter().enumerate().filter_map(|(n, late)| Some((BASE_NS + n as u64 * TICK_NS + (*late)?, n))).collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut frame, mut tick) = ([0; FRAME_SAMPLES_MAX], vec![0; rate.samples(Ptime(20))]);
    let (mut counts, mut added, mut heard) = (PlayoutCounts::default(), Vec::new(), Vec::new());
    for n in 0..packets.len() as u64 + 12 {
        let now = Timestamp::from_nanos(BASE_NS + n * TICK_NS + 7_000_000);
        while let Some((at, n)) = arrivals.next_if(|(at, _)| *at <= now.as_nanos()) {
            let packet = Packet {
                sequence: n as u16,
                timestamp: n as u32 * units,
                marker: n == 0,
                content: Content::Audio(&packets[n]),
            };
            playout.insert(Timestamp::from_nanos(at), packet);
        }
        added.extend(playout.delay_ms(now));
        let played = playout.fill(now, &mut frame, &mut tick, &mut counts);
        if !played {
            tick.fill(0);
        }
        heard.extend(&tick);
    }
    let mean = added.iter().sum::<f32>() / added.len().max(1) as f32;
    println!(
        "added_ms={mean:.1} concealed={:.2}% faster_ms={} slower_ms={} discarded={} recovered={}",
        counts.concealed_share() * 100.0,
        counts.accelerated * 1_000 / u64::from(rate.0),
        counts.expanded * 1_000 / u64::from(rate.0),
        counts.packets_discarded,
        counts.packets_recovered,
    );
    Ok(heard)
}

/// The same packets lost, none late: what the codec, or the simplest way, makes of it.
fn refer(
    player: Player,
    decoder: &mut dyn Decoder,
    rate: SampleRate,
    packets: &[Vec<u8>],
    carried: &[Option<u64>],
) -> Result<Vec<i16>, String> {
    let mut heard = Vec::new();
    let mut last = vec![0; rate.samples(Ptime(20))];
    for (n, late) in carried.iter().enumerate() {
        let mut pcm = vec![0; rate.samples(Ptime(20))];
        let next = packets.get(n + 1).filter(|_| carried.get(n + 1).is_some_and(Option::is_some));
        match (late, player) {
            (Some(_), _) => {
                decoder.decode(&packets[n], &mut pcm).map_err(|e| e.to_string())?;
            }
            (None, Player::Bare) => {
                let recovered = next.and_then(|next| decoder.decode_fec(next, &mut pcm));
                if recovered.is_none() {
                    decoder.conceal(&mut pcm);
                }
            }
            (None, Player::Repeat) => pcm = last.iter().map(|&s| (f32::from(s) * 0.7) as i16).collect(),
            (None, _) => {}
        }
        last.clone_from(&pcm);
        heard.extend(&pcm);
    }
    println!("reference");
    Ok(heard)
}

/// The plainest WAV: 16 bits, one channel.
mod wav {
    use tandem_model::SampleRate;

    pub fn read(path: &str) -> Result<(SampleRate, Vec<i16>), String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
        let number = |at: usize| bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let at = bytes.windows(4).position(|w| w == b"data").ok_or_else(|| format!("{path}: no data"))?;
        let len = (number(at + 4) as usize).min(bytes.len() - at - 8);
        let pcm = bytes[at + 8..at + 8 + len].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        Ok((SampleRate(number(24)), pcm))
    }

    pub fn write(path: &str, rate: SampleRate, pcm: &[i16]) -> Result<(), String> {
        let len = pcm.len() as u32 * 2;
        let mut out = Vec::with_capacity(pcm.len() * 2 + 44);
        out.extend(b"RIFF");
        out.extend((len + 36).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(16_u32.to_le_bytes());
        out.extend([1, 0, 1, 0]);
        out.extend(rate.0.to_le_bytes());
        out.extend((rate.0 * 2).to_le_bytes());
        out.extend([2, 0, 16, 0]);
        out.extend(b"data");
        out.extend(len.to_le_bytes());
        out.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
        std::fs::write(path, out).map_err(|e| format!("{path}: {e}"))
    }
}
