/// Call-ID and both tags (RFC 3261 section 12).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    pub call_id: String,
    pub local_tag: String,
    /// Empty for a caller of RFC 2543 that sends none (RFC 3261 section 12.1.1).
    pub remote_tag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    Early,
    Confirmed,
}

/// One dialog as plain data: a supervisor keeps it and makes a [`Dialog`](super::Dialog) of it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogSnapshot {
    pub id: DialogId,
    pub state: DialogState,
    /// The dialog was made over TLS to a sips URI: so must all that follows (RFC 3261 section 12.1).
    pub secure: bool,
    /// Our From (or To) value, tag and all.
    pub local: String,
    /// The peer's From (or To) value, tag and all.
    pub remote: String,
    /// CSeq of our last request; None before the first.
    pub local_seq: Option<u32>,
    /// CSeq of the peer's last request; None before the first.
    pub remote_seq: Option<u32>,
    pub remote_target: String,
    /// Route values in the order to send.
    pub route_set: Vec<String>,
}
