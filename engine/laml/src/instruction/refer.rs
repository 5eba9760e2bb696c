/// A `<Refer>`: the far end of the leg is asked to call somebody else (laml.md 1.14).
#[derive(Clone, Debug, PartialEq)]
pub struct Refer {
    /// SIP URI, without the `?name=value` part.
    pub to: String,
    /// From that part, for the INVITE that the far end is to send.
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferOutcome {
    pub status: ReferStatus,
    /// The final response to REFER; None when none came, or none was sent.
    pub response_code: Option<u16>,
    /// The last status that a NOTIFY told.
    pub notified_code: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferStatus {
    /// The far end has reached the other party.
    InProgress,
    Busy,
    NoAnswer,
    Canceled,
    Failed,
}
