//! The `tandem` binary: reads the configuration, wires the actors together, and drains at SIGTERM. It holds no call
//! logic. Start at [`wiring`], the only file that knows every actor.

mod cli;
mod config;
mod demo;
mod fatal;
mod log;
mod metrics;
mod wiring;

use std::process::ExitCode;

/// Signalling makes and drops hundreds of small pieces a call: it matters that those freed last, which are still in the cache, are
/// the next to be handed out (docs/performance.md). Media takes none while packets flow.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tandem_actors::supervision::count_panics();
    cli::run()
}
