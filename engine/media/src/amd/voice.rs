use crate::mix::level_dbov;

/// Tells voice from background in 20 ms, and counts words by the gaps between them.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    noise_dbov: f32,
    loud: u32,
    quiet: u32,
    in_word: bool,
    words: u32,
}

/// What a tick was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// A word has been going on for a while; the first time, the ticks it has had so far.
    Voice,
    Quiet,
}

const ABOVE_NOISE_DB: f32 = 10.0;
const VOICE_MIN_DBOV: f32 = -48.0;
const NOISE_START_DBOV: f32 = -62.0;
const NOISE_MIN_DBOV: f32 = -80.0;
const NOISE_MAX_DBOV: f32 = -38.0;
const NOISE_RISE_DB: f32 = 0.05;
/// 100 ms: shorter sounds are clicks and breath.
pub(super) const WORD_TICKS_MIN: u32 = 5;
/// 60 ms: shorter gaps are within a word.
const GAP_TICKS_MIN: u32 = 3;

impl Voice {
    pub fn new() -> Self {
        Voice { noise_dbov: NOISE_START_DBOV, loud: 0, quiet: 0, in_word: false, words: 0 }
    }

    /// Words begun so far.
    pub fn words(&self) -> u32 {
        self.words
    }

    pub fn hear(&mut self, pcm: &[i16]) -> Sound {
        let level = level_dbov(pcm).max(NOISE_MIN_DBOV);
        let loud = level > (self.noise_dbov + ABOVE_NOISE_DB).max(VOICE_MIN_DBOV);
        self.noise_dbov = level.min(self.noise_dbov + NOISE_RISE_DB).clamp(NOISE_MIN_DBOV, NOISE_MAX_DBOV);
        self.count(loud)
    }

    /// A tick that is known to be no voice.
    pub fn other(&mut self) -> Sound {
        self.count(false)
    }

    fn count(&mut self, loud: bool) -> Sound {
        if loud {
            self.loud += 1;
            self.quiet = 0;
            if !self.in_word && self.loud >= WORD_TICKS_MIN {
                self.in_word = true;
                self.words += 1;
            }
        } else {
            self.quiet += 1;
            if self.quiet >= GAP_TICKS_MIN {
                self.loud = 0;
                self.in_word = false;
            }
        }
        if self.in_word && loud { Sound::Voice } else { Sound::Quiet }
    }
}
