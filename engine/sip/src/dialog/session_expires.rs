use crate::message::Message;

/// The shortest session interval there is, in seconds (RFC 4028 section 4).
pub const MIN_SE_SECS: u32 = 90;

/// Who refreshes a session: the sender of the request that a Session-Expires belongs to, or its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

/// A Session-Expires header field (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    pub secs: u32,
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// None when it is missing or no number. One above 2^32-1 is read as that.
    pub fn of(message: &Message) -> Option<SessionExpires> {
        let mut parts = message.header("Session-Expires")?.split(';').map(str::trim);
        let secs = seconds(parts.next()?)?;
        let refresher = parts.filter_map(|p| p.split_once('=')).find_map(|(name, value)| {
            let who = name.trim().eq_ignore_ascii_case("refresher").then(|| value.trim())?;
            match who {
                _ if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                _ if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                _ => None,
            }
        });
        Some(SessionExpires { secs, refresher })
    }

    /// The value of a Min-SE header field, in seconds (RFC 4028 section 5).
    pub fn min_of(message: &Message) -> Option<u32> {
        seconds(message.header("Min-SE")?.split(';').next()?.trim())
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let refresher = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        write!(f, "{}{refresher}", self.secs)
    }
}

fn seconds(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}
