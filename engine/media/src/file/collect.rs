use crate::control::Clip;
use crate::resample::Resampler;
use tandem_model::SampleRate;

/// The most samples a clip may have, 77 MB: 40 minutes at 16 kHz (laml.md 1.9 has longer files split), 80 at 8 kHz.
pub(super) const SAMPLES_MAX: usize = 40 * 60 * 16_000;
/// What a clip that would be longer is brought down to: still more than a narrowband leg hears.
const LONG_RATE: SampleRate = SampleRate::HZ_16000;
/// Rates a clip may have.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Takes decoded audio in blocks and holds the bound. No length that a file claims is believed: memory grows with what
/// was decoded alone.
pub(super) struct Collector {
    rate: SampleRate,
    samples: Vec<i16>,
    samples_max: usize,
    /// Once the clip was too long for its own rate.
    down: Option<Down>,
}

struct Down {
    resampler: Resampler,
    block: Vec<i16>,
}

impl Collector {
    /// `what` names the kind of file for the error.
    pub fn new(what: &str, rate: u32) -> Result<Self, String> {
        Collector::bounded(what, rate, SAMPLES_MAX)
    }

    fn bounded(what: &str, rate: u32, samples_max: usize) -> Result<Self, String> {
        if !RATES.contains(&rate) {
            return Err(format!("{what} of {rate} Hz; {} to {} Hz can be played", RATES.start(), RATES.end()));
        }
        Ok(Collector { rate: SampleRate(rate), samples: Vec::new(), samples_max, down: None })
    }

    pub fn push(&mut self, block: &[i16]) -> Result<(), String> {
        if self.down.is_none() && self.samples.len() + block.len() > self.samples_max && self.rate > LONG_RATE {
            self.go_down();
        }
        let block = match &mut self.down {
            Some(down) => down.convert(block),
            None => block,
        };
        if self.samples.len() + block.len() > self.samples_max {
            let minutes = self.samples_max / (self.rate.0 as usize * 60);
            return Err(format!(
                "the file is longer than the {minutes} minutes that can be played at {} Hz",
                self.rate.0
            ));
        }
        self.samples.extend_from_slice(block);
        Ok(())
    }

    pub fn finish(mut self) -> Result<Clip, String> {
        if self.samples.is_empty() {
            return Err("the file is without a sample".to_owned());
        }
        self.samples.shrink_to_fit();
        Ok(Clip { rate: self.rate, samples: self.samples })
    }

    fn go_down(&mut self) {
        let mut down = Down { resampler: Resampler::new(self.rate, LONG_RATE), block: Vec::new() };
        let mut samples = Vec::new();
        for block in self.samples.chunks(4_096) {
            samples.extend_from_slice(down.convert(block));
        }
        self.samples = samples;
        self.rate = LONG_RATE;
        self.down = Some(down);
    }
}

impl Down {
    fn convert(&mut self, block: &[i16]) -> &[i16] {
        self.block.resize(self.resampler.output_max(block.len()), 0);
        let written = self.resampler.process(block, &mut self.block);
        &self.block[..written]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_too_long_for_its_rate_is_kept_at_a_lower_one_and_a_still_longer_one_is_refused() {
        let mut collector = Collector::bounded("a file", 48_000, 48_000).unwrap();
        for _ in 0..100 {
            collector.push(&[1_000; 1_200]).unwrap();
        }
        let clip = collector.finish().unwrap();
        assert_eq!(clip.rate, SampleRate::HZ_16000);
        assert!((39_990..=40_010).contains(&clip.samples.len()), "{}", clip.samples.len());
        assert!(clip.samples[200..39_900].iter().all(|s| (990..=1_010).contains(s)));

        let mut collector = Collector::bounded("a file", 48_000, 48_000).unwrap();
        let error = (0..200).find_map(|_| collector.push(&[1_000; 1_200]).err()).unwrap();
        assert!(error.contains("longer than"), "{error}");
        assert!(collector.samples.len() <= 48_000);

        let mut narrow = Collector::bounded("a file", 8_000, 8_000).unwrap();
        assert!(narrow.push(&[0; 8_000]).is_ok() && narrow.push(&[0; 1]).is_err());
    }

    #[test]
    fn rates_that_cannot_be_played_and_files_without_sound_are_refused() {
        for rate in [0, 7_999, 48_001, 1_000_000_000, u32::MAX] {
            assert!(Collector::new("a file", rate).err().unwrap().contains("Hz can be played"));
        }
        assert!(Collector::new("a file", 8_000).unwrap().finish().unwrap_err().contains("without a sample"));
    }
}
