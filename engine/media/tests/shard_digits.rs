//! Digits: heard once, handed on in whatever way the other side takes them, and sent by command.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Clip, Command, Event, LegSpec, PlayId, Repeat};
use tandem_media::dtmf::{EventPacket, EventReceiver, InBandDetector, Key};
use tandem_media::tone::DtmfTone;
use tandem_model::{LegId, Ptime, SampleRate};

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

/// A key as it sounds, in packets of 20 ms: silence, the tones, silence.
fn tones(phone: &mut Phone, digits: &str) -> Vec<Vec<u8>> {
    let mut tone = DtmfTone::new(SampleRate::HZ_8000);
    tone.push(digits).unwrap();
    let mut packets = vec![];
    let mut pcm = [0; 160];
    while tone.fill(&mut pcm) {
        packets.push(phone.say(&pcm));
    }
    packets.extend((0..5).map(|_| phone.say(&[0; 160])));
    packets
}

fn hears_tones(codec: CodecId, last: u8) -> LegSpec {
    LegSpec { dtmf: None, dtmf_in_band: true, ..spec(codec, addr(last)) }
}

fn play(w: &mut World, leg: LegId, phone: &Phone, packets: &[Vec<u8>]) {
    for packet in packets {
        w.packet(leg, phone.addr, packet);
        w.pass(TICK);
    }
}

#[test]
fn digits_in_the_audio_are_reported_with_their_length_whatever_the_leg_does() {
    for (codec, bridged) in
        [(CodecId::Pcmu, None), (CodecId::Pcma, Some(CodecId::Pcma)), (CodecId::Pcmu, Some(CodecId::Opus))]
    {
        let mut w = World::new();
        let a = w.open(1, hears_tones(codec, 1));
        if let Some(partner) = bridged {
            let b = w.open(2, spec(partner, addr(2)));
            w.command(Command::Bridge { a, b });
        }
        let mut phone = Phone::new(codec, addr(1), 440.0);
        let packets = tones(&mut phone, "159#");
        w.take_events();
        play(&mut w, a, &phone, &packets);
        let mut heard = String::new();
        for event in w.take_events() {
            match event {
                Event::Digit { leg, digit } if leg == a => heard.push(digit),
                Event::DigitEnded { leg, digit, duration_ms } if leg == a => {
                    assert!(
                        heard.ends_with(digit) && (88..=112).contains(&duration_ms),
                        "{digit} for {duration_ms} ms"
                    );
                    heard.push('.');
                }
                _ => {}
            }
        }
        assert_eq!(heard, "1.5.9.#.", "{codec:?} with {bridged:?}");
        w.command(Command::Query { leg: a });
        assert!(matches!(&w.take_events()[..], [Event::Stats { stats, .. }] if stats.dtmf_received == 4));
    }
}

#[test]
fn a_leg_that_was_not_told_to_listen_hears_no_tone() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let packets = tones(&mut phone, "5");
    play(&mut w, a, &phone, &packets);
    assert_eq!(digits(&mut w), []);
}

#[test]
fn lost_and_reordered_packets_neither_hide_nor_double_a_digit_in_the_audio() {
    let mut w = World::new();
    let a = w.open(1, hears_tones(CodecId::Pcmu, 1));
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let mut packets: Vec<_> = tones(&mut phone, "1w5w9");
    // Of each 100 ms of tone one packet is missing, another comes late.
    for start in [33 * 2, 33, 0] {
        packets.swap(start + 3, start + 4);
        packets.remove(start + 2);
    }
    play(&mut w, a, &phone, &packets);
    assert_eq!(digits(&mut w), [(a, '1'), (a, '5'), (a, '9')]);
}

#[test]
fn a_digit_in_the_audio_reaches_a_partner_with_events_once_and_as_an_event_alone() {
    for to in [CodecId::Pcmu, CodecId::Opus] {
        let mut w = World::new();
        let a = w.open(1, hears_tones(CodecId::Pcmu, 1));
        let b = w.open(2, spec(to, addr(2)));
        w.command(Command::Bridge { a, b });
        let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
        for _ in 0..10 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
            w.pass(TICK);
        }
        let packets = tones(&mut phone, "4w6");
        play(&mut w, a, &phone, &packets);
        for _ in 0..10 {
            let packet = phone.speak();
            w.packet(a, addr(1), &packet);
            w.pass(TICK);
        }
        assert_eq!(digits(&mut w), [(a, '4'), (a, '6')]);
        let out = w.take_rtp(addr(2));
        assert_eq!(understood(&out), "46", "{to:?}");
        assert_continuous(&out);
        if to == CodecId::Pcmu {
            let audio: Vec<_> = out.into_iter().filter(|p| p.view().payload_type() == 0).collect();
            let mut detector = InBandDetector::new(SampleRate::HZ_8000).unwrap();
            detector.hear(&listen(to, &audio), |key| panic!("{key:?} is in the audio too"));
        }
    }
}

#[test]
fn a_digit_in_the_audio_passes_to_a_partner_without_events_as_it_is() {
    let mut w = World::new();
    let a = w.open(1, hears_tones(CodecId::Pcmu, 1));
    let b = w.open(2, hears_tones(CodecId::Pcmu, 2));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let packets = tones(&mut phone, "45");
    play(&mut w, a, &phone, &packets);
    let out = w.take_rtp(addr(2));
    assert_eq!(out.len(), packets.len(), "the audio is relayed whole, and no tone is added");
    let mut heard = vec![];
    let mut detector = InBandDetector::new(SampleRate::HZ_8000).unwrap();
    detector.hear(&listen(CodecId::Pcmu, &out), |key| {
        if let Key::Down { digit } = key {
            heard.push(digit);
        }
    });
    assert_eq!(heard, ['4', '5']);
}

#[test]
fn digits_go_out_in_signalling_where_the_leg_wants_them_there() {
    for to in [CodecId::Pcmu, CodecId::Opus] {
        let mut w = World::new();
        let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
        let b = w.open(2, LegSpec { dtmf: None, dtmf_in_signalling: true, ..spec(to, addr(2)) });
        w.command(Command::Bridge { a, b });
        let for_peer = |w: &mut World| -> Vec<(LegId, char, u32)> {
            let of = |e| match e {
                Event::DigitForPeer { leg, digit, duration_ms } => Some((leg, digit, duration_ms)),
                _ => None,
            };
            w.take_events().into_iter().filter_map(of).collect()
        };
        let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        press(&mut w, a, &mut phone, 5);
        assert_eq!(for_peer(&mut w), [(b, '5', 100)]);
        w.command(Command::HearDigit { leg: a, digit: '6', duration_ms: 250 });
        assert_eq!(for_peer(&mut w), [(b, '6', 250)]);
        w.command(Command::Unbridge { leg: b });
        w.command(Command::SendDigits { leg: b, play: PlayId(1), digits: "12".into() });
        w.pass(Duration::from_secs(1));
        assert_eq!(for_peer(&mut w), [(b, '1', 100), (b, '2', 100)]);
        let out = w.take_rtp(addr(2));
        assert!(out.iter().all(|p| p.view().payload_type() != 101), "none of it is in the media");
    }
}

#[test]
fn a_digit_told_in_signalling_is_reported_and_reaches_the_partner_in_its_way() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.command(Command::Bridge { a, b });
    w.take_events();
    w.command(Command::HearDigit { leg: a, digit: '8', duration_ms: 300 });
    assert!(matches!(
        w.take_events()[..],
        [Event::Digit { digit: '8', .. }, Event::DigitEnded { digit: '8', duration_ms: 300, .. }]
    ));
    w.command(Command::HearDigit { leg: a, digit: 'x', duration_ms: 300 });
    assert!(w.take_events().is_empty(), "no digit");
    w.pass(Duration::from_secs(1));
    let out = w.take_rtp(addr(2));
    assert_eq!(keys(&out, 8_000), [Key::Down { digit: '8' }, Key::Up { digit: '8', duration_ms: 300 }]);
}

#[test]
fn a_press_told_as_an_event_and_in_signalling_and_in_the_audio_is_one() {
    let mut w = World::new();
    let a = w.open(1, LegSpec { dtmf_in_band: true, ..spec(CodecId::Pcmu, addr(1)) });
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let sounding = tones(&mut phone, "5");
    play(&mut w, a, &phone, &sounding[..3]);
    press(&mut w, a, &mut phone, 5);
    w.command(Command::HearDigit { leg: a, digit: '5', duration_ms: 100 });
    w.pass(Duration::from_millis(300));
    assert_eq!(digits(&mut w), [(a, '5')]);
}

#[test]
fn an_event_whose_ends_are_lost_is_over_after_a_while() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let packet = phone.packet(true, 101, &[7, 10, 0, 160]);
    w.packet(a, addr(1), &packet);
    w.take_events();
    w.pass(Duration::from_millis(400));
    assert!(matches!(w.take_events()[..], [Event::DigitEnded { digit: '7', duration_ms: 20, .. }]));
}

#[test]
fn digits_leave_the_clock_of_the_audio_alone_at_every_packet_time() {
    for ptime in [10_u8, 20, 30, 40, 60] {
        let mut w = World::new();
        let mut s = spec(CodecId::Pcmu, addr(1));
        s.ptime = Ptime(ptime);
        let a = w.open(1, s);
        let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![500; 8_000] });
        let play = |w: &mut World, id| {
            let (play, repeat) = (PlayId(id), Repeat::Times(1));
            w.command(Command::Play { leg: a, play, clip: clip.clone(), repeat });
            w.pass(Duration::from_millis(300));
        };
        play(&mut w, 1);
        w.command(Command::SendDigits { leg: a, play: PlayId(2), digits: "12".into() });
        w.pass(Duration::from_millis(340));
        play(&mut w, 3);
        let out = w.take_rtp(addr(1));
        assert_eq!(understood(&out), "12", "{ptime} ms");
        let audio: Vec<_> = out.iter().filter(|p| p.view().payload_type() == 0).collect();
        let (first, last) = (audio[0], audio[audio.len() - 1]);
        let clock_ms = last.view().timestamp().diff(first.view().timestamp()) / 8;
        let wall_ms = (last.at.since(first.at)).as_millis() as i32;
        assert!((clock_ms - wall_ms).abs() <= 60, "{ptime} ms: {clock_ms} ms of stream in {wall_ms} ms");
        // Each event begins where the audio stood, and no two bear one time.
        let starts: Vec<_> = out.iter().filter(|p| p.view().payload_type() == 101 && p.view().marker()).collect();
        assert_eq!(starts[1].view().timestamp().diff(starts[0].view().timestamp()), 160 * 8, "{ptime} ms");
    }
}

#[test]
fn audio_after_a_relayed_event_stands_where_the_event_ended() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.command(Command::Bridge { a, b });
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    for _ in 0..5 {
        let packet = phone.speak();
        w.packet(a, addr(1), &packet);
        w.pass(TICK);
    }
    press(&mut w, a, &mut phone, 5);
    w.command(Command::Unbridge { leg: b });
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![500; 8_000] });
    w.command(Command::Play { leg: b, play: PlayId(1), clip, repeat: Repeat::Times(1) });
    w.pass(Duration::from_millis(100));
    let out = w.take_rtp(addr(2));
    let event = out.iter().find(|p| p.view().payload_type() == 101).unwrap();
    let after =
        out.iter().skip_while(|p| p.view().payload_type() != 101).find(|p| p.view().payload_type() == 0).unwrap();
    let clock_ms = after.view().timestamp().diff(event.view().timestamp()) / 8;
    let wall_ms = after.at.since(event.at).as_millis() as i32;
    assert!((clock_ms - wall_ms).abs() <= 20, "{clock_ms} ms of stream in {wall_ms} ms");
}

#[test]
fn a_reoffer_that_takes_the_events_away_leaves_the_rest_of_the_digits_as_tones() {
    let mut w = World::new();
    let a = w.open(1, spec(CodecId::Pcmu, addr(1)));
    w.command(Command::SendDigits { leg: a, play: PlayId(1), digits: "17".into() });
    w.pass(Duration::from_millis(120));
    let spec = Box::new(LegSpec { dtmf: None, ..spec(CodecId::Pcmu, addr(1)) });
    w.command(Command::Configure { leg: a, spec });
    w.pass(Duration::from_secs(1));
    let out = w.take_rtp(addr(1));
    assert_eq!(understood(&out), "1");
    let mut heard = vec![];
    let audio: Vec<_> = out.into_iter().filter(|p| p.view().payload_type() == 0).collect();
    let mut detector = InBandDetector::new(SampleRate::HZ_8000).unwrap();
    detector.hear(&listen(CodecId::Pcmu, &audio), |key| heard.push(key));
    assert!(matches!(heard[..], [Key::Down { digit: '7' }, Key::Up { digit: '7', .. }]), "{heard:?}");
}
