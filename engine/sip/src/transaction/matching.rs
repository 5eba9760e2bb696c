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
        Some(ClientMatch(format!("{}\n{}", via.branch()?, message.cseq().method_str)))
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
        let mut text = format!("{method}\n{}\n{}", sent_by(&via), via.branch().unwrap_or(""));
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

fn sent_by(via: &Via<'_>) -> String {
    let port = via.port().map_or(String::new(), |p| p.to_string());
    format!("{}\n{port}", via.host().to_ascii_lowercase())
}
