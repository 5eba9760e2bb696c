use std::collections::BTreeMap;
use std::time::Duration;

use tandem_model::{CallSid, Timestamp, WallTime};

use super::QueueTicket;

/// One who waits.
pub(super) struct Member {
    pub ticket: QueueTicket,
    pub call_sid: CallSid,
    pub joined: Timestamp,
    pub joined_wall: WallTime,
}

/// Those who wait, by the turn they took.
#[derive(Default)]
pub(super) struct Line {
    members: BTreeMap<u64, Member>,
    /// Of the moments they joined: the average wait costs no walk.
    joined_nanos: u128,
}

impl Line {
    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn put(&mut self, turn: u64, member: Member) {
        self.joined_nanos += u128::from(member.joined.as_nanos());
        if let Some(before) = self.members.insert(turn, member) {
            self.joined_nanos -= u128::from(before.joined.as_nanos());
        }
    }

    pub fn take(&mut self, turn: u64) -> Option<Member> {
        let member = self.members.remove(&turn)?;
        self.joined_nanos -= u128::from(member.joined.as_nanos());
        Some(member)
    }

    pub fn pop_front(&mut self) -> Option<(u64, Member)> {
        let turn = *self.members.first_key_value()?.0;
        Some((turn, self.take(turn)?))
    }

    pub fn get(&self, turn: u64) -> Option<&Member> {
        self.members.get(&turn)
    }

    /// From 1.
    pub fn position(&self, turn: u64) -> usize {
        self.members.range(..=turn).count()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Member)> {
        self.members.iter().map(|(turn, member)| (*turn, member))
    }

    pub fn average_wait(&self, now: Timestamp) -> Duration {
        let count = self.members.len() as u128;
        if count == 0 {
            return Duration::ZERO;
        }
        let waited = (u128::from(now.as_nanos()) * count).saturating_sub(self.joined_nanos) / count;
        Duration::from_nanos(u64::try_from(waited).unwrap_or(u64::MAX))
    }
}
