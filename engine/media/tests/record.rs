//! Recordings as bytes: which moment stands where in the file.

use std::time::Duration;

use tandem_media::record::{Ended, Layout, Output, Pause, Recorder, RecorderSpec, Track};
use tandem_media::tap::TapFrame;
use tandem_model::SampleRate;

const RATE: SampleRate = SampleRate::HZ_8000;
const VOICE: i16 = 1_000;

#[derive(Default)]
struct Tape(Vec<u8>);

impl Output for Tape {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn silence(&mut self, bytes: u64) {
        self.0.resize(self.0.len() + bytes as usize, 0);
    }
}

struct Room {
    recorder: Recorder,
    tape: Tape,
    tick: u64,
    ended: Option<Ended>,
}

fn spec() -> RecorderSpec {
    RecorderSpec { layout: Layout::Mono(Track::Inbound), rate: RATE, trim: false, max: None, silence_max: None }
}

impl Room {
    fn new(spec: RecorderSpec) -> Room {
        Room { recorder: Recorder::new(spec), tape: Tape::default(), tick: 0, ended: None }
    }

    fn hears(&mut self, ticks: u64, inbound: i16, outbound: i16) -> &mut Room {
        for _ in 0..ticks {
            let frame = TapFrame { tick: self.tick, inbound: &[inbound; 160], outbound: &[outbound; 160] };
            self.ended = self.recorder.take(&frame, &mut self.tape);
            self.tick += 1;
        }
        self
    }

    fn loses(&mut self, ticks: u64) -> &mut Room {
        self.tick += ticks;
        self
    }

    fn changes(&mut self, pause: Option<Pause>) -> &mut Room {
        self.recorder.change(self.tick, pause);
        self
    }

    /// The file's ticks as runs of (value of the first channel, ticks), after the cut at the end.
    fn runs(&self) -> Vec<(i16, usize)> {
        let kept = self.recorder.finish().data_bytes as usize;
        let tick_bytes = 160 * self.recorder.format().frame_bytes() as usize;
        assert_eq!((kept % tick_bytes, self.recorder.data_bytes() as usize), (0, self.tape.0.len()));
        let mut runs: Vec<(i16, usize)> = Vec::new();
        for tick in self.tape.0[..kept].chunks(tick_bytes) {
            let value = i16::from_le_bytes([tick[0], tick[1]]);
            match runs.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => runs.push((value, 1)),
            }
        }
        runs
    }
}

#[test]
fn each_layout_holds_who_it_says() {
    let first = |layout, channels: usize| {
        let mut room = Room::new(RecorderSpec { layout, ..spec() });
        room.hears(1, 20_000, 20_001);
        assert_eq!(room.tape.0.len(), 320 * channels);
        room.tape.0[..4].chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect::<Vec<_>>()
    };
    assert_eq!(first(Layout::Mono(Track::Inbound), 1), [20_000, 20_000]);
    assert_eq!(first(Layout::Mono(Track::Outbound), 1), [20_001, 20_001]);
    assert_eq!(first(Layout::Mono(Track::Both), 1), [32_767, 32_767], "the sum saturates");
    assert_eq!(first(Layout::Dual, 2), [20_000, 20_001]);
}

#[test]
fn lost_frames_are_silence_in_their_place() {
    let mut room = Room::new(spec());
    room.loses(3).hears(2, VOICE, 0).loses(50).hears(1, VOICE, 0);
    assert_eq!(room.runs(), [(0, 3), (VOICE, 2), (0, 50), (VOICE, 1)]);
    assert_eq!(room.recorder.filled_ticks(), 53);
    assert_eq!(room.recorder.duration(), Duration::from_millis(56 * 20));
    // One that comes twice, or late, takes no place.
    room.tick -= 1;
    room.hears(1, 7, 0);
    assert_eq!(room.recorder.duration(), Duration::from_millis(56 * 20));
}

#[test]
fn a_frame_shorter_than_a_tick_is_filled_up() {
    let mut room = Room::new(spec());
    room.recorder.take(&TapFrame { tick: 0, inbound: &[5; 3], outbound: &[] }, &mut room.tape);
    room.recorder.take(&TapFrame { tick: 1, inbound: &[5; 1_000], outbound: &[] }, &mut room.tape);
    assert_eq!(room.tape.0.len(), 640);
}

#[test]
fn a_pause_is_left_out_or_silent_as_asked_even_where_frames_are_missing() {
    for (pause, expected) in
        [(Pause::Skip, vec![(VOICE, 10), (900, 5)]), (Pause::Silence, vec![(VOICE, 10), (0, 30), (900, 5)])]
    {
        let mut room = Room::new(spec());
        room.hears(10, VOICE, 0).changes(Some(pause)).hears(10, 800, 0).loses(10).hears(10, 800, 0);
        room.changes(None).hears(5, 900, 0);
        assert_eq!(room.runs(), expected);
        assert_eq!(room.recorder.filled_ticks(), 0);
    }
}

#[test]
fn the_moments_of_a_pause_are_exact_when_the_frames_around_it_were_lost() {
    let mut room = Room::new(spec());
    room.hears(10, VOICE, 0).loses(4).changes(Some(Pause::Skip)).loses(7).changes(None).loses(2).hears(1, VOICE, 0);
    assert_eq!(room.runs(), [(VOICE, 10), (0, 6), (VOICE, 1)]);
    assert_eq!(room.recorder.filled_ticks(), 6);
}

#[test]
fn trimming_takes_the_silence_off_both_ends_and_leaves_it_in_between() {
    let mut room = Room::new(RecorderSpec { trim: true, ..spec() });
    room.hears(100, 3, 0).hears(50, VOICE, 0).hears(200, 0, 0).hears(20, VOICE, 0).hears(300, 4, 0);
    // 200 ms stay before and after; the voice's first tick is among those before.
    assert_eq!(room.runs(), [(3, 9), (VOICE, 50), (0, 200), (VOICE, 20), (4, 10)]);
    let finished = room.recorder.finish();
    assert_eq!((finished.duration, finished.sound), (Duration::from_millis(289 * 20), true));
    // What was heard last may be the very end.
    let mut short = Room::new(RecorderSpec { trim: true, ..spec() });
    short.hears(5, VOICE, 0);
    assert_eq!(short.runs(), [(VOICE, 5)]);
}

#[test]
fn a_recording_of_silence_trims_to_nothing_and_lost_frames_before_the_first_word_are_silence_too() {
    let mut room = Room::new(RecorderSpec { trim: true, ..spec() });
    room.hears(100, 3, 9_000).loses(10_000).hears(100, 2, 0);
    let finished = room.recorder.finish();
    assert_eq!((finished.data_bytes, finished.sound), (0, false));
    assert_eq!(room.tape.0.len(), 0);
    room.loses(5).hears(2, VOICE, 0);
    assert_eq!(room.runs(), [(VOICE, 2)]);
}

#[test]
fn the_longest_recording_ends_itself_and_takes_nothing_more() {
    let limited = RecorderSpec { max: Some(Duration::from_secs(1)), ..spec() };
    let mut room = Room::new(limited);
    room.hears(49, VOICE, 0);
    assert_eq!(room.ended, None);
    room.hears(10, VOICE, 0);
    assert_eq!((room.ended, room.runs()), (Some(Ended::MaxLength), vec![(VOICE, 50)]));
    let mut gap = Room::new(limited);
    gap.hears(10, VOICE, 0).loses(1_000_000_000).hears(1, VOICE, 0);
    assert_eq!((gap.ended, gap.runs()), (Some(Ended::MaxLength), vec![(VOICE, 10), (0, 40)]));
    let mut skipped = Room::new(limited);
    skipped.hears(40, VOICE, 0).changes(Some(Pause::Skip)).hears(100, VOICE, 0).changes(None).hears(9, VOICE, 0);
    assert_eq!(skipped.ended, None, "what a pause skips does not count");
}

#[test]
fn silence_of_the_asked_length_ends_a_recording_and_a_pause_does_not() {
    let patient = RecorderSpec { silence_max: Some(Duration::from_millis(500)), ..spec() };
    let mut room = Room::new(patient);
    // A voice's first tick might be a click: it still counts as silence.
    room.hears(23, 0, VOICE).hears(10, VOICE, 0).hears(24, 10, VOICE);
    assert_eq!((room.ended, room.recorder.quiet_for()), (None, Duration::from_millis(480)));
    room.changes(Some(Pause::Silence)).hears(100, 0, 0).changes(None);
    assert_eq!(room.ended, None);
    room.hears(1, 0, 0);
    assert_eq!(room.ended, Some(Ended::Silence));
    let mut never = Room::new(patient);
    never.hears(25, 0, 0);
    assert_eq!(never.ended, Some(Ended::Silence), "nobody spoke at all");
}

#[test]
fn both_channels_of_a_dual_recording_are_trimmed_together() {
    let mut room = Room::new(RecorderSpec { trim: true, layout: Layout::Dual, ..spec() });
    room.hears(1_000, 0, 0);
    assert_eq!(room.tape.0.len(), 0);
    room.hears(2, VOICE, 0);
    assert_eq!(room.runs(), [(0, 9), (VOICE, 2)]);
}
