use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tandem_media::shard::DropCounters;
use tandem_model::DropReason;

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
    tick_late_nanos_max: AtomicU64,
    ticks_skipped: AtomicU64,
    read_caps: AtomicU64,
    events_lost: AtomicU64,
    send_failures: AtomicU64,
    legs: AtomicU64,
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
    /// Ticks left out because the thread came too late for them.
    pub ticks_skipped: u64,
    /// Turns in which a socket had more packets than one turn takes.
    pub read_caps: u64,
    pub events_lost: u64,
    pub legs: u64,
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
            ticks_skipped: get(&self.ticks_skipped),
            read_caps: get(&self.read_caps),
            events_lost: get(&self.events_lost),
            legs: get(&self.legs),
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
    }

    pub(super) fn read_cap(&self) {
        self.read_caps.fetch_add(1, Ordering::Relaxed);
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
