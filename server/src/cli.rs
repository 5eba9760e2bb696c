use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::log::Log;
use crate::{demo, wiring};

/// Tandem: a programmable voice switch.
///
/// SIP phones register and call each other, SIP addresses and phone numbers; domain applications run LaML (TwiML)
/// documents from your web server; a REST API creates and controls calls.
#[derive(Parser)]
#[command(name = "tandem", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the switch until SIGTERM or SIGINT, then drain: new calls are refused, calls in progress may end.
    ///
    /// Every key of the file can also be given as an environment variable: [sip] udp as TANDEM_SIP_UDP, lists
    /// separated by commas. The variable wins.
    Serve {
        /// The configuration file; without it the defaults and the environment hold.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Seed two demo endpoints and the demo applications echo, hello and dial-bob, and print how to call them.
        #[arg(long)]
        demo: bool,
        /// Where the demo serves its applications' documents; when the port is taken, a free one is used.
        #[arg(long, value_name = "ADDRESS", default_value_t = demo::LISTEN_DEFAULT, requires = "demo")]
        demo_listen: SocketAddr,
    },
    /// Read a configuration file and say what is wrong with it: file, line, key and reason of each problem.
    CheckConfig {
        #[arg(short, long, value_name = "FILE", default_value = "tandem.toml")]
        config: PathBuf,
    },
    /// Print a configuration file with every key, its default and what it means.
    ExampleConfig,
}

pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve { config, demo, demo_listen } => match config::load(config.as_deref()) {
            Ok(config) => serve(config, demo.then_some(demo_listen)),
            Err(problems) => report(&problems),
        },
        Command::CheckConfig { config } => {
            let problems = config::check(&config);
            if problems.is_empty() {
                println!("{}: ok", config.display());
                return ExitCode::SUCCESS;
            }
            report(&problems)
        }
        Command::ExampleConfig => {
            print!("{}", config::example());
            ExitCode::SUCCESS
        }
    }
}

fn report(problems: &[config::Problem]) -> ExitCode {
    for problem in problems {
        eprintln!("{problem}");
    }
    ExitCode::from(2)
}

fn serve(config: Config, demo: Option<SocketAddr>) -> ExitCode {
    let _log = match Log::start(&config) {
        Ok(log) => log,
        Err(problem) => {
            eprintln!("[log] level: {problem}");
            return ExitCode::from(2);
        }
    };
    let system = actix::System::new();
    // As a task of its own: what is blocked on is asked again whenever any task of this thread has been.
    let served = system.block_on(async { actix::spawn(wiring::serve(config, demo)).await });
    match served.unwrap_or_else(|ended| Err(ended.to_string())) {
        Ok(code) => code,
        Err(problem) => {
            tracing::error!(%problem, "cannot serve");
            eprintln!("tandem: {problem}");
            ExitCode::FAILURE
        }
    }
}
