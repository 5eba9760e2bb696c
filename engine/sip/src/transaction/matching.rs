use std::fmt::Write;

use crate::message::{CSeq, Message, Via};

/// What finds the client transaction of a response: the top Via's branch and the CSeq method (RFC 3261 section 17.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientMatch(String);

impl ClientMatch {
    pub fn new(message: &Message) -> Option<Self> {
        let via = message.via();
        if !via.has_rfc3261_branch() {
            return None;
        }
        Some(ClientMatch([via.branch()?, "\n", message.cseq().method_str].concat()))
    }
}

/// What finds the server transaction of a request (RFC 3261 section 17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ServerMatch {
    text: String,
    /// The peer is of RFC 2543: no branch to go by.
    pub legacy: bool,
}

impl ServerMatch {
    /// The transaction this request makes or repeats.
    pub fn of_request(message: &Message) -> Self {
        Self::with_method(message, message.method_str())
    }

    /// The INVITE transaction that this ACK or CANCEL belongs to.
    pub fn of_invite(message: &Message) -> Self {
        Self::with_method(message, "INVITE")
    }

    fn with_method(message: &Message, method: &str) -> Self {
        let via = message.via();
        let legacy = !via.has_rfc3261_branch();
        let branch = via.branch().unwrap_or("");
        // The longest port has five digits.
        let mut text = String::with_capacity(method.len() + via.host().len() + branch.len() + 8);
        text.push_str(method);
        text.push('\n');
        push_sent_by(&mut text, &via);
        text.push('\n');
        text.push_str(branch);
        if legacy {
            // The To tag is left out: an ACK carries the one of the response, which the layer compares itself.
            let CSeq { number, .. } = message.cseq();
            let uri = message.request_uri().map_or("", |u| u.as_str());
            let from_tag = message.from_tag().unwrap_or("");
            text += &format!("\n{uri}\n{from_tag}\n{}\n{number}", message.call_id());
        }
        ServerMatch { text, legacy }
    }
}

/// Host names are the same in any case (RFC 3261 section 17.2.3 compares them as such).
fn push_sent_by(text: &mut String, via: &Via<'_>) {
    text.extend(via.host().chars().map(|c| c.to_ascii_lowercase()));
    text.push('\n');
    if let Some(port) = via.port() {
        // Writing to a String does not fail.
        let _ = write!(text, "{port}");
    }
}
