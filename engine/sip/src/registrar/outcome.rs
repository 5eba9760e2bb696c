use super::BindingChange;

/// What a REGISTER comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to store: answer 200 with these Contact values, one field each.
    Query {
        contacts: Vec<String>,
    },
    /// Make the changes durable, then `commit` and answer 200; or `abort` and answer 500.
    Updated(Prepared),
    Refused(Refused),
}

/// A change waiting to be made durable. Later REGISTERs of the same address-of-record are judged as if it were.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    pub aor: String,
    pub changes: Vec<BindingChange>,
    /// Contact values of the 200, one field each, with the seconds left in `expires`.
    pub contacts: Vec<String>,
    /// A flow that the client keeps was bound: the 200 says `Require: outbound` (RFC 5626 section 6).
    pub outbound: bool,
    pub(super) ticket: u64,
}

/// The response that refuses a REGISTER. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub reason: &'static str,
    /// Header fields the response must carry (Min-Expires).
    pub headers: Vec<(&'static str, String)>,
}

impl Refused {
    pub(super) fn bad_request(reason: &'static str) -> Self {
        Refused { status: 400, reason, headers: Vec::new() }
    }

    /// RFC 3261 section 10.3, steps 6 and 7: an older request must not undo a newer one.
    pub(super) fn out_of_order() -> Self {
        Refused { status: 500, reason: "CSeq Out Of Order", headers: Vec::new() }
    }

    /// RFC 3261 section 21.4.17.
    pub(super) fn too_brief(min_secs: u32) -> Self {
        Refused { status: 423, reason: "Interval Too Brief", headers: vec![("Min-Expires", min_secs.to_string())] }
    }

    /// RFC 5626 section 6: the client wants its flow kept, and the proxy before us does not keep flows.
    pub(super) fn first_hop_lacks_outbound() -> Self {
        Refused { status: 439, reason: "First Hop Lacks Outbound Support", headers: Vec::new() }
    }

    pub(super) fn too_many() -> Self {
        Refused { status: 403, reason: "Too Many Contacts", headers: Vec::new() }
    }
}
