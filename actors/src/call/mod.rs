//! Calls as actors: a [`LegActor`](leg::LegActor) per leg owns a dialog, a [`CallActor`](call::CallActor) per call owns
//! the script and the facts, and the [`Switchboard`](switchboard::Switchboard) owns the table of calls. The machines
//! they drive are in `engine/call`. All actors of one call live on one arbiter, and its media on one thread.

mod actor;
mod caretaker;
mod control;
mod effects;
mod inbox;
mod leg;
mod message;
mod recordings;
mod records;
mod replace;
mod services;
mod streams;
mod switchboard;

pub use actor::CallActor;
pub use control::{LiveCalls, SwitchboardControl};
pub use inbox::{Hearers, MediaEvent, MediaInbox, MediaRouter};
pub use leg::LegActor;
pub use message::{Drain, Fault, FaultAt, InjectFault, ToCall};
pub use services::{Floor, Services};
pub use switchboard::Switchboard;
