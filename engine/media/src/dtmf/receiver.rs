use std::time::Duration;

use tandem_model::Timestamp;

use super::keypad::{Key, digit_of};

/// Ends of earlier events may still arrive after a newer one began; so many are told apart.
const REMEMBERED: usize = 8;
/// Events read from one packet at most (RFC 4733 section 2.5.1.5 packs short ones together): more are no dialling.
const EVENTS_PER_PACKET_MAX: usize = 4;
const EVENT_BYTES: usize = 4;
/// An event of which nothing more comes is over: its ends were lost, or its sender gave up. Senders repeat themselves every
/// 20 to 60 ms.
const EVENT_SILENCE: Duration = Duration::from_millis(250);

/// A telephone-event packet as it came.
#[derive(Clone, Copy, Debug)]
pub struct EventPacket<'a> {
    /// Timestamp and marker of the RTP header.
    pub ts: u32,
    pub marker: bool,
    /// The clock of its payload type.
    pub clock_hz: u32,
    pub payload: &'a [u8],
}

/// Reads telephone-events and reports each key press once: down at the first packet of it that comes, up at the first of its
/// ends, or when it is known to be over without one.
///
/// An event is known by its start timestamp (RFC 4733 section 2.5.1.2). Packets of it may be lost, doubled or late;
/// an event may be seen only by its end packets, or go on in segments with new timestamps.
#[derive(Debug, Default)]
pub struct EventReceiver {
    /// Newest first.
    recent: [Option<Event>; REMEMBERED],
    last_packet: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    code: u8,
    /// Start of the segment heard last.
    ts: u32,
    /// The longest duration of it seen, in timestamp units.
    duration: u16,
    /// What segments before it lasted.
    before: u32,
    clock_hz: u32,
    ended: bool,
    /// Its `Key::Up` is out.
    reported: bool,
}

impl EventReceiver {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports what this packet tells; nothing for further packets of a press, for flash and other events that are no
    /// digits, and for payloads too short to be one.
    pub fn packet(&mut self, now: Timestamp, packet: EventPacket<'_>, mut each: impl FnMut(Key)) {
        self.last_packet = now;
        let EventPacket { mut ts, mut marker, clock_hz, payload } = packet;
        for event in payload.chunks_exact(EVENT_BYTES).take(EVENTS_PER_PACKET_MAX) {
            let &[code, flags, high, low] = event else { return };
            let (end, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
            if digit_of(code).is_some() {
                let seen = Event { code, ts, duration, before: 0, clock_hz, ended: end, reported: false };
                self.event(seen, marker, &mut each);
            }
            // The next of several begins where this one ended.
            ts = ts.wrapping_add(u32::from(duration));
            marker = false;
        }
    }

    /// Whether a press has not come up.
    pub fn is_down(&self) -> bool {
        self.recent[0].as_ref().is_some_and(|event| !event.reported)
    }

    /// Reports the end of a press of which nothing came for a quarter of a second.
    pub fn expire(&mut self, now: Timestamp, each: impl FnMut(Key)) {
        if let Some(event) = &mut self.recent[0]
            && !event.reported
            && now.since(self.last_packet) >= EVENT_SILENCE
        {
            event.up(each);
        }
    }

    fn event(&mut self, seen: Event, marker: bool, each: &mut impl FnMut(Key)) {
        match self.recent.iter_mut().flatten().find(|event| event.continues_with(&seen, marker)) {
            Some(event) => {
                event.absorb(&seen);
                if event.ended {
                    event.up(each);
                }
            }
            None => {
                // One key at a time: the one before is up, whatever became of its ends.
                self.recent.iter_mut().flatten().for_each(|event| event.up(&mut *each));
                self.recent.rotate_right(1);
                let event = self.recent[0].insert(seen);
                each(Key::Down { digit: event.digit() });
                if event.ended {
                    event.up(each);
                }
            }
        }
    }
}

impl Event {
    fn digit(&self) -> char {
        digit_of(self.code).unwrap_or('0')
    }

    fn up(&mut self, mut each: impl FnMut(Key)) {
        if !std::mem::replace(&mut self.reported, true) {
            let units = u64::from(self.before) + u64::from(self.duration);
            let duration_ms = (units * 1_000 / u64::from(self.clock_hz.max(1))) as u32;
            each(Key::Up { digit: self.digit(), duration_ms });
        }
    }

    fn continues_with(&self, seen: &Event, marker: bool) -> bool {
        if seen.code != self.code {
            return false;
        }
        let ahead = seen.ts.wrapping_sub(self.ts);
        if ahead == 0 {
            // A start marked after the end: the sender uses one timestamp for several presses.
            return !(marker && self.ended && !seen.ended);
        }
        // A segment of a long event begins where the last one was full (section 2.5.1.3), and some senders let the
        // timestamp run on within one event: both begin before what was heard of it is over.
        let runs_on = ahead <= u32::from(self.duration) || (!self.ended && ahead == 0xFFFF);
        !marker && runs_on
    }

    fn absorb(&mut self, seen: &Event) {
        let newer = seen.ts.wrapping_sub(self.ts);
        if newer != 0 {
            // A segment comes when the one before was full, and its duration begins anew; where the timestamp merely runs
            // on, the duration goes on growing.
            if newer == 0xFFFF || seen.duration < self.duration {
                self.before = self.before.saturating_add(newer);
            }
            self.ts = seen.ts;
            self.duration = seen.duration;
        } else if seen.duration < self.duration && self.ended && !seen.ended {
            return; // overtaken by its own end
        }
        self.duration = self.duration.max(seen.duration);
        self.ended |= seen.ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// (timestamp, marker, code, end, duration)
    type Packet = (u32, bool, u8, bool, u16);

    fn keys(packets: &[Packet]) -> Vec<Key> {
        let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
        for &(ts, marker, code, end, duration) in packets {
            let [high, low] = duration.to_be_bytes();
            let payload = [code, u8::from(end) << 7 | 10, high, low];
            let packet = EventPacket { ts, marker, clock_hz: 8_000, payload: &payload };
            receiver.packet(Timestamp::ZERO, packet, |key| keys.push(key));
        }
        receiver.expire(Timestamp::from_millis(250), |key| keys.push(key));
        keys
    }

    /// Digits that went down. Each comes up once, before the next goes down.
    fn heard(packets: &[Packet]) -> String {
        let keys = keys(packets);
        for pair in keys.chunks(2) {
            assert!(
                matches!(pair, [Key::Down { digit: d }, Key::Up { digit: u, .. }] if d == u),
                "{packets:?} gave {keys:?}"
            );
        }
        keys.iter().filter_map(|key| if let Key::Down { digit } = key { Some(*digit) } else { None }).collect()
    }

    fn durations(packets: &[Packet]) -> Vec<u32> {
        let up = |key: Key| if let Key::Up { duration_ms, .. } = key { Some(duration_ms) } else { None };
        keys(packets).into_iter().filter_map(up).collect()
    }

    const ONE: [Packet; 6] = [
        (800, true, 1, false, 160),
        (800, false, 1, false, 320),
        (800, false, 1, false, 480),
        (800, false, 1, true, 640),
        (800, false, 1, true, 640),
        (800, false, 1, true, 640),
    ];

    #[test]
    fn a_press_is_reported_once_whatever_of_it_is_lost() {
        for lost in 0..63_u8 {
            let left: Vec<_> = (0..6).filter(|i| lost >> i & 1 == 0).map(|i| ONE[i]).collect();
            assert_eq!(heard(&left), "1", "lost {lost:06b}");
        }
    }

    #[test]
    fn a_press_is_reported_once_in_any_order() {
        let mut late_start = ONE;
        late_start[1..].rotate_left(3);
        assert_eq!(heard(&late_start), "1");
    }

    #[test]
    fn presses_are_told_apart() {
        for (packets, digits) in [
            // Twice the same key, the second's start lost.
            (&[(0, true, 5, false, 160), (0, false, 5, true, 800), (2_400, false, 5, true, 800)][..], "55"),
            // Ends of the first arrive after the start of the second.
            (&[(0, true, 5, false, 160), (1_600, true, 6, false, 160), (0, false, 5, true, 800)], "56"),
            // One timestamp for two presses of one key, then for another key.
            (&[(0, true, 5, false, 160), (0, false, 5, true, 800), (0, true, 5, false, 160)], "55"),
            (&[(0, true, 5, false, 160), (0, false, 5, true, 800), (0, false, 6, false, 160)], "56"),
            // Across the wrap of the timestamp.
            (&[(u32::MAX - 99, true, 0, false, 160), (900, false, 0, true, 160), (1_060, false, 15, true, 9)], "00D"),
            // Ends lost and next start lost: still another timestamp.
            (&[(0, true, 5, false, 160), (4_000, false, 5, false, 320)], "55"),
        ] {
            let read = keys(packets);
            let down = |key: &Key| if let Key::Down { digit } = key { Some(*digit) } else { None };
            assert_eq!(read.iter().filter_map(down).collect::<String>(), digits, "{packets:?}");
            assert_eq!(read.len(), 2 * digits.len(), "each comes up once: {read:?}");
        }
    }

    #[test]
    fn a_long_press_in_segments_is_one() {
        let segments = [
            (0, true, 7, false, 65_000),
            (0, false, 7, false, 0xFFFF),
            (0xFFFF, false, 7, false, 160),
            (0xFFFF, false, 7, false, 0xFFFF),
            (0x1_FFFE, false, 7, true, 800),
            (0x1_FFFE, false, 7, true, 800),
        ];
        assert_eq!(heard(&segments), "7");
        assert_eq!(durations(&segments), [(2 * 0xFFFF + 800) / 8]);
        // The end of the first segment and the start of the second lost.
        let fewer = [segments[0], segments[3], segments[5]];
        assert_eq!((heard(&fewer).as_str(), durations(&fewer)), ("7", vec![(2 * 0xFFFF + 800) / 8]));
    }

    #[test]
    fn a_timestamp_that_runs_on_within_a_press_does_not_repeat_it() {
        let running: Vec<_> = (0..8).map(|n| (n * 160, n == 0, 3, n > 5, n as u16 * 160 + 160)).collect();
        assert_eq!(heard(&running), "3");
        assert_eq!(durations(&running), [140], "its first end says 1120 units");
    }

    #[test]
    fn a_press_comes_up_with_its_duration_at_the_first_end() {
        for clock_hz in [8_000, 16_000, 24_000, 48_000] {
            let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
            for (ms, end) in [(20, 0), (60, 0), (80, 0x80), (80, 0x80), (80, 0x80)] {
                let [high, low] = ((ms * clock_hz / 1_000) as u16).to_be_bytes();
                let packet = EventPacket { ts: 9, marker: ms == 20, clock_hz, payload: &[11, end | 10, high, low] };
                receiver.packet(Timestamp::ZERO, packet, |key| keys.push(key));
            }
            assert_eq!(keys, [Key::Down { digit: '#' }, Key::Up { digit: '#', duration_ms: 80 }], "{clock_hz} Hz");
        }
        // Ends lost: the next press ends it, with what was heard of it.
        assert_eq!(
            durations(&[(0, true, 5, false, 160), (0, false, 5, false, 480), (4_000, true, 6, true, 800)]),
            [60, 100]
        );
    }

    #[test]
    fn a_press_whose_ends_are_lost_comes_up_when_nothing_more_comes() {
        let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
        for ms in [0, 20, 40] {
            let packet = EventPacket { ts: 9, marker: ms == 0, clock_hz: 8_000, payload: &[1, 10, 1, 64] };
            receiver.packet(Timestamp::from_millis(ms), packet, |key| keys.push(key));
        }
        receiver.expire(Timestamp::from_millis(289), |key| keys.push(key));
        assert_eq!(keys.len(), 1);
        receiver.expire(Timestamp::from_millis(290), |key| keys.push(key));
        receiver.expire(Timestamp::from_millis(900), |key| keys.push(key));
        assert_eq!(keys[1..], [Key::Up { digit: '1', duration_ms: 40 }]);
        // A straggler changes nothing any more.
        let packet = EventPacket { ts: 9, marker: false, clock_hz: 8_000, payload: &[1, 0x8A, 1, 64] };
        receiver.packet(Timestamp::from_millis(900), packet, |key| keys.push(key));
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn short_presses_packed_into_one_packet_are_each_read_once() {
        let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
        let two = [1, 0x8A, 1, 144, 2, 0x8A, 1, 144];
        for _ in 0..3 {
            let packet = EventPacket { ts: 0, marker: true, clock_hz: 8_000, payload: &two };
            receiver.packet(Timestamp::ZERO, packet, |key| keys.push(key));
        }
        let up = |digit| Key::Up { digit, duration_ms: 50 };
        assert_eq!(keys, [Key::Down { digit: '1' }, up('1'), Key::Down { digit: '2' }, up('2')]);
    }

    #[test]
    fn a_packet_stuffed_with_events_gives_few() {
        let (mut receiver, mut downs) = (EventReceiver::new(), 0);
        let stuffed: Vec<u8> = (0..350_u32).flat_map(|n| [(n % 16) as u8, 0x80, 0, 1]).collect();
        let packet = EventPacket { ts: 0, marker: true, clock_hz: 8_000, payload: &stuffed };
        receiver.packet(Timestamp::ZERO, packet, |key| downs += u32::from(matches!(key, Key::Down { .. })));
        assert_eq!(downs, 4);
    }

    #[test]
    fn flash_and_scraps_are_no_digits() {
        assert_eq!(keys(&[(0, true, 16, false, 160), (0, true, 255, true, 160)]), []);
        let mut receiver = EventReceiver::new();
        let mut count = 0;
        for len in 0..5 {
            let packet = EventPacket { ts: 1, marker: true, clock_hz: 8_000, payload: &[1, 10, 0, 160, 99][..len] };
            receiver.packet(Timestamp::ZERO, packet, |_| count += 1);
            assert_eq!(count, u32::from(len >= 4));
        }
    }

    proptest! {
        #[test]
        fn no_packet_panics_and_keys_go_down_and_up_in_turn(
            packets in proptest::collection::vec(any::<(u32, bool, u32, [u8; 12], u8)>(), 0..50)
        ) {
            let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
            for (ts, marker, clock_hz, payload, len) in packets {
                let packet = EventPacket { ts, marker, clock_hz, payload: &payload[..usize::from(len % 13)] };
                receiver.packet(Timestamp::ZERO, packet, |key| keys.push(key));
            }
            receiver.expire(Timestamp::from_secs(1), |key| keys.push(key));
            for pair in keys.chunks(2) {
                let in_turn = matches!(pair, [Key::Down { digit: d }, Key::Up { digit: u, .. }] if d == u);
                prop_assert!(in_turn);
            }
        }
    }
}
