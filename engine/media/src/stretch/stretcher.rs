use tandem_model::SampleRate;

use super::likeness::{energy, likeness};

/// Pitch periods looked for: 400 to 66 Hz.
const PERIOD_MS_MIN: f32 = 2.5;
const PERIOD_MS_MAX: usize = 15;
/// What is compared before the cut; the cross-fade behind it is compared too.
const BEFORE_MS: usize = 5;
/// The cross-fade.
const FADE_MS: usize = 5;
/// The coarse search runs at about this rate, the fine one at most at this.
const COARSE_HZ: usize = 4_000;
const FINE_HZ: usize = 16_000;

/// What a change may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// Samples to leave out at most, or to add to silence; to a voice a whole period is added, whatever its length.
    pub samples: usize,
    /// The least likeness of what is joined (see [`likeness`]): 0.9 is not heard, 0.5 is.
    pub likeness: f32,
    /// Mean square below which everything may be joined: it is as good as silence.
    pub quiet: f32,
}

/// Makes a signal shorter or longer by one pitch period, by pitch-synchronous overlap and add: at the place of the cut
/// the signal fades over into itself, one period later or earlier. In silence there is no period to keep to.
#[derive(Clone, Debug)]
pub struct Stretcher {
    period_min: usize,
    period_max: usize,
    before: usize,
    fade: usize,
    coarse: usize,
    fine: usize,
}

impl Stretcher {
    pub fn new(rate: SampleRate) -> Self {
        let hz = (rate.0 as usize).clamp(8_000, 192_000);
        Stretcher {
            period_min: (hz as f32 * PERIOD_MS_MIN / 1_000.0) as usize,
            period_max: hz * PERIOD_MS_MAX / 1_000,
            before: hz * BEFORE_MS / 1_000,
            fade: hz * FADE_MS / 1_000,
            coarse: (hz / COARSE_HZ).max(1),
            fine: (hz / FINE_HZ).max(1),
        }
    }

    /// Samples before the cut that [`shorten`](Self::shorten) and [`lengthen`](Self::lengthen) look at.
    pub fn reach(&self) -> usize {
        self.before + self.period_max
    }

    /// Samples behind the cut that they need at least.
    pub fn fade(&self) -> usize {
        self.fade
    }

    /// The most that [`lengthen`](Self::lengthen) adds at a time.
    pub fn longest(&self) -> usize {
        self.period_max
    }

    /// Leaves samples out behind `at` and moves the rest up. Returns how many, 0 when it would be heard.
    pub fn shorten(&self, pcm: &mut [i16], at: usize, allowance: Allowance) -> usize {
        let behind = pcm.len().saturating_sub(at + self.fade);
        let most = behind.min(allowance.samples);
        let Some(start) = at.checked_sub(self.before).filter(|_| most > 0) else { return 0 };
        let cut = if energy(&pcm[start..at + self.fade + most]) <= allowance.quiet {
            most
        } else {
            let most = most.min(self.period_max);
            match self.best(most, |period, stride| self.compare(pcm, at, at + period, stride)) {
                Some((period, likeness)) if likeness >= allowance.likeness => period,
                _ => return 0,
            }
        };
        for n in 0..self.fade {
            pcm[at + n] = self.faded(n, self.fade, pcm[at + n], pcm[at + cut + n]);
        }
        pcm.copy_within(at + cut + self.fade.., at + self.fade);
        cut
    }

    /// Adds samples behind `at` and moves the rest down; `pcm` ends with at least [`longest`](Self::longest) samples of
    /// room behind its first `len`. Returns how many, 0 when it would be heard.
    pub fn lengthen(&self, pcm: &mut [i16], at: usize, len: usize, allowance: Allowance) -> usize {
        let room = pcm.len().saturating_sub(len);
        let most = self.period_max.min(room).min(at.saturating_sub(self.before));
        if len < at + self.fade || most == 0 || allowance.samples == 0 {
            return 0;
        }
        let add = if energy(&pcm[at - self.before - most..at + self.fade]) <= allowance.quiet {
            most.min(allowance.samples)
        } else {
            match self.best(most, |period, stride| self.compare(pcm, at, at - period, stride)) {
                Some((period, likeness)) if likeness >= allowance.likeness => period,
                _ => return 0,
            }
        };
        let fade = self.fade.min(add);
        // Behind the fade stands what stood one period before.
        pcm.copy_within(at..len, at + add);
        for n in 0..add {
            let (on, back) = (pcm[at + add + n], pcm[at - add + n]);
            pcm[at + n] = if n < fade { self.faded(n, fade, on, back) } else { back };
        }
        add
    }

    /// Likeness of the surroundings of two places.
    fn compare(&self, pcm: &[i16], a: usize, b: usize, stride: usize) -> f32 {
        likeness(&pcm[a - self.before..a + self.fade], &pcm[b - self.before..b + self.fade], stride)
    }

    /// The period up to `most` that `compare` likes best: coarse first, then exact around it.
    fn best(&self, most: usize, compare: impl Fn(usize, usize) -> f32) -> Option<(usize, f32)> {
        let better = |best: Option<(usize, f32)>, period: usize, stride: usize| {
            let likeness = compare(period, stride);
            if best.is_none_or(|(_, most)| likeness > most) { Some((period, likeness)) } else { best }
        };
        let coarse = (self.period_min..=most)
            .step_by(self.coarse)
            .fold(None, |best, period| better(best, period, self.coarse))?;
        let around = coarse.0.saturating_sub(self.coarse).max(self.period_min)..=(coarse.0 + self.coarse).min(most);
        around.fold(None, |best, period| better(best, period, self.fine))
    }

    fn faded(&self, n: usize, len: usize, from: i16, to: i16) -> i16 {
        let weight = (n + 1) as f32 / (len + 1) as f32;
        (f32::from(from) + (f32::from(to) - f32::from(from)) * weight) as i16
    }
}
