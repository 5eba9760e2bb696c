use std::fmt;

/// Why a packet was not (un)protected. No state has moved, and the packet must be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpError {
    /// The tag is not that of our key: forged, damaged, or of another session.
    AuthFailed,
    /// Seen before, or older than the replay window (RFC 3711 section 3.3.2).
    Replayed,
    /// Not an RTP or RTCP packet whose parts all lie within it.
    Malformed,
    /// The buffer has no room for the tag.
    NoRoom,
    /// More own SSRCs than a leg may send. Forgetting one would repeat its key stream, so it is refused.
    TooManySources,
    /// The packet index is used up: the key must be changed (RFC 3711 section 9.2).
    KeyExhausted,
}

impl fmt::Display for SrtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SrtpError::AuthFailed => "authentication failed",
            SrtpError::Replayed => "replayed or too old",
            SrtpError::Malformed => "malformed packet",
            SrtpError::NoRoom => "no room for the authentication tag",
            SrtpError::TooManySources => "too many sources",
            SrtpError::KeyExhausted => "key exhausted",
        })
    }
}

impl std::error::Error for SrtpError {}
