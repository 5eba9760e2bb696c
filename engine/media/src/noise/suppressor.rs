use std::time::Duration;

use tandem_model::{Ptime, Timestamp};

use super::analysis::Spectrum;
use super::payload::ComfortNoise;

/// Louder than this is never background, whatever it sounds like: music on hold and tones are not to be replaced.
const BACKGROUND_MAX_DB: f32 = -40.0;
/// Speech rises this much above the background.
const SPEECH_RISE_DB: f32 = 6.0;
/// How fast the idea of the background rises to what is heard, per second, and the share by which it falls per frame.
const FLOOR_RISE_DB_PER_SEC: f32 = 3.0;
const FLOOR_FALL: f32 = 0.3;
/// What the background is taken for at the start: a quiet room.
const FLOOR_START_DB: f32 = -65.0;
/// Below this share of unpredictable power it is a tone, not noise.
const UNPREDICTABLE_MIN: f32 = 0.02;
/// Quieter than one step of G.711: silence, with no spectrum to speak of.
const SILENCE_DB: f32 = -75.0;
/// Speech fades below its background before it ends: this much longer is sent.
const HANGOVER: Duration = Duration::from_millis(240);
/// A peer hears of the background again after this long, or when it changed this much.
const UPDATE_AFTER: Duration = Duration::from_secs(1);
const UPDATE_CHANGE_DB: u8 = 3;

/// Tells speech from background, frame by frame, and describes the background.
#[derive(Clone, Debug)]
pub struct SilenceSuppressor {
    ptime: Duration,
    floor_db: f32,
    /// When speech was last heard.
    spoke: Option<Timestamp>,
    /// The background, over the frames since it began.
    background: Option<Spectrum>,
    /// What the peer was told, and when.
    told: Option<(Timestamp, ComfortNoise)>,
}

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Send it.
    Speech,
    /// Send this instead (RFC 3389).
    Describe(ComfortNoise),
    /// Send nothing.
    Nothing,
}

impl SilenceSuppressor {
    pub fn new(ptime: Ptime) -> Self {
        SilenceSuppressor {
            ptime: Duration::from_millis(u64::from(ptime.0)),
            floor_db: FLOOR_START_DB,
            spoke: None,
            background: None,
            told: None,
        }
    }

    /// Judges the next frame. The first ones are always sent.
    pub fn judge(&mut self, now: Timestamp, pcm: &[i16]) -> Verdict {
        let frame = Spectrum::of(pcm);
        let spoke = *self.spoke.get_or_insert(now);
        if self.is_speech(&frame) {
            self.spoke = Some(now);
            (self.background, self.told) = (None, None);
            return Verdict::Speech;
        }
        match &mut self.background {
            Some(background) => background.approach(&frame),
            None => self.background = Some(frame),
        }
        if now.since(spoke) < HANGOVER {
            return Verdict::Speech;
        }
        let noise = self.background.unwrap_or(frame).describe();
        let due = self.told.is_none_or(|(at, told)| {
            now.since(at) >= UPDATE_AFTER || told.level.abs_diff(noise.level) >= UPDATE_CHANGE_DB
        });
        if due {
            self.told = Some((now, noise));
            return Verdict::Describe(noise);
        }
        Verdict::Nothing
    }

    /// Also follows the background: quickly down, slowly up, so that speech does not lift it.
    fn is_speech(&mut self, frame: &Spectrum) -> bool {
        let level = frame.level_db();
        let speech = level > SILENCE_DB
            && (level > BACKGROUND_MAX_DB
                || level > self.floor_db + SPEECH_RISE_DB
                || frame.unpredictable() < UNPREDICTABLE_MIN);
        let rise = FLOOR_RISE_DB_PER_SEC * self.ptime.as_secs_f32();
        self.floor_db += if level < self.floor_db {
            (level - self.floor_db) * FLOOR_FALL
        } else {
            (level - self.floor_db).min(rise)
        };
        // Digital silence between words is no background to compare with.
        self.floor_db = self.floor_db.max(SILENCE_DB);
        speech
    }
}
