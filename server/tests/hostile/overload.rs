//! More calls than are let in: who is refused is told at once, who talks is not disturbed, and afterwards all is as before.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::common::phone::unique;
use crate::common::{Message, Options, alone, audio, eventually};
use crate::size::soaking;
use crate::stranger::{Stranger, source};
use crate::target::Target;

/// Calls a second let in.
const ADMITTED: usize = 20;

#[derive(Default)]
struct Tally {
    offered: usize,
    accepted: usize,
    refused: usize,
    other: usize,
    /// From INVITE to 503.
    waits: Vec<Duration>,
}

#[test]
fn above_the_admitted_rate_refusals_come_at_once_and_calls_in_progress_are_not_disturbed() {
    let _turn = alone();
    let config = format!("[limits]\ncalls_per_second = {ADMITTED}\n");
    let mut target = Target::start_with(Options { config, ..Options::default() });
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    let secs = if soaking() { 300 } else { 4 };
    let mut stranger = target.stranger(0x1301);
    for percent in [150, 300, 1_000] {
        let before = rung.media.heard().len();
        let words = audio::sweep(2.0, 400.0, 1_800.0);
        call.media.play(&words);
        let mut tally = offer(&target, &mut stranger, ADMITTED * percent / 100, secs);
        tally.waits.sort_unstable();
        let p99 = tally.waits.get(tally.waits.len() * 99 / 100).copied().unwrap_or_default();
        println!(
            "{percent} %: {} offered, {} accepted, {} refused, {} else; p99 of refusals {p99:?}",
            tally.offered, tally.accepted, tally.refused, tally.other
        );
        assert_eq!(tally.other, 0, "neither 200 nor 503");
        assert!(tally.refused > 0, "nobody was refused at {percent} %");
        // Goodput of 90 % of what is let in; a second may be cut at either end.
        let least = ADMITTED * (secs as usize - 1) * 9 / 10;
        assert!(tally.accepted >= least, "{} of at least {least} accepted at {percent} %", tally.accepted);
        // Promised are 100 ms on a machine of its own; the tests share theirs.
        assert!(p99 < Duration::from_secs(1), "{p99:?}");
        let heard = rung.media.heard();
        let likeness = audio::likeness(&words, &heard[before..]);
        assert!(likeness >= 0.85, "{likeness} of the sound came through at {percent} %");
        assert_eq!(target.alice.reinvite(&mut call, "sendrecv").status(), 200, "a re-INVITE at {percent} %");
    }
    assert_eq!(target.alice.hang_up(&mut call).status(), 200);
    target.bob.hung_up(&rung);
    // Back at once: a full second's worth of calls goes through.
    std::thread::sleep(Duration::from_millis(1_100));
    let after = offer(&target, &mut stranger, ADMITTED / 2, 2);
    assert_eq!((after.accepted, after.refused, after.other), (after.offered, 0, 0));
    eventually("no leg is left", Duration::from_secs(10), || {
        (target.tandem.metric("tandem_legs_live", "") < 1.0).then_some(())
    });
    target.unharmed("after overload");
}

/// RFC 7339: what is kept to is tested with simulated time; here, that it is said, to whom, and that it goes away.
#[test]
fn a_proxy_that_offers_overload_control_is_told_what_to_keep_back_and_a_stranger_is_not() {
    let proxy = source(0x1302);
    let options = Options {
        sip: format!("proxies = [\"{proxy}\"]\n"),
        config: format!("[limits]\ncalls_per_second = {ADMITTED}\n"),
        ..Options::default()
    };
    let mut target = Target::start_with(options);
    let uri = target.tandem.app_uri("open");
    let offering = |who: &Stranger| {
        let branch = unique("oc");
        format!("Via: SIP/2.0/UDP {};rport;branch=z9hG4bK{branch};oc;oc-algo=\"loss,rate\"\r\n", who.address)
    };
    let mut stranger = target.stranger(0x1303);
    let ask = stranger.request("OPTIONS", &uri, &offering(&stranger), "");
    let via = stranger.ask(&ask, Duration::from_secs(2)).expect("an answer").header("Via").to_owned();
    assert!(!via.contains("oc=") && !via.contains("oc-seq"), "{via}");

    let mut proxy = Stranger::at_ip(proxy, target.tandem.sip);
    let told = |proxy: &mut Stranger| -> (u32, String) {
        let ask = proxy.request("OPTIONS", &uri, &offering(proxy), "");
        let via = proxy.ask(&ask, Duration::from_secs(2)).expect("an answer").header("Via").to_owned();
        let loss = via.split("oc=").nth(1).and_then(|rest| rest.split(';').next()?.parse().ok());
        (loss.unwrap_or_else(|| panic!("{via}")), via)
    };
    let (loss, via) = told(&mut proxy);
    assert!(loss == 0 && via.contains("oc-validity=0") && via.contains("oc-algo=\"loss\";"), "{via}");
    // Four times what is let in, for two seconds.
    let start = Instant::now();
    let mut refused = 0;
    for n in 1..=ADMITTED as u32 * 8 {
        let invite = proxy.request("INVITE", &uri, &offering(&proxy), &proxy.sdp());
        proxy.say(invite.as_bytes());
        let next = Duration::from_secs(2) * n / (ADMITTED as u32 * 8);
        while let Some(left) = next.checked_sub(start.elapsed()) {
            let Some(reply) = proxy.hear(left) else { break };
            assert!(reply.is_request() || reply.header("Via").contains("oc="), "{reply:?}");
            refused += u32::from(!reply.is_request() && reply.status() == 503);
        }
    }
    assert!(refused > 0);
    let (loss, via) = told(&mut proxy);
    // It does not obey, so that more and more is asked of it.
    assert!((40..=99).contains(&loss) && via.contains("oc-validity=2000"), "{via}");
    eventually("it asks for nothing any more", Duration::from_secs(12), || (told(&mut proxy).0 == 0).then_some(()));
    target.unharmed("after overload control");
}

/// Calls to an open application at an even rate, each played through to its end.
fn offer(target: &Target, stranger: &mut Stranger, per_sec: usize, secs: u64) -> Tally {
    let mut tally = Tally::default();
    let mut open: HashMap<String, (String, Instant)> = HashMap::new();
    let start = Instant::now();
    let total = per_sec * secs as usize;
    while tally.offered < total || !open.is_empty() {
        let due = (start.elapsed().as_secs_f64() * per_sec as f64) as usize;
        while tally.offered < due.min(total) {
            let invite = stranger.request("INVITE", &target.tandem.app_uri("open"), "", &stranger.sdp());
            let id = Message::parse(&invite).expect("what was written").call_id().to_owned();
            stranger.say(invite.as_bytes());
            open.insert(id, (invite, Instant::now()));
            tally.offered += 1;
        }
        if let Some(message) = stranger.hear(Duration::from_millis(2)) {
            step(stranger, &mut open, &mut tally, &message);
        }
        if start.elapsed() > Duration::from_secs(secs + 15) {
            tally.other += open.len();
            break;
        }
    }
    // The last calls are hung up after their answer.
    while let Some(message) = stranger.hear(Duration::from_millis(300)) {
        step(stranger, &mut open, &mut tally, &message);
    }
    tally
}

fn step(stranger: &mut Stranger, open: &mut HashMap<String, (String, Instant)>, tally: &mut Tally, message: &Message) {
    if message.is_request() {
        let ok = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
            message.header("Via"),
            message.header("From"),
            message.header("To"),
            message.call_id(),
            message.header("CSeq")
        );
        return stranger.say(ok.as_bytes());
    }
    if message.status() < 200 || message.method() != "INVITE" {
        return;
    }
    let accepted = message.status() == 200;
    if let Some((invite, since)) = open.remove(message.call_id()) {
        match message.status() {
            200 => tally.accepted += 1,
            503 if !message.header("Retry-After").is_empty() => {
                tally.refused += 1;
                tally.waits.push(since.elapsed());
            }
            _ => tally.other += 1,
        }
        let line =
            |name: &str| invite.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_default().to_owned();
        let uri = if accepted { message.contact() } else { invite.split(' ').nth(1).unwrap_or_default().to_owned() };
        let ack = format!(
            "ACK {uri} SIP/2.0\r\n{}\r\nMax-Forwards: 70\r\n{}\r\nTo: {}\r\n{}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            line("Via"),
            line("From"),
            message.header("To"),
            line("Call-ID")
        );
        stranger.say(ack.as_bytes());
    }
}
