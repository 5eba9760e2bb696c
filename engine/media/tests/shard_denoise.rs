//! Noise reduction of one leg: all who hear it hear it so, and nobody else is touched.

mod common;

use common::tape::tap;
use common::*;
use tandem_codecs::CodecId::{Opus, Pcma, Pcmu};
use tandem_media::control::{Command, MixId, Seat};
use tandem_model::{LegId, SampleRate};

/// Two legs that are bridged; from each comes a fan, no voice.
struct Fans {
    world: World,
    legs: [LegId; 2],
    phones: [Phone; 2],
    random: u32,
}

impl Fans {
    fn new(codecs: [tandem_codecs::CodecId; 2]) -> Self {
        let mut world = World::new();
        let legs = [world.open(1, spec(codecs[0], addr(1))), world.open(2, spec(codecs[1], addr(2)))];
        world.command(Command::Bridge { a: legs[0], b: legs[1] });
        let phones = [Phone::new(codecs[0], addr(1), 500.0), Phone::new(codecs[1], addr(2), 900.0)];
        Fans { world, legs, phones, random: 3 }
    }

    fn denoise(&mut self, on: bool) {
        self.world.command(Command::Denoise { leg: self.legs[0], on });
    }

    fn noise(&mut self) -> Vec<i16> {
        let mut draw = || {
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.random >> 16) as u16 as i16 / 40
        };
        (0..160).map(|_| draw()).collect()
    }

    fn blow(&mut self, ticks: usize) {
        for _ in 0..ticks {
            for i in 0..2 {
                let pcm = self.noise();
                let packet = self.phones[i].say(&pcm);
                self.world.packet(self.legs[i], addr(i as u8 + 1), &packet);
            }
            self.world.pass(TICK);
        }
    }

    /// What the phone heard in the last of these ticks.
    fn level_at(&mut self, phone: u8, codec: tandem_codecs::CodecId) -> f64 {
        self.blow(150);
        self.world.take_rtp(addr(phone));
        self.blow(50);
        let packets = self.world.take_rtp(addr(phone));
        level(&listen(codec, &packets))
    }
}

fn level(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64).sqrt()
}

#[test]
fn the_partner_hears_it_without_noise_and_it_hears_the_partner_as_before() {
    for codecs in [[Pcmu, Pcmu], [Pcmu, Pcma], [Pcmu, Opus]] {
        let mut fans = Fans::new(codecs);
        let [before, back_before] = [fans.level_at(2, codecs[1]), fans.level_at(1, codecs[0])];
        fans.denoise(true);
        let [after, back_after] = [fans.level_at(2, codecs[1]), fans.level_at(1, codecs[0])];
        assert!(after < before / 3.0, "{codecs:?}: {before:.0} to {after:.0}");
        assert!((back_after / back_before - 1.0).abs() < 0.2, "{codecs:?}: {back_before:.0} to {back_after:.0}");
    }
}

#[test]
fn switched_off_the_call_is_passed_through_again_packet_by_packet() {
    let mut fans = Fans::new([Pcmu, Pcmu]);
    fans.denoise(true);
    fans.blow(10);
    fans.denoise(false);
    fans.blow(2);
    fans.world.take_rtp(addr(2));
    let pcm = fans.noise();
    let packet = fans.phones[0].say(&pcm);
    fans.world.packet(fans.legs[0], addr(1), &packet);
    let sent = fans.world.take_rtp(addr(2));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].view().payload(), &packet[12..]);
}

#[test]
fn taps_hear_it_so_too_at_the_rate_they_ask_for() {
    for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000] {
        let mut fans = Fans::new([Pcmu, Pcmu]);
        fans.world.command(Command::Unbridge { leg: fans.legs[0] });
        let tape = tap(&mut fans.world, fans.legs[0], 1, rate);
        fans.blow(100);
        fans.denoise(true);
        fans.blow(300);
        let (inbound, _) = tape.tracks(rate);
        let second = rate.0 as usize;
        let (before, after) = (level(&inbound[second / 2..second]), level(&inbound[inbound.len() - second..]));
        assert!(after < before / 3.0, "{rate:?}: {before:.0} to {after:.0}");
    }
}

#[test]
fn members_of_a_mix_hear_it_so_and_a_panic_costs_no_more_than_what_was_learnt() {
    let mut fans = Fans::new([Pcmu, Pcmu]);
    for leg in fans.legs {
        fans.world.command(Command::Join { leg, mix: MixId(1), seat: Seat::MEMBER });
    }
    let before = fans.level_at(2, Pcmu);
    fans.denoise(true);
    let after = fans.level_at(2, Pcmu);
    assert!(after < before / 3.0, "{before:.0} to {after:.0}");
    fans.world.command(Command::InjectPanic { leg: fans.legs[0] });
    fans.blow(5);
    assert_eq!(fans.world.shard.rebuilt(), 1);
    let again = fans.level_at(2, Pcmu);
    assert!(again < before / 3.0, "{before:.0} to {again:.0}");
}
