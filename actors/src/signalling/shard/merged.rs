//! An INVITE that was forked on its way here and comes twice is answered once (RFC 3261 section 8.2.2.2).

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use tandem_model::OwnMap;
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::ServerKey;

/// The INVITEs that became calls and whose transactions last.
///
/// A back-to-back user agent has many users: the address is part of what makes two requests the same, so that a proxy may fork one call to
/// two of them.
#[derive(Default)]
pub(super) struct Merged {
    hasher: RandomState,
    pending: HashSet<u64>,
    by_key: OwnMap<ServerKey, u64>,
}

impl Merged {
    /// False: it is here already, by another way.
    pub fn enters(&mut self, key: ServerKey, invite: &SipMessage) -> bool {
        let uri = invite.request_uri().map_or("", |uri| uri.as_str());
        let which = (invite.call_id(), invite.from_tag(), invite.cseq().number, uri);
        let hash = self.hasher.hash_one(which);
        if !self.pending.insert(hash) {
            return false;
        }
        self.by_key.insert(key, hash);
        true
    }

    /// Its transaction is over, or it became nothing.
    pub fn leaves(&mut self, key: ServerKey) {
        if let Some(hash) = self.by_key.remove(&key) {
            self.pending.remove(&hash);
        }
    }
}
