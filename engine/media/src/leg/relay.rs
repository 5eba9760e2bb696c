use tandem_model::{RtpTime, SeqNo};

use super::receive::Heard;

/// Sequence step of a relayed stream beyond which it is taken for a new one: a jump handed on would desynchronise the
/// far end's roll-over counter.
const STEP_MAX: i16 = 1_000;
/// How late a packet may come and still take its place.
const LATE_MAX: i16 = 100;
/// Timestamp step, in seconds, beyond which the relayed stream is taken for a new one.
const STEP_SECS_MAX: u32 = 10;

/// Maps a partner's stream into ours, so that its loss and reordering stay visible at the far end while SSRC, sequence and
/// timestamp go on from whatever we sent before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    ssrc: u32,
    first: SeqNo,
    highest: SeqNo,
    timestamp: RtpTime,
    sequence_offset: u16,
    timestamp_offset: u32,
}

/// A relayed packet's place in our stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapped {
    Here {
        sequence: SeqNo,
        timestamp: RtpTime,
    },
    /// From before the relay began, or too late.
    Old,
    /// The stream broke: map it anew.
    Lost,
}

impl Relay {
    /// `heard` will be sent as `sequence` and `timestamp`; the rest of its stream follows from it.
    pub fn start(heard: &Heard, sequence: SeqNo, timestamp: RtpTime) -> Self {
        Relay {
            ssrc: heard.ssrc,
            first: heard.sequence,
            highest: heard.sequence,
            timestamp: heard.timestamp,
            sequence_offset: sequence.0.wrapping_sub(heard.sequence.0),
            timestamp_offset: timestamp.0.wrapping_sub(heard.timestamp.0),
        }
    }

    pub fn map(&mut self, heard: &Heard, clock_hz: u32) -> Mapped {
        let step = heard.sequence.diff(self.highest);
        let step_units = heard.timestamp.diff(self.timestamp).unsigned_abs();
        if heard.ssrc != self.ssrc || !(-STEP_MAX..=STEP_MAX).contains(&step) || step_units > STEP_SECS_MAX * clock_hz {
            return Mapped::Lost;
        }
        if step < -LATE_MAX || heard.sequence.diff(self.first) < 0 {
            return Mapped::Old;
        }
        if step > 0 {
            self.highest = heard.sequence;
            self.timestamp = heard.timestamp;
            // The start needs remembering only while packets from before it can come.
            if heard.sequence.diff(self.first) > 2 * LATE_MAX {
                self.first = SeqNo(heard.sequence.0.wrapping_sub(2 * LATE_MAX as u16));
            }
        }
        Mapped::Here {
            sequence: SeqNo(heard.sequence.0.wrapping_add(self.sequence_offset)),
            timestamp: heard.timestamp.wrapping_add(self.timestamp_offset),
        }
    }

    /// A packet in order that is not handed on: the ones behind it close the gap, lest it look like loss.
    pub fn skip(&mut self, heard: &Heard) {
        if heard.ssrc == self.ssrc && heard.sequence.diff(self.highest) == 1 {
            self.highest = heard.sequence;
            self.first = heard.sequence.next();
            self.sequence_offset = self.sequence_offset.wrapping_sub(1);
        }
    }
}
