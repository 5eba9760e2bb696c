//! A server's transports, peers of each kind, and certificates made for the occasion.

pub mod certificates;
pub mod dns;
pub mod peer;
pub mod server;

pub use certificates::Authority;
pub use peer::Peer;
pub use server::{Seen, Server};

use std::time::Duration;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An OPTIONS that is told from others by `id`.
pub fn options(id: &str) -> Vec<u8> {
    options_with(id, "", "")
}

pub fn options_with(id: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:server.test SIP/2.0\r\nVia: SIP/2.0/TCP client.test;branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@client.test>;tag=a\r\nTo: <sip:server.test>\r\nCall-ID: {id}\r\nCSeq: 1 OPTIONS\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
