//! SRTP and SRTCP (RFC 3711, RFC 7714) in place on the packet's own buffer, with no allocation per packet.
//! It is not a key exchange: keys come from SDES or DTLS. Start at [`Protector`] and [`Unprotector`].
//!
//! ```text
//!  SRTP   header │ payload, encrypted │ tag                 AES-CM and GCM
//!  SRTCP  8 bytes │ rest, encrypted │ E+index │ tag         AES-CM (RFC 3711 section 3.4)
//!  SRTCP  8 bytes │ rest, encrypted │ tag │ E+index         GCM (RFC 7714 section 9.2)
//! ```
//!
//! A master key identifier stands before the tag in AES-CM, and at the very end in GCM.

mod cipher;
mod error;
mod header;
mod hmac_sha1;
mod keys;
mod master;
mod protector;
mod ring;
mod sources;
mod transition;
mod unprotector;
mod window;

#[cfg(test)]
mod test_support;

pub use error::SrtpError;
pub use protector::Protector;
pub use sources::SrtpCursor;
pub use unprotector::Unprotector;

/// Bytes a packet may grow by when protected: the GCM tag and the SRTCP index (RFC 7714 section 9.1).
pub const TAIL_ROOM: usize = 20;
