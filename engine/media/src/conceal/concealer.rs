use tandem_model::SampleRate;

use super::background::Background;
use super::pitch::PitchRange;
use crate::stretch::likeness;

/// What was heard last goes on in full for this long, then fades.
const HOLD_MS: usize = 5;
const FADED_MS: usize = 90;
/// Samples kept of the past: three of the longest periods, and a quarter to fade over.
const KEPT_MS: usize = 50;
/// A loss this long is filled with two periods in turn, then with three (as in G.711 appendix I): one alone buzzes, but
/// a lost packet of the usual length is nearest to the truth with the newest one.
const TWO_PERIODS_MS: usize = 40;
const THREE_PERIODS_MS: usize = 60;
/// Cross-fade into what comes next: at least, more per 10 ms of loss, at most.
const JOIN_MS: usize = 2;
const JOIN_MS_MAX: usize = 5;
/// Behind a loss this long what was made up has lost its phase; before, moving it does more harm than good.
const SHIFT_AFTER_MS: usize = 30;
/// How far the two may be moved against each other to fall into step.
const SHIFT_MS: usize = 5;
/// Likeness at which moving is worth it.
const IN_STEP: f32 = 0.6;

/// Hides what is missing of one PCM stream. Pieces may have any length; nothing allocates after `new`.
#[derive(Clone, Debug)]
pub struct Concealer {
    samples_per_ms: usize,
    range: PitchRange,
    /// What was heard before the loss.
    past: Box<[i16]>,
    loss: Option<Loss>,
    /// How the loss would go on, while it is joined to what came.
    on: Box<[i16]>,
}

/// The loss that goes on.
#[derive(Clone, Debug)]
struct Loss {
    period: usize,
    /// Samples made up so far.
    passed: usize,
    /// Where in the past it is read, and how far back it will go on at the end.
    at: usize,
    back: usize,
    /// What the first period starts too low, taken back over a quarter of it.
    step: f32,
}

/// How a frame follows a loss: `lead` more samples are made up before it (see [`Concealer::lead`]), or its first `skip` are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    pub lead: usize,
    pub skip: usize,
}

impl Concealer {
    pub fn new(rate: SampleRate) -> Self {
        let samples_per_ms = (rate.0 as usize / 1_000).clamp(8, 192);
        Concealer {
            samples_per_ms,
            range: PitchRange::new(samples_per_ms * 1_000),
            past: vec![0; KEPT_MS * samples_per_ms].into_boxed_slice(),
            loss: None,
            on: vec![0; (SHIFT_MS + JOIN_MS_MAX) * samples_per_ms].into_boxed_slice(),
        }
    }

    /// Samples of the past that [`conceal`](Self::conceal) makes use of.
    pub fn reach(&self) -> usize {
        self.past.len()
    }

    /// Something is being made up: what comes next must be joined to it.
    pub fn is_active(&self) -> bool {
        self.loss.is_some()
    }

    /// Fills `pcm`, which follows `past` (of which the newest part counts). It fades into `background`.
    pub fn conceal(&mut self, past: &[i16], pcm: &mut [i16], background: &mut Background) {
        if self.loss.is_none() {
            self.begin(past);
        }
        for sample in pcm.iter_mut() {
            *sample = self.next(background) as i16;
        }
    }

    /// Leads over from `past`, or from what is being made up, into `frame`: moves the two into step and fades. The
    /// frame gives up at most `skip_most` samples for that.
    pub fn join(&mut self, past: &[i16], frame: &mut [i16], skip_most: usize, background: &mut Background) -> Joined {
        let known = self.loss.is_some();
        if !known {
            self.begin(past);
        }
        let lost_ms = self.loss.as_ref().map_or(0, |loss| loss.passed / self.samples_per_ms);
        // Pure noise is left at once: a slow fade would swallow the beginning of a word.
        let join_ms = if lost_ms >= FADED_MS { JOIN_MS } else { JOIN_MS + JOIN_MS * lost_ms / 10 };
        let fade = (join_ms.min(JOIN_MS_MAX) * self.samples_per_ms).min(frame.len() / 2);
        let in_doubt = !known || (SHIFT_AFTER_MS..FADED_MS).contains(&lost_ms);
        let shift_most = if in_doubt { SHIFT_MS * self.samples_per_ms } else { 0 };
        for n in 0..shift_most + fade {
            self.on[n] = self.next(background) as i16;
        }
        let joined = self.in_step(frame, fade, shift_most, skip_most.min(shift_most).min(frame.len() / 2));
        for n in 0..fade {
            let weight = (n + 1) as f32 / (fade + 1) as f32;
            let on = f32::from(self.on[joined.lead + n]);
            let sample = &mut frame[joined.skip + n];
            *sample = (on + (f32::from(*sample) - on) * weight) as i16;
        }
        self.loss = None;
        joined
    }

    /// What is to be played before the frame joined last.
    pub fn lead(&self, joined: Joined) -> &[i16] {
        &self.on[..joined.lead]
    }

    /// Forgets the loss without a transition: what follows is continuous by itself.
    pub fn end(&mut self) {
        self.loss = None;
    }

    /// By how much the frame, or what is made up, has to move so that both have the same phase.
    fn in_step(&self, frame: &[i16], fade: usize, lead_most: usize, skip_most: usize) -> Joined {
        let here = Joined { lead: 0, skip: 0 };
        let Some(loss) = &self.loss else { return here };
        if fade == 0 || lead_most == 0 {
            return here;
        }
        // A whole period one way is none at all.
        let (lead_most, skip_most) = (lead_most.min(loss.period) as i64, skip_most.min(loss.period / 2) as i64);
        let stride = self.range.stride;
        let of = |joined: Joined, stride: usize| {
            likeness(&self.on[joined.lead..joined.lead + fade], &frame[joined.skip..joined.skip + fade], stride)
        };
        let place = |n: i64| Joined { lead: n.min(0).unsigned_abs() as usize, skip: n.max(0) as usize };
        let best = |range: std::ops::RangeInclusive<i64>, step: usize, stride: usize| {
            range
                .step_by(step)
                .map(|n| (n, of(place(n), stride)))
                .fold((0, f32::MIN), |a, b| if b.1 > a.1 { b } else { a })
        };
        let (coarse, _) = best(-lead_most..=skip_most, stride, stride);
        let near = stride as i64;
        let (shift, likeness) = best((coarse - near).max(-lead_most)..=(coarse + near).min(skip_most), 1, 1);
        if likeness >= IN_STEP && likeness > of(here, 1) + 0.02 { place(shift) } else { here }
    }

    fn begin(&mut self, past: &[i16]) {
        let len = self.past.len();
        let kept = past.len().min(len);
        self.past[len - kept..].copy_from_slice(&past[past.len() - kept..]);
        self.past[..len - kept].fill(0);
        let (period, _) = self.range.find(&self.past);
        let last = |n: usize| f32::from(self.past[len - 1 - n]);
        let step = last(0) - last(period);
        self.loss = Some(Loss { period, passed: 0, at: len - period, back: period, step });
    }

    fn next(&mut self, background: &mut Background) -> f32 {
        let Some(loss) = &mut self.loss else { return 0.0 };
        let n = loss.passed;
        // A loss may last for ever; past the fade nothing counts.
        let (hold, faded) = (HOLD_MS * self.samples_per_ms, FADED_MS * self.samples_per_ms);
        if n >= faded {
            return background.next();
        }
        loss.passed += 1;
        let gain = if n < hold { 1.0 } else { (faded - n) as f32 / (faded - hold) as f32 };
        let bridge = loss.step * (1.0 - n as f32 / (loss.period / 4).max(1) as f32).max(0.0);
        let on = (bridge + periods(loss, &self.past, n / self.samples_per_ms)) * gain;
        if gain < 1.0 { on + (1.0 - gain) * background.next() } else { on }
    }
}

/// One sample of the last periods, over and over; the end of each turn fades into the beginning of the next.
fn periods(loss: &mut Loss, past: &[i16], passed_ms: usize) -> f32 {
    let quarter = loss.period / 4;
    let left = past.len() - loss.at;
    if left == quarter {
        let turns = if passed_ms < TWO_PERIODS_MS { 1 } else { 2 + usize::from(passed_ms >= THREE_PERIODS_MS) };
        loss.back = turns * loss.period;
    }
    let sample = f32::from(past[loss.at]);
    let out = match quarter.checked_sub(left) {
        Some(n) if loss.at >= loss.back => {
            let before = f32::from(past[loss.at - loss.back]);
            sample + (before - sample) * (n + 1) as f32 / (quarter + 1) as f32
        }
        _ => sample,
    };
    loss.at += 1;
    if loss.at == past.len() {
        loss.at -= loss.back;
    }
    out
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
