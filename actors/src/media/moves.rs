//! Which calls are not on the media thread that their number gives, and the commands that wait while one is on its way.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tandem_media::control::{Command, MoveFailed};
use tandem_model::limits::{MOVE_COMMANDS_MAX, TICK};
use tokio::sync::oneshot;

use super::handle::{Line, Message, SendError};
use super::moving::Order;

/// How often, and how often at most, commands that waited are offered to a thread whose queue is full.
const OFFERED_EVERY: Duration = TICK;
const OFFERS_MAX: u32 = 50;

/// The copy that all who send commands read; whoever moves a call writes it, a few times in a call's life. Everybody's commands go
/// through it, so that none overtakes another and none meets a thread that its leg has left.
#[derive(Debug, Default)]
pub(super) struct Moves(RwLock<HashMap<u64, Whereabouts>>);

#[derive(Debug)]
enum Whereabouts {
    At(Line),
    /// On its way. What comes for it meanwhile waits, in order.
    Moving {
        from: Line,
        to: Line,
        held: Vec<Command>,
    },
}

impl Moves {
    /// Sends a command to where its leg is; `line` is where its number says.
    pub fn send(self: &Arc<Self>, line: &Line, command: Command) -> Result<(), SendError> {
        let Some(call) = command.leg().map(|leg| leg.call_number()) else {
            return line.send(Message::Command(command));
        };
        // The lock is held while the command is queued: a move begins before it or after it.
        let calls = self.read();
        match calls.get(&call) {
            None => line.send(Message::Command(command)),
            Some(Whereabouts::At(line)) => line.send(Message::Command(command)),
            Some(Whereabouts::Moving { .. }) => {
                drop(calls);
                self.hold(call, line, command)
            }
        }
    }

    /// Where a call is, or will be when it has moved. None for a call that never moved.
    pub fn line_of(&self, call: u64) -> Option<Line> {
        match self.read().get(&call)? {
            Whereabouts::At(line) => Some(line.clone()),
            Whereabouts::Moving { to, .. } => Some(to.clone()),
        }
    }

    /// Tells the thread of a call to hand its legs to another. `home` is where its number says.
    pub fn begin(
        &self,
        call: u64,
        home: &Line,
        to: &Line,
    ) -> Result<Option<oneshot::Receiver<Result<(), MoveFailed>>>, MoveFailed> {
        let mut calls = self.write();
        let from = match calls.get(&call) {
            None => home.clone(),
            Some(Whereabouts::At(line)) => line.clone(),
            Some(Whereabouts::Moving { .. }) => return Err(MoveFailed::Busy),
        };
        if from.index == to.index {
            return Ok(None);
        }
        let (done, moved) = oneshot::channel();
        let order = Order { call, from: from.clone(), to: to.clone(), done };
        from.send(Message::Move(Box::new(order))).map_err(|error| match error {
            SendError::Full => MoveFailed::Busy,
            SendError::Dead => MoveFailed::Dead,
        })?;
        calls.insert(call, Whereabouts::Moving { from, to: to.clone(), held: Vec::new() });
        Ok(Some(moved))
    }

    /// The move is over: what waited goes to where the legs are now.
    pub async fn settle(&self, call: u64, result: Result<(), MoveFailed>) -> Result<(), MoveFailed> {
        for _ in 0..OFFERS_MAX {
            if self.deliver(call, result) {
                return result;
            }
            tokio::time::sleep(OFFERED_EVERY).await;
        }
        tracing::error!(call, "media thread takes no commands: those of a call that moved are lost");
        let mut calls = self.write();
        if let Some(Whereabouts::Moving { from, to, .. }) = calls.remove(&call) {
            calls.insert(call, Whereabouts::At(if result.is_ok() { to } else { from }));
        }
        Err(MoveFailed::Lost)
    }

    /// A call is over.
    pub fn forget(&self, call: u64) {
        self.write().remove(&call);
    }

    /// False when the thread's queue is full: all is as it was.
    fn deliver(&self, call: u64, result: Result<(), MoveFailed>) -> bool {
        let mut calls = self.write();
        match calls.remove(&call) {
            Some(Whereabouts::Moving { from, to, held }) => {
                let line = if result.is_ok() { &to } else { &from };
                let offered = if held.is_empty() { Ok(()) } else { line.offer(Message::Commands(held)) };
                if let Err((Message::Commands(held), SendError::Full)) = offered {
                    calls.insert(call, Whereabouts::Moving { from, to, held });
                    return false;
                }
                // With a thread that has ended its legs have ended, and said so.
                let line = if result.is_ok() { to } else { from };
                calls.insert(call, Whereabouts::At(line));
                true
            }
            Some(at @ Whereabouts::At(_)) => {
                calls.insert(call, at);
                true
            }
            None => true,
        }
    }

    fn hold(self: &Arc<Self>, call: u64, line: &Line, command: Command) -> Result<(), SendError> {
        let mut calls = self.write();
        match calls.get_mut(&call) {
            Some(Whereabouts::Moving { held, .. }) => {
                if held.len() >= MOVE_COMMANDS_MAX {
                    return Err(SendError::Full);
                }
                held.push(command);
                Ok(())
            }
            // It arrived between the two looks.
            Some(Whereabouts::At(line)) => line.send(Message::Command(command)),
            None => line.send(Message::Command(command)),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<u64, Whereabouts>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<u64, Whereabouts>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
