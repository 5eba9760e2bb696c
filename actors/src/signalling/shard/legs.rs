//! What legs want of their shard: requests, responses, and to be found by their tag.

use tandem_call::leg::{LegInput, RequestFailure};

use super::super::message::{FromLeg, ToLeg};
use super::{InviteOwner, SipShard};
use crate::supervision::{Mailbox, Overflow};

impl SipShard {
    pub(super) fn handle_leg(&mut self, message: FromLeg) {
        let now = self.now();
        match message {
            FromLeg::Bind { leg: _, local_tag, invite, owner } => {
                if let Some(key) = invite
                    && let Some(at) = self.invites.get_mut(&key)
                {
                    if matches!(at, InviteOwner::Pending { cancelled: true }) {
                        owner.offer(ToLeg(LegInput::Cancelled { reason: None }), Overflow::Warn);
                    }
                    *at = InviteOwner::Leg(owner.clone());
                }
                self.legs.insert(local_tag, owner);
            }
            FromLeg::Unbind { local_tag } => {
                self.legs.remove(&local_tag);
            }
            FromLeg::Request { leg, id, message, destination, owner } => {
                let Some(message) = self.restrained(message, destination.addr) else {
                    if let Some(owner) = owner {
                        let failure = RequestFailure::KeptBack;
                        owner.offer(ToLeg(LegInput::RequestFailed { id, failure }), Overflow::Warn);
                    }
                    return;
                };
                match self.layer.request(now, message, destination) {
                    Ok(key) => {
                        self.clients.insert(key, (leg, id, owner));
                        self.requests.insert((leg, id), key);
                    }
                    Err(error) => {
                        tracing::warn!(%leg, ?error, "request not sent");
                        if let Some(owner) = owner {
                            let failure = RequestFailure::Transport;
                            owner.offer(ToLeg(LegInput::RequestFailed { id, failure }), Overflow::Warn);
                        }
                    }
                }
            }
            FromLeg::Cancel { leg, id, reason } => {
                if let Some(key) = self.requests.get(&(leg, id)) {
                    self.layer.cancel_because(now, *key, reason.as_deref());
                }
            }
            FromLeg::SendAck { message, destination } => self.layer.send_stateless(&message, destination),
            FromLeg::Respond { key, message } => self.respond(key, message),
        }
    }
}
