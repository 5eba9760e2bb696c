//! Digits: heard once, handed on in whatever way the other side takes them, and sent by command.

mod common;

use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, PlayId};
use tandem_media::dtmf::{EventPacket, EventReceiver, Key};
use tandem_model::LegId;

/// A key press as a phone sends it: an event of 80 ms, its end three times.
fn press(w: &mut World, leg: LegId, phone: &mut Phone, event: u8) {
    for (i, end) in [(1u16, 0u8), (2, 0), (3, 0), (4, 0x80), (4, 0x80), (4, 0x80)] {
        let [hi, lo] = (i * 160).to_be_bytes();
        let packet = phone.packet(i == 1, 101, &[event, end | 10, hi, lo]);
        w.packet(leg, phone.addr, &packet);
        w.pass(TICK);
    }
    phone.ts = phone.ts.wrapping_add(960);
}

fn digits(w: &mut World) -> Vec<(LegId, char)> {
    let digit = |e| match e {
        Event::Digit { leg, digit } => Some((leg, digit)),
        _ => None,
    };
    w.take_events().into_iter().filter_map(digit).collect()
}

/// What a phone understands of these packets' telephone-events.
fn understood(packets: &[Packet]) -> String {
    let down = |key| if let Key::Down { digit } = key { Some(digit) } else { None };
    keys(packets, 8_000).into_iter().filter_map(down).collect()
}

fn keys(packets: &[Packet], clock_hz: u32) -> Vec<Key> {
    let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
    for packet in packets.iter().filter(|p| p.view().payload_type() == 101) {
        let view = packet.view();
        let event = EventPacket { ts: view.timestamp().0, marker: view.marker(), clock_hz, payload: view.payload() };
        receiver.packet(packet.at, event, |key| keys.push(key));
    }
    keys
}

#[test]
fn a_digit_is_reported_once_and_relayed_through_a_pass_through_bridge() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for key in [5, 5, 11] {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        press(&mut w, a, &mut phone, key);
    }
    assert_eq!(digits(&mut w), [(a, '5'), (a, '5'), (a, '#')]);
    let out = w.take_rtp(addr(2));
    assert_eq!(understood(&out), "55#");
    assert_continuous(&out);
}

#[test]
fn a_digit_crosses_a_transcoded_bridge_as_an_event_of_its_own() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Opus, addr(2)));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for key in [1, 2] {
        for _ in 0..10 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
            w.pass(TICK);
        }
        press(&mut w, a, &mut phone, key);
    }
    w.pass(Duration::from_secs(1));
    assert_eq!(digits(&mut w), [(a, '1'), (a, '2')]);
    assert_eq!(understood(&w.take_rtp(addr(2))), "12");
}

#[test]
fn a_digit_reaches_a_partner_without_telephone_event_as_a_tone_and_leaves_no_gap() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, {
        let mut s = spec(CodecId::Pcmu, addr(2));
        s.dtmf = None;
        s
    });
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let packet = phone.speak();
    w.packet(a, addr(1), &packet);
    press(&mut w, a, &mut phone, 1);
    w.pass(Duration::from_millis(400));
    for _ in 0..10 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    let out = w.take_rtp(addr(2));
    assert_continuous(&out);
    let heard = listen(CodecId::Pcmu, &out[1..5]);
    assert!(share(&heard, 697.0) > 0.2 && share(&heard, 1_209.0) > 0.2, "the 1 of the keypad");
}

#[test]
fn digits_are_sent_by_command_as_events_and_counted() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    w.take_events();
    w.command(Command::SendDigits { leg: a, play: PlayId(3), digits: "1w2#".into() });
    w.pass(Duration::from_secs(3));
    let out = w.take_rtp(addr(1));
    assert_eq!(understood(&out), "12#");
    assert_continuous(&out);
    assert!(matches!(w.take_events()[..], [Event::PlayDone { play: PlayId(3), completed: true, .. }]));
    w.command(Command::Query { leg: a });
    assert!(matches!(&w.take_events()[..], [Event::Stats { stats, .. }] if stats.dtmf_sent == 3));
    w.command(Command::SendDigits { leg: a, play: PlayId(4), digits: "1x".into() });
    assert!(matches!(w.take_events()[..], [Event::PlayDone { play: PlayId(4), completed: false, .. }]));
}

#[test]
fn digits_for_a_leg_without_telephone_event_are_tones() {
    let mut w = World::new();
    let a = w.open(1, {
        let mut s = spec(CodecId::Pcma, addr(1));
        s.dtmf = None;
        s
    });
    w.command(Command::SendDigits { leg: a, play: PlayId(3), digits: "9".into() });
    w.pass(Duration::from_secs(1));
    let out = w.take_rtp(addr(1));
    let heard = listen(CodecId::Pcma, &out[..4]);
    assert!(share(&heard, 852.0) > 0.2 && share(&heard, 1_477.0) > 0.2, "the 9 of the keypad");
}
