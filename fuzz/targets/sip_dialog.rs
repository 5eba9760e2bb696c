//! Messages, one after the other, given to both sides of a dialog. The input is messages with a NUL between.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};

fuzz_target!(|input: &[u8]| {
    let messages =
        input.split(|&b| b == 0).take(16).filter_map(|text| Message::parse(Bytes::copy_from_slice(text)).ok());
    let messages: Vec<Message> = messages.collect();
    let Some(first) = messages.first().filter(|message| message.is_request()) else { return };
    let mut sides: Vec<Dialog> = Dialog::uas(first, "ours").into_iter().collect();
    for message in &messages[1..] {
        if !message.is_request() {
            sides.extend(Dialog::uac(first, message).ok().filter(|_| sides.len() < 8));
        }
        for dialog in &mut sides {
            step(dialog, first, message);
        }
    }
});

fn step(dialog: &mut Dialog, first: &Message, message: &Message) {
    let belongs = dialog.matches(message);
    if message.is_request() {
        let before = dialog.snapshot();
        match dialog.accept(message) {
            Ok(()) => assert!(belongs),
            Err(reject) => {
                assert!(matches!(reject.status, 481 | 500));
                assert!(dialog.snapshot() == before, "what is refused changes nothing");
            }
        }
    } else if dialog.handle_response(message).is_ok() {
        assert!(belongs);
    }
    assert!(!dialog.next_hop().is_empty() && !dialog.remote_target().is_empty());
    let before = dialog.local_seq();
    let request = dialog.request(Method::Info).header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").build();
    assert_eq!((request.call_id(), request.method()), (first.call_id(), Method::Info));
    assert!(before.is_none_or(|before| dialog.local_seq() >= Some(before)));
    let ack = dialog.ack_for(first).header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").build();
    assert_eq!((ack.method(), ack.cseq().number), (Method::Ack, first.cseq().number));
    assert!(Dialog::restore(dialog.snapshot()) == *dialog);
}
