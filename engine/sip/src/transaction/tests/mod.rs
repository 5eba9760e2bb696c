//! The four machines against their tables, the layer's rules one by one, and two layers over a lossy link.

mod layer;
mod link;
mod machines;
mod table;
mod two_party;

use bytes::Bytes;
use tandem_model::{Endpoint, Timestamp, Transport};

use super::*;
use crate::message::{Message, Method};

const T: Timestamp = Timestamp::from_secs(100);

fn alice(transport: Transport) -> Endpoint {
    Endpoint::new(transport, ([192, 0, 2, 1], 5060).into())
}

fn bob(transport: Transport) -> Endpoint {
    Endpoint::new(transport, ([192, 0, 2, 2], 5060).into())
}

fn layer() -> TransactionLayer {
    TransactionLayer::new(Config::new([7; 16]))
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::from(text.replace('\n', "\r\n"))).unwrap()
}

/// A request of alice's; `fields` are whole lines.
fn request(method: &str, branch: &str, cseq: u32, fields: &str) -> Message {
    parse(&format!(
        "{method} sip:bob@192.0.2.2 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\nMax-Forwards: 70\n\
         From: <sip:alice@h>;tag=at\nTo: <sip:bob@h>\nCall-ID: call\nCSeq: {cseq} {method}\n{fields}Content-Length: 0\n\n"
    ))
}

fn invite(branch: &str) -> Message {
    request("INVITE", branch, 1, "Contact: <sip:alice@192.0.2.1>\nRoute: <sip:proxy;lr>\n")
}

fn response(request: &Message, status: u16, tag: &str) -> Message {
    Message::response(request, alice(Transport::Udp).addr, status, None).to_tag(tag).build()
}

/// What waits to be sent, each as its start line.
fn sent(layer: &mut TransactionLayer) -> Vec<String> {
    drain(layer).iter().map(|t| start_line(&t.bytes)).collect()
}

fn drain(layer: &mut TransactionLayer) -> Vec<Transmit> {
    std::iter::from_fn(|| layer.poll_transmit()).collect()
}

fn start_line(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
}

/// What the user is told, in short.
fn told(layer: &mut TransactionLayer) -> Vec<String> {
    std::iter::from_fn(|| layer.poll_event()).map(|event| describe(&event)).collect()
}

fn describe(event: &Event) -> String {
    match event {
        Event::Request { message, .. } => format!("request {}", message.method_str()),
        Event::Ack { .. } => "ack".into(),
        Event::Response { message, .. } => format!("response {}", message.status().unwrap()),
        Event::Cancelled { .. } => "cancelled".into(),
        Event::Timeout { .. } => "timeout".into(),
        Event::AckTimeout { .. } => "ack timeout".into(),
        Event::TransportFailed { .. } => "transport failed".into(),
        Event::Terminated { .. } => "terminated".into(),
    }
}

/// The key of the one request event that waits.
fn server_key(layer: &mut TransactionLayer) -> ServerKey {
    match layer.poll_event() {
        Some(Event::Request { key, .. }) => key,
        other => panic!("{other:?}"),
    }
}

/// Runs the clock from deadline to deadline; what was sent, with milliseconds since `start`.
fn run(layer: &mut TransactionLayer, start: Timestamp, until: Timestamp) -> Vec<(u64, String)> {
    let mut out = Vec::new();
    while let Some(now) = layer.deadline().filter(|at| *at <= until) {
        layer.expire(now);
        out.extend(sent(layer).into_iter().map(|line| (now.since(start).as_millis() as u64, line)));
    }
    out
}

fn is_method(transmit: &Transmit, method: Method) -> bool {
    start_line(&transmit.bytes).starts_with(method.as_str())
}
