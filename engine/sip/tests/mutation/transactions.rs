//! Changed messages, read, and given to the transaction layer and to dialogs.

use std::time::Duration;

use tandem_model::{Endpoint, Timestamp, Transport};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::{Config, Event, TransactionLayer};

use crate::change::{Change, changed, fields, name};
use crate::memory::peak;
use crate::messages;

const START: Timestamp = Timestamp::from_secs(100);

fn endpoint(last: u8) -> Endpoint {
    Endpoint::new(Transport::Udp, ([192, 0, 2, last], 5060).into())
}

/// Takes what is to be sent and what is told; every request is answered with `status`. The number of requests told of.
fn drain(layer: &mut TransactionLayer, now: Timestamp, status: u16) -> usize {
    let mut requests = 0;
    loop {
        while let Some(transmit) = layer.poll_transmit() {
            assert!(!transmit.bytes.is_empty() && transmit.to.addr.port() != 0);
        }
        match layer.poll_event() {
            Some(Event::Request { key, message, source, .. }) => {
                requests += 1;
                let response = Message::response(&message, source.addr, status, None).to_tag("bt1").build();
                layer.respond(now, key, &response);
            }
            Some(_) => {}
            None => return requests,
        }
    }
}

/// Runs every timer; nothing may be left.
fn settle(layer: &mut TransactionLayer, status: u16) {
    for _ in 0..1_000 {
        let Some(at) = layer.deadline() else { break };
        layer.expire(at);
        drain(layer, at, status);
    }
    assert!(layer.is_empty() && layer.deadline().is_none(), "{} left", layer.len());
}

#[test]
fn a_changed_request_is_a_transaction_of_its_own_and_ends() {
    let mut seen = 0;
    for original in messages::all() {
        for field in fields(&original) {
            for change in Change::ALL {
                let Ok(message) = Message::parse(changed(&original, &field, change).into()) else { continue };
                let what =
                    || format!("{change:?} {} in {}", name(&original, &field), String::from_utf8_lossy(&original));
                let size = message.bytes().len();
                let status = if message.method() == Method::Invite { 486 } else { 200 };
                let (held, requests) = peak(|| {
                    let mut layer = TransactionLayer::new(Config::new([7; 16]));
                    layer.handle_message(START, message.clone(), endpoint(1), endpoint(2));
                    let requests = drain(&mut layer, START, status);
                    // Again, as UDP does: the same transaction.
                    let later = START + Duration::from_millis(500);
                    layer.handle_message(later, message.clone(), endpoint(1), endpoint(2));
                    assert_eq!(drain(&mut layer, later, status), 0, "{}", what());
                    settle(&mut layer, status);
                    requests
                });
                assert!(held <= 16 * size + 32_768, "{held} bytes for {size}: {}", what());
                let expected = message.is_request() && !matches!(message.method(), Method::Ack | Method::Cancel);
                assert_eq!(requests, usize::from(expected), "{}", what());
                seen += requests;
                // A REGISTER's Contact may have what a dialog's may not (RFC 3261 section 19.1.1, table 1).
                if message.method().forms_dialog()
                    && let Ok(mut dialog) = Dialog::uas(&message, "bt1")
                {
                    assert!(!dialog.next_hop().is_empty(), "{}", what());
                    let bye = dialog.request(Method::Bye).header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").try_build();
                    let bye = bye.unwrap_or_else(|error| panic!("{error}: {}", what()));
                    assert_eq!(bye.call_id(), message.call_id());
                    let _ = dialog.accept(&message);
                }
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn a_changed_response_answers_our_request_or_nothing() {
    let invite = messages::ordinary().swap_remove(0);
    let invite = Message::parse(invite.into()).expect("it is valid");
    let mut answered = 0;
    for original in messages::ordinary().into_iter().filter(|message| message.starts_with(b"SIP/")) {
        for field in fields(&original) {
            for change in Change::ALL {
                let Ok(response) = Message::parse(changed(&original, &field, change).into()) else { continue };
                let what =
                    || format!("{change:?} {} in {}", name(&original, &field), String::from_utf8_lossy(&original));
                let mut layer = TransactionLayer::new(Config::new([7; 16]));
                let key = layer.request(START, invite.clone(), endpoint(2)).expect("there is room");
                drain(&mut layer, START, 486);
                let (held, matched) = peak(|| {
                    layer.handle_message(START, response.clone(), endpoint(2), endpoint(1));
                    let mut matched = false;
                    while let Some(event) = layer.poll_event() {
                        matched |= matches!(event, Event::Response { key: of, .. } if of == key);
                    }
                    matched
                });
                assert!(held <= 16 * response.bytes().len() + 32_768, "{held} bytes: {}", what());
                // RFC 3261 section 17.1.3: the branch of the top Via and the method of the CSeq.
                let ours = response.cseq().method == Method::Invite && response.via().branch() == invite.via().branch();
                assert_eq!(matched, ours, "{}", what());
                answered += usize::from(matched);
                if let Ok(mut dialog) = Dialog::uac(&invite, &response) {
                    let ack = dialog.ack_for(&invite).header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").try_build();
                    assert_eq!(ack.unwrap_or_else(|error| panic!("{error}: {}", what())).method(), Method::Ack);
                    let _ = dialog.handle_response(&response);
                }
                // With a provisional response alone there is no timer: it is for us to give up.
                layer.cancel(START, key);
                settle(&mut layer, 486);
            }
        }
    }
    assert!(answered > 150, "{answered}");
}
