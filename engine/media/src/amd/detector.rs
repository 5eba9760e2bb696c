use std::time::Duration;

use tandem_model::SampleRate;
use tandem_model::limits::TICK;

use super::pure_tone::{Heard, PureTone};
use super::voice::{Sound, Voice, WORD_TICKS_MIN};
use super::{AmdConfig, AnsweredBy, Finding, Goal};

/// ```text
///            voice                     silence ≥ speech end          ─▶ human
///  Waiting ─────────▶ Greeting ───────────────────────────────────────
///     │                  │ length ≥ speech threshold, words > words threshold, beep ─▶ machine_start
///     │ silence timeout  └──────────▶ Message ── beep ─▶ machine_end_beep
///     ▼                              (MessageEnd)  ├─ silence ─▶ machine_end_silence
///  unknown        fax tone ─▶ fax                  └─ timeout ─▶ machine_end_other
/// ```
/// Give it every tick from the answer on with [`hear`](Detector::hear), and gaps with [`gap`](Detector::gap), until one of them
/// gives [`Finding::Final`].
#[derive(Clone, Debug)]
pub struct Detector {
    config: AmdConfig,
    rate_hz: f32,
    tick: u32,
    state: State,
    voice: Voice,
    tone: PureTone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Ticks at which it began and at which it was last heard.
    Greeting {
        began: u32,
        last: u32,
    },
    /// A machine's.
    Message {
        last: u32,
    },
    Over(AnsweredBy),
}

/// After a machine's greeting it may take so long until the beep; only then is silence its end.
const MESSAGE_SILENCE: Duration = Duration::from_millis(3_000);
/// Beeps are longer than a musical note and shorter than a dial tone.
const BEEP_MS_MIN: u32 = 160;
const BEEP_MS_MAX: u32 = 3_000;
/// CNG of a calling fax: 1100 ± 38 Hz for 0.5 s ± 15 % (ITU-T T.30 section 4.2).
const CNG_HZ: (f32, f32) = (1_062.0, 1_138.0);
const CNG_MS: (u32, u32) = (400, 600);
/// CED of an answering fax: 2100 ± 15 Hz for 2.6 s and more (ITU-T T.30 section 4.1); no beep is so long.
const CED_HZ: (f32, f32) = (2_080.0, 2_120.0);
const CED_MS_MIN: u32 = 1_000;

impl Detector {
    pub fn new(config: AmdConfig, rate: SampleRate) -> Self {
        let (state, voice, tone) = (State::Waiting, Voice::new(), PureTone::default());
        Detector { config, rate_hz: rate.0 as f32, tick: 0, state, voice, tone }
    }

    /// How much it has heard.
    pub fn elapsed(&self) -> Duration {
        TICK * self.tick
    }

    /// The next tick. Nothing follows a final finding.
    pub fn hear(&mut self, pcm: &[i16]) -> Option<Finding> {
        if self.is_over() {
            return None;
        }
        self.tick += 1;
        let ended = self.tone.hear(pcm, self.rate_hz);
        if let Some(found) = self.tones(ended) {
            return Some(found);
        }
        // A tone of some length is not somebody's voice.
        let tonal = self.tone.sounding().is_some_and(|t| t.ms >= 80);
        let sound = if tonal { self.voice.other() } else { self.voice.hear(pcm) };
        self.speech(sound)
    }

    /// Ticks that never came: they were silent.
    pub fn gap(&mut self, ticks: u64) -> Option<Finding> {
        let mut machine = None;
        for _ in 0..ticks {
            match self.hear(&[]) {
                Some(Finding::Final(by)) => return Some(Finding::Final(by)),
                Some(found) => machine = Some(found),
                None if self.is_over() => break,
                None => {}
            }
        }
        machine
    }

    /// There will be no more to hear: what is known by now.
    pub fn finish(&mut self) -> Option<AnsweredBy> {
        if self.is_over() {
            return None;
        }
        let by = self.known();
        self.state = State::Over(by);
        Some(by)
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    fn known(&self) -> AnsweredBy {
        match self.state {
            State::Over(by) => by,
            State::Message { .. } => AnsweredBy::MachineEndOther,
            State::Waiting | State::Greeting { .. } => AnsweredBy::Unknown,
        }
    }

    fn over(&mut self, by: AnsweredBy) -> Option<Finding> {
        self.state = State::Over(by);
        Some(Finding::Final(by))
    }

    fn tones(&mut self, ended: Option<Heard>) -> Option<Finding> {
        let spoken = !matches!(self.state, State::Waiting);
        if let Some(tone) = self.tone.sounding() {
            if !spoken && within(tone.hz, CED_HZ) && tone.ms >= CED_MS_MIN {
                return self.over(AnsweredBy::Fax);
            }
            if tone.ms >= BEEP_MS_MAX && !within(tone.hz, CED_HZ) {
                return self.beep();
            }
        }
        let tone = ended.filter(|t| t.ms >= BEEP_MS_MIN)?;
        if !spoken && within(tone.hz, CNG_HZ) && (CNG_MS.0..=CNG_MS.1).contains(&tone.ms) {
            return self.over(AnsweredBy::Fax);
        }
        // Reported at its end: what is said then is on the tape.
        self.beep()
    }

    fn beep(&mut self) -> Option<Finding> {
        match self.config.goal {
            Goal::WhoAnswered => self.over(AnsweredBy::MachineStart),
            Goal::MessageEnd => self.over(AnsweredBy::MachineEndBeep),
        }
    }

    fn speech(&mut self, sound: Sound) -> Option<Finding> {
        let now = self.tick;
        let voice = sound == Sound::Voice;
        if self.elapsed() >= self.config.timeout {
            let by = self.known();
            return self.over(by);
        }
        match &mut self.state {
            State::Waiting if voice => {
                self.state = State::Greeting { began: now.saturating_sub(WORD_TICKS_MIN - 1), last: now };
                self.greeting()
            }
            State::Waiting if TICK * now >= self.config.silence_timeout && self.tone.sounding().is_none() => {
                self.over(AnsweredBy::Unknown)
            }
            State::Waiting | State::Over(_) => None,
            State::Greeting { last, .. } => {
                if voice {
                    *last = now;
                    return self.greeting();
                }
                let quiet = TICK * (now - *last);
                if quiet >= self.config.speech_end_threshold { self.over(AnsweredBy::Human) } else { None }
            }
            State::Message { last } => {
                if voice {
                    *last = now;
                }
                let quiet = TICK * (now - *last);
                let enough = self.config.speech_end_threshold.max(MESSAGE_SILENCE);
                // A beep that has begun is waited for.
                let over = quiet >= enough && self.tone.sounding().is_none();
                if over { self.over(AnsweredBy::MachineEndSilence) } else { None }
            }
        }
    }

    /// Whether what was said so far is more than a human says to a telephone.
    fn greeting(&mut self) -> Option<Finding> {
        let State::Greeting { began, last } = self.state else { return None };
        let length = TICK * (last + 1 - began);
        if length < self.config.speech_threshold && self.voice.words() <= self.config.words_threshold {
            return None;
        }
        match self.config.goal {
            Goal::WhoAnswered => self.over(AnsweredBy::MachineStart),
            Goal::MessageEnd => {
                self.state = State::Message { last };
                Some(Finding::Machine)
            }
        }
    }
}

fn within(hz: f32, (low, high): (f32, f32)) -> bool {
    (low..=high).contains(&hz)
}
