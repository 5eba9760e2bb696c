//! OPTIONS to contacts behind a NAT (the timing is [`KeepAlive`]'s): what they answer keeps the NAT's door open, and what they
//! do not tells that they are gone.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use tandem_call::leg::{LegInput, RequestId};
use tandem_model::{LegId, Transport, hex_token};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::registrar::{Binding, BindingKey, KeepAlive};

use super::{RegistrarActor, RegistrarConfig};
use crate::signalling::{FromLeg, ToLeg};
use crate::supervision::{Mailbox, Overflow};
use crate::world::{Clock, SystemEntropy};

/// Keep-alives belong to no call.
const NO_LEG: LegId = LegId(u64::MAX);
/// Questions that one round sends at most; the rest waits for the next.
const ASKS_PER_ROUND: usize = 256;

pub(super) struct Pinger {
    /// None: switched off.
    timing: Option<KeepAlive>,
    asked: HashMap<RequestId, BindingKey>,
    last: u64,
    entropy: SystemEntropy,
    clock: Clock,
}

impl Pinger {
    pub fn new(config: &RegistrarConfig, clock: Clock) -> Self {
        let timing = config.nat_keepalive.map(KeepAlive::new);
        Pinger { timing, asked: HashMap::new(), last: 0, entropy: SystemEntropy::new(), clock }
    }

    /// A binding was put: it is asked from now on, if it has to be.
    pub fn watch(&mut self, binding: &Binding) {
        let needs_it = binding.behind_nat && binding.source.transport == Transport::Udp;
        match &mut self.timing {
            Some(timing) if needs_it => timing.watch(self.clock.now(), &binding.key, &mut self.entropy),
            Some(timing) => timing.forget(&binding.key),
            None => {}
        }
    }

    pub fn forget(&mut self, key: &BindingKey) {
        if let Some(timing) = &mut self.timing {
            timing.forget(key);
        }
    }
}

impl RegistrarActor {
    /// Asks whoever is due.
    pub(super) fn keep_alive(&mut self, ctx: &mut Context<Self>) {
        for _ in 0..ASKS_PER_ROUND {
            let now = self.clock.now();
            let Some(ask) = self.pinger.timing.as_mut().and_then(|timing| timing.poll(now)) else { return };
            let Some(binding) = self.registrar.binding(&ask.key).cloned() else {
                self.pinger.forget(&ask.key);
                continue;
            };
            if ask.is_dead {
                self.metrics.keepalive("dead");
                tracing::info!(source = %binding.source, "a registered contact does not answer any more");
                self.reachable(&ask.key, false);
            }
            self.ask(&binding, ctx);
        }
    }

    fn ask(&mut self, binding: &Binding, ctx: &mut Context<Self>) {
        let Some(message) = self.question(binding) else { return };
        let Some(shard) = self.config.shards.for_call_id(message.call_id()) else { return };
        self.pinger.last += 1;
        let id = RequestId(self.pinger.last);
        let request = FromLeg::Request {
            leg: NO_LEG,
            id,
            message,
            destination: binding.source,
            owner: Some(Arc::new(ctx.address().recipient())),
        };
        // One that is lost is asked again in its time.
        if shard.offer(request, Overflow::Count) {
            self.metrics.keepalive("asked");
            self.pinger.asked.insert(id, binding.key.clone());
        }
    }

    /// OPTIONS outside a dialog (RFC 3261 section 11.1).
    fn question(&mut self, binding: &Binding) -> Option<SipMessage> {
        let (transport, host) = (binding.source.transport, self.config.sent_by.towards(binding.source));
        let entropy = &mut self.pinger.entropy;
        let via = format!("SIP/2.0/{transport} {host};rport;branch=z9hG4bK{}", hex_token(entropy, 8));
        let tag = format!(";tag={}", hex_token(entropy, 8));
        SipMessage::request("OPTIONS", &binding.key.contact)
            .header("Via", &via)
            .header("Max-Forwards", "70")
            .name_addr("From", None, &format!("sip:{host}"), &tag)
            .name_addr("To", None, &binding.key.contact, "")
            .header("Call-ID", &hex_token(entropy, 16))
            .header("CSeq", "1 OPTIONS")
            .header("User-Agent", &self.config.user_agent)
            .try_build()
            .ok()
    }

    fn reachable(&mut self, key: &BindingKey, reachable: bool) {
        if self.registrar.set_reachable(key, reachable) {
            self.publish(&key.aor);
        }
    }
}

impl Handler<ToLeg> for RegistrarActor {
    type Result = ();

    fn handle(&mut self, ToLeg(input): ToLeg, _: &mut Self::Context) {
        match input {
            // Any answer is a sign of life, even one that refuses.
            LegInput::Response { id, .. } => {
                let Some(key) = self.pinger.asked.remove(&id) else { return };
                self.metrics.keepalive("answered");
                if let Some(timing) = &mut self.pinger.timing {
                    timing.answered(&key);
                }
                self.reachable(&key, true);
            }
            LegInput::RequestFailed { id, .. } if self.pinger.asked.remove(&id).is_some() => {
                self.metrics.keepalive("unanswered");
            }
            _ => {}
        }
    }
}
