use super::*;
use proptest::prelude::*;
use tandem_model::Timestamp;

/// A buffer with a sender of 20 ms packets at 8 kHz; each payload is its sequence number. What is missing is made up for.
struct Rig {
    buffer: JitterBuffer,
    now_ms: u64,
}

fn buffer(ptime_ms: u32) -> JitterBuffer {
    JitterBuffer::new(8_000, ptime_ms, 8_192, JitterConfig::default())
}

fn packet(sequence: u16, timestamp: u32, payload: &[u8]) -> Packet<'_> {
    let content = if payload.is_empty() { Content::Nothing } else { Content::Audio(payload) };
    Packet { sequence, timestamp, marker: false, content }
}

impl Rig {
    fn new() -> Self {
        Rig { buffer: buffer(20), now_ms: 1_000 }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    fn send(&mut self, seq: u16) -> Insert {
        self.send_at(seq, u32::from(seq).wrapping_mul(160))
    }

    fn send_at(&mut self, seq: u16, ts: u32) -> Insert {
        let mut payload = [0; 160];
        payload[..2].copy_from_slice(&seq.to_be_bytes());
        self.buffer.insert(self.now(), packet(seq, ts, &payload))
    }

    fn send_nothing(&mut self, seq: u16, ts: u32) -> Insert {
        self.buffer.insert(self.now(), packet(seq, ts, &[]))
    }

    /// One tick: `7` for a frame, `7-60` for one whose first 60 units are skipped, `m` for a missing one, `M` when its
    /// successor is there, `-` for empty.
    fn tick(&mut self) -> String {
        self.now_ms += 20;
        match self.buffer.pop(Timestamp::from_millis(self.now_ms), 0) {
            Pop::Frame { payload, skip, .. } => {
                let seq = u16::from_be_bytes([payload[0], payload[1]]).to_string();
                if skip > 0 { format!("{seq}-{skip}") } else { seq }
            }
            Pop::Missing { next, units } => {
                let text = if next.is_some() { "M" } else { "m" };
                self.buffer.concealed(units.min(160), false);
                text.into()
            }
            Pop::Noise { .. } => "n".into(),
            Pop::Empty => "-".into(),
        }
    }

    fn depth(&self) -> u32 {
        self.buffer.depth_ms()
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
    assert_eq!(rig.tick(), "-");
    assert_eq!(rig.send(11), Insert::Stored);
    assert_eq!(rig.tick(), "10");
    assert_eq!(rig.send(10), Insert::Late);
    assert_eq!(rig.send(11), Insert::Duplicate);
    assert_eq!(rig.buffer.insert(rig.now(), packet(12, 0, &[0; 1_501])), Insert::Full);
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
    let mut heard = vec![];
    for (at, seq) in
        [(0, Some(1)), (1, Some(2)), (2, None), (3, None), (4, Some(3)), (5, Some(4)), (6, None), (7, None)]
    {
        if let Some(seq) = seq {
            rig.send_at(seq, at * 160);
        }
        heard.push(rig.tick());
    }
    // Nothing told that a pause would come, so its beginning may be a loss; its end is known, and starts the delay anew.
    assert_eq!(heard.join(" "), "- 1 2 m - 3 4 m");
    let mut rig = Rig::new();
    let mut heard = vec![];
    for (at, seq) in [(0, 1), (1, 2), (4, 3), (5, 4), (6, 5)] {
        rig.now_ms = 1_000 + u64::from(at) * 20;
        rig.send_at(seq, at * 160);
        // The start was late: the delay that is too long goes in the pause.
        if seq > 2 {
            heard.push(rig.tick());
        }
    }
    assert_eq!(heard.join(" "), "1 2 3");
}

#[test]
fn packets_without_audio_take_their_turn_in_silence() {
    let mut rig = Rig::new();
    let mut heard = vec![];
    for (at, seq) in (0..6).zip(1..) {
        if (2..=3).contains(&seq) {
            rig.send_nothing(seq, 160)
        } else {
            rig.send_at(seq, at * 160)
        };
        heard.push(rig.tick());
    }
    assert_eq!(heard.join(" "), "- 1 - - 4 5");
}

#[test]
fn what_a_noise_packet_says_comes_at_its_turn_and_emptiness_behind_it_is_no_loss() {
    let mut rig = Rig::new();
    rig.send(1);
    let mut heard = vec![rig.tick()];
    let noise = Packet { sequence: 2, timestamp: 320, marker: false, content: Content::Noise(&[70]) };
    assert_eq!(rig.buffer.insert(rig.now(), noise), Insert::Stored);
    heard.extend((0..4).map(|_| rig.tick()));
    rig.send_at(3, 160 * 6);
    heard.extend((0..3).map(|_| rig.tick()));
    assert_eq!(heard.join(" "), "- 1 n - - - 3 m");
    assert_eq!(rig.buffer.packets_concealed(), 1);
}

#[test]
fn a_restarted_sender_is_followed_after_two_packets_and_a_stray_one_is_not() {
    let mut rig = Rig::new();
    rig.run(&[&[100], &[101], &[102]]);
    assert_eq!(rig.send(40_000), Insert::Full);
    assert_eq!(rig.send(103), Insert::Stored);
    assert_eq!(rig.send(40_001), Insert::Full, "the stray one was forgotten");
    rig.now_ms += 20;
    assert_eq!(rig.send(40_002), Insert::Stored);
    assert_eq!(rig.run(&[&[], &[40_003], &[40_004]]), "- 40002 40003");
}

#[test]
fn a_sender_that_restarts_just_behind_is_followed() {
    let mut rig = Rig::new();
    rig.run(&[&[100], &[101], &[102], &[103]]);
    let mut taken = vec![];
    let heard: Vec<_> = (70..85)
        .map(|seq| {
            taken.push(rig.send(seq));
            rig.tick()
        })
        .collect();
    assert_eq!(taken.iter().filter(|&&i| i == Insert::Late).count(), 9);
    assert_eq!(taken[9..], [Insert::Stored; 6]);
    assert_eq!(heard[9..].join(" "), "- 79 80 81 82 83");
}

#[test]
fn a_late_packet_that_is_partly_made_up_for_is_heard_from_where_that_ends() {
    let mut rig = Rig { buffer: buffer(60), now_ms: 1_000 };
    let send = |rig: &mut Rig, seq: u16| {
        let payload = [seq.to_be_bytes(); 240].concat();
        rig.buffer.insert(rig.now(), packet(seq, u32::from(seq) * 480, &payload))
    };
    let mut heard = vec![];
    let mut decoded_until = 0;
    for step in 0..90_u64 {
        // Every 60 ms a packet, the 21st 30 ms late.
        if step % 3 == 0 && step != 60 {
            send(&mut rig, (step / 3) as u16);
        }
        if step == 62 {
            rig.now_ms -= 10;
            send(&mut rig, 20);
            rig.now_ms += 10;
        }
        // Popped only when what was decoded is used up.
        if step >= decoded_until {
            let tick = rig.tick();
            decoded_until = step + if tick.starts_with(|c: char| c.is_ascii_digit()) { 3 } else { 1 };
            heard.push(tick);
        } else {
            rig.now_ms += 20;
        }
    }
    let heard = heard.join(" ");
    assert!(heard.contains("19 m 20-160 21"), "{heard}");
}

#[test]
fn other_packet_times_are_learned() {
    for ms in [10_u32, 30, 60] {
        let mut buffer = buffer(20);
        for n in 0..4_u16 {
            let now = Timestamp::from_millis(u64::from(n) * u64::from(ms));
            let payload = vec![1; ms as usize * 8];
            assert_eq!(buffer.insert(now, packet(n, u32::from(n) * ms * 8, &payload)), Insert::Stored);
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
    assert!(rig.depth() <= 180, "{} ms", rig.depth());
    assert!(rig.buffer.left_out() >= 38 - 180 / 20 - 1, "{}", rig.buffer.left_out());
}

#[test]
fn a_stall_costs_nothing_but_time_and_leaves_a_surplus_to_be_played_faster() {
    let mut rig = Rig::new();
    let mut heard = vec![];
    for step in 0..400_u16 {
        // A stall of 120 ms, delivered at its end.
        let stalls = (100..106).contains(&step);
        if step == 106 {
            (100..106).for_each(|late| _ = rig.send(late));
        }
        if !stalls {
            rig.send(step);
        }
        heard.push(rig.tick());
    }
    let frames: Vec<_> = heard.iter().filter_map(|h| h.parse::<u16>().ok()).collect();
    assert_eq!(frames, (0..frames.len() as u16).collect::<Vec<_>>(), "nothing is missed");
    // The steps of a rig are as long as the packets, so nothing but what it is told to leave out shortens the delay.
    let surplus_ms = rig.buffer.surplus() * 1_000 / 8_000;
    assert!((80..=140).contains(&surplus_ms), "{surplus_ms} ms");
    assert_eq!(rig.buffer.left_out(), 0);
}

#[test]
fn telephone_events_between_audio_neither_lose_nor_repeat_it() {
    let mut rig = Rig::new();
    let mut heard = vec![];
    for seq in 0..40 {
        match seq {
            // One event: every packet carries its start timestamp (RFC 4733 section 2.5.1.2).
            10..17 => rig.send_nothing(seq, 1_600),
            _ => rig.send(seq),
        };
        heard.push(rig.tick());
    }
    let expected = (0..39).map(|seq| if (10..17).contains(&seq) { "-".into() } else { seq.to_string() });
    assert_eq!(heard[1..], expected.collect::<Vec<_>>());
}

#[test]
fn a_jump_of_the_timestamps_is_heard_as_nothing_at_all() {
    for jump in [1_000_000_u32, 5_000_000_u32.wrapping_neg(), 0x8000_0000] {
        let mut rig = Rig::new();
        let mut heard = vec![];
        for seq in 0..60_u16 {
            let ts = u32::from(seq) * 160;
            rig.send_at(seq, if seq < 30 { ts } else { ts.wrapping_add(jump) });
            heard.push(rig.tick());
        }
        let expected: Vec<_> = (0..59).map(|seq: u16| seq.to_string()).collect();
        assert_eq!(heard[1..], expected, "{jump}");
    }
}

#[test]
fn sequence_and_timestamp_wrap_unheard() {
    let mut rig = Rig::new();
    let mut heard = vec![];
    for n in 0..60_u16 {
        rig.send_at(65_500_u16.wrapping_add(n), (u32::MAX - 3_000).wrapping_add(u32::from(n) * 160));
        heard.push(rig.tick());
    }
    let expected: Vec<_> = (0..59).map(|n: u16| 65_500_u16.wrapping_add(n).to_string()).collect();
    assert_eq!(heard[1..], expected);
}

/// Feeds `secs` of packets every `ptime_ms`, each `delay(n)` milliseconds late, popping at every tick. The delay wanted, at each second.
fn wanted_with(ptime_ms: u32, secs: u64, delay: impl Fn(u64) -> u64) -> Vec<f32> {
    let mut buffer = buffer(ptime_ms);
    let packets = secs * 1_000 / u64::from(ptime_ms);
    let mut arrivals: Vec<_> = (0..packets).map(|n| (n * u64::from(ptime_ms) + delay(n), n)).collect();
    arrivals.sort_unstable();
    let mut wanted = vec![];
    for (at, n) in arrivals {
        buffer.insert(Timestamp::from_millis(at), packet(n as u16, (n as u32).wrapping_mul(ptime_ms * 8), &[7; 80]));
        let _ = buffer.pop(Timestamp::from_millis(at), 0);
        if at / 1_000 >= wanted.len() as u64 {
            wanted.push(buffer.wanted_ms());
        }
    }
    wanted
}

#[test]
fn the_delay_wanted_follows_the_jitter_for_any_packet_time() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        // 8 s without jitter, 30 s with 50 ms, 40 s without.
        let per_s = 1_000 / u64::from(ptime_ms);
        let wanted = wanted_with(ptime_ms, 78, |n| if (8..38).contains(&(n / per_s)) { n * 37 % 51 } else { 0 });
        assert!(wanted[6] <= 21.0, "{ptime_ms} ms, calm: {wanted:?}");
        assert!((45.0..=60.0).contains(&wanted[30]), "{ptime_ms} ms, jitter: {wanted:?}");
        assert!(*wanted.last().unwrap() <= 21.0, "{ptime_ms} ms, calm again: {wanted:?}");
    }
}

#[test]
fn a_lone_spike_is_forgotten_and_recurring_ones_are_waited_for() {
    let spike = |n: u64, from: u64| if (from..from + 5).contains(&n) { 100 - (n - from) * 20 } else { 0 };
    let lone = wanted_with(20, 40, |n| spike(n, 1_000));
    assert!(lone[35] <= 25.0, "{lone:?}");
    let recurring = wanted_with(20, 40, |n| spike(n % 250, 100));
    assert!(recurring[36..].iter().all(|&ms| ms >= 95.0), "{recurring:?}");
}

#[test]
fn clocks_that_drift_for_an_hour_move_nothing() {
    for ppm in [-200_i64, 200] {
        let mut buffer = buffer(20);
        let (mut least, mut most) = (f32::MAX, f32::MIN);
        for n in 0..180_000_u64 {
            // The sender's 20 ms are a little longer, or shorter, than ours.
            let at = Timestamp::from_nanos((1_000_000_000 + n as i64 * (20_000_000 + 20 * ppm)) as u64);
            buffer.insert(at, packet(n as u16, (n as u32).wrapping_mul(160), &[7; 160]));
            if let Pop::Frame { .. } = buffer.pop(at, 0) {
                let delay = buffer.delay_ms(at, 160).unwrap_or(0.0);
                (least, most) = (least.min(delay), most.max(delay));
            }
            assert!(buffer.wanted_ms() <= 45.0);
        }
        assert!(least >= 10.0 && most <= 70.0, "{ppm} ppm: {least}..{most}");
    }
}

proptest! {
    #[test]
    fn no_order_of_packets_panics_or_exceeds_the_delay(
        ops in proptest::collection::vec((any::<u16>(), 0..4_u8, 0..1_600_usize, any::<bool>()), 0..400)
    ) {
        let mut buffer = buffer(20);
        let mut now = 0;
        for (n, (wild, kind, len, marker)) in ops.into_iter().enumerate() {
            let near = 65_400_u16.wrapping_add(n as u16).wrapping_sub(wild % 5);
            let (sequence, timestamp) = match kind {
                0 => (wild, u32::from(wild).wrapping_mul(70_001)),
                1 => (near, u32::from(wild) * 40),
                _ => (near, u32::from(near) * 160),
            };
            let payload = vec![1; len];
            let content = match wild % 7 { 0 => Content::Noise(&payload), 1 => Content::Nothing, _ => Content::Audio(&payload) };
            buffer.insert(Timestamp::from_millis(now), Packet { sequence, timestamp, marker, content });
            now += u64::from(wild % 30);
            let held = u32::from(wild % 400);
            match buffer.pop(Timestamp::from_millis(now), held) {
                Pop::Missing { units, .. } => {
                    prop_assert!(units > 0 && units <= 64 * 960, "{}", units);
                    buffer.concealed(units.min(u32::from(wild)), wild % 2 == 0);
                }
                Pop::Frame { skip, .. } => {
                    prop_assert!(skip < 960);
                    buffer.lasted(u32::from(wild % 960));
                    prop_assert!(buffer.surplus().abs() < 8 * 10_000_000, "{}", buffer.surplus());
                }
                Pop::Noise { .. } | Pop::Empty => {}
            }
            prop_assert!(buffer.depth_ms() <= 64 * 120);
        }
    }

    #[test]
    fn jitter_below_the_delay_loses_nothing(delays in proptest::collection::vec(0..38_u64, 100)) {
        let mut buffer = buffer(20);
        let mut arrivals: Vec<_> = delays.iter().zip(0_u16..).map(|(d, n)| (u64::from(n) * 20 + d, n)).collect();
        arrivals[0].0 = 0;
        arrivals.sort();
        let (mut arrivals, mut played) = (arrivals.into_iter().peekable(), vec![]);
        for tick in 0..110_u64 {
            while let Some((at, seq)) = arrivals.next_if(|(at, _)| *at <= tick * 20) {
                let payload = seq.to_be_bytes();
                buffer.insert(Timestamp::from_millis(at), packet(seq, u32::from(seq) * 160, &payload));
            }
            if let Pop::Frame { payload, skip: 0, .. } = buffer.pop(Timestamp::from_millis(tick * 20), 0) {
                played.push(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        prop_assert_eq!(played, (0..100).collect::<Vec<_>>());
    }
}
