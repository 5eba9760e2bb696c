//! Keys and their lives: lifetimes, identifiers, and a change of keys while packets are on their way.

use std::time::Duration;

use proptest::prelude::*;
use tandem_media::srtp::{Protector, SrtpError, TAIL_ROOM, Unprotector};
use tandem_model::limits::SRTP_KEYS_MAX;
use tandem_model::{Entropy, Mki, SeedEntropy, SrtpKey, SrtpSuite, Timestamp};

fn key(suite: SrtpSuite, seed: u8) -> SrtpKey {
    let len = suite.key_len() + suite.salt_len();
    SrtpKey::new(suite, (0..len).map(|i| seed.wrapping_add(i as u8).wrapping_mul(37)).collect()).unwrap()
}

fn marked(mut key: SrtpKey, value: u64, len: u8) -> SrtpKey {
    key.mki = Mki::new(value, len);
    assert!(key.mki.is_some());
    key
}

fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut p = vec![0x80, 0];
    p.extend(seq.to_be_bytes());
    p.extend([0; 4]);
    p.extend(ssrc.to_be_bytes());
    p.extend([seq as u8; 40]);
    p
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut p = vec![0x80, 201, 0, 1];
    p.extend(ssrc.to_be_bytes());
    p
}

fn seal(out: &mut Protector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + TAIL_ROOM, 0);
    let len = if packet[1] == 201 {
        out.protect_rtcp(&mut buf, packet.len())?
    } else {
        out.protect_rtp(&mut buf, packet.len())?
    };
    buf.truncate(len);
    Ok(buf)
}

fn open(inn: &mut Unprotector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buf = packet.to_vec();
    let len = if packet[1] == 201 {
        inn.unprotect_rtcp(&mut buf, packet.len())?
    } else {
        inn.unprotect_rtp(&mut buf, packet.len())?
    };
    buf.truncate(len);
    Ok(buf)
}

/// Puts an identifier where the suite's packets have it, by the layouts of the standards and not by our code.
fn with_identifier(suite: SrtpSuite, sealed: &[u8], identifier: &[u8]) -> Vec<u8> {
    let behind = match (suite, sealed[1]) {
        (SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm, _) => 0,
        (_, 201) => 10,
        (SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm256HmacSha1_80, _) => 10,
        (SrtpSuite::AesCm128HmacSha1_32 | SrtpSuite::AesCm256HmacSha1_32, _) => 4,
    };
    let (head, tail) = sealed.split_at(sealed.len() - behind);
    [head, identifier, tail].concat()
}

#[test]
fn a_key_is_not_used_beyond_its_lifetime_and_tells_before() {
    for suite in SrtpSuite::ALL {
        let limited = SrtpKey { lifetime: Some(2_000), ..key(suite, 1) };
        let (mut out, mut inn) = (Protector::new(&limited), Unprotector::new(&limited));
        // The peer keeps no limit, so that ours is seen.
        let mut endless = Protector::new(&key(suite, 1));
        for n in 0..2_000_u16 {
            assert_eq!(out.is_expiring(), n >= 500, "{suite:?} {n}");
            assert_eq!(inn.is_expiring(), n >= 500, "{suite:?} {n}");
            let sealed = seal(&mut endless, &rtp(1, n)).unwrap();
            assert_eq!(seal(&mut out, &rtp(1, n)).unwrap(), sealed);
            open(&mut inn, &sealed).unwrap();
        }
        assert_eq!(seal(&mut out, &rtp(1, 2_000)), Err(SrtpError::KeyExhausted));
        let beyond = seal(&mut endless, &rtp(1, 2_000)).unwrap();
        assert_eq!(open(&mut inn, &beyond), Err(SrtpError::KeyExhausted));
        // SRTCP has a count of its own (RFC 3711 section 9.2).
        let sealed = seal(&mut out, &report(1)).unwrap();
        assert!(open(&mut inn, &sealed).is_ok());

        // A rebuilt leg has spent as much.
        let (at_out, at_in) = (out.cursor(), inn.cursor());
        let (mut rebuilt_out, mut rebuilt_in) = (Protector::new(&limited), Unprotector::new(&limited));
        rebuilt_out.restore(&at_out);
        rebuilt_in.restore(&at_in);
        assert_eq!(seal(&mut rebuilt_out, &rtp(1, 2_000)), Err(SrtpError::KeyExhausted));
        assert_eq!(open(&mut rebuilt_in, &beyond), Err(SrtpError::KeyExhausted));

        // Another key goes on where this one ended.
        let next = key(suite, 2);
        out.rekey(&next);
        inn.rekey(Timestamp::ZERO, &next, &[]);
        assert!(!out.is_expiring() && !inn.is_expiring());
        let sealed = seal(&mut out, &rtp(1, 2_000)).unwrap();
        assert_eq!(open(&mut inn, &sealed), Ok(rtp(1, 2_000)));
    }
}

#[test]
fn forgeries_spend_nothing_of_a_lifetime() {
    let limited = SrtpKey { lifetime: Some(3), ..key(SrtpSuite::AeadAes128Gcm, 1) };
    let (mut out, mut inn) = (Protector::new(&limited), Unprotector::new(&limited));
    for n in 0..100 {
        let mut forged = rtp(1, n);
        forged.extend([0; 16]);
        assert_eq!(open(&mut inn, &forged), Err(SrtpError::AuthFailed));
    }
    for n in 0..3 {
        let sealed = seal(&mut out, &rtp(1, n)).unwrap();
        assert!(open(&mut inn, &sealed).is_ok());
        assert_eq!(open(&mut inn, &sealed), Err(SrtpError::Replayed));
    }
}

#[test]
fn identifiers_stand_where_each_suite_has_them_and_choose_the_key() {
    for suite in SrtpSuite::ALL {
        for (len, ids) in [(1_u8, [1_u64, 2]), (4, [1, 0x0102_0304]), (128, [7, u64::MAX])] {
            let wire = |id: u64| {
                let mut field = vec![0; usize::from(len.max(8))];
                let at = field.len() - 8;
                field[at..].copy_from_slice(&id.to_be_bytes());
                field[field.len() - usize::from(len)..].to_vec()
            };
            let keys = ids.map(|id| marked(key(suite, id as u8), id, len));
            let mut inn = Unprotector::with_keys(&keys[0], &keys[1..]);
            let mut outs = keys.each_ref().map(Protector::new);
            for n in 0..20_u16 {
                // The sender changes from one key to the other in mid-stream; its numbers go on.
                let which = usize::from(n / 10);
                let sealed = seal(&mut outs[which], &rtp(5, n)).unwrap();
                let packet = with_identifier(suite, &sealed, &wire(ids[which]));
                assert_eq!(open(&mut inn, &packet), Ok(rtp(5, n)), "{suite:?} {len} {n}");
                assert_eq!(open(&mut inn, &packet), Err(SrtpError::Replayed));
                let wrong = with_identifier(suite, &sealed, &wire(ids[1 - which]));
                assert!(open(&mut inn, &wrong).is_err());
            }
            for (out, id) in outs.iter_mut().zip(ids) {
                let sealed = seal(out, &report(5 + (id as u32 & 0xFF))).unwrap();
                let packet = with_identifier(suite, &sealed, &wire(id));
                assert_eq!(open(&mut inn, &packet), Ok(report(5 + (id as u32 & 0xFF))), "{suite:?} SRTCP");
            }
            let sealed = seal(&mut outs[0], &rtp(5, 30)).unwrap();
            assert!(open(&mut inn, &sealed).is_err(), "without an identifier");
            let unknown = with_identifier(suite, &sealed, &wire(99));
            assert_eq!(open(&mut inn, &unknown), Err(SrtpError::AuthFailed));
        }
    }
}

#[test]
fn more_keys_than_are_kept_are_left_out() {
    let suite = SrtpSuite::AeadAes128Gcm;
    let keys: Vec<SrtpKey> = (1..=6).map(|id| marked(key(suite, id), u64::from(id), 1)).collect();
    let mut inn = Unprotector::with_keys(&keys[0], &keys[1..]);
    for (n, key) in keys.iter().enumerate() {
        let sealed = seal(&mut Protector::new(key), &rtp(n as u32, 1)).unwrap();
        let packet = with_identifier(suite, &sealed, &[n as u8 + 1]);
        assert_eq!(open(&mut inn, &packet).is_ok(), n < SRTP_KEYS_MAX);
    }
}

/// RFC 3711 section 3.3.1: after a re-keying the roll-over counter keeps its sequence; section 3.4: so does the SRTCP index.
#[test]
fn numbers_go_on_over_a_change_of_keys() {
    for suite in SrtpSuite::ALL {
        let (first, second) = (key(suite, 1), key(suite, 2));
        let mut out = Protector::new(&first);
        for seq in [65_000, 65_535, 3] {
            seal(&mut out, &rtp(1, seq)).unwrap();
        }
        for _ in 0..7 {
            seal(&mut out, &report(1)).unwrap();
        }
        out.rekey(&second);
        let sealed = seal(&mut out, &report(1)).unwrap();
        let word = match suite {
            SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => &sealed[sealed.len() - 4..],
            _ => &sealed[sealed.len() - 14..sealed.len() - 10],
        };
        assert_eq!(word, [0x80, 0, 0, 7], "{suite:?}");
        // A receiver that follows the numbers under the new key from the wrap on understands it.
        let (mut reference, mut inn) = (Protector::new(&second), Unprotector::new(&second));
        for seq in [65_000, 65_535] {
            let sealed = seal(&mut reference, &rtp(1, seq)).unwrap();
            open(&mut inn, &sealed).unwrap();
        }
        let sealed = seal(&mut out, &rtp(1, 4)).unwrap();
        assert_eq!(open(&mut inn, &sealed), Ok(rtp(1, 4)), "{suite:?}");
    }
}

#[test]
fn packets_under_the_old_key_are_taken_for_a_while_and_once() {
    for suite in SrtpSuite::ALL {
        let mut now = Timestamp::from_secs(100);
        let (mut out, mut inn) = (Protector::new(&key(suite, 1)), Unprotector::new(&key(suite, 1)));
        let old: Vec<_> = (0..10).map(|n| seal(&mut out, &rtp(1, n)).unwrap()).collect();
        let old_report = seal(&mut out, &report(1)).unwrap();
        open(&mut inn, &old[0]).unwrap();
        out.rekey(&key(suite, 2));
        inn.rekey(now, &key(suite, 2), &[]);
        let new: Vec<_> = (10..20).map(|n| seal(&mut out, &rtp(1, n)).unwrap()).collect();

        for packet in [&old[1], &old[2], &new[0], &old[3], &old_report, &new[2], &new[1]] {
            assert!(open(&mut inn, packet).is_ok(), "{suite:?}");
            assert!(open(&mut inn, packet).is_err(), "{suite:?}: a replay");
        }
        assert!(open(&mut inn, &old[0]).is_err(), "seen before the change");
        // The new key was heard: a second more, and the old one is gone.
        inn.expire(now);
        now = now + Duration::from_millis(990);
        inn.expire(now);
        assert!(open(&mut inn, &old[4]).is_ok());
        now = now + Duration::from_millis(20);
        inn.expire(now);
        assert_eq!(open(&mut inn, &old[5]), Err(SrtpError::AuthFailed));
        assert!(open(&mut inn, &new[5]).is_ok());
    }
}

#[test]
fn without_the_new_key_the_old_one_is_given_up_after_ten_seconds() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let now = Timestamp::from_secs(100);
    let (mut out, mut inn) = (Protector::new(&key(suite, 1)), Unprotector::new(&key(suite, 1)));
    inn.rekey(now, &key(suite, 2), &[]);
    inn.expire(now + Duration::from_millis(9_990));
    let sealed = seal(&mut out, &rtp(1, 1)).unwrap();
    assert!(open(&mut inn, &sealed).is_ok());
    inn.expire(now + Duration::from_secs(10));
    let sealed = seal(&mut out, &rtp(1, 2)).unwrap();
    assert_eq!(open(&mut inn, &sealed), Err(SrtpError::AuthFailed));
}

/// Found by fuzzing: such a packet was refused during a change of keys, and only then.
#[test]
fn a_packet_of_any_length_opens_under_the_new_key_during_a_change() {
    for suite in SrtpSuite::ALL {
        let (mut out, mut inn) = (Protector::new(&key(suite, 2)), Unprotector::new(&key(suite, 1)));
        inn.rekey(Timestamp::ZERO, &key(suite, 2), &[]);
        for (n, len) in [1_400, 1_490, 1_500, 1_600, 9_000].into_iter().enumerate() {
            let packet = [rtp(1, n as u16), vec![7; len]].concat();
            let sealed = seal(&mut out, &packet).unwrap();
            assert_eq!(open(&mut inn, &sealed), Ok(packet), "{suite:?} {len}");
        }
    }
}

/// A forger during a change of keys costs us a second look 500 times, and moves nothing; then the old key is given up.
#[test]
fn a_forger_cannot_have_two_looks_for_long() {
    let suite = SrtpSuite::AeadAes128Gcm;
    let (mut out, mut inn) = (Protector::new(&key(suite, 1)), Unprotector::new(&key(suite, 1)));
    inn.rekey(Timestamp::ZERO, &key(suite, 2), &[]);
    let forged = [rtp(1, 1), vec![0; 16]].concat();
    for _ in 0..499 {
        assert_eq!(open(&mut inn, &forged), Err(SrtpError::AuthFailed));
    }
    let true_one = seal(&mut out, &rtp(1, 1)).unwrap();
    assert!(open(&mut inn, &true_one).is_ok(), "a good packet costs no try");
    for _ in 0..2 {
        assert_eq!(open(&mut inn, &forged), Err(SrtpError::AuthFailed));
    }
    let late = seal(&mut out, &rtp(1, 2)).unwrap();
    assert_eq!(open(&mut inn, &late), Err(SrtpError::AuthFailed));
    out.rekey(&key(suite, 2));
    let new = seal(&mut out, &rtp(1, 3)).unwrap();
    assert!(open(&mut inn, &new).is_ok());
}

/// Some peers make a new context with each key, against RFC 3711 section 3.3.1: they are understood too.
#[test]
fn a_peer_that_starts_its_numbers_anew_with_a_new_key_is_understood() {
    for suite in SrtpSuite::ALL {
        let (mut out, mut inn) = (Protector::new(&key(suite, 1)), Unprotector::new(&key(suite, 1)));
        for seq in [65_000, 65_535, 100, 200] {
            let sealed = seal(&mut out, &rtp(1, seq)).unwrap();
            open(&mut inn, &sealed).unwrap();
        }
        for _ in 0..300 {
            let sealed = seal(&mut out, &report(1)).unwrap();
            open(&mut inn, &sealed).unwrap();
        }
        inn.rekey(Timestamp::ZERO, &key(suite, 2), &[]);
        let mut anew = Protector::new(&key(suite, 2));
        for seq in 201..210 {
            let sealed = seal(&mut anew, &rtp(1, seq)).unwrap();
            assert_eq!(open(&mut inn, &sealed), Ok(rtp(1, seq)), "{suite:?}");
            assert!(open(&mut inn, &sealed).is_err());
            let sealed = seal(&mut anew, &report(1)).unwrap();
            assert_eq!(open(&mut inn, &sealed), Ok(report(1)), "{suite:?}");
            assert!(open(&mut inn, &sealed).is_err());
        }
    }
}

#[test]
fn the_same_keys_again_change_nothing() {
    let mut first = key(SrtpSuite::AeadAes256Gcm, 1);
    let (mut out, mut inn) = (Protector::new(&first), Unprotector::new(&first));
    let sealed = seal(&mut out, &rtp(1, 1)).unwrap();
    open(&mut inn, &sealed).unwrap();
    let before = (out.cursor(), inn.cursor());
    first.lifetime = Some(1);
    out.rekey(&first);
    inn.rekey(Timestamp::ZERO, &first, &[]);
    assert_eq!((out.cursor(), inn.cursor()), before);
    assert_eq!(open(&mut inn, &sealed), Err(SrtpError::Replayed));
    assert_eq!(seal(&mut out, &rtp(1, 2)), Err(SrtpError::KeyExhausted), "what is newly said of it holds");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Changes of keys at any time, with loss, reordering and long gaps, across many wraps of the sequence: every packet that
    /// arrives within the window is understood once.
    #[test]
    fn changes_of_keys_under_loss_and_reordering_lose_nothing_more(seed: u64, suite in 0..SrtpSuite::ALL.len()) {
        let suite = SrtpSuite::ALL[suite];
        let mut random = SeedEntropy::new(seed);
        let mut now = Timestamp::from_secs(1);
        let (mut out, mut inn) = (Protector::new(&key(suite, 0)), Unprotector::new(&key(suite, 0)));
        let mut seq = random.next_u32() as u16 & 0x7FFF;
        let mut on_the_way: Vec<Vec<u8>> = Vec::new();
        for round in 1..12_u8 {
            for _ in 0..30 {
                seq = seq.wrapping_add(1 + u16::from(random.next_u32().is_multiple_of(10)) * (random.next_u32() as u16 % 0x1000));
                on_the_way.push(rtp(1, seq));
                let sealed = seal(&mut out, &rtp(1, seq)).unwrap();
                if random.next_u32().is_multiple_of(5) {
                    on_the_way.pop();
                    continue;
                }
                *on_the_way.last_mut().unwrap() = sealed;
                // Up to four are held back, none for long, and come in any order.
                while on_the_way.len() > 4 {
                    let gap = |a: &[u8]| seq.wrapping_sub(u16::from_be_bytes([a[2], a[3]]));
                    let held_long = gap(&on_the_way[0]) > 12;
                    let which = if held_long { 0 } else { random.next_u32() as usize % on_the_way.len() };
                    let packet = on_the_way.remove(which);
                    let opened = open(&mut inn, &packet);
                    // What a gap has pushed out of the window is late; nothing else is lost.
                    prop_assert!(opened.is_ok() || gap(&packet) >= 100, "{:?}, {} behind", opened, gap(&packet));
                }
                now = now + Duration::from_millis(20);
                inn.expire(now);
            }
            out.rekey(&key(suite, round));
            inn.rekey(now, &key(suite, round), &[]);
        }
    }
}
