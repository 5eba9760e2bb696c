//! What every SIP transport promises, over real sockets: the contract of the stream transports, what is peculiar to each,
//! and where names lead. Start at `contract.rs`.

mod common;
mod contract;
mod crowd;
mod locating;
mod tls;
mod ws;
