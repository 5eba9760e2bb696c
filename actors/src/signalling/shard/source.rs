//! What is known of where messages come from: who has proved to be there, and what the others may cost.

use std::net::IpAddr;

use tandem_model::Endpoint;
use tandem_sip::client_behind;
use tandem_sip::message::Message as SipMessage;
use tandem_sip::transaction::Transmit;

use super::SipShard;

impl SipShard {
    /// Whether a message that came is read at all. What is refused is lost without an answer.
    pub(super) fn admits(&mut self, message: &SipMessage, source: Endpoint) -> bool {
        let (now, bytes) = (self.now(), message.bytes().len());
        let admitted = if self.is_proxy(source.addr.ip()) {
            // The operator wrote its address down: what it is sent is its own to bear.
            self.sources.proved(now, source);
            let client = self.client(message, source);
            client == source || self.behind_proxies.admits(now, client, bytes)
        } else {
            self.sources.admits(now, source, bytes) || self.is_carrier(source.addr.ip())
        };
        if !admitted {
            self.config.metrics.dropped("source over its rate", 1);
        }
        admitted
    }

    /// Whether a message is no response that somebody else gives than who was asked. Whoever overheard a request of ours could end
    /// the call or take its sound, with the branch that it read. Ports are not looked at, for NATs and proxies change them. Our
    /// proxies may answer, and a carrier from any address that its URI leads to or that the operator wrote down for it.
    pub(super) fn was_asked(&self, message: &SipMessage, source: Endpoint) -> bool {
        if !self.config.known_sources_only || message.is_request() {
            return true;
        }
        let ip = source.addr.ip().to_canonical();
        let Some(asked) = self.layer.asked(message).filter(|asked| asked.addr.ip().to_canonical() != ip) else {
            return true;
        };
        let may = self.is_proxy(ip) || self.are_one_carriers(asked.addr.ip().to_canonical(), ip);
        if !may {
            self.config.metrics.dropped("response from elsewhere", 1);
            // Nobody writes it who has not seen the request: a peer of several addresses, or an attack.
            tracing::warn!(%source, asked = %asked, call_id = message.call_id(), "response from who was not asked");
        }
        may
    }

    /// Who a message is counted for: where it comes from, or whoever one of our proxies says that it is of.
    pub(super) fn client(&self, message: &SipMessage, source: Endpoint) -> Endpoint {
        if !self.is_proxy(source.addr.ip()) || !message.is_request() {
            return source;
        }
        client_behind(message, |ip| self.is_proxy(ip)).map_or(source, |addr| Endpoint { addr, ..source })
    }

    /// A proxy or a carrier: the operator wrote its address down.
    pub(super) fn is_one_of_ours(&self, ip: IpAddr) -> bool {
        self.is_proxy(ip) || self.is_carrier(ip)
    }

    pub(super) fn is_proxy(&self, ip: IpAddr) -> bool {
        self.config.proxies.iter().any(|range| range.contains(ip))
    }

    /// Whether what the layer wants to send may go out: responses as far as the peer has proved where it is or has paid
    /// for them, and requests of ours always. But a BYE ends a call that the peer may never have made, when nobody
    /// acknowledged our 2xx (RFC 3261 section 13.3.1.4): it is held to the same.
    pub(super) fn may_send(&mut self, transmit: &Transmit) -> bool {
        if !transmit.bytes.starts_with(b"SIP/2.0 ") && !transmit.bytes.starts_with(b"BYE ") {
            return true;
        }
        let now = self.now();
        let may = self.sources.may_answer(now, transmit.to, &transmit.bytes) || self.is_carrier(transmit.to.addr.ip());
        if !may {
            self.config.metrics.dropped("answer to an unproved source", 1);
        }
        may
    }

    /// The sender of this request has shown that it gets our answers: there is a nonce or a To tag of ours in it.
    pub(super) fn proved(&mut self, message: &SipMessage, source: Endpoint) {
        let now = self.now();
        self.sources.proved(now, source);
        let client = self.client(message, source);
        if client != source {
            self.behind_proxies.proved(now, client);
        }
        // Without rport, answers go to the port in Via (RFC 3261 section 18.2.2).
        if !source.transport.is_reliable() && message.is_request() {
            let answered = message.via().reply_address(source.addr);
            if answered != source.addr {
                self.sources.proved(now, Endpoint { addr: answered, ..source });
            }
        }
    }

    /// Whether both are addresses of one carrier.
    fn are_one_carriers(&self, one: IpAddr, other: IpAddr) -> bool {
        let directory = self.config.directory.borrow();
        directory.carriers.iter().any(|carrier| {
            let is_its = |ip| {
                carrier.allow_from.iter().any(|range| range.contains(ip)) || self.config.trunks.is_of(carrier.id, ip)
            };
            is_its(one) && is_its(other)
        })
    }

    /// Carriers are known by their addresses, which the operator wrote down.
    fn is_carrier(&self, ip: IpAddr) -> bool {
        let directory = self.config.directory.borrow();
        directory.carriers.iter().any(|c| c.allow_from.iter().any(|range| range.contains(ip)))
    }
}
