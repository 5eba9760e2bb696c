use std::time::Duration;

use tandem_codecs::{CodecId, CodecSpec, Decoder};
use tandem_model::{RtpTime, SampleRate, SeqNo, Timestamp};

use crate::control::LegSpec;
use crate::dtmf::{EventPacket, EventReceiver, InBandDetector, Key};
use crate::playout::FRAME_SAMPLES_MAX;

/// One press told in two ways is told within this time: some phones send events and INFO, some leave the tone in beside the
/// event, and INFO often comes when the key is let go.
const TWINS_WITHIN: Duration = Duration::from_millis(500);
/// Presses that may wait for their twin.
const REMEMBERED: usize = 4;
/// Audio missing for so long is a pause, not loss.
const PAUSE_MS: u32 = 100;
/// And for so long, when no packet is missing: the sender was silent (RFC 3551 section 4.1).
const SILENCE_MS: u32 = 30;

/// How a key press came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Event,
    Tone,
    Signalling,
}

/// The keys of a leg's far end, each press reported once in whatever ways it is told.
#[derive(Default)]
pub(super) struct Keys {
    events: EventReceiver,
    ear: Option<Box<Ear>>,
    /// It sends events: its audio need not be listened to.
    sends_events: bool,
    /// Newest first.
    recent: [Option<Press>; REMEMBERED],
    pub pressed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Press {
    digit: char,
    source: Source,
    /// When it was last heard of.
    at: Timestamp,
    down: bool,
    /// Another source told of it too.
    twin: Option<Source>,
}

impl Keys {
    pub fn configure(&mut self, before: Option<&LegSpec>, spec: &LegSpec) {
        let same = before.is_some_and(|b| b.codec == spec.codec && b.dtmf_in_band == spec.dtmf_in_band);
        if !same {
            self.ear = None;
        }
        if spec.dtmf_in_band && !self.sends_events && self.ear.is_none() {
            self.ear = Ear::new(spec.codec).map(Box::new);
        }
    }

    pub fn rebuild(&mut self, spec: &LegSpec) {
        self.events = EventReceiver::new();
        self.ear = None;
        self.configure(None, spec);
    }

    /// Keys of a telephone-event packet.
    pub fn event(&mut self, now: Timestamp, packet: EventPacket<'_>, mut each: impl FnMut(Key)) {
        self.sends_events = true;
        let mut events = std::mem::take(&mut self.events);
        events.packet(now, packet, |key| self.take(now, Source::Event, key).into_iter().for_each(&mut each));
        self.events = events;
        if let Some(mut ear) = self.ear.take() {
            ear.detector.broke_off(|key| self.take(now, Source::Tone, key).into_iter().for_each(&mut each));
        }
    }

    /// Keys that sound in an audio packet. True while one does.
    pub fn audio(
        &mut self,
        now: Timestamp,
        packet: AudioPacket<'_>,
        frame: &mut [i16; FRAME_SAMPLES_MAX],
        mut each: impl FnMut(Key),
    ) -> bool {
        let Some(mut ear) = self.ear.take() else { return false };
        ear.hear(now, packet, frame, |key| self.take(now, Source::Tone, key).into_iter().for_each(&mut each));
        let sounds = ear.detector.is_down();
        self.ear = Some(ear);
        sounds
    }

    /// A press that signalling told of, whole.
    pub fn signalled(&mut self, now: Timestamp, digit: char, duration_ms: u32, mut each: impl FnMut(Key)) {
        for key in [Key::Down { digit }, Key::Up { digit, duration_ms }] {
            self.take(now, Source::Signalling, key).into_iter().for_each(&mut each);
        }
    }

    /// No key is known to be down, by event or by tone: [`Keys::expire`] has nothing to end.
    pub fn is_at_rest(&self) -> bool {
        !self.events.is_down() && !self.ear.as_ref().is_some_and(|ear| ear.detector.is_down())
    }

    /// Keys that are known to be up because nothing more comes.
    pub fn expire(&mut self, now: Timestamp, mut each: impl FnMut(Key)) {
        if self.events.is_down() {
            let mut events = std::mem::take(&mut self.events);
            events.expire(now, |key| self.take(now, Source::Event, key).into_iter().for_each(&mut each));
            self.events = events;
        }
        // Moved out only when there is something to say: it is large, and every tick asks.
        if let Some(mut ear) = self.ear.take_if(|ear| ear.broke_off(now)) {
            ear.expire(now, |key| self.take(now, Source::Tone, key).into_iter().for_each(&mut each));
            self.ear = Some(ear);
        }
    }

    /// The key, unless it is the twin of one that was reported.
    fn take(&mut self, now: Timestamp, source: Source, key: Key) -> Option<Key> {
        match key {
            Key::Down { digit } => {
                let twin = |p: &&mut Press| {
                    p.digit == digit
                        && p.source != source
                        && p.twin != Some(source)
                        && (p.down || now.since(p.at) < TWINS_WITHIN)
                };
                if let Some(press) = self.recent.iter_mut().rev().flatten().find(twin) {
                    press.twin = Some(source);
                    return None;
                }
                self.recent.rotate_right(1);
                self.recent[0] = Some(Press { digit, source, at: now, down: true, twin: None });
                self.pressed += 1;
            }
            Key::Up { digit, .. } => {
                let own = |p: &&mut Press| p.digit == digit && p.source == source && p.down;
                let press = self.recent.iter_mut().flatten().find(own)?;
                (press.down, press.at) = (false, now);
            }
        }
        Some(key)
    }
}

/// An audio packet, for the ear.
pub(super) struct AudioPacket<'a> {
    pub ssrc: u32,
    pub sequence: SeqNo,
    pub timestamp: RtpTime,
    pub payload: &'a [u8],
}

/// Listens to audio as it arrives, before any jitter buffer: nothing of the tones is stretched or concealed there, and it
/// does the same whether the leg is relayed, transcoded or heard by nobody.
struct Ear {
    decoder: Box<dyn Decoder>,
    detector: InBandDetector,
    rate: SampleRate,
    clock_hz: u32,
    last: Option<Last>,
}

/// The newest packet heard.
#[derive(Clone, Copy)]
struct Last {
    ssrc: u32,
    sequence: SeqNo,
    /// Where the next one begins.
    next: RtpTime,
    at: Timestamp,
}

impl Ear {
    /// None when the codec decodes to no rate the detector takes.
    fn new(codec: CodecId) -> Option<Self> {
        let spec = CodecSpec::by_id(codec);
        let rates = [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate(24_000), SampleRate::HZ_48000];
        let (rate, decoder) = rates.into_iter().find_map(|rate| Some((rate, (spec.decoder)(rate).ok()?)))?;
        let detector = InBandDetector::new(rate)?;
        Some(Ear { decoder, detector, rate, clock_hz: spec.clock_hz, last: None })
    }

    fn hear(
        &mut self,
        now: Timestamp,
        packet: AudioPacket<'_>,
        frame: &mut [i16; FRAME_SAMPLES_MAX],
        mut each: impl FnMut(Key),
    ) {
        if let Some(last) = self.last.filter(|last| last.ssrc == packet.ssrc) {
            let step = packet.sequence.diff(last.sequence);
            if step <= 0 {
                return; // overtaken: what came after it was heard
            }
            let missing_ms = packet.timestamp.diff(last.next).max(0).unsigned_abs() / (self.clock_hz / 1_000);
            if missing_ms >= PAUSE_MS || (step == 1 && missing_ms >= SILENCE_MS) {
                self.detector.broke_off(&mut each);
            }
        } else {
            self.detector.broke_off(&mut each);
        }
        let Ok(samples) = self.decoder.decode(packet.payload, frame) else { return };
        let units = samples as u32 * (self.clock_hz / 1_000) / (self.rate.0 / 1_000);
        let next = packet.timestamp.wrapping_add(units);
        self.last = Some(Last { ssrc: packet.ssrc, sequence: packet.sequence, next, at: now });
        self.detector.hear(&frame[..samples.min(FRAME_SAMPLES_MAX)], each);
    }

    /// A tone was heard, and nothing since.
    fn broke_off(&self, now: Timestamp) -> bool {
        self.detector.is_down() && self.last.is_some_and(|l| now.since(l.at) >= TWINS_WITHIN)
    }

    fn expire(&mut self, now: Timestamp, each: impl FnMut(Key)) {
        if self.broke_off(now) {
            self.detector.broke_off(each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `e5` an event's key 5 goes down, `E5` comes up; `t` tones, `s` signalling; `+300` milliseconds pass.
    fn reported(story: &str) -> String {
        let (mut keys, mut now, mut out) = (Keys::default(), Timestamp::from_secs(9), String::new());
        for word in story.split(' ') {
            if let Some(ms) = word.strip_prefix('+') {
                now = now + Duration::from_millis(ms.parse().unwrap());
                continue;
            }
            let (kind, digit) = (word.chars().next().unwrap(), word.chars().nth(1).unwrap());
            let source = match kind.to_ascii_lowercase() {
                'e' => Source::Event,
                't' => Source::Tone,
                _ => Source::Signalling,
            };
            let key = match kind.is_ascii_lowercase() {
                true => Key::Down { digit },
                false => Key::Up { digit, duration_ms: 1 },
            };
            if let Some(Key::Down { digit }) = keys.take(now, source, key) {
                out.push(digit);
            }
        }
        out
    }

    #[test]
    fn a_press_told_in_two_or_three_ways_is_one() {
        for (story, digits) in [
            ("e5 t5 T5 E5", "5"),
            ("t5 e5 E5 T5", "5"),
            ("e5 +90 E5 +300 s5 S5", "5"),
            ("e5 t5 +2000 s5 E5 T5", "5"),
            // Told late, after the next key.
            ("e5 +90 E5 +50 e6 +90 E6 s5 S5 s6 S6", "56"),
            // Twice the same key, each told twice.
            ("e5 +90 E5 s5 S5 +80 e5 +90 E5 s5 S5", "55"),
            ("e5 +90 E5 +80 e5 +90 E5 s5 S5 s5 S5", "55"),
        ] {
            assert_eq!(reported(story), digits, "{story}");
        }
    }

    #[test]
    fn presses_that_are_no_twins_are_all_reported() {
        for (story, digits) in
            [("e5 E5 e5 E5 e5 E5", "555"), ("s5 S5 s5 S5", "55"), ("e5 +90 E5 +600 s5 S5", "55"), ("e5 E5 s6 S6", "56")]
        {
            assert_eq!(reported(story), digits, "{story}");
        }
    }
}
