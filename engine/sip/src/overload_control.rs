//! Overload control towards clients that obey it (RFC 7339), as their server, with the loss-based algorithm: what share of
//! their requests they are asked to keep back. It decides nothing about who is refused here; it is told that.
//!
//! ```text
//!   requests of an interval: offered, and refused for overload
//!     many refused: what comes may be as much as was taken; p = 1 - (1 - p)(1 - refused/offered)
//!     few refused:  as it should be
//!     none refused: a little more may come, and soon much more, until all may
//! ```

use std::fmt;
use std::time::Duration;

use tandem_model::Timestamp;

use crate::message::Message;

/// One value holds for so long, and is judged by what came of it. A second, because limits are of so many a second.
const INTERVAL: Duration = Duration::from_secs(1);
/// A client goes by a value for so long (RFC 7339 section 4.3): the next one finds it still there.
const VALIDITY_MS: u32 = 2_000;
/// Never all of it: nothing could be heard of the end then.
const LOSS_PERCENT_MAX: u8 = 99;
/// What may come grows by this in each interval without a refusal, the last one in all further ones. Small at first, so that
/// load stays at what can be taken; doubling then, so that the end of overload is over in seconds.
const GROWTH: [f64; 4] = [1.05, 1.1, 1.4, 2.0];

/// The share of refusals at which load is right: what comes at random finds no room now and then at any load.
const TOLERATED: f64 = 0.05;

/// The Via parameters of overload control.
const PARAMS: [&str; 4] = ["oc", "oc-algo", "oc-validity", "oc-seq"];

/// What is asked of clients. Tell it of every request of theirs that begins something: [`offered`](Self::offered), and
/// [`refused`](Self::refused) where that became of it.
#[derive(Debug)]
pub struct LossControl {
    seq_base_ms: u64,
    /// Of the interval.
    began: Timestamp,
    offered: u32,
    refused: u32,
    /// The share of what clients want to send that may come; 1 without overload.
    passing: f64,
    /// Asked for in this interval: whole percents of the rest.
    loss_percent: u8,
    /// What rounding has left out so far: made up for in the next intervals.
    owed: f64,
    /// Intervals without a refusal.
    calm: usize,
}

/// The parameters of a response (RFC 7339 sections 4.1 to 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    pub loss_percent: u8,
    pub validity_ms: u32,
    seq_ms: u64,
}

impl LossControl {
    /// `seq_base_ms` is the civil time of the clock's origin: the sequence goes on rising over restarts.
    pub fn new(seq_base_ms: u64) -> Self {
        LossControl {
            seq_base_ms,
            began: Timestamp::ZERO,
            offered: 0,
            refused: 0,
            passing: 1.0,
            loss_percent: 0,
            owed: 0.0,
            calm: 0,
        }
    }

    pub fn offered(&mut self, now: Timestamp) {
        self.turn(now);
        self.offered = self.offered.saturating_add(1);
    }

    /// One of those offered.
    pub fn refused(&mut self, now: Timestamp) {
        self.turn(now);
        self.refused = self.refused.saturating_add(1);
    }

    pub fn feedback(&mut self, now: Timestamp) -> Feedback {
        self.turn(now);
        Feedback {
            loss_percent: self.loss_percent,
            // 0: nothing is asked for (RFC 7339 section 4.3).
            validity_ms: if self.loss_percent > 0 { VALIDITY_MS } else { 0 },
            seq_ms: self.seq_base_ms.saturating_add(self.began.as_millis()),
        }
    }

    fn turn(&mut self, now: Timestamp) {
        let passed = now.since(self.began).as_millis() / INTERVAL.as_millis();
        if passed == 0 {
            return;
        }
        let refused = f64::from(self.refused) / f64::from(self.offered.max(self.refused).max(1));
        if self.refused > 0 && refused <= TOLERATED {
            self.calm = 0;
        } else if self.refused > 0 {
            let taken = 1.0 - refused;
            let sent = 1.0 - f64::from(self.loss_percent) / 100.0;
            self.passing = (sent * taken).max(0.01);
            self.calm = 0;
        } else {
            self.grow();
        }
        // Intervals that nobody said anything in.
        for _ in 1..passed.min(20) {
            self.grow();
        }
        self.loss_percent = self.rounded();
        (self.began, self.offered, self.refused) = (now, 0, 0);
    }

    fn grow(&mut self) {
        self.passing = (self.passing * GROWTH[self.calm.min(GROWTH.len() - 1)]).min(1.0);
        self.calm += 1;
    }

    fn rounded(&mut self) -> u8 {
        if self.passing >= 1.0 {
            self.owed = 0.0;
            return 0;
        }
        let exact = (1.0 - self.passing) * 100.0 + self.owed;
        let whole = exact.round().clamp(0.0, LOSS_PERCENT_MAX.into());
        self.owed = (exact - whole).clamp(-1.0, 1.0);
        whole as u8
    }
}

/// Whether whoever sent a request takes part: it says so in its Via, and knows the one algorithm that all must know
/// (RFC 7339 sections 4.1, 4.2 and 5.1).
pub fn takes_part(request: &Message) -> bool {
    let params = request.via().params();
    request.is_request()
        && params.get("oc").is_some()
        && params.get("oc-algo").is_some_and(|list| {
            list.trim_matches('"').split(',').any(|algorithm| algorithm.trim().eq_ignore_ascii_case("loss"))
        })
}

/// The request as its responses are to state it (RFC 7339 section 5.2).
pub fn stated(request: &Message, feedback: Feedback) -> Option<Message> {
    request.with_via_params(&PARAMS, &feedback.to_string())
}

/// As Via parameters.
impl fmt::Display for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, ms) = (self.seq_ms / 1_000, self.seq_ms % 1_000);
        let Feedback { loss_percent, validity_ms, .. } = self;
        write!(f, ";oc={loss_percent};oc-algo=\"loss\";oc-validity={validity_ms};oc-seq={secs}.{ms:03}")
    }
}

#[cfg(test)]
mod tests {
    use tandem_model::{Entropy, SeedEntropy};

    use super::*;

    /// A client that obeys (RFC 7339 sections 5.4 to 5.9), from what it is told.
    struct Client {
        entropy: SeedEntropy,
        loss_percent: u8,
        until: Timestamp,
        seq_ms: u64,
    }

    impl Client {
        fn new(seed: u64) -> Client {
            Client { entropy: SeedEntropy::new(seed), loss_percent: 0, until: Timestamp::ZERO, seq_ms: 0 }
        }

        fn sends(&mut self, now: Timestamp) -> bool {
            let loss = if now < self.until { self.loss_percent } else { 0 };
            self.entropy.next_u64() % 100 >= loss.into()
        }

        fn hears(&mut self, now: Timestamp, told: Feedback) {
            if told.seq_ms > self.seq_ms {
                self.seq_ms = told.seq_ms;
                self.loss_percent = told.loss_percent;
                self.until = now + Duration::from_millis(told.validity_ms.into());
            }
        }
    }

    /// What can be taken: as many a second, or as fast as work gets done, by the age of what waits.
    #[derive(Clone, Copy, Debug)]
    enum Server {
        Rate,
        Queue,
    }

    const TARGET: f64 = 400.0;

    struct World {
        control: LossControl,
        server: Server,
        per_second: f64,
        /// Of the second, or waiting in seconds.
        load: f64,
        second: Timestamp,
        at: Timestamp,
    }

    impl World {
        fn new(server: Server) -> World {
            World {
                control: LossControl::new(0),
                server,
                per_second: TARGET,
                load: 0.0,
                second: Timestamp::ZERO,
                at: Timestamp::ZERO,
            }
        }

        fn takes(&mut self, now: Timestamp) -> bool {
            let passed = now.since(self.at).as_secs_f64();
            self.at = now;
            match self.server {
                Server::Rate => {
                    if now.since(self.second) >= Duration::from_secs(1) {
                        (self.second, self.load) = (now, 0.0);
                    }
                    self.load += 1.0;
                    self.load <= self.per_second
                }
                Server::Queue => {
                    self.load = (self.load - passed).max(0.0);
                    let takes = self.load < 0.02;
                    // To refuse costs a twentieth.
                    self.load += if takes { 1.0 } else { 0.05 } / self.per_second;
                    takes
                }
            }
        }
    }

    /// Runs `clients` that want so many requests a second together; what they sent and what was taken, a second.
    fn run(w: &mut World, clients: &mut [Client], wanted: f64, from: u64, secs: u64) -> (f64, f64) {
        let (mut sent, mut taken, mut now) = (0u32, 0u32, Timestamp::from_secs(from));
        let end = Timestamp::from_secs(from + secs);
        let mut turn = 0;
        while now < end {
            turn += 1;
            let n = turn % clients.len();
            if clients[n].sends(now) {
                sent += 1;
                w.control.offered(now);
                // Told with the first response, at once; refused or not.
                let told = w.control.feedback(now);
                match w.takes(now) {
                    true => taken += 1,
                    false => w.control.refused(now),
                }
                clients[n].hears(now, told);
            }
            now = now + Duration::from_secs_f64(1.0 / wanted);
        }
        (f64::from(sent) / secs as f64, f64::from(taken) / secs as f64)
    }

    /// Promise: offered `oc=` reduces an obeying client to the target within a tenth.
    #[test]
    fn clients_that_obey_send_what_can_be_taken_whatever_they_want_to_send() {
        for server in [Server::Rate, Server::Queue] {
            for (times, clients) in [(1.2, 1), (1.5, 3), (3.0, 1), (10.0, 1), (10.0, 5), (30.0, 2)] {
                let mut w = World::new(server);
                let mut clients: Vec<_> = (0..clients).map(Client::new).collect();
                run(&mut w, &mut clients, TARGET * times, 1, 10);
                let (sent, taken) = run(&mut w, &mut clients, TARGET * times, 11, 30);
                assert!((sent / TARGET - 1.0).abs() <= 0.1, "{server:?} {times}: {sent} sent");
                // What comes at random finds a short queue full now and then, at any load.
                assert!(taken / TARGET >= 0.85, "{server:?} {times}: {taken} taken");
            }
        }
    }

    #[test]
    fn after_overload_all_may_come_within_seconds() {
        let mut w = World::new(Server::Rate);
        let mut clients = [Client::new(1)];
        run(&mut w, &mut clients, 4_000.0, 1, 20);
        assert!(w.control.feedback(Timestamp::from_secs(21)).loss_percent >= 80);
        run(&mut w, &mut clients, 200.0, 21, 8);
        let (sent, taken) = run(&mut w, &mut clients, 200.0, 29, 2);
        assert_eq!((sent, taken), (200.0, 200.0));
        assert_eq!(w.control.feedback(Timestamp::from_secs(31)).loss_percent, 0);
    }

    #[test]
    fn whoever_comes_back_after_silence_is_asked_for_nothing() {
        let mut control = LossControl::new(0);
        let at = Timestamp::from_secs(5);
        for _ in 0..100 {
            control.offered(at);
            control.refused(at);
        }
        assert_eq!(control.feedback(at + INTERVAL).loss_percent, LOSS_PERCENT_MAX);
        assert_eq!(control.feedback(at + Duration::from_secs(10)).loss_percent, 0);
    }

    #[test]
    fn what_is_asked_for_is_stated_as_via_parameters_and_rises_in_sequence() {
        // Wednesday, 21 October 2026.
        let mut control = LossControl::new(1_792_540_800_000);
        let at = Timestamp::from_millis(20_250);
        let idle = control.feedback(at);
        assert_eq!(idle.to_string(), ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1792540820.250");
        for n in 0..100 {
            control.offered(at);
            if n % 4 == 0 {
                control.refused(at);
            }
        }
        assert_eq!(control.feedback(at), idle, "one value for an interval");
        let busy = control.feedback(at + INTERVAL);
        assert_eq!(busy.to_string(), ";oc=25;oc-algo=\"loss\";oc-validity=2000;oc-seq=1792540821.250");
    }

    /// RFC 7339 sections 4 and 5.
    #[test]
    fn only_who_offers_it_takes_part_and_every_response_states_it() {
        let request = |params: &str| {
            let text = format!(
                "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1{params}\r\nFrom: <sip:a@b>;tag=1\r\nTo: \
                 <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            Message::parse(text.into()).unwrap()
        };
        for (params, wanted) in [
            (";oc;oc-algo=\"loss\"", true),
            (";OC;oc-algo=\"rate, LOSS\"", true),
            (";oc;oc-algo=\"rate\"", false),
            (";oc", false),
            (";oc-algo=\"loss\"", false),
            ("", false),
        ] {
            assert_eq!(takes_part(&request(params)), wanted, "{params}");
        }
        let feedback = LossControl::new(0).feedback(Timestamp::from_secs(1));
        let asked = stated(&request(";oc;oc-algo=\"loss,rate\";oc-validity=9;oc-seq=9.9"), feedback).unwrap();
        let response = Message::response(&asked, "192.0.2.1:5060".parse().unwrap(), 503, None).to_tag("t").build();
        let via = response.header("Via").unwrap();
        assert_eq!(via, format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1{feedback}"));
    }
}
