//! Row 3: a peer that asks and asks and never reads.

use std::time::{Duration, Instant};

use crate::common::{alone, eventually};
use crate::size::count;
use crate::stranger::{Stranger, source};
use crate::stream::{options, tcp};
use crate::target::Target;

#[test]
fn beside_a_peer_that_asks_and_never_reads_the_others_are_served() {
    let _turn = alone();
    let mut target = Target::start();
    let phone = target.alice.address.ip();
    let mut other = Stranger::at_ip(phone, target.tandem.sip);
    let quiet = waits(&mut other, 100);
    let flood = greedy(&target, Duration::from_secs(3));
    let beside = waits(&mut other, count(100, 300));
    println!("p99 {:?} before, {:?} beside the one that does not read", p99(&quiet), p99(&beside));
    let (asked, _) = flood.join().expect("the flood");
    println!("{asked} requests of the greedy one");
    // Nobody waited for the other's queue, which nobody emptied.
    assert!(p99(&beside) < Duration::from_secs(1), "{:?}", p99(&beside));
    target.unharmed("after a peer that does not read");
}

/// Asks until writing fails, or for as long: how often, and whether it was dropped.
pub fn greedy(target: &Target, patience: Duration) -> std::thread::JoinHandle<(usize, bool)> {
    let mut connection = tcp(source(0x0c02), target.tandem.sip);
    let text = options(connection.local, target.tandem.sip, "");
    std::thread::spawn(move || {
        let end = Instant::now() + patience;
        let mut asked = 0;
        while Instant::now() < end {
            let ask = text
                .replace("z9hG4bK", &format!("z9hG4bK{asked}-"))
                .replace("Call-ID: ", &format!("Call-ID: {asked}-"));
            if !connection.say(ask.as_bytes()) {
                return (asked, true);
            }
            asked += 1;
        }
        (asked, false)
    })
}

/// How long each of `n` requests takes.
fn waits(asker: &mut Stranger, n: usize) -> Vec<Duration> {
    let mut all = Vec::new();
    for _ in 0..n {
        let ping = asker.request("OPTIONS", &format!("sip:{}", asker.server), "", "");
        let since = Instant::now();
        asker.answer(&ping);
        all.push(since.elapsed());
    }
    all.sort_unstable();
    all
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 99 / 100]
}

#[test]
fn a_peer_that_never_reads_is_dropped() {
    let _turn = alone();
    let mut target = Target::start_listening_to_all();
    let (asked, dropped) = greedy(&target, Duration::from_secs(20)).join().expect("the flood");
    assert!(dropped, "still connected after {asked} requests");
    eventually("its connection is gone", Duration::from_secs(15), || {
        (target.tandem.metric("tandem_sip_connections", "") < 1.0).then_some(())
    });
    target.unharmed("after a peer that does not read");
}
