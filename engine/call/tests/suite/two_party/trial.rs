//! One call of two parties, from a seed to the last timer.

use std::time::Duration;

use tandem_call::leg::{
    Credentials, Destination, EndedBy, Extensions, Hold, InviteSpec, LegCommand, LegEnd, MediaPolicy, Reliable,
};
use tandem_codecs::CodecId;
use tandem_model::{Endpoint, Entropy, SeedEntropy, Timestamp, Transport};

use super::link::{Link, Weather};
use super::party::{Party, Seen};

/// Steps that no call needs.
const STEPS_MAX: u32 = 50_000;
/// How long users go on, and how long they then leave the call alone, so that what is under way comes to an end.
const BUSY_MS_MAX: u64 = 100_000;
const QUIET: Duration = Duration::from_secs(80);

#[derive(Clone, Debug)]
pub struct Outcome {
    pub caller: Seen,
    pub callee: Seen,
    /// Both were talking when the users fell silent.
    pub talked: bool,
    pub stream: bool,
    /// Who called had to show that it is there.
    pub unproved: bool,
}

/// A user's deed.
#[derive(Clone, Copy, Debug)]
struct Deed {
    at: Timestamp,
    by_caller: bool,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Ring,
    Early,
    Answer,
    Reject,
    Hold,
    /// Hold without music.
    Silence,
    Resume,
    OtherCodec,
    HangUp,
}

struct Trial {
    caller: Party,
    callee: Party,
    link: Link,
    now: Timestamp,
    deeds: Vec<Deed>,
    late_offer: bool,
    /// The callee knows nothing of who calls. Drawn for datagrams alone: a connection is a proof.
    unproved: bool,
    /// Some time each puts the other on hold.
    caller_holds: bool,
    callee_holds: bool,
    /// Nothing is lost.
    fair: bool,
}

/// Ends that take a loss: without one, no timer ends a call.
const TIMED_OUT: [&str; 5] = ["No ACK", "No PRACK", "Session expired", "Request Timeout", "Caller unreachable"];

pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut entropy = SeedEntropy::new(seed);
    let mut trial = Trial::new(&mut entropy);
    let stream = trial.caller.at.transport.is_reliable();
    let busy_until = trial.deeds.last().map_or(trial.now, |d| d.at);
    trial.run_until(Some(busy_until + QUIET))?;
    let talked = trial.caller.is_talking() && trial.callee.is_talking();
    if talked {
        trial.sessions_agree()?;
    }
    let both = [true, false].map(|by_caller| Deed { at: trial.now, by_caller, what: What::HangUp });
    trial.deeds.extend(both);
    trial.run_until(None)?;
    trial.is_over()?;
    let unproved = trial.unproved;
    Ok(Outcome { caller: trial.caller.seen, callee: trial.callee.seen, talked, stream, unproved })
}

fn pick<T: Copy>(entropy: &mut SeedEntropy, of: &[T]) -> T {
    of[(entropy.next_u64() % of.len() as u64) as usize]
}

fn extensions(entropy: &mut SeedEntropy) -> Extensions {
    use Reliable::{Off, Required, Supported};
    Extensions {
        reliable: pick(entropy, &[Supported, Supported, Supported, Required, Off]),
        session_expires_secs: pick(entropy, &[0, 90, 100, 1_800]),
        min_se_secs: pick(entropy, &[90, 90, 95]),
        known_sources_only: true,
    }
}

impl Trial {
    fn new(entropy: &mut SeedEntropy) -> Trial {
        let weather = Weather {
            loss_percent: pick(entropy, &[0, 0, 5, 20, 35]),
            repeat_percent: pick(entropy, &[0, 5, 30]),
            delay_ms_max: pick(entropy, &[0, 30, 300, 1_200]),
            stream: entropy.next_u64().is_multiple_of(5),
        };
        let transport = if weather.stream { Transport::Tcp } else { Transport::Udp };
        let caller = Party::new(1, transport, extensions(entropy), entropy.next_u64());
        let callee = Party::new(2, transport, extensions(entropy), entropy.next_u64());
        let now = Timestamp::from_secs(1);
        let deeds = deeds(entropy, now);
        let late_offer = entropy.next_u64().is_multiple_of(4);
        let fair = weather.stream || weather.loss_percent == 0;
        let link = Link::new(entropy.next_u64(), weather);
        let holds =
            |by_caller| deeds.iter().any(|d| d.by_caller == by_caller && matches!(d.what, What::Hold | What::Silence));
        let (caller_holds, callee_holds) = (holds(true), holds(false));
        let unproved = false;
        let mut trial =
            Trial { caller, callee, link, now, deeds, late_offer, unproved, caller_holds, callee_holds, fair };
        // Nobody is at the first address, sometimes.
        let nowhere = Endpoint::new(transport, ([192, 0, 2, 99], 5060).into());
        let hops = match entropy.next_u64() % 8 {
            0 => vec![nowhere, trial.callee.at],
            _ => vec![trial.callee.at],
        };
        trial.unproved = !transport.is_reliable() && entropy.next_u64().is_multiple_of(3);
        trial.callee.unproved = trial.unproved;
        trial.caller.call(invite(late_offer), hops);
        trial
    }

    /// Until nothing is left to happen, or that time.
    fn run_until(&mut self, until: Option<Timestamp>) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            self.settle();
            let deeds = self.deeds.first().map(|d| d.at);
            let next = [self.caller.deadline(), self.callee.deadline(), self.link.deadline(), deeds];
            let next = next.into_iter().flatten().min();
            let Some(at) = next.filter(|at| until.is_none_or(|until| *at <= until)) else {
                self.now = until.unwrap_or(self.now).max(self.now);
                return Ok(());
            };
            self.now = self.now.max(at);
            while let Some((from, to, bytes)) = self.link.receive(self.now) {
                for party in [&mut self.caller, &mut self.callee] {
                    if party.at == to {
                        party.receive(self.now, from, bytes.clone());
                    }
                }
                self.settle();
            }
            self.caller.expire(self.now);
            self.callee.expire(self.now);
            while self.deeds.first().is_some_and(|d| d.at <= self.now) {
                let deed = self.deeds.remove(0);
                let party = if deed.by_caller { &mut self.caller } else { &mut self.callee };
                party.command(self.now, command(deed.what));
            }
        }
        Err(format!("it never ends: {:?} {:?}", self.caller.seen, self.callee.seen))
    }

    fn settle(&mut self) {
        for party in [&mut self.caller, &mut self.callee] {
            for (to, bytes) in party.settle(self.now) {
                self.link.send(self.now, party.at, to, bytes);
            }
        }
    }

    /// Both sides hold the same session, mirrored.
    fn sessions_agree(&self) -> Result<(), String> {
        let (Some(a), Some(b)) = (&self.caller.seen.spec, &self.callee.seen.spec) else {
            return Err("talking without media".into());
        };
        let to = |party: &Party| (party.at.addr.ip(), party.media_port).into();
        let right = a.codec == b.codec
            && (a.send, a.receive) == (b.receive, b.send)
            && a.remote_rtp.is_none_or(|at| at == to(&self.callee))
            && b.remote_rtp.is_none_or(|at| at == to(&self.caller))
            && a.payload_type_send == b.payload_type_receive
            && a.payload_type_receive == b.payload_type_send;
        let shown = |s: &tandem_media::control::LegSpec| {
            format!("{:?} {:?} send {} receive {}", s.codec, s.remote_rtp, s.send, s.receive)
        };
        if !right {
            return Err(format!("sessions differ: {} and {}", shown(a), shown(b)));
        }
        self.hold_is_known()
    }

    /// Whoever never holds the other knows from what it sends whether it is held.
    fn hold_is_known(&self) -> Result<(), String> {
        for (party, holds) in [(&self.caller, self.caller_holds), (&self.callee, self.callee_holds)] {
            let (held, silent) = (party.seen.held != Hold::Off, party.seen.spec.as_ref().is_some_and(|s| !s.send));
            if !holds && held != silent {
                return Err(format!("told {:?}, and to be silent is {silent}: {:?}", party.seen.held, party.seen.said));
            }
        }
        Ok(())
    }

    fn is_over(&self) -> Result<(), String> {
        for (name, party) in [("caller", &self.caller), ("callee", &self.callee)] {
            let seen = &party.seen;
            let told = (seen.ended.len(), seen.closed, seen.stopped, seen.answered <= 1);
            if party.leg.is_some() && told != (1, 1, true, true) {
                return Err(format!("{name}: ended, closed, stopped, answered once: {told:?}; {seen:?}"));
            }
            if let Some(end) = seen.ended.iter().find(|end| self.fair && TIMED_OUT.contains(&end.reason.as_str())) {
                return Err(format!("{name}: {} though nothing was lost: {:?}", end.reason, seen.said));
            }
            if !party.layer.is_empty() || party.deadline().is_some() {
                return Err(format!(
                    "{name}: {} transactions left, deadline {:?}",
                    party.layer.len(),
                    party.deadline()
                ));
            }
            if party.leg.as_ref().is_some_and(|leg| !leg.is_over()) {
                return Err(format!("{name}: the dialog is left"));
            }
        }
        self.sides_agree()
    }

    /// Whether there was a call: one side may think otherwise only where it gave up, or a timer did, before it knew.
    fn sides_agree(&self) -> Result<(), String> {
        let (caller, callee) = (&self.caller.seen, &self.callee.seen);
        let end = |seen: &Seen| seen.ended.first().cloned();
        // Such a call begins with the ACK, or the PRACK, which may never come.
        let late = self.late_offer || self.unproved;
        let (Some(a), b) = (end(caller), end(callee)) else { return Err("the caller's leg has no end".into()) };
        let fine = match (caller.answered > 0, callee.answered > 0) {
            (true, true) => talked(&a) && b.as_ref().is_some_and(talked),
            (false, false) => a.status >= 300 && b.is_none_or(|b| b.status >= 300 || late && b.status == 200),
            // The 2xx came too late, or never.
            (false, true) => gave_up(&a),
            (true, false) => late && b.is_some_and(|b| b.status == 200 || b.status == 488),
        };
        if fine {
            Ok(())
        } else {
            Err(format!(
                "sides disagree: {:?} {:?} and {:?} {:?}",
                caller.said, caller.ended, callee.said, callee.ended
            ))
        }
    }
}

/// The end of a call that was answered; 408 and 481 are of a request within it that found the other side gone.
fn talked(end: &LegEnd) -> bool {
    end.status == 200 || matches!(end.status, 408 | 481) && end.by == EndedBy::Failure
}

fn gave_up(end: &LegEnd) -> bool {
    end.status == 487 && end.by == EndedBy::Local || matches!(end.status, 408 | 503) && end.by == EndedBy::Failure
}

fn invite(late_offer: bool) -> InviteSpec {
    InviteSpec {
        request_uri: "sip:bob@callee.example".into(),
        destination: Destination::Uri("sip:callee.example".into()),
        to_uri: "sip:bob@callee.example".into(),
        from_uri: "sip:alice@caller.example".into(),
        from_display: None,
        max_forwards: 70,
        headers: vec![],
        credentials: Some(Credentials { username: "u".into(), password: "p".into() }),
        media: MediaPolicy::default(),
        route: vec![],
        max_breadth: None,
        late_offer,
        realm: None,
        channel: None,
        others_follow: false,
        session_expires_secs: None,
        other_flows: Vec::new(),
    }
}

fn deeds(entropy: &mut SeedEntropy, start: Timestamp) -> Vec<Deed> {
    use What::{Answer, Early, HangUp, OtherCodec, Reject, Resume, Ring, Silence};
    let (busy_ms, count) = (1 + entropy.next_u64() % BUSY_MS_MAX, 2 + entropy.next_u64() % 12);
    let mut deeds: Vec<Deed> = (0..count)
        .map(|_| {
            let by_caller = entropy.next_u64().is_multiple_of(2);
            let of_both = [What::Hold, Resume, OtherCodec, Silence, Resume, OtherCodec, HangUp];
            let of_callee = [Ring, Early, Ring, Early, Answer, Answer, Answer, Reject];
            let what = if !by_caller && entropy.next_u64().is_multiple_of(2) {
                pick(entropy, &of_callee)
            } else {
                pick(entropy, &of_both)
            };
            // Deeds come in flurries: that is how they cross.
            let at_ms = entropy.next_u64() % busy_ms;
            let at_ms = if entropy.next_u64().is_multiple_of(2) { at_ms / 2_000 * 2_000 } else { at_ms };
            Deed { at: start + Duration::from_millis(at_ms), by_caller, what }
        })
        .collect();
    // Most callees answer in the end.
    if !entropy.next_u64().is_multiple_of(4) {
        let at = start + Duration::from_millis(entropy.next_u64() % 10_000);
        deeds.push(Deed { at, by_caller: false, what: Answer });
    }
    deeds.sort_by_key(|d| d.at);
    deeds
}

fn command(what: What) -> LegCommand {
    match what {
        What::Ring => LegCommand::Ring,
        What::Early => LegCommand::EarlyMedia { prefer: None },
        What::Answer => LegCommand::Answer { prefer: None },
        What::Reject => LegCommand::Reject { status: 486, reason: None, headers: vec![] },
        What::Hold => LegCommand::Reoffer { hold: Hold::SendOnly, prefer: None },
        What::Silence => LegCommand::Reoffer { hold: Hold::Inactive, prefer: None },
        What::Resume => LegCommand::Reoffer { hold: Hold::Off, prefer: None },
        What::OtherCodec => LegCommand::Reoffer { hold: Hold::Off, prefer: Some(CodecId::Pcma) },
        What::HangUp => LegCommand::Hangup { reason: None },
    }
}
