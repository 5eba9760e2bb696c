//! SRTP between our two ends, and against an independent implementation on packets that are valid.

use proptest::prelude::*;
use tandem_media::srtp::{Protector, SrtpError, TAIL_ROOM, Unprotector};
use tandem_model::{SrtpKey, SrtpSuite};
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

fn key(suite: SrtpSuite, seed: u8) -> SrtpKey {
    let len = suite.key_len() + suite.salt_len();
    SrtpKey::new(suite, (0..len).map(|i| seed.wrapping_add(i as u8).wrapping_mul(37)).collect()).unwrap()
}

fn oracle(key: &SrtpKey) -> Context {
    let profile = match key.suite {
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpSuite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpSuite::AesCm256HmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpSuite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    Context::new(key.master_key(), key.master_salt(), profile, None, None).unwrap()
}

/// A packet with two CSRCs and a one-byte header extension.
fn rtp(ssrc: u32, seq: u16, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0x92, 0];
    p.extend(seq.to_be_bytes());
    p.extend((u32::from(seq) * 160).to_be_bytes());
    p.extend(ssrc.to_be_bytes());
    p.extend([1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 0x10, 0xAA, 0, 0]);
    p.extend(payload);
    p
}

fn receiver_report(ssrc: u32) -> Vec<u8> {
    let mut p = vec![0x81, 201, 0, 7];
    p.extend(ssrc.to_be_bytes());
    p.extend((0..24).map(|b: u8| b.wrapping_mul(11)));
    p
}

fn protect(protector: &mut Protector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + TAIL_ROOM, 0);
    let len = protector.protect_rtp(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

fn unprotect(unprotector: &mut Unprotector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buf = packet.to_vec();
    let len = unprotector.unprotect_rtp(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

fn protect_rtcp(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + TAIL_ROOM, 0);
    let len = protector.protect_rtcp(&mut buf, packet.len()).unwrap();
    buf.truncate(len);
    buf
}

fn unprotect_rtcp(unprotector: &mut Unprotector, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buf = packet.to_vec();
    let len = unprotector.unprotect_rtcp(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

#[test]
fn rtp_is_understood_both_ways_by_another_implementation_across_the_sequence_wrap() {
    for suite in SrtpSuite::ALL {
        let key = key(suite, 5);
        let (mut ours, mut theirs) = (Protector::new(&key), oracle(&key));
        let (mut our_end, mut their_end) = (Unprotector::new(&key), oracle(&key));
        for n in 0..400_u32 {
            let packet = rtp(0x1234_5678, (65_400 + n) as u16, &vec![n as u8; (n % 200) as usize]);
            let sealed = protect(&mut ours, &packet).unwrap();
            assert_eq!(sealed, theirs.encrypt_rtp(&packet).unwrap(), "{suite:?} packet {n}");
            if n % 7 == 3 || (130..150).contains(&n) {
                continue; // lost on the way, across the wrap too
            }
            assert_eq!(unprotect(&mut our_end, &sealed).unwrap(), packet, "{suite:?} packet {n}");
            assert_eq!(their_end.decrypt_rtp(&sealed).unwrap()[..], packet[..], "{suite:?} packet {n}");
        }
    }
}

/// Packets of AES_256_CM_HMAC_SHA1_80 as published test suites have them, over the key of RFC 6188 section 7.2.
#[test]
fn a_packet_of_the_256_bit_counter_mode_is_that_of_others() {
    let hex = |text: &str| -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    };
    let master = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2");
    let key = SrtpKey::new(SrtpSuite::AesCm256HmacSha1_80, master).unwrap();
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let sealed = hex("800f1234decafbadcafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b");
    assert_eq!(protect(&mut Protector::new(&key), &plain).unwrap(), sealed);
    assert_eq!(unprotect(&mut Unprotector::new(&key), &sealed).unwrap(), plain);
}

#[test]
fn rtcp_is_understood_both_ways_by_another_implementation() {
    for suite in SrtpSuite::ALL {
        let key = key(suite, 9);
        let (mut ours, mut theirs) = (Protector::new(&key), oracle(&key));
        let (mut our_end, mut their_end) = (Unprotector::new(&key), oracle(&key));
        for n in 0..5 {
            let report = receiver_report(77);
            let sealed = protect_rtcp(&mut ours, &report);
            assert_ne!(sealed[8..report.len()], report[8..], "{suite:?} encrypts");
            assert_eq!(their_end.decrypt_rtcp(&sealed).unwrap()[..], report[..], "{suite:?} report {n}");
            let sealed = theirs.encrypt_rtcp(&report).unwrap();
            assert_eq!(unprotect_rtcp(&mut our_end, &sealed).unwrap(), report, "{suite:?} report {n}");
        }
    }
}

#[test]
fn each_packet_is_taken_once_and_late_ones_within_the_window() {
    for suite in SrtpSuite::ALL {
        let key = key(suite, 1);
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        let sealed: Vec<_> =
            (0..200).map(|n| protect(&mut out, &rtp(1, 65_450_u16.wrapping_add(n), b"hello")).unwrap()).collect();
        for (n, packet) in sealed.iter().enumerate().filter(|(n, _)| n % 2 == 0) {
            assert!(unprotect(&mut inn, packet).is_ok(), "{suite:?} {n}");
            assert_eq!(unprotect(&mut inn, packet), Err(SrtpError::Replayed), "{suite:?} {n}");
        }
        assert!(unprotect(&mut inn, &sealed[101]).is_ok(), "98 packets late");
        assert_eq!(unprotect(&mut inn, &sealed[101]), Err(SrtpError::Replayed));
        assert_eq!(unprotect(&mut inn, &sealed[31]), Err(SrtpError::Replayed), "168 packets late");
        let report = protect_rtcp(&mut out, &receiver_report(1));
        assert!(unprotect_rtcp(&mut inn, &report).is_ok());
        assert_eq!(unprotect_rtcp(&mut inn, &report), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_changed_bit_anywhere_is_noticed_and_moves_nothing() {
    for suite in SrtpSuite::ALL {
        let key = key(suite, 2);
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        let first = protect(&mut out, &rtp(1, 10, b"first")).unwrap();
        unprotect(&mut inn, &first).unwrap();
        let sealed = protect(&mut out, &rtp(1, 11, b"payload")).unwrap();
        let report = protect_rtcp(&mut out, &receiver_report(1));
        let before = inn.cursor();
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut inn, &forged).is_err(), "{suite:?} RTP bit {bit}");
        }
        for bit in 0..report.len() * 8 {
            let mut forged = report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut inn, &forged).is_err(), "{suite:?} RTCP bit {bit}");
        }
        assert_eq!(inn.cursor(), before);
        assert!(unprotect(&mut inn, &sealed).is_ok());
        assert!(unprotect_rtcp(&mut inn, &report).is_ok());
    }
}

#[test]
fn forged_sources_take_no_place_and_real_ones_replace_the_oldest() {
    let key = key(SrtpSuite::AesCm128HmacSha1_80, 3);
    let mut inn = Unprotector::new(&key);
    let sealed: Vec<_> = (1..=5).map(|ssrc| protect(&mut Protector::new(&key), &rtp(ssrc, 1, b"x")).unwrap()).collect();
    for packet in &sealed[..4] {
        unprotect(&mut inn, packet).unwrap();
    }
    let full = inn.cursor();
    for ssrc in 100..1_000 {
        assert_eq!(unprotect(&mut inn, &rtp(ssrc, 1, &[0; 40])), Err(SrtpError::AuthFailed));
    }
    assert_eq!(inn.cursor(), full);
    unprotect(&mut inn, &sealed[4]).unwrap();
    for packet in &sealed[1..] {
        assert_eq!(unprotect(&mut inn, packet), Err(SrtpError::Replayed), "still known");
    }
}

#[test]
fn a_protector_refuses_what_would_repeat_key_stream() {
    let key = key(SrtpSuite::AeadAes128Gcm, 3);
    let mut out = Protector::new(&key);
    for ssrc in 1..=4 {
        protect(&mut out, &rtp(ssrc, 1, b"x")).unwrap();
    }
    assert_eq!(protect(&mut out, &rtp(5, 1, b"x")), Err(SrtpError::TooManySources));
    assert_eq!(protect(&mut out, &rtp(4, 1, b"y")), Err(SrtpError::Replayed));
    assert!(protect(&mut out, &rtp(4, 2, b"y")).is_ok());
}

#[test]
fn a_rebuilt_leg_goes_on_after_the_wrap() {
    for suite in SrtpSuite::ALL {
        let key = key(suite, 4);
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        for seq in [65_000, 65_535, 3] {
            let sealed = protect(&mut out, &rtp(1, seq, b"before")).unwrap();
            unprotect(&mut inn, &sealed).unwrap();
        }
        let report = protect_rtcp(&mut out, &receiver_report(1));
        unprotect_rtcp(&mut inn, &report).unwrap();
        let (out_at, in_at) = (out.cursor(), inn.cursor());
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        out.restore(&out_at);
        inn.restore(&in_at);
        let sealed = protect(&mut out, &rtp(1, 4, b"after")).unwrap();
        assert_eq!(unprotect(&mut inn, &sealed), Ok(rtp(1, 4, b"after")));
        assert_eq!(unprotect_rtcp(&mut inn, &report), Err(SrtpError::Replayed));
        let next = protect_rtcp(&mut out, &receiver_report(1));
        assert!(unprotect_rtcp(&mut inn, &next).is_ok());
    }
}

#[test]
fn known_killers_and_short_packets_are_malformed() {
    let killer = [
        0x90, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x1F, 1, 2, 3, //
    ];
    for suite in SrtpSuite::ALL {
        let key = key(suite, 6);
        let mut inn = Unprotector::new(&key);
        assert_eq!(unprotect(&mut inn, &killer), Err(SrtpError::Malformed));
        for len in 0..22 {
            let short: Vec<u8> = (0..len).map(|i| if i == 0 { 0x80 } else { 0xFF }).collect();
            let rtcp = unprotect_rtcp(&mut inn, &short);
            assert_eq!(rtcp, Err(SrtpError::Malformed), "{suite:?} RTCP of {len} bytes");
            let rtp = unprotect(&mut inn, &short);
            assert!(matches!(rtp, Err(SrtpError::Malformed | SrtpError::AuthFailed)), "{suite:?} RTP of {len} bytes");
        }
        let mut out = Protector::new(&key);
        let mut tight = rtp(1, 1, b"x");
        let len = tight.len();
        assert_eq!(out.protect_rtp(&mut tight, len), Err(SrtpError::NoRoom));
        assert_eq!(out.protect_rtp(&mut tight, len + 1), Err(SrtpError::Malformed));
        assert_eq!(out.protect_rtcp(&mut receiver_report(1), 32), Err(SrtpError::NoRoom));
        assert_eq!(out.protect_rtcp(&mut [0x80; 60], 7), Err(SrtpError::Malformed));
        assert_eq!(inn.unprotect_rtp(&mut tight, len + 1), Err(SrtpError::Malformed));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_of_them_authenticate(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        first in prop_oneof![Just(0x80_u8), Just(0x90), Just(0x9F), any::<u8>()],
        suite in 0..SrtpSuite::ALL.len(),
    ) {
        let key = key(SrtpSuite::ALL[suite], 8);
        let mut bytes = bytes;
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        let mut inn = Unprotector::new(&key);
        prop_assert!(unprotect(&mut inn, &bytes).is_err());
        prop_assert!(unprotect_rtcp(&mut inn, &bytes).is_err());
        let mut buf = bytes.clone();
        buf.resize(bytes.len() + TAIL_ROOM, 0);
        let mut out = Protector::new(&key);
        let _ = out.protect_rtp(&mut buf, bytes.len());
        let _ = out.protect_rtcp(&mut buf, bytes.len());
    }

    /// Before a packet is authenticated nothing moves: whatever is mixed into a stream, in whatever order, state is what the
    /// true packets alone make of it.
    #[test]
    fn what_does_not_authenticate_leaves_no_trace(
        noise in proptest::collection::vec((0..40_usize, 0..80_usize, any::<u8>(), any::<u16>()), 1..60),
        suite in 0..SrtpSuite::ALL.len(),
    ) {
        let key = key(SrtpSuite::ALL[suite], 8);
        let mut out = Protector::new(&key);
        let (mut clean, mut attacked) = (Unprotector::new(&key), Unprotector::new(&key));
        let sealed: Vec<_> = (0..40).map(|n| protect(&mut out, &rtp(1, 65_520_u16.wrapping_add(n), &[7; 20])).unwrap()).collect();
        let reports: Vec<_> = (0..40).map(|_| protect_rtcp(&mut out, &receiver_report(1))).collect();
        for (n, (packet, report)) in sealed.iter().zip(&reports).enumerate() {
            for (_, at, value, seq) in noise.iter().filter(|(when, ..)| *when == n) {
                let mut forged = packet.clone();
                forged[2..4].copy_from_slice(&seq.to_be_bytes());
                let len = forged.len();
                forged[at % len] ^= value | 1;
                prop_assert!(unprotect(&mut attacked, &forged).is_err());
                let mut forged = report.clone();
                let len = forged.len();
                forged[at % len] ^= value | 1;
                prop_assert!(unprotect_rtcp(&mut attacked, &forged).is_err());
            }
            prop_assert_eq!(attacked.cursor(), clean.cursor());
            prop_assert_eq!(unprotect(&mut attacked, packet), unprotect(&mut clean, packet));
            prop_assert_eq!(unprotect_rtcp(&mut attacked, report), unprotect_rtcp(&mut clean, report));
        }
        prop_assert_eq!(attacked.cursor(), clean.cursor());
    }

    /// The estimate of the roll-over counter holds as long as no gap reaches half the sequence (RFC 3711 section 3.3.1).
    #[test]
    fn loss_of_any_length_below_half_the_sequence_is_survived_across_wraps(
        first in 0..0x8000_u16,
        gaps in proptest::collection::vec(prop_oneof![1..4_u16, 1..0x8000_u16, Just(0x7FFF_u16)], 1..40),
        suite in 0..SrtpSuite::ALL.len(),
    ) {
        let key = key(SrtpSuite::ALL[suite], 3);
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        let mut seq = first;
        let mut index = u64::from(first);
        for gap in gaps {
            let packet = rtp(9, seq, b"across");
            let sealed = protect(&mut out, &packet).unwrap();
            prop_assert_eq!(unprotect(&mut inn, &sealed), Ok(packet), "at index {}", index);
            seq = seq.wrapping_add(gap);
            index += u64::from(gap);
        }
    }

    #[test]
    fn a_damaged_packet_never_panics(at in 0..60_usize, value: u8, cut in 0..70_usize, suite in 0..SrtpSuite::ALL.len()) {
        let key = key(SrtpSuite::ALL[suite], 8);
        let mut sealed = protect(&mut Protector::new(&key), &rtp(1, 1, &[7; 20])).unwrap();
        let whole = sealed.clone();
        if let Some(byte) = sealed.get_mut(at) {
            *byte = value;
        }
        sealed.truncate(cut);
        let opened = unprotect(&mut Unprotector::new(&key), &sealed);
        prop_assert_eq!(opened.is_ok(), sealed == whole);
    }
}
