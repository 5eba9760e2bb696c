//! Any bytes as a stream, in pieces that the first eight bytes choose: the frames are those of the stream in one piece,
//! and what is held is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_model::limits::{SIP_MESSAGE_BYTES_MAX, SIP_STREAM_BUFFER_BYTES_MAX};
use tandem_sip::message::{Framed, Message, StreamFramer};

fn framed<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<Framed> {
    let mut framer = StreamFramer::new();
    let mut frames = Vec::new();
    for part in parts {
        framer.push(part);
        frames.extend(std::iter::from_fn(|| framer.next()));
        assert!(framer.buffered() <= SIP_STREAM_BUFFER_BYTES_MAX);
    }
    frames
}

fuzz_target!(|input: &[u8]| {
    let Some((sizes, stream)) = input.split_first_chunk::<8>() else { return };
    let whole = framed(stream.chunks(SIP_MESSAGE_BYTES_MAX));
    let mut rest = stream;
    let mut parts = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, behind) = rest.split_at(usize::from(*size).max(1).min(rest.len()));
        parts.push(part);
        rest = behind;
    }
    assert_eq!(framed(parts.into_iter()), whole);
    for (n, frame) in whole.iter().enumerate() {
        match frame {
            Framed::Message(bytes) => drop(Message::parse(bytes.clone())),
            Framed::Ping => {}
            Framed::Error(error) => {
                assert!(matches!(error.status, 400 | 513) && n + 1 == whole.len());
                let _ = error.reply("192.0.2.1:5060".parse().expect("an address"));
            }
        }
    }
});
