//! The way of media events up to legs: from a media thread, by the arbiter of the leg's call, to its actor.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use tandem_call::leg::LegInput;
use tandem_media::control::Event;
use tandem_model::{LegId, OwnMap, limits};

use super::services::call_number;
use crate::media::EventSink;
use crate::rooms::Spoke;
use crate::signalling::{LegMailbox, ToLeg};
use crate::supervision::{Mailbox, Overflow};

/// Owns which leg of this arbiter hears which media events.
#[derive(Default)]
pub struct MediaInbox {
    legs: OwnMap<LegId, LegMailbox>,
}

/// What it is told.
#[derive(Message)]
#[rtype(result = "()")]
pub enum MediaEvents {
    Event(Event),
    Bind { leg: LegId, owner: LegMailbox },
    Unbind { leg: LegId },
}

impl Actor for MediaInbox {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::MEDIA_EVENTS);
    }
}

impl Handler<MediaEvents> for MediaInbox {
    type Result = ();

    fn handle(&mut self, msg: MediaEvents, _: &mut Self::Context) {
        match msg {
            MediaEvents::Event(event) => {
                if let Some(leg) = self.legs.get(&event.leg()) {
                    leg.offer(ToLeg(LegInput::Media(event)), Overflow::Warn);
                }
            }
            MediaEvents::Bind { leg, owner } => {
                self.legs.insert(leg, owner);
            }
            MediaEvents::Unbind { leg } => {
                self.legs.remove(&leg);
            }
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
        self.inboxes[at].offer(MediaEvents::Event(event), Overflow::Count)
    }
}
