//! An INVITE outside any dialog: whose it is, whether it may come in, and the call it becomes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tandem_call::call::{CarriersBusy, Hops, InboundLeg, Party, Plan};
use tandem_call::carrier;
use tandem_model::Endpoint;
use tandem_sip::auth::Role;
use tandem_sip::message::{Message as SipMessage, Scheme};
use tandem_sip::transaction::ServerKey;

use super::super::admission::{self, Admitted, Refusal, Sender};
use super::super::message::OfferCall;
use super::super::screening;
use super::auth::Verdict;
use super::overload;
use super::{InviteOwner, SipShard};
use crate::carrier::Channel;

impl SipShard {
    pub(super) fn invite(&mut self, key: ServerKey, message: SipMessage, source: Endpoint) {
        if message.max_forwards() == Some(0) {
            return self.reply(key, &message, source, 483, &[]);
        }
        let (admitted, username, hops) = match self.admit(&message, source) {
            Ok(admitted) => admitted,
            Err(Verdict::Challenge { stale }) => {
                let directory = self.config.directory.borrow().clone();
                if let Some(what) = screening::asks_for_much(&self.config.own, &directory, &message) {
                    self.audit(&message, source, 407, what);
                }
                return self.challenge(Role::Proxy, key, &message, source, stale);
            }
            Err(Verdict::Refuse(refusal)) => {
                if matches!(refusal.status, 402..=404 | 416 | 481..=483) {
                    self.audit(&message, source, refusal.status, refusal.why);
                }
                tracing::info!(%source, call_id = message.call_id(), status = refusal.status, why = refusal.why, "INVITE refused");
                if refusal.status == 503 && !self.config.gate.draining.load(Ordering::Relaxed) {
                    self.refused_for_overload(&message, source);
                }
                let headers: &[(&str, &str)] = match refusal.status {
                    503 => &[("Retry-After", overload::RETRY_AFTER)],
                    status => screening::headers_of(status),
                };
                return self.reply(key, &message, source, refusal.status, headers);
            }
        };
        let mut inbound = admission::inbound_leg(&message, source, username, hops, admitted.trusted);
        let channel = match self.take_channel(&admitted, &message, &mut inbound) {
            Ok(channel) => channel,
            Err(busy) => {
                tracing::info!(%source, call_id = message.call_id(), "INVITE refused: its carrier is at its limits");
                let secs = busy.retry_after_secs.to_string();
                return self.reply(key, &message, source, 503, &[("Retry-After", &secs)]);
            }
        };
        let Some(own) = self.own.clone() else { return };
        let now = self.now();
        // Whom the operator let in by address is as good as proved: carriers, proxies, allow-lists of applications.
        let known = admitted.trusted || self.is_one_of_ours(source.addr.ip());
        let unproved = !known && self.sources.is_stranger(now, source);
        self.sources.lets_in(now, source, (!known).then_some(message.bytes().len()));
        let offer = OfferCall {
            key,
            source,
            unproved,
            plan: admitted.plan,
            media: admitted.media,
            inbound,
            channel,
            shard: own,
            message: message.clone(),
        };
        if !self.merged.enters(key, &offer.message) {
            return self.reply(key, &message, source, 482, &[]);
        }
        self.invites.insert(key, InviteOwner::Pending { cancelled: false });
        if self.config.switchboard.try_send(offer).is_err() {
            self.invites.remove(&key);
            self.merged.leaves(key);
            self.refused_for_overload(&message, source);
            self.reply(key, &message, source, 503, &[("Retry-After", "5")]);
        }
    }

    /// A call that a carrier brings takes one of its channels, whatever it is for. Where the carrier says who is called, it
    /// names people in our way.
    fn take_channel(
        &self,
        admitted: &Admitted,
        invite: &SipMessage,
        inbound: &mut InboundLeg,
    ) -> Result<Option<Channel>, CarriersBusy> {
        if let Plan::Connect { caller: Party::Carrier(carrier), .. } | Plan::Number { carrier, .. } = &admitted.plan {
            let directory = self.config.directory.borrow();
            if let Some(called) = carrier::called_address(carrier, invite, directory.profile_domain()) {
                carrier::arrived(carrier, inbound, &called);
            }
        }
        if let Plan::Number { number, .. } = &admitted.plan {
            carrier::arrived_at(inbound, number);
        }
        admitted.carrier.as_deref().map(|carrier| self.config.trunks.arrive(carrier)).transpose()
    }

    pub(super) fn admit(
        &mut self,
        message: &SipMessage,
        source: Endpoint,
    ) -> Result<(Admitted, Option<String>, Hops), Verdict> {
        let scheme = message.request_uri().map(|u| u.scheme());
        if !matches!(scheme, Some(Scheme::Sip | Scheme::Sips | Scheme::Tel)) {
            let status = if scheme.is_none() { 400 } else { 416 };
            return Err(Verdict::Refuse(Refusal { status, why: "Request-URI is not sip, sips or tel" }));
        }
        let directory = self.config.directory.borrow().clone();
        let (own, places) = (self.config.own.clone(), self.places.clone());
        let sender = admission::classify(&own, &directory, message, source.addr)?;
        let hops = screening::hops(&own, message, &sender)?;
        let (admitted, username) = match sender {
            Sender::ToApp(app) => (admission::to_app(&directory, app, message, source.addr)?, None),
            Sender::Own { replaces, by } => (admission::from_own(&directory, replaces, by), None),
            Sender::Carrier(carrier) => {
                // It calls from an address the operator wrote down, or by a contact that only our REGISTER told.
                self.proved(message, source);
                (admission::from_carrier(&directory, carrier, message, &places)?, None)
            }
            Sender::Unknown => {
                let username = self.authenticate(Role::Proxy, message, &directory, source)?;
                let endpoint = directory.endpoint(&username).cloned();
                let endpoint = endpoint.ok_or(Refusal { status: 403, why: "endpoint is gone" })?;
                (admission::from_endpoint(&directory, endpoint, message, &places)?, Some(username))
            }
        };
        screening::content(message)?;
        admission::admit(&self.config.gate, self.config.calls_max, self.config.media.has_room())?;
        self.within_rate()?;
        Ok((admitted, username, hops))
    }

    pub(super) fn audit(&mut self, request: &SipMessage, source: Endpoint, status: u16, what: &str) {
        let now = self.now();
        self.audit.line(now, request, source, status, what);
    }

    pub(super) fn within_rate(&mut self) -> Result<(), Refusal> {
        let now = self.now();
        if now.since(self.rate.0) >= Duration::from_secs(1) {
            self.rate = (now, 0);
        }
        if self.rate.1 >= self.config.calls_per_second {
            return Err(Refusal { status: 503, why: "too many calls a second" });
        }
        self.rate.1 += 1;
        Ok(())
    }
}
