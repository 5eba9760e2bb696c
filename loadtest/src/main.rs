//! Load from the other side of the wire: sets up calls through a server of its own, sends their media, and says what
//! came through, how late, and at what cost. Start at [`relay`]; `loadtest/run.sh` runs everything.

mod cpu;
mod delays;
mod phones;
mod registrations;
mod server;
mod sound;
mod streams;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::server::Server;
use crate::sound::Codec;

#[derive(Parser)]
#[command(about = "Load for a Tandem server", version)]
struct Cli {
    /// The server's program.
    #[arg(long, default_value = "target/release/tandem")]
    tandem: PathBuf,
    /// CPU of the server.
    #[arg(long, default_value_t = 1)]
    cpu: usize,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Calls between two endpoints with media in both directions; a table of loss, delay and cost.
    Relay {
        #[arg(long, default_value_t = 500)]
        calls: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// What the callee speaks: PCMU like the caller, or Opus, which makes the server transcode.
        #[arg(long, value_enum, default_value = "pcmu")]
        callee: Codec,
    },
    /// A server for another generator: prints its address and keeps running until its input ends.
    Serve {
        /// Contact of the endpoint `callee`, registered for an hour.
        #[arg(long)]
        callee: std::net::SocketAddr,
    },
}

fn main() -> Result<(), String> {
    let cli = Cli::parse();
    match cli.what {
        What::Relay { calls, seconds, callee } => {
            relay(&Server::start(&cli.tandem, cli.cpu)?, calls, Duration::from_secs(seconds), callee)
        }
        What::Serve { callee } => serve(&Server::start(&cli.tandem, cli.cpu)?, callee),
    }
}

/// Sets up the calls, lets them talk, measures, hangs up.
fn relay(server: &Server, calls: usize, time: Duration, callee: Codec) -> Result<(), String> {
    let mut streams = streams::Streams::open(calls, callee).map_err(|e| format!("sockets: {e}"))?;
    let phones = phones::Phones::start(server, callee, streams.callee_ports())?;
    let memory_idle = cpu::memory_kib(server.pid());
    let mut set_up = delays::Delays::default();
    let mut dialogs = Vec::with_capacity(calls);
    for (call, port) in streams.caller_ports().into_iter().enumerate() {
        let (dialog, remote, took) = phones.call(port).map_err(|e| format!("call {call}: {e}"))?;
        streams.connect_caller(call, remote);
        set_up.add(took);
        dialogs.push(dialog);
    }
    streams.connect_callees(&phones.callee_remotes());

    // Nothing is measured while both ends learn where the other is.
    streams.run(Duration::from_secs(2));
    streams.begin();
    let (used_before, since) = (cpu::used(server.pid()), std::time::Instant::now());
    streams.run(time);
    let (used, elapsed) = (cpu::used(server.pid()) - used_before, since.elapsed());
    streams.stop();
    let memory = cpu::memory_kib(server.pid());

    let failed = dialogs.into_iter().filter(|d| phones.hang_up(d).is_err()).count();
    let share = used.as_secs_f64() / elapsed.as_secs_f64() * 100.0;
    let report = streams.report();
    println!("| measure | value |\n|---|---|");
    println!("| calls | {calls}, caller PCMU, callee {callee:?} |");
    println!("| packets sent, received | {}, {} |", report.sent, report.received);
    println!("| lost | {} ({:.4} %) |", report.lost(), report.loss_percent());
    if let Some([p50, p95, p99, max]) = report.delays {
        println!("| delay p50, p95, p99, max | {p50:.2}, {p95:.2}, {p99:.2}, {max:.2} ms |");
    }
    if let Some([p50, _, p99, max]) = set_up.percentiles() {
        println!("| set-up p50, p99, max | {p50:.1}, {p99:.1}, {max:.1} ms |");
    }
    println!("| server CPU, of one core | {share:.1} % = {:.3} % per call |", share / calls as f64);
    println!("| per packet | {:.1} µs |", used.as_secs_f64() * 1e6 / report.received.max(1) as f64);
    println!("| memory per call | {:.0} KiB |", memory.saturating_sub(memory_idle) as f64 / calls as f64);
    println!("| calls that did not end well | {failed} |");
    if report.loss_percent() > 0.1 || failed > 0 {
        return Err("lost packets or calls".into());
    }
    Ok(())
}

fn serve(server: &Server, callee: std::net::SocketAddr) -> Result<(), String> {
    registrations::register(server, "callee", callee)?;
    println!("{} {} {}", server.sip, server.domain, server.pid());
    let before = cpu::used(server.pid());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    eprintln!("server CPU seconds: {:.2}", (cpu::used(server.pid()) - before).as_secs_f64());
    Ok(())
}
