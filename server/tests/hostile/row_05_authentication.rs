//! Row 5: ways in that are none. Nothing is accepted, nobody's phone rings, nothing is registered.

use std::time::Duration;

use crate::common::Message;
use crate::common::tandem::PASSWORD;
use crate::mutant::METHODS;
use crate::proof::Proof;
use crate::size::count;
use crate::stranger::{Stranger, source};
use crate::target::Target;
use crate::together::{Member, together};

/// No request of a stranger did anything. OPTIONS may be answered: it asks for nothing.
#[track_caller]
fn assert_refused(target: &mut Target, what: &str, method: &str, reply: Option<Message>) {
    let status = reply.map_or(0, |r| r.status());
    let harmless = method == "OPTIONS" && status == 200;
    assert!(harmless || status == 0 || status >= 300, "{what}: {method} was answered {status}");
    assert!(target.bob.stays_quiet(Duration::from_millis(1)), "{what}: {method} reached a phone");
}

#[test]
fn no_method_does_anything_without_credentials_whatever_it_claims_about_its_sender() {
    let mut target = Target::start_listening_to_all();
    let (domain, server) = (target.tandem.domain(), target.tandem.sip);
    let (alice, trunk) = (target.alice.address, target.trunk.address);
    let registered = target.registrations();
    let mut n = 0x0500;
    for method in METHODS.into_iter().filter(|m| *m != "ACK") {
        for (what, headers) in [
            ("a user's name", format!("From: <sip:alice@{domain}>;tag=1\r\n")),
            (
                "an asserted identity",
                format!("From: <sip:alice@{domain}>;tag=1\r\nP-Asserted-Identity: <sip:alice@{domain}>\r\n"),
            ),
            ("a preferred identity", format!("P-Preferred-Identity: <sip:alice@{domain}>\r\n")),
            ("a remote party", format!("Remote-Party-ID: <sip:alice@{domain}>;party=calling;screen=yes\r\n")),
            (
                "headers of a trusted proxy",
                "X-Auth-IP: 10.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Authenticated-User: alice\r\nX-Trusted: 1\r\n"
                    .into(),
            ),
            ("such a header with a blank before its colon", "X-Auth-IP : 10.0.0.1\r\nX-Auth-IP\t: 10.0.0.1\r\n".into()),
            (
                "the phone's Via and Contact",
                format!("Via: SIP/2.0/UDP {alice};rport;branch=z9hG4bKv{n}\r\nContact: <sip:alice@{alice}>\r\n"),
            ),
            (
                "the carrier's Via and Contact",
                format!("Via: SIP/2.0/UDP {trunk};rport;branch=z9hG4bKw{n}\r\nContact: <sip:trunk@{trunk}>\r\n"),
            ),
            (
                "a Via stamped by the carrier",
                format!(
                    "Via: SIP/2.0/UDP 127.0.0.1:9;received={};rport={};branch=z9hG4bKx{n}\r\n",
                    trunk.ip(),
                    trunk.port()
                ),
            ),
            (
                "a second Via of the carrier",
                format!(
                    "Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKy{n}\r\nVia: SIP/2.0/UDP {trunk};branch=z9hG4bKz\r\n"
                ),
            ),
        ] {
            n += 1;
            let mut stranger = Stranger::at(n, server);
            let uri = if method == "REGISTER" { format!("sip:{domain}") } else { format!("sip:bob@{domain}") };
            let to = if method == "REGISTER" { format!("To: <sip:alice@{domain}>\r\n") } else { String::new() };
            let text = stranger.request(method, &uri, &format!("{headers}{to}"), "");
            let reply = stranger.ask(&text, Duration::from_millis(if method == "CANCEL" { 300 } else { 2_000 }));
            assert_refused(&mut target, what, method, reply);
        }
    }
    assert_eq!(target.registrations(), registered);
    target.unharmed("after requests without credentials");
}

#[test]
fn an_allow_list_is_asked_for_the_source_and_nothing_in_the_message() {
    let mut target = Target::start_listening_to_all();
    let allowed = source(0x05ff);
    let closed = serde_json::json!({"ip_auth_enabled": true, "ip_auth": [format!("{allowed}/32")]});
    target.tandem.domain_app("listed", &target.app, "/listed", closed);
    for (n, headers) in [
        format!("Via: SIP/2.0/UDP {allowed}:5060;rport;branch=z9hG4bKa\r\nContact: <sip:x@{allowed}>\r\n"),
        format!("Via: SIP/2.0/UDP 127.0.0.1:9;received={allowed};rport=5060;branch=z9hG4bKb\r\n"),
        format!("X-Forwarded-For: {allowed}\r\nX-Real-IP: {allowed}\r\n"),
        format!("Route: <sip:{allowed};lr>\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut stranger = target.stranger(0x0580 + n as u32);
        let invite = stranger.request("INVITE", &target.tandem.app_uri("listed"), &headers, &stranger.sdp());
        let status = stranger.ask(&invite, Duration::from_secs(3)).map_or(0, |r| r.status());
        assert!(status == 0 || status >= 400, "{headers}: {status}");
    }
    assert!(target.app.seen().iter().all(|s| s.path() != "/listed"));
    target.unharmed("after claims to be on the list");
}

#[test]
fn credentials_that_are_wrong_in_any_way_register_nobody_and_call_nobody() {
    let mut target = Target::start_listening_to_all();
    let domain = target.tandem.domain();
    let registered = target.registrations();
    let long = "a".repeat(3_000);
    let names: Vec<&str> = NAMES.into_iter().chain([long.as_str()]).collect();
    let server = target.tandem.sip;
    let guessers = (0..GUESSERS).map(|n| Guesser {
        n,
        round: 0,
        stranger: Stranger::at(0x2_0000 + n, server),
        domain: &domain,
        verified: 0,
        unanswered: 0,
    });
    let mut guessers: Vec<Guesser> = guessers.collect();
    let guesses = (0..count(1, 1_000) as u32).flat_map(|round| guesses(&names, round));
    let tried = together(&mut target, "wrong credentials", &mut guessers, guesses);
    assert_eq!(target.registrations(), registered);
    let (verified, unanswered) =
        guessers.iter().fold((0, 0), |(v, u), guesser| (v + guesser.verified, u + guesser.unanswered));
    println!("{tried} wrong credentials, {verified} of them challenged again, {unanswered} left unanswered");
    target.unharmed("after wrong credentials");
}

/// At once, each at a source of its own.
const GUESSERS: u32 = 8;

const NAMES: [&str; 25] = [
    "",
    " ",
    "alice\0",
    "\0",
    "ALICE\0x",
    "alic\u{0435}",
    "alice\u{200b}",
    "\u{fffd}",
    "alice ",
    " alice",
    "*",
    "%",
    "alice%00",
    "%61lice",
    "alice@",
    "nobody",
    "' OR '1'='1",
    "alice'--",
    "alice\u{0000}bob",
    "null",
    "admin",
    "trunk",
    "../alice",
    "alice;x=y",
    "alice\u{1b}[2J",
];

struct Guess<'a> {
    /// Each is of a new source, for one that guesses wrong ten times is not heard any more.
    round: u32,
    name: &'a str,
    method: &'static str,
    way: &'static str,
    spoil: Spoil,
}

/// Each name in each way by each method.
fn guesses<'a>(names: &[&'a str], round: u32) -> Vec<Guess<'a>> {
    let mut out = Vec::new();
    for &name in names {
        for method in ["REGISTER", "INVITE"] {
            out.extend(WAYS.map(|(way, spoil)| Guess { round, name, method, way, spoil }));
        }
    }
    out
}

impl std::fmt::Display for Guess<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by {:.40?} with {}", self.method, self.name, self.way)
    }
}

struct Guesser<'a> {
    n: u32,
    round: u32,
    stranger: Stranger,
    domain: &'a str,
    verified: usize,
    unanswered: usize,
}

impl<'a> Member for Guesser<'a> {
    type Input = Guess<'a>;

    fn say(&mut self, guess: &Guess) -> Result<(), String> {
        if guess.round != self.round {
            self.round = guess.round;
            self.stranger = Stranger::at(0x2_0000 + guess.round * GUESSERS + self.n, self.stranger.server);
        }
        let Guess { name, method, .. } = *guess;
        let (stranger, domain) = (&mut self.stranger, self.domain);
        let uri = if method == "REGISTER" { format!("sip:{domain}") } else { format!("sip:bob@{domain}") };
        let bare = ask(stranger, method, &uri, domain, name, "");
        let challenge = stranger.ask(&bare, Duration::from_secs(10)).ok_or("no challenge")?;
        let mut proof = Proof::of(&challenge, "MD5", name, "", &uri);
        (guess.spoil)(&mut proof);
        let header = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        let text = ask(stranger, method, &uri, domain, name, &format!("{header}: {}\r\n", proof.header(method)));
        match stranger.ask(&text, Duration::from_millis(100)).map(|reply| reply.status()) {
            None => self.unanswered += 1,
            Some(401 | 407) => self.verified += 1,
            Some(300..) => {}
            Some(status) => return Err(format!("the answer is {status}")),
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.stranger.settles(|_, _| {})
    }
}

type Spoil = fn(&mut Proof);

const WAYS: [(&str, Spoil); 8] = [
    ("no password", |_| {}),
    ("another realm with the right password", |p| {
        p.realm = "other.example".into();
        p.password = PASSWORD.into();
        p.username = "alice".into();
    }),
    ("the realm of another tenant", |p| {
        p.realm = "acme-000000000001.sip.test.example".into();
        p.password = PASSWORD.into();
        p.username = "alice".into();
    }),
    ("an empty realm", |p| p.realm = String::new()),
    ("an empty response", |p| p.response = Some(String::new())),
    ("a response of zeros", |p| p.response = Some("0".repeat(32))),
    ("a response that is not hex", |p| p.response = Some("\u{ff}".repeat(16))),
    ("an unknown algorithm", |p| p.algorithm = "NONE".into()),
];

fn ask(stranger: &Stranger, method: &str, uri: &str, domain: &str, name: &str, headers: &str) -> String {
    // What a header cannot hold is left out of From, not of the credentials.
    let user: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let user = if user.is_empty() { "x".into() } else { user };
    let to = if method == "REGISTER" { format!("To: <sip:{user}@{domain}>\r\n") } else { String::new() };
    stranger.request(method, uri, &format!("From: <sip:{user}@{domain}>;tag=1\r\n{to}{headers}"), "")
}

#[test]
fn one_user_cannot_register_or_call_as_another() {
    let mut target = Target::start();
    // Alice's credentials, bob's address-of-record.
    let domain = target.tandem.domain();
    let uri = format!("sip:{domain}");
    let headers = format!("From: <sip:bob@{domain}>;tag=9\r\nTo: <sip:bob@{domain}>\r\n");
    let mut stranger = target.stranger(0x05a0);
    let challenge = stranger.answer(&stranger.request("REGISTER", &uri, &headers, ""));
    let proof = Proof::of(&challenge, "MD5", "alice", PASSWORD, &uri).header("REGISTER");
    let reply =
        stranger.answer(&stranger.request("REGISTER", &uri, &format!("{headers}Authorization: {proof}\r\n"), ""));
    assert!(matches!(reply.status(), 401 | 403), "{reply:?}");
    // Her call in somebody's name is hers.
    let to = target.bob.uri();
    let in_his_name = format!("From: \"The Boss\" <sip:boss@{domain}>;tag=9\r\n");
    let challenge = stranger.answer(&stranger.request("INVITE", &to, &in_his_name, &stranger.sdp()));
    let proof = Proof::of(&challenge, "MD5", "alice", PASSWORD, &to).header("INVITE");
    let invite =
        stranger.request("INVITE", &to, &format!("{in_his_name}Proxy-Authorization: {proof}\r\n"), &stranger.sdp());
    stranger.say(invite.as_bytes());
    if !target.bob.stays_quiet(Duration::from_millis(500)) {
        let rung = target.bob.ringing();
        let from = rung.invite.header("From").to_owned();
        target.bob.refuse(&rung, 486, "Busy Here");
        assert!(!from.contains("boss") && !from.contains("Boss"), "alice rang as {from}");
    }
    stranger.hear_all(Duration::from_millis(200));
    target.unharmed("after one user as another");
}
