//! The `tandem` binary: reads the configuration, wires the actors together, and drains at SIGTERM. It holds no call
//! logic. Start at [`wiring`], the only file that knows every actor.

mod cli;
mod config;
mod demo;
mod fatal;
mod log;
mod metrics;
mod naming;
mod wiring;

use std::process::ExitCode;

/// Signalling makes and drops hundreds of small pieces a call: it matters that those freed last, which are still in the cache, are
/// the next to be handed out (docs/performance.md). Media takes none while packets flow.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the allocator is started with: what has lain unused for a quarter of a second goes back to the system, by a thread of its own,
/// for a server that nobody calls any more frees nothing that would remind it. `_RJEM_MALLOC_CONF` in the environment overrides this.
///
/// A reference to an array is the `const char *` that the allocator looks for under this name.
// SAFETY: nothing else has this name: the allocator's own is weak, so that programs may have theirs.
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 42] = b"background_thread:true,dirty_decay_ms:250\0";

fn main() -> ExitCode {
    tandem_actors::supervision::count_panics();
    cli::run()
}
