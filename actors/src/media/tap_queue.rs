use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;
use tandem_media::tap::{TapFrame, TapSink};
use tandem_model::SampleRate;
use tandem_model::limits::TICK;

/// Frames on their way from a media thread to whoever wants them, a recording's writer or a leg's actor: made once, filled, and given
/// back. Nobody is woken for a frame; who drains it comes by. When it is late the oldest frame is lost and counted.
pub struct TapQueue {
    full: ArrayQueue<Frame>,
    free: ArrayQueue<Frame>,
    lost: AtomicU64,
    next_tick: AtomicU64,
    ended: AtomicBool,
}

/// One tick, both directions.
struct Frame {
    tick: u64,
    /// Inbound, then outbound.
    samples: Box<[i16]>,
    lengths: [usize; 2],
}

impl TapQueue {
    /// For a tap at `rate`; holds `frames` ticks.
    pub fn new(rate: SampleRate, frames: usize) -> Self {
        let frames = frames.max(1);
        let tick_samples = (rate.0 as u64 * TICK.as_millis() as u64 / 1_000) as usize;
        let queue = TapQueue {
            full: ArrayQueue::new(frames),
            free: ArrayQueue::new(frames),
            lost: AtomicU64::new(0),
            next_tick: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        };
        for _ in 0..frames {
            let samples = vec![0; tick_samples * 2].into_boxed_slice();
            let _ = queue.free.push(Frame { tick: 0, samples, lengths: [0; 2] });
        }
        queue
    }

    /// Shows the frames that wait, at most a queue full of them.
    pub fn drain(&self, mut each: impl FnMut(TapFrame<'_>)) {
        for _ in 0..self.full.capacity() {
            let Some(frame) = self.full.pop() else { return };
            each(frame.view());
            // There are only as many frames as there is room for.
            let _ = self.free.push(frame);
        }
    }

    /// Frames lost so far.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The tick after the last that was taken.
    pub fn next_tick(&self) -> u64 {
        self.next_tick.load(Ordering::Acquire)
    }

    /// Whether no frame will follow those that wait.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl TapSink for TapQueue {
    fn take(&self, tap: TapFrame<'_>) {
        let frame = self.free.pop().or_else(|| {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.full.pop()
        });
        // None only while who drains it holds the last frame in its hand: then this one is the one counted.
        let Some(mut frame) = frame else { return };
        frame.fill(&tap);
        let _ = self.full.push(frame);
        self.next_tick.store(tap.tick.saturating_add(1), Ordering::Release);
    }

    fn ended(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Frame {
    fn fill(&mut self, tap: &TapFrame<'_>) {
        let (inbound, outbound) = self.samples.split_at_mut(self.samples.len() / 2);
        self.tick = tap.tick;
        self.lengths = [copy(tap.inbound, inbound), copy(tap.outbound, outbound)];
    }

    fn view(&self) -> TapFrame<'_> {
        let (inbound, outbound) = self.samples.split_at(self.samples.len() / 2);
        TapFrame { tick: self.tick, inbound: &inbound[..self.lengths[0]], outbound: &outbound[..self.lengths[1]] }
    }
}

fn copy(from: &[i16], to: &mut [i16]) -> usize {
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
    length
}

impl fmt::Debug for TapQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TapQueue({} waiting, {} lost)", self.full.len(), self.lost())
    }
}
