use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam::channel::bounded;
use tandem_model::limits::MEDIA_COMMANDS;

use super::handle::{Line, MediaHandle, MediaPool, MediaThread};
use super::metrics::ThreadMetrics;
use super::moves::Moves;
use super::poll_loop::{Worker, WorkerClock};
use super::port_pool::{PortPool, pairs};
use super::{EventSink, MediaConfig, StartError, kernel};
use crate::supervision::{MEDIA_THREADS, RestartIntensity};
use crate::world::Clock;

pub(super) type SinkFactory = Arc<dyn Fn(usize) -> Box<dyn EventSink> + Send + Sync>;

pub(super) fn start(config: &MediaConfig, sink: SinkFactory) -> Result<MediaPool, StartError> {
    let count = config.cpus.len();
    if count == 0 {
        return Err(StartError::NoCpus);
    }
    if pairs(&config.ports).count() < count {
        return Err(StartError::TooFewPorts);
    }
    let mut threads = Vec::with_capacity(count);
    let mut workers = Vec::with_capacity(count);
    let moves = Arc::new(Moves::default());
    // One for all: a leg that moves takes its times along.
    let clock = WorkerClock::new();
    for index in 0..count {
        let (commands, receiver) = bounded(MEDIA_COMMANDS);
        let metrics = Arc::new(ThreadMetrics::default());
        let ports = PortPool::share(&config.ports, index, count);
        let worker = Worker::new(config.clone(), ports, receiver, Arc::clone(&metrics), clock)?;
        let waker = worker.waker();
        let line = Line { index, commands, waker, metrics };
        threads.push(MediaThread { line, moves: Arc::clone(&moves) });
        workers.push(worker);
    }
    let advertise = config.advertise.unwrap_or(config.address.into());
    let mut pool = MediaPool { handle: MediaHandle { threads: threads.into(), moves, advertise }, joins: Vec::new() };
    for (index, worker) in workers.into_iter().enumerate() {
        let (cpu, priority, sink) = (config.cpus[index], config.realtime_priority, Arc::clone(&sink));
        let metrics = Arc::clone(&pool.handle.threads[index].line.metrics);
        let body = move || {
            place(index, cpu, priority);
            supervised(index, worker, &sink, &metrics);
        };
        // On failure the pool is dropped, which ends the threads started so far.
        pool.joins.push(std::thread::Builder::new().name(format!("{MEDIA_THREADS}{index}")).spawn(body)?);
    }
    Ok(pool)
}

/// Where and how urgently the calling thread runs: wishes, without which it runs all the same.
fn place(index: usize, cpu: usize, priority: u8) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
        tracing::warn!(thread = index, cpu, "media thread could not be pinned");
    }
    if priority > 0
        && let Err(error) = kernel::set_realtime(priority)
    {
        tracing::warn!(thread = index, priority, %error, "media thread runs without real-time priority");
    }
}

/// Runs the loop, and again after a panic (I4): the legs of the dead loop are reported failed, the thread's commands, ports and
/// metrics live on. Failing too often within the window ends it for good.
fn supervised(index: usize, mut worker: Worker, sink: &SinkFactory, metrics: &ThreadMetrics) {
    let clock = Clock::new();
    let mut intensity = RestartIntensity::default();
    let mut events = sink(index);
    loop {
        match catch_unwind(AssertUnwindSafe(|| worker.run(&*events))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(thread = index, %error, "media thread failed"),
            Err(_) => tracing::error!(thread = index, "media thread panicked"),
        }
        metrics.restarted();
        events = sink(index);
        let settled = catch_unwind(AssertUnwindSafe(|| worker.fail_all(&*events)));
        if settled.is_err() || !intensity.may_restart(clock.now()) {
            tracing::error!(thread = index, "media thread fails too often and stays down");
            metrics.died();
            return;
        }
    }
}
