//! Requests of ours that belong to no leg: registrations with carriers and probes.

use tandem_sip::transaction::{Event, TransactionKey};

use super::super::message::{ClientOutcome, ClientRequest, ClientResult};
use super::SipShard;
use crate::supervision::{Mailbox, Overflow};

impl SipShard {
    pub(super) fn client_request(&mut self, request: ClientRequest) {
        let ClientRequest { id, message, destination, owner } = request;
        let now = self.now();
        let Some(message) = self.restrained(message, destination.addr) else {
            owner.offer(ClientOutcome { id, result: ClientResult::TransportFailed }, Overflow::Warn);
            return;
        };
        match self.layer.request(now, message, destination) {
            Ok(key) => {
                self.outside.insert(key, (id, owner));
            }
            Err(error) => {
                tracing::warn!(?error, "request not sent");
                owner.offer(ClientOutcome { id, result: ClientResult::TransportFailed }, Overflow::Warn);
            }
        }
    }

    /// Tells the owner of such a request; hands back what is about another.
    pub(super) fn client_event(&mut self, event: Event) -> Option<Event> {
        let (key, result) = match event {
            Event::Response { key, message, source } if self.outside.contains_key(&key) => {
                // Provisional responses say nothing that their owners wait for.
                let is_final = message.status().is_some_and(|status| status >= 200);
                (key, is_final.then(|| ClientResult::Response { message: Box::new(message), source }))
            }
            Event::Timeout { key } if self.outside.contains_key(&key) => (key, Some(ClientResult::Timeout)),
            Event::TransportFailed { key: TransactionKey::Client(key) } if self.outside.contains_key(&key) => {
                (key, Some(ClientResult::TransportFailed))
            }
            Event::Terminated { key: TransactionKey::Client(key) } if self.outside.contains_key(&key) => {
                self.outside.remove(&key);
                (key, None)
            }
            other => return Some(other),
        };
        if let (Some(result), Some((id, owner))) = (result, self.outside.get(&key)) {
            owner.offer(ClientOutcome { id: *id, result }, Overflow::Warn);
        }
        None
    }
}
