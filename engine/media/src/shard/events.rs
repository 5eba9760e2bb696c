use std::collections::VecDeque;

use tandem_model::DropReason;
use tandem_model::limits::MEDIA_EVENTS;

use crate::control::Event;

/// Events on their way up. `Closed` and `Failed` go first; above the bound an event is counted and lost.
#[derive(Debug)]
pub(crate) struct EventQueue {
    endings: VecDeque<Event>,
    others: VecDeque<Event>,
    lost: u64,
}

/// Digits and the like that wait between two polls: bounded so that a stuck driver cannot grow it.
const OTHERS_MAX: usize = MEDIA_EVENTS;

impl EventQueue {
    pub fn new() -> Self {
        EventQueue { endings: VecDeque::with_capacity(64), others: VecDeque::with_capacity(1_024), lost: 0 }
    }

    pub fn push(&mut self, event: Event) {
        let (queue, max) = match event {
            // One per leg at most: bounded by the legs.
            Event::Closed { .. } | Event::Failed { .. } => (&mut self.endings, usize::MAX),
            _ => (&mut self.others, OTHERS_MAX),
        };
        if queue.len() < max {
            queue.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.endings.pop_front().or_else(|| self.others.pop_front())
    }

    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// One counter per reason a packet left the path early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl DropCounters {
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
