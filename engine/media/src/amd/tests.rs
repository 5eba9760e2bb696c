use std::f64::consts::TAU;
use std::time::Duration;

use tandem_model::{Entropy, SampleRate, SeedEntropy};

use super::*;

const TICK_SAMPLES: usize = 160;

/// Sound that is put together piece by piece.
#[derive(Default)]
struct Line(Vec<i16>);

impl Line {
    fn silence(mut self, ms: usize) -> Self {
        let mut entropy = SeedEntropy::new(ms as u64);
        self.0.extend((0..ms * 8).map(|_| (entropy.next_u32() % 9) as i16 - 4));
        self
    }

    fn tone(mut self, hz: &[f64], ms: usize, amplitude: f64) -> Self {
        self.0.extend((0..ms * 8).map(|n| {
            let sum: f64 = hz.iter().map(|hz| (TAU * hz * n as f64 / 8_000.0).sin()).sum();
            companded((sum / hz.len() as f64 * amplitude) as i16)
        }));
        self
    }

    /// Voiced sound of a moving pitch with many harmonics, loud and soft as syllables are.
    fn word(mut self, ms: usize) -> Self {
        let mut phase = 0.0;
        self.0.extend((0..ms * 8).map(|n| {
            let t = n as f64 / 8_000.0;
            phase += TAU * (130.0 + 25.0 * (TAU * 2.3 * t).sin()) / 8_000.0;
            let voiced: f64 = (1..16).map(|k| (phase * f64::from(k)).sin() / f64::from(k).sqrt()).sum();
            companded((voiced * 2_500.0 * (0.6 + 0.4 * (TAU * 4.0 * t).sin())) as i16)
        }));
        self
    }

    fn words(self, count: usize, ms: usize, gap_ms: usize) -> Self {
        (0..count).fold(self, |line, _| line.word(ms).silence(gap_ms))
    }
}

/// As the telephone network would give it back.
fn companded(sample: i16) -> i16 {
    // µ-law keeps about 38 dB: a step of a hundredth of the sample.
    let step = (i32::from(sample).abs() / 40).max(4);
    (i32::from(sample) / step * step) as i16
}

fn config(goal: Goal) -> AmdConfig {
    AmdConfig::new(goal)
}

/// What is found, and when, in milliseconds; silence follows the line.
fn listen(config: AmdConfig, line: Line) -> Vec<(u128, Finding)> {
    let mut detector = Detector::new(config, SampleRate::HZ_8000);
    let mut found = Vec::new();
    let line = line.silence(130_000);
    for tick in line.0.chunks_exact(TICK_SAMPLES) {
        if let Some(finding) = detector.hear(tick) {
            found.push((detector.elapsed().as_millis(), finding));
        }
    }
    found
}

#[track_caller]
fn check(config: AmdConfig, line: Line, expected: AnsweredBy, between_ms: std::ops::RangeInclusive<u128>) {
    let found = listen(config, line);
    let (at, last) = *found.last().expect("something is found in the end");
    assert_eq!(last, Finding::Final(expected), "{found:?}");
    assert!(between_ms.contains(&at), "{found:?}");
    assert_eq!(found.iter().filter(|(_, f)| matches!(f, Finding::Final(_))).count(), 1, "{found:?}");
}

#[test]
fn a_short_greeting_and_then_silence_is_a_human() {
    for goal in [Goal::WhoAnswered, Goal::MessageEnd] {
        check(config(goal), Line::default().silence(700).word(500), AnsweredBy::Human, 2_380..=2_460);
        // "Smith and Sons, hello?"
        let line = Line::default().silence(300).words(3, 300, 120);
        check(config(goal), line, AnsweredBy::Human, 2_500..=2_700);
    }
}

#[test]
fn a_long_greeting_is_a_machine_as_soon_as_it_is_too_long() {
    let line = || Line::default().silence(500).word(9_000);
    check(config(Goal::WhoAnswered), line(), AnsweredBy::MachineStart, 2_880..=2_960);
    let strict = AmdConfig { speech_threshold: Duration::from_millis(1_000), ..config(Goal::WhoAnswered) };
    check(strict, line(), AnsweredBy::MachineStart, 1_480..=1_560);
}

#[test]
fn more_words_than_the_threshold_are_a_machine_and_as_many_are_not() {
    let line = |words| Line::default().silence(200).words(words, 160, 120);
    let patient = AmdConfig { speech_threshold: Duration::from_millis(6_000), ..config(Goal::WhoAnswered) };
    check(patient, line(7), AnsweredBy::MachineStart, 1_900..=2_100);
    check(patient, line(6), AnsweredBy::Human, 2_900..=3_200);
    let curt = AmdConfig { words_threshold: 2, ..patient };
    check(curt, line(3), AnsweredBy::MachineStart, 800..=960);
}

#[test]
fn the_end_of_a_message_is_its_beep_and_is_reported_when_the_beep_is_over() {
    for hz in [350.0, 440.0, 853.0, 1_000.0, 1_400.0, 2_200.0] {
        let line = Line::default().silence(400).word(4_000).silence(700).tone(&[hz], 400, 9_000.0);
        let found = listen(config(Goal::MessageEnd), line);
        assert_eq!(found[0].1, Finding::Machine, "{hz} Hz: {found:?}");
        assert_eq!(found[1].1, Finding::Final(AnsweredBy::MachineEndBeep), "{hz} Hz: {found:?}");
        assert!((5_480..=5_560).contains(&found[1].0), "{hz} Hz: {found:?}");
    }
}

#[test]
fn a_message_without_a_beep_ends_with_silence_or_with_the_time() {
    let line = Line::default().silence(400).word(4_000);
    check(config(Goal::MessageEnd), line, AnsweredBy::MachineEndSilence, 7_340..=7_480);
    check(config(Goal::MessageEnd), Line::default().word(60_000), AnsweredBy::MachineEndOther, 30_000..=30_000);
    // Two tones at once are a ringing or busy tone, and neither beep nor greeting's end.
    let line = Line::default().word(3_000).silence(500).tone(&[440.0, 480.0], 500, 9_000.0);
    check(config(Goal::MessageEnd), line, AnsweredBy::MachineEndSilence, 6_900..=7_200);
}

#[test]
fn a_mailbox_that_only_beeps_is_a_machine() {
    let line = || Line::default().silence(800).tone(&[1_000.0], 300, 6_000.0);
    check(config(Goal::WhoAnswered), line(), AnsweredBy::MachineStart, 1_100..=1_160);
    check(config(Goal::MessageEnd), line(), AnsweredBy::MachineEndBeep, 1_100..=1_160);
}

#[test]
fn a_fax_is_told_by_its_tone() {
    for goal in [Goal::WhoAnswered, Goal::MessageEnd] {
        let ced = Line::default().silence(1_800).tone(&[2_100.0], 3_000, 5_000.0);
        check(config(goal), ced, AnsweredBy::Fax, 2_780..=2_860);
        let cng = Line::default().silence(1_000).tone(&[1_100.0], 500, 5_000.0).silence(3_000);
        check(config(goal), cng, AnsweredBy::Fax, 1_500..=1_560);
    }
    // The same tone after a greeting is its beep.
    let line = Line::default().word(3_000).silence(600).tone(&[1_100.0], 500, 5_000.0);
    check(config(Goal::MessageEnd), line, AnsweredBy::MachineEndBeep, 4_100..=4_160);
}

#[test]
fn silence_is_unknown_after_its_time_and_so_is_what_takes_too_long() {
    check(config(Goal::WhoAnswered), Line::default(), AnsweredBy::Unknown, 5_000..=5_000);
    let hasty = AmdConfig { timeout: Duration::from_secs(1), ..config(Goal::MessageEnd) };
    check(hasty, Line::default().word(5_000), AnsweredBy::Unknown, 1_000..=1_000);
    // A click is no greeting.
    check(config(Goal::WhoAnswered), Line::default().silence(900).word(40), AnsweredBy::Unknown, 5_000..=5_000);
}

#[test]
fn ticks_that_never_came_are_silence_and_an_early_end_says_what_is_known() {
    let mut detector = Detector::new(config(Goal::WhoAnswered), SampleRate::HZ_8000);
    assert_eq!(detector.gap(249), None);
    assert_eq!(detector.gap(u64::MAX), Some(Finding::Final(AnsweredBy::Unknown)));
    assert_eq!((detector.hear(&[9_000; 160]), detector.gap(5), detector.finish()), (None, None, None));
    let mut detector = Detector::new(config(Goal::MessageEnd), SampleRate::HZ_8000);
    for tick in Line::default().word(3_000).0.chunks_exact(TICK_SAMPLES) {
        detector.hear(tick);
    }
    assert_eq!(detector.finish(), Some(AnsweredBy::MachineEndOther));
}

#[test]
fn a_call_resource_knows_only_human_and_machine() {
    use AnsweredBy::*;
    let all = [Human, MachineStart, MachineEndBeep, MachineEndSilence, MachineEndOther, Fax, Unknown];
    assert_eq!(
        all.map(AnsweredBy::as_str)[1..5].join(" "),
        "machine_start machine_end_beep machine_end_silence machine_end_other"
    );
    assert_eq!(all.map(|by| by.short().unwrap_or("-")).join(" "), "human machine machine machine machine machine -");
}
