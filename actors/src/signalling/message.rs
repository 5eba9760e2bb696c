//! What shards hear and say.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use tandem_call::call::{InboundLeg, Plan};
use tandem_call::leg::{LegInput, MediaPolicy, RequestId};
use tandem_model::{Endpoint, LegId};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::ServerKey;

use crate::carrier::Channel;

/// From the transports.
#[derive(Message)]
#[rtype(result = "()")]
pub enum SipInbound {
    Message {
        message: SipMessage,
        source: Endpoint,
        local: Endpoint,
        /// As [`Inbound::message`](crate::transport::Inbound::message) has it.
        behind_since: Option<Instant>,
    },
    Unreachable {
        peer: Endpoint,
    },
}

/// To a leg's actor: from its shard, its media thread's inbox, or its call.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ToLeg(pub LegInput);

/// A leg's actor, for all who write to it: one address shared, for each copy of one would be memory of its own.
pub type LegMailbox = Arc<Recipient<ToLeg>>;

/// The shard of a leg's Call-ID, for the leg: shared as [`LegMailbox`] is.
pub type ShardMailbox = Arc<Recipient<FromLeg>>;

/// From a leg's actor to the shard of its Call-ID.
#[derive(Message)]
#[rtype(result = "()")]
pub enum FromLeg {
    /// Requests with this To tag are for this leg; so is what becomes of its INVITE.
    Bind {
        leg: LegId,
        local_tag: String,
        invite: Option<ServerKey>,
        owner: LegMailbox,
    },
    /// The leg is over.
    Unbind {
        local_tag: String,
    },
    Request {
        leg: LegId,
        id: RequestId,
        message: SipMessage,
        destination: Endpoint,
        owner: Option<LegMailbox>,
    },
    Cancel {
        leg: LegId,
        id: RequestId,
        /// For a Reason header field (RFC 3326).
        reason: Option<String>,
    },
    SendAck {
        message: SipMessage,
        destination: Endpoint,
    },
    Respond {
        key: ServerKey,
        message: SipMessage,
    },
}

/// A request of ours that belongs to no leg, to the shard of its Call-ID.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ClientRequest {
    /// The owner's own name for it.
    pub id: u64,
    pub message: SipMessage,
    pub destination: Endpoint,
    pub owner: Recipient<ClientOutcome>,
}

/// What became of a [`ClientRequest`]; once for each.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ClientOutcome {
    pub id: u64,
    pub result: ClientResult,
}

#[derive(Debug)]
pub enum ClientResult {
    /// Final.
    Response {
        message: Box<SipMessage>,
        source: Endpoint,
    },
    Timeout,
    TransportFailed,
}

/// Nothing can be sent to this peer any more: a connection is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PeerLost {
    pub peer: Endpoint,
}

/// An INVITE that may become a call.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OfferCall {
    pub key: ServerKey,
    pub message: SipMessage,
    pub source: Endpoint,
    /// Nothing has shown that it comes from there.
    pub unproved: bool,
    pub plan: Plan,
    pub media: MediaPolicy,
    /// `sid` and `offered` are filled in by whoever makes the call.
    pub inbound: InboundLeg,
    /// Of the carrier that brings it.
    pub channel: Option<Channel>,
    pub shard: ShardMailbox,
}
