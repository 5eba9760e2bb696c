use std::f32::consts::TAU;

use super::*;

const MEMBER: Role = Role { speaks: true, hears: true, coaches: None };
const RATE: SampleRate = SampleRate::HZ_8000;

/// Seats that each say one tone, and what each hears in the end.
struct Room {
    mixer: Mixer,
    said: Vec<Option<f32>>,
    tick: usize,
}

impl Room {
    fn new(tones: &[f32]) -> Self {
        let mut mixer = Mixer::new(RATE);
        tones.iter().for_each(|_| mixer.add(MEMBER));
        Room { mixer, said: tones.iter().map(|&hz| (hz > 0.0).then_some(hz)).collect(), tick: 0 }
    }

    /// What each seat hears over some ticks.
    fn run(&mut self, ticks: usize) -> Vec<Vec<i16>> {
        let mut heard = vec![Vec::new(); self.said.len()];
        for _ in 0..ticks {
            for seat in 0..self.said.len() {
                let pcm = self.said[seat].map(|hz| tone(hz, self.tick));
                self.mixer.hear(seat, pcm.as_ref().map(|pcm| (&pcm[..], RATE)));
            }
            self.mixer.mix(&[]);
            for (seat, heard) in heard.iter_mut().enumerate() {
                let mut own = [0; 160];
                if self.mixer.own(seat, &mut own) {
                    if self.mixer.hears_shared(seat) {
                        let mut shared = [1; 160];
                        self.mixer.shared(&mut shared);
                        assert_eq!(own, shared, "seat {seat}");
                    }
                    heard.extend(own);
                }
            }
            self.tick += 1;
        }
        heard
    }

    /// Which of the tones each seat hears.
    fn audible(&mut self) -> Vec<Vec<usize>> {
        self.run(30);
        let heard = self.run(20);
        let tones = self.said.clone();
        let loud = |pcm: &[i16], hz: f32| amplitude(pcm, hz) > 1_000.0;
        let of = |pcm: &Vec<i16>| {
            (0..tones.len()).filter(|&n| !pcm.is_empty() && tones[n].is_some_and(|hz| loud(pcm, hz))).collect()
        };
        heard.iter().map(of).collect()
    }
}

fn tone(hz: f32, tick: usize) -> Vec<i16> {
    (tick * 160..(tick + 1) * 160).map(|n| ((n as f32 * hz * TAU / 8_000.0).sin() * 4_000.0) as i16).collect()
}

fn amplitude(pcm: &[i16], hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let phase = n as f32 * hz * TAU / 8_000.0;
        re += f32::from(sample) * phase.cos();
        im += f32::from(sample) * phase.sin();
    }
    (re * re + im * im).sqrt() * 2.0 / pcm.len().max(1) as f32
}

#[test]
fn everybody_hears_the_others_and_not_themselves() {
    assert_eq!(Room::new(&[400.0, 700.0]).audible(), [vec![1], vec![0]]);
    assert_eq!(Room::new(&[400.0, 700.0, 1_100.0]).audible(), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    assert_eq!(Room::new(&[400.0, 0.0, 700.0, 0.0]).audible(), [vec![2], vec![0, 2], vec![0], vec![0, 2]]);
}

#[test]
fn only_who_speaks_needs_a_sum_of_its_own() {
    let mut tones = vec![0.0; 100];
    (tones[7], tones[50]) = (400.0, 700.0);
    let mut room = Room::new(&tones);
    room.run(10);
    let own: Vec<usize> = (0..100).filter(|&seat| !room.mixer.hears_shared(seat)).collect();
    assert_eq!(own, [7, 50]);
}

#[test]
fn the_muted_hear_and_are_not_heard_and_the_held_do_neither() {
    let mut room = Room::new(&[400.0, 700.0, 1_100.0]);
    room.mixer.set_role(0, Role { speaks: false, ..MEMBER });
    assert_eq!(room.audible(), [vec![1, 2], vec![2], vec![1]]);
    room.mixer.set_role(1, Role { speaks: false, hears: false, coaches: None });
    assert_eq!(room.audible(), [vec![2], vec![], vec![]]);
}

#[test]
fn a_coach_is_heard_by_one_alone_and_hears_all() {
    let mut room = Room::new(&[400.0, 700.0, 1_100.0]);
    room.mixer.set_role(2, Role { coaches: Some(0), ..MEMBER });
    assert_eq!(room.audible(), [vec![1, 2], vec![0], vec![0, 1]]);
    // Who is coached leaves: the coach is not suddenly heard by everybody.
    room.mixer.remove(0);
    room.said.swap_remove(0);
    assert_eq!(room.audible(), [vec![1], vec![]], "the coach took the free place");
}

#[test]
fn among_many_only_the_loudest_are_heard() {
    let tones: Vec<f32> = (0..10).map(|n| 300.0 + 250.0 * n as f32).collect();
    let mut room = Room::new(&tones);
    let audible = room.audible();
    assert_eq!(audible[9].len().max(audible[0].len()), SPEAKERS_MAX);
    // Background below speech is not mixed when there are more than a few.
    let quiet = vec![20i16; 160];
    let mut mixer = Mixer::new(RATE);
    (0..6).for_each(|_| mixer.add(MEMBER));
    for _ in 0..50 {
        (0..6).for_each(|seat| mixer.hear(seat, Some((&quiet, RATE))));
        mixer.mix(&[]);
    }
    let mut out = [1; 160];
    mixer.shared(&mut out);
    assert_eq!(out, [0; 160]);
}

#[test]
fn eight_shouting_voices_do_not_wrap() {
    let mut mixer = Mixer::new(RATE);
    (0..3).for_each(|_| mixer.add(MEMBER));
    for tick in 0..20 {
        let loud: Vec<i16> = tone(200.0, tick).iter().map(|s| s * 8).collect();
        (0..3).for_each(|seat| mixer.hear(seat, Some((&loud, RATE))));
        mixer.mix(&[&loud]);
        let mut out = [0; 160];
        mixer.shared(&mut out);
        // In phase with each voice: a wrapped sample would have the other sign.
        assert!(out.iter().zip(&loud).all(|(&o, &l)| i32::from(o) * i32::from(l) >= 0), "tick {tick}");
    }
}

#[test]
fn voices_of_other_rates_are_heard_at_the_rate_of_the_mix() {
    let mut mixer = Mixer::new(SampleRate::HZ_16000);
    (0..2).for_each(|_| mixer.add(MEMBER));
    let mut heard = Vec::new();
    for tick in 0..40 {
        mixer.hear(0, Some((&tone(400.0, tick), RATE)));
        mixer.hear(1, None);
        mixer.mix(&[]);
        let mut out = [0; 320];
        assert!(mixer.own(1, &mut out));
        heard.extend(out);
    }
    // 400 Hz at 8 kHz is 200 Hz when read at half the rate.
    assert!(amplitude(&heard[3_200..], 200.0) > 3_500.0);
}

#[test]
fn a_beep_is_heard_by_all() {
    let mut room = Room::new(&[400.0, 0.0]);
    room.run(5);
    let beep = tone(1_000.0, 0);
    room.mixer.hear(0, Some((&tone(400.0, 5), RATE)));
    room.mixer.hear(1, None);
    room.mixer.mix(&[&beep]);
    for seat in 0..2 {
        let mut out = [0; 160];
        room.mixer.own(seat, &mut out);
        assert!(amplitude(&out, 1_000.0) > 3_500.0, "seat {seat}");
    }
}

#[test]
fn speech_is_told_and_the_floor_passes_to_who_is_louder_for_a_while() {
    let mut room = Room::new(&[400.0, 0.0, 0.0, 0.0]);
    room.run(20);
    assert_eq!([0, 1].map(|seat| room.mixer.poll_speaking(seat)), [Some(true), None]);
    assert_eq!((room.mixer.poll_speaking(0), room.mixer.floor()), (None, Some(0)));
    room.said[1] = Some(700.0);
    room.run(20);
    assert_eq!((room.mixer.poll_speaking(1), room.mixer.floor()), (Some(true), Some(0)), "as loud is not louder");
    room.said[0] = None;
    room.run(30);
    assert_eq!((room.mixer.poll_speaking(0), room.mixer.floor()), (Some(false), Some(1)));
}

#[test]
fn a_seat_that_leaves_gives_its_place_to_the_last() {
    let mut room = Room::new(&[400.0, 700.0, 1_100.0]);
    room.run(10);
    room.mixer.remove(0);
    room.said = vec![Some(1_100.0), Some(700.0)];
    assert_eq!(room.audible(), [vec![1], vec![0]]);
    room.mixer.remove(1);
    room.mixer.remove(0);
    assert!(room.mixer.is_empty());
    room.mixer.mix(&[]);
}
