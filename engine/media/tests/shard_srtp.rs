//! SRTP legs of a shard: what an attacker can send, and a change of keys by re-INVITE.

mod common;

use common::*;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, KeyDirection, LegSpec, SrtpPair};
use tandem_media::rtp::RtpView;
use tandem_media::shard::Component;
use tandem_media::srtp::{Protector, Unprotector};
use tandem_model::{DropReason, Entropy, LegId, SrtpKey, SrtpSuite, Timestamp};

fn key(suite: SrtpSuite, n: u8) -> SrtpKey {
    SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).unwrap()
}

fn secure(outbound: SrtpKey, inbound: SrtpKey) -> LegSpec {
    LegSpec { srtp: Some(SrtpPair { outbound, inbound }), ..spec(CodecId::Pcmu, addr(1)) }
}

fn seal(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut sealed = packet.to_vec();
    sealed.resize(packet.len() + 32, 0);
    let len = match packet[1] {
        200..=204 => protector.protect_rtcp(&mut sealed, packet.len()),
        _ => protector.protect_rtp(&mut sealed, packet.len()),
    };
    sealed.truncate(len.expect("a true packet"));
    sealed
}

fn bridged(suite: SrtpSuite) -> (World, LegId, LegId) {
    let mut w = World::new();
    let a = w.open(1, secure(key(suite, 1), key(suite, 2)));
    let b = w.open(2, spec(CodecId::Pcmu, addr(2)));
    w.command(Command::Bridge { a, b });
    w.take_events();
    (w, a, b)
}

/// Row 14 of the attack classes: garbage on every port, bad tags, replays, roll-over games, malformed extensions.
#[test]
fn an_srtp_leg_under_attack_hands_on_every_true_packet_and_counts_the_rest() {
    for suite in SrtpSuite::ALL {
        let (mut w, a, _) = bridged(suite);
        let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
        let mut protector = Protector::new(&key(suite, 2));
        let attacker = addr(66);
        let mut expected = [0_u64; DropReason::ALL.len()];
        let mut count = |reason: DropReason, n: u64| expected[reason as usize] += n;
        for n in 0..200_u16 {
            let plain = phone.speak();
            let sealed = seal(&mut protector, &plain);
            let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
            let report = seal(&mut protector, &report);

            // Garbage on both ports: bytes of chance, whose first two make them RTP, RTCP or nothing.
            let mut garbage = vec![0; usize::from(n)];
            w.entropy.fill(&mut garbage);
            if let [first, second, ..] = &mut garbage[..] {
                (*first, *second) = (0x80, 0);
            }
            w.packet(a, attacker, &garbage);
            let tag = match suite {
                SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm256HmacSha1_80 => 10,
                SrtpSuite::AesCm128HmacSha1_32 | SrtpSuite::AesCm256HmacSha1_32 => 4,
                SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => 16,
            };
            count(
                match garbage.len() {
                    0 | 1 => DropReason::NotRtp,
                    len if len < 12 + tag => DropReason::MalformedRtp,
                    _ => DropReason::AuthFailed,
                },
                1,
            );
            let mut garbage = vec![0x80, 201];
            garbage.resize(2 + usize::from(n % 40), 0xA5);
            w.packet_on(a, Component::Rtcp, attacker, &garbage);
            let trailer = if tag == 16 { 20 } else { 14 };
            let short = garbage.len() < 8 + trailer;
            count(if short { DropReason::MalformedRtp } else { DropReason::AuthFailed }, 1);

            // The true packet with a wrong tag, with another sequence number, from half a cycle on, and with an extension
            // that is longer than the packet.
            let mut forged = sealed.clone();
            *forged.last_mut().unwrap() ^= 1;
            w.packet(a, attacker, &forged);
            let seq = u16::from_be_bytes([sealed[2], sealed[3]]);
            for step in [1_u16, 100, 0x4000, 0x7FFE, 0x7FFF] {
                let mut forged = sealed.clone();
                forged[2..4].copy_from_slice(&seq.wrapping_add(step).to_be_bytes());
                w.packet(a, attacker, &forged);
            }
            // Half a cycle from the newest is as far behind as ahead: it is taken for behind, and too old.
            let behind = u64::from(n > 0);
            count(DropReason::AuthFailed, 6 - behind);
            count(DropReason::Replayed, behind);
            let mut forged = sealed.clone();
            forged[0] |= 0x10;
            forged[12..16].copy_from_slice(&[0xBE, 0xDE, 0xFF, 0xFF]);
            w.packet(a, attacker, &forged);
            count(DropReason::MalformedRtp, 1);
            assert!(w.take_rtp(addr(2)).is_empty(), "nothing of it goes on");

            w.packet(a, addr(1), &sealed);
            w.packet_on(a, Component::Rtcp, addr(1), &report);
            let out = w.take_rtp(addr(2));
            assert_eq!(out.len(), 1, "{suite:?} packet {n}");
            assert_eq!(out[0].view().payload(), &plain[12..]);
            // Replayed twice, each on its port.
            for _ in 0..2 {
                w.packet(a, attacker, &sealed);
                w.packet_on(a, Component::Rtcp, attacker, &report);
            }
            count(DropReason::Replayed, 4);
            assert!(w.take_rtp(addr(2)).is_empty());
            w.pass(TICK);
        }
        for reason in DropReason::ALL {
            assert_eq!(w.shard.drops().of(reason), expected[reason as usize], "{suite:?} {reason:?}");
        }
        assert_eq!(w.shard.rebuilt(), 0, "no packet is a panic");
        let stats = w.shard.stats(a).unwrap();
        assert_eq!((stats.packets_received, stats.packets_lost), (200, 0), "{suite:?}");
        assert_eq!(stats.packets_dropped, expected.iter().sum::<u64>());
        let events = w.take_events();
        assert!(matches!(events[..], [Event::Started { .. }]), "{events:?}");
    }
}

/// The peer changes its key by re-INVITE just before its sequence wraps; packets under the old key are on their way then, some
/// packets around the wrap are lost, and our own key changes with it.
#[test]
fn a_re_invite_that_changes_the_keys_loses_no_packet_on_its_way() {
    for suite in SrtpSuite::ALL {
        let (mut w, a, b) = bridged(suite);
        let (mut phone, mut other) =
            (Phone::new(CodecId::Pcmu, addr(1), 440.0), Phone::new(CodecId::Pcmu, addr(2), 600.0));
        let (mut protector, mut unprotector) = (Protector::new(&key(suite, 2)), Unprotector::new(&key(suite, 1)));
        let mut lost = 0;
        let mut in_flight: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for n in 0..300_u32 {
            if n == 30 {
                // The new description is in force here and there, five packets before the wrap.
                w.command(Command::Configure { leg: a, spec: Box::new(secure(key(suite, 3), key(suite, 4))) });
                protector.rekey(&key(suite, 4));
                unprotector.rekey(w.now, &key(suite, 3), &[]);
            }
            let plain = phone.speak();
            let sealed = seal(&mut protector, &plain);
            in_flight.push((plain, sealed));
            // Four packets are under way at any time.
            if in_flight.len() > 4 {
                let (plain, sealed) = in_flight.remove(0);
                if (33..39).contains(&n) && n.is_multiple_of(2) {
                    lost += 1;
                } else {
                    w.packet(a, addr(1), &sealed);
                    let out = w.take_rtp(addr(2));
                    assert_eq!(out.len(), 1, "{suite:?} packet {n}");
                    assert_eq!(out[0].view().payload(), &plain[12..]);
                    w.packet(a, addr(1), &sealed);
                    assert!(w.take_rtp(addr(2)).is_empty(), "a replay, under whichever key");
                }
            }
            let plain = other.speak();
            w.packet(b, addr(2), &plain);
            for mut out in w.take_rtp(addr(1)) {
                let len = out.bytes.len();
                let len = unprotector.unprotect_rtp(&mut out.bytes, len).expect("ours, under the key of its time");
                assert_eq!(&out.bytes[12..len], &plain[12..]);
                assert_eq!(RtpView::parse(&out.bytes[..len]).unwrap().payload().len(), 160);
            }
            w.pass(TICK);
        }
        let stats = w.shard.stats(a).unwrap();
        assert_eq!(stats.packets_lost, lost, "{suite:?}");
        assert_eq!(stats.packets_received, 296 - lost);

        // More than ten seconds on, nobody can come with the first key.
        w.pass(std::time::Duration::from_secs(6));
        let failed = w.shard.drops().of(DropReason::AuthFailed);
        let mut old = Protector::new(&key(suite, 2));
        let stale = seal(&mut old, &phone.speak());
        w.packet(a, addr(1), &stale);
        assert_eq!(w.shard.drops().of(DropReason::AuthFailed), failed + 1);
    }
}

#[test]
fn a_re_invite_with_the_same_keys_keeps_the_roll_over_counter() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let (mut w, a, _) = bridged(suite);
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let mut protector = Protector::new(&key(suite, 2));
    for n in 0..100 {
        // The sequence wraps at the 36th packet.
        if n == 60 {
            w.command(Command::Configure { leg: a, spec: Box::new(secure(key(suite, 1), key(suite, 2))) });
        }
        let sealed = seal(&mut protector, &phone.speak());
        w.packet(a, addr(1), &sealed);
        assert_eq!(w.take_rtp(addr(2)).len(), 1, "packet {n}");
        w.pass(TICK);
    }
}

#[test]
fn a_key_that_runs_out_is_told_of_once_and_then_used_no_more() {
    let suite = SrtpSuite::AeadAes128Gcm;
    let mut w = World::new();
    let short = |n| SrtpKey { lifetime: Some(1_600), ..key(suite, n) };
    let a = w.open(1, secure(short(1), short(2)));
    w.command(Command::Echo { leg: a, on: true });
    w.take_events();
    let mut phone = Phone::new(CodecId::Pcmu, addr(1), 440.0);
    let mut protector = Protector::new(&key(suite, 2));
    let mut told: Vec<(Timestamp, KeyDirection)> = Vec::new();
    let start = w.now;
    for _ in 0..1_650 {
        let sealed = seal(&mut protector, &phone.speak());
        w.packet(a, addr(1), &sealed);
        w.pass(TICK);
        let now = w.now;
        told.extend(w.take_events().into_iter().filter_map(|event| match event {
            Event::KeyExpiring { direction, .. } => Some((now, direction)),
            _ => None,
        }));
    }
    assert_eq!(told.iter().map(|t| t.1).collect::<Vec<_>>(), [KeyDirection::Outbound, KeyDirection::Inbound]);
    // With 1,500 packets left: half a minute before the end.
    assert!(told.iter().all(|(at, _)| (99..=102).contains(&(at.since(start).as_millis() / 20))), "{told:?}");
    assert_eq!(w.shard.drops().of(DropReason::KeyExhausted), 50);
    assert_eq!(w.take_rtp(addr(1)).len(), 1_600);

    // Fresh keys: it goes on, and will be told again.
    w.command(Command::Configure { leg: a, spec: Box::new(secure(short(3), short(4))) });
    protector.rekey(&key(suite, 4));
    for _ in 0..101 {
        let sealed = seal(&mut protector, &phone.speak());
        w.packet(a, addr(1), &sealed);
        w.pass(TICK);
    }
    assert_eq!(w.take_rtp(addr(1)).len(), 101);
    let again = w.take_events().into_iter().filter(|e| matches!(e, Event::KeyExpiring { .. })).count();
    assert_eq!(again, 2);
}
