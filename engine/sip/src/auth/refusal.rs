/// Why a request is not authenticated: for the log, never for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// No credentials for our realm: the normal first request.
    NoCredentials,
    /// The credentials do not follow the grammar, lack a field, or come twice.
    Malformed,
    /// Empty, too long, or with control characters.
    BadUsername,
    /// qop missing, or not one that was offered.
    BadQop,
    /// Not offered, or not the one the nonce was given for.
    BadAlgorithm,
    /// The digest was made for another URI.
    UriMismatch,
    /// Too old, of a former process, pushed out, or made up.
    StaleNonce,
    /// The digest is right, but the nonce is another user's.
    ForeignNonce,
    UnknownUser,
    WrongPassword,
    /// The digest is right, but its nonce count was used before or lies too far back.
    Replayed,
    /// Too many wrong passwords came before: this one was not looked at.
    TooManyFailures,
}

impl Refusal {
    /// What the next challenge says of `stale`. It never depends on whether a user exists.
    pub fn is_stale(self) -> bool {
        matches!(self, Refusal::StaleNonce | Refusal::ForeignNonce | Refusal::Replayed)
    }

    /// Whether it counts against its source. An honest client with an old nonce, or one that sends a right answer
    /// again, never does.
    pub fn is_suspicious(self) -> bool {
        !matches!(self, Refusal::NoCredentials | Refusal::StaleNonce | Refusal::ForeignNonce | Refusal::Replayed)
    }

    /// Whether a password was looked at and found wrong, or its user found missing.
    pub fn is_failed_login(self) -> bool {
        matches!(self, Refusal::WrongPassword | Refusal::UnknownUser)
    }

    /// The label of the counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::NoCredentials => "no_credentials",
            Refusal::Malformed => "malformed",
            Refusal::BadUsername => "bad_username",
            Refusal::BadQop => "bad_qop",
            Refusal::BadAlgorithm => "bad_algorithm",
            Refusal::UriMismatch => "uri_mismatch",
            Refusal::StaleNonce => "stale_nonce",
            Refusal::ForeignNonce => "foreign_nonce",
            Refusal::UnknownUser => "unknown_user",
            Refusal::WrongPassword => "wrong_password",
            Refusal::Replayed => "replayed",
            Refusal::TooManyFailures => "too_many_failures",
        }
    }
}
