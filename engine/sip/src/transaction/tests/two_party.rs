//! Two layers with a lossy link between them, run until nothing is left to happen. No sleeping: the clock jumps.

use std::time::Duration;

use super::link::Link;
use super::*;
use crate::dialog::{Retransmit, Retransmit2xx};

/// Alice calls, bob answers as the row says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// 180, then 200.
    Accept,
    /// 486.
    Refuse,
    /// Alice cancels; bob answers 487.
    Cancel,
    /// A BYE instead of a call.
    Bye,
}

struct World {
    link: Link,
    alice: TransactionLayer,
    bob: TransactionLayer,
    plan: Plan,
    invite: Message,
    call: Option<ClientKey>,
    /// Alice's final responses.
    finals: Vec<u16>,
    /// Requests that reached bob's user: must be one.
    requests: usize,
    acked: bool,
    repeat: Option<(Retransmit2xx, ServerKey, Message)>,
    timeouts: usize,
}

impl World {
    fn new(seed: u64, loss_percent: u64, plan: Plan) -> Self {
        let method = if plan == Plan::Bye { "BYE" } else { "INVITE" };
        World {
            link: Link::new(seed, loss_percent, 10, 150),
            alice: layer(),
            bob: layer(),
            plan,
            invite: request(method, "z9hG4bKcall", 1, "Contact: <sip:alice@192.0.2.1>\n"),
            call: None,
            finals: Vec::new(),
            requests: 0,
            acked: false,
            repeat: None,
            timeouts: 0,
        }
    }

    fn run(&mut self) -> Timestamp {
        let mut now = T;
        self.call = Some(self.alice.request(now, self.invite.clone(), bob(Transport::Udp)).unwrap());
        loop {
            self.settle(now);
            let repeat = self.repeat.as_ref().and_then(|(timer, ..)| timer.deadline());
            let next = [self.alice.deadline(), self.bob.deadline(), self.link.deadline(), repeat];
            let Some(next) = next.into_iter().flatten().min() else { return now };
            assert!(next >= now && next < T + Duration::from_secs(300), "time stands still or never ends");
            now = next;
            self.step(now);
        }
    }

    fn step(&mut self, now: Timestamp) {
        let (a, b) = (alice(Transport::Udp), bob(Transport::Udp));
        while let Some((from, to, bytes)) = self.link.receive(now) {
            let message = Message::parse(bytes).unwrap();
            if to == a {
                self.alice.handle_message(now, message, from, a)
            } else {
                self.bob.handle_message(now, message, from, b)
            }
        }
        self.alice.expire(now);
        self.bob.expire(now);
        if let Some((timer, key, ok)) = &mut self.repeat {
            match timer.expire(now) {
                Some(Retransmit::Again) => drop(self.bob.respond(now, *key, ok)),
                Some(Retransmit::GiveUp) => self.timeouts += 1,
                None => {}
            }
        }
    }

    fn settle(&mut self, now: Timestamp) {
        let (a, b) = (alice(Transport::Udp), bob(Transport::Udp));
        loop {
            while let Some(event) = self.alice.poll_event() {
                self.tell_alice(now, event);
            }
            while let Some(event) = self.bob.poll_event() {
                self.tell_bob(now, event);
            }
            let out: Vec<_> = drain(&mut self.alice).into_iter().map(|t| (a, t)).collect();
            let back: Vec<_> = drain(&mut self.bob).into_iter().map(|t| (b, t)).collect();
            if out.is_empty() && back.is_empty() {
                return;
            }
            for (from, transmit) in out.into_iter().chain(back) {
                self.link.send(now, from, transmit.to, &transmit.bytes);
            }
        }
    }

    fn tell_alice(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Response { message, .. } => match message.status().unwrap() {
                ..200 => {
                    if self.plan == Plan::Cancel {
                        self.alice.cancel(now, self.call.unwrap());
                    }
                }
                status => {
                    self.finals.push(status);
                    if status == 200 && self.plan == Plan::Accept {
                        let ack = request("ACK", "z9hG4bKack", 1, "").bytes().clone();
                        self.alice.send_stateless(&Message::parse(ack).unwrap(), bob(Transport::Udp));
                    }
                }
            },
            Event::Timeout { .. } => self.timeouts += 1,
            Event::Terminated { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn tell_bob(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Request { key, message, .. } => {
                self.requests += 1;
                match self.plan {
                    Plan::Accept => {
                        self.bob.respond(now, key, &response(&message, 180, "bt"));
                        let ok = response(&message, 200, "bt");
                        self.bob.respond(now, key, &ok);
                        self.repeat = Some((Retransmit2xx::start(now), key, ok));
                    }
                    Plan::Refuse => drop(self.bob.respond(now, key, &response(&message, 486, "bt"))),
                    Plan::Bye => drop(self.bob.respond(now, key, &response(&message, 200, "bt"))),
                    Plan::Cancel => {}
                }
            }
            Event::Cancelled { key, .. } => {
                let gone = response(&self.invite, 487, "bt");
                assert!(self.bob.respond(now, key, &gone));
            }
            Event::Ack { .. } => {
                self.acked = true;
                if let Some((timer, ..)) = &mut self.repeat {
                    timer.acknowledged();
                }
            }
            Event::AckTimeout { .. } => self.timeouts += 1,
            Event::Terminated { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn calls_complete_over_a_link_that_loses_a_fifth_and_leave_nothing_behind() {
    for (plan, last) in [(Plan::Accept, 200), (Plan::Refuse, 486), (Plan::Cancel, 487), (Plan::Bye, 200)] {
        for seed in 0..200 {
            for loss_percent in [0, 5, 20] {
                let mut world = World::new(seed, loss_percent, plan);
                let end = world.run();
                let context = format!("{plan:?}, seed {seed}, loss {loss_percent} %");
                assert_eq!(world.requests, 1, "{context}: repetitions must be absorbed");
                assert_eq!(world.finals.first(), Some(&last), "{context}");
                assert!(plan == Plan::Accept || world.finals.len() == 1, "{context}: {:?}", world.finals);
                assert_eq!(world.acked, plan == Plan::Accept, "{context}");
                assert_eq!(world.timeouts, 0, "{context}");
                assert!(world.alice.is_empty() && world.bob.is_empty(), "{context}");
                assert!(end < T + Duration::from_secs(100), "{context}");
            }
        }
    }
}

#[test]
fn a_dead_link_ends_in_one_timeout() {
    for plan in [Plan::Accept, Plan::Bye] {
        let mut world = World::new(1, 100, plan);
        let end = world.run();
        assert_eq!((world.timeouts, world.requests, world.finals.len()), (1, 0, 0), "{plan:?}");
        assert_eq!(end, T + T1_64, "{plan:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = World::new(9, 20, Plan::Cancel);
        (world.run(), world.finals)
    };
    assert_eq!(run(), run());
}
