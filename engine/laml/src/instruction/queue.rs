use std::time::Duration;

use super::Method;

/// What a script wants of call queues.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueCommand {
    /// Wait in a queue until an agent takes the call, and until the two are done. [`QueueEvent::Ended`] follows exactly once, unless
    /// the script gives up before.
    Enqueue(Box<Enqueue>),
    /// Out of the queue, or out of the conversation with the agent: something else begins. Nothing follows.
    GiveUp,
}

/// An `<Enqueue>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueue {
    pub name: String,
    /// The document that is heard meanwhile, over and over; None: music of the server's own.
    pub wait: Option<(String, Method)>,
    /// Only if fewer wait.
    pub size_max: Option<u32>,
    /// The size of the queue, should it be made now.
    pub new_size_max: Option<u32>,
    /// Who is told how it ended when the script gave up: another document runs by then.
    pub action: Option<(String, Method)>,
}

/// What happened in the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueEvent {
    Ended(QueueOutcome),
}

#[derive(Clone, Debug, PartialEq)]
pub struct QueueOutcome {
    pub result: QueueResult,
    /// None when there was none.
    pub queue_sid: Option<String>,
    /// In the queue, without the conversation that followed.
    pub waited: Duration,
}

/// How a call left its queue (laml.md 1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueResult {
    /// It talked with an agent.
    Bridged,
    /// An agent had taken it; it ended before they talked.
    BridgingInProgress,
    /// The document is at fault.
    Error,
    /// The caller hung up while it waited.
    Hangup,
    /// `<Leave>`.
    Leave,
    /// REST took it out.
    Redirected,
    /// REST took it out of the conversation with the agent.
    RedirectedFromBridged,
    QueueFull,
    SystemError,
}

impl QueueResult {
    pub fn as_str(self) -> &'static str {
        match self {
            QueueResult::Bridged => "bridged",
            QueueResult::BridgingInProgress => "bridging-in-progress",
            QueueResult::Error => "error",
            QueueResult::Hangup => "hangup",
            QueueResult::Leave => "leave",
            QueueResult::Redirected => "redirected",
            QueueResult::RedirectedFromBridged => "redirected-from-bridged",
            QueueResult::QueueFull => "queue-full",
            QueueResult::SystemError => "system-error",
        }
    }
}

impl QueueOutcome {
    /// As an action is told.
    pub fn params(&self) -> Vec<(String, String)> {
        let mut params = vec![("QueueResult".to_owned(), self.result.as_str().to_owned())];
        params.extend(self.queue_sid.iter().map(|sid| ("QueueSid".to_owned(), sid.clone())));
        params.push(("QueueTime".to_owned(), self.waited.as_secs().to_string()));
        params
    }
}

/// A `<Queue>` of a Dial: whoever is next in it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueTarget {
    pub name: String,
    /// Heard by the one who waited, before the two are connected.
    pub url: Option<(String, Method)>,
}
