//! One run: set up, warm up, measure, end, report.

use std::time::{Duration, Instant};

use crate::Load;
use crate::cpu::{self, CpuTime, Spent};
use crate::media::{Ends, Kind, Percentiles, Pump, Totals};
use crate::sip::{Agents, Established};

const WARM_UP: Duration = Duration::from_secs(2);
const PACKETS_PER_SEC: f64 = 50.0;

/// Whether every call came up, no packet was lost and every call was ended.
///
/// # Errors
/// What kept it from being measured.
pub fn run(load: &Load, kind: Kind) -> Result<bool, Box<dyn std::error::Error>> {
    let ends = Ends::open(load.server, kind)?;
    let [caller_sdp, callee_sdp] = ends.descriptions()?;
    let (caller, callee) = ((load.caller.clone(), caller_sdp), (load.callee.clone(), callee_sdp));
    let mut agents = Agents::new(load.server, caller, callee)?;
    let before_calls = CpuTime::of(load.pid)?;
    let Established { caller_ports, callee_ports } = agents.establish(load.calls, load.rate)?;
    let setting_up = CpuTime::of(load.pid)?.since(&before_calls);
    if callee_ports.len() != load.calls {
        return Err(format!("{} calls reached the callee, not {}", callee_ports.len(), load.calls).into());
    }

    let pump = Pump::start(ends, load.server, [caller_ports, callee_ports])?;
    serve_for(&mut agents, WARM_UP)?;
    let (before, sent_before, began) = (CpuTime::of(load.pid)?, pump.sent(), Instant::now());
    serve_for(&mut agents, Duration::from_secs(load.secs))?;
    let (spent, packets, secs) =
        (CpuTime::of(load.pid)?.since(&before), pump.sent() - sent_before, began.elapsed().as_secs_f64());
    let (sent, tallies) = pump.finish()?;
    let ended = agents.end(load.rate);

    println!(
        "calls            {} up, {ended} ended with 200; set-up {:.0} us of CPU each",
        load.calls,
        setting_up.secs * 1e6 / load.calls as f64
    );
    let pace = packets as f64 / secs / (load.calls as f64 * 2.0 * PACKETS_PER_SEC) * 100.0;
    println!("measured         {secs:.1} s, {packets} packets into the server, {pace:.1} % of the nominal pace");
    let mut whole = ended == load.calls;
    for (side, (tally, sent)) in tallies.iter().zip([sent[1], sent[0]]).enumerate() {
        let totals = tally.totals();
        whole &= report_side(["caller", "callee"][side], &totals, sent, load.calls, kind);
        if let Some(Percentiles { p50_ms, p99_ms, max_ms }) = tally.percentiles() {
            println!("                 delay p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms");
        }
    }
    report_cpu(&spent, packets, secs, load);
    Ok(whole)
}

fn serve_for(agents: &mut Agents, time: Duration) -> std::io::Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        agents.serve()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn report_side(name: &str, totals: &Totals, sent: u64, calls: usize, kind: Kind) -> bool {
    match kind {
        Kind::Relay => {
            let lost = sent.saturating_sub(totals.received);
            println!(
                "at the {name}    {} of {sent} received, {lost} lost ({:.4} %), {} duplicates, {} foreign",
                totals.received,
                lost as f64 * 100.0 / sent.max(1) as f64,
                totals.duplicates,
                totals.foreign
            );
            lost == 0 && totals.duplicates == 0
        }
        // What is made anew has a clock of its own: it is measured by its sequence numbers.
        Kind::Transcode => {
            println!(
                "at the {name}    {} packets in {} streams ({sent} sent to the other side), {} missing in sequence",
                totals.received, totals.streams, totals.gaps
            );
            totals.gaps == 0 && totals.streams == calls as u64
        }
    }
}

fn report_cpu(spent: &Spent, packets: u64, secs: f64, load: &Load) {
    let percent = spent.secs * 100.0 / secs;
    let per_call = percent / load.calls as f64;
    println!(
        "server CPU       {percent:.1} % of a core, {per_call:.3} % per call, {:.1} us per packet",
        spent.secs * 1e6 / packets.max(1) as f64
    );
    for (name, thread_secs) in spent.threads.iter().filter(|(_, s)| s * 100.0 / secs >= 0.1) {
        println!("                 {name}: {:.1} %", thread_secs * 100.0 / secs);
    }
    if let Some(peer) = load.peer_percent {
        println!(
            "against a peer   {peer} % per call: {:.2} times ours; ours for {} calls is its for {:.1}",
            peer / per_call,
            load.calls,
            percent / peer
        );
    }
    if let Some(kib) = cpu::peak_memory_kib(load.pid) {
        println!("server memory    {kib} KiB at most");
    }
}
