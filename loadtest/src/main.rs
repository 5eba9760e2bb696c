//! Load for a running server: many calls with media from both ends, and what came of it; the same for rtpengine and for a
//! relay that only copies, so that figures of one run on one machine can be put side by side.
//! Not here: starting the servers and their endpoints, which `loadtest/*.sh` and `loadtest/compare` do. Start at [`run::run`].

mod cpu;
mod floor;
mod media;
mod peer;
mod record;
mod run;
mod sip;
mod table;
mod voice;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use floor::codecs::CodecArgs;
use floor::relay::RelayArgs;
use media::Kind;
use table::TableArgs;
use voice::VoiceArgs;

/// Calls between two sides, with RTP from both ends of each.
#[derive(Parser)]
#[command(name = "tandem-loadtest")]
struct Cli {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// PCMU at both ends: counts loss, duplicates, strangers and delay. Fails when a packet is lost.
    Relay(Load),
    /// The same with SRTP by SDES at the caller.
    Srtp(Load),
    /// Opus at the caller, PCMU at the callee: counts what the server spends, and listens to who hears whom.
    Transcode(Load),
    /// Speech through one call each of some recordings, Opus at the caller, PCMU at the callee; writes what was heard.
    Voice(VoiceArgs),
    /// A relay that only copies, to compare with.
    Floor(RelayArgs),
    /// What libopus and the cipher take by themselves.
    Codecs(CodecArgs),
    /// The table of ratios out of what the runs recorded.
    Table(TableArgs),
}

#[derive(Args, Clone)]
pub struct Load {
    /// Calls at a time.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Of these, how many are set up first; the memory of the others is told.
    #[arg(long, default_value_t = 0)]
    few: usize,
    /// Length of the measurement, after three seconds of warming up.
    #[arg(long, default_value_t = 20)]
    secs: u64,
    /// New calls a second while setting up.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// The server's process, for its CPU time.
    #[arg(long)]
    pid: u32,
    /// Microseconds between the turns of the generator, which sends what is due in each.
    #[arg(long, default_value_t = media::TURN.as_micros() as u64, value_parser = clap::value_parser!(u64).range(10..=20_000))]
    turn_us: u64,
    /// Have a thread wait for what comes, so that waking it is charged to the server, as phones on the same machine would.
    #[arg(long)]
    wake: bool,
    /// First of the four ports of the two sides, even. Free ones from 30000 up when not given.
    #[arg(long)]
    ends: Option<u16>,
    #[command(flatten)]
    peer: peer::PeerArgs,
    /// What another implementation spends on the same call, in % of a core, to compare with.
    #[arg(long)]
    peer_percent: Option<f64>,
    #[command(flatten)]
    record: record::RecordArgs,
}

fn main() -> ExitCode {
    let done = match Cli::parse().work {
        Work::Relay(load) => run::run(&load, Kind::Relay),
        Work::Srtp(load) => run::run(&load, Kind::Srtp),
        Work::Transcode(load) => run::run(&load, Kind::Transcode),
        Work::Voice(args) => voice::run(&args).map(|()| true),
        Work::Floor(args) => floor::relay::serve(&args).map(|()| true).map_err(Into::into),
        Work::Codecs(args) => floor::codecs::run(&args).map(|()| true),
        Work::Table(args) => table::run(&args).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("tandem-loadtest: {problem}");
            ExitCode::from(2)
        }
    }
}
