use tandem_model::SampleRate;

use super::super::keypad::{Key, key_at};
use super::decimator::Decimator;
use super::spectrum::{BLOCK, HOP, Hit, analyse};

/// Blocks in a row, half overlapping, that make a key: 32 ms. In 40 ms, the shortest key there is (Q.24), three fit however
/// they fall; in 20 ms they do not.
const BLOCKS_DOWN: u32 = 3;
/// Blocks in a row without it that end a key: an interruption of 10 ms does not (Q.24), a pause of 40 ms does.
const BLOCKS_UP: u32 = 4;
const HOP_MS: u32 = (HOP * 1_000 / 8_000) as u32;

/// Hears keys in decoded audio: within ±1.5 % of their frequencies and not beyond ±3.5 %, from 40 ms on with pauses from
/// 40 ms on, with either tone louder by what Q.24 allows, from 0 to −25 dBm0, and not in speech.
///
/// It costs a fraction of a microsecond for 20 ms of audio at 8 kHz, and allocates nothing.
#[derive(Debug)]
pub struct InBandDetector {
    decimator: Decimator,
    block: [f32; BLOCK],
    filled: usize,
    last: Option<Hit>,
    /// Hits in a row up to `last`, each going on with the one before.
    run: u32,
    down: Option<Down>,
}

/// The key that sounds.
#[derive(Clone, Copy, Debug)]
struct Down {
    row: usize,
    column: usize,
    /// Steps from its first block to its last, and since.
    steps: u32,
    missed: u32,
}

impl Down {
    fn digit(&self) -> char {
        key_at(self.row, self.column)
    }

    fn is(&self, hit: &Hit) -> bool {
        (self.row, self.column) == (hit.row, hit.column)
    }

    fn up(&self) -> Key {
        // Its first and its last block hang over the ends by about a quarter of a block each.
        Key::Up { digit: self.digit(), duration_ms: (self.steps + 1) * HOP_MS }
    }
}

impl InBandDetector {
    /// For audio at `rate`: None when it is no multiple of 8 kHz up to 48 kHz.
    pub fn new(rate: SampleRate) -> Option<Self> {
        let decimator = Decimator::new(rate)?;
        Some(InBandDetector { decimator, block: [0.0; BLOCK], filled: 0, last: None, run: 0, down: None })
    }

    /// Takes audio of any length; says what keys did in it, in order.
    pub fn hear(&mut self, pcm: &[i16], mut each: impl FnMut(Key)) {
        if !self.decimator.is_idle() {
            for &sample in pcm {
                if let Some(sample) = self.decimator.take(sample) {
                    self.block[self.filled] = sample;
                    self.filled += 1;
                    self.step(&mut each);
                }
            }
            return;
        }
        let mut rest = pcm;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.filled));
            let room = &mut self.block[self.filled..self.filled + now.len()];
            room.iter_mut().zip(now).for_each(|(to, from)| *to = f32::from(*from));
            self.filled += now.len();
            self.step(&mut each);
            rest = later;
        }
    }

    /// Whether a key sounds at the moment.
    pub fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// The audio broke off: a key that sounds comes up, and nothing from before joins what comes.
    pub fn broke_off(&mut self, mut each: impl FnMut(Key)) {
        if let Some(down) = self.down.take() {
            each(down.up());
        }
        (self.filled, self.last, self.run) = (0, None, 0);
    }

    /// Looks at the block once it is full, and keeps its later half for the next.
    fn step(&mut self, each: &mut impl FnMut(Key)) {
        if self.filled == BLOCK {
            self.block_full(each);
            self.block.copy_within(HOP.., 0);
            self.filled = BLOCK - HOP;
        }
    }

    fn block_full(&mut self, each: &mut impl FnMut(Key)) {
        let mut hit = analyse(&self.block);
        self.run = match (&self.last, &mut hit) {
            (_, None) => 0,
            (Some(last), Some(hit)) => {
                if hit.goes_on_from(last) {
                    self.run + 1
                } else {
                    1
                }
            }
            (None, Some(_)) => 1,
        };
        if let Some(down) = &mut self.down {
            if hit.as_ref().is_some_and(|hit| down.is(hit)) {
                down.steps += 1 + down.missed;
                down.missed = 0;
            } else {
                down.missed += 1;
                if down.missed == BLOCKS_UP {
                    each(down.up());
                    self.down = None;
                }
            }
        }
        if let Some(hit) = hit.filter(|_| self.run >= BLOCKS_DOWN)
            && !self.down.as_ref().is_some_and(|down| down.is(&hit))
        {
            if let Some(before) = self.down.take() {
                each(before.up());
            }
            let down = Down { row: hit.row, column: hit.column, steps: self.run, missed: 0 };
            each(Key::Down { digit: down.digit() });
            self.down = Some(down);
        }
        self.last = hit;
    }
}
