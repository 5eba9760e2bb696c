use std::time::Duration;

use tandem_model::Timestamp;

use crate::transaction::{T1, T1_64, T2};

/// Repeats a 2xx to an INVITE until its ACK comes, over any transport (RFC 3261 section 13.3.1.4).
#[derive(Clone, Debug)]
pub struct Retransmit2xx {
    schedule: Option<Schedule>,
}

/// Repeats a reliable provisional response until its PRACK comes, over any transport (RFC 3262 section 3): the
/// interval doubles without a bound, unlike that of a 2xx.
#[derive(Clone, Debug)]
pub struct RetransmitProvisional {
    schedule: Option<Schedule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmit {
    /// Send the response again.
    Again,
    /// 64*T1 passed without its acknowledgement: BYE after a 2xx, a 5xx after a provisional response.
    GiveUp,
}

#[derive(Clone, Copy, Debug)]
struct Schedule {
    next: Timestamp,
    interval: Duration,
    interval_max: Duration,
    give_up: Timestamp,
}

impl Schedule {
    fn start(now: Timestamp, interval_max: Duration) -> Option<Self> {
        Some(Schedule { next: now + T1, interval: T1, interval_max, give_up: now + T1_64 })
    }

    fn deadline(&self) -> Timestamp {
        self.next.min(self.give_up)
    }
}

/// One step at most, however late the call: a stall must not turn into a burst.
fn expire(schedule: &mut Option<Schedule>, now: Timestamp) -> Option<Retransmit> {
    let running = schedule.as_mut()?;
    if now >= running.give_up {
        *schedule = None;
        return Some(Retransmit::GiveUp);
    }
    if now < running.next {
        return None;
    }
    running.interval = (running.interval * 2).min(running.interval_max);
    running.next = now + running.interval;
    Some(Retransmit::Again)
}

impl Retransmit2xx {
    /// The 2xx was sent for the first time.
    pub fn start(now: Timestamp) -> Self {
        Retransmit2xx { schedule: Schedule::start(now, T2) }
    }

    /// The ACK came.
    pub fn acknowledged(&mut self) {
        self.schedule = None;
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.schedule.map(|s| s.deadline())
    }

    pub fn expire(&mut self, now: Timestamp) -> Option<Retransmit> {
        expire(&mut self.schedule, now)
    }
}

impl RetransmitProvisional {
    /// The response was sent for the first time.
    pub fn start(now: Timestamp) -> Self {
        RetransmitProvisional { schedule: Schedule::start(now, T1_64) }
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.schedule.map(|s| s.deadline())
    }

    pub fn expire(&mut self, now: Timestamp) -> Option<Retransmit> {
        expire(&mut self.schedule, now)
    }
}
