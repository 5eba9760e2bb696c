use std::time::Duration;

use tandem_laml::instruction::Method;
use tandem_model::{CallSid, LegId, Sid};

use crate::leg::Hold;

/// Agents that may wait at one queue: far more than a queue that nobody is in is asked for at once.
pub const AGENTS_MAX: usize = 1_000;

/// Names one wait in a queue, or one Dial of a queue: the nth of the call whose leg it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueTicket {
    /// What is bridged.
    pub leg: LegId,
    pub nth: u64,
}

/// What a call asks of the queues.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueAsk {
    /// An `<Enqueue>`. Answered by `Joined` or `Refused`.
    Join {
        ticket: QueueTicket,
        name: String,
        call_sid: CallSid,
        /// Only if fewer wait.
        size_max: Option<u32>,
        /// The largest size of the queue, should it be made now.
        new_size_max: Option<u32>,
    },
    /// Where the member stands now: `Place`.
    Place { ticket: QueueTicket },
    /// An agent's `<Dial><Queue>`: `Coming` once there is somebody, then `Connected`; or `Refused`.
    Dequeue {
        ticket: QueueTicket,
        name: String,
        call_sid: CallSid,
        /// The document the member hears before.
        url: Option<(String, Method)>,
    },
    /// From a member that was called: it is bridged with that agent.
    Connected { ticket: QueueTicket, agent: QueueTicket },
    /// How the member's or agent's telephone holds the other, from now on. While they talk.
    Hold { ticket: QueueTicket, hold: Hold },
    /// The member or agent has left, whatever it was doing. Nothing follows for it.
    Leave { ticket: QueueTicket },
}

impl QueueAsk {
    pub fn ticket(&self) -> QueueTicket {
        match self {
            QueueAsk::Join { ticket, .. }
            | QueueAsk::Place { ticket }
            | QueueAsk::Dequeue { ticket, .. }
            | QueueAsk::Connected { ticket, .. }
            | QueueAsk::Hold { ticket, .. }
            | QueueAsk::Leave { ticket } => *ticket,
        }
    }
}

/// What a call is told.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueNews {
    /// The member is in line.
    Joined { ticket: QueueTicket, queue: Sid },
    /// There is no place for the member or agent. Nothing follows.
    Refused { ticket: QueueTicket, queue: Option<Sid>, why: QueueUnavailable },
    /// As of now.
    Place { ticket: QueueTicket, place: QueuePlace },
    /// The member's turn has come: it hears `url`, then it is bridged with the agent, and says so.
    Called { ticket: QueueTicket, agent: AgentParty, url: Option<(String, Method)>, queue: Sid, waited: Duration },
    /// The agent has somebody, who is being prepared.
    Coming { ticket: QueueTicket, member: MemberParty, queue: Sid, waited: Duration },
    /// To the agent: the two talk.
    Connected { ticket: QueueTicket },
    /// How the other holds it, from now on.
    Held { ticket: QueueTicket, hold: Hold },
    /// The other left before they were connected: the member waits again at its place, the agent for the next.
    Back { ticket: QueueTicket },
    /// The other left the conversation. Nothing follows.
    PartnerLeft { ticket: QueueTicket },
    /// REST takes the member out of the queue and lets it run this. Nothing follows.
    Redirected { ticket: QueueTicket, url: String, method: Method },
    /// The queue is gone. Nothing follows.
    Lost { ticket: QueueTicket },
}

impl QueueNews {
    /// Whom it concerns.
    pub fn ticket(&self) -> QueueTicket {
        match self {
            QueueNews::Joined { ticket, .. }
            | QueueNews::Refused { ticket, .. }
            | QueueNews::Place { ticket, .. }
            | QueueNews::Called { ticket, .. }
            | QueueNews::Coming { ticket, .. }
            | QueueNews::Connected { ticket }
            | QueueNews::Held { ticket, .. }
            | QueueNews::Back { ticket }
            | QueueNews::PartnerLeft { ticket }
            | QueueNews::Redirected { ticket, .. }
            | QueueNews::Lost { ticket } => *ticket,
        }
    }

    /// Nothing follows for the ticket.
    pub fn is_last(&self) -> bool {
        match self {
            QueueNews::Refused { .. }
            | QueueNews::PartnerLeft { .. }
            | QueueNews::Redirected { .. }
            | QueueNews::Lost { .. } => true,
            QueueNews::Joined { .. }
            | QueueNews::Place { .. }
            | QueueNews::Called { .. }
            | QueueNews::Coming { .. }
            | QueueNews::Connected { .. }
            | QueueNews::Held { .. }
            | QueueNews::Back { .. } => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueUnavailable {
    Full,
    /// No queue can be had: the system's fault.
    Failed,
}

/// Where a member stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    pub queue: Sid,
    /// From 1; 0 once it was called.
    pub position: usize,
    pub size: usize,
    /// How long those who wait have waited so far, on average.
    pub average_wait: Duration,
    pub waited: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentParty {
    /// Its leg is what the member is bridged with.
    pub ticket: QueueTicket,
    pub call_sid: CallSid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberParty {
    pub leg: LegId,
    pub call_sid: CallSid,
}
