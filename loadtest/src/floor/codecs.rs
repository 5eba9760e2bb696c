//! What libopus and the cipher take by themselves for one call, on the CPU that the servers run on.

use clap::Args;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use opus::{Application, Bitrate, Channels};
use tandem_codecs::{CodecError, CodecId, CodecSpec, Encoder, EncoderSettings};
use tandem_media::resample::Resampler;
use tandem_media::srtp::{Protector, TAIL_ROOM, Unprotector};
use tandem_model::{Ptime, SampleRate};

use crate::media::{PayloadMaker, Payloads, RATE, own_key};
use crate::record::RecordArgs;

type Failure = Box<dyn std::error::Error>;

/// As many as the calls that are compared: their states do not all fit the nearest cache, as in a server.
const STATES: usize = 20;
const ROUNDS: usize = 5;
/// What Tandem encodes with, its default settings, for a peer that reports no loss.
const LOSS_PERCENT: u8 = 0;
/// rtpengine's defaults: 48 kHz stereo, 32 kb/s, and the complexity of its encoder library.
const PEER_BITS_PER_SEC: i32 = 32_000;
const PEER_COMPLEXITY: i32 = 10;

#[derive(Args, Clone, Debug)]
pub struct CodecArgs {
    /// CPU to measure on.
    #[arg(long)]
    cpu: Option<usize>,
    /// Frames a round of each state.
    #[arg(long, default_value_t = 200)]
    frames: usize,
    #[command(flatten)]
    record: RecordArgs,
}

/// Microseconds of one 20 ms frame, and bytes of one payload.
#[derive(Debug)]
struct Opus {
    decode_us: f64,
    encode_us: f64,
    bytes: f64,
}

/// # Errors
/// A codec's, or the CPU is not ours to use.
pub fn run(args: &CodecArgs) -> Result<(), Failure> {
    if let Some(cpu) = args.cpu {
        let mut set = CpuSet::new();
        set.set(cpu)?;
        sched_setaffinity(Pid::from_raw(0), &set)?;
    }
    let calls = Calls::new(STATES)?;
    let ours = as_tandem(&calls, args.frames)?;
    let peer = as_rtpengine(&calls, args.frames)?;
    let g711_us = g711(args.frames)?;
    let [protect_us, unprotect_us] = cipher(args.frames * STATES)?;
    // One call has one stream each way, 50 frames a second.
    let percent = |opus: &Opus| (opus.decode_us + opus.encode_us + g711_us) * 50.0 / 1e6 * 100.0;
    let report = |name: &str, opus: &Opus| {
        let Opus { decode_us, encode_us, bytes } = opus;
        println!(
            "{name}  decode {decode_us:.1} us, encode {encode_us:.1} us ({bytes:.0} bytes): {:.3} % of a core per call",
            percent(opus)
        );
    };
    report("libopus, 8 kHz as Tandem     ", &ours);
    report("libopus, 48 kHz as rtpengine ", &peer);
    println!("G.711, both ways               {g711_us:.2} us");
    println!("SRTP of 172 bytes              protect {protect_us:.3} us, unprotect {unprotect_us:.3} us");
    args.record.add(
        "floor",
        &[
            ("opus_percent_per_call", percent(&ours)),
            ("opus_bytes", ours.bytes),
            ("opus_peer_percent_per_call", percent(&peer)),
            ("srtp_percent_per_call", (protect_us + unprotect_us) * 50.0 / 1e6 * 100.0),
        ],
    )?;
    Ok(())
}

/// What as many transcoded calls as there are states carry: the caller's payloads, and the callee's as 8 kHz PCM.
struct Calls {
    opus: Vec<Vec<Vec<u8>>>,
    pcm: Vec<Vec<i16>>,
}

impl Calls {
    fn new(calls: usize) -> Result<Self, Failure> {
        let maker = PayloadMaker::new(crate::media::Kind::Transcode);
        let mut all = Calls { opus: Vec::new(), pcm: Vec::new() };
        let spec = CodecSpec::by_id(CodecId::Pcmu);
        for call in 0..calls {
            let [Payloads::Encoded { frames: opus, .. }, Payloads::Encoded { frames: pcmu, .. }] =
                maker.of_call(call)?
            else {
                return Err("parties of transcoded calls speak".into());
            };
            let (mut decoder, mut pcm) = ((spec.decoder)(RATE)?, Vec::new());
            for payload in pcmu {
                let mut frame = vec![0; RATE.samples(Ptime(20))];
                decoder.decode(&payload, &mut frame)?;
                pcm.extend(frame);
            }
            all.opus.push(opus);
            all.pcm.push(pcm);
        }
        Ok(all)
    }

    /// The payload of one step, each call in turn.
    fn payload(&self, step: usize) -> &[u8] {
        let call = &self.opus[step % self.opus.len()];
        &call[step / self.opus.len() % call.len()]
    }

    /// The frame of one step, each call in turn.
    fn frame(&self, step: usize) -> &[i16] {
        let (call, samples) = (&self.pcm[step % self.pcm.len()], RATE.samples(Ptime(20)));
        let frame = step / self.pcm.len() % (call.len() / samples);
        &call[frame * samples..][..samples]
    }
}

/// Decodes to telephone bandwidth and encodes from it, each state in turn.
fn as_tandem(calls: &Calls, frames: usize) -> Result<Opus, Failure> {
    let spec = CodecSpec::by_id(CodecId::Opus);
    let mut decoders = (0..STATES).map(|_| (spec.decoder)(RATE)).collect::<Result<Vec<_>, _>>()?;
    let mut pcm = vec![0; RATE.samples(Ptime(20)) * 6];
    let decode_us = median_us(frames * STATES, |n| decoders[n % STATES].decode(calls.payload(n), &mut pcm).is_ok())?;
    let mut encoders = (0..STATES).map(|_| encoder_as_tandem(CodecId::Opus)).collect::<Result<Vec<_>, _>>()?;
    let (mut out, mut bytes) = (vec![0; 1_275], 0);
    let encode_us = median_us(frames * STATES, |n| {
        let written = encoders[n % STATES].encode(calls.frame(n), &mut out);
        bytes += written.as_ref().copied().unwrap_or(0);
        written.is_ok()
    })?;
    Ok(Opus { decode_us, encode_us, bytes: bytes as f64 / (frames * STATES * ROUNDS) as f64 })
}

/// Of telephone bandwidth, for a peer that asks for redundancy and reports no loss.
///
/// # Errors
/// The codec's.
pub fn encoder_as_tandem(codec: CodecId) -> Result<Box<dyn Encoder>, CodecError> {
    let settings = EncoderSettings { fmtp: "useinbandfec=1", ..EncoderSettings::new(RATE, Ptime(20)) };
    let mut encoder = (CodecSpec::by_id(codec).encoder)(&settings)?;
    encoder.set_expected_loss_percent(LOSS_PERCENT);
    Ok(encoder)
}

/// 48 kHz stereo both ways, whatever the other side carries. Its resampling is not in it.
fn as_rtpengine(calls: &Calls, frames: usize) -> Result<Opus, Failure> {
    const HZ: u32 = 48_000;
    let decoders = (0..STATES).map(|_| opus::Decoder::new(HZ, Channels::Stereo));
    let mut decoders = decoders.collect::<opus::Result<Vec<_>>>()?;
    let mut pcm = vec![0; HZ as usize / 50 * 2];
    let decode_us =
        median_us(frames * STATES, |n| decoders[n % STATES].decode(calls.payload(n), &mut pcm, false).is_ok())?;
    let encoder = || {
        let mut encoder = opus::Encoder::new(HZ, Channels::Stereo, Application::Audio)?;
        encoder.set_bitrate(Bitrate::Bits(PEER_BITS_PER_SEC))?;
        encoder.set_complexity(PEER_COMPLEXITY)?;
        Ok::<_, opus::Error>(encoder)
    };
    let mut encoders = (0..STATES).map(|_| encoder()).collect::<Result<Vec<_>, _>>()?;
    // What comes out of a resampler: no more than 4 kHz of it is sound. Both channels alike.
    let voices: Vec<Vec<i16>> = calls.pcm.iter().map(|narrow| stereo(narrow, HZ)).collect();
    let samples = pcm.len();
    let (mut out, mut bytes) = (vec![0; 1_275], 0);
    let encode_us = median_us(frames * STATES, |n| {
        let voice = &voices[n % voices.len()];
        let frame = n / voices.len() % (voice.len() / samples);
        let written = encoders[n % STATES].encode(&voice[frame * samples..][..samples], &mut out);
        bytes += written.as_ref().copied().unwrap_or(0);
        written.is_ok()
    })?;
    Ok(Opus { decode_us, encode_us, bytes: bytes as f64 / (frames * STATES * ROUNDS) as f64 })
}

fn stereo(narrow: &[i16], hz: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(RATE, SampleRate(hz));
    let mut wide = vec![0; resampler.output_max(narrow.len())];
    let len = resampler.process(narrow, &mut wide);
    wide[..len].iter().flat_map(|s| [*s; 2]).collect()
}

/// A decode and an encode of PCMU.
fn g711(frames: usize) -> Result<f64, Failure> {
    let spec = CodecSpec::by_id(CodecId::Pcmu);
    let (mut decoder, mut encoder) = ((spec.decoder)(RATE)?, encoder_as_tandem(CodecId::Pcmu)?);
    let (mut pcm, mut out) = (vec![0; RATE.samples(Ptime(20))], vec![0x55; RATE.samples(Ptime(20))]);
    median_us(frames * STATES, |_| decoder.decode(&out, &mut pcm).is_ok() && encoder.encode(&pcm, &mut out).is_ok())
}

/// Protecting and unprotecting a PCMU packet, in place.
fn cipher(packets: usize) -> Result<[f64; 2], Failure> {
    let key = own_key().ok_or("a key of the right length")?;
    let mut packet = [0x55_u8; 172 + TAIL_ROOM];
    packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let numbered = |packet: &mut [u8], n: usize| packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
    let mut protector = Protector::new(&key);
    let protect_us = median_us(packets, |n| {
        numbered(&mut packet, n);
        if n == 0 {
            protector = Protector::new(&key);
        }
        protector.protect_rtp(&mut packet, 172).is_ok()
    })?;
    let mut sealed = Vec::with_capacity(packets);
    let mut protector = Protector::new(&key);
    for n in 0..packets {
        numbered(&mut packet, n);
        let len = protector.protect_rtp(&mut packet, 172)?;
        sealed.push(packet[..len].to_vec());
    }
    let mut unprotector = Unprotector::new(&key);
    let unprotect_us = median_us(packets, |n| {
        if n == 0 {
            unprotector = Unprotector::new(&key);
        }
        let mut copy = [0; 172 + TAIL_ROOM];
        copy[..sealed[n].len()].copy_from_slice(&sealed[n]);
        unprotector.unprotect_rtp(&mut copy, sealed[n].len()).is_ok()
    })?;
    Ok([protect_us, unprotect_us])
}

/// Microseconds of this thread's CPU time that one step takes: the median of some rounds.
fn median_us(steps: usize, mut step: impl FnMut(usize) -> bool) -> Result<f64, Failure> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let before = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        for n in 0..steps {
            if !step(n) {
                return Err(format!("step {n} failed").into());
            }
        }
        let spent = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)? - before;
        rounds.push((spent.tv_sec() as f64 * 1e6 + spent.tv_nsec() as f64 / 1e3) / steps.max(1) as f64);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_floor_does_its_work_and_takes_time_for_it() {
        let calls = Calls::new(2).expect("speech");
        let ours = as_tandem(&calls, 2).expect("libopus");
        let peer = as_rtpengine(&calls, 2).expect("libopus");
        let times = [ours.decode_us, ours.encode_us, peer.decode_us, peer.encode_us, g711(2).expect("tables")];
        assert!(times.iter().all(|us| *us > 0.0), "{times:?}");
        assert!(ours.bytes > 20.0 && peer.bytes > 20.0);
        assert!(cipher(50).expect("a cipher").iter().all(|us| *us > 0.0));
    }

    #[test]
    fn work_that_fails_is_no_floor() {
        assert!(median_us(3, |n| n < 2).is_err());
    }
}
