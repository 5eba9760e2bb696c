//! Who sent a request: digest credentials verified, or asked for.

use std::sync::Arc;
use std::time::Duration;

use tandem_call::directory::Directory;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::auth::{Algorithm, Refusal as AuthRefusal, Role, Secrets, offer};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::ServerKey;

use super::super::admission::Refusal;
use super::super::counts;
use super::SipShard;

/// Refused logins that are written to the log in one interval; the rest is counted and told in one line.
const LINES_PER_INTERVAL: u32 = 20;
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What phones are challenged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPolicy {
    /// In the order of the challenge, the one liked best first (RFC 8760 section 2.4). A client should take the first it
    /// knows; some in wide use look at the first alone.
    pub algorithms: Vec<Algorithm>,
    /// Offer qop "auth-int" too.
    pub auth_int: bool,
}

/// What a shard knows of challenges and refusals.
#[derive(Default)]
pub(super) struct AuthState {
    /// The directory that was looked through last, and whether all its endpoints have every secret.
    complete: Option<(Arc<Directory>, bool)>,
    log: LogBudget,
}

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
            let secrets = &directory.endpoint(user)?.secrets;
            Some(Secrets { md5: &secrets.md5, sha256: &secrets.sha256, sha512_256: &secrets.sha512_256 })
        });
        if result.is_ok() {
            self.proved(message, source);
        }
        result.map_err(|refusal| {
            self.config.metrics.login_refused(refusal.as_str());
            if refusal.is_suspicious() {
                self.log_refusal(now, message, directory, source, refusal);
            }
            match refusal {
                // No challenge: it would only be guessed at again. 403 and not 503, for a proxy in front would take
                // us for broken (RFC 3261 sections 21.4.4 and 21.5.4).
                AuthRefusal::TooManyFailures => Verdict::Refuse(Refusal { status: 403, why: "too many failed logins" }),
                _ => Verdict::Challenge { stale: refusal.is_stale() },
            }
        })
    }

    /// On the wire all are alike (promises row 10); here they are told apart, in so many lines that a flood does not
    /// fill the disk.
    fn log_refusal(
        &mut self,
        now: Timestamp,
        message: &SipMessage,
        directory: &Directory,
        source: Endpoint,
        refusal: AuthRefusal,
    ) {
        if let Some(left_out) = self.auth.log.new_interval(now) {
            tracing::warn!(left_out, "refused logins that were not written here, since the last such line");
        }
        if self.auth.log.takes_line() {
            let our_domain = message.to().uri().is_ok_and(|to| self.is_home(directory, &to));
            let (call_id, why) = (message.call_id(), refusal.as_str());
            let client = self.client(message, source);
            tracing::warn!(%source, %client, call_id, why, our_domain, "authentication refused");
        }
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
        let mut algorithms = self.config.auth.algorithms.clone();
        if !self.has_all_secrets() {
            algorithms.retain(|a| *a != Algorithm::Sha512_256);
        }
        if gives_up_at_two_challenges(message) {
            let md5 = algorithms.iter().position(|a| *a == Algorithm::Md5).unwrap_or(0);
            algorithms = algorithms.get(md5).copied().into_iter().collect();
        }
        // Whoever gets this nonce is charged for what is tried with it.
        let client = self.client(message, source).addr.ip();
        let values = self.challenger.challenge(now, client, stale, &algorithms, &mut self.entropy);
        tracing::debug!(%source, call_id = message.call_id(), method = message.method_str(), "challenged");
        let tag = self.layer.tag_for(message);
        // Who has proved nothing is not answered with much more than it sent: rather a choice less than no answer.
        let room = self.sources.room(now, source);
        let response = offer(algorithms.into_iter().zip(values).collect(), room, |challenges| {
            let response = SipMessage::response(message, source.addr, role.status(), None).to_tag(&tag);
            challenges.iter().fold(response, |r, (_, value)| r.header(role.challenge_header(), value)).build()
        });
        counts::answered(&self.config.metrics, &response);
        self.layer.respond_stateless(key, &response);
    }

    /// Whether SHA-512-256 may be offered. It is offered to all or to nobody: a challenge that depended on the user would
    /// tell who exists.
    fn has_all_secrets(&mut self) -> bool {
        let directory = self.config.directory.borrow().clone();
        if let Some((known, complete)) = &self.auth.complete
            && Arc::ptr_eq(known, &directory)
        {
            return *complete;
        }
        let complete = directory.endpoints.values().all(|e| !e.secrets.sha512_256.is_empty());
        self.auth.complete = Some((directory, complete));
        complete
    }
}

/// Clients known to fail when one of several challenges is not MD5, though RFC 8760 section 2.4 has them pass over it.
fn gives_up_at_two_challenges(message: &SipMessage) -> bool {
    message.header("User-Agent").is_some_and(|agent| agent.get(..7).is_some_and(|a| a.eq_ignore_ascii_case("baresip")))
}

#[derive(Default)]
struct LogBudget {
    since: Timestamp,
    lines: u32,
    left_out: u64,
}

impl LogBudget {
    /// When an interval is over: what it left out, if anything.
    fn new_interval(&mut self, now: Timestamp) -> Option<u64> {
        if now.since(self.since) < LOG_INTERVAL {
            return None;
        }
        let left_out = std::mem::take(&mut self.left_out);
        *self = LogBudget { since: now, lines: 0, left_out: 0 };
        (left_out > 0).then_some(left_out)
    }

    fn takes_line(&mut self) -> bool {
        let room = self.lines < LINES_PER_INTERVAL;
        match room {
            true => self.lines += 1,
            false => self.left_out += 1,
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_few_lines_and_a_count() {
        let mut log = LogBudget::default();
        let start = Timestamp::from_secs(100);
        assert_eq!(log.new_interval(start), None);
        let written = (0..10_000).filter(|_| log.takes_line()).count();
        assert_eq!(written, LINES_PER_INTERVAL as usize);
        assert_eq!(log.new_interval(start + LOG_INTERVAL / 2), None);
        assert_eq!(log.new_interval(start + LOG_INTERVAL), Some(10_000 - u64::from(LINES_PER_INTERVAL)));
        assert!(log.takes_line());
        assert_eq!(log.new_interval(start + 2 * LOG_INTERVAL), None);
    }
}
