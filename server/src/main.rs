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

/// Signalling makes and drops thousands of small pieces a call; the system's allocator took a sixth of its instructions
/// (docs/performance.md). Media takes none while packets flow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tandem_actors::supervision::count_panics();
    cli::run()
}
