//! Who does it, and when: the only code of Tandem that touches sockets, clocks, threads, files or the network. It
//! drives the machines of `engine/` and decides nothing that they decide. Start at [`signalling`] for the path of a
//! call, at [`media`] for that of a packet.

pub mod api;
pub mod bins;
pub mod call;
pub mod carrier;
mod datagrams;
pub mod listen;
pub mod media;
pub mod operator_http;
pub mod prompt;
pub mod queues;
pub mod recording;
pub mod rooms;
pub mod signalling;
pub mod store;
pub mod stream;
pub mod supervision;
pub mod transcription;
pub mod transport;
pub mod webhook;
pub mod world;
