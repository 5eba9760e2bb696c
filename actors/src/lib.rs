//! The only code that touches sockets, clocks, files and the network. It decides little: the engine does.

pub mod api;
pub mod store;
