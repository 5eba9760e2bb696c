//! The table of ratios: what each run recorded, side by side, against the targets.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::record::Records;

const OURS: &str = "tandem";
const PEER: &str = "rtpengine";
const FLOOR: &str = "relay";
const FLOOR_CONNECTED: &str = "relay-connected";
/// The table stands between these lines of the page.
const BEGIN: &str = "<!-- compare: written by loadtest/compare -->";
const END: &str = "<!-- compare: end -->";

#[derive(Args, Clone, Debug)]
pub struct TableArgs {
    /// What the runs recorded.
    #[arg(long)]
    record: PathBuf,
    /// Lines above the table: when, where and by which command.
    #[arg(long, default_value = "")]
    about: String,
    /// Page to put the table into, between its two marks.
    #[arg(long)]
    write: Option<PathBuf>,
}

/// # Errors
/// The files', or the page has no marks.
pub fn run(args: &TableArgs) -> Result<(), Box<dyn std::error::Error>> {
    let records = Records::read(&args.record)?;
    let text = format!("{}\n\n{}\n{}", args.about.trim(), table(&rows(&records)), runs(&records));
    println!("{text}");
    if let Some(path) = &args.write {
        let page = fs::read_to_string(path)?;
        let page = put(&page, &text).ok_or_else(|| format!("{} has no marks for the table", path.display()))?;
        fs::write(path, page)?;
    }
    Ok(())
}

/// The page with the table in place of what stood between the marks.
fn put(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", text.trim()))
}

/// One line of the table.
struct Row {
    work: String,
    unit: &'static str,
    ours: Option<f64>,
    peer: Option<f64>,
    floor: Option<f64>,
    target: Target,
    /// Why nothing can be said although there are figures.
    void: Option<&'static str>,
}

/// What is wanted of our figure.
#[derive(Clone, Copy)]
enum Target {
    /// At most so many times the peer's.
    OfPeer(f64),
    /// At most so many times the floor's.
    OfFloor(f64),
    /// The floor is at least this share of ours.
    ShareOfFloor(f64),
    AtLeastPeer,
    AtMost(f64),
    /// Only told, as the floor's share of ours.
    Told,
    /// Only told, against the peer's.
    ToldOfPeer,
}

impl Row {
    /// What is compared with the target, how the target reads, and whether it is held.
    fn judged(&self) -> (Option<f64>, String, Option<bool>) {
        let over = |by: Option<f64>| Some(self.ours? / by.filter(|b| *b > 0.0)?);
        let share = || Some(self.floor? / self.ours.filter(|o| *o > 0.0)?);
        match self.target {
            Target::OfPeer(most) => {
                let ratio = over(self.peer);
                (ratio, format!("≤ {most} × rtpengine"), ratio.map(|r| r <= most))
            }
            Target::OfFloor(most) => {
                let ratio = over(self.floor);
                (ratio, format!("≤ {most} × floor"), ratio.map(|r| r <= most))
            }
            Target::ShareOfFloor(least) => {
                let ratio = share();
                (ratio, format!("floor ≥ {least} of ours"), ratio.map(|r| r >= least))
            }
            Target::AtLeastPeer => {
                // What two runs of one server differ by is in the third decimal.
                let held = self.ours.zip(self.peer).map(|(ours, peer)| ours >= peer - 0.005);
                (over(self.peer), "≥ rtpengine".into(), held)
            }
            Target::AtMost(most) => (over(self.peer), format!("≤ {most}"), self.ours.map(|o| o <= most)),
            Target::Told => (share(), "—".into(), None),
            Target::ToldOfPeer => (over(self.peer), "—".into(), None),
        }
    }
}

fn rows(records: &Records) -> Vec<Row> {
    let calls = |work: &str| records.median(work, OURS, "calls").map_or("no".into(), |n| format!("{n:.0}"));
    let [relay, srtp, opus] = ["relay", "srtp", "opus"].map(calls);
    let all = |work: &'static str, key: &'static str, floor: Option<f64>| {
        (records.median(work, OURS, key), records.median(work, PEER, key), floor)
    };
    let floor = |subject: &str, key: &str| records.median("relay", subject, key);
    let bound = |key: &str| records.median("floor", "codecs", key);
    let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
    let relay_void = invalid(records, "relay", &[OURS, PEER]);
    let floor_void = invalid(records, "relay", &[OURS, FLOOR]);
    let connected_void = invalid(records, "relay", &[OURS, FLOOR_CONNECTED]);
    let srtp_void = invalid(records, "srtp", &[OURS, PEER]);
    let opus_void = invalid(records, "opus", &[OURS, PEER]);
    let own_opus_void = invalid(records, "opus", &[OURS]).or_else(|| other_settings(records));

    let mut rows = Vec::new();
    let mut row = |work: String, unit, (ours, peer, floor), target, void| {
        rows.push(Row { work, unit, ours, peer, floor, target, void });
    };
    let packet = |subject| all("relay", "us_per_packet", floor(subject, "us_per_packet"));
    row(format!("relay, {relay} calls: CPU per packet"), "µs", packet(FLOOR), Target::OfPeer(0.6), relay_void);
    row("  against the minimal relay".into(), "µs", packet(FLOOR), Target::OfFloor(1.2), floor_void);
    row(
        "  against it with connected sockets".into(),
        "µs",
        packet(FLOOR_CONNECTED),
        Target::OfFloor(1.2),
        connected_void,
    );
    row(
        format!("relay, {relay} calls: added delay, p99"),
        "ms",
        all("relay", "delay_p99_ms", floor(FLOOR, "delay_p99_ms")),
        Target::OfPeer(1.0),
        relay_void,
    );
    let sealed = sum(floor(FLOOR, "percent_per_call"), bound("srtp_percent_per_call"));
    let secure = all("srtp", "percent_per_call", sealed);
    row(format!("SDES-SRTP on one leg, {srtp} calls: CPU per call"), "%", secure, Target::OfPeer(0.6), srtp_void);
    let libopus = bound("opus_percent_per_call");
    let transcoded = all("opus", "percent_per_call", libopus);
    row(format!("Opus ↔ PCMU, {opus} calls: CPU per call"), "%", transcoded, Target::OfPeer(0.2), opus_void);
    row("  against libopus alone".into(), "%", transcoded, Target::ShareOfFloor(0.85), own_opus_void);
    let moved = sum(libopus, records.median("opus-relay", FLOOR, "percent_per_call"));
    row(
        "  against libopus and the minimal relay together".into(),
        "%",
        all("opus", "percent_per_call", moved),
        Target::Told,
        own_opus_void,
    );
    let peer_alone = (None, records.median("opus", PEER, "percent_per_call"), bound("opus_peer_percent_per_call"));
    row("  libopus at 48 kHz stereo, as rtpengine has it".into(), "%", peer_alone, Target::Told, None);
    row(
        format!("Opus ↔ PCMU, {opus} calls: delay of a tone, p50"),
        "ms",
        all("opus", "delay_p50_ms", None),
        Target::ToldOfPeer,
        own_opus_void,
    );
    for (name, key) in [("Opus → PCMU", "opus_to_pcmu"), ("PCMU → Opus", "pcmu_to_opus")] {
        // Not the mean: now and then PESQ aligns a sentence wrongly and gives half a point less.
        let of = |subject: &str| records.median("voice", subject, key);
        row(format!("{name}: PESQ"), "MOS", (of(OURS), of(PEER), of("codecs")), Target::AtLeastPeer, None);
    }
    for (name, work, most, void) in [
        (format!("relay, {relay} calls"), "relay", 45.0, relay_void),
        (format!("SDES-SRTP, {srtp} calls"), "srtp", 60.0, srtp_void),
        (format!("Opus ↔ PCMU, {opus} calls"), "opus", 200.0, opus_void),
    ] {
        let memory = all(work, "memory_kib_per_call", None);
        row(format!("{name}: memory per call"), "KiB", memory, Target::AtMost(most), void);
    }
    for work in ["relay", "srtp", "opus"] {
        let lost = |subject: &str| records.largest(work, subject, "lost").map(|_| records.sum(work, subject, "lost"));
        let name = if work == "opus" { "Opus ↔ PCMU" } else { work };
        row(format!("{name}: packets lost, all rounds"), "", (lost(OURS), lost(PEER), None), Target::AtMost(0.0), None);
    }
    rows
}

/// Why the runs of a work say nothing, if they do not: the generator was late, we lost packets, or a line was crossed.
fn invalid(records: &Records, work: &str, subjects: &[&str]) -> Option<&'static str> {
    for subject in subjects {
        if records.all(work, subject, "valid").contains(&0.0) {
            return Some("generator late");
        }
        if records.sum(work, subject, "strangers") > 0.0 {
            return Some("crossed lines");
        }
    }
    (records.sum(work, OURS, "lost") > 0.0).then_some("packets lost")
}

/// The bound must be libopus with the settings that Tandem encodes with: then its payloads are as large as Tandem's.
fn other_settings(records: &Records) -> Option<&'static str> {
    let (ours, bound) = (records.median("opus", OURS, "opus_bytes")?, records.median("floor", "codecs", "opus_bytes")?);
    ((ours / bound - 1.0).abs() > 0.1).then_some("the bound encodes with other settings")
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| work | | Tandem | rtpengine | floor | ratio | wanted | held |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (ratio, wanted, held) = row.judged();
        let held = match (held, row.void) {
            (None, _) => "—".to_owned(),
            (Some(_), Some(void)) => format!("cannot say: {void}"),
            (Some(true), None) => "yes".to_owned(),
            (Some(false), None) => "**no**".to_owned(),
        };
        let work = row.work.strip_prefix("  ").map_or_else(|| row.work.clone(), |rest| format!("… {rest}"));
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {work} | {} | {} | {} | {} | {} | {wanted} | {held} |",
            row.unit,
            figure(row.ours),
            figure(row.peer),
            figure(row.floor),
            ratio.map_or("—".into(), |r| format!("{r:.2}")),
        );
    }
    out
}

/// Three digits, as the figures deserve.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "—".into(),
        Some(v) if v == 0.0 || v.abs() >= 100.0 => format!("{v:.0}"),
        Some(v) if v.abs() >= 10.0 => format!("{v:.1}"),
        Some(v) if v.abs() >= 1.0 => format!("{v:.2}"),
        Some(v) => format!("{v:.3}"),
    }
}

/// How the runs went: what was lost, how late things were, and what the generator took.
fn runs(records: &Records) -> String {
    let mut out = String::from(
        "| run | calls | lost | strangers | delay p50 / p99 / max, ms | generator CPU | its lateness p99 / max, ms | valid |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for work in ["relay", "srtp", "opus", "opus-relay"] {
        for subject in [OURS, PEER, FLOOR, FLOOR_CONNECTED] {
            for round in 0..records.all(work, subject, "calls").len() {
                let of = |key: &str| records.all(work, subject, key).get(round).copied();
                let times = ["delay_p50_ms", "delay_p99_ms", "delay_max_ms"].map(|key| figure(of(key)));
                let _ = writeln!(
                    out,
                    "| {work}, {subject} | {} | {} of {:.0} | {} | {} | {} % | {} / {} | {} |",
                    figure(of("calls")),
                    figure(of("lost")),
                    of("sent").unwrap_or(0.0),
                    figure(of("strangers")),
                    times.join(" / "),
                    figure(of("generator_percent")),
                    figure(of("late_p99_ms")),
                    figure(of("late_max_ms")),
                    if of("valid") == Some(1.0) { "yes" } else { "**no**" },
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "relay tandem calls 300\nrelay tandem valid 1\nrelay tandem lost 0\nrelay tandem us_per_packet 12\n\
        relay rtpengine us_per_packet 24\nrelay rtpengine valid 1\nrelay relay us_per_packet 11\n\
        relay relay-connected us_per_packet 9\nrelay tandem delay_p99_ms 0.5\nrelay rtpengine delay_p99_ms 0.4\n\
        opus tandem calls 20\nopus tandem percent_per_call 0.4\nopus rtpengine percent_per_call 4\n\
        floor codecs opus_percent_per_call 0.3\nvoice tandem opus_to_pcmu 4.0\nvoice tandem opus_to_pcmu 3.8\n\
        voice rtpengine opus_to_pcmu 3.9\nrelay tandem memory_kib_per_call 46\n";

    fn line(text: &str, of: &str) -> String {
        table(&rows(&Records::parse(text))).lines().find(|l| l.contains(of)).unwrap_or_default().to_owned()
    }

    #[test]
    fn ratios_are_held_against_their_targets() {
        for (of, end) in [
            ("relay, 300 calls: CPU", "| µs | 12.0 | 24.0 | 11.0 | 0.50 | ≤ 0.6 × rtpengine | yes |"),
            ("against the minimal relay |", "| 1.09 | ≤ 1.2 × floor | yes |"),
            ("connected sockets", "| 9.00 | 1.33 | ≤ 1.2 × floor | **no** |"),
            ("added delay", "| ms | 0.500 | 0.400 | — | 1.25 | ≤ 1 × rtpengine | **no** |"),
            ("Opus ↔ PCMU, 20 calls: CPU", "| % | 0.400 | 4.00 | 0.300 | 0.10 | ≤ 0.2 × rtpengine | yes |"),
            ("against libopus alone", "| 0.75 | floor ≥ 0.85 of ours | **no** |"),
            ("Opus → PCMU: PESQ", "| MOS | 3.90 | 3.90 | — | 1.00 | ≥ rtpengine | yes |"),
            ("relay, 300 calls: memory", "| KiB | 46.0 | — | — | — | ≤ 45 | **no** |"),
            ("SDES-SRTP on one leg", "| — | — | — | — | ≤ 0.6 × rtpengine | — |"),
            ("relay: packets lost", "| 0 | — | — | — | ≤ 0 | yes |"),
        ] {
            let line = line(GOOD, of);
            assert!(line.ends_with(end), "{of}: {line}");
        }
    }

    #[test]
    fn a_run_that_went_wrong_decides_nothing() {
        for (more, why) in [
            ("relay rtpengine valid 0\n", "generator late"),
            ("relay tandem strangers 1\n", "crossed lines"),
            ("relay tandem lost 3\n", "packets lost"),
        ] {
            let line = line(&format!("{GOOD}{more}"), "relay, 300 calls: CPU");
            assert!(line.ends_with(&format!("| cannot say: {why} |")), "{line}");
        }
        let bytes = "opus tandem opus_bytes 60\nfloor codecs opus_bytes 40\n";
        let bound = line(&format!("{GOOD}{bytes}"), "against libopus alone");
        assert!(bound.ends_with("| cannot say: the bound encodes with other settings |"), "{bound}");
        let lost = line(&format!("{GOOD}relay tandem lost 3\n"), "relay: packets lost");
        assert!(lost.ends_with("| ≤ 0 | **no** |"), "{lost}");
    }

    #[test]
    fn every_round_of_every_subject_is_told() {
        let text = runs(&Records::parse(
            "relay tandem calls 9\nrelay tandem calls 9\nrelay tandem valid 1\nrelay tandem valid 0\nrelay relay calls 9\n",
        ));
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[0].ends_with("| yes |")
                && lines[1].ends_with("| **no** |")
                && lines[2].starts_with("| relay, relay |")
        );
    }

    #[test]
    fn the_table_replaces_what_stood_between_the_marks() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = put(&page, "new\n").expect("marks");
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(put(&once, "new\n").as_deref(), Some(&once[..]));
        assert_eq!(put("no marks", "new"), None);
    }
}
