use tandem_model::SampleRate;
use tandem_model::limits::TICK;

use super::Activity;
use super::limiter::Limiter;
use crate::resample::RateFifo;

/// Up to so many voices are all heard, with their background; among more, only who speaks.
const ALWAYS_HEARD: usize = 3;
/// So many are heard at a time: more cannot be followed, and their backgrounds add up.
const SPEAKERS_MAX: usize = 6;
/// Who is heard already keeps its place against a newcomer that is not louder by this.
const INCUMBENT_DB: f32 = 6.0;
/// The floor passes to another who is louder for so long.
const FLOOR_TICKS: u32 = 300 / TICK.as_millis() as u32;
/// 20 ms at the highest rate.
const SAMPLES_MAX: usize = 960;

/// What a seat may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Others hear it.
    pub speaks: bool,
    /// It hears others.
    pub hears: bool,
    /// Only this seat hears it.
    pub coaches: Option<usize>,
}

/// A mix of up to some hundred voices, tick by tick: [`Mixer::hear`] for each seat, then [`Mixer::mix`], then [`Mixer::shared`] once and
/// [`Mixer::own`] for each seat that needs a sum of its own. Nothing here allocates but [`Mixer::add`] and a change of rate.
///
/// ```text
///  heard ─ activity ─ chosen? ─ fade ─┬─ sum ─ limiter ─┬─ shared, for all who only listen
///                                     └─ own voice ──── − ─ own, for each who speaks  (+ who coaches it)
/// ```
pub struct Mixer {
    rate: SampleRate,
    seats: Vec<Seat>,
    sum: Box<[i32; SAMPLES_MAX]>,
    limiter: Limiter,
    /// Who has the floor, who contends for it, and for how many ticks.
    floor: Option<usize>,
    contender: Option<(usize, u32)>,
}

struct Seat {
    role: Role,
    activity: Activity,
    /// This tick's voice after its fade; silent when `contributes` is not set.
    voice: Box<[i16; SAMPLES_MAX]>,
    heard: bool,
    chosen: bool,
    /// Chosen now or a tick ago, so that it fades.
    contributes: bool,
    fade: Fade,
    told: bool,
    /// For a voice of another rate.
    input: Option<RateFifo>,
}

/// Voices come and go within one tick, without a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fade {
    Whole,
    In,
    Out,
}

impl Seat {
    fn fade(&mut self, samples: usize) {
        if !self.contributes || self.fade == Fade::Whole {
            return;
        }
        for (n, sample) in self.voice[..samples].iter_mut().enumerate() {
            let step = if self.fade == Fade::In { n } else { samples - n };
            *sample = (i32::from(*sample) * step as i32 / samples as i32) as i16;
        }
    }
}

impl Mixer {
    pub fn new(rate: SampleRate) -> Self {
        Mixer {
            rate,
            seats: Vec::new(),
            sum: Box::new([0; SAMPLES_MAX]),
            limiter: Limiter::new(),
            floor: None,
            contender: None,
        }
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Voices go on at another rate.
    pub fn set_rate(&mut self, rate: SampleRate) {
        if self.rate != rate {
            self.rate = rate;
            self.seats.iter_mut().for_each(|seat| seat.input = None);
        }
    }

    /// Samples of one tick.
    pub fn samples(&self) -> usize {
        (self.rate.0 as usize * TICK.as_millis() as usize / 1_000).min(SAMPLES_MAX)
    }

    /// The new seat is the last.
    pub fn add(&mut self, role: Role) {
        self.seats.push(Seat {
            role,
            activity: Activity::default(),
            voice: Box::new([0; SAMPLES_MAX]),
            heard: false,
            chosen: false,
            contributes: false,
            fade: Fade::Whole,
            told: false,
            input: None,
        });
    }

    /// The last seat takes the place of this one, as in `Vec::swap_remove`.
    pub fn remove(&mut self, seat: usize) {
        let last = self.seats.len() - 1;
        self.seats.swap_remove(seat);
        let moved = |s: usize| if s == last { seat } else { s };
        let kept = |s: &usize| *s != seat;
        self.floor = self.floor.filter(kept).map(moved);
        self.contender = self.contender.filter(|(s, _)| kept(s)).map(|(s, ticks)| (moved(s), ticks));
        for other in &mut self.seats {
            // Whoever coached it coaches nobody, and is heard by nobody until told otherwise.
            match &mut other.role.coaches {
                Some(coached) if *coached == seat => other.role = Role { speaks: false, coaches: None, ..other.role },
                Some(coached) => *coached = moved(*coached),
                None => {}
            }
        }
    }

    pub fn set_role(&mut self, seat: usize, role: Role) {
        self.seats[seat].role = role;
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// One tick of what a seat says, at any rate; None when it says nothing.
    pub fn hear(&mut self, seat: usize, said: Option<(&[i16], SampleRate)>) {
        let samples = self.samples();
        let rate = self.rate;
        let seat = &mut self.seats[seat];
        let voice = &mut seat.voice[..samples];
        seat.heard = match said {
            None => false,
            Some((pcm, from)) if from == rate && pcm.len() == samples => {
                voice.copy_from_slice(pcm);
                true
            }
            Some((pcm, from)) => {
                let fifo = seat.input.get_or_insert_with(|| RateFifo::new(from, rate, 2 * samples));
                fifo.set_source(from);
                fifo.push(pcm);
                let taken = fifo.take(voice);
                voice[taken..].fill(0);
                taken > 0
            }
        };
        seat.activity.hear(seat.heard.then_some(voice));
    }

    /// Sums this tick's voices and what is played to all.
    pub fn mix(&mut self, played: &[&[i16]]) {
        let samples = self.samples();
        self.choose();
        let sum = &mut self.sum[..samples];
        sum.fill(0);
        for seat in &mut self.seats {
            seat.fade(samples);
            if seat.contributes && seat.role.coaches.is_none() {
                sum.iter_mut().zip(&seat.voice[..samples]).for_each(|(sum, &voice)| *sum += i32::from(voice));
            }
        }
        for clip in played {
            sum.iter_mut().zip(*clip).for_each(|(sum, &sample)| *sum += i32::from(sample));
        }
        self.limiter.look(sum);
        self.pass_floor();
    }

    /// What all hear who do not speak: writes one tick.
    pub fn shared(&self, out: &mut [i16]) {
        let samples = self.samples();
        for (n, (out, &sum)) in out.iter_mut().zip(&self.sum[..samples]).enumerate() {
            *out = self.limiter.apply(sum, n, samples);
        }
    }

    /// True when the seat hears just what [`Mixer::shared`] gives.
    pub fn hears_shared(&self, seat: usize) -> bool {
        let own = &self.seats[seat];
        let in_sum = own.contributes && own.role.coaches.is_none();
        own.role.hears && !in_sum && !self.seats.iter().any(|s| s.contributes && s.role.coaches == Some(seat))
    }

    /// What this seat hears: everybody but itself, and who coaches it. False when it hears nobody.
    pub fn own(&self, seat: usize, out: &mut [i16]) -> bool {
        let samples = self.samples();
        let own = &self.seats[seat];
        if !own.role.hears {
            return false;
        }
        let in_sum = own.contributes && own.role.coaches.is_none();
        for (n, out) in out.iter_mut().enumerate().take(samples) {
            let own = if in_sum { i32::from(own.voice[n]) } else { 0 };
            *out = self.limiter.apply(self.sum[n] - own, n, samples);
        }
        for coach in self.seats.iter().filter(|s| s.contributes && s.role.coaches == Some(seat)) {
            out.iter_mut().zip(&coach.voice[..samples]).for_each(|(out, &voice)| *out = out.saturating_add(voice));
        }
        true
    }

    /// Whether a seat began (true) or ceased (false) to speak since this was last asked.
    pub fn poll_speaking(&mut self, seat: usize) -> Option<bool> {
        let seat = &mut self.seats[seat];
        let now = seat.role.speaks && seat.activity.is_speaking();
        (std::mem::replace(&mut seat.told, now) != now).then_some(now)
    }

    /// Who is, or was last, the one to look at.
    pub fn floor(&self) -> Option<usize> {
        self.floor
    }

    /// Decides whose voices are heard.
    fn choose(&mut self) {
        let speaks = |seat: &Seat| seat.heard && seat.role.speaks && seat.role.coaches.is_none();
        let voices = self.seats.iter().filter(|seat| seat.role.speaks && seat.role.coaches.is_none()).count();
        let rank = |seat: &Seat| seat.activity.level_dbov() + if seat.chosen { INCUMBENT_DB } else { 0.0 };
        // The loudest few, by a bar that only they pass.
        let mut loudest = [f32::NEG_INFINITY; SPEAKERS_MAX];
        for seat in self.seats.iter().filter(|seat| speaks(seat) && seat.activity.is_active()) {
            let mut rank = rank(seat);
            for place in &mut loudest {
                if rank > *place {
                    std::mem::swap(place, &mut rank);
                }
            }
        }
        let bar = loudest[SPEAKERS_MAX - 1];
        for seat in &mut self.seats {
            let (rank, speaks) = (rank(seat), speaks(seat));
            let coaches = seat.heard && seat.role.speaks && seat.role.coaches.is_some();
            let was = seat.chosen;
            seat.chosen = coaches || speaks && (voices <= ALWAYS_HEARD || seat.activity.is_active() && rank >= bar);
            seat.contributes = seat.chosen || was && seat.heard;
            if !seat.contributes {
                continue;
            }
            seat.fade = match (was, seat.chosen) {
                (true, true) => Fade::Whole,
                (false, true) => Fade::In,
                (_, false) => Fade::Out,
            };
        }
    }

    /// The floor is the loudest speaker's, once it was that for a while.
    fn pass_floor(&mut self) {
        let speaking = |seat: &Seat| seat.role.speaks && seat.role.coaches.is_none() && seat.activity.is_speaking();
        let loudest = (0..self.seats.len())
            .filter(|&n| speaking(&self.seats[n]))
            .max_by(|&a, &b| self.seats[a].activity.level_dbov().total_cmp(&self.seats[b].activity.level_dbov()));
        let Some(loudest) = loudest.filter(|&n| self.floor != Some(n)) else {
            self.contender = None;
            return;
        };
        let free = self.floor.is_none_or(|n| !speaking(&self.seats[n]));
        let ticks = match self.contender {
            Some((contender, ticks)) if contender == loudest => ticks + 1,
            _ => 1,
        };
        if free || ticks >= FLOOR_TICKS {
            self.floor = Some(loudest);
            self.contender = None;
        } else {
            self.contender = Some((loudest, ticks));
        }
    }
}

#[cfg(test)]
mod tests;
