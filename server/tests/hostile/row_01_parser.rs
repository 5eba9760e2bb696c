//! Row 1: the public corpora, every field of every message spoilt in every way, random damage, and numbers that overflow.
//! Each thousand inputs are followed by a probe.

use std::time::Duration;

use crate::common::root;
use crate::mutant::{Dice, Mutant, Place, damaged_description, samples};
use crate::size::{count, seed};
use crate::stranger::{Stranger, source};
use crate::stream::{Connection, Stream, tcp, tls, websocket};
use crate::target::Target;

#[path = "../../../engine/sip/tests/torture/written_down.rs"]
mod written_down;
use written_down::written_down;

/// Messages said before the next question whether all were read: what fits a socket's buffer.
const BATCH: usize = 40;
/// What a server that knows where a message ends may take to answer it; who is late loses its connection.
const IN_STEP: Duration = Duration::from_millis(100);

#[test]
fn spoilt_messages_over_udp_reach_nobody_and_break_nothing() {
    let mut target = Target::start_listening_to_all();
    let mut stranger = target.stranger(0x0101);
    let place = place(&target, "UDP", stranger.address.to_string(), 60_000);
    let mut said = 0;
    for mutant in inputs(&place, count(20_000, 2_000_000)) {
        stranger.say(&mutant.bytes);
        said += 1;
        if said % BATCH == 0 {
            assert!(heard_all(&mut stranger), "no answer any more, after {} and the {BATCH} before", mutant.what);
        }
        if said % 1_000 == 0 {
            target.probe(&format!("after {} messages over UDP, the last {}", said, mutant.what));
        }
    }
    println!("{said} messages over UDP");
    target.unharmed(&format!("after {said} spoilt messages over UDP"));
}

#[test]
fn spoilt_messages_over_tcp_cost_their_connection_at_most() {
    let mut target = Target::start_listening_to_all();
    let to = target.tandem.sip;
    spoilt_messages(&mut target, "TCP", count(6_000, 500_000), || tcp(source(0x0102), to));
}

#[test]
fn spoilt_messages_over_tls_cost_their_connection_at_most() {
    let (mut target, listeners) = Target::start_listening_everywhere();
    spoilt_messages(&mut target, "TLS", count(2_000, 200_000), || tls(source(0x0104), &listeners));
}

#[test]
fn spoilt_messages_over_websocket_cost_their_connection_at_most() {
    let (mut target, listeners) = Target::start_listening_everywhere();
    spoilt_messages(&mut target, "WS", count(2_000, 200_000), || websocket(source(0x0105), &listeners));
}

/// One connection after the other: another one where the server closed it, or waits for an end that does not come.
fn spoilt_messages<S: Stream>(
    target: &mut Target,
    transport: &'static str,
    total: usize,
    connect: impl Fn() -> Connection<S>,
) {
    let to = target.tandem.sip;
    let mut connection = connect();
    let place = place(target, transport, connection.local.to_string(), 60_000);
    let (mut said, mut connections) = (0, 1);
    for mutant in inputs(&place, total) {
        if !connection.say(&mutant.bytes) || (said % 10 == 0 && !connection.in_step(transport, to, IN_STEP)) {
            connection = connect();
            connections += 1;
        }
        said += 1;
        if said % 1_000 == 0 {
            target.probe(&format!("after {said} messages over {transport}, the last {}", mutant.what));
        }
    }
    println!("{said} messages over {transport}, on {connections} connections");
    target.unharmed(&format!("after {said} spoilt messages over {transport}"));
}

/// An application answers everybody, so descriptions of strangers are read, and calls made of them.
#[test]
fn descriptions_with_absurd_numbers_sizes_and_damage_end_in_an_answer() {
    let mut target = Target::start_listening_to_all();
    let mut stranger = target.stranger(0x0103);
    let (mut accepted, mut refused) = (0, 0);
    for n in 0..count(400, 500_000) {
        let seed = seed().wrapping_add(n as u64);
        let body = damaged_description(&stranger.address.to_string(), seed);
        let invite = stranger.request("INVITE", &target.tandem.app_uri("open"), "", &body);
        let status = call_until_its_end(&mut stranger, &invite);
        let status = status.unwrap_or_else(|| panic!("no final response to the description of seed {seed}"));
        match status {
            200 => accepted += 1,
            400 | 413 | 415 | 488 | 503 | 513 | 606 => refused += 1,
            other => panic!("{other} to the description of seed {seed}"),
        }
        if (n + 1) % 1_000 == 0 {
            target.probe(&format!("after {} descriptions", n + 1));
        }
    }
    println!("{accepted} descriptions accepted, {refused} refused");
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
    target.unharmed("after damaged descriptions");
}

fn place(target: &Target, transport: &'static str, from: String, long: usize) -> Place {
    Place { transport, from, server: target.tandem.sip.to_string(), domain: target.tandem.domain(), long }
}

/// The corpora, then what field by field makes (drawn from it where there is not time for all), then damage.
fn inputs(place: &Place, total: usize) -> impl Iterator<Item = Mutant> {
    let samples = samples(place);
    let first = seed();
    let corpus = corpus();
    let mut spoilt: Vec<Mutant> = samples.iter().flat_map(|s| s.field_by_field(place.long)).collect();
    let damaged = total.saturating_sub(corpus.len() + spoilt.len()).max(total / 10);
    let room = total - damaged - corpus.len();
    let mut dice = Dice(first);
    while spoilt.len() > room {
        spoilt.swap_remove(dice.below(spoilt.len()));
    }
    println!("{} from the corpora, {} field by field, {damaged} by damage", corpus.len(), spoilt.len());
    let damaged = (0..damaged).map(move |n| samples[n % samples.len()].damaged(first.wrapping_add(n as u64)));
    corpus.into_iter().chain(spoilt).chain(damaged)
}

/// RFC 4475, and RFC 5118 where it is written out, as the engine's tests have them.
fn corpus() -> Vec<Mutant> {
    let folder = root().join("engine/sip/tests");
    let mut out = Vec::new();
    for entry in walk(&folder) {
        let bytes = match entry.extension().and_then(|e| e.to_str()) {
            Some("dat") => std::fs::read(&entry).expect("a message of the corpus"),
            Some("msg") => written_down(&std::fs::read_to_string(&entry).expect("a message of the corpus")),
            _ => continue,
        };
        out.push(Mutant { what: entry.display().to_string(), bytes });
    }
    assert!(out.len() >= 49, "{} messages in the corpora", out.len());
    out
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpora").flatten() {
        if entry.path().is_dir() { out.extend(walk(&entry.path())) } else { out.push(entry.path()) }
    }
    out.sort();
    out
}

/// Whether an answer still comes, which says that all before was read.
fn heard_all(stranger: &mut Stranger) -> bool {
    let ping = stranger.request("OPTIONS", &format!("sip:{}", stranger.server), "", "");
    stranger.ask(&ping, Duration::from_secs(10)).is_some()
}

/// Plays a caller through: acknowledges what comes, answers the BYE. The status of the final response.
fn call_until_its_end(stranger: &mut Stranger, invite: &str) -> Option<u16> {
    let reply = stranger.ask(invite, Duration::from_secs(10))?;
    let of = |name: &str| invite.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_default().to_owned();
    let uri =
        if reply.status() < 300 { reply.contact() } else { invite.split(' ').nth(1).unwrap_or_default().to_owned() };
    let ack = format!(
        "ACK {uri} SIP/2.0\r\n{}\r\nMax-Forwards: 70\r\n{}\r\nTo: {}\r\n{}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        of("Via"),
        of("From"),
        reply.header("To"),
        of("Call-ID")
    );
    stranger.say(ack.as_bytes());
    if reply.status() == 200 {
        // The application hangs up at once.
        while let Some(m) = stranger.hear(Duration::from_secs(5)) {
            if m.is_request() && m.method() == "BYE" {
                let ok = format!(
                    "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
                    m.header("Via"),
                    m.header("From"),
                    m.header("To"),
                    m.call_id(),
                    m.header("CSeq")
                );
                stranger.say(ok.as_bytes());
                break;
            }
        }
    }
    Some(reply.status())
}
