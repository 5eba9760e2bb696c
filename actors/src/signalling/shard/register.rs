//! REGISTER: authenticated here, decided and made durable by the registrar.

use actix::prelude::*;
use tandem_call::directory::{ContactLimits, Directory};
use tandem_call::leg::hop::next_hop;
use tandem_model::{Endpoint, Transport, hex_token, limits};
use tandem_sip::auth::Role;
use tandem_sip::message::{Contact, Message as SipMessage, NameAddr, Scheme, Uri};
use tandem_sip::transaction::ServerKey;

use super::super::counts;
use super::super::registration::{Register, Registered};
use super::SipShard;
use super::auth::Verdict;

/// How long a client may let its connection be silent (RFC 5626 section 5.4): below what NATs keep for TCP, and below our
/// own patience with an idle one.
const FLOW_TIMER_SECS: &str = "120";

/// The extensions that a REGISTER may require.
const EXTENSIONS: [&str; 2] = ["path", "outbound"];

/// The option tags in Require that are none of them (RFC 3261 section 8.2.2.3).
pub(super) fn unsupported_extension(message: &SipMessage) -> Option<String> {
    let is_known = |tag: &&str| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let tags: Vec<_> = message.token_list("Require").filter(|tag| !is_known(tag)).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

impl SipShard {
    pub(super) fn register(&mut self, key: ServerKey, message: SipMessage, source: Endpoint, ctx: &mut Context<Self>) {
        let directory = self.config.directory.borrow().clone();
        let username = match self.authenticate(Role::UserAgent, &message, &directory, source) {
            Ok(username) => username,
            Err(Verdict::Challenge { stale }) => return self.challenge(Role::UserAgent, key, &message, source, stale),
            Err(Verdict::Refuse(r)) => return self.reply(key, &message, source, r.status, &[]),
        };
        let Ok(to) = message.to().uri() else { return self.reply(key, &message, source, 400, &[]) };
        if !self.is_home(&directory, &to) {
            // On the wire like a wrong password (promises row 10): only the log knows better.
            self.config.metrics.login_refused("wrong_domain");
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
        if let Some(why) = self.foreign_contact(&directory, &message, source) {
            tracing::warn!(%source, call_id = message.call_id(), why, "REGISTER of a contact that is not its user's");
            self.config.metrics.registration("foreign_contact");
            return self.reply(key, &message, source, 403, &[]);
        }
        if self.registering >= limits::REGISTRAR_MAILBOX {
            return self.reply(key, &message, source, 503, &[("Retry-After", "5")]);
        }
        self.registering += 1;
        let limits = directory.endpoint(&username).map_or(ContactLimits::default(), |e| e.contacts);
        let ask = self.config.registrar.send(Register { aor, message: message.clone(), source, limits });
        ctx.spawn(ask.into_actor(self).map(move |result, shard, ctx| {
            shard.look_at_clock();
            let now = shard.now();
            shard.registering -= 1;
            let response = match result {
                Ok(Registered::Ok { contacts, outbound }) => shard.registered(&message, source, &contacts, outbound),
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
            let response =
                response.to_tag(&hex_token(&mut shard.entropy, 8)).header("Server", &shard.config.user_agent);
            let response = response.build();
            counts::answered(&shard.config.metrics, &response);
            shard.layer.respond(now, key, &response);
            shard.settle(ctx);
        }));
    }

    /// 200 (RFC 3261 section 10.3, step 8), with what its extensions add.
    fn registered(
        &self,
        request: &SipMessage,
        source: Endpoint,
        contacts: &[String],
        outbound: bool,
    ) -> tandem_sip::message::Builder {
        let mut response = SipMessage::response(request, source.addr, 200, None);
        for contact in contacts {
            response = response.header("Contact", contact);
        }
        let supports = |wanted: &str| request.token_list("Supported").any(|tag| tag.eq_ignore_ascii_case(wanted));
        if supports("path") {
            // RFC 3327 section 5.3: the client learns which proxies it is reached through.
            for path in request.headers("Path") {
                response = response.header("Path", path);
            }
        }
        for route in &self.config.service_route {
            response = response.header("Service-Route", route);
        }
        if outbound {
            response = response.header("Require", "outbound");
            if source.transport.is_reliable() && request.header("Path").is_none() {
                response = response.header("Flow-Timer", FLOW_TIMER_SECS);
            }
        }
        response.header("Date", &sip_date(self.config.clock.wall().rfc2822()))
    }

    /// Whether an address-of-record is one of this server's.
    pub(super) fn is_home(&self, directory: &Directory, to: &Uri<'_>) -> bool {
        to.host().eq_ignore_ascii_case(directory.profile_domain()) || self.places.holds(to.host(), to.port())
    }

    /// Why a contact is not for this user to register: calls to it would come back to us and go round (RFC 5393), or
    /// go out to a carrier at our cost.
    fn foreign_contact(&self, directory: &Directory, request: &SipMessage, source: Endpoint) -> Option<&'static str> {
        // Wherever it leads: by its host, its maddr, or a proxy in the Path.
        let at_a_carrier = |uri: &str| self.config.trunks.is_at_a_carrier(next_hop(uri, source).addr, source.addr);
        let through_a_carrier = || {
            let mut path = request.token_list("Path").filter_map(|proxy| NameAddr::parse(proxy).ok());
            path.any(|proxy| at_a_carrier(proxy.uri_str()))
        };
        for contact in request.contacts() {
            let Ok(Contact::Address(address)) = contact else { continue };
            let Ok(uri) = address.uri() else { continue };
            // One that was there before the carrier may go.
            if address.param("expires").map_or(request.expires() == Some(0), |secs| secs == "0") {
                continue;
            }
            if through_a_carrier() {
                return Some("its Path leads to a carrier");
            }
            if self.places.holds(uri.host(), uri.port()) || is_own_name(directory, uri.host()) {
                return Some("it is this server");
            }
            let same_place = |other: &str| {
                Uri::parse(other).is_ok_and(|o| name(&o).eq_ignore_ascii_case(name(&uri)) && port(&o) == port(&uri))
            };
            if at_a_carrier(uri.as_str()) || directory.carriers.iter().any(|c| same_place(&c.uri)) {
                return Some("it is a carrier");
            }
        }
        None
    }
}

fn port(uri: &Uri<'_>) -> u16 {
    let default = if uri.scheme() == Scheme::Sips { Transport::Tls } else { Transport::Udp };
    uri.port().unwrap_or_else(|| uri.transport().unwrap_or(default).default_port())
}

/// A name is the same with the dot of the root behind it.
fn name<'a>(uri: &Uri<'a>) -> &'a str {
    uri.host().trim_end_matches('.')
}

/// `….sip.<domain>` and `….dapp.<domain>` are all ours.
fn is_own_name(directory: &Directory, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let before = host.strip_suffix(&directory.project.domain.to_ascii_lowercase());
    before.is_some_and(|name| name.ends_with(".sip.") || name.ends_with(".dapp."))
}

/// RFC 3261 section 20.17 wants GMT.
fn sip_date(mail: String) -> String {
    mail.replace("+0000", "GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_of_this_server_is_known() {
        let mut directory = Directory::default();
        directory.project.domain = "example.com".into();
        for (host, own) in [
            ("acme-main.sip.example.com", true),
            ("acme-menu.DAPP.example.com", true),
            ("phone.example.com", false),
            ("acme.sip.example.com.evil.test", false),
        ] {
            assert_eq!(is_own_name(&directory, host), own, "{host}");
        }
    }
}
