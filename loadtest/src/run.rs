//! One run: set up, warm up, measure, end, report.

use std::time::{Duration, Instant};

use crate::Load;
use crate::cpu::{self, CpuTime, Spent};
use crate::media::{Ends, Histogram, Kind, Outcome, Parties, PayloadMaker, Percentiles, Pump, Waker};
use crate::peer::Peer;

const WARM_UP: Duration = Duration::from_secs(3);
const PACKETS_PER_SEC: f64 = 50.0;
/// A generator later than this with one packet in a hundred has measured itself.
const LATE_MS_MAX: f64 = 3.0;
/// As much of the nominal pace must have been kept.
const PACE_PERCENT_MIN: f64 = 99.0;

type Failure = Box<dyn std::error::Error>;

/// Whether every call came up, each party heard its peer and nobody else, no packet was lost and every call was ended.
///
/// # Errors
/// What kept it from being measured.
pub fn run(load: &Load, kind: Kind) -> Result<bool, Failure> {
    let server = load.peer.address()?;
    let ends = Ends::open(server, kind, load.ends)?;
    let mut peer = Peer::connect(&load.peer, kind, ends.descriptions()?)?;
    let maker = PayloadMaker::new(kind);
    let waker = load.wake.then(|| Waker::start(&ends)).transpose()?;
    let mut pump = Pump::start(ends, Duration::from_micros(load.turn_us))?;

    let join = |peer: &mut Peer, pump: &mut Pump, calls: std::ops::Range<usize>| -> Result<(), Failure> {
        let remotes = peer.establish(calls.len(), load.rate)?;
        for (call, remotes) in calls.zip(remotes) {
            pump.add(server, remotes, maker.of_call(call)?);
        }
        Ok(())
    };
    // Memory is what the calls beyond the first few take: those pay for what all need.
    let few = load.few.min(load.calls);
    join(&mut peer, &mut pump, 0..few)?;
    serve_for(&mut peer, if few == 0 { Duration::ZERO } else { WARM_UP })?;
    let (memory_few, cpu_few) = (cpu::memory_kib(load.pid), CpuTime::of(load.pid)?);
    let setting_up = Instant::now();
    join(&mut peer, &mut pump, few..load.calls)?;
    let set_up = (CpuTime::of(load.pid)?.since(&cpu_few), setting_up.elapsed());

    serve_for(&mut peer, WARM_UP)?;
    let own = std::process::id();
    let (before, own_before, sent_before, began) =
        (CpuTime::of(load.pid)?, CpuTime::of(own)?, pump.sent(), Instant::now());
    pump.measure();
    serve_for(&mut peer, Duration::from_secs(load.secs))?;
    let (spent, own_spent) = (CpuTime::of(load.pid)?.since(&before), CpuTime::of(own)?.since(&own_before));
    let (packets, secs) = (pump.sent() - sent_before, began.elapsed().as_secs_f64());
    let memory = cpu::memory_kib(load.pid);
    let outcome = pump.finish()?;
    if let Some(waker) = waker {
        println!("woken            {} times by what came", waker.finish());
    }
    let ended = peer.end(load.rate);

    let measured = Measured {
        spent,
        set_up,
        own_percent: own_spent.secs * 100.0 / secs,
        packets,
        secs,
        memory_kib_per_call: memory
            .zip(memory_few)
            .filter(|_| few < load.calls && few > 0)
            .map(|(all, few_kib)| (all as f64 - few_kib as f64) / (load.calls - few) as f64),
    };
    report(load, kind, &measured, &outcome, ended)
}

/// What the time of measurement showed.
struct Measured {
    spent: Spent,
    /// CPU time of setting up all but the first few calls, their media among it, and how long that took.
    set_up: (Spent, Duration),
    own_percent: f64,
    packets: u64,
    secs: f64,
    memory_kib_per_call: Option<f64>,
}

fn serve_for(peer: &mut Peer, time: Duration) -> std::io::Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        peer.serve()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn report(load: &Load, kind: Kind, measured: &Measured, outcome: &Outcome, ended: usize) -> Result<bool, Failure> {
    let Measured { spent, set_up, own_percent, packets, secs, memory_kib_per_call } = measured;
    let calls = load.calls as f64;
    let pace = *packets as f64 / secs / (calls * 2.0 * PACKETS_PER_SEC) * 100.0;
    let lateness = outcome.lateness.percentiles();
    let valid = pace >= PACE_PERCENT_MIN && lateness.is_some_and(|l| l.p99_ms <= LATE_MS_MAX);
    println!(
        "calls            {} up, {ended} ended as they should; set up in {:.1} s with {:.2} s of CPU",
        load.calls,
        set_up.1.as_secs_f64(),
        set_up.0.secs
    );
    println!("measured         {secs:.1} s, {packets} packets into the server, {pace:.1} % of the nominal pace");
    println!(
        "generator        {own_percent:.1} % of a core{}",
        if valid { "" } else { ": it could not keep up, so this run is INVALID" }
    );
    print_times("late by", lateness);

    let mut whole = ended == load.calls;
    let mut figures = vec![
        ("calls", calls),
        ("valid", f64::from(u8::from(valid))),
        ("generator_percent", *own_percent),
        ("late_p99_ms", lateness.map_or(f64::NAN, |l| l.p99_ms)),
        ("late_max_ms", lateness.map_or(f64::NAN, |l| l.max_ms)),
    ];
    if kind.is_stamped() {
        let (lost, foreign, delays) = report_stamped(outcome);
        whole &= lost == 0 && foreign == 0;
        figures.extend([
            ("lost", lost as f64),
            ("sent", outcome.sent.iter().sum::<u64>() as f64),
            ("strangers", foreign as f64),
        ]);
        if let Some(Percentiles { p50_ms, p99_ms, max_ms }) = delays {
            figures.extend([("delay_p50_ms", p50_ms), ("delay_p99_ms", p99_ms), ("delay_max_ms", max_ms)]);
        }
    } else {
        let parties = Parties::judge(kind, outcome);
        report_parties(&parties, outcome);
        whole &= parties.missing == 0 && parties.wrong.is_empty();
        figures.extend([
            ("lost", parties.missing as f64),
            ("sent", outcome.sent.iter().sum::<u64>() as f64),
            ("strangers", parties.wrong.len() as f64),
            ("opus_bytes", parties.mean_bytes[0]),
        ]);
        if let Some(Percentiles { p50_ms, p99_ms, max_ms }) = parties.delays.percentiles() {
            figures.extend([("delay_p50_ms", p50_ms), ("delay_p99_ms", p99_ms), ("delay_max_ms", max_ms)]);
        }
    }
    figures.extend(report_cpu(spent, *packets, *secs, load));
    if let Some(kib) = memory_kib_per_call {
        println!("memory           {kib:.0} KiB per call beyond the first {}", load.few);
        figures.push(("memory_kib_per_call", *kib));
    }
    load.record.add(kind.name(), &figures)?;
    Ok(whole)
}

/// Packets lost, packets that came to the wrong party, and the delays of both directions.
fn report_stamped(outcome: &Outcome) -> (u64, u64, Option<Percentiles>) {
    let (mut lost_all, mut foreign) = (0, 0);
    let mut delays = Histogram::default();
    for (side, name) in ["caller", "callee"].into_iter().enumerate() {
        let (tally, sent) = (&outcome.tallies[side], outcome.sent[1 - side]);
        let totals = tally.totals;
        let lost = sent.saturating_sub(totals.received);
        let lost_since = outcome.sent_since[1 - side].saturating_sub(totals.received_since);
        println!(
            "at the {name}    {} of {sent} received, {lost} lost ({:.4} %), {lost_since} of them in the measurement, \
             {} duplicates, {} of strangers",
            totals.received,
            lost as f64 * 100.0 / sent.max(1) as f64,
            totals.duplicates,
            totals.foreign
        );
        print_times("delay", tally.delays.percentiles());
        lost_all += lost;
        foreign += totals.foreign + totals.duplicates;
        delays.merge(&tally.delays);
    }
    (lost_all, foreign, delays.percentiles())
}

fn report_parties(parties: &Parties, outcome: &Outcome) {
    let all = parties.right + parties.wrong.len();
    let foreign: u64 = outcome.tallies.iter().map(|t| t.totals.foreign).sum();
    println!(
        "heard            {} of {all} parties hear the tone of their peer alone; {} packets missing, {foreign} not theirs",
        parties.right, parties.missing
    );
    println!(
        "                 {:.0} bytes of Opus and {:.0} of PCMU in a packet",
        parties.mean_bytes[0], parties.mean_bytes[1]
    );
    print_times("tones heard after", parties.delays.percentiles());
    for line in parties.wrong.iter().take(5) {
        println!("                 {line}");
    }
}

fn print_times(name: &str, times: Option<Percentiles>) {
    if let Some(Percentiles { p50_ms, p99_ms, max_ms }) = times {
        println!("                 {name} p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms");
    }
}

fn report_cpu(spent: &Spent, packets: u64, secs: f64, load: &Load) -> [(&'static str, f64); 2] {
    let percent = spent.secs * 100.0 / secs;
    let per_call = percent / load.calls as f64;
    let per_packet = spent.secs * 1e6 / packets.max(1) as f64;
    println!("server CPU       {percent:.1} % of a core, {per_call:.3} % per call, {per_packet:.1} us per packet");
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
    [("percent_per_call", per_call), ("us_per_packet", per_packet)]
}
