//! Row 2: what a stream can be made to hold, and how long.

use std::time::{Duration, Instant};

use crate::common::phone::unique;
use crate::size::count;
use crate::stranger::source;
use crate::stream::{Heard, options, tcp, try_tcp};
use crate::target::Target;

/// Promised for each connection.
const BYTES_PER_CONNECTION_KIB_MAX: u64 = 256;
/// Promised for one that has not proved anything, with what a busy machine takes to notice.
const IDLE: Duration = Duration::from_secs(40);

#[test]
fn a_length_of_four_thousand_million_is_refused_at_once_and_nothing_is_kept_for_it() {
    let mut target = Target::start();
    for (n, length) in
        ["4000000000", "65536", "18446744073709551616", "99999999999999999999999"].into_iter().enumerate()
    {
        let mut connection = tcp(source(0x0201 + n as u32), target.tandem.sip);
        let text = options(connection.local, target.tandem.sip, "")
            .replace("Content-Length: 0", &format!("Content-Length: {length}"));
        connection.say(text.as_bytes());
        let (closed, said) = connection.closed(Duration::from_secs(10));
        assert!(closed, "Content-Length {length}: still open");
        assert!(said.iter().all(|m| matches!(m.status(), 400 | 413 | 513)), "{said:?}");
    }
    target.unharmed("after absurd lengths");
}

#[test]
fn two_messages_in_one_segment_and_one_cut_at_every_byte_are_each_answered_once() {
    let mut target = Target::start();
    let mut connection = tcp(source(0x0211), target.tandem.sip);
    let (local, server) = (connection.local, target.tandem.sip);
    let both = options(local, server, "first body") + &options(local, server, "");
    connection.say(both.as_bytes());
    let ids: Vec<String> =
        (0..2).filter_map(|_| connection.message(Duration::from_secs(5))).map(|m| m.call_id().to_owned()).collect();
    let asked: Vec<&str> = both.lines().filter_map(|l| l.strip_prefix("Call-ID: ")).collect();
    assert_eq!(ids, asked);

    let whole = options(local, server, "a body");
    for at in (1..whole.len()).step_by(count(5, 1)) {
        let text = whole.replace("Call-ID: ", &format!("Call-ID: at{at}-")).replace("z9hG4bK", &format!("z9hG4bK{at}"));
        let (first, second) = text.as_bytes().split_at(at);
        connection.say(first);
        connection.say(second);
        let reply = connection.message(Duration::from_secs(5)).unwrap_or_else(|| panic!("cut at {at}: no answer"));
        assert_eq!((reply.status(), reply.call_id().starts_with(&format!("at{at}-"))), (200, true), "{reply:?}");
    }
    for byte in whole.as_bytes() {
        connection.say(&[*byte]);
    }
    assert_eq!(connection.message(Duration::from_secs(5)).map(|m| m.status()), Some(200), "byte by byte");
    assert!(connection.message(Duration::from_millis(200)).is_none(), "one answer each");
    target.unharmed("after cuts at every byte");
}

#[test]
fn lengths_that_do_not_fit_their_bodies_never_make_a_second_message() {
    let mut target = Target::start();
    let server = target.tandem.sip;
    let inner = |id: &str| {
        options(tcp(source(0x0220), server).local, server, "").replace("Call-ID: ", &format!("Call-ID: {id}"))
    };
    for (what, headers) in [
        ("two lengths that differ", "Content-Length: 0\r\nContent-Length: 500"),
        ("a list of lengths", "Content-Length: 0, 500"),
        ("no length", "X-None: 1"),
        ("a negative one", "Content-Length: -1"),
        ("one with a sign", "Content-Length: +0"),
        ("one in hex", "Content-Length: 0x0"),
        ("a long and a short name that differ", "l: 0\r\nContent-Length: 500"),
    ] {
        let mut connection = tcp(source(0x0221), server);
        let smuggled = unique("smuggled");
        let text = options(connection.local, server, "").replace("Content-Length: 0", headers) + &inner(&smuggled);
        connection.say(text.as_bytes());
        let (closed, said) = connection.closed(Duration::from_secs(5));
        assert!(closed, "{what}: the connection goes on");
        assert!(said.iter().all(|m| m.status() >= 400 && !m.call_id().starts_with(&smuggled)), "{what}: {said:?}");
    }
    target.unharmed("after lengths that do not fit");
}

#[test]
fn a_flood_of_keep_alives_is_answered_or_closed_and_others_are_served() {
    let mut target = Target::start();
    let mut flooder = tcp(source(0x0231), target.tandem.sip);
    let pings = b"\r\n\r\n".repeat(1_000);
    let mut open = true;
    for _ in 0..count(50, 5_000) {
        open = open && flooder.say(&pings);
    }
    target.serves_again(Duration::from_secs(5));
    // Whatever the flooder gets, it is pongs.
    while let Heard::Pong = flooder.hear(Duration::from_millis(100)) {}
    target.unharmed("after a flood of keep-alives");
}

#[test]
fn silent_and_dribbling_connections_hold_little_are_closed_in_time_and_others_are_served() {
    let mut target = Target::start();
    let (idle, dribbling) = (count(300, 5_000), count(100, 2_000));
    let server = target.tandem.sip;
    let before = target.rss();
    let opened = Instant::now();
    // Of many sources, so that no limit of one of them hides what many do.
    let silent: Vec<_> = (0..idle).filter_map(|n| try_tcp(source(0x0300 + n as u32), server).ok()).collect();
    let mut drops: Vec<_> = (0..dribbling).filter_map(|n| try_tcp(source(0x8300 + n as u32), server).ok()).collect();
    let text = options(server, server, "");
    for byte in text.as_bytes().iter().take(20) {
        for connection in &mut drops {
            connection.say(&[*byte]);
        }
    }
    // A claim of the largest body there may be, and the most of it.
    for connection in drops.iter_mut().take(20) {
        let claim = options(connection.local, server, "").replace("Content-Length: 0", "Content-Length: 60000");
        connection.say(&claim.as_bytes()[20..]);
        connection.say(&[b'x'; 50_000]);
    }
    target.serves_again(Duration::from_secs(5));
    let held = target.rss().saturating_sub(before);
    let open = (silent.len() + drops.len()) as u64;
    assert!(held <= open * BYTES_PER_CONNECTION_KIB_MAX, "{held} KiB for {open} connections");
    // A probe meanwhile: phones do not notice.
    target.probe("while connections idle and dribble");
    let mut closed = 0;
    for mut connection in silent.into_iter().chain(drops) {
        let left = IDLE.saturating_sub(opened.elapsed()).max(Duration::from_millis(1));
        // One byte a while is no sign of life either.
        connection.say(b"O");
        closed += u64::from(connection.closed(left).0);
    }
    println!("{held} KiB for {open} connections; {closed} closed after {:?}", opened.elapsed());
    assert_eq!(closed, open, "connections still open after {:?}", opened.elapsed());
    target.unharmed("after idle connections");
    // Though nobody calls: the allocator needs nobody to remind it.
    let kept = target.growth_within(held / 4);
    assert!(kept <= held / 4, "{kept} KiB kept of {held}");
    println!("{kept} KiB kept");
}
