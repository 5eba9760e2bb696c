//! Who sent a request: digest credentials verified, or asked for.

use tandem_call::directory::Directory;
use tandem_model::{Endpoint, hex_token};
use tandem_sip::auth::{Refusal as AuthRefusal, Role, Secrets};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::ServerKey;

use super::super::admission::Refusal;
use super::super::counts;
use super::SipShard;

pub(super) enum Verdict {
    Challenge { stale: bool },
    Refuse(Refusal),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Verdict::Refuse(refusal)
    }
}

impl SipShard {
    pub(super) fn authenticate(
        &mut self,
        role: Role,
        message: &SipMessage,
        directory: &Directory,
        source: Endpoint,
    ) -> Result<String, Verdict> {
        let now = self.now();
        let result = self.challenger.verify(now, role, message, |user| {
            directory.endpoint(user).map(|e| Secrets { md5: &e.secrets.md5, sha256: &e.secrets.sha256 })
        });
        result.map_err(|refusal| {
            if refusal != AuthRefusal::NoCredentials && refusal != AuthRefusal::StaleNonce {
                tracing::warn!(%source, call_id = message.call_id(), why = refusal.as_str(), "authentication refused");
            }
            Verdict::Challenge { stale: refusal.is_stale() }
        })
    }

    /// 401 or 407; not repeated by a transaction, since nobody has verified where it goes.
    pub(super) fn challenge(
        &mut self,
        role: Role,
        key: ServerKey,
        message: &SipMessage,
        source: Endpoint,
        stale: bool,
    ) {
        let now = self.now();
        let [sha256, md5] = self.challenger.challenge(now, stale, &mut self.entropy);
        let mut response = SipMessage::response(message, source.addr, role.status(), None)
            .to_tag(&hex_token(&mut self.entropy, 8))
            .header("Server", &self.config.user_agent);
        // MD5 first: widely used clients that know it alone look at the first challenge and no further. A client takes
        // any it supports (RFC 8760 section 2.4).
        response = response.header(role.challenge_header(), &md5);
        if self.config.digest_sha256 && !gives_up_at_two_challenges(message) {
            response = response.header(role.challenge_header(), &sha256);
        }
        let response = response.build();
        counts::answered(&self.config.metrics, &response);
        self.layer.respond_stateless(key, &response);
    }
}

/// Clients known to fail when one of several challenges is not MD5, though RFC 8760 section 2.4 has them pass over it.
fn gives_up_at_two_challenges(message: &SipMessage) -> bool {
    message.header("User-Agent").is_some_and(|agent| agent.to_ascii_lowercase().starts_with("baresip"))
}
