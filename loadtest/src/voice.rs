//! What calls sound like: recorded speech from both ends of a transcoded call, and what each end heard, as files to be scored.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use tandem_codecs::{CodecError, CodecId, CodecSpec};
use tandem_model::{Ptime, SampleRate};

use crate::floor;
use crate::media::{Ends, Heard, Kind, Payloads, Pump, RATE, TURN, clock_step, encode};
use crate::peer::{Peer, PeerArgs};

/// Silence before and after the speech, and how much longer than all that is listened: what is late is heard too.
const SILENCE: Duration = Duration::from_secs(1);
const EXTRA: Duration = Duration::from_millis(600);
const WIDE: SampleRate = SampleRate::HZ_48000;

/// Names of the two directions, as files and figures carry them: by the side that hears.
const DIRECTIONS: [&str; 2] = ["pcmu_to_opus", "opus_to_pcmu"];

type Failure = Box<dyn std::error::Error>;

#[derive(Args, Clone, Debug)]
pub struct VoiceArgs {
    /// Folder of recordings, 16 bits mono without a header: NAME.8000 and NAME.48000 each.
    #[arg(long)]
    speech: PathBuf,
    /// Folder for what was heard, at 8 kHz: NAME.opus_to_pcmu and NAME.pcmu_to_opus.
    #[arg(long)]
    out: PathBuf,
    /// Through the codecs alone, without a server.
    #[arg(long, conflicts_with_all = ["server", "ng", "floor"])]
    alone: bool,
    /// First of the four ports of the two sides, even.
    #[arg(long)]
    ends: Option<u16>,
    #[command(flatten)]
    peer: PeerArgs,
}

/// One recording, as each side sends it: Opus from its 48 kHz, PCMU from its 8 kHz.
struct Recording {
    name: String,
    payloads: [Vec<Vec<u8>>; 2],
}

/// # Errors
/// The files', the server's, or a side heard nothing.
pub fn run(args: &VoiceArgs) -> Result<(), Failure> {
    let recordings = recordings(&args.speech)?;
    fs::create_dir_all(&args.out)?;
    let heard = if args.alone { alone(&recordings)? } else { through(args, &recordings)? };
    for (recording, sounds) in recordings.iter().zip(heard) {
        for (direction, sound) in DIRECTIONS.iter().zip(sounds) {
            let bytes: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
            if bytes.is_empty() {
                return Err(format!("{direction}: nothing was heard of {}", recording.name).into());
            }
            fs::write(args.out.join(format!("{}.{direction}", recording.name)), bytes)?;
        }
    }
    Ok(())
}

/// In the order of their names.
fn recordings(folder: &Path) -> Result<Vec<Recording>, Failure> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|f| Some(f.file_name().to_str()?.strip_suffix(".8000")?.to_owned()))
        .collect();
    names.sort();
    if names.is_empty() {
        return Err(format!("{} holds no recording", folder.display()).into());
    }
    let one = |name: String| {
        let of = |codec, rate: SampleRate| {
            let pcm = samples(&folder.join(format!("{name}.{}", rate.0)))?;
            Ok::<_, Failure>(encode(CodecSpec::by_id(codec), &in_silence(&pcm, rate), rate)?)
        };
        let payloads = [of(CodecId::Opus, WIDE)?, of(CodecId::Pcmu, RATE)?];
        Ok(Recording { name, payloads })
    };
    names.into_iter().map(one).collect()
}

fn samples(path: &Path) -> io::Result<Vec<i16>> {
    let bytes = fs::read(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    Ok(bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

fn in_silence(pcm: &[i16], rate: SampleRate) -> Vec<i16> {
    let silence = vec![0; rate.0 as usize * SILENCE.as_millis() as usize / 1_000];
    [&silence, pcm, &silence].concat()
}

/// One call each, all at a time. By recording, what the caller heard and what the callee did.
fn through(args: &VoiceArgs, recordings: &[Recording]) -> Result<Vec<[Vec<i16>; 2]>, Failure> {
    let kind = Kind::Transcode;
    let server = args.peer.address()?;
    let ends = Ends::open(server, kind, args.ends)?;
    let mut peer = Peer::connect(&args.peer, kind, ends.descriptions()?)?;
    let mut pump = Pump::start(ends, TURN)?;
    for recording in recordings {
        // One after the other, so that the callee's of a call is known: the one that came last.
        let remotes = peer.establish(1, 1)?;
        let of = |side: usize| Payloads::Encoded {
            frames: recording.payloads[side].clone(),
            first: 0,
            clock_step: clock_step(kind.codecs()[side]),
        };
        for remotes in remotes {
            pump.add(server, remotes, [of(0), of(1)]);
        }
    }
    let frames = recordings.iter().flat_map(|r| r.payloads.iter().map(Vec::len)).max().unwrap_or(0);
    let until = Instant::now() + Duration::from_millis(20) * frames as u32 + EXTRA;
    while Instant::now() < until {
        peer.serve()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    let outcome = pump.finish()?;
    peer.end(50);
    let heard = |side: usize| -> Result<Vec<Vec<i16>>, CodecError> {
        let codec = kind.codecs()[side];
        let payload_type = CodecSpec::by_id(codec).default_payload_type;
        outcome.tallies[side].heard().map(|h| h.sound(codec, payload_type)).collect()
    };
    Ok(heard(0)?.into_iter().zip(heard(1)?).map(|(caller, callee)| [caller, callee]).collect())
}

/// The same work by the codecs alone: decoded and encoded at 8 kHz, then heard.
fn alone(recordings: &[Recording]) -> Result<Vec<[Vec<i16>; 2]>, Failure> {
    let one = |recording: &Recording| {
        let [opus, pcmu] = &recording.payloads;
        let [at_opus, at_pcmu] = [CodecId::Opus, CodecId::Pcmu];
        Ok([recoded(pcmu, at_pcmu, at_opus)?, recoded(opus, at_opus, at_pcmu)?])
    };
    recordings.iter().map(one).collect()
}

fn recoded(payloads: &[Vec<u8>], from: CodecId, to: CodecId) -> Result<Vec<i16>, Failure> {
    let pcm = heard_in_order(payloads, from)?;
    let mut encoder = floor::codecs::encoder_as_tandem(to)?;
    let mut out = vec![0; 1_275];
    let frames = pcm.chunks_exact(RATE.samples(Ptime(20))).map(|frame| {
        let len = encoder.encode(frame, &mut out)?;
        Ok::<_, CodecError>(out[..len].to_vec())
    });
    Ok(heard_in_order(&frames.collect::<Result<Vec<_>, _>>()?, to)?)
}

fn heard_in_order(payloads: &[Vec<u8>], codec: CodecId) -> Result<Vec<i16>, CodecError> {
    let mut heard = Heard::default();
    for (payload, n) in payloads.iter().zip(0_u32..) {
        heard.keep(n as u16, n.wrapping_mul(clock_step(codec)), 0, payload, 0);
    }
    heard.sound(codec, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::spoken_with_tone;

    #[test]
    fn recordings_go_through_the_codecs_and_keep_their_loudness() {
        let folder = std::env::temp_dir().join(format!("tandem-loadtest-voice-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for rate in [RATE, WIDE] {
            let bytes: Vec<u8> = spoken_with_tone(rate, 3).iter().flat_map(|s| s.to_le_bytes()).collect();
            fs::write(folder.join(format!("one.{}", rate.0)), bytes).expect("written");
        }
        let recordings = recordings(&folder).expect("a recording");
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(recordings.len(), 1);
        assert_eq!([0, 1].map(|n| recordings[0].payloads[n].len()), [300, 300], "two seconds of silence around four");
        let sounds = alone(&recordings).expect("codecs");
        let rms = |pcm: &[i16]| (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt();
        let sent = rms(&in_silence(&spoken_with_tone(RATE, 3), RATE));
        for sound in &sounds[0] {
            assert_eq!(sound.len(), 48_000);
            assert!((0.7..1.3).contains(&(rms(sound) / sent)), "{} of {sent}", rms(sound));
        }
    }

    #[test]
    fn a_folder_without_recordings_is_an_error() {
        assert!(recordings(Path::new("/proc/self/fd/none")).is_err());
    }
}
