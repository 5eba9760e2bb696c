//! The `tandem` binary: reads the configuration, wires the actors together, and drains at SIGTERM. It holds no call
//! logic. Start at [`wiring`], the only file that knows every actor.

mod cli;
mod config;
mod demo;
mod fatal;
mod metrics;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
