use std::time::Duration;

use actix::prelude::*;
use tandem_model::Timestamp;

/// The one timer of an actor that drives a machine: set to the machine's deadline after every step.
#[derive(Debug, Default)]
pub struct Alarm {
    armed: Option<(Timestamp, SpawnHandle)>,
}

impl Alarm {
    /// Rings at `next`, which is `after` from now, and not at what was set before. Nothing is touched when the
    /// deadline has not moved. `ring` finds the alarm disarmed.
    pub fn set<A>(
        &mut self,
        ctx: &mut Context<A>,
        next: Option<Timestamp>,
        after: impl FnOnce(Timestamp) -> Duration,
        ring: impl FnOnce(&mut A, &mut Context<A>) + 'static,
    ) where
        A: Actor<Context = Context<A>>,
    {
        if self.armed.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, handle)) = self.armed.take() {
            ctx.cancel_future(handle);
        }
        self.armed = next.map(|at| (at, ctx.run_later(after(at), ring)));
    }

    /// It rang: to be called first of all by what rings.
    pub fn rang(&mut self) {
        self.armed = None;
    }
}
