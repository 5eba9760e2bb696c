//! What calls, legs and the switchboard say to each other.

use std::sync::Arc;

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::leg::{LegCommand, LegRecord, LegReport};
use tandem_model::{CallSid, LegId};

use crate::api::{CallControlError, CallView, CreateCall, UpdateCall};
use crate::signalling::{LegMailbox, ShardMailbox, ToLeg};
use crate::store::CallRecord;

/// To a call's actor, from its legs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FromLegActor {
    pub leg: LegId,
    pub report: LegReport,
}

/// To a call's actor, from anybody else.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ToCall(pub CallInput);

/// A call's actor, for its legs.
pub struct CallMailbox {
    pub reports: Recipient<FromLegActor>,
    pub inputs: Recipient<ToCall>,
}

/// A leg's actor unwound: what it takes to end the leg without it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LegDied {
    pub record: LegRecord,
    pub shard: ShardMailbox,
    pub call: Arc<CallMailbox>,
}

/// A call's actor unwound: its legs are to be hung up, its records closed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CallDied {
    pub number: u64,
    pub legs: Vec<(LegId, LegMailbox)>,
    /// As they were last.
    pub records: Vec<Arc<CallRecord>>,
}

/// A call has another leg, by this sid.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LegAdded {
    pub number: u64,
    pub sid: CallSid,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct CallFinished {
    pub number: u64,
}

/// REST wants a call.
#[derive(Message)]
#[rtype(result = "Result<CallView, CallControlError>")]
pub struct Create(pub CreateCall);

/// REST wants a live call changed.
#[derive(Message)]
#[rtype(result = "Result<CallView, CallControlError>")]
pub struct Change {
    pub sid: CallSid,
    pub change: UpdateCall,
}

/// No new calls; those in progress get until the deadline. Answered when none is left.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain {
    pub within: std::time::Duration,
}

/// Fail-points for the containment tests.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "bool")]
pub struct InjectFault {
    pub sid: CallSid,
    pub at: FaultAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAt {
    /// The leg's actor.
    Leg,
    /// The call's actor.
    Call,
    /// The leg's next media step.
    Media,
}

/// To the actor that is to fail.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Fault {
    pub leg: LegId,
    pub at: FaultAt,
}

/// To a leg's actor, from its call.
pub fn command(command: LegCommand) -> ToLeg {
    ToLeg(tandem_call::leg::LegInput::Command(command))
}
