//! REGISTER: authenticated here, decided and made durable by the registrar.

use actix::prelude::*;
use tandem_model::{Endpoint, hex_token, limits};
use tandem_sip::auth::Role;
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::ServerKey;

use super::super::registration::{Register, Registered};
use super::super::{admission, counts};
use super::SipShard;
use super::auth::Verdict;

impl SipShard {
    pub(super) fn register(&mut self, key: ServerKey, message: SipMessage, source: Endpoint, ctx: &mut Context<Self>) {
        let directory = self.config.directory.borrow().clone();
        let username = match self.authenticate(Role::UserAgent, &message, &directory, source) {
            Ok(username) => username,
            Err(Verdict::Challenge { stale }) => return self.challenge(Role::UserAgent, key, &message, source, stale),
            Err(Verdict::Refuse(r)) => return self.reply(key, &message, source, r.status, &[]),
        };
        let Ok(to) = message.to().uri() else { return self.reply(key, &message, source, 400, &[]) };
        let at_home = to.host().eq_ignore_ascii_case(&directory.profile_domain())
            || admission::is_ours(self.config.transports.listening(), to.host(), to.port());
        if !at_home {
            // On the wire like a wrong password (promises row 10): only the log knows better.
            tracing::warn!(%source, call_id = message.call_id(), "REGISTER for a domain that is not ours");
            tracing::debug!(domain = to.host(), "the domain asked for");
            return self.challenge(Role::UserAgent, key, &message, source, false);
        }
        let aor = to.user_decoded().unwrap_or_default().to_lowercase();
        if aor != username.to_lowercase() {
            tracing::warn!(%source, call_id = message.call_id(), "REGISTER for another user");
            tracing::debug!(aor, username, "the users in question");
            return self.reply(key, &message, source, 403, &[]);
        }
        if self.registering >= limits::REGISTRAR_MAILBOX {
            return self.reply(key, &message, source, 503, &[("Retry-After", "5")]);
        }
        self.registering += 1;
        let ask = self.config.registrar.send(Register { aor, message: message.clone(), source });
        ctx.spawn(ask.into_actor(self).map(move |result, shard, ctx| {
            let now = shard.now();
            shard.registering -= 1;
            let mut response = match result {
                Ok(Registered::Ok(contacts)) => {
                    let mut r = SipMessage::response(&message, source.addr, 200, None);
                    for contact in &contacts {
                        r = r.header("Contact", contact);
                    }
                    r.header("Date", &sip_date(shard.config.clock.wall().rfc2822()))
                }
                Ok(Registered::Refused(refused)) => {
                    let mut r = SipMessage::response(&message, source.addr, refused.status, Some(refused.reason));
                    for (name, value) in &refused.headers {
                        r = r.header(name, value);
                    }
                    r
                }
                Ok(Registered::NotDurable) | Err(_) => {
                    SipMessage::response(&message, source.addr, 500, None).header("Retry-After", "5")
                }
            };
            response = response.to_tag(&hex_token(&mut shard.entropy, 8)).header("Server", &shard.config.user_agent);
            let response = response.build();
            counts::answered(&shard.config.metrics, &response);
            shard.layer.respond(now, key, &response);
            shard.settle(ctx);
        }));
    }
}

/// RFC 3261 section 20.17 wants GMT.
fn sip_date(mail: String) -> String {
    mail.replace("+0000", "GMT")
}
