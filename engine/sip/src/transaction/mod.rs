//! SIP transactions (RFC 3261 section 17, corrected by RFC 6026): matching, retransmission and absorption.
//! Not here: dialogs, retransmission of 2xx responses (see [`crate::dialog::Retransmit2xx`]) and where a request goes.
//! Start at [`TransactionLayer`].

mod event;

pub use event::{CancelOutcome, ClientKey, Event, RequestError, ServerKey, TransactionKey, Transmit};

use std::time::Duration;

use tandem_model::{Endpoint, Timestamp};

use crate::message::Message;

fn soon<T>() -> T {
    unreachable!("filled in by the next commit")
}

/// What a [`TransactionLayer`] is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// An INVITE the user has not answered for this long gets 100 (RFC 3261 section 17.2.1: 200 ms). Zero: at once.
    pub trying_after: Duration,
    /// Transactions held before new requests get 503.
    pub transactions_max: usize,
    /// Seconds in the Retry-After of that 503.
    pub retry_after_secs: u32,
    /// Makes the To tags of the layer's own answers unguessable and the same for a repeated request.
    pub tag_secret: [u8; 16],
}

/// All transactions of one signalling shard.
///
/// After each call of a `handle_*`, `expire` or command, take every [`poll_transmit`](Self::poll_transmit), then every
/// [`poll_event`](Self::poll_event), then look at [`deadline`](Self::deadline).
pub struct TransactionLayer {}

impl TransactionLayer {
    pub fn new(_config: Config) -> Self {
        soon()
    }
    /// A message read from `source` on our socket `local`.
    pub fn handle_message(&mut self, _now: Timestamp, _message: Message, _source: Endpoint, _local: Endpoint) {
        soon()
    }
    /// Nothing can be sent to `peer` any more: every transaction that needs it fails.
    pub fn handle_transport_error(&mut self, _now: Timestamp, _peer: Endpoint) {
        soon()
    }
    /// Starts a client transaction. The request has its top Via, whose branch nobody else uses.
    pub fn request(&mut self, _now: Timestamp, _request: Message, _to: Endpoint) -> Result<ClientKey, RequestError> {
        soon()
    }
    /// Cancels an INVITE (RFC 3261 section 9.1): now if a provisional response came, else when one comes.
    pub fn cancel(&mut self, _now: Timestamp, _key: ClientKey) -> CancelOutcome {
        soon()
    }
    /// Sends outside any transaction: the ACK of a 2xx.
    pub fn send_stateless(&mut self, _message: Message, _to: Endpoint) {
        soon()
    }
    /// The user's response. False when the transaction is gone or has had its final response.
    pub fn respond(&mut self, _now: Timestamp, _key: ServerKey, _response: Message) -> bool {
        soon()
    }
    /// Sends a final response once and forgets the transaction: a challenge must not be retransmitted towards a
    /// source nobody has verified (RFC 3261 sections 8.2.7 and 26.3.2.4).
    pub fn respond_stateless(&mut self, _now: Timestamp, _key: ServerKey, _response: Message) -> bool {
        soon()
    }
    /// Forgets a transaction whose user died. Nothing is sent; no event follows.
    pub fn abandon(&mut self, _key: TransactionKey) {
        soon()
    }
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        soon()
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        soon()
    }
    /// When [`expire`](Self::expire) has work to do next.
    pub fn deadline(&self) -> Option<Timestamp> {
        soon()
    }
    pub fn expire(&mut self, _now: Timestamp) {
        soon()
    }
    /// Transactions alive.
    pub fn len(&self) -> usize {
        soon()
    }
    pub fn is_empty(&self) -> bool {
        soon()
    }
}
