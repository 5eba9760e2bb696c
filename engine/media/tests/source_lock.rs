//! Symmetric RTP: who is believed, and what an attacker can move (RTP bleed and injection).

use std::net::SocketAddr;

use tandem_media::source::SourcePolicy;
use tandem_model::{SeqNo, Timestamp};

fn addr(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], port))
}

fn t(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn the_signalled_address_is_believed_with_its_first_packet_and_no_spray_moves_it() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    assert!(policy.admit(t(0), addr(1, 4000), 7, SeqNo(1)));
    for i in 0..10_000u32 {
        assert!(!policy.admit(t(u64::from(i)), addr(66, (i % 60_000) as u16), i, SeqNo(i as u16)));
    }
    assert_eq!(policy.remote(), Some(addr(1, 4000)));
    assert!(policy.admit(t(10_000), addr(1, 4000), 7, SeqNo(2)));
}

#[test]
fn an_attacker_who_sprays_first_is_not_heard_before_the_lock_and_loses_it_to_the_signalled_address() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    let before = (0..5).filter(|&i| policy.admit(t(i), addr(66, 9), 666, SeqNo(i as u16))).count();
    assert!(before <= 3, "{before}");
    assert!(policy.admit(t(6), addr(1, 4000), 7, SeqNo(1)));
    assert_eq!(policy.locked(), Some(addr(1, 4000)));
    assert!(!policy.admit(t(7), addr(66, 9), 666, SeqNo(6)));
}

#[test]
fn a_peer_behind_nat_is_learned_within_five_packets() {
    for noise in 0..=2 {
        let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
        for i in 0..noise {
            assert!(!policy.admit(t(0), addr(60 + i, 9), 1, SeqNo(1)));
        }
        let mut heard = None;
        for i in 0..5u16 {
            if policy.admit(t(u64::from(i) * 20), addr(2, 5000), 7, SeqNo(i)) {
                heard = heard.or(Some(i));
            }
        }
        assert_eq!(heard, Some(2), "with {noise} strangers");
        assert_eq!(policy.remote(), Some(addr(2, 5000)));
    }
}

#[test]
fn a_locked_stream_may_rebind_only_when_silent_and_continued() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    assert!(policy.admit(t(0), addr(1, 4000), 7, SeqNo(100)));
    assert!(!policy.admit(t(100), addr(3, 1), 7, SeqNo(101)), "the locked source was not silent");
    assert!(!policy.admit(t(2_000), addr(3, 1), 8, SeqNo(101)), "another SSRC");
    assert!(!policy.admit(t(2_000), addr(3, 1), 7, SeqNo(99)), "sequence goes back");
    assert!(!policy.admit(t(2_000), addr(3, 1), 7, SeqNo(9_000)), "sequence jumps");
    assert!(policy.admit(t(2_000), addr(3, 1), 7, SeqNo(200)));
    assert_eq!(policy.remote(), Some(addr(3, 1)));
}

#[test]
fn a_renegotiated_address_unlocks_and_an_unchanged_one_or_a_hold_does_not() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    assert!(policy.admit(t(0), addr(1, 4000), 7, SeqNo(1)));
    policy.renegotiate(t(10), Some(addr(1, 4000)));
    policy.renegotiate(t(10), None);
    assert_eq!(policy.locked(), Some(addr(1, 4000)));
    policy.renegotiate(t(10), Some(addr(9, 4000)));
    assert_eq!(policy.locked(), None);
    assert_eq!(policy.remote(), Some(addr(9, 4000)));
    assert!(policy.admit(t(20), addr(9, 4000), 7, SeqNo(2)));
}

#[test]
fn only_an_authenticated_packet_moves_an_srtp_leg() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    assert_eq!(policy.remote(), Some(addr(1, 4000)));
    policy.authenticated(t(0), addr(5, 5));
    assert_eq!(policy.remote(), Some(addr(5, 5)));
    policy.authenticated(t(0), addr(6, 6));
    assert_eq!(policy.remote(), Some(addr(6, 6)));
}

#[test]
fn stragglers_of_the_address_before_a_renegotiation_do_not_take_the_stream_back() {
    let mut policy = SourcePolicy::new(Some(addr(1, 4000)));
    assert!(policy.admit(t(0), addr(1, 4000), 7, SeqNo(1)));
    policy.renegotiate(t(20), Some(addr(2, 4000)));
    for i in 2..12u16 {
        assert!(!policy.admit(t(20 + u64::from(i)), addr(1, 4000), 7, SeqNo(i)));
    }
    assert_eq!(policy.remote(), Some(addr(2, 4000)), "a silent new listener gets the audio");
    let mut secure = SourcePolicy::new(Some(addr(1, 4000)));
    secure.authenticated(t(0), addr(1, 4000));
    secure.renegotiate(t(20), Some(addr(2, 4000)));
    secure.authenticated(t(40), addr(1, 4000));
    assert_eq!(secure.remote(), Some(addr(2, 4000)));
}
