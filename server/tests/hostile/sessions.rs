//! Sessions of random requests in random order, some of them lawful: a caller that has lost its mind. Twenty steps each.

use std::time::Duration;

use crate::common::Message;
use crate::mutant::Dice;
use crate::size::count;
use crate::stranger::Stranger;
use crate::target::Target;
use crate::together::{Member, Seed, together};

const STEPS: usize = 20;
/// Lost minds at once.
const CALLERS: u32 = 16;

/// What one side of a dialog remembers, rightly or not.
struct Session {
    invite: String,
    from: String,
    to: String,
    call_id: String,
    target: String,
    cseq: u32,
}

struct Caller {
    stranger: Stranger,
    uri: String,
    sessions: usize,
    /// Inputs that the server refused unread.
    busy: usize,
}

impl Member for Caller {
    type Input = Seed;
    const INPUTS: usize = STEPS;
    // What 250 sessions a second leave for 32 s has room.
    const PACE: Duration = Duration::from_millis(200);
    const SETTLED: Duration = Duration::from_secs(60);

    fn say(&mut self, seed: &Seed) -> Result<(), String> {
        self.busy += session(&self.uri, &mut self.stranger, seed.0);
        self.sessions += 1;
        if self.sessions.is_multiple_of(10) { self.settle() } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), String> {
        self.stranger.settles(conclude)
    }
}

#[test]
fn sessions_of_requests_in_any_order_end_and_leave_nothing_behind() {
    let mut target = Target::start_listening_to_all();
    let uri = target.tandem.app_uri("open");
    let callers =
        (0..CALLERS).map(|n| Caller { stranger: target.stranger(0x11400 + n), uri: uri.clone(), sessions: 0, busy: 0 });
    let mut callers: Vec<Caller> = callers.collect();
    let said = together(&mut target, "sessions", &mut callers, Seed::first(count(300, 200_000)));
    let busy: usize = callers.iter().map(|c| c.busy).sum();
    println!("{said} sessions, {busy} times 503");
    target.unharmed(&format!("after {said} sessions"));
}

/// How often it was told that there is no room.
fn session(uri: &str, stranger: &mut Stranger, seed: u64) -> usize {
    let mut busy = 0;
    let mut dice = Dice(seed);
    let invite = stranger.request("INVITE", uri, "", &stranger.sdp());
    let first = Message::parse(&invite).expect("what was written");
    let mut session = Session {
        from: first.header("From").into(),
        to: first.header("To").into(),
        call_id: first.call_id().into(),
        target: uri.into(),
        cseq: 1,
        invite,
    };
    for _ in 0..STEPS {
        if let Some(m) = stranger.hear(Duration::from_millis(dice.below(3) as u64)) {
            busy += usize::from(m.status() == 503);
            heard(stranger, &mut session, &mut dice, &m);
        }
        step(stranger, &mut session, &mut dice);
    }
    // The end that a call should have, whatever state it is in.
    for method in ["BYE", "CANCEL"] {
        session.cseq += 1;
        say(stranger, &session, method, session.cseq, "", "");
    }
    busy
}

fn step(stranger: &mut Stranger, session: &mut Session, dice: &mut Dice) {
    const METHODS: [&str; 9] = ["ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY"];
    let cseq = match dice.below(4) {
        0 => session.cseq,
        1 => session.cseq.saturating_sub(1),
        _ => {
            session.cseq += 1;
            session.cseq
        }
    };
    match dice.below(6) {
        0 => {
            let again = session.invite.clone();
            stranger.say(again.as_bytes());
        }
        1 => {
            let description = stranger.sdp();
            say(
                stranger,
                session,
                METHODS[dice.below(METHODS.len())],
                cseq,
                "Content-Type: application/sdp\r\n",
                &description,
            );
        }
        2 => say(
            stranger,
            session,
            METHODS[dice.below(METHODS.len())],
            cseq,
            "Require: 100rel\r\nRAck: 1 1 INVITE\r\n",
            "",
        ),
        3 => say(
            stranger,
            session,
            "INFO",
            cseq,
            "Content-Type: application/dtmf-relay\r\n",
            "Signal=5\r\nDuration=160\r\n",
        ),
        4 => say(stranger, session, "CANCEL", 1, "", ""),
        _ => say(
            stranger,
            session,
            METHODS[dice.below(METHODS.len())],
            cseq,
            "Session-Expires: 90\r\nMin-SE: 90\r\n",
            "",
        ),
    }
}

/// Learns the dialog from a response, or not; answers a request, or not.
fn heard(stranger: &mut Stranger, session: &mut Session, dice: &mut Dice, message: &Message) {
    if message.call_id() != session.call_id {
        return conclude(stranger, message);
    }
    if !message.is_request() {
        if dice.below(8) > 0 {
            session.to = message.header("To").to_owned();
            if !message.contact().is_empty() {
                session.target = message.contact();
            }
        }
        return;
    }
    reply(stranger, message, ["200 OK", "481 Gone", "491 Request Pending", "100 Trying", "500 No"][dice.below(5)]);
}

/// Ends a session that is over as its server expects: else each would hold its ports for the 32 s of a silent peer.
fn conclude(stranger: &mut Stranger, message: &Message) {
    if message.is_request() {
        return reply(stranger, message, "200 OK");
    }
    if (200..300).contains(&message.status()) && message.method() == "INVITE" {
        let headers = format!(
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\n",
            message.header("From"),
            message.header("To"),
            message.call_id(),
            message.cseq()
        );
        let ack = stranger.request("ACK", &message.contact(), &headers, "");
        stranger.say(ack.as_bytes());
    }
}

fn reply(stranger: &mut Stranger, request: &Message, status: &str) {
    if request.method() == "ACK" {
        return;
    }
    let reply = format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        request.header("Via"),
        request.header("From"),
        request.header("To"),
        request.call_id(),
        request.header("CSeq")
    );
    stranger.say(reply.as_bytes());
}

fn say(stranger: &mut Stranger, session: &Session, method: &str, cseq: u32, headers: &str, body: &str) {
    let via = Message::parse(&session.invite).map(|m| m.header("Via").to_owned()).unwrap_or_default();
    // CANCEL and ACK of a refusal are of the INVITE's transaction.
    let via = if matches!(method, "CANCEL" | "ACK") { format!("Via: {via}\r\n") } else { String::new() };
    let headers = format!(
        "{via}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{headers}",
        session.from, session.to, session.call_id
    );
    let text = stranger.request(method, &session.target, &headers, body);
    stranger.say(text.as_bytes());
}
