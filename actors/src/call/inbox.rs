//! The way of media events up to legs: from a media thread, by the arbiter of the leg's call, to its actor.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::prelude::*;
use tandem_call::leg::LegInput;
use tandem_media::control::Event;
use tandem_model::{LegId, OwnMap, limits};

use super::services::call_number;
use crate::media::EventSink;
use crate::rooms::Spoke;
use crate::signalling::{LegMailbox, ToLeg};
use crate::supervision::{Mailbox, Overflow};

/// Which leg of an arbiter hears which media events. Legs enter and leave by themselves, on the arbiter's own thread: nobody ever waits
/// for the lock.
#[derive(Clone, Default)]
pub struct Hearers(Arc<Mutex<OwnMap<LegId, LegMailbox>>>);

impl Hearers {
    pub(super) fn enter(&self, leg: LegId, owner: LegMailbox) {
        self.legs().insert(leg, owner);
    }

    pub(super) fn leave(&self, leg: LegId) {
        self.legs().remove(&leg);
    }

    fn legs(&self) -> MutexGuard<'_, OwnMap<LegId, LegMailbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands events to the legs of this arbiter.
pub struct MediaInbox {
    hearers: Hearers,
}

/// What it is told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct MediaEvent(Event);

impl MediaInbox {
    pub fn new(hearers: Hearers) -> Self {
        MediaInbox { hearers }
    }
}

impl Actor for MediaInbox {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::MEDIA_EVENTS);
    }
}

impl Handler<MediaEvent> for MediaInbox {
    type Result = ();

    fn handle(&mut self, MediaEvent(event): MediaEvent, _: &mut Self::Context) {
        let leg = self.hearers.legs().get(&event.leg()).cloned();
        if let Some(leg) = leg {
            leg.offer(ToLeg(LegInput::Media(event)), Overflow::Warn);
        }
    }
}

/// Takes events off a media thread without waiting (I3: upward sends never wait).
#[derive(Clone)]
pub struct MediaRouter {
    inboxes: Vec<Addr<MediaInbox>>,
    rooms: Arc<OnceLock<Recipient<Spoke>>>,
}

impl MediaRouter {
    pub fn new(inboxes: Vec<Addr<MediaInbox>>) -> Self {
        MediaRouter { inboxes, rooms: Arc::default() }
    }

    /// Who speaks in a mix is told to whoever runs the conferences, from now on.
    pub fn tell_speakers(&self, rooms: Recipient<Spoke>) {
        // Once: a second is not heard.
        let _ = self.rooms.set(rooms);
    }
}

impl EventSink for MediaRouter {
    fn deliver(&self, event: Event) -> bool {
        if let Event::Speaking { leg, speaking, .. } = event {
            return self.rooms.get().is_none_or(|rooms| rooms.offer(Spoke { leg, speaking }, Overflow::Count));
        }
        let at = call_number(event.leg()) as usize % self.inboxes.len();
        self.inboxes[at].offer(MediaEvent(event), Overflow::Count)
    }
}
