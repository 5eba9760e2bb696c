//! Four seconds of what a codec takes for speech: a voice of gliding pitch with two formants, hiss between, pauses.

use std::f64::consts::TAU;

use tandem_codecs::{CodecError, CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

const SECS: usize = 4;

pub fn pcmu() -> Result<Vec<Vec<u8>>, CodecError> {
    encoded(CodecId::Pcmu, SampleRate::HZ_8000)
}

pub fn opus() -> Result<Vec<Vec<u8>>, CodecError> {
    encoded(CodecId::Opus, SampleRate::HZ_48000)
}

fn encoded(codec: CodecId, rate: SampleRate) -> Result<Vec<Vec<u8>>, CodecError> {
    let settings = EncoderSettings { fmtp: "useinbandfec=1", ..EncoderSettings::new(rate, Ptime(20)) };
    let mut encoder = (CodecSpec::by_id(codec).encoder)(&settings)?;
    let frames = spoken(rate);
    frames
        .chunks_exact(rate.samples(Ptime(20)))
        .map(|pcm| {
            let mut out = vec![0; 1_275];
            let len = encoder.encode(pcm, &mut out)?;
            out.truncate(len);
            Ok(out)
        })
        .collect()
}

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
    fn both_codecs_give_a_frame_each_20_ms() {
        let (opus, pcmu) = (opus().expect("frames"), pcmu().expect("frames"));
        assert_eq!((opus.len(), pcmu.len()), (200, 200));
        assert!(pcmu.iter().all(|f| f.len() == 160));
        let bytes: usize = opus.iter().map(Vec::len).sum();
        assert!((4_000..40_000).contains(&bytes), "{bytes} bytes of Opus");
    }
}
