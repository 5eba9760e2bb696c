//! Load for a running server: many calls between two of its endpoints, with media from both ends, and what came of it.
//! Not here: starting the server and its endpoints, which `loadtest/media.sh` does. Start at [`run::run`].

mod cpu;
mod media;
mod run;
mod sip;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Calls between two endpoints of a server, with RTP from both ends of each.
#[derive(Parser)]
#[command(name = "tandem-loadtest")]
struct Cli {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// PCMU at both ends: counts loss, duplicates and delay. Fails when a packet is lost.
    Relay(Load),
    /// Opus at the caller, PCMU at the callee: counts what the server spends.
    Transcode(Load),
}

#[derive(Args, Clone)]
pub struct Load {
    /// Calls at a time.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Length of the measurement, after two seconds of warming up.
    #[arg(long, default_value_t = 20)]
    secs: u64,
    /// New calls a second while setting up.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// The server's SIP address, UDP.
    #[arg(long)]
    server: SocketAddr,
    /// The server's process, for its CPU time.
    #[arg(long)]
    pid: u32,
    /// The calling endpoint, user:password.
    #[arg(long, value_parser = account)]
    caller: sip::Account,
    /// The called endpoint, user:password.
    #[arg(long, value_parser = account)]
    callee: sip::Account,
    /// What another implementation spends on the same call, in % of a core, to compare with.
    #[arg(long)]
    peer_percent: Option<f64>,
}

fn account(text: &str) -> Result<sip::Account, String> {
    let (user, password) = text.split_once(':').ok_or("must be user:password")?;
    Ok(sip::Account { user: user.into(), password: password.into() })
}

fn main() -> ExitCode {
    let (load, kind) = match Cli::parse().work {
        Work::Relay(load) => (load, media::Kind::Relay),
        Work::Transcode(load) => (load, media::Kind::Transcode),
    };
    match run::run(&load, kind) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("tandem-loadtest: {problem}");
            ExitCode::from(2)
        }
    }
}
