//! Decoded audio of a leg for others to use: recordings, streams, detectors. A tap takes a copy and changes nothing.
//! It writes no file and opens no connection: a [`TapSink`] is a bounded queue whose other end does. Start at [`TapSink`].

use std::fmt;

use tandem_model::SampleRate;

/// Names one tap on one leg; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapId(pub u64);

/// One tick of a tapped leg, both directions at the tap's rate, silence where there was nothing.
#[derive(Clone, Copy, Debug)]
pub struct TapFrame<'a> {
    /// Counted from 0 at the tap's start. A step of more than one is a gap of so many ticks, which was silent.
    pub tick: u64,
    /// What the leg's peer said.
    pub inbound: &'a [i16],
    /// What the leg's peer was told.
    pub outbound: &'a [i16],
}

/// Where a tap's frames go. Called on the media thread: nothing here may wait, allocate or fail. A full sink drops its oldest
/// frame and counts it.
pub trait TapSink: Send + Sync + fmt::Debug {
    /// One frame of `rate × TICK` samples each way.
    fn take(&self, frame: TapFrame<'_>);

    /// No frame will follow: the tap was taken off or the leg has ended.
    fn ended(&self);
}

/// The rates a tap may ask for: those that every decoder gives or one resampling reaches.
pub const TAP_RATES: [SampleRate; 4] =
    [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate(24_000), SampleRate::HZ_48000];
