//! Four seconds of what a codec takes for speech: a voice of gliding pitch with two formants, hiss between, pauses. In each
//! pause stands the tone of the party that speaks, so that who is heard can be told by ear.

use std::f64::consts::TAU;

use tandem_codecs::{CodecError, CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

use super::heard::RATE;
use super::tone::{self, Tones};

const SECS: usize = 4;
/// Where the voice pauses, in each two seconds of it: 360 ms of 400, so that the tone has clean edges.
const PAUSE_MS: std::ops::Range<usize> = 1_620..1_980;
/// Frames of 20 ms from one pause to the next, and the one of them that a tone begins with.
const PERIOD_FRAMES: usize = 100;
const ONSET_FRAME: usize = PAUSE_MS.start / 20;
const TONE_AMPLITUDE: f64 = 6_000.0;

/// A voice at the natural rate of a codec, for many parties.
pub struct Speech {
    codec: &'static CodecSpec,
    pcm: Vec<i16>,
}

impl Speech {
    pub fn new(codec: CodecId) -> Self {
        let codec = CodecSpec::by_id(codec);
        Speech { codec, pcm: spoken(codec.natural_rate) }
    }

    /// One payload each 20 ms, with the tone of one party.
    ///
    /// # Errors
    /// The codec's.
    pub fn payloads(&self, tone: usize) -> Result<Vec<Vec<u8>>, CodecError> {
        let rate = self.codec.natural_rate;
        encode(self.codec, &with_tone(self.pcm.clone(), rate, tone), rate)
    }
}

/// Whether a tone begins with a frame of the speech.
pub fn is_onset(frame: usize) -> bool {
    frame % PERIOD_FRAMES == ONSET_FRAME
}

/// A voice with the tone of one party.
pub fn spoken_with_tone(rate: SampleRate, tone: usize) -> Vec<i16> {
    with_tone(spoken(rate), rate, tone)
}

/// What a listener with perfect ears finds in the speech of a party, and in how many samples of it.
pub fn tones_sent(tone: usize) -> (Tones, usize) {
    let pcm = spoken_with_tone(RATE, tone);
    (Tones::of(&pcm), pcm.len())
}

/// The payloads of a recording, one each 20 ms. What is left at the end is dropped.
///
/// # Errors
/// The codec's.
pub fn encode(codec: &CodecSpec, pcm: &[i16], rate: SampleRate) -> Result<Vec<Vec<u8>>, CodecError> {
    let settings = EncoderSettings { fmtp: "useinbandfec=1", ..EncoderSettings::new(rate, Ptime(20)) };
    let mut encoder = (codec.encoder)(&settings)?;
    pcm.chunks_exact(rate.samples(Ptime(20)))
        .map(|frame| {
            let mut out = vec![0; 1_275];
            let len = encoder.encode(frame, &mut out)?;
            out.truncate(len);
            Ok(out)
        })
        .collect()
}

fn with_tone(mut pcm: Vec<i16>, rate: SampleRate, tone: usize) -> Vec<i16> {
    let at = |ms: usize| ms * rate.0 as usize / 1_000;
    for begin in (0..SECS * 1_000).step_by(2_000) {
        let pause = at(begin + PAUSE_MS.start)..at(begin + PAUSE_MS.end);
        tone::lay_over(&mut pcm, pause, rate, tone, TONE_AMPLITUDE);
    }
    pcm
}

/// The voice alone.
fn spoken(rate: SampleRate) -> Vec<i16> {
    let hz = f64::from(rate.0);
    let (mut phase, mut noise) = (0.0_f64, 0x2545_f491_u32);
    (0..rate.0 as usize * SECS)
        .map(|n| {
            let t = n as f64 / hz;
            phase += (110.0 + 25.0 * (TAU * 0.7 * t).sin()) / hz;
            // Linear congruential; the high bits are good enough for hiss.
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 16) / 32_768.0 - 1.0;
            let syllable = (TAU * 2.5 * t).sin();
            let second = 1_200.0 + 600.0 * (TAU * 1.3 * t).sin();
            let voice: f64 = (1..=28)
                .map(|k| {
                    let f = f64::from(k) * 110.0;
                    let formant = |centre: f64, width: f64| (-((f - centre) / width).powi(2)).exp();
                    (formant(500.0, 250.0) + 0.6 * formant(second, 350.0) + 0.05) * (TAU * phase * f64::from(k)).sin()
                })
                .sum();
            let said = if t % 2.0 > 1.6 {
                0.003 * hiss
            } else {
                syllable.max(0.0) * 0.09 * voice + (-syllable).max(0.0) * 0.03 * hiss
            };
            (said * 32_767.0).clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::heard::Heard;
    use super::*;

    #[test]
    fn it_is_loud_and_soft_in_turn_and_never_clipped() {
        let pcm = spoken(SampleRate::HZ_8000);
        let loudest = |part: &[i16]| part.iter().map(|s| i32::from(*s).abs()).max().unwrap_or(0);
        assert_eq!(pcm.len(), 32_000);
        assert!((4_000..32_767).contains(&loudest(&pcm)), "{}", loudest(&pcm));
        assert!(loudest(&pcm[13_000..15_900]) < 200);
    }

    #[test]
    fn through_either_codec_the_tone_of_one_party_and_no_other_is_heard() {
        for (codec, payload_type, step) in [(CodecId::Pcmu, 0, 160), (CodecId::Opus, 96, 960)] {
            let speech = Speech::new(codec);
            for tone in [0, 41, 99] {
                let payloads = speech.payloads(tone).expect("frames");
                assert_eq!(payloads.len(), 200);
                let mut heard = Heard::default();
                for (payload, n) in payloads.iter().zip(0_u16..) {
                    heard.keep(n, u32::from(n) * step, payload_type, payload, 0);
                }
                let pcm = heard.sound(codec, payload_type).expect("our own");
                let ((sent, sent_samples), tones) = (tones_sent(tone), Tones::of(&pcm));
                assert!(tones.is_one_party(pcm.len(), &sent, sent_samples), "{codec:?} {tone}: {tones:?}");
                assert_eq!(tones.loudest().0, tone);
                let begins: Vec<usize> = (0..200).filter(|frame| is_onset(*frame)).map(|frame| frame * 160).collect();
                let onsets = tone::onsets(&pcm, tone);
                assert_eq!(onsets.len(), begins.len(), "{codec:?} {tone}: {onsets:?} of {begins:?}");
                // Opus is late by its look-ahead, 6.5 ms.
                assert!(onsets.iter().zip(begins).all(|(at, begin)| (begin..begin + 80).contains(at)), "{onsets:?}");
            }
            let bytes: usize = speech.payloads(1).expect("frames").iter().map(Vec::len).sum();
            assert!((4_000..=32_000).contains(&bytes), "{bytes} bytes of {codec:?}");
        }
    }
}
