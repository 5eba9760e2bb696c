//! How the legs of a call go from one media thread to another: sockets, ports and all.
//!
//! ```text
//!  Order ──→ the thread it is on: depart ──Arriving──→ the other: arrive ──→ done
//!                   ▲                                        │
//!                   └──────────── no room: back ─────────────┘
//! ```
//!
//! Nothing is lost but what an ended thread had in its hands: whoever waits for `done` hears of that by its end.

use std::fmt;

use tandem_media::control::{Command, Event, MoveFailed};
use tandem_media::shard::Departed;
use tokio::sync::oneshot;

use super::EventSink;
use super::handle::{Line, Message};
use super::poll_loop::{OpenLeg, Worker};

/// To the thread that a call is on.
pub(super) struct Order {
    pub call: u64,
    pub from: Line,
    pub to: Line,
    pub done: oneshot::Sender<Result<(), MoveFailed>>,
}

/// A call's legs between two threads.
pub(super) struct Arriving {
    order: Order,
    media: Departed,
    /// In the order of `media`.
    legs: Vec<OpenLeg>,
    /// They come back from a thread that did not take them, and why.
    back: Option<MoveFailed>,
}

impl Worker {
    pub(super) fn depart(&mut self, order: Order, sink: &dyn EventSink) {
        // What was sent and what is to be told comes before what the other thread will say of these legs.
        self.settle_released();
        self.tell(sink);
        let now = self.now();
        let ids: Vec<_> = self.shard.leg_ids().filter(|leg| leg.call_number() == order.call).collect();
        let slots: Vec<_> = ids.iter().filter_map(|&leg| self.shard.slot(leg)).collect();
        let media = self.shard.take_out(now, order.call, &mut self.batch);
        let mut legs = Vec::with_capacity(slots.len());
        for slot in slots {
            let Some(mut open) = self.legs.get_mut(slot.0).and_then(Option::take) else { continue };
            self.unwatch(&open);
            self.seats.leave(open.port.number);
            self.let_go(&mut open);
            open.port.lend(&self.ports);
            legs.push(open);
        }
        self.settle_released();
        self.tell(sink);
        let to = order.to.clone();
        let arriving = Box::new(Arriving { order, media, legs, back: None });
        if let Err((Message::Arrive(arriving), error)) = to.offer(Message::Arrive(arriving)) {
            self.take_back(*arriving, error.into(), sink);
        }
    }

    pub(super) fn arrive(&mut self, arriving: Arriving, sink: &dyn EventSink) {
        if let Some(why) = arriving.back {
            return self.take_back(arriving, why, sink);
        }
        let now = self.now();
        self.load.settle(now);
        let has_room = self.load.has_room() && !self.is_late();
        let arriving = match has_room || arriving.legs.is_empty() {
            true => match self.take_in(arriving, false, sink) {
                Ok(order) => return tell(order, Ok(())),
                Err(arriving) => *arriving,
            },
            false => arriving,
        };
        self.metrics.refused();
        let from = arriving.order.from.clone();
        let back = Box::new(Arriving { back: Some(MoveFailed::Overloaded), ..arriving });
        // Where they came from takes nothing any more: then they are better here, with room or without.
        if let Err((Message::Arrive(arriving), _)) = from.offer(Message::Arrive(back)) {
            match self.take_in(*arriving, true, sink) {
                Ok(order) => tell(order, Ok(())),
                Err(arriving) => self.fail(*arriving, sink),
            }
        }
    }

    fn take_back(&mut self, arriving: Arriving, why: MoveFailed, sink: &dyn EventSink) {
        match self.take_in(arriving, true, sink) {
            Ok(order) => tell(order, Err(why)),
            Err(arriving) => self.fail(*arriving, sink),
        }
    }

    fn take_in(&mut self, arriving: Arriving, anyhow: bool, sink: &dyn EventSink) -> Result<Order, Box<Arriving>> {
        let now = self.now();
        let Arriving { order, media, legs, back } = arriving;
        let slots = match self.shard.put_in(now, media, anyhow, &mut self.batch) {
            Ok(slots) => slots,
            Err(media) => return Err(Box::new(Arriving { order, media, legs, back })),
        };
        for (slot, mut open) in slots.into_iter().zip(legs) {
            let watched = self.watch(open.port.number, &open.sockets);
            open.port.come_home(&self.ports);
            self.load.arrived(&open.load);
            let leg = open.leg;
            self.seat(slot, open);
            self.routed(leg);
            if let Err(error) = watched {
                tracing::warn!(%leg, %error, "media socket could not be watched");
                self.shard.handle_command(now, Command::Close { leg }, &mut self.batch);
            }
        }
        self.settle_released();
        self.tell(sink);
        Ok(order)
    }

    /// Only when a leg of the same number is here, which none can be.
    fn fail(&mut self, arriving: Arriving, sink: &dyn EventSink) {
        for leg in arriving.media.leg_ids() {
            self.deliver(sink, Event::Failed { leg, stats: Box::default() });
        }
        tell(arriving.order, Err(MoveFailed::Lost));
    }
}

/// Whoever waited may have gone.
fn tell(order: Order, result: Result<(), MoveFailed>) {
    let _ = order.done.send(result);
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order(call {} from {} to {})", self.call, self.from.index, self.to.index)
    }
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arriving({:?}, {:?})", self.order, self.media)
    }
}
