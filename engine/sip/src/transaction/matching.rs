use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use crate::message::{CSeq, Message, Via};

/// Makes of what tells a transaction from all others a number of 128 bits, by two keys that nobody outside knows: two transactions that
/// meet in it are less likely than a memory that fails, and it takes no memory of its own for the half minute that most of them stay.
#[derive(Default)]
pub(super) struct Matching {
    keys: [RandomState; 2],
}

/// What finds the client transaction of a response: the top Via's branch and the CSeq method (RFC 3261 section 17.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientMatch([u64; 2]);

/// What finds the server transaction of a request (RFC 3261 section 17.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ServerMatch {
    number: [u64; 2],
    /// The peer is of RFC 2543: no branch to go by.
    pub legacy: bool,
}

impl Matching {
    /// None for a branch that identifies nothing.
    pub fn client(&self, message: &Message) -> Option<ClientMatch> {
        let via = message.via();
        if !via.has_rfc3261_branch() {
            return None;
        }
        let what = (via.branch()?, message.method_str());
        Some(ClientMatch(self.number(|key| key.hash_one(what))))
    }

    /// The transaction this request makes or repeats.
    pub fn server(&self, message: &Message) -> ServerMatch {
        self.with_method(message, message.method_str())
    }

    /// The INVITE transaction that this ACK or CANCEL belongs to.
    pub fn server_of_invite(&self, message: &Message) -> ServerMatch {
        self.with_method(message, "INVITE")
    }

    fn with_method(&self, message: &Message, method: &str) -> ServerMatch {
        let via = message.via();
        let legacy = !via.has_rfc3261_branch();
        let number = self.number(|key| {
            let mut hasher = key.build_hasher();
            method.hash(&mut hasher);
            hash_sent_by(&via, &mut hasher);
            via.branch().hash(&mut hasher);
            if legacy {
                // The To tag is left out: an ACK carries the one of the response, which the layer compares itself.
                let CSeq { number, .. } = message.cseq();
                let uri = message.request_uri().map(|uri| uri.as_str());
                (uri, message.from_tag(), message.call_id(), number).hash(&mut hasher);
            }
            hasher.finish()
        });
        ServerMatch { number, legacy }
    }

    fn number(&self, by: impl Fn(&RandomState) -> u64) -> [u64; 2] {
        [by(&self.keys[0]), by(&self.keys[1])]
    }
}

/// Host names are the same in any case (RFC 3261 section 17.2.3 compares them as such).
fn hash_sent_by(via: &Via<'_>, hasher: &mut impl Hasher) {
    let host = via.host();
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        host.to_ascii_lowercase().hash(hasher);
    } else {
        host.hash(hasher);
    }
    via.port().hash(hasher);
}
