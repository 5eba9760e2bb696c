//! A byte string as a sequence of inputs to a transaction layer: requests, responses, our own requests and answers,
//! time, and transports that fail. Every transaction ends, each key once, and nothing is told of a key after that.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tandem_model::{Endpoint, Timestamp, Transport};
use tandem_sip::message::Message;
use tandem_sip::transaction::{ClientKey, Config, Event, ServerKey, TransactionKey, TransactionLayer};

const TRANSACTIONS_MAX: usize = 24;
const METHODS: [&str; 8] = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "UPDATE", "X"];
const STATUSES: [u16; 8] = [100, 180, 183, 200, 202, 302, 486, 603];
const MILLISECONDS: [u64; 8] = [0, 1, 200, 500, 4_000, 5_000, 32_000, 64_000];

fuzz_target!(|input: &[u8]| {
    let mut world = World::new();
    for step in input.chunks_exact(2).take(96) {
        world.step(step[0], step[1]);
        world.drain();
        // A quarter more for what belongs to calls, and a CANCEL of ours for each.
        assert!(world.layer.len() <= 2 * (TRANSACTIONS_MAX + TRANSACTIONS_MAX / 4));
    }
    world.finish();
});

struct World {
    layer: TransactionLayer,
    now: Timestamp,
    client_keys: Vec<(ClientKey, Message)>,
    server_keys: Vec<(ServerKey, Message)>,
    gone: BTreeSet<TransactionKey>,
}

impl World {
    fn new() -> World {
        let config = Config { transactions_max: TRANSACTIONS_MAX, ..Config::new([7; 16]) };
        World {
            layer: TransactionLayer::new(config),
            now: Timestamp::from_secs(100),
            client_keys: Vec::new(),
            server_keys: Vec::new(),
            gone: BTreeSet::new(),
        }
    }

    /// The first byte says what happens, the second to whom.
    fn step(&mut self, what: u8, whom: u8) {
        let (kind, choice) = (what & 7, usize::from(what >> 3 & 7));
        let peer = peer(whom);
        match kind {
            0 => self.layer.handle_message(self.now, request(METHODS[choice], whom), peer, peer),
            1 => {
                let ours = request(METHODS[choice], whom | 0x80);
                if let Ok(key) = self.layer.request(self.now, ours.clone(), peer) {
                    self.client_keys.push((key, ours));
                }
            }
            2 => {
                if let Some((_, request)) = pick(&self.client_keys, whom) {
                    let response = response(request, STATUSES[choice]);
                    self.layer.handle_message(self.now, response, peer, peer);
                }
            }
            3 => {
                if let Some((key, request)) = pick(&self.server_keys, whom) {
                    let response = response(request, STATUSES[choice]);
                    let sent = self.layer.respond(self.now, *key, &response);
                    assert!(!sent || !self.gone.contains(&TransactionKey::Server(*key)));
                }
            }
            4 => {
                if let Some((key, _)) = pick(&self.client_keys, whom) {
                    self.layer.cancel(self.now, *key);
                }
            }
            5 => {
                self.now = self.now + Duration::from_millis(MILLISECONDS[choice]);
                self.layer.expire(self.now);
            }
            6 => self.layer.handle_transport_error(self.now, peer),
            _ => {
                let client = pick(&self.client_keys, whom).map(|(key, _)| TransactionKey::Client(*key));
                let server = pick(&self.server_keys, whom).map(|(key, _)| TransactionKey::Server(*key));
                if let Some(key) = if choice < 4 { client } else { server } {
                    self.layer.abandon(key);
                    self.gone.insert(key);
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.layer.poll_transmit() {
            assert!(Message::parse(transmit.bytes).is_ok(), "what is sent can be read");
        }
        while let Some(event) = self.layer.poll_event() {
            let key = match event {
                Event::Request { key, message, .. } => {
                    self.server_keys.push((key, message));
                    Some(TransactionKey::Server(key))
                }
                Event::Ack { .. } => None,
                Event::Response { key, .. } | Event::Timeout { key } => Some(TransactionKey::Client(key)),
                Event::Cancelled { key, .. } | Event::AckTimeout { key } => Some(TransactionKey::Server(key)),
                Event::TransportFailed { key } => Some(key),
                Event::Terminated { key } => {
                    assert!(self.gone.insert(key), "ended twice");
                    None
                }
            };
            assert!(key.is_none_or(|key| !self.gone.contains(&key)), "told of what is gone");
        }
    }

    /// Everything is answered or given up; then time alone ends it.
    fn finish(mut self) {
        for (key, request) in self.server_keys.clone() {
            self.layer.respond(self.now, key, &response(&request, 486));
        }
        for (key, _) in self.client_keys.clone() {
            self.layer.cancel(self.now, key);
        }
        self.drain();
        for _ in 0..10_000 {
            let Some(at) = self.layer.deadline() else { break };
            assert!(at >= self.now);
            self.now = at;
            self.layer.expire(at);
            self.drain();
        }
        assert!(self.layer.deadline().is_none());
        // A cancelled INVITE with no provisional response waits for Timer B alone: nothing is left.
        assert!(self.layer.is_empty(), "{} left", self.layer.len());
    }
}

fn pick<T>(of: &[T], whom: u8) -> Option<&T> {
    (!of.is_empty()).then(|| &of[usize::from(whom) % of.len()])
}

fn peer(whom: u8) -> Endpoint {
    let transport = if whom & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    Endpoint::new(transport, ([192, 0, 2, whom >> 1 & 3], 5060).into())
}

/// Few branches and numbers, so that they meet; every eighth is of RFC 2543.
fn request(method: &str, whom: u8) -> Message {
    let branch = if whom & 0x38 == 0x38 { "old".to_owned() } else { format!("z9hG4bK{}", whom & 0xBC) };
    let to_tag = if whom & 0x40 == 0 { "" } else { ";tag=t" };
    let text = format!(
        "{method} sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=f\r\nTo: <sip:b@c>{to_tag}\r\nCall-ID: c\r\nCSeq: {} {method}\r\nContent-Length: 0\r\n\r\n",
        1 + (whom >> 2 & 1)
    );
    Message::parse(Bytes::from(text)).expect("it is well-formed")
}

fn response(request: &Message, status: u16) -> Message {
    let source = ([192, 0, 2, 9], 5060).into();
    Message::response(request, source, status, None).to_tag("t").build()
}
