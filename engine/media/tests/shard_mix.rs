//! Conferences: who hears whom, by ear, and what it takes.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::tape::Tape;
use common::*;
use tandem_codecs::CodecId::{self, Opus, Pcma, Pcmu};
use tandem_media::control::{Clip, Command, Event, MixId, PlayId, Repeat, Seat};
use tandem_media::tap::TapId;
use tandem_model::{LegId, SampleRate};

const MIX: MixId = MixId(3);

/// Members that each say one tone (0.0 says nothing).
struct Conference {
    world: World,
    members: Vec<(LegId, CodecId, Option<Phone>)>,
}

impl Conference {
    fn new(members: &[(CodecId, f32)]) -> Self {
        let mut world = World::new();
        let member = |(n, &(codec, hz)): (usize, &(CodecId, f32))| {
            let at = addr(n as u8 + 1);
            let leg = world.open(n as u64 + 1, spec(codec, at));
            world.command(Command::Join { leg, mix: MIX, seat: Seat::MEMBER });
            (leg, codec, (hz > 0.0).then(|| Phone::new(codec, at, hz)))
        };
        let members = members.iter().enumerate().map(member).collect();
        Conference { world, members }
    }

    fn seat(&mut self, member: usize, seat: Seat) {
        self.world.command(Command::Join { leg: self.members[member].0, mix: MIX, seat });
    }

    fn talk(&mut self, ticks: usize) {
        for _ in 0..ticks {
            for (leg, _, phone) in &mut self.members {
                if let Some(phone) = phone {
                    let packet = phone.speak();
                    self.world.packet(*leg, phone.addr, &packet);
                }
            }
            self.world.pass(TICK);
        }
    }

    /// What each member hears in a second, after a second to settle.
    fn listen(&mut self) -> Vec<Vec<i16>> {
        self.talk(50);
        self.world.sent.clear();
        self.talk(50);
        let heard = self.members.iter().enumerate().map(|(n, (_, codec, _))| {
            let packets = self.world.take_rtp(addr(n as u8 + 1));
            assert_continuous(&packets);
            listen(*codec, &packets)
        });
        heard.collect()
    }

    /// Whom each member hears.
    fn audible(&mut self) -> Vec<Vec<usize>> {
        let tones: Vec<Option<f32>> = self.members.iter().map(|m| m.2.as_ref().map(Phone::hz)).collect();
        let of = |pcm: &Vec<i16>| {
            let audible = |n: &usize| tones[*n].is_some_and(|hz| pcm.len() > 800 && share(&pcm[800..], hz) > 0.1);
            (0..tones.len()).filter(audible).collect()
        };
        self.listen().iter().map(of).collect()
    }
}

#[test]
fn members_of_different_codecs_and_rates_hear_each_other_and_not_themselves() {
    for codecs in [[Pcmu, Pcmu, Pcmu], [Pcmu, Pcma, Opus], [Opus, Opus, Pcma]] {
        let members: Vec<_> = codecs.into_iter().zip([400.0, 700.0, 1_100.0]).collect();
        assert_eq!(Conference::new(&members).audible(), [vec![1, 2], vec![0, 2], vec![0, 1]], "{codecs:?}");
    }
}

#[test]
fn mute_hold_and_whisper_are_seats() {
    let mut room = Conference::new(&[(Pcmu, 400.0), (Opus, 700.0), (Pcma, 1_100.0)]);
    room.seat(0, Seat { speaks: false, ..Seat::MEMBER });
    assert_eq!(room.audible(), [vec![1, 2], vec![2], vec![1]]);
    let coached = room.members[1].0;
    room.seat(0, Seat { coaches: Some(coached), ..Seat::MEMBER });
    assert_eq!(room.audible(), [vec![1, 2], vec![0, 2], vec![1]]);
    room.seat(2, Seat { speaks: false, hears: false, coaches: None });
    assert_eq!(room.audible(), [vec![1], vec![0], vec![]]);
    // On hold, with music of its own.
    let samples = tone(SampleRate::HZ_8000, 1_700.0, 0, 8_000);
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples });
    let leg = room.members[2].0;
    room.world.command(Command::Play { leg, play: PlayId(1), clip, repeat: Repeat::Forever });
    let heard = room.listen();
    let music: Vec<f32> = heard.iter().map(|pcm| share(&pcm[800..], 1_700.0)).collect();
    assert!(music[2] > 0.9 && music[0] < 0.01 && music[1] < 0.01, "{music:?}");
}

#[test]
fn a_beep_is_heard_by_all_and_by_the_recording() {
    let mut room = Conference::new(&[(Pcmu, 0.0), (Opus, 700.0)]);
    let tape = Arc::new(Tape::default());
    room.world.command(Command::TapMix { mix: MIX, tap: TapId(1), rate: SampleRate::HZ_8000, sink: tape.clone() });
    let samples = tone(SampleRate::HZ_8000, 1_700.0, 0, 16_000);
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples });
    room.world.command(Command::PlayMix { mix: MIX, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    let heard = room.listen();
    assert!(share(&heard[0][800..], 1_700.0) > 0.3, "beside the other member");
    assert!(share(&heard[1][800..], 1_700.0) > 0.9, "alone");
    let (all, _) = tape.tracks(SampleRate::HZ_8000);
    assert!(share(&all[4_000..8_000], 1_700.0) > 0.3 && share(&all[4_000..8_000], 700.0) > 0.3);
    let heard = room.listen();
    assert!(share(&heard[0][800..], 1_700.0) < 0.01, "over");
    assert_eq!(tape.ended(), 0);
    for n in 0..2 {
        room.world.command(Command::Unbridge { leg: room.members[n].0 });
    }
    assert_eq!(tape.ended(), 1, "with the last member");
}

#[test]
fn members_come_from_bridges_and_go_to_bridges() {
    let mut room = Conference::new(&[(Pcmu, 400.0), (Pcmu, 700.0), (Pcmu, 1_100.0), (Pcmu, 1_600.0)]);
    let legs: Vec<LegId> = room.members.iter().map(|m| m.0).collect();
    room.world.command(Command::Bridge { a: legs[2], b: legs[3] });
    assert_eq!(room.audible(), [vec![1], vec![0], vec![3], vec![2]]);
    room.seat(3, Seat::MEMBER);
    assert_eq!(room.audible(), [vec![1, 3], vec![0, 3], vec![], vec![0, 1]]);
    room.world.command(Command::Close { leg: legs[0] });
    room.members.remove(0);
    room.members[0].2 = None;
    room.talk(50);
    room.world.take_rtp(addr(2));
    room.talk(50);
    let heard = listen(Pcmu, &room.world.take_rtp(addr(2)));
    assert!(share(&heard[800..], 1_600.0) > 0.9, "who is left");
}

#[test]
fn a_member_that_panics_stays_and_one_that_keeps_panicking_leaves_alone() {
    let mut room = Conference::new(&[(Pcmu, 400.0), (Pcmu, 700.0), (Opus, 1_100.0)]);
    let leg = room.members[1].0;
    room.world.command(Command::InjectPanic { leg });
    assert_eq!(room.audible(), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    for _ in 0..3 {
        if room.world.shard.slot(leg).is_some() {
            room.world.command(Command::InjectPanic { leg });
            room.world.pass(TICK);
        }
    }
    assert!(room.world.shard.slot(leg).is_none());
    let rest = [room.members.remove(2), room.members.remove(0)];
    room.members = rest.into_iter().rev().collect();
    room.talk(50);
    room.world.sent.clear();
    room.talk(50);
    let heard = [(Pcmu, 1, 1_100.0), (Opus, 3, 400.0)];
    for (codec, at, hz) in heard {
        let pcm = listen(codec, &room.world.take_rtp(addr(at)));
        assert!(share(&pcm[800..], hz) > 0.9, "{codec:?}");
    }
}

#[test]
fn speakers_are_told() {
    let mut room = Conference::new(&[(Pcmu, 400.0), (Pcmu, 0.0)]);
    room.talk(30);
    let leg = room.members[0].0;
    let events = room.world.take_events();
    let has = |wanted: fn(&Event) -> bool| events.iter().any(wanted);
    assert!(has(|e| matches!(e, Event::Speaking { leg: LegId(1), mix: MIX, speaking: true })), "{events:?}");
    assert!(has(|e| matches!(e, Event::Floor { leg: LegId(1), mix: MIX })));
    room.members[0].2 = None;
    room.world.pass(Duration::from_secs(1));
    let events = room.world.take_events();
    let over = |e: &Event| matches!(e, Event::Speaking { speaking: false, leg: l, .. } if *l == leg);
    assert!(events.iter().any(over), "{events:?}");
}

#[test]
fn listeners_of_one_codec_get_one_encode() {
    // Two speak, eight listen by Opus, eight by PCMU.
    let mut members = vec![(Pcmu, 400.0), (Opus, 700.0)];
    members.extend((0..16).map(|n| (if n % 2 == 0 { Opus } else { Pcmu }, 0.0)));
    let mut room = Conference::new(&members);
    room.talk(20);
    room.world.sent.clear();
    room.talk(1);
    for codec in [Opus, Pcmu] {
        let payloads: Vec<Vec<u8>> = (2..18)
            .filter(|&n| members[n].0 == codec)
            .map(|n| {
                let packets = room.world.take_rtp(addr(n as u8 + 1));
                assert_eq!(packets.len(), 1);
                packets[0].view().payload().to_vec()
            })
            .collect();
        assert_eq!(payloads.len(), 8);
        assert!(payloads.iter().all(|payload| *payload == payloads[0]), "{codec:?}");
    }
}

#[test]
fn more_members_than_a_batch_holds_are_all_served_in_their_tick() {
    let mut members = vec![(Pcmu, 0.0); 60];
    members[10].1 = 400.0;
    let mut room = Conference::new(&members);
    let heard = room.listen();
    let deaf = heard.iter().enumerate().filter(|(n, pcm)| *n != 10 && (pcm.len() != 8_000 || share(pcm, 400.0) < 0.9));
    assert_eq!(deaf.count(), 0);
    assert_eq!(room.world.shard.ticks_skipped(), 0);
}
