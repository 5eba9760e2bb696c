use actix::prelude::*;
use tandem_call::call::{CallInput, RunId};
use tandem_laml::instruction::Method;

use super::super::actor::CallActor;
use crate::webhook::{StatusJob, WebhookRequest};

impl CallActor {
    pub(super) fn fetch(
        &mut self,
        run: RunId,
        url: String,
        method: Method,
        params: Vec<(String, String)>,
        ctx: &mut Context<Self>,
    ) {
        let (client, metrics, clock) =
            (self.services.webhooks.clone(), self.services.metrics.clone(), self.services.clock);
        let session = self.session.clone();
        let started = clock.now();
        let request = WebhookRequest { url, method, params };
        let fetch = async move { client.fetch_in(&session, &request).await };
        let handle = ctx.spawn(fetch.into_actor(self).map(move |result, actor, ctx| {
            actor.fetches.remove(&run);
            let took = actor.services.clock.now().since(started);
            metrics.webhook(if result.is_ok() { "ok" } else { "failed" }, took);
            if let Err(failure) = &result {
                tracing::info!(code = failure.code, message = failure.message, "webhook failed");
            }
            actor.step(CallInput::Document { run, result }, ctx);
        }));
        self.fetches.insert(run, handle);
    }

    pub(super) fn cancel_fetch(&mut self, run: RunId, ctx: &mut Context<Self>) {
        if let Some(handle) = self.fetches.remove(&run) {
            ctx.cancel_future(handle);
        }
    }

    pub(super) fn notify(&mut self, url: String, method: Method, params: Vec<(String, String)>) {
        let job = StatusJob::new(self.number.to_string(), WebhookRequest { url, method, params });
        // A refusal has been counted and logged where it happened.
        let _ = self.services.status.push(job);
    }
}
