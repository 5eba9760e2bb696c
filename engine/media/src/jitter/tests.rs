use super::*;
use proptest::prelude::*;
use tandem_model::Timestamp;

/// A buffer with a sender of 20 ms packets at 8 kHz; each payload is its sequence number.
struct Rig {
    buffer: JitterBuffer,
    now_ms: u64,
}

impl Rig {
    fn new() -> Self {
        Rig { buffer: JitterBuffer::new(8_000, 20, JitterConfig::default()), now_ms: 1_000 }
    }

    fn send(&mut self, seq: u16) -> Insert {
        self.send_at(seq, u32::from(seq).wrapping_mul(160))
    }

    fn send_at(&mut self, seq: u16, ts: u32) -> Insert {
        let mut payload = [0; 160];
        payload[..2].copy_from_slice(&seq.to_be_bytes());
        self.buffer.insert(Timestamp::from_millis(self.now_ms), seq, ts, false, &payload)
    }

    /// One tick: `7` for a frame, `m` for a missing one, `M` when its successor is there, `-` for empty.
    fn tick(&mut self) -> String {
        self.now_ms += 20;
        match self.buffer.pop(Timestamp::from_millis(self.now_ms)) {
            Pop::Frame { payload, .. } => u16::from_be_bytes([payload[0], payload[1]]).to_string(),
            Pop::Missing { next: Some(_) } => "M".into(),
            Pop::Missing { next: None } => "m".into(),
            Pop::Empty => "-".into(),
        }
    }

    /// Each step sends its packets, then ticks.
    fn run(&mut self, steps: &[&[u16]]) -> String {
        let tick = |packets: &&[u16]| {
            for &seq in *packets {
                self.send(seq);
            }
            self.tick()
        };
        steps.iter().map(tick).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn packets_come_out_in_order_after_the_start_delay() {
    for (steps, out) in [
        (&[&[1][..], &[2], &[3], &[4], &[5]][..], "- 1 2 3 4"),
        (&[&[1], &[3], &[2], &[4], &[5], &[6]], "- 1 2 3 4 5"),
        (&[&[2], &[1], &[3], &[4], &[]], "- 1 2 3 4"),
        (&[&[65_534], &[65_535], &[0], &[1], &[2]], "- 65534 65535 0 1"),
        (&[&[1], &[2, 2], &[3, 1], &[4], &[5]], "- 1 2 3 4"),
        (&[&[1], &[2], &[], &[4], &[5], &[6]], "- 1 2 M 4 5"),
        (&[&[1], &[2], &[], &[], &[5], &[6], &[7]], "- 1 2 m M 5 6"),
    ] {
        assert_eq!(Rig::new().run(steps), out, "{steps:?}");
    }
}

#[test]
fn duplicates_and_late_packets_are_named() {
    let mut rig = Rig::new();
    assert_eq!(rig.send(10), Insert::Stored);
    assert_eq!(rig.send(10), Insert::Duplicate);
    assert_eq!(rig.send(11), Insert::Stored);
    assert_eq!([rig.tick(), rig.tick()], ["-", "10"]);
    assert_eq!(rig.send(10), Insert::Late);
    assert_eq!(rig.send(11), Insert::Duplicate);
    let long = [0; 1_501];
    assert_eq!(rig.buffer.insert(Timestamp::from_millis(1_040), 12, 0, false, &long), Insert::Full);
}

#[test]
fn a_packet_that_comes_just_after_the_buffer_ran_empty_is_still_played() {
    assert_eq!(Rig::new().run(&[&[1], &[2], &[], &[], &[3], &[4, 5], &[6]]), "- 1 2 m 3 4 5");
}

#[test]
fn a_packet_lost_while_the_buffer_was_empty_is_concealed_once() {
    assert_eq!(Rig::new().run(&[&[1], &[2], &[], &[], &[4], &[5], &[6]]), "- 1 2 m 4 5 6");
}

#[test]
fn a_sender_that_pauses_is_silent_and_starts_again_with_the_full_delay() {
    let mut rig = Rig::new();
    assert_eq!(rig.run(&[&[1], &[2], &[], &[], &[], &[], &[], &[], &[], &[]]), "- 1 2 m m m m m - -");
    // The same sequence goes on at a later timestamp (RFC 3550 section 5.1).
    rig.send_at(3, 50_000);
    assert_eq!(rig.tick(), "-");
    rig.send_at(4, 50_160);
    assert_eq!([rig.tick(), rig.tick()], ["3", "4"]);
}

#[test]
fn a_short_timestamp_gap_is_played_as_a_pause() {
    let mut rig = Rig::new();
    rig.send_at(1, 160);
    rig.tick();
    rig.send_at(2, 320);
    rig.send_at(3, 320 + 160 + 320);
    assert_eq!([rig.tick(), rig.tick(), rig.tick(), rig.tick(), rig.tick()], ["1", "2", "-", "-", "3"]);
}

#[test]
fn packets_without_audio_take_their_turn_in_silence() {
    let mut rig = Rig::new();
    rig.send(1);
    rig.tick();
    for seq in [2, 3] {
        rig.buffer.insert(Timestamp::from_millis(rig.now_ms), seq, 320, false, &[]);
    }
    rig.send(4);
    assert_eq!([rig.tick(), rig.tick(), rig.tick(), rig.tick()], ["1", "-", "-", "4"]);
}

#[test]
fn a_restarted_sender_is_followed_after_two_packets_and_a_stray_one_is_not() {
    let mut rig = Rig::new();
    rig.run(&[&[100], &[101], &[102]]);
    assert_eq!(rig.send(40_000), Insert::Full);
    assert_eq!(rig.send(103), Insert::Stored);
    assert_eq!(rig.send(40_001), Insert::Full, "the stray one was forgotten");
    assert_eq!(rig.send(40_002), Insert::Stored);
    assert_eq!(rig.run(&[&[40_003], &[40_004], &[40_005]]), "- 40002 40003");
}

#[test]
fn a_sender_that_restarts_just_behind_is_followed() {
    let mut rig = Rig::new();
    rig.run(&[&[100], &[101], &[102], &[103]]);
    let taken: Vec<_> = (70..85).map(|seq| rig.send(seq)).collect();
    assert_eq!(taken.iter().filter(|&&i| i == Insert::Late).count(), 9);
    assert_eq!(taken[14], Insert::Stored);
    assert_eq!([rig.tick(), rig.tick()], ["-", "79"]);
}

#[test]
fn other_packet_times_are_learned() {
    for ms in [10_u32, 30, 60] {
        let mut buffer = JitterBuffer::new(8_000, 20, JitterConfig::default());
        for n in 0..4_u16 {
            let now = Timestamp::from_millis(u64::from(n) * u64::from(ms));
            assert_eq!(buffer.insert(now, n, u32::from(n) * ms * 8, n == 0, &vec![0; ms as usize * 8]), Insert::Stored);
        }
        assert_eq!(buffer.packet_ms(), ms);
        assert_eq!(buffer.depth_ms(), 4 * ms);
    }
}

#[test]
fn a_burst_above_the_maximum_is_cut_to_it() {
    let mut rig = Rig::new();
    rig.send(1);
    rig.run(&[&[], &[]]);
    for seq in 2..40 {
        rig.send(seq);
    }
    rig.tick();
    assert!(rig.buffer.depth_ms() <= 200, "{} ms", rig.buffer.depth_ms());
    assert_eq!(rig.buffer.left_out(), 38 - 200 / 20);
}

#[test]
fn a_delay_left_over_from_a_stall_goes_away() {
    let mut rig = Rig::new();
    let mut seq = 0;
    for step in 0..3_000 {
        // A stall of 160 ms, delivered at its end.
        let stalls = (100..108).contains(&step);
        seq += 1;
        if step == 108 {
            for late in seq - 8..seq {
                rig.send(late);
            }
        }
        if !stalls {
            rig.send(seq);
        }
        rig.tick();
        if step == 120 {
            assert!(rig.buffer.depth_ms() >= 100, "grew to {}", rig.buffer.depth_ms());
        }
    }
    assert!(rig.buffer.depth_ms() <= 60, "{} ms", rig.buffer.depth_ms());
}

#[test]
fn telephone_events_between_audio_neither_lose_nor_repeat_it() {
    let mut rig = Rig::new();
    let mut heard = vec![];
    for seq in 0..40 {
        match seq {
            // One event: every packet carries its start timestamp (RFC 4733 section 2.5.1.2).
            10..17 => {
                rig.buffer.insert(Timestamp::from_millis(rig.now_ms), seq, 1_600, seq == 10, &[]);
            }
            _ => {
                rig.send(seq);
            }
        }
        heard.push(rig.tick());
    }
    let expected = (0..39).map(|seq| if (10..17).contains(&seq) { "-".into() } else { seq.to_string() });
    assert_eq!(heard[1..], expected.collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn no_order_of_packets_panics_and_frames_come_out_in_order(
        ops in proptest::collection::vec((any::<u16>(), 0..3_u8, 0..1_600_usize, any::<bool>()), 0..400)
    ) {
        let mut buffer = JitterBuffer::new(8_000, 20, JitterConfig::default());
        let mut now = 0;
        for (n, (wild, kind, len, marker)) in ops.into_iter().enumerate() {
            let seq = match kind { 0 => wild, _ => 65_400_u16.wrapping_add(n as u16).wrapping_sub(wild % 5) };
            buffer.insert(Timestamp::from_millis(now), seq, u32::from(wild) * 40, marker, &vec![0; len]);
            now += u64::from(wild % 30);
            let _ = buffer.pop(Timestamp::from_millis(now));
            prop_assert!(buffer.depth_ms() <= 64 * 120);
        }
    }

    #[test]
    fn jitter_below_the_delay_loses_nothing(delays in proptest::collection::vec(0..38_u64, 100)) {
        let mut buffer = JitterBuffer::new(8_000, 20, JitterConfig::default());
        let mut arrivals: Vec<_> = delays.iter().zip(0_u16..).map(|(d, n)| (u64::from(n) * 20 + d, n)).collect();
        arrivals[0].0 = 0;
        arrivals.sort();
        let (mut arrivals, mut played) = (arrivals.into_iter().peekable(), vec![]);
        for tick in 0..110_u64 {
            while let Some((at, seq)) = arrivals.next_if(|(at, _)| *at <= tick * 20) {
                buffer.insert(Timestamp::from_millis(at), seq, u32::from(seq) * 160, seq == 0, &seq.to_be_bytes());
            }
            if let Pop::Frame { payload, .. } = buffer.pop(Timestamp::from_millis(tick * 20)) {
                played.push(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        prop_assert_eq!(played, (0..100).collect::<Vec<_>>());
    }
}
