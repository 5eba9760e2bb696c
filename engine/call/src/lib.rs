//! Calls: legs that speak SIP, calls that bind a LaML script to legs and media, and the configuration both read.
//! No socket, thread or clock: actors drive these machines. Start at [`directory`].

pub mod call;
pub mod carrier;
pub mod directory;
pub mod leg;
pub mod own;
pub mod room;
pub mod routing;
mod sent_by;

pub use sent_by::SentBy;
