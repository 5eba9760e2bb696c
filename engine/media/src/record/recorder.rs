use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::SampleRate;
use tandem_model::limits::TICK;

use super::activity::Activity;
use super::layout::{Layout, Track};
use super::wav::{DATA_BYTES_MAX, WavFormat};
use crate::tap::TapFrame;

/// Turns the frames of a tap into the data of a WAV file.
///
/// Every tick that passes takes its place in the file, whether its frame came or not. While silence at the beginning is
/// trimmed, only the last moments before the first sound are kept; silence at the end is written, for it is known to be the end only
/// at [`finish`](Self::finish), and is cut off then.
#[derive(Debug)]
pub struct Recorder {
    spec: RecorderSpec,
    tick_samples: usize,
    /// The tick that comes next.
    next: u64,
    paused: Option<Pause>,
    /// What to change, and from which tick on.
    changes: VecDeque<(u64, Option<Pause>)>,
    activity: Activity,
    sound: Sound,
    /// Ticks that count: all but those skipped by a pause.
    counted: u64,
    /// Ticks in the file.
    written: u64,
    quiet: u64,
    filled: u64,
    ended: Option<Ended>,
    block: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSpec {
    pub layout: Layout,
    /// Of the tap and of the file.
    pub rate: SampleRate,
    /// Take silence off both ends.
    pub trim: bool,
    /// Longest recording, pauses that are skipped not counted.
    pub max: Option<Duration>,
    /// Ends after so much silence, at the beginning too.
    pub silence_max: Option<Duration>,
}

/// Where a recording's data go, in order.
pub trait Output {
    fn bytes(&mut self, bytes: &[u8]);
    /// So many bytes of silence, which are zeros.
    fn silence(&mut self, bytes: u64);
}

/// What a pause leaves in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    Silence,
    Skip,
}

/// Why a recorder takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    MaxLength,
    Silence,
}

/// What the file holds in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Anything behind it is to be cut off.
    pub data_bytes: u64,
    pub duration: Duration,
    /// Whether there was sound at all.
    pub sound: bool,
}

#[derive(Debug)]
enum Sound {
    /// None yet; the last ticks before it, where the beginning is trimmed.
    Awaited { before: VecDeque<Vec<u8>> },
    /// `end` counts ticks in the file up to where the last sound has died away.
    Heard { end: u64 },
}

/// Left of the silence before the first sound and after the last: consonants begin and end softly.
const BEFORE_TICKS: usize = 10;
const AFTER_TICKS: u64 = 10;
/// Changes not yet reached: pause and resume follow each other by hand.
const CHANGES_MAX: usize = 64;

impl Recorder {
    pub fn new(spec: RecorderSpec) -> Self {
        Recorder {
            spec,
            tick_samples: (spec.rate.0 / TICKS_PER_SECOND) as usize,
            next: 0,
            paused: None,
            changes: VecDeque::new(),
            activity: Activity::new(Activity::THRESHOLD),
            sound: Sound::Awaited { before: VecDeque::new() },
            counted: 0,
            written: 0,
            quiet: 0,
            filled: 0,
            ended: None,
            block: Vec::new(),
        }
    }

    pub fn format(&self) -> WavFormat {
        WavFormat { channels: self.spec.layout.channels(), rate: self.spec.rate }
    }

    /// Pauses, or goes on (None), from that tick on; at once when it has passed.
    pub fn change(&mut self, from_tick: u64, pause: Option<Pause>) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((from_tick, pause));
    }

    /// Takes a frame, and silence for those missing before it. A frame older than its predecessor is left out.
    pub fn take(&mut self, frame: &TapFrame<'_>, out: &mut impl Output) -> Option<Ended> {
        if frame.tick < self.next {
            return self.ended;
        }
        while let Some((from, pause)) = self.changes.front().copied().filter(|(from, _)| *from <= frame.tick) {
            self.changes.pop_front();
            self.pass(from, out);
            self.paused = pause;
        }
        self.pass(frame.tick, out);
        self.next = frame.tick.saturating_add(1);
        match self.paused {
            _ if self.ended.is_some() => {}
            None => self.write(frame, out),
            Some(Pause::Silence) => self.write_silence(1, out),
            Some(Pause::Skip) => {}
        }
        self.ended
    }

    /// Ticks filled with silence because their frames never came.
    pub fn filled_ticks(&self) -> u64 {
        self.filled
    }

    /// Length of the file so far.
    pub fn duration(&self) -> Duration {
        ticks(self.written)
    }

    pub fn data_bytes(&self) -> u64 {
        self.written * self.tick_bytes()
    }

    /// How long there has been no sound.
    pub fn quiet_for(&self) -> Duration {
        ticks(self.quiet)
    }

    pub fn finish(&self) -> Finished {
        let (kept, sound) = match &self.sound {
            Sound::Awaited { .. } if self.spec.trim => (0, false),
            Sound::Awaited { .. } => (self.written, false),
            Sound::Heard { end } if self.spec.trim => (self.written.min(*end), true),
            Sound::Heard { .. } => (self.written, true),
        };
        Finished { data_bytes: kept * self.tick_bytes(), duration: ticks(kept), sound }
    }

    /// Goes on to a tick whose predecessors did not come.
    fn pass(&mut self, tick: u64, out: &mut impl Output) {
        let missing = tick.saturating_sub(self.next);
        self.next = self.next.max(tick);
        if missing == 0 || self.ended.is_some() || self.paused == Some(Pause::Skip) {
            return;
        }
        if self.paused.is_none() {
            self.filled += missing;
        }
        self.write_silence(missing, out);
    }

    fn write(&mut self, frame: &TapFrame<'_>, out: &mut impl Output) {
        let heard = match self.spec.layout {
            Layout::Mono(Track::Inbound) => self.activity.take([frame.inbound]),
            Layout::Mono(Track::Outbound) => self.activity.take([frame.outbound]),
            Layout::Mono(Track::Both) | Layout::Dual => self.activity.take([frame.inbound, frame.outbound]),
        };
        self.block.clear();
        self.spec.layout.write(frame, self.tick_samples, &mut self.block);
        self.quiet = if heard { 0 } else { self.quiet + 1 };
        match &mut self.sound {
            Sound::Awaited { before } if self.spec.trim && !heard => {
                let mut oldest =
                    if before.len() == BEFORE_TICKS { before.pop_front() } else { None }.unwrap_or_default();
                oldest.clear();
                oldest.extend_from_slice(&self.block);
                before.push_back(oldest);
            }
            sound => {
                if let Sound::Awaited { before } = sound {
                    for tick in before.drain(..) {
                        out.bytes(&tick);
                        self.written += 1;
                    }
                }
                out.bytes(&self.block);
                self.written += 1;
                if heard {
                    *sound = Sound::Heard { end: self.written + AFTER_TICKS };
                }
            }
        }
        self.count(1);
    }

    fn write_silence(&mut self, ticks: u64, out: &mut impl Output) {
        let ticks = ticks.min(self.left());
        if self.paused.is_none() {
            self.quiet += ticks;
        }
        match &mut self.sound {
            Sound::Awaited { before } if self.spec.trim => before.clear(),
            _ => {
                out.silence(ticks * self.tick_bytes());
                self.written += ticks;
            }
        }
        self.count(ticks);
    }

    fn count(&mut self, ticks: u64) {
        self.counted += ticks;
        if self.left() == 0 {
            self.ended = Some(Ended::MaxLength);
        } else if self.spec.silence_max.is_some_and(|max| self.quiet_for() >= max) {
            self.ended = Some(Ended::Silence);
        }
    }

    /// Ticks until the recording is as long as it may be; never more than the file can hold.
    fn left(&self) -> u64 {
        let file = DATA_BYTES_MAX / self.tick_bytes().max(1);
        let asked = self.spec.max.map_or(u64::MAX, |max| (max.as_millis() / TICK.as_millis()) as u64);
        file.min(asked).saturating_sub(self.counted)
    }

    fn tick_bytes(&self) -> u64 {
        self.tick_samples as u64 * self.format().frame_bytes()
    }
}

const TICKS_PER_SECOND: u32 = (1_000 / TICK.as_millis()) as u32;

fn ticks(count: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}
