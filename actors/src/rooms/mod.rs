//! Conferences as an actor: one for the process, on the main thread. It hands the machines of `engine/call/src/room/conference` what
//! calls, media threads and REST say, and does what they say: mixes, beeps, recordings, callbacks. Start at [`RoomsActor`].
//!
//! ```text
//!  CallActor ──FromCall──► RoomsActor ──ToCall(Conference)──► CallActor ──MoveMedia──► media threads
//!  media thread ──Spoke──►     │ ──Join, PlayMix, TapMix──► media thread      REST ──Ask──► RoomsActor
//! ```
//!
//! A fault in a machine is caught here: that conference ends, its members go on with their documents, and the others do not notice.

mod actor;
mod control;
mod effects;
mod message;
mod recording;
mod stream;
#[cfg(test)]
mod tests;

pub use actor::{RoomServices, RoomsActor};
pub use control::RoomDesk;
pub use message::{FromCall, Spoke};
