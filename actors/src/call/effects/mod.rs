//! What a call wants done, by the actor that does it: one file per family.

mod amd;
mod carriers;
mod conference;
mod legs;
mod prompts;
mod queue;
mod recording;
mod speech;
mod stream;
mod webhooks;

pub(super) use recording::Taped;
pub(super) use speech::Hearing;

use actix::prelude::*;
use tandem_call::call::{CallEffect, CallInput, RegisteredContact};
use tandem_model::WallTime;

use super::actor::CallActor;
use super::message::CallFinished;
use crate::signalling::Lookup;
use crate::store::{CallEvent, EventLevel};
use crate::supervision::{Mailbox, Overflow};

impl CallActor {
    pub(super) fn carry_out(&mut self, effect: CallEffect, ctx: &mut Context<Self>) {
        match effect {
            CallEffect::Leg { leg, command } => self.command_leg(leg, command),
            CallEffect::CreateLeg { leg, sid, spec } => self.create_leg(leg, sid, *spec, ctx),
            CallEffect::Media(command) => self.command_media(command),
            CallEffect::MoveMedia { beside } => self.move_media(beside, ctx),
            CallEffect::Stream(effect) => self.stream(effect, ctx),
            CallEffect::Fetch { run, url, method, params } => self.fetch(run, url, method, params, ctx),
            CallEffect::CancelFetch { run } => self.cancel_fetch(run, ctx),
            CallEffect::LoadPrompt { run, id, what } => self.load_prompt(run, id, what, ctx),
            CallEffect::Queue(ask) => self.ask_queues(ask, ctx),
            CallEffect::Notify { url, method, params } => self.notify(url, method, params),
            CallEffect::Conference(command) => self.conference(command, ctx),
            CallEffect::Recording(effect) => self.record(effect, ctx),
            CallEffect::Listen(effect) => self.listen(effect, ctx),
            CallEffect::Amd(effect) => self.detect(effect, ctx),
            CallEffect::Lookup { ticket, aor } => {
                let ask = self.services.registrar.send(Lookup { aor }).into_actor(self);
                ctx.spawn(ask.map(move |found, actor, ctx| {
                    // A registrar that is being restarted knows nobody for a moment.
                    let mut contacts = found.map(|c| c.0).unwrap_or_default();
                    contacts.retain(|contact| !actor.is_at_a_carrier(contact));
                    actor.step(CallInput::Contacts { ticket, contacts }, ctx);
                }));
            }
            CallEffect::SeizeCarrier { ticket, carriers, draw } => self.seize_carrier(ticket, &carriers, draw, ctx),
            CallEffect::Record(row) => {
                let record = self.reports.records.keep(*row, self.services.clock.wall());
                self.keep_record(record);
            }
            CallEffect::Audit { what, leg, detail } => {
                tracing::warn!(target: "audit", call = self.number, %leg, "{what}");
                tracing::debug!(target: "audit", call = self.number, %leg, detail, "what it was about");
            }
            CallEffect::Warn { code, message, line } => self.warn(code, message, line),
            CallEffect::Finished => {
                self.reports.finished.offer(CallFinished { number: self.number }, Overflow::Warn);
                ctx.stop();
            }
        }
    }

    /// Calls to such a contact would go out through a carrier, past all rules on who may. REGISTER refuses those that it can tell;
    /// but a carrier may be newer than the contact.
    fn is_at_a_carrier(&self, contact: &RegisteredContact) -> bool {
        let flows = std::iter::once(contact).chain(&contact.other_flows);
        let is_there =
            flows.into_iter().any(|flow| self.services.trunks.is_at_a_carrier(flow.hop().addr, flow.source.addr));
        if is_there {
            tracing::warn!(target: "audit", call = self.number, "a contact at a carrier's address is not called");
        }
        is_there
    }

    fn warn(&self, code: u32, message: String, line: Option<u32>) {
        tracing::info!(code, message, line, "LaML warning");
        let at: WallTime = self.services.clock.wall();
        for row in self.call.rows().into_iter().filter(|r| r.parent_sid.is_none()) {
            let event =
                CallEvent { call_sid: row.sid, at, level: EventLevel::Warning, code, message: message.clone(), line };
            if !self.services.store.log_event(event) {
                tracing::warn!(code, "call event not kept: the store's queue is full");
            }
        }
    }
}
