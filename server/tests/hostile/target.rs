//! The server under attack, with what must keep working: two phones that call each other, an application open to all,
//! and a carrier that nobody may reach.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::listeners::Listeners;
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Options, Phone, Reply, Tandem, eventually};
use crate::stranger::Stranger;

/// By when the allocator has given back what lies unused, which it does after a quarter of a second.
pub const GIVEN_BACK: Duration = Duration::from_secs(3);
/// Growth over all inputs together (promises: 32 MB), and during a flood.
pub const GROWTH_KIB_MAX: u64 = 32 * 1024;
pub const FLOOD_GROWTH_KIB_MAX: u64 = 64 * 1024;

pub struct Target {
    pub tandem: Tandem,
    pub alice: Phone,
    pub bob: Phone,
    /// Where calls to numbers would leave: it must stay silent.
    pub trunk: Phone,
    pub app: AppServer,
    pid: u32,
    rss_kib: u64,
    probes: u32,
}

impl Target {
    pub fn start() -> Target {
        Target::start_with(Options::default())
    }

    /// Without a bound to what a stranger may say, so that each input is read, and with ports for hundreds of calls a second.
    pub fn start_listening_to_all() -> Target {
        Target::start_with(listening_to_all(Options::default()))
    }

    /// The same, over TLS and WebSocket as well.
    pub fn start_listening_everywhere() -> (Target, Listeners) {
        let listeners = Listeners::new();
        (Target::start_with(listening_to_all(listeners.options())), listeners)
    }

    pub fn start_with(options: Options) -> Target {
        // At debug, a flood would mostly measure the disk.
        let tandem = Tandem::start_with(Options { log: options.log.or(Some("info")), ..options });
        // Alice has the rights of a phone inside the house.
        tandem.endpoint("alice", json!({"outbound_policy": "block"}));
        tandem.endpoint("bob", json!({"outbound_policy": "block"}));
        let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
        tandem.domain_app("open", &app, "/answer", json!({}));
        let trunk = Phone::new(&tandem, "trunk", "");
        tandem.carrier(
            "main",
            trunk.address,
            json!({"patterns": ["*"], "allow_from": [format!("{}/32", trunk.address.ip())]}),
        );
        let (alice, bob) = (Phone::new(&tandem, "alice", PASSWORD), Phone::new(&tandem, "bob", PASSWORD));
        let mut target = Target { pid: tandem.pid(), tandem, alice, bob, trunk, app, rss_kib: 0, probes: 0 };
        // The first call brings what is made once.
        target.probe("before anything");
        target.rss_kib = target.rss();
        target
    }

    /// For what keeps state for a while by design: growth is what comes after that.
    pub fn counts_memory_from_now(&mut self) {
        let rss = self.rss();
        println!("RSS grew by {} KiB from {} KiB until now", rss.saturating_sub(self.rss_kib), self.rss_kib);
        self.rss_kib = rss;
    }

    pub fn stranger(&self, n: u32) -> Stranger {
        Stranger::at(n, self.tandem.sip)
    }

    /// REGISTER, a call, a digit, the end: all as they should be.
    #[track_caller]
    pub fn probe(&mut self, after: &str) {
        self.probes += 1;
        self.still_the_same_process(after);
        assert_eq!(self.alice.register().status(), 200, "alice registers {after}");
        assert_eq!(self.bob.register().status(), 200, "bob registers {after}");
        let to = self.bob.uri();
        let (alice, bob) = (&mut self.alice, &mut self.bob);
        // At once, for after a 100 alice listens a second long whether a challenge follows: 180 ends that.
        let (mut call, mut rung) = std::thread::scope(|both| {
            let rings = both.spawn(|| bob.ringing());
            let call = alice.invite(&to);
            (call, rings.join().unwrap_or_else(|_| panic!("bob is not called, {after}")))
        });
        self.bob.answer_call(&mut rung);
        self.alice.connected(&mut call);
        let digit = char::from(b'0' + (self.probes % 10) as u8);
        call.media.dial(&digit.to_string());
        eventually("the digit of the probe", Duration::from_secs(5), || {
            rung.media.heard_digits().contains(digit).then_some(())
        });
        assert_eq!(self.alice.hang_up(&mut call).status(), 200, "{after}");
        self.bob.hung_up(&rung);
    }

    /// What every test ends with.
    #[track_caller]
    pub fn unharmed(&mut self, after: &str) {
        self.unharmed_within(after, GROWTH_KIB_MAX);
    }

    #[track_caller]
    pub fn unharmed_within(&mut self, after: &str, growth_kib_max: u64) {
        self.probe(after);
        assert_eq!(self.tandem.metric("tandem_panics_caught_total", ""), 0.0, "panics, {after}:\n{}", self.panics());
        let growth = self.growth_within(growth_kib_max);
        println!("{after}: RSS grew by {growth} KiB from {} KiB", self.rss_kib);
        assert!(growth <= growth_kib_max, "{after}: RSS grew by {growth} KiB from {} KiB", self.rss_kib);
        self.trunk_stays_silent(after);
    }

    /// What is kept beyond the first call's, in KiB.
    pub fn growth_within(&self, growth_kib_max: u64) -> u64 {
        let until = Instant::now() + GIVEN_BACK;
        loop {
            let growth = self.rss().saturating_sub(self.rss_kib);
            if growth <= growth_kib_max || Instant::now() > until {
                return growth;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub fn still_the_same_process(&self, after: &str) {
        assert!(std::fs::exists(format!("/proc/{}/status", self.pid)).unwrap_or(false), "the process is gone, {after}");
        let ready = crate::common::http::request(self.tandem.http, "GET", "/readyz", None, None);
        assert_eq!(ready.map(|r| r.status).ok(), Some(200), "{after}");
    }

    #[track_caller]
    pub fn trunk_stays_silent(&mut self, after: &str) {
        assert!(self.trunk.stays_quiet(Duration::from_millis(100)), "a call left through the carrier, {after}");
    }

    /// Contacts registered now.
    pub fn registrations(&self) -> f64 {
        self.tandem.metric("tandem_registrations", "")
    }

    /// Resident memory in KiB.
    pub fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a running server");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The server answers somebody it knows again, asked from now on.
    #[track_caller]
    pub fn serves_again(&mut self, within: Duration) {
        let since = Instant::now();
        let mut asker = Stranger::at_ip(self.alice.address.ip(), self.tandem.sip);
        let ping = asker.request("OPTIONS", &format!("sip:{}", self.tandem.sip), "", "");
        assert!(asker.ask(&ping, within).is_some(), "not within {:?}", since.elapsed());
    }

    fn panics(&self) -> String {
        let log = self.tandem.log();
        log.lines().filter(|l| l.contains("panicked")).take(5).collect::<Vec<_>>().join("\n")
    }
}

fn listening_to_all(options: Options) -> Options {
    let config = "[limits]\nunproved_per_second = 0\ncalls_per_second = 100000\n".into();
    // A port rests for two seconds after a call.
    Options { config, media_ports: Some([2_000, 31_999]), ..options }
}
