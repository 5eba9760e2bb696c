//! Audio handed to a leg piece by piece, with marks that tell when it was played.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tandem_codecs::CodecId::{Opus, Pcmu};
use tandem_media::control::{Clip, Command, Event, MarkId, PlayId, Repeat};
use tandem_model::{LegId, SampleRate};

const STREAM: PlayId = PlayId(5);

fn marks(events: &[Event]) -> Vec<(u64, bool)> {
    let mark = |event: &Event| match event {
        Event::Marked { play: STREAM, mark, played, .. } => Some((mark.0, *played)),
        _ => None,
    };
    events.iter().filter_map(mark).collect()
}

fn inject(world: &mut World, leg: LegId, audio: Vec<i16>) {
    world.command(Command::Inject { leg, play: STREAM, audio });
}

fn mark(world: &mut World, leg: LegId, mark: u64) {
    world.command(Command::Mark { leg, play: STREAM, mark: MarkId(mark) });
}

#[test]
fn pieces_are_heard_as_one_sound_at_any_rate_and_codec() {
    for codec in [Pcmu, Opus] {
        for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate(24_000), SampleRate::HZ_48000] {
            let mut world = World::new();
            let leg = world.open(1, spec(codec, addr(1)));
            world.command(Command::StartStream { leg, play: STREAM, rate });
            let sound = tone(rate, 600.0, 0, rate.0 as usize);
            for piece in sound.chunks(rate.0 as usize / 70) {
                inject(&mut world, leg, piece.to_vec());
            }
            mark(&mut world, leg, 1);
            world.pass(Duration::from_millis(900));
            assert_eq!(marks(&world.take_events()), []);
            world.pass(Duration::from_millis(300));
            assert_eq!(marks(&world.take_events()), [(1, true)]);
            let packets = world.take_rtp(addr(1));
            assert!((50..=52).contains(&packets.len()), "{} packets", packets.len());
            assert_continuous(&packets);
            let heard = listen(codec, &packets);
            assert!(share(&heard[800..7_200], 600.0) > 0.95, "{codec:?} {}", rate.0);
        }
    }
}

#[test]
fn the_partner_is_heard_while_the_stream_has_nothing_to_say() {
    let mut world = World::new();
    let (a, b) = (world.open(1, spec(Pcmu, addr(1))), world.open(2, spec(Pcmu, addr(2))));
    world.command(Command::Bridge { a, b });
    world.command(Command::StartStream { leg: a, play: STREAM, rate: SampleRate::HZ_8000 });
    let mut partner = Phone::new(Pcmu, addr(2), 900.0);
    let mut heard = Vec::new();
    for tick in 0..60 {
        if tick == 20 {
            inject(&mut world, a, tone(SampleRate::HZ_8000, 600.0, 0, 3_200));
        }
        let packet = partner.speak();
        world.packet(b, addr(2), &packet);
        world.pass(TICK);
        heard.extend(world.take_rtp(addr(1)));
    }
    assert_continuous(&heard);
    let pcm = listen(Pcmu, &heard);
    let at = |ms: usize, hz| share(&pcm[ms * 8..(ms + 200) * 8], hz);
    assert!(at(100, 900.0) > 0.9 && at(500, 600.0) > 0.9 && at(900, 900.0) > 0.9);
}

#[test]
fn clearing_answers_the_marks_that_were_not_reached() {
    let mut world = World::new();
    let leg = world.open(1, spec(Pcmu, addr(1)));
    mark(&mut world, leg, 9);
    assert_eq!(marks(&world.take_events()), [(9, false)], "no stream yet");
    world.command(Command::StartStream { leg, play: STREAM, rate: SampleRate::HZ_8000 });
    for n in 0..3 {
        inject(&mut world, leg, vec![1_000; 1_600]);
        mark(&mut world, leg, n);
    }
    world.pass(Duration::from_millis(250));
    assert_eq!(marks(&world.take_events()), [(0, true)]);
    world.command(Command::ClearStream { leg, play: STREAM });
    assert_eq!(marks(&world.take_events()), [(1, false), (2, false)]);
    world.take_rtp(addr(1));
    world.pass(Duration::from_millis(100));
    assert!(world.take_rtp(addr(1)).is_empty(), "nothing is left to play");
    inject(&mut world, leg, vec![1_000; 160]);
    world.pass(Duration::from_millis(40));
    assert_eq!(world.take_rtp(addr(1)).len(), 1, "it goes on");
}

#[test]
fn a_prompt_goes_before_the_stream_which_loses_nothing_by_it() {
    let mut world = World::new();
    let leg = world.open(1, spec(Pcmu, addr(1)));
    world.command(Command::StartStream { leg, play: STREAM, rate: SampleRate::HZ_8000 });
    inject(&mut world, leg, tone(SampleRate::HZ_8000, 600.0, 0, 4_000));
    let samples = tone(SampleRate::HZ_8000, 900.0, 0, 4_000);
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples });
    world.command(Command::Play { leg, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    world.pass(Duration::from_millis(1_100));
    let pcm = listen(Pcmu, &world.take_rtp(addr(1)));
    assert!(share(&pcm[..3_900], 900.0) > 0.95 && share(&pcm[4_100..7_900], 600.0) > 0.95);
    world.take_events();
    world.command(Command::StopPlay { leg, play: STREAM });
    let events = world.take_events();
    assert!(matches!(events[..], [Event::PlayDone { play: STREAM, completed: false, .. }]), "{events:?}");
}

#[test]
fn more_than_a_minute_is_refused_and_counted() {
    let mut world = World::new();
    let leg = world.open(1, spec(Pcmu, addr(1)));
    world.command(Command::StartStream { leg, play: STREAM, rate: SampleRate::HZ_8000 });
    for _ in 0..62 {
        inject(&mut world, leg, vec![0; 8_000]);
    }
    assert_eq!(world.shard.stats(leg).unwrap().stream_samples_lost, 16_000);
}
