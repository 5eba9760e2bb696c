//! RFC 3550 appendix A accounting, against a simple model, and the quality estimate.

use proptest::prelude::*;
use tandem_codecs::CodecId;
use tandem_media::stats::{Arrival, CodecQuality, StreamAccount, mean_opinion_score};
use tandem_model::{RtpTime, SeqNo, Timestamp};

fn feed(account: &mut StreamAccount, n: u64, seq: u16) -> Arrival {
    account.packet(Timestamp::from_millis(n * 20), SeqNo(seq), RtpTime(n as u32 * 160), true)
}

#[test]
fn loss_is_counted_across_the_wrap_and_late_packets_repair_it() {
    let mut a = StreamAccount::new(9, 8_000, SeqNo(65_530));
    let mut n = 0;
    for seq in 65_530u32..65_546 {
        n += 1;
        if seq != 65_535 && seq != 65_540 {
            assert_eq!(feed(&mut a, n, seq as u16), Arrival::New);
        }
    }
    assert_eq!(a.lost(), 2);
    assert_eq!(feed(&mut a, n, 65_535), Arrival::New);
    assert_eq!(feed(&mut a, n, 65_535), Arrival::Duplicate);
    assert_eq!(a.lost(), 1);
    let report = a.report(Timestamp::from_secs(1));
    assert_eq!((report.cumulative_lost, report.ssrc), (1, 9));
    assert_eq!(report.highest_sequence, 0x1_0000 + 9);
    assert_eq!(report.fraction_lost, 16);
    assert_eq!(a.report(Timestamp::from_secs(2)).fraction_lost, 0, "a new interval");
}

#[test]
fn a_restarted_sequence_is_followed_after_two_packets_and_loses_nothing() {
    let mut a = StreamAccount::new(9, 8_000, SeqNo(100));
    for i in 0..10 {
        feed(&mut a, i, 100 + i as u16);
    }
    assert_eq!(feed(&mut a, 11, 40_000), Arrival::Suspect);
    assert_eq!(feed(&mut a, 12, 40_001), Arrival::New);
    assert_eq!(feed(&mut a, 13, 40_002), Arrival::New);
    assert_eq!(a.lost(), 0);
    assert_eq!(feed(&mut a, 14, 40_004), Arrival::New);
    assert_eq!(a.lost(), 1);
    assert_eq!(a.received(), 13);
}

#[test]
fn jitter_follows_the_spread_of_arrivals_and_not_their_delay() {
    let mut a = StreamAccount::new(1, 8_000, SeqNo(0));
    for i in 0..200u64 {
        let wobble = if i % 2 == 0 { 10 } else { 0 };
        let now = Timestamp::from_millis(50_000 + i * 20 + wobble);
        a.packet(now, SeqNo(i as u16), RtpTime(4_294_967_000u32.wrapping_add(i as u32 * 160)), true);
    }
    let (jitter, max) = a.jitter_ms();
    assert!((jitter - 10.0).abs() < 0.5, "{jitter}");
    assert!(max >= jitter);
}

#[test]
fn a_sender_report_comes_back_as_lsr_and_dlsr() {
    let mut a = StreamAccount::new(1, 8_000, SeqNo(0));
    a.sender_report(Timestamp::from_secs(10), 0x1122_3344_5566_7788);
    let report = a.report(Timestamp::from_millis(10_500));
    assert_eq!(report.last_sr, 0x3344_5566);
    assert_eq!(report.delay_since_last_sr, 32_768);
}

#[test]
fn the_score_falls_with_loss_and_delay_and_stays_in_its_scale() {
    let g711 = CodecQuality::of(CodecId::Pcmu);
    let clean = mean_opinion_score(g711, 0.0, 40.0);
    assert!((4.3..=4.5).contains(&clean), "{clean}");
    assert!(mean_opinion_score(g711, 0.01, 40.0) < clean);
    assert!(mean_opinion_score(g711, 0.0, 400.0) < clean - 0.3);
    let one_percent = mean_opinion_score(g711, 0.01, 40.0);
    assert!((4.1..4.4).contains(&one_percent), "{one_percent}");
    for loss in 0..=100 {
        for delay in [0.0, 500.0, 5_000.0] {
            let mos = mean_opinion_score(g711, loss as f32 / 100.0, delay);
            assert!((1.0..=4.5).contains(&mos));
        }
    }
}

/// Sequence numbers that are still told apart behind the highest one.
const REMEMBERED: usize = 128;

/// How far the latest packet lags behind the highest number before it.
fn lateness(order: &[usize]) -> usize {
    let mut highest = 0;
    order
        .iter()
        .map(|&i| {
            highest = highest.max(i);
            highest - i
        })
        .max()
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn loss_equals_what_a_set_would_say(
        start in any::<u16>(),
        kept in proptest::collection::vec(any::<bool>(), 1..400),
        swaps in proptest::collection::vec((0usize..400, 1usize..20), 0..20),
    ) {
        let mut order: Vec<usize> = (0..kept.len()).filter(|&i| kept[i] || i == 0 || i + 1 == kept.len()).collect();
        for (i, by) in swaps {
            let (i, j) = (i % order.len(), (i % order.len() + by) % order.len());
            if i > 0 && j > 0 && i.abs_diff(j) < 20 {
                order.swap(i, j);
                // Swaps add up: what would come later than the account remembers is another test's matter.
                if lateness(&order) >= REMEMBERED {
                    order.swap(i, j);
                }
            }
        }
        let mut a = StreamAccount::new(1, 8_000, SeqNo(start));
        for (n, &i) in order.iter().enumerate() {
            prop_assert_eq!(feed(&mut a, n as u64, start.wrapping_add(i as u16)), Arrival::New);
            prop_assert_eq!(feed(&mut a, n as u64, start.wrapping_add(i as u16)), Arrival::Duplicate);
        }
        prop_assert_eq!(a.lost() as usize, kept.len() - order.len());
        prop_assert_eq!(a.received() as usize, order.len());
    }

    #[test]
    fn any_sequence_of_numbers_is_safe(seqs in proptest::collection::vec(any::<u16>(), 1..500)) {
        let mut a = StreamAccount::new(1, 0, SeqNo(seqs[0]));
        for (n, &seq) in seqs.iter().enumerate() {
            feed(&mut a, n as u64, seq);
            let _ = (a.lost(), a.report(Timestamp::from_millis(n as u64)));
        }
    }
}
