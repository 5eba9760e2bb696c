use super::digits::digit_of;

/// Ends of earlier events may still arrive after a newer one began; so many are told apart.
const REMEMBERED: usize = 4;

/// Reads telephone-events and reports each key press once, at the first packet of it that comes.
///
/// An event is known by its start timestamp (RFC 4733 section 2.5.1.2). Packets of it may be lost, doubled or late;
/// an event may be seen only by its end packets, or go on in segments with new timestamps.
#[derive(Debug, Default)]
pub struct EventReceiver {
    /// Newest first.
    recent: [Option<Event>; REMEMBERED],
}

#[derive(Clone, Copy, Debug)]
struct Event {
    code: u8,
    ts: u32,
    /// The longest duration seen, in timestamp units.
    duration: u16,
    ended: bool,
}

impl EventReceiver {
    pub fn new() -> Self {
        Self::default()
    }

    /// `ts` and `marker` are of the RTP header. The digit when this packet begins a new key press; None for its
    /// further packets, for flash and other events that are no digits, and for payloads too short to be one.
    pub fn packet(&mut self, ts: u32, marker: bool, payload: &[u8]) -> Option<char> {
        let &[code, flags, high, low] = payload.first_chunk::<4>()?;
        let digit = digit_of(code)?;
        let (end, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        let seen = Event { code, ts, duration, ended: end };
        match self.recent.iter_mut().flatten().find(|event| event.continues_with(&seen, marker)) {
            Some(event) => {
                event.absorb(&seen);
                None
            }
            None => {
                self.recent.rotate_right(1);
                self.recent[0] = Some(seen);
                Some(digit)
            }
        }
    }
}

impl Event {
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

    fn heard(packets: &[Packet]) -> String {
        let mut receiver = EventReceiver::new();
        let report = |&(ts, marker, code, end, duration): &Packet| {
            let [high, low] = duration.to_be_bytes();
            receiver.packet(ts, marker, &[code, u8::from(end) << 7 | 10, high, low])
        };
        packets.iter().filter_map(report).collect()
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
            assert_eq!(heard(packets), digits, "{packets:?}");
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
    }

    #[test]
    fn a_timestamp_that_runs_on_within_a_press_does_not_repeat_it() {
        let running: Vec<_> = (0..8).map(|n| (n * 160, n == 0, 3, n > 5, n as u16 * 160 + 160)).collect();
        assert_eq!(heard(&running), "3");
    }

    #[test]
    fn flash_and_scraps_are_no_digits() {
        assert_eq!(heard(&[(0, true, 16, false, 160), (0, true, 255, true, 160)]), "");
        let mut receiver = EventReceiver::new();
        for len in 0..4 {
            assert_eq!(receiver.packet(1, true, &[1, 10, 0, 160][..len]), None);
        }
        assert_eq!(receiver.packet(1, true, &[1, 10, 0, 160, 99]), Some('1'));
    }

    proptest! {
        #[test]
        fn no_packet_panics(packets in proptest::collection::vec(any::<(u32, bool, [u8; 4])>(), 0..50)) {
            let mut receiver = EventReceiver::new();
            for (ts, marker, payload) in packets {
                let digit = receiver.packet(ts, marker, &payload);
                prop_assert!(digit.is_none() || payload[0] < 16);
            }
        }
    }
}
