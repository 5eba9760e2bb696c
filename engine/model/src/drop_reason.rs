/// Why a packet left the media path early. Each reason is a counter with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// Neither RTP nor RTCP by its first byte (RFC 7983).
    NotRtp,
    /// The RTP header, its extension or its padding does not fit the packet (RFC 3550 section 5.1).
    MalformedRtp,
    MalformedRtcp,
    /// The payload type was not negotiated.
    UnknownPayloadType,
    /// The source address is not the one the stream is locked to.
    WrongSource,
    /// SRTP authentication failed.
    AuthFailed,
    /// SRTP index already seen or older than the window.
    Replayed,
    /// The SRTP key has protected as many packets as it may (RFC 3711 section 9.2, RFC 4568 section 6.1).
    KeyExhausted,
    /// Plain RTP on a leg that agreed SRTP.
    NotEncrypted,
    /// The leg is not (yet) told where its media comes from.
    NotConfigured,
    /// Too many SSRCs on one leg.
    TooManySources,
    /// Same sequence number again.
    Duplicate,
    /// Arrived after its play-out time.
    Late,
    /// The jitter buffer has no room.
    BufferFull,
    /// The payload does not decode.
    Undecodable,
    /// The kernel did not take the packet.
    SendFailed,
}

impl DropReason {
    pub const ALL: [DropReason; 16] = [
        DropReason::NotRtp,
        DropReason::MalformedRtp,
        DropReason::MalformedRtcp,
        DropReason::UnknownPayloadType,
        DropReason::WrongSource,
        DropReason::AuthFailed,
        DropReason::Replayed,
        DropReason::KeyExhausted,
        DropReason::NotEncrypted,
        DropReason::NotConfigured,
        DropReason::TooManySources,
        DropReason::Duplicate,
        DropReason::Late,
        DropReason::BufferFull,
        DropReason::Undecodable,
        DropReason::SendFailed,
    ];

    /// The label of the counter.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::NotRtp => "not_rtp",
            DropReason::MalformedRtp => "malformed_rtp",
            DropReason::MalformedRtcp => "malformed_rtcp",
            DropReason::UnknownPayloadType => "unknown_payload_type",
            DropReason::WrongSource => "wrong_source",
            DropReason::AuthFailed => "auth_failed",
            DropReason::Replayed => "replayed",
            DropReason::KeyExhausted => "key_exhausted",
            DropReason::NotEncrypted => "not_encrypted",
            DropReason::NotConfigured => "not_configured",
            DropReason::TooManySources => "too_many_sources",
            DropReason::Duplicate => "duplicate",
            DropReason::Late => "late",
            DropReason::BufferFull => "buffer_full",
            DropReason::Undecodable => "undecodable",
            DropReason::SendFailed => "send_failed",
        }
    }
}
