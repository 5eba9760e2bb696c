//! Dialling: ring targets, take the first answer, bridge, and say how it went.
//!
//! ```text
//!  ring.rs           answer.rs                                             over.rs
//!  Ringing ─answer─► Greeting (digits) ─► Screening (whisper) ─► Joining ─► Bridged ─► over
//!     ▲                                        │ declined
//!     └────────────────────────────────────────┘ the next target, when they ring one after the other
//! ```

mod answer;
mod over;
mod ring;

pub(super) use over::towards_caller;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tandem_laml::instruction::{Dial, DialStatus};
use tandem_media::control::PlayId;
use tandem_model::{LegId, Sid, Timestamp};

use super::carriers::{Fallback, ToNumber};
use super::redirect::Redirects;
use crate::directory::SipEndpoint;
use crate::routing::Caller;

/// How long an endpoint's own call rings before it counts as not answered.
const CONNECT_RING: Duration = Duration::from_secs(60);
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(14_400);

/// One run of dialling: from a Dial verb, or from an endpoint's INVITE.
pub(super) struct Dialling {
    pub dial: Dial,
    pub caller: Caller,
    /// Diversion values of those who sent the call on, oldest first.
    pub diverted: Vec<String>,
    pub(super) attempts: Vec<Attempt>,
    lookups: Vec<Lookup>,
    seizing: Vec<Seizing>,
    phase: Phase,
    /// Targets that ring when those before them have not answered.
    waiting: VecDeque<usize>,
    pub(super) redirects: Redirects,
    worst: Option<Failure>,
    early: Option<LegId>,
    /// The ringback that plays to the caller.
    ringback: Option<PlayId>,
    last: Option<LegId>,
    /// What is recorded of it.
    pub(super) recording: Option<Sid>,
    /// Set when the dialling was ended by us rather than by the far side.
    cancelled: Option<DialStatus>,
}

enum Phase {
    Ringing {
        until: Timestamp,
    },
    /// A leg answered; its digits are being sent.
    Greeting {
        leg: LegId,
        play: PlayId,
    },
    /// The callee hears its document, and may decline.
    Screening {
        leg: LegId,
    },
    /// The caller is being answered.
    Joining {
        leg: LegId,
    },
    Bridged {
        leg: LegId,
        since: Timestamp,
        until: Timestamp,
    },
}

/// Registrations being asked for.
struct Lookup {
    ticket: u64,
    branch: Branch,
    endpoint: Arc<SipEndpoint>,
}

/// A number that waits for a carrier.
struct Seizing {
    ticket: u64,
    branch: Branch,
    to: ToNumber,
}

/// One way the call is tried.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// The noun it comes from.
    pub target: usize,
    /// How many branches it may become (RFC 5393 section 5.3.3).
    pub breadth: u16,
}

pub(super) struct Attempt {
    pub leg: LegId,
    pub branch: Branch,
    /// The address that rings.
    pub uri: String,
    fallback: Fallback,
    /// Its document hung up on the caller.
    declined: bool,
    pub over: bool,
}

#[derive(Clone, Debug)]
struct Failure {
    leg: Option<LegId>,
    status: u16,
    reason: String,
    /// When to try again, where we know.
    retry_after_secs: Option<u32>,
}

impl Dialling {
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Ringing { until } | Phase::Bridged { until, .. } => Some(*until),
            Phase::Greeting { .. } | Phase::Screening { .. } | Phase::Joining { .. } => None,
        }
    }

    pub(super) fn connected(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Greeting { leg, .. }
            | Phase::Screening { leg }
            | Phase::Joining { leg }
            | Phase::Bridged { leg, .. } => Some(*leg),
            Phase::Ringing { .. } => None,
        }
    }

    /// The leg the caller talks to.
    pub(super) fn bridged(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Bridged { leg, .. } => Some(*leg),
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Screening { .. } | Phase::Joining { .. } => None,
        }
    }

    /// Another leg takes the place of the one the caller talks to. The time limit goes on.
    pub(super) fn bridged_to(&mut self, leg: LegId, uri: String) {
        if let Phase::Bridged { leg: partner, .. } = &mut self.phase {
            *partner = leg;
        }
        self.add_answered(leg, uri);
    }

    /// A leg that was not called by this run belongs to it.
    pub(super) fn add_answered(&mut self, leg: LegId, uri: String) {
        let branch = Branch { target: usize::MAX, breadth: 1 };
        self.attempts.push(Attempt { leg, branch, uri, fallback: Fallback::default(), declined: false, over: false });
        self.last = Some(leg);
    }

    pub(super) fn is_ringing(&self) -> bool {
        matches!(self.phase, Phase::Ringing { .. })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    fn nothing_left(&self) -> bool {
        self.lookups.is_empty() && self.seizing.is_empty() && self.attempts.iter().all(|a| a.over)
    }

    /// Keeps the failure that says most to the caller (RFC 3261 section 16.7 step 6, and what people mean by busy).
    fn failed(&mut self, failure: Failure) {
        let rank = |status: u16| match status {
            600..=699 => 0,
            486 => 1,
            403 | 404 | 484 | 488 => 2,
            480 => 3,
            400..=499 => 4,
            _ => 5,
        };
        if self.worst.as_ref().is_none_or(|w| rank(failure.status) < rank(w.status)) {
            self.worst = Some(failure);
        }
    }
}
