//! One exchange with a registrar: a REGISTER, sent again as challenges and a 423 demand.

use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::{Endpoint, Entropy, Timestamp, hex_token, limits};
use tandem_sip::auth::{Account, Challenge};
use tandem_sip::message::{Contact, Message, Uri};

use super::{Binding, PATIENCE, Phase, Registration, RegistrationEffect, RegistrationFailure, RequestNumber, backoff};
use crate::carrier::answerable;
use crate::carrier::naming::host_port;

/// Requests of one exchange with one server: the first, two challenges of a proxy and a registrar, one stale nonce, one 423,
/// and one more.
const REQUESTS_MAX: u8 = 6;
/// Elements of a Service-Route kept.
const SERVICE_ROUTE_MAX: usize = 8;

pub(super) struct Asking {
    pub id: RequestNumber,
    pub until: Timestamp,
    hop: Endpoint,
    /// To try when this one does not answer (RFC 3263 section 4.3).
    hops: VecDeque<Endpoint>,
    requests: u8,
    /// Who was given an answer in this exchange: a second challenge of the same means that the password is wrong.
    answered: Vec<String>,
    lengthened: bool,
}

impl Asking {
    pub fn hop(&self) -> Endpoint {
        self.hop
    }
}

impl Registration {
    /// Begins an exchange at the first of `hops`.
    pub(super) fn ask(&mut self, now: Timestamp, mut hops: VecDeque<Endpoint>, entropy: &mut dyn Entropy) {
        let Some(hop) = hops.pop_front() else {
            let why = RegistrationFailure::Unresolved("no address".to_owned());
            return self.failed(now, why, None, entropy);
        };
        let server = Some(hop.addr.ip().to_canonical());
        if self.challenger != server {
            self.challenges.clear();
            self.challenger = server;
        }
        let asking = Asking { id: 0, until: now, hop, hops, requests: 0, answered: Vec::new(), lengthened: false };
        self.send(now, asking, entropy);
    }

    fn send(&mut self, now: Timestamp, mut asking: Asking, entropy: &mut dyn Entropy) {
        asking.id = self.next_request();
        asking.until = now + PATIENCE;
        asking.requests += 1;
        let message = self.register(asking.hop, entropy);
        self.effects.push_back(RegistrationEffect::Send {
            id: asking.id,
            message: Box::new(message),
            destination: asking.hop,
        });
        self.phase = Phase::Asking(asking);
    }

    fn register(&mut self, hop: Endpoint, entropy: &mut dyn Entropy) -> Message {
        self.cseq += 1;
        let expires = if self.leaving { 0 } else { self.expires_secs };
        let (transport, naming) = (hop.transport, self.naming.clone());
        let uri = self.request_uri();
        let branch = hex_token(entropy, 8);
        let via = format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK{branch}", naming.sent_by.towards(hop));
        let mut request = Message::request("REGISTER", &uri)
            .header("Via", &via)
            .header("Max-Forwards", &limits::MAX_FORWARDS.to_string())
            .name_addr("From", None, &self.spec.aor, &format!(";tag={}", self.local_tag))
            .name_addr("To", None, &self.spec.aor, "")
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{} REGISTER", self.cseq))
            .header("Contact", &format!("{};expires={expires}", naming.contact(&self.spec.contact_user, hop)))
            .header("Expires", &expires.to_string())
            // RFC 3327 section 5.1: proxies on the way may put themselves into the path of calls to us.
            .header("Supported", "path")
            .header("User-Agent", &naming.user_agent);
        for (challenge, count) in &mut self.challenges {
            *count += 1;
            let account = Account { username: &self.spec.username, password: &self.spec.password };
            let (name, value) = challenge.answer("REGISTER", &uri, account, *count, entropy);
            request = request.header(name, &value);
        }
        request.build()
    }

    /// The registrar's domain, without user (RFC 3261 section 10.2).
    fn request_uri(&self) -> String {
        match Uri::parse(&self.spec.registrar) {
            Ok(uri) => {
                let scheme = uri.as_str().split(':').next().unwrap_or("sip");
                format!("{scheme}:{}", host_port(&uri))
            }
            Err(_) => self.spec.registrar.clone(),
        }
    }

    pub(super) fn response(&mut self, now: Timestamp, response: &Message, source: Endpoint, entropy: &mut dyn Entropy) {
        let Phase::Asking(asking) = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        let status = response.status().unwrap_or(0);
        match status {
            0..=199 => self.phase = Phase::Asking(asking),
            200..=299 => self.accepted(now, &asking, response, entropy),
            401 | 407 => self.challenged(now, asking, response, source, entropy),
            423 => self.too_brief(now, asking, response, entropy),
            // Of this server alone (RFC 3263 section 4.3).
            503 | 408 | 500 | 502 | 504 => {
                self.phase = Phase::Asking(asking);
                self.next_hop(now, RegistrationFailure::Refused(status), Some(response), entropy);
            }
            _ => self.failed(now, RegistrationFailure::Refused(status), Some(response), entropy),
        }
    }

    pub(super) fn next_hop(
        &mut self,
        now: Timestamp,
        why: RegistrationFailure,
        response: Option<&Message>,
        entropy: &mut dyn Entropy,
    ) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        match asking.hops.pop_front() {
            Some(hop) => {
                let hops = std::mem::take(&mut asking.hops);
                self.ask(now, std::iter::once(hop).chain(hops).collect(), entropy);
            }
            None => self.failed(now, why, response, entropy),
        }
    }

    fn accepted(&mut self, now: Timestamp, asking: &Asking, response: &Message, entropy: &mut dyn Entropy) {
        if self.leaving {
            return self.over();
        }
        let granted = Duration::from_secs(self.granted_secs(response).into());
        if granted.is_zero() {
            return self.failed(now, RegistrationFailure::Refused(200), Some(response), entropy);
        }
        self.failures = 0;
        self.failure = None;
        let service_route = service_route(response);
        let flow = asking.hop;
        let flow_since = self.binding.as_ref().filter(|b| b.flow == flow).map_or(now, |b| b.flow_since);
        self.binding = Some(Binding { until: now + granted, flow, flow_since, service_route });
        self.phase = Phase::Waiting { until: now + backoff::refresh(granted, entropy) };
        self.effects.push_back(RegistrationEffect::Changed);
    }

    /// What was granted to our Contact; the response may list others of the same account (RFC 3261 section 10.2.4).
    fn granted_secs(&self, response: &Message) -> u32 {
        let ours = response.contacts().flatten().find_map(|contact| match contact {
            Contact::Address(address) => {
                let uri = address.uri().ok()?;
                (uri.user() == Some(self.spec.contact_user.as_str()))
                    .then(|| address.param("expires").map(str::to_owned))
            }
            Contact::Any => None,
        });
        let said = ours.flatten().and_then(|secs| secs.parse().ok()).or(response.expires());
        said.unwrap_or(self.expires_secs).min(limits::CARRIER_EXPIRES_SECS_MAX)
    }

    fn challenged(
        &mut self,
        now: Timestamp,
        mut asking: Asking,
        response: &Message,
        source: Endpoint,
        entropy: &mut dyn Entropy,
    ) {
        let from_carrier = source.addr.ip().to_canonical() == asking.hop.addr.ip().to_canonical();
        let challenge = answerable(response, self.spec.realm.as_deref()).filter(|_| from_carrier);
        let Some(challenge) = challenge else {
            self.challenges.clear();
            return self.failed(now, RegistrationFailure::ForeignChallenge, None, entropy);
        };
        // A second challenge says that the first answer was wrong, unless it only was too old, or this is another's.
        let was_wrong = asking.requests >= REQUESTS_MAX || self.was_answered(&asking, &challenge);
        if was_wrong {
            self.challenges.clear();
            return self.failed(now, RegistrationFailure::WrongCredentials, Some(response), entropy);
        }
        asking.answered.push(key(&challenge));
        self.challenges.retain(|(known, _)| key(known) != key(&challenge));
        // A proxy's and a registrar's.
        self.challenges.truncate(1);
        self.challenges.push((challenge, 0));
        self.send(now, asking, entropy);
    }

    fn was_answered(&self, asking: &Asking, challenge: &Challenge) -> bool {
        !challenge.stale && asking.answered.contains(&key(challenge))
    }

    fn too_brief(&mut self, now: Timestamp, mut asking: Asking, response: &Message, entropy: &mut dyn Entropy) {
        let least = response.header("Min-Expires").and_then(|v| v.trim().parse::<u32>().ok());
        match least.filter(|secs| *secs > self.expires_secs && *secs <= limits::CARRIER_EXPIRES_SECS_MAX) {
            // RFC 3261 section 10.2.8.
            Some(secs) if !self.leaving && !asking.lengthened => {
                self.expires_secs = secs;
                asking.lengthened = true;
                self.send(now, asking, entropy);
            }
            _ => self.failed(now, RegistrationFailure::Refused(423), Some(response), entropy),
        }
    }
}

/// Who challenged: a proxy and a registrar may both, each once.
fn key(challenge: &Challenge) -> String {
    format!("{} {}", challenge.role.status(), challenge.realm)
}

fn service_route(response: &Message) -> Vec<String> {
    let whole = |value: &&str| {
        let uri = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri);
        uri.is_some_and(|uri| Uri::parse(uri).is_ok())
    };
    response.token_list("Service-Route").filter(whole).take(SERVICE_ROUTE_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_route_is_read_whole_and_bounded() {
        let mut text =
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\nService-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n\
             Service-Route: nonsense, <>, <sip:p3.example;lr>\r\n"
                .to_owned();
        text += &"Service-Route: <sip:x;lr>\r\n".repeat(20);
        let routes = service_route(&Message::parse((text + "\r\n").into()).unwrap());
        assert_eq!(routes[..3], ["<sip:p1.example;lr>", "<sip:p2.example;lr>", "<sip:p3.example;lr>"]);
        assert_eq!(routes.len(), SERVICE_ROUTE_MAX);
    }
}
