//! SRTP and SRTCP (RFC 3711, RFC 7714) in place on the packet's own buffer, with no allocation per packet.
//! It is not a key exchange: keys come from SDES or DTLS. Start at [`Protector`] and [`Unprotector`].

mod cursor;
mod error;
mod protector;
mod unprotector;

pub use cursor::{InboundCursor, OutboundCursor};
pub use error::SrtpError;
pub use protector::Protector;
pub use unprotector::Unprotector;

/// Bytes a packet may grow by when protected: the GCM tag and the SRTCP index (RFC 7714 section 9.1).
pub const TAIL_ROOM: usize = 20;
