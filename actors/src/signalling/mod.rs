//! Signalling: SIP shards that drive transactions, the registrar, and the decision what an INVITE is for. It owns no
//! call: calls live behind [`OfferCall`]. Start at [`SipShard`](shard::SipShard).

mod admission;
mod counts;
mod message;
mod registration;
mod resolver;
mod shard;

pub use admission::Gate;
pub use message::{FromLeg, OfferCall, SipInbound, ToLeg};
pub use registration::{Contacts, Lookup, Register, Registered, RegistrarActor, RegistrationView};
pub use resolver::resolve;
pub use shard::{ShardConfig, SipShard};

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use tandem_model::Endpoint;
use tandem_sip::message::Message as SipMessage;

use crate::supervision::{Mailbox, Overflow};
use crate::transport::Inbound;

/// All shards. A Call-ID always leads to the same one, so a dialog, its CANCEL and its ACK meet.
#[derive(Clone)]
pub struct Shards(Arc<[Addr<SipShard>]>);

impl Shards {
    pub fn new(shards: Vec<Addr<SipShard>>) -> Self {
        assert!(!shards.is_empty(), "a server has at least one signalling shard");
        Shards(shards.into())
    }

    pub fn for_call_id(&self, call_id: &str) -> &Addr<SipShard> {
        let mut hasher = DefaultHasher::new();
        call_id.hash(&mut hasher);
        &self.0[(hasher.finish() % self.0.len() as u64) as usize]
    }

    pub fn all(&self) -> &[Addr<SipShard>] {
        &self.0
    }
}

/// The transports' way up. They bind before the shards exist, so the shards are set later; what comes before is lost.
#[derive(Default)]
pub struct FrontDoor(OnceLock<Shards>);

impl FrontDoor {
    pub fn open(&self, shards: Shards) {
        let _ = self.0.set(shards);
    }
}

impl Inbound for FrontDoor {
    fn message(&self, message: SipMessage, source: Endpoint, local: Endpoint) -> bool {
        let Some(shards) = self.0.get() else { return false };
        let shard = shards.for_call_id(message.call_id());
        shard.offer(SipInbound::Message { message, source, local }, Overflow::Count)
    }

    fn unreachable(&self, peer: Endpoint) {
        for shard in self.0.get().into_iter().flat_map(Shards::all) {
            shard.offer(SipInbound::Unreachable { peer }, Overflow::Warn);
        }
    }
}
