use std::collections::VecDeque;

use tandem_model::DropReason;
use tandem_model::limits::MEDIA_EVENTS;

use crate::control::Event;

/// Events on their way up, in the order in which they happened: nothing of a leg follows its end. Above the bound an event is counted
/// and lost, but an end never is.
#[derive(Debug)]
pub(crate) struct EventQueue {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl EventQueue {
    pub fn new() -> Self {
        EventQueue { waiting: VecDeque::with_capacity(1_024), lost: 0 }
    }

    pub fn push(&mut self, event: Event) {
        // There is one end of a leg at most: they are bounded by the legs. Digits and the like are bounded so that a stuck driver cannot
        // grow the queue.
        let ends = matches!(event, Event::Closed { .. } | Event::Failed { .. });
        if ends || self.waiting.len() < MEDIA_EVENTS {
            self.waiting.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
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
