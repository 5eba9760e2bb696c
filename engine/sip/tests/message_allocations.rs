//! Reading takes no memory once a message was read before. Alone in its file, because it counts what the whole process allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bytes::Bytes;
use tandem_sip::message::{Message, Method};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(what: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.with(Cell::get);
    let result = what();
    (COUNT.with(Cell::get) - before, result)
}

/// A carrier's INVITE of 1,085 bytes.
fn invite() -> Bytes {
    let head = "INVITE sip:+12015550123@198.51.100.20:5060;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK0e1f2a3b4c5d6e7f;rport\r\n\
        Via: SIP/2.0/UDP 10.10.1.5:5080;received=198.51.100.11;branch=z9hG4bK77aa88bb99cc\r\n\
        Record-Route: <sip:198.51.100.10;lr;ftag=9a8b7c6d5e>\r\n\
        Max-Forwards: 68\r\n\
        From: \"Alice Example\" <sip:+12015550100@198.51.100.10>;tag=9a8b7c6d5e\r\n\
        To: <sip:+12015550123@198.51.100.20>\r\n\
        Call-ID: 3848276298220188511@198.51.100.10\r\n\
        CSeq: 314159 INVITE\r\n\
        Contact: <sip:+12015550100@198.51.100.10:5060;transport=udp>\r\n\
        Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK\r\n\
        Supported: 100rel, timer, replaces\r\n\
        User-Agent: Example Gateway 4.2\r\n\
        P-Asserted-Identity: <sip:+12015550100@198.51.100.10>\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: LEN\r\n\r\n";
    let mut body = "v=0\r\no=gw 123456 654321 IN IP4 198.51.100.12\r\ns=-\r\nc=IN IP4 198.51.100.12\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=x:"
        .to_owned();
    let missing = 1_085 - (head.len() + body.len() + 2);
    body.push_str(&"x".repeat(missing));
    body.push_str("\r\n");
    let text = head.replace("LEN", &format!("{:03}", body.len())) + &body;
    assert_eq!(text.len(), 1_085);
    text.into()
}

fn read_base_headers(message: &Message) -> usize {
    assert_eq!(message.method(), Method::Invite);
    let via = message.via();
    let (from, to) = (message.from(), message.to());
    black_box((message.request_uri().map(|uri| uri.host().len()), via.branch(), via.host()));
    black_box((from.tag(), from.display_name(), to.tag(), to.uri_str(), message.call_id(), message.cseq()));
    black_box((message.max_forwards(), message.content_type(), message.expires(), message.header("User-Agent")));
    black_box((message.contacts().count(), message.vias().count(), message.record_routes().count()));
    message.all_headers().count() + message.token_list("Allow").count() + message.body().len()
}

#[test]
fn reading_an_invite_and_its_base_headers_allocates_nothing() {
    let bytes = invite();
    // The first clone of a Bytes made from a String may allocate its counter; that is no part of reading.
    let shared = bytes.clone();
    let (count, first) = allocations(|| Message::parse(shared));
    assert_eq!((count, first.is_ok()), (1, true), "the first message of a thread, for its index");
    // Dropped, it leaves its index to the next one.
    let (kept, shared) = (first.expect("a sound INVITE").bytes().len(), bytes.clone());
    assert_eq!(kept, bytes.len());
    let (count, message) = allocations(|| Message::parse(shared));
    let message = message.expect("a sound INVITE");
    assert_eq!(count, 0, "parse");
    let (count, sum) = allocations(|| read_base_headers(&message));
    assert_eq!(count, 0, "base headers");
    assert!(sum > 200);
    let (count, copy) = allocations(|| message.clone());
    assert_eq!((count, copy == message), (0, true), "clone");
    let (count, _) = allocations(|| Vec::<u8>::with_capacity(black_box(16)));
    assert_eq!(count, 1, "the counter counts");
}

#[test]
fn a_response_is_written_into_one_buffer() {
    let request = Message::parse(invite()).expect("a sound INVITE");
    let source = "198.51.100.10:5060".parse().expect("an address");
    let (count, response) =
        allocations(|| Message::response(&request, source, 180, None).header("Server", "t").build());
    assert_eq!(response.status(), Some(180));
    assert!(count <= 2, "the buffer and its shared counter, not {count}");
}
