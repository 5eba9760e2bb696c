//! Queues: who waits, in which order, and who is put through to whom. It moves no media and runs no document: calls do
//! (`call/queue.rs`), told by [`QueueNews`]. Start at [`Queues::handle`].
//!
//! ```text
//!            Join                    an agent dials           Connected          either leaves
//!  (caller) ─────▶ waiting in line ────────────────▶ called ───────────▶ talking ─────────────▶ gone
//!                     ▲   │ Leave, REST                │ the agent leaves, or it fails
//!                     │   └──▶ gone                    │
//!                     └────────────────────────────────┘ (to its old place)
//! ```
//!
//! There is no timer in here: what an agent waits at most, and when a caller is told where it stands, is the business of
//! its own call. A thousand who wait cost a thousand entries and nothing else.

mod contract;
mod desk;
mod line;
#[cfg(test)]
mod tests;

pub use contract::{
    AGENTS_MAX, AgentParty, MemberParty, QueueAsk, QueueNews, QueuePlace, QueueTicket, QueueUnavailable,
};
pub use desk::{DeskError, MemberView, QueueRecord, QueueView, Whom};

use std::collections::{BTreeMap, VecDeque};

use tandem_model::{CallSid, Entropy, Sid, Timestamp, WallTime, limits};

use crate::leg::Hold;
use line::{Line, Member};

/// All queues of a process. Poll [`Queues::poll`] until None after every call that changes something.
pub struct Queues {
    entropy: Box<dyn Entropy + Send>,
    queues: BTreeMap<Sid, Queue>,
    by_name: BTreeMap<String, Sid>,
    /// Where each ticket is.
    seats: BTreeMap<QueueTicket, Seat>,
    pairs: BTreeMap<u64, Pair>,
    /// Turns taken so far: by members and agents in line, and by pairs.
    turns: u64,
    news: VecDeque<QueueNews>,
}

struct Queue {
    sid: Sid,
    name: String,
    size_max: Option<u32>,
    created: WallTime,
    updated: WallTime,
    /// Made or changed by REST: it stays, and outlives the process.
    kept: bool,
    line: Line,
    /// Agents that wait for somebody, in order.
    agents: BTreeMap<u64, Agent>,
}

struct Agent {
    ticket: QueueTicket,
    call_sid: CallSid,
    url: Option<(String, tandem_laml::instruction::Method)>,
}

/// A member and the agent it was called to.
struct Pair {
    queue: Sid,
    /// The member's turn and the agent's: where they return to.
    turns: (u64, u64),
    member: Member,
    agent: Agent,
    talking: bool,
}

#[derive(Clone, Copy)]
enum Seat {
    Waiting { queue: Sid, turn: u64 },
    Serving { queue: Sid, turn: u64 },
    Member { pair: u64 },
    Agent { pair: u64 },
}

impl Queues {
    /// With the queues that were kept. `entropy` names new ones.
    pub fn new(kept: Vec<QueueRecord>, entropy: Box<dyn Entropy + Send>) -> Queues {
        let mut queues = Queues {
            entropy,
            queues: BTreeMap::new(),
            by_name: BTreeMap::new(),
            seats: BTreeMap::new(),
            pairs: BTreeMap::new(),
            turns: 0,
            news: VecDeque::new(),
        };
        for record in kept {
            queues.by_name.insert(record.name.clone(), record.sid);
            queues.queues.insert(record.sid, Queue::of(record, true));
        }
        queues
    }

    /// A call asks. What concerns a ticket that is not here (any more) changes nothing.
    pub fn handle(&mut self, now: Timestamp, wall: WallTime, ask: QueueAsk) {
        match ask {
            QueueAsk::Join { ticket, name, call_sid, size_max, new_size_max } => {
                let member = Member { ticket, call_sid, joined: now, joined_wall: wall };
                self.join(now, member, &name, size_max, new_size_max, wall);
            }
            QueueAsk::Place { ticket } => {
                let place = self.place(now, ticket);
                self.news.extend(place.map(|place| QueueNews::Place { ticket, place }));
            }
            QueueAsk::Dequeue { ticket, name, call_sid, url } => {
                self.dequeue(now, wall, &name, Agent { ticket, call_sid, url });
            }
            QueueAsk::Connected { ticket, agent } => self.connected(ticket, agent),
            QueueAsk::Hold { ticket, hold } => self.holds(ticket, hold),
            QueueAsk::Leave { ticket } => self.leave(now, ticket),
        }
    }

    /// What calls are to be told, in order.
    pub fn poll(&mut self) -> Option<QueueNews> {
        self.news.pop_front()
    }

    /// After a fault that left these queues in doubt: what must go on, goes on. The queues that are kept, and those who talk; the
    /// others are told that they are lost.
    pub fn rebuilt(self) -> Queues {
        let records = self.queues.values().filter(|q| q.kept).map(Queue::record).collect();
        let mut queues = Queues::new(records, self.entropy);
        queues.turns = self.turns;
        queues.pairs = self.pairs.into_iter().filter(|(_, pair)| pair.talking).collect();
        for (id, pair) in &queues.pairs {
            queues.seats.insert(pair.member.ticket, Seat::Member { pair: *id });
            queues.seats.insert(pair.agent.ticket, Seat::Agent { pair: *id });
        }
        let lost = self.seats.into_keys().filter(|ticket| !queues.seats.contains_key(ticket));
        queues.news.extend(lost.map(|ticket| QueueNews::Lost { ticket }));
        queues
    }

    fn join(
        &mut self,
        now: Timestamp,
        member: Member,
        name: &str,
        size_max: Option<u32>,
        new_size_max: Option<u32>,
        wall: WallTime,
    ) {
        let ticket = member.ticket;
        if self.seats.contains_key(&ticket) {
            return;
        }
        let Some(queue) = self.queue_named(name, new_size_max, wall) else {
            self.news.push_back(QueueNews::Refused { ticket, queue: None, why: QueueUnavailable::Failed });
            return;
        };
        let sid = queue.sid;
        let most = [queue.size_max, size_max].into_iter().flatten().min().map_or(usize::MAX, |n| n as usize);
        if queue.line.len() >= most.min(limits::QUEUE_MEMBERS_MAX) {
            self.news.push_back(QueueNews::Refused { ticket, queue: Some(sid), why: QueueUnavailable::Full });
            return;
        }
        self.turns += 1;
        let turn = self.turns;
        if let Some(queue) = self.queues.get_mut(&sid) {
            queue.line.put(turn, member);
        }
        self.seats.insert(ticket, Seat::Waiting { queue: sid, turn });
        self.news.push_back(QueueNews::Joined { ticket, queue: sid });
        self.match_up(now, sid);
    }

    fn dequeue(&mut self, now: Timestamp, wall: WallTime, name: &str, agent: Agent) {
        let ticket = agent.ticket;
        if self.seats.contains_key(&ticket) {
            return;
        }
        let queue = self.queue_named(name, None, wall).filter(|q| q.agents.len() < AGENTS_MAX);
        let Some(queue) = queue else {
            self.news.push_back(QueueNews::Refused { ticket, queue: None, why: QueueUnavailable::Failed });
            return;
        };
        let sid = queue.sid;
        self.turns += 1;
        let turn = self.turns;
        if let Some(queue) = self.queues.get_mut(&sid) {
            queue.agents.insert(turn, agent);
        }
        self.seats.insert(ticket, Seat::Serving { queue: sid, turn });
        self.match_up(now, sid);
    }

    /// The first in line and the agent that waits longest, as long as there are both.
    fn match_up(&mut self, now: Timestamp, sid: Sid) {
        let Some(queue) = self.queues.get_mut(&sid) else { return };
        while !queue.line.is_empty() {
            let Some((agent_turn, agent)) = queue.agents.pop_first() else { return };
            let Some((member_turn, member)) = queue.line.pop_front() else { return };
            self.turns += 1;
            let pair = self.turns;
            let waited = now.since(member.joined);
            self.seats.insert(member.ticket, Seat::Member { pair });
            self.seats.insert(agent.ticket, Seat::Agent { pair });
            self.news.push_back(QueueNews::Called {
                ticket: member.ticket,
                agent: AgentParty { ticket: agent.ticket, call_sid: agent.call_sid },
                url: agent.url.clone(),
                queue: sid,
                waited,
            });
            self.news.push_back(QueueNews::Coming {
                ticket: agent.ticket,
                member: MemberParty { leg: member.ticket.leg, call_sid: member.call_sid },
                queue: sid,
                waited,
            });
            let turns = (member_turn, agent_turn);
            self.pairs.insert(pair, Pair { queue: sid, turns, member, agent, talking: false });
        }
    }

    /// What is said of an agent that was called away meanwhile changes nothing.
    fn connected(&mut self, ticket: QueueTicket, agent: QueueTicket) {
        let Some(Seat::Member { pair }) = self.seats.get(&ticket) else { return };
        if let Some(pair) = self.pairs.get_mut(pair).filter(|p| !p.talking && p.agent.ticket == agent) {
            pair.talking = true;
            self.news.push_back(QueueNews::Connected { ticket: agent });
        }
    }

    fn holds(&mut self, ticket: QueueTicket, hold: Hold) {
        let Some(Seat::Member { pair } | Seat::Agent { pair }) = self.seats.get(&ticket) else { return };
        if let Some(pair) = self.pairs.get(pair).filter(|p| p.talking) {
            let ticket = if pair.member.ticket == ticket { pair.agent.ticket } else { pair.member.ticket };
            self.news.push_back(QueueNews::Held { ticket, hold });
        }
    }

    fn leave(&mut self, now: Timestamp, ticket: QueueTicket) {
        match self.seats.remove(&ticket) {
            None => {}
            Some(Seat::Waiting { queue, turn }) => {
                if let Some(queue) = self.queues.get_mut(&queue) {
                    queue.line.take(turn);
                }
            }
            Some(Seat::Serving { queue, turn }) => {
                if let Some(queue) = self.queues.get_mut(&queue) {
                    queue.agents.remove(&turn);
                }
            }
            Some(Seat::Member { pair }) => {
                let Some(pair) = self.pairs.remove(&pair) else { return };
                if pair.talking {
                    self.seats.remove(&pair.agent.ticket);
                    self.news.push_back(QueueNews::PartnerLeft { ticket: pair.agent.ticket });
                } else {
                    self.agent_back(now, pair);
                }
            }
            Some(Seat::Agent { pair }) => {
                let Some(pair) = self.pairs.remove(&pair) else { return };
                if pair.talking {
                    self.seats.remove(&pair.member.ticket);
                    self.news.push_back(QueueNews::PartnerLeft { ticket: pair.member.ticket });
                } else {
                    self.member_back(now, pair);
                }
            }
        }
    }

    /// Nobody loses a place because the one called to it left.
    fn member_back(&mut self, now: Timestamp, pair: Pair) {
        let (ticket, turn, sid) = (pair.member.ticket, pair.turns.0, pair.queue);
        let Some(queue) = self.queues.get_mut(&sid) else {
            self.seats.remove(&ticket);
            return self.news.push_back(QueueNews::Lost { ticket });
        };
        queue.line.put(turn, pair.member);
        self.seats.insert(ticket, Seat::Waiting { queue: sid, turn });
        self.news.push_back(QueueNews::Back { ticket });
        self.match_up(now, sid);
    }

    fn agent_back(&mut self, now: Timestamp, pair: Pair) {
        let (ticket, turn, sid) = (pair.agent.ticket, pair.turns.1, pair.queue);
        let Some(queue) = self.queues.get_mut(&sid) else {
            self.seats.remove(&ticket);
            return self.news.push_back(QueueNews::Lost { ticket });
        };
        queue.agents.insert(turn, pair.agent);
        self.seats.insert(ticket, Seat::Serving { queue: sid, turn });
        self.news.push_back(QueueNews::Back { ticket });
        self.match_up(now, sid);
    }

    /// Where a member stands; one that was called stands before the line.
    fn place(&self, now: Timestamp, ticket: QueueTicket) -> Option<QueuePlace> {
        let (sid, position, joined) = match self.seats.get(&ticket)? {
            Seat::Waiting { queue, turn } => {
                let line = &self.queues.get(queue)?.line;
                (*queue, line.position(*turn), line.get(*turn)?.joined)
            }
            Seat::Member { pair } => {
                let pair = self.pairs.get(pair)?;
                (pair.queue, 0, pair.member.joined)
            }
            Seat::Serving { .. } | Seat::Agent { .. } => return None,
        };
        let line = &self.queues.get(&sid)?.line;
        let (size, average_wait) = (line.len(), line.average_wait(now));
        Some(QueuePlace { queue: sid, position, size, average_wait, waited: now.since(joined) })
    }

    /// The queue of that name, made where there is none.
    fn queue_named(&mut self, name: &str, size_max: Option<u32>, wall: WallTime) -> Option<&mut Queue> {
        let sid = match self.by_name.get(name) {
            Some(sid) => *sid,
            None => {
                self.make_room()?;
                let sid = Sid::ordered(wall, &mut *self.entropy);
                let record = QueueRecord { sid, name: name.to_owned(), size_max, created: wall, updated: wall };
                self.by_name.insert(record.name.clone(), sid);
                self.queues.insert(sid, Queue::of(record, false));
                sid
            }
        };
        self.queues.get_mut(&sid)
    }

    /// Queues that documents named and nobody uses give way to new ones; the oldest first.
    fn make_room(&mut self) -> Option<()> {
        if self.queues.len() < limits::QUEUES_MAX {
            return Some(());
        }
        let idle = self.queues.values().find(|q| !q.kept && self.is_idle(q)).map(|q| q.sid)?;
        let queue = self.queues.remove(&idle)?;
        self.by_name.remove(&queue.name);
        Some(())
    }

    fn is_idle(&self, queue: &Queue) -> bool {
        queue.line.is_empty() && queue.agents.is_empty() && !self.pairs.values().any(|p| p.queue == queue.sid)
    }
}

impl Queue {
    fn of(record: QueueRecord, kept: bool) -> Queue {
        let QueueRecord { sid, name, size_max, created, updated } = record;
        Queue { sid, name, size_max, created, updated, kept, line: Line::default(), agents: BTreeMap::new() }
    }
}
