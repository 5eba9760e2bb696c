//! What REST does with queues and those who wait in them (laml.md 3.10).

use std::time::Duration;

use tandem_laml::instruction::Method;
use tandem_model::{CallSid, Sid, Timestamp, WallTime, limits};

use super::{Queue, QueueNews, Queues};

/// What of a queue outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRecord {
    pub sid: Sid,
    pub name: String,
    pub size_max: Option<u32>,
    pub created: WallTime,
    pub updated: WallTime,
}

/// A queue as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    pub record: QueueRecord,
    pub size: usize,
    pub average_wait: Duration,
}

/// One who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    pub call_sid: CallSid,
    pub queue: Sid,
    pub joined: WallTime,
    /// From 1.
    pub position: usize,
    pub waited: Duration,
}

/// Which member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    Front,
    Call(CallSid),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskError {
    NoQueue,
    NoMember,
    /// Another queue has the name.
    NameTaken,
    /// Somebody waits in it, is being called, or talks.
    NotEmpty,
    TooMany,
}

impl Queues {
    /// A queue that is kept. Names are unique among all there are, those that documents made too.
    ///
    /// # Errors
    /// `NameTaken`, `TooMany`.
    pub fn create(&mut self, wall: WallTime, name: &str, size_max: Option<u32>) -> Result<QueueView, DeskError> {
        if self.by_name.contains_key(name) {
            return Err(DeskError::NameTaken);
        }
        self.make_room().ok_or(DeskError::TooMany)?;
        let sid = Sid::ordered(wall, &mut *self.entropy);
        let record = QueueRecord { sid, name: name.to_owned(), size_max, created: wall, updated: wall };
        self.by_name.insert(name.to_owned(), sid);
        let queue = Queue::of(record, true);
        let view = queue.view(Timestamp::ZERO);
        self.queues.insert(sid, queue);
        Ok(view)
    }

    /// Another name, another size, or both; it is kept from now on. Who waits already, waits on.
    ///
    /// # Errors
    /// `NoQueue`, `NameTaken`.
    pub fn change(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        sid: Sid,
        name: Option<&str>,
        size_max: Option<Option<u32>>,
    ) -> Result<QueueView, DeskError> {
        let queue = self.queues.get_mut(&sid).ok_or(DeskError::NoQueue)?;
        if let Some(name) = name.filter(|name| *name != queue.name) {
            if self.by_name.contains_key(name) {
                return Err(DeskError::NameTaken);
            }
            self.by_name.remove(&queue.name);
            self.by_name.insert(name.to_owned(), sid);
            queue.name = name.to_owned();
        }
        if let Some(size_max) = size_max {
            queue.size_max = size_max;
        }
        queue.updated = wall;
        queue.kept = true;
        Ok(queue.view(now))
    }

    /// Puts back what was before [`create`](Queues::create), [`change`](Queues::change) or [`remove`](Queues::remove), when that could
    /// not be made to last: a record and whether it was kept. Of two that want one name the later has it.
    pub fn restore(&mut self, sid: Sid, before: Option<(QueueRecord, bool)>) {
        match (self.queues.get_mut(&sid), before) {
            (Some(queue), Some((record, kept))) => {
                if record.name != queue.name && !self.by_name.contains_key(&record.name) {
                    self.by_name.remove(&queue.name);
                    self.by_name.insert(record.name.clone(), sid);
                    queue.name = record.name;
                }
                (queue.size_max, queue.updated, queue.kept) = (record.size_max, record.updated, kept);
            }
            (Some(queue), None) => queue.kept = false,
            (None, Some((record, kept))) => {
                if !self.by_name.contains_key(&record.name) {
                    self.by_name.insert(record.name.clone(), sid);
                    self.queues.insert(sid, Queue::of(record, kept));
                }
            }
            (None, None) => {}
        }
    }

    /// # Errors
    /// `NoQueue`, `NotEmpty`.
    pub fn remove(&mut self, sid: Sid) -> Result<QueueRecord, DeskError> {
        let queue = self.queues.get(&sid).ok_or(DeskError::NoQueue)?;
        if !self.is_idle(queue) {
            return Err(DeskError::NotEmpty);
        }
        let queue = self.queues.remove(&sid).ok_or(DeskError::NoQueue)?;
        self.by_name.remove(&queue.name);
        Ok(queue.record())
    }

    pub fn record(&self, sid: Sid) -> Option<(QueueRecord, bool)> {
        self.queues.get(&sid).map(|q| (q.record(), q.kept))
    }

    pub fn queue(&self, now: Timestamp, sid: Sid) -> Option<QueueView> {
        self.queues.get(&sid).map(|q| q.view(now))
    }

    /// Newest first.
    pub fn list(&self, now: Timestamp) -> Vec<QueueView> {
        self.queues.values().rev().map(|q| q.view(now)).collect()
    }

    /// In their order.
    ///
    /// # Errors
    /// `NoQueue`.
    pub fn members(&self, now: Timestamp, sid: Sid) -> Result<Vec<MemberView>, DeskError> {
        let queue = self.queues.get(&sid).ok_or(DeskError::NoQueue)?;
        let members = queue.line.iter().zip(1..).map(|((_, member), position)| MemberView {
            call_sid: member.call_sid,
            queue: sid,
            joined: member.joined_wall,
            position,
            waited: now.since(member.joined),
        });
        Ok(members.collect())
    }

    /// # Errors
    /// `NoQueue`, `NoMember`.
    pub fn member(&self, now: Timestamp, sid: Sid, whom: Whom) -> Result<MemberView, DeskError> {
        let is_it = |m: &MemberView| match whom {
            Whom::Front => m.position == 1,
            Whom::Call(call) => m.call_sid == call,
        };
        self.members(now, sid)?.into_iter().find(is_it).ok_or(DeskError::NoMember)
    }

    /// Takes a member out of the queue and has it run the document at `url`.
    ///
    /// # Errors
    /// `NoQueue`, `NoMember`.
    pub fn redirect(
        &mut self,
        now: Timestamp,
        sid: Sid,
        whom: Whom,
        url: String,
        method: Method,
    ) -> Result<MemberView, DeskError> {
        let view = self.member(now, sid, whom)?;
        let queue = self.queues.get_mut(&sid).ok_or(DeskError::NoQueue)?;
        let turn = queue.line.iter().find(|(_, m)| m.call_sid == view.call_sid).map(|(turn, _)| turn);
        let member = turn.and_then(|turn| queue.line.take(turn)).ok_or(DeskError::NoMember)?;
        self.seats.remove(&member.ticket);
        self.news.push_back(QueueNews::Redirected { ticket: member.ticket, url, method });
        Ok(view)
    }
}

impl Queue {
    pub(super) fn record(&self) -> QueueRecord {
        QueueRecord {
            sid: self.sid,
            name: self.name.clone(),
            size_max: self.size_max,
            created: self.created,
            updated: self.updated,
        }
    }

    fn view(&self, now: Timestamp) -> QueueView {
        QueueView { record: self.record(), size: self.line.len(), average_wait: self.line.average_wait(now) }
    }
}

const _: () = assert!(limits::QUEUE_MEMBERS_MAX <= u32::MAX as usize);
