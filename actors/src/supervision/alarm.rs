use std::time::Duration;

use actix::prelude::*;
use tandem_model::Timestamp;

/// The one timer of an actor that drives a machine: set to the machine's deadline after every step.
///
/// Deadlines move on far more often than they come: a timer that is set for too early is left as it is, rings for nothing, and is set
/// anew by the step that follows.
#[derive(Debug, Default)]
pub struct Alarm {
    armed: Option<(Timestamp, SpawnHandle)>,
}

impl Alarm {
    /// Rings at `next` at the latest, which is `after` from now; earlier when it was set so before, and then whoever rings finds nothing
    /// due. `ring` is to call [`Alarm::rang`] first.
    pub fn set<A>(
        &mut self,
        ctx: &mut Context<A>,
        next: Option<Timestamp>,
        after: impl FnOnce(Timestamp) -> Duration,
        ring: impl FnOnce(&mut A, &mut Context<A>) + 'static,
    ) where
        A: Actor<Context = Context<A>>,
    {
        let Some(next) = next else { return };
        if let Some((at, handle)) = self.armed {
            if at <= next {
                return;
            }
            ctx.cancel_future(handle);
        }
        self.armed = Some((next, ctx.run_later(after(next), ring)));
    }

    /// It rang: to be called first of all by what rings.
    pub fn rang(&mut self) {
        self.armed = None;
    }
}
