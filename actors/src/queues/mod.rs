//! Call queues as an actor: one for the process, on the main thread. It hands the machine of `engine/call/src/room/queue` what
//! calls ask, tells them what it says, and is what REST sees. It touches no media and no document. Start at [`QueuesActor`].
//!
//! A fault in the machine is caught here: who talks talks on, who waits is told that the queue is lost, and its document goes on.

mod actor;
mod desk;
mod seat;
#[cfg(test)]
mod tests;

pub use actor::{QueuesActor, ToQueues};
pub use desk::QueueDesk;
pub(crate) use seat::Seat;
