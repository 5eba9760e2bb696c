use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tandem_media::shard::DropCounters;
use tandem_model::DropReason;

/// How late ticks may be for each bucket of [`Lateness`]; one more takes the rest.
const LATENESS_BOUNDS: [Duration; 10] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
];

/// How late ticks came, as a histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lateness {
    counts: [u64; LATENESS_BOUNDS.len() + 1],
    sum: Duration,
}

impl Lateness {
    /// Of several threads, together.
    pub fn add(&mut self, other: &Lateness) {
        self.counts.iter_mut().zip(other.counts).for_each(|(n, more)| *n += more);
        self.sum += other.sum;
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Ticks by the most they were late; None is any more than that. Each tick is in one bucket.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        LATENESS_BOUNDS.into_iter().map(Some).chain([None]).zip(self.counts)
    }
}

/// Counters of one media thread: written by it alone, read by anybody.
#[derive(Debug, Default)]
pub struct ThreadMetrics {
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    drops: [AtomicU64; DropReason::ALL.len()],
    ticks: AtomicU64,
    tick_late_nanos: AtomicU64,
    tick_late_counts: [AtomicU64; LATENESS_BOUNDS.len() + 1],
    tick_late_nanos_max: AtomicU64,
    ticks_skipped: AtomicU64,
    kernel_drops: AtomicU64,
    events_lost: AtomicU64,
    send_failures: AtomicU64,
    legs: AtomicU64,
    opens_refused: AtomicU64,
    load_ppm: AtomicU64,
    full: AtomicU64,
    legs_rebuilt: AtomicU64,
    ports_free: AtomicU64,
    restarts: AtomicU64,
    dead: AtomicU64,
}

/// What [`ThreadMetrics`] stood at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaSnapshot {
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// In the order of [`DropReason::ALL`].
    pub drops: Vec<(DropReason, u64)>,
    /// Wake-ups by the pacing timer, and how late they came.
    pub ticks: u64,
    pub tick_late_mean: Duration,
    pub tick_late_max: Duration,
    pub tick_lateness: Lateness,
    /// Ticks left out because the thread came too late for them.
    pub ticks_skipped: u64,
    /// Datagrams that came, and found no room in their socket's buffer.
    pub kernel_drops: u64,
    pub events_lost: u64,
    pub legs: u64,
    /// Legs not opened, for the thread's load.
    pub opens_refused: u64,
    /// The share of the last second or two that the thread worked, 0..1.
    pub load: f64,
    /// Whether a new call is taken.
    pub has_room: bool,
    /// Legs rebuilt after a panic.
    pub legs_rebuilt: u64,
    pub port_pairs_free: u64,
    /// Restarts of the thread after a panic outside any leg.
    pub restarts: u64,
    /// The thread failed too often and is not restarted any more.
    pub dead: bool,
}

impl ThreadMetrics {
    pub fn snapshot(&self) -> MediaSnapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ticks = get(&self.ticks);
        let drops = DropReason::ALL.into_iter().map(|reason| {
            let sent = if reason == DropReason::SendFailed { get(&self.send_failures) } else { 0 };
            (reason, get(&self.drops[reason as usize]) + sent)
        });
        MediaSnapshot {
            packets_in: get(&self.packets_in),
            packets_out: get(&self.packets_out),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            drops: drops.collect(),
            ticks,
            tick_late_mean: Duration::from_nanos(get(&self.tick_late_nanos).checked_div(ticks).unwrap_or(0)),
            tick_late_max: Duration::from_nanos(get(&self.tick_late_nanos_max)),
            tick_lateness: Lateness {
                counts: self.tick_late_counts.each_ref().map(get),
                sum: Duration::from_nanos(get(&self.tick_late_nanos)),
            },
            ticks_skipped: get(&self.ticks_skipped),
            kernel_drops: get(&self.kernel_drops),
            events_lost: get(&self.events_lost),
            legs: get(&self.legs),
            opens_refused: get(&self.opens_refused),
            load: get(&self.load_ppm) as f64 / 1e6,
            has_room: self.has_room(),
            legs_rebuilt: get(&self.legs_rebuilt),
            port_pairs_free: get(&self.ports_free),
            restarts: get(&self.restarts),
            dead: get(&self.dead) != 0,
        }
    }

    pub(super) fn packet_in(&self, bytes: usize) {
        self.packets_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn packet_out(&self, bytes: usize) {
        self.packets_out.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn send_failed(&self) {
        self.send_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tick(&self, late: Duration) {
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.tick_late_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.tick_late_nanos_max.fetch_max(nanos, Ordering::Relaxed);
        let bucket = LATENESS_BOUNDS.partition_point(|&bound| bound < late);
        self.tick_late_counts[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn kernel_dropped(&self, n: u64) {
        self.kernel_drops.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.opens_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_load(&self, share: f64, has_room: bool) {
        self.load_ppm.store((share * 1e6) as u64, Ordering::Relaxed);
        self.full.store(u64::from(!has_room), Ordering::Relaxed);
    }

    pub(super) fn has_room(&self) -> bool {
        self.full.load(Ordering::Relaxed) == 0
    }

    pub(super) fn event_lost(&self, n: u64) {
        self.events_lost.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn set_legs(&self, legs: usize, port_pairs_free: usize) {
        self.legs.store(legs as u64, Ordering::Relaxed);
        self.ports_free.store(port_pairs_free as u64, Ordering::Relaxed);
    }

    /// Adds what a shard counted since `before`.
    pub(super) fn shard(&self, before: &mut ShardCounts, now: ShardCounts) {
        for reason in DropReason::ALL {
            let n = now.drops.of(reason) - before.drops.of(reason);
            if n > 0 {
                self.drops[reason as usize].fetch_add(n, Ordering::Relaxed);
            }
        }
        self.ticks_skipped.fetch_add(now.ticks_skipped - before.ticks_skipped, Ordering::Relaxed);
        self.legs_rebuilt.fetch_add(now.rebuilt - before.rebuilt, Ordering::Relaxed);
        self.event_lost(now.events_lost - before.events_lost);
        *before = now;
    }

    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn died(&self) {
        self.dead.store(1, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed) != 0
    }
}

/// A shard's own counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShardCounts {
    pub drops: DropCounters,
    pub ticks_skipped: u64,
    pub rebuilt: u64,
    pub events_lost: u64,
}
