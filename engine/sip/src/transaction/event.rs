use bytes::Bytes;
use tandem_model::Endpoint;

use crate::message::Message;

/// A client transaction of one layer. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(pub(super) u64);

/// A server transaction of one layer. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerKey(pub(super) u64);

/// Either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionKey {
    Client(ClientKey),
    Server(ServerKey),
}

/// Bytes to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: Endpoint,
    /// Our socket the request came in on, for responses.
    pub local: Option<Endpoint>,
    pub bytes: Bytes,
}

/// What the transaction user is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new request other than ACK and CANCEL. Answer it with `respond`.
    Request { key: ServerKey, message: Message, source: Endpoint, local: Endpoint },
    /// An ACK that ends no transaction: of a 2xx, or of nothing we know. Never answered.
    Ack { message: Message, source: Endpoint, local: Endpoint },
    /// A response to a client transaction: each provisional one (100 too), the final one, and each further 2xx of an
    /// INVITE, repeated or forked (RFC 6026 section 7.2).
    Response { key: ClientKey, message: Message, source: Endpoint },
    /// The peer cancelled an INVITE that has no final response yet; the CANCEL has had its 200. Answer the INVITE with 487.
    Cancelled { key: ServerKey, cancel: Message },
    /// No final response came (Timers B and F, or 64*T1 after a CANCEL): as if 408 had come (RFC 3261 section 8.1.3.1).
    Timeout { key: ClientKey },
    /// Our non-2xx response to an INVITE was never acknowledged (Timer H).
    AckTimeout { key: ServerKey },
    /// The transport refused: as if 503 had come (RFC 3261 section 8.1.3.1).
    TransportFailed { key: TransactionKey },
    /// The key is gone. Comes last, once, for every transaction that was not abandoned.
    Terminated { key: TransactionKey },
}

/// Why no client transaction was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// A response, an ACK or a CANCEL: the first two make no transaction, the last is made by `cancel`.
    NotARequest,
    /// The top Via has no RFC 3261 branch.
    NoBranch,
    /// The branch is in use by another transaction of that method.
    BranchInUse,
    /// The layer is full.
    Full,
}

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The CANCEL has gone out. Its own transaction is the layer's business.
    Sent,
    /// Waits for the first provisional response.
    Queued,
    /// The INVITE has its final response, was cancelled before, is gone, or was no INVITE.
    TooLate,
}
