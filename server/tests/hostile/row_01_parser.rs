//! Row 1: the public corpora, every field of every message spoilt in every way, random damage, and numbers that overflow.
//! Each thousand inputs are followed by a probe.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::root;
use crate::mutant::{Dice, Mutant, Place, damaged_description, samples};
use crate::size::{count, seed};
use crate::stranger::{Stranger, source};
use crate::stream::{Connection, Stream, tcp, tls, websocket};
use crate::target::Target;
use crate::together::{Member, Seed, together};

#[path = "../../../engine/sip/tests/torture/written_down.rs"]
mod written_down;
use written_down::written_down;

/// Strangers at once; connections over streams.
const STRANGERS: u32 = 8;
/// What is said before the next question whether all was read: eight times as much fits the server's socket.
const MESSAGES_IN_FLIGHT: usize = 40;
const BYTES_IN_FLIGHT: usize = 200_000;
/// After a 503 (RFC 3261 section 21.5.4), so many times at most.
const RETRY_AFTER: Duration = Duration::from_secs(5);
const TRIES: usize = 4;
/// What a server that knows where a message ends may take to answer it; who is late loses its connection.
const IN_STEP: Duration = Duration::from_millis(100);

struct OverUdp {
    stranger: Stranger,
    messages: usize,
    bytes: usize,
}

impl Member for OverUdp {
    type Input = Mutant;

    fn say(&mut self, mutant: &Mutant) -> Result<(), String> {
        if self.messages >= MESSAGES_IN_FLIGHT || self.bytes + mutant.bytes.len() > BYTES_IN_FLIGHT {
            self.settle()?;
        }
        self.stranger.say(&mutant.bytes);
        self.messages += 1;
        self.bytes += mutant.bytes.len();
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        (self.messages, self.bytes) = (0, 0);
        self.stranger.settles(|_, _| {})
    }
}

#[test]
fn spoilt_messages_over_udp_reach_nobody_and_break_nothing() {
    let mut target = Target::start_listening_to_all();
    let members = (0..STRANGERS).map(|n| OverUdp { stranger: target.stranger(0x10100 + n), messages: 0, bytes: 0 });
    let mut members: Vec<OverUdp> = members.collect();
    let place = place(&target, "UDP", members[0].stranger.address.to_string(), 60_000);
    let inputs = inputs(&place, count(20_000, 2_000_000));
    let said = together(&mut target, "messages over UDP", &mut members, inputs);
    println!("{said} messages over UDP");
    target.unharmed(&format!("after {said} spoilt messages over UDP"));
}

#[test]
fn spoilt_messages_over_tcp_cost_their_connection_at_most() {
    let mut target = Target::start_listening_to_all();
    let to = target.tandem.sip;
    spoilt_messages(&mut target, "TCP", count(6_000, 500_000), |n| tcp(source(0x10200 + n), to));
}

#[test]
fn spoilt_messages_over_tls_cost_their_connection_at_most() {
    let (mut target, listeners) = Target::start_listening_everywhere();
    spoilt_messages(&mut target, "TLS", count(2_000, 200_000), |n| tls(source(0x10300 + n), &listeners));
}

#[test]
fn spoilt_messages_over_websocket_cost_their_connection_at_most() {
    let (mut target, listeners) = Target::start_listening_everywhere();
    spoilt_messages(&mut target, "WS", count(2_000, 200_000), |n| websocket(source(0x10400 + n), &listeners));
}

/// One connection after the other: another one where the server closed it, or waits for an end that does not come.
struct OverStream<'a, S: Stream, C: Fn(u32) -> Connection<S>> {
    n: u32,
    connect: &'a C,
    connection: Connection<S>,
    transport: &'static str,
    server: SocketAddr,
    said: usize,
    connections: usize,
}

impl<S: Stream, C: Fn(u32) -> Connection<S>> OverStream<'_, S, C> {
    fn again(&mut self) {
        self.connection = (self.connect)(self.n);
        self.connections += 1;
    }
}

impl<S: Stream + Send, C: Fn(u32) -> Connection<S> + Sync> Member for OverStream<'_, S, C> {
    type Input = Mutant;

    fn say(&mut self, mutant: &Mutant) -> Result<(), String> {
        self.said += 1;
        if !self.connection.say(&mutant.bytes) {
            self.again();
        } else if self.said.is_multiple_of(10) {
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        if !self.connection.in_step(self.transport, self.server, IN_STEP) {
            self.again();
        }
        Ok(())
    }
}

fn spoilt_messages<S: Stream + Send>(
    target: &mut Target,
    transport: &'static str,
    total: usize,
    connect: impl Fn(u32) -> Connection<S> + Sync,
) {
    let server = target.tandem.sip;
    let connect = &connect;
    let members = (1..=STRANGERS).map(|n| {
        let connection = connect(n);
        OverStream { n, connect, connection, transport, server, said: 0, connections: 1 }
    });
    let mut members: Vec<_> = members.collect();
    let place = place(target, transport, members[0].connection.local.to_string(), 60_000);
    let what = format!("messages over {transport}");
    let said = together(target, &what, &mut members, inputs(&place, total));
    let connections: usize = members.iter().map(|m| m.connections).sum();
    println!("{said} {what}, on {connections} connections");
    target.unharmed(&format!("after {said} spoilt {what}"));
}

struct Caller {
    stranger: Stranger,
    uri: String,
    accepted: usize,
    refused: usize,
}

impl Member for Caller {
    type Input = Seed;
    // One and a half transactions for each call.
    const PACE: Duration = Duration::from_millis(700);
    const SETTLED: Duration = Duration::from_secs(60);

    fn say(&mut self, input: &Seed) -> Result<(), String> {
        let body = damaged_description(&self.stranger.address.to_string(), input.0);
        let mut tries = 0;
        let status = loop {
            let invite = self.stranger.request("INVITE", &self.uri, "", &body);
            let status = call_until_its_end(&mut self.stranger, &invite).ok_or("no final response")?;
            tries += 1;
            // A server that is late on a busy machine reads no description: it is asked again, for as long as it says.
            if status != 503 || tries == TRIES {
                break status;
            }
            std::thread::sleep(RETRY_AFTER);
        };
        match status {
            200 => self.accepted += 1,
            400 | 413 | 415 | 488 | 513 | 606 => self.refused += 1,
            other => return Err(format!("the answer is {other}")),
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.stranger.settles(|_, _| {})
    }
}

/// An application answers everybody, so descriptions of strangers are read, and calls made of them.
#[test]
fn descriptions_with_absurd_numbers_sizes_and_damage_end_in_an_answer() {
    let mut target = Target::start_listening_to_all();
    let uri = target.tandem.app_uri("open");
    let callers = (0..STRANGERS).map(|n| Caller {
        stranger: target.stranger(0x10500 + n),
        uri: uri.clone(),
        accepted: 0,
        refused: 0,
    });
    let mut callers: Vec<Caller> = callers.collect();
    let said = together(&mut target, "descriptions", &mut callers, Seed::first(count(400, 500_000)));
    let accepted: usize = callers.iter().map(|c| c.accepted).sum();
    let refused: usize = callers.iter().map(|c| c.refused).sum();
    println!("{said} descriptions: {accepted} accepted, {refused} refused");
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
