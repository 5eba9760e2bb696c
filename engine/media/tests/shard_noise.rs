//! Comfort noise (RFC 3389): told, heard, handed on, and made for a peer that would not understand it.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Clip, Command, LegSpec, PayloadTypes, PlayId, Repeat};
use tandem_media::noise::ComfortNoise;
use tandem_model::{LegId, SampleRate};

fn with_noise(codec: CodecId, n: u8, payload_type: u8) -> LegSpec {
    LegSpec { comfort_noise: Some(PayloadTypes { send: payload_type, receive: 13 }), ..spec(codec, addr(n)) }
}

/// One comfort-noise packet in place of a frame.
fn describe(phone: &mut Phone, level: u8) -> Vec<u8> {
    let packet = phone.packet(false, 13, &[level]);
    phone.ts = phone.ts.wrapping_add(160);
    packet
}

fn level_db(pcm: &[i16]) -> f64 {
    let mean = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64;
    10.0 * (mean / 32_768_f64.powi(2)).max(1e-13).log10()
}

/// Speaks for a second, is silent for two with one description, and speaks again.
fn talk_pause_talk(w: &mut World, leg: LegId, phone: &mut Phone) {
    for _ in 0..50 {
        let packet = phone.speak();
        w.packet(leg, phone.addr, &packet);
        w.pass(TICK);
    }
    let packet = describe(phone, 50);
    w.packet(leg, phone.addr, &packet);
    w.pass(TICK * 100);
    phone.ts = phone.ts.wrapping_add(160 * 99);
    for _ in 0..50 {
        let packet = phone.speak();
        w.packet(leg, phone.addr, &packet);
        w.pass(TICK);
    }
}

#[test]
fn a_peers_silence_is_heard_as_its_background_until_it_speaks_again() {
    let mut w = World::new();
    let (a, b) = (w.open(1, with_noise(CodecId::Pcmu, 1, 13)), w.open(2, spec(CodecId::Pcma, addr(2))));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    talk_pause_talk(&mut w, a, &mut phone);
    let out = w.take_rtp(addr(2));
    assert_continuous(&out);
    assert!(out.len() > 190, "{} packets: no gap towards a peer that knows nothing of it", out.len());
    let heard = listen(CodecId::Pcma, &out);
    assert!(share(&heard[1_600..6_400], 500.0) > 0.9);
    let pause = &heard[10_400..22_400];
    assert!((level_db(pause) + 50.0).abs() < 2.0, "{:.1} dB", level_db(pause));
    assert!(share(pause, 500.0) < 0.05);
    assert!(share(&heard[heard.len() - 4_800..], 500.0) > 0.9);
    assert_eq!(w.shard.drops().total(), 0);
}

#[test]
fn peers_that_both_agreed_get_each_others_descriptions_as_they_are() {
    let mut w = World::new();
    let (a, b) = (w.open(1, with_noise(CodecId::Pcmu, 1, 13)), w.open(2, with_noise(CodecId::Pcmu, 2, 77)));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    talk_pause_talk(&mut w, a, &mut phone);
    let out = w.take_rtp(addr(2));
    assert_continuous(&out);
    let numbers: Vec<u8> = out.iter().map(|p| p.view().payload_type()).collect();
    assert_eq!(numbers.len(), 101);
    assert_eq!(numbers.iter().position(|n| *n == 77), Some(50), "by the number it gave");
    assert_eq!(out[50].view().payload(), [50]);
    assert_eq!(out[51].view().timestamp().diff(out[50].view().timestamp()), 160 * 100);
}

#[test]
fn a_relayed_peer_that_did_not_agree_hears_noise_from_the_first_description_on() {
    let mut w = World::new();
    let (a, b) = (w.open(1, with_noise(CodecId::Pcmu, 1, 13)), w.open(2, spec(CodecId::Pcmu, addr(2))));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    talk_pause_talk(&mut w, a, &mut phone);
    let out = w.take_rtp(addr(2));
    assert!(out.iter().all(|p| p.view().payload_type() == 0));
    assert_continuous(&out);
    assert!(out.len() > 190, "{}", out.len());
    let heard = listen(CodecId::Pcmu, &out);
    assert!((level_db(&heard[10_400..22_400]) + 50.0).abs() < 2.0);
    assert!(share(&heard[heard.len() - 4_800..], 500.0) > 0.9);
}

#[test]
fn silence_of_ours_is_described_where_that_is_wanted() {
    let mut w = World::new();
    let quiet = LegSpec { suppress_silence: true, ..with_noise(CodecId::Pcmu, 1, 77) };
    let a = w.open(1, quiet);
    let mut samples = tone(SampleRate::HZ_8000, 500.0, 0, 8_000);
    samples.extend(vec![0; 24_000]);
    samples.extend(tone(SampleRate::HZ_8000, 500.0, 0, 8_000));
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples });
    w.command(Command::Play { leg: a, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    w.pass(Duration::from_secs(6));
    let out = w.take_rtp(addr(1));
    assert_continuous(&out);
    let audio = out.iter().filter(|p| p.view().payload_type() == 0).count();
    let described: Vec<_> = out.iter().filter(|p| p.view().payload_type() == 77).collect();
    // The sound, and the hangover behind it.
    assert!((100..=115).contains(&audio), "{audio}");
    assert!((2..=4).contains(&described.len()), "at the start and each second: {}", described.len());
    let noise = ComfortNoise::parse(described[0].view().payload()).expect("a description");
    assert!(noise.level > 70, "digital silence: -{} dBov", noise.level);
    // RFC 3551 section 4.1: the timestamp has gone on, and the talk spurt is marked.
    let resumed = out.iter().rposition(|p| p.view().marker()).expect("a talk spurt");
    assert!(resumed > 50 && out[resumed].view().payload_type() == 0);
    let span = out.last().expect("the end").view().timestamp().diff(out[0].view().timestamp());
    assert_eq!(span, 40_000 - 160);
    assert_eq!(w.shard.drops().total(), 0);
}

#[test]
fn nothing_is_suppressed_without_an_agreement() {
    let mut w = World::new();
    let a = w.open(1, LegSpec { suppress_silence: true, ..spec(CodecId::Pcmu, addr(1)) });
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![0; 24_000] });
    w.command(Command::Play { leg: a, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    w.pass(Duration::from_secs(3));
    assert!(w.take_rtp(addr(1)).len() >= 148);
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 500.0);
    let packet = describe(&mut phone, 40);
    w.packet(a, addr(1), &packet);
    assert_eq!(w.shard.drops().total(), 1, "a payload type nobody agreed on");
}
