use std::collections::BTreeMap;
use std::net::IpAddr;

use tandem_model::{SeedEntropy, Transport, limits};

use super::srv::ordered;
use super::*;
use crate::message::Uri;

/// Records as a zone file has them, of all that is known.
const ZONE: &str = "
    example.com             NAPTR 10 50 s SIPS+D2T _sips._tcp.example.com
    example.com             NAPTR 20 50 s SIP+D2T  _sip._tcp.example.com
    example.com             NAPTR 30 50 s SIP+D2U  _sip._udp.example.com
    example.com             NAPTR 5  50 s SIP+D2S  _sip._sctp.example.com
    example.com             NAPTR 1  50 u E2U+sip  .
    _sips._tcp.example.com  SRV 0 0 5061 tls.example.com
    _sip._tcp.example.com   SRV 0 0 5060 a.example.com
    _sip._udp.example.com   SRV 1 0 5060 a.example.com
    _sip._udp.example.com   SRV 0 0 5080 b.example.com
    example.com             ADDR 192.0.2.1
    tls.example.com         ADDR 192.0.2.2
    a.example.com           ADDR 192.0.2.3
    a.example.com           ADDR 2001:db8::3
    b.example.com           ADDR 192.0.2.4
    srv.example             ADDR 192.0.2.9
    _sip._tcp.srv.example   SRV 0 0 5062 a.example.com
    plain.example           ADDR 192.0.2.5
    plain.example           ADDR 192.0.2.6
    six.example             ADDR 2001:db8::6
    _sip._udp.none.example  SRV 0 0 0 .
    none.example            ADDR 192.0.2.7
    insecure.example        NAPTR 10 50 s SIP+D2U  _sip._udp.example.com
    insecure.example        ADDR 192.0.2.8
    broken.example          FAIL
";

fn look_up(query: &Query) -> Answer {
    let (name, kind) = match query {
        Query::Naptr(name) => (name, "NAPTR"),
        Query::Srv(name) => (name, "SRV"),
        Query::Addresses(name) => (name, "ADDR"),
    };
    let lines: Vec<Vec<&str>> = ZONE.lines().map(|l| l.split_whitespace().collect()).collect();
    if lines.iter().any(|l| l.len() == 2 && name.ends_with(l[0])) {
        return Answer::Failed;
    }
    let of = lines.into_iter().filter(|l| l.len() > 2 && l[0] == name && l[1] == kind);
    let n = |text: &str| text.parse().unwrap();
    match query {
        Query::Naptr(_) => Answer::Naptr(
            of.map(|l| Naptr {
                order: n(l[2]),
                preference: n(l[3]),
                flags: l[4].into(),
                service: l[5].into(),
                replacement: l[6].into(),
            })
            .collect(),
        ),
        Query::Srv(_) => Answer::Srv(
            of.map(|l| Srv { priority: n(l[2]), weight: n(l[3]), port: n(l[4]), target: l[5].into() }).collect(),
        ),
        Query::Addresses(_) => Answer::Addresses(of.map(|l| l[2].parse().unwrap()).collect()),
    }
}

fn supported() -> Supported {
    Supported { transports: vec![Transport::Udp, Transport::Tcp, Transport::Tls], ipv4: true, ipv6: false }
}

/// Where `uri` leads, in words, and what was asked on the way.
fn located(uri: &str, supported: Supported) -> (String, Vec<Query>) {
    let target = match Target::of(&Uri::parse(uri).unwrap()) {
        Ok(target) => target,
        Err(error) => return (error.to_string(), vec![]),
    };
    let mut locator = Locator::new(target, supported);
    let mut entropy = SeedEntropy::new(1);
    let mut asked = Vec::new();
    loop {
        let mut round: Vec<Query> = std::iter::from_fn(|| locator.poll_query()).collect();
        if round.is_empty() {
            break;
        }
        asked.extend(round.iter().cloned());
        // Answers come in any order.
        round.reverse();
        for query in round {
            locator.handle_answer(&query, look_up(&query), &mut entropy);
        }
    }
    let words = match locator.hops().expect("an end") {
        Ok(hops) => {
            let hops: Vec<String> = hops.iter().map(|h| format!("{} {}", h.transport, h.addr)).collect();
            hops.join(", ")
        }
        Err(error) => error.to_string(),
    };
    (words, asked)
}

#[test]
fn a_uri_leads_where_rfc_3263_says() {
    for (uri, want) in [
        // RFC 3263 section 4.2: a literal address is used as it is, with the default port of its transport.
        ("sip:192.0.2.7", "UDP 192.0.2.7:5060"),
        ("sip:192.0.2.7:5070", "UDP 192.0.2.7:5070"),
        ("sip:192.0.2.7;transport=tcp", "TCP 192.0.2.7:5060"),
        ("sip:192.0.2.7;transport=tls", "TLS 192.0.2.7:5061"),
        ("sips:192.0.2.7", "TLS 192.0.2.7:5061"),
        ("sips:192.0.2.7;transport=tcp", "TLS 192.0.2.7:5061"),
        ("sips:192.0.2.7:5071", "TLS 192.0.2.7:5071"),
        // `maddr` takes the place of the host.
        ("sip:example.com;maddr=192.0.2.8", "UDP 192.0.2.8:5060"),
        ("sip:192.0.2.7:5070;maddr=plain.example", "UDP 192.0.2.5:5070, UDP 192.0.2.6:5070"),
        // RFC 3263 section 4.1: a port means no SRV; without a transport UDP, for sips TLS.
        ("sip:example.com:5090", "UDP 192.0.2.1:5090"),
        ("sip:example.com:5090;transport=tcp", "TCP 192.0.2.1:5090"),
        ("sips:example.com:5091", "TLS 192.0.2.1:5091"),
        // RFC 3263 section 4.1: NAPTR chooses among what is supported, in its order; SRV by priority.
        ("sip:example.com", "TLS 192.0.2.2:5061, TCP 192.0.2.3:5060, UDP 192.0.2.4:5080, UDP 192.0.2.3:5060"),
        ("sips:example.com", "TLS 192.0.2.2:5061"),
        // A transport means its SRV alone.
        ("sip:example.com;transport=udp", "UDP 192.0.2.4:5080, UDP 192.0.2.3:5060"),
        ("sip:example.com;transport=tcp", "TCP 192.0.2.3:5060"),
        // No NAPTR: SRV of all that is supported.
        ("sip:srv.example", "TCP 192.0.2.3:5062"),
        // Neither: the name's addresses, over the default transport.
        ("sip:plain.example", "UDP 192.0.2.5:5060, UDP 192.0.2.6:5060"),
        ("sip:plain.example;transport=tcp", "TCP 192.0.2.5:5060, TCP 192.0.2.6:5060"),
        ("sips:plain.example", "TLS 192.0.2.5:5061, TLS 192.0.2.6:5061"),
        ("sips:srv.example", "TLS 192.0.2.9:5061"),
        // NAPTR that offers nothing secure does not make sips: go in the clear.
        ("sips:insecure.example", "TLS 192.0.2.8:5061"),
        // A target of "." is a no (RFC 2782), which the name's own address does not overrule.
        ("sip:none.example", "host has no address"),
        ("sip:nowhere.example", "host has no address"),
        ("sip:six.example", "host has no address"),
        ("sip:[2001:db8::1]", "host has no address"),
        ("sip:broken.example", "host does not resolve: no answer of DNS"),
        ("tel:+12025550123", "URI scheme is not sip"),
        ("sip:example.com;transport=sctp", "transport is not available"),
        ("sip:example.com;transport=ws", "transport is not available"),
        ("sips:example.com;transport=udp", "transport is not available"),
    ] {
        assert_eq!(located(uri, supported()).0, want, "{uri}");
    }
}

#[test]
fn ipv6_is_used_where_this_side_has_it() {
    let both = Supported { ipv6: true, ..supported() };
    assert_eq!(located("sip:six.example", both.clone()).0, "UDP [2001:db8::6]:5060");
    assert_eq!(located("sip:[2001:db8::1]:5070", both.clone()).0, "UDP [2001:db8::1]:5070");
    assert_eq!(
        located("sip:example.com;transport=tcp", both.clone()).0,
        "TCP 192.0.2.3:5060, TCP [2001:db8::3]:5060",
        "both families of one host, one after the other"
    );
    let six = Supported { ipv4: false, ..both };
    assert_eq!(located("sip:example.com;transport=tcp", six).0, "TCP [2001:db8::3]:5060");
}

#[test]
fn a_transport_that_is_not_offered_here_is_passed_over() {
    let tcp = Supported { transports: vec![Transport::Tcp], ..supported() };
    assert_eq!(located("sip:example.com", tcp.clone()).0, "TCP 192.0.2.3:5060");
    assert_eq!(located("sip:example.com:5090", tcp.clone()).0, "transport is not available");
    assert_eq!(located("sips:example.com", tcp.clone()).0, "transport is not available");
    assert_eq!(located("sip:plain.example", tcp).0, "transport is not available");
}

#[test]
fn nothing_is_asked_twice_and_a_literal_asks_nothing() {
    for uri in ["sip:example.com", "sip:plain.example", "sip:example.com;transport=udp", "sips:srv.example"] {
        let asked = located(uri, supported()).1;
        let mut count: BTreeMap<String, u32> = BTreeMap::new();
        for query in &asked {
            *count.entry(format!("{query:?}")).or_default() += 1;
        }
        assert!(count.values().all(|n| *n == 1), "{uri}: {asked:?}");
    }
    assert_eq!(located("sip:192.0.2.7", supported()).1, []);
}

#[test]
fn what_a_peer_must_prove_is_the_domain_that_was_asked_for() {
    for (uri, domain) in [
        ("sips:Example.COM", "example.com"),
        ("sips:example.com.", "example.com"),
        ("sips:example.com;maddr=192.0.2.1", "example.com"),
        ("sips:[2001:db8::1]:5061", "2001:db8::1"),
    ] {
        assert_eq!(Target::of(&Uri::parse(uri).unwrap()).unwrap().domain, domain);
    }
}

#[test]
fn hosts_are_drawn_in_proportion_to_their_weights() {
    // RFC 2782: 1 of 4, 3 of 4, and 0 nearly never while there are others.
    let srv = |weight, target: &str| Srv { priority: 0, weight, port: 5060, target: target.into() };
    let records = vec![srv(10, "one"), srv(30, "three"), srv(0, "zero")];
    let mut entropy = SeedEntropy::new(7);
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..10_000 {
        let order = ordered(records.clone(), &mut entropy);
        assert_eq!(order.len(), 3);
        *first.entry(order[0].target.clone()).or_default() += 1;
    }
    let share = |name: &str| f64::from(first.get(name).copied().unwrap_or(0)) / 10_000.0;
    assert!((share("one") - 0.244).abs() < 0.02, "{first:?}");
    assert!((share("three") - 0.732).abs() < 0.02, "{first:?}");
    assert!(share("zero") > 0.0 && share("zero") < 0.05, "{first:?}");
}

#[test]
fn a_lower_priority_always_comes_first() {
    let srv = |priority, weight| Srv { priority, weight, port: 5060, target: format!("p{priority}w{weight}") };
    let mut entropy = SeedEntropy::new(3);
    for _ in 0..200 {
        let order = ordered(vec![srv(2, 65535), srv(1, 0), srv(1, 5), srv(0, 1)], &mut entropy);
        let priorities: Vec<u16> = order.iter().map(|r| r.priority).collect();
        assert_eq!(priorities, [0, 1, 1, 2]);
    }
}

#[test]
fn hostile_answers_make_no_long_list() {
    let target = Target::of(&Uri::parse("sip:big.example;transport=udp").unwrap()).unwrap();
    let mut locator = Locator::new(target, supported());
    let mut entropy = SeedEntropy::new(1);
    let query = locator.poll_query().unwrap();
    let srv = |n: u16| Srv { priority: n, weight: 0, port: 5060, target: format!("h{n}.example") };
    locator.handle_answer(&query, Answer::Srv((0..2_000).map(srv).collect()), &mut entropy);
    let asked: Vec<Query> = std::iter::from_fn(|| locator.poll_query()).collect();
    assert!(asked.len() <= limits::SIP_HOPS_MAX);
    let many: Vec<IpAddr> = (0..=255).map(|n| IpAddr::from([192, 0, 2, n])).collect();
    for query in &asked {
        locator.handle_answer(query, Answer::Addresses(many.clone()), &mut entropy);
    }
    assert_eq!(locator.hops().unwrap().as_ref().unwrap().len(), limits::SIP_HOPS_MAX);
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let target = Target::of(&Uri::parse("sip:plain.example").unwrap()).unwrap();
    let mut locator = Locator::new(target, supported());
    let mut entropy = SeedEntropy::new(1);
    let stray = Query::Addresses("plain.example".into());
    locator.handle_answer(&stray, Answer::Addresses(vec![[192, 0, 2, 66].into()]), &mut entropy);
    assert!(locator.hops().is_none());
    assert_eq!(locator.poll_query(), Some(Query::Naptr("plain.example".into())));
}
