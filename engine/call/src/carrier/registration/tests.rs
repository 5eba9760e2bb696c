use std::sync::Arc;

use tandem_model::{SeedEntropy, Sid, Transport};
use tandem_sip::message::Method;

use super::*;
use crate::SentBy;
use crate::carrier::Naming;
use crate::directory::RegistrationPolicy;

/// A registration whose registrar is the test.
struct Rig {
    machine: Registration,
    now: Timestamp,
    entropy: SeedEntropy,
    sent: Option<(u64, Message, Endpoint)>,
}

fn hop(transport: Transport, last: u8) -> Endpoint {
    Endpoint::new(transport, format!("192.0.2.{last}:5060").parse().unwrap())
}

fn carrier() -> Carrier {
    Carrier {
        username: Some("trunk".into()),
        password: Some("secret".into()),
        registration: Some(RegistrationPolicy { registrar: None, expires_secs: 600 }),
        ..Carrier::new(Sid::from_bytes([0xa1; 16]), "main", "sip:gw.example:5070;transport=udp")
    }
}

impl Rig {
    fn new() -> Rig {
        Self::with(carrier())
    }

    fn with(carrier: Carrier) -> Rig {
        let listening = [Transport::Udp, Transport::Tcp].map(|t| Endpoint::new(t, ([198, 51, 100, 1], 5060).into()));
        let naming = Arc::new(Naming {
            sent_by: SentBy::new(listening.map(|l| (l, l.addr.to_string()))),
            user_agent: "Tandem".into(),
        });
        let (now, mut entropy) = (Timestamp::from_secs(50), SeedEntropy::new(11));
        let spec = RegistrationSpec::of(&carrier).expect("a registration");
        let machine = Registration::new(now, spec, naming, &mut entropy);
        Rig { machine, now, entropy, sent: None }
    }

    /// Moves time to the next deadline and resolves to `hops` what is looked up then.
    fn next(&mut self, hops: &[Endpoint]) {
        self.now = self.machine.deadline().expect("a deadline");
        self.machine.expire(self.now, &mut self.entropy);
        self.drain(hops);
    }

    fn drain(&mut self, hops: &[Endpoint]) {
        while let Some(effect) = self.machine.poll() {
            match effect {
                RegistrationEffect::Resolve { id, uri } => {
                    assert_eq!(uri, "sip:gw.example:5070;transport=udp");
                    self.machine.handle_resolved(self.now, id, Ok(hops.to_vec()), &mut self.entropy);
                }
                RegistrationEffect::Send { id, message, destination } => self.sent = Some((id, *message, destination)),
                RegistrationEffect::Changed => {}
            }
        }
    }

    #[track_caller]
    fn request(&self) -> &Message {
        &self.sent.as_ref().expect("a request").1
    }

    /// Answers the request that was sent last.
    fn answer(&mut self, status: u16, headers: &[(&str, &str)]) {
        let source = self.sent.as_ref().expect("a request").2;
        self.answer_from(source, status, headers);
    }

    fn answer_from(&mut self, source: Endpoint, status: u16, headers: &[(&str, &str)]) {
        let (id, request, _) = self.sent.take().expect("a request");
        let mut response = Message::response(&request, source.addr, status, None).to_tag("r");
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let outcome = RequestOutcome::Response { message: Box::new(response.build()), source };
        self.machine.handle_outcome(self.now, id, outcome, &mut self.entropy);
        self.drain(&[source]);
    }

    fn fail(&mut self, outcome: RequestOutcome) {
        let (id, _, _) = self.sent.take().expect("a request");
        self.machine.handle_outcome(self.now, id, outcome, &mut self.entropy);
        self.drain(&[]);
    }

    fn registered(&mut self) {
        self.next(&[hop(Transport::Udp, 1)]);
        self.answer(200, &[("Expires", "600")]);
        assert!(matches!(self.machine.state(), RegistrationState::Registered { .. }));
    }

    fn wait(&self) -> f64 {
        self.machine.deadline().expect("a deadline").since(self.now).as_secs_f64()
    }
}

fn challenge(realm: &str, nonce: &str, more: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{more}")
}

#[test]
fn it_registers_with_its_own_contact_and_refreshes_before_the_end() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    let request = r.request().clone();
    assert_eq!(request.method(), Method::Register);
    assert_eq!(request.request_uri().unwrap().as_str(), "sip:gw.example:5070");
    assert_eq!(request.to().uri_str(), "sip:trunk@gw.example:5070");
    let user = "a1".repeat(16);
    assert_eq!(request.header("Contact"), Some(format!("<sip:{user}@198.51.100.1:5060>;expires=600").as_str()));
    assert_eq!(request.header("Authorization"), None);
    let other = "<sip:other@192.0.2.77>;expires=5".to_owned();
    r.answer(200, &[("Contact", &other), ("Contact", &format!("<sip:{user}@198.51.100.1:5060>;expires=100"))]);
    let wait = r.wait();
    assert!((75.0..=90.0).contains(&wait), "{wait}");
    assert_eq!(r.machine.state(), RegistrationState::Registered { until: r.now + Duration::from_secs(100) });
    r.next(&[hop(Transport::Udp, 1)]);
    assert_eq!(r.request().call_id(), request.call_id());
    assert_eq!(r.request().cseq().number, request.cseq().number + 1);
}

#[test]
fn challenges_of_either_kind_are_answered_with_and_without_qop() {
    for (status, header, credentials) in
        [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")]
    {
        for (more, qop) in [("", false), (", qop=\"auth\"", true), (", qop=\"auth,auth-int\", algorithm=SHA-256", true)]
        {
            let mut r = Rig::new();
            r.next(&[hop(Transport::Udp, 1)]);
            r.answer(status, &[(header, &challenge("gw.example", "n1", more))]);
            let proof = r.request().header(credentials).expect("credentials").to_owned();
            assert!(proof.contains("username=\"trunk\"") && proof.contains("uri=\"sip:gw.example:5070\""), "{proof}");
            assert_eq!(proof.contains("nc=00000001"), qop, "{proof}");
            assert!(!proof.contains("secret"));
            r.answer(200, &[("Expires", "60")]);
            // The nonce is used again, and counted.
            r.next(&[hop(Transport::Udp, 1)]);
            let proof = r.request().header(credentials).expect("credentials").to_owned();
            assert_eq!(proof.contains("nc=00000002"), qop, "{proof}");
        }
    }
}

#[test]
fn a_stale_nonce_is_replaced_and_a_second_challenge_is_a_wrong_password() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n1", ""))]);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n2", ", stale=true"))]);
    assert!(r.request().header("Authorization").unwrap().contains("n2"));
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n3", ""))]);
    assert!(r.sent.is_none());
    let RegistrationState::Failed { why, .. } = r.machine.state() else { panic!("{:?}", r.machine.state()) };
    assert_eq!(why, RegistrationFailure::WrongCredentials);
    assert!(r.wait() >= 120.0, "who insists is locked out");
}

#[test]
fn endless_stale_nonces_end() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    let mut answers = 0;
    while r.sent.is_some() {
        answers += 1;
        let nonce = format!("n{answers}");
        r.answer(401, &[("WWW-Authenticate", &challenge("gw", &nonce, ", stale=true"))]);
    }
    assert!(answers <= 6, "{answers}");
}

#[test]
fn a_nonce_that_grew_old_without_saying_so_is_replaced_at_the_next_refresh() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n1", ""))]);
    r.answer(200, &[("Expires", "60")]);
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n2", ""))]);
    assert!(r.request().header("Authorization").unwrap().contains("n2"));
}

#[test]
fn a_proxy_and_a_registrar_may_both_ask() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(407, &[("Proxy-Authenticate", &challenge("edge", "p", ""))]);
    r.answer(401, &[("WWW-Authenticate", &challenge("core", "w", ""))]);
    assert!(r.request().header("Proxy-Authorization").is_some() && r.request().header("Authorization").is_some());
    r.answer(200, &[]);
    assert!(matches!(r.machine.state(), RegistrationState::Registered { .. }));
}

#[test]
fn the_strongest_algorithm_offered_is_used() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    let (md5, sha) = (challenge("gw", "m", ", algorithm=MD5"), challenge("gw", "s", ", algorithm=SHA-256"));
    r.answer(401, &[("WWW-Authenticate", &md5), ("WWW-Authenticate", &sha)]);
    assert!(r.request().header("Authorization").unwrap().contains("algorithm=SHA-256"));
}

#[test]
fn nothing_is_proved_to_another_realm_or_to_somebody_else() {
    let mut r = Rig::with(Carrier { realm: Some("gw.example".into()), ..carrier() });
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(401, &[("WWW-Authenticate", &challenge("evil.example", "n", ""))]);
    assert!(r.sent.is_none());
    assert!(matches!(r.machine.state(), RegistrationState::Failed { why: RegistrationFailure::ForeignChallenge, .. }));
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer_from(hop(Transport::Udp, 66), 401, &[("WWW-Authenticate", &challenge("gw", "n", ""))]);
    assert!(r.sent.is_none(), "a challenge from another address");
}

#[test]
fn a_server_that_has_asked_nothing_yet_is_proved_nothing() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n1", ""))]);
    r.answer(200, &[("Expires", "600")]);
    // The name leads elsewhere now.
    r.next(&[hop(Transport::Udp, 66)]);
    assert_eq!(r.request().header("Authorization"), None);
    r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n2", ""))]);
    assert!(r.request().header("Authorization").unwrap().contains("n2"));
}

#[test]
fn a_redirection_is_a_refusal() {
    for status in [300, 301, 302, 305, 380] {
        let mut r = Rig::new();
        r.next(&[hop(Transport::Udp, 1)]);
        let elsewhere = ("Contact", "<sip:198.51.100.66>");
        r.answer(status, &[elsewhere, ("WWW-Authenticate", &challenge("gw", "n", ""))]);
        assert!(r.sent.is_none(), "{status}");
        r.next(&[hop(Transport::Udp, 1)]);
        assert_eq!(r.request().header("Authorization"), None, "{status}: what a redirection asks for is no challenge");
    }
}

#[test]
fn min_expires_is_honoured_once() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(423, &[("Min-Expires", "1800")]);
    assert_eq!(r.request().header("Expires"), Some("1800"));
    r.answer(423, &[("Min-Expires", "3600")]);
    assert!(r.sent.is_none());
    for absurd in ["4294967295", "1", "x", "-5", ""] {
        let mut r = Rig::new();
        r.next(&[hop(Transport::Udp, 1)]);
        r.answer(423, &[("Min-Expires", absurd)]);
        assert!(r.sent.is_none(), "{absurd}");
    }
}

#[test]
fn failures_back_off_and_each_address_is_tried_first() {
    let hops = [hop(Transport::Udp, 1), hop(Transport::Udp, 2)];
    let mut r = Rig::new();
    let mut waits = Vec::new();
    for _ in 0..5 {
        r.next(&hops);
        assert_eq!(r.sent.as_ref().unwrap().2, hops[0]);
        r.fail(RequestOutcome::Timeout);
        assert_eq!(r.sent.as_ref().unwrap().2, hops[1]);
        r.fail(RequestOutcome::TransportFailed);
        waits.push(r.wait());
    }
    for (at, (lower, upper)) in
        [(30.0, 60.0), (60.0, 120.0), (120.0, 240.0), (240.0, 480.0), (480.0, 960.0)].into_iter().enumerate()
    {
        assert!((lower..=upper).contains(&waits[at]), "{waits:?}");
    }
    r.next(&hops);
    r.answer(200, &[]);
    r.next(&hops);
    r.answer(503, &[("Retry-After", "500")]);
    r.answer(503, &[("Retry-After", "700")]);
    assert!(r.wait() <= 600.0, "the binding ends before the next try");
    r.next(&hops);
    assert!(r.wait() > 100.0, "Retry-After was to be honoured: {}", r.wait());
}

#[test]
fn a_refresh_stays_with_the_server_that_has_the_binding() {
    let (one, two) = (hop(Transport::Udp, 1), hop(Transport::Udp, 2));
    let mut r = Rig::new();
    r.next(&[one, two]);
    r.fail(RequestOutcome::Timeout);
    r.answer(200, &[("Expires", "60")]);
    r.next(&[one, two]);
    assert_eq!(r.sent.as_ref().unwrap().2, two);
}

#[test]
fn a_broken_connection_is_replaced_at_once_but_not_in_a_storm() {
    let flow = hop(Transport::Tcp, 1);
    let mut r = Rig::new();
    r.next(&[flow]);
    r.answer(200, &[("Expires", "600")]);
    r.now = r.now + Duration::from_secs(60);
    r.machine.handle_flow_lost(r.now, hop(Transport::Tcp, 9), &mut r.entropy);
    assert!(r.machine.poll().is_none(), "somebody else's connection");
    r.machine.handle_flow_lost(r.now, flow, &mut r.entropy);
    r.drain(&[flow]);
    assert!(r.request().header("Contact").unwrap().contains(";transport=tcp>"));
    r.answer(200, &[("Expires", "600")]);
    r.now = r.now + Duration::from_secs(1);
    r.machine.handle_flow_lost(r.now, flow, &mut r.entropy);
    r.drain(&[flow]);
    assert!(r.sent.is_none() && r.wait() >= 30.0);
}

#[test]
fn it_takes_its_registration_back_and_is_over_whatever_comes_of_it() {
    for end in ["200", "401", "timeout"] {
        let mut r = Rig::new();
        r.next(&[hop(Transport::Udp, 1)]);
        r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n1", ", qop=\"auth\""))]);
        r.answer(200, &[("Expires", "600")]);
        r.machine.stop(r.now, &mut r.entropy);
        r.drain(&[]);
        assert_eq!(r.request().header("Expires"), Some("0"));
        assert!(r.request().header("Contact").unwrap().ends_with(";expires=0"));
        assert!(r.request().header("Authorization").unwrap().contains("nc=00000002"));
        match end {
            "401" => {
                r.answer(401, &[("WWW-Authenticate", &challenge("gw", "n2", ", stale=true"))]);
                assert_eq!(r.request().header("Expires"), Some("0"));
                r.answer(403, &[]);
            }
            "timeout" => r.fail(RequestOutcome::Timeout),
            _ => r.answer(200, &[]),
        }
        assert!(r.machine.is_over(), "{end}");
        assert_eq!(r.machine.deadline(), None);
    }
    let mut r = Rig::new();
    r.machine.stop(r.now, &mut r.entropy);
    assert!(r.machine.is_over(), "nothing was bound");
}

#[test]
fn a_request_whose_end_is_never_told_is_given_up() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.next(&[]);
    assert!(matches!(r.machine.state(), RegistrationState::Failed { why: RegistrationFailure::NoAnswer, .. }));
}

#[test]
fn an_expired_binding_is_no_registration_and_its_service_route_is_gone() {
    let mut r = Rig::new();
    r.next(&[hop(Transport::Udp, 1)]);
    r.answer(200, &[("Expires", "60"), ("Service-Route", "<sip:edge.example;lr>")]);
    assert_eq!(r.machine.service_route(), ["<sip:edge.example;lr>"]);
    r.next(&[hop(Transport::Udp, 1)]);
    r.next(&[]);
    assert!(matches!(r.machine.state(), RegistrationState::Trying), "{:?}", r.machine.state());
    assert!(r.machine.service_route().is_empty());
}

#[test]
fn a_carrier_that_was_away_is_registered_with_again() {
    let mut r = Rig::new();
    r.registered();
    r.machine.renew(r.now);
    r.drain(&[hop(Transport::Udp, 1)]);
    assert!(r.sent.is_some());
}

#[test]
fn late_and_foreign_outcomes_change_nothing() {
    let mut r = Rig::new();
    r.registered();
    let state = r.machine.state();
    r.machine.handle_outcome(r.now, 1, RequestOutcome::Timeout, &mut r.entropy);
    r.machine.handle_resolved(r.now, 99, Err("no".into()), &mut r.entropy);
    assert_eq!(r.machine.state(), state);
}

proptest::proptest! {
    /// Whatever a registrar says, in whatever order: it stays within one request at a time and waits between exchanges.
    #[test]
    fn any_answers_are_survived(
        answers in proptest::collection::vec((0..9usize, 0..5_000u32), 1..60), seed in proptest::prelude::any::<u64>(),
    ) {
        let mut r = Rig::new();
        r.entropy = SeedEntropy::new(seed);
        let hops = [hop(Transport::Udp, 1), hop(Transport::Tcp, 2)];
        for (what, number) in answers {
            if r.sent.is_none() {
                if r.machine.is_over() { break }
                r.next(&hops);
                continue;
            }
            let text = number.to_string();
            match what {
                0 => r.answer(200, &[("Expires", &text)]),
                1 => r.answer(401, &[("WWW-Authenticate", &challenge("gw", &text, ", stale=true"))]),
                2 => r.answer(407, &[("Proxy-Authenticate", &challenge("gw", &text, ""))]),
                3 => r.answer(423, &[("Min-Expires", &text)]),
                4 => r.answer(503, &[("Retry-After", &text)]),
                5 => r.answer(100, &[]),
                6 => r.fail(RequestOutcome::Timeout),
                7 => r.answer(302, &[("Contact", "<sip:elsewhere.example>")]),
                _ => {
                    let flow = r.sent.as_ref().unwrap().2;
                    r.machine.handle_flow_lost(r.now, flow, &mut r.entropy);
                }
            }
            // A provisional response leaves the request where it was; its end is its deadline then.
            if r.sent.is_none() && !r.machine.is_over() {
                proptest::prop_assert!(r.machine.deadline().is_some());
            }
        }
        r.machine.stop(r.now, &mut r.entropy);
        for _ in 0..4 {
            if let Some(at) = r.machine.deadline() {
                r.now = at;
                r.machine.expire(r.now, &mut r.entropy);
            }
        }
        proptest::prop_assert!(r.machine.is_over());
    }
}
