/// Who asks for credentials, hence the status and the header names (RFC 3261 sections 22.2 and 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// 401, WWW-Authenticate, Authorization.
    UserAgent,
    /// 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Role {
    /// The role that sent a challenge with this status.
    pub fn from_status(status: u16) -> Option<Role> {
        match status {
            401 => Some(Role::UserAgent),
            407 => Some(Role::Proxy),
            _ => None,
        }
    }

    pub fn status(self) -> u16 {
        match self {
            Role::UserAgent => 401,
            Role::Proxy => 407,
        }
    }

    pub fn challenge_header(self) -> &'static str {
        match self {
            Role::UserAgent => "WWW-Authenticate",
            Role::Proxy => "Proxy-Authenticate",
        }
    }

    pub fn credentials_header(self) -> &'static str {
        match self {
            Role::UserAgent => "Authorization",
            Role::Proxy => "Proxy-Authorization",
        }
    }
}
