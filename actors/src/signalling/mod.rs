//! Signalling: SIP shards that drive transactions, the registrar, and the decision what an INVITE is for. It owns no
//! call: calls live behind [`OfferCall`]. Start at [`SipShard`](shard::SipShard).

mod admission;
mod audit;
mod counts;
mod message;
mod outside;
mod own_places;
mod registration;
mod resolver;
mod screening;
mod shard;

pub use admission::Gate;
pub use message::{
    ClientOutcome, ClientRequest, ClientResult, FromLeg, LegMailbox, OfferCall, PeerLost, ShardMailbox, SipInbound,
    ToLeg,
};
pub use registration::{
    Contacts, Lookup, Register, Registered, RegistrarActor, RegistrarConfig, RegistrationControl, RegistrationView,
};
pub use resolver::Resolver;
pub use shard::{AuthPolicy, ShardConfig, SipShard};
// What the configuration speaks of.
pub use tandem_sip::auth::Algorithm;
pub use tandem_sip::registrar::{Overflow as ContactOverflow, Policy as RegistrationPolicy};

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use actix::prelude::*;
use tandem_model::Endpoint;
use tandem_sip::message::{Message as SipMessage, NameAddr};

use crate::supervision::{Mailbox, Overflow};
use crate::transport::Inbound;

/// All shards. A Call-ID always leads to the same one, so a dialog, its CANCEL and its ACK meet.
///
/// Calls hold this before the shards run, because shards need the switchboard; it is set once.
#[derive(Clone, Default)]
pub struct Shards(Arc<OnceLock<Vec<Shard>>>);

struct Shard {
    actor: Addr<SipShard>,
    of_legs: ShardMailbox,
}

impl Shards {
    /// # Panics
    /// With no shard: a wiring mistake.
    pub fn set(&self, shards: Vec<Addr<SipShard>>) {
        assert!(!shards.is_empty(), "a server has at least one signalling shard");
        let with_mailbox = |actor: Addr<SipShard>| Shard { of_legs: Arc::new(actor.clone().recipient()), actor };
        let _ = self.0.set(shards.into_iter().map(with_mailbox).collect());
    }

    /// None before they run.
    pub fn for_call_id(&self, call_id: &str) -> Option<&Addr<SipShard>> {
        self.shard(call_id).map(|shard| &shard.actor)
    }

    /// The same, for the leg with this Call-ID.
    pub fn of_legs(&self, call_id: &str) -> Option<&ShardMailbox> {
        self.shard(call_id).map(|shard| &shard.of_legs)
    }

    fn shard(&self, call_id: &str) -> Option<&Shard> {
        let shards = self.0.get()?;
        if let [only] = shards.as_slice() {
            return Some(only);
        }
        let mut hasher = DefaultHasher::new();
        call_id.hash(&mut hasher);
        shards.get((hasher.finish() % shards.len() as u64) as usize)
    }

    pub fn all(&self) -> impl Iterator<Item = &Addr<SipShard>> {
        self.0.get().into_iter().flatten().map(|shard| &shard.actor)
    }
}

/// Whether a text is one value of a Route header field, for a loose router (RFC 3261 section 20.34).
pub fn is_loose_route(text: &str) -> bool {
    text.starts_with('<') && NameAddr::parse(text).is_ok_and(|r| r.uri().is_ok_and(|uri| uri.param("lr").is_some()))
}

/// The transports' way up. They bind before the shards exist, so the shards are set later; what comes before is lost.
#[derive(Default)]
pub struct FrontDoor {
    shards: OnceLock<Shards>,
    /// Hears of connections that are gone.
    watcher: OnceLock<Recipient<PeerLost>>,
}

impl FrontDoor {
    pub fn open(&self, shards: Shards) {
        let _ = self.shards.set(shards);
    }

    pub fn watch(&self, watcher: Recipient<PeerLost>) {
        let _ = self.watcher.set(watcher);
    }
}

impl Inbound for FrontDoor {
    fn message(&self, message: SipMessage, source: Endpoint, local: Endpoint, behind_since: Option<Instant>) -> bool {
        let shard = self.shards.get().and_then(|shards| shards.for_call_id(message.call_id()));
        let Some(shard) = shard else { return false };
        shard.offer(SipInbound::Message { message, source, local, behind_since }, Overflow::Count)
    }

    fn unreachable(&self, peer: Endpoint) {
        if let Some(watcher) = self.watcher.get() {
            watcher.offer(PeerLost { peer }, Overflow::Warn);
        }
        for shard in self.shards.get().into_iter().flat_map(Shards::all) {
            shard.offer(SipInbound::Unreachable { peer }, Overflow::Warn);
        }
    }
}
