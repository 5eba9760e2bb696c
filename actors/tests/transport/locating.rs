//! Where names lead (RFC 3263), asked of a DNS server on loopback.

use std::net::SocketAddr;

use tandem_actors::signalling::Resolver;
use tandem_actors::transport::Verify;
use tandem_model::{Endpoint, HostId, Transport};

use super::common::Server;
use super::common::dns::Dns;

const ZONE: &str = "
    full.test            NAPTR 10 10 s SIPS+D2T _sips._tcp.full.test
    full.test            NAPTR 20 10 s SIP+D2T  _sip._tcp.full.test
    _sips._tcp.full.test SRV 10 0 5061 a.full.test
    _sips._tcp.full.test SRV 20 0 5071 b.full.test
    _sip._tcp.full.test  SRV 10 0 5060 a.full.test
    a.full.test          A 192.0.2.1
    b.full.test          A 192.0.2.2
    _sip._udp.srv.test   SRV 0 0 5070 a.full.test
    plain.test           A 192.0.2.3
    six.test             AAAA 2001:db8::1
    dead.test            SILENT
    dead.test            A 192.0.2.9
    lame.test            A 192.0.2.4
    _sips._tcp.lame.test SILENT
    _sip._tcp.lame.test  SILENT
    _sip._udp.lame.test  SILENT
";

async fn found(resolver: &Resolver, uri: &str) -> String {
    match resolver.resolve(uri, Verify::Yes).await {
        Ok(hops) => hops.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(", "),
        Err(why) => why,
    }
}

#[actix::test]
async fn names_lead_where_dns_says_in_its_order() {
    let (server, dns) = (Server::start(), Dns::start(ZONE).await);
    let resolver = Resolver::new(server.transports.clone(), &[dns.address]).unwrap();
    for (uri, want) in [
        ("sip:192.0.2.7", "UDP:192.0.2.7:5060"),
        ("sip:full.test", "TLS:192.0.2.1:5061, TLS:192.0.2.2:5071, TCP:192.0.2.1:5060"),
        ("sips:full.test", "TLS:192.0.2.1:5061, TLS:192.0.2.2:5071"),
        ("sip:full.test;transport=tcp", "TCP:192.0.2.1:5060"),
        ("sip:+12025550100@srv.test;user=phone", "UDP:192.0.2.1:5070"),
        ("sip:plain.test", "UDP:192.0.2.3:5060"),
        ("sip:PLAIN.test.:5099;transport=tls", "TLS:192.0.2.3:5099"),
        ("sip:nobody.test", "nobody.test: host has no address"),
        ("sip:six.test", "six.test: host has no address"),
        ("sip:plain.test;transport=ws", "plain.test: transport is not available"),
        ("tel:+12025550100", "URI scheme is not sip"),
        ("sip:", "\"sip:\" is no URI"),
    ] {
        assert_eq!(found(&resolver, uri).await, want, "{uri}");
    }
}

#[actix::test]
async fn a_tls_peer_has_to_prove_the_domain_that_was_asked_for() {
    let (server, dns) = (Server::start(), Dns::start(ZONE).await);
    let resolver = Resolver::new(server.transports.clone(), &[dns.address]).unwrap();
    let host = |name, verify| server.transports.host(name, verify);
    let hosts = async |uri, verify| {
        let hops = resolver.resolve(uri, verify).await.unwrap();
        hops.iter().map(|h| h.host).collect::<Vec<HostId>>()
    };
    let domain = host("full.test", Verify::Yes);
    assert_eq!(hosts("sip:full.test", Verify::Yes).await, [domain, domain, HostId::NONE]);
    assert_eq!(hosts("sips:192.0.2.1", Verify::Yes).await, [HostId::NONE], "its address");
    assert_eq!(hosts("sips:192.0.2.1", Verify::No).await, [host("192.0.2.1", Verify::No)]);
    assert_eq!(hosts("sips:plain.test", Verify::No).await, [host("plain.test", Verify::No)]);
}

#[actix::test]
async fn answers_are_kept_and_so_is_that_there_is_none() {
    let (server, dns) = (Server::start(), Dns::start(ZONE).await);
    let resolver = Resolver::new(server.transports.clone(), &[dns.address]).unwrap();
    for uri in ["sip:full.test", "sip:plain.test", "sip:nobody.test"] {
        let first = found(&resolver, uri).await;
        let asked = dns.questions();
        assert_eq!(found(&resolver, uri).await, first);
        assert_eq!(dns.questions(), asked, "{uri} was asked for again");
    }
}

#[actix::test]
async fn a_silent_server_is_not_waited_for_long() {
    let (server, dns) = (Server::start(), Dns::start(ZONE).await);
    let resolver = Resolver::new(server.transports.clone(), &[dns.address]).unwrap();
    assert_eq!(found(&resolver, "sip:dead.test").await, "dead.test: host does not resolve: no answer of DNS");
    // What only lacks its service records is reached all the same.
    assert_eq!(found(&resolver, "sip:lame.test").await, "UDP:192.0.2.4:5060");
}

#[actix::test]
async fn the_second_server_is_asked_when_the_first_is_gone() {
    let (server, dns) = (Server::start(), Dns::start(ZONE).await);
    let gone = SocketAddr::from(([127, 0, 0, 1], 9));
    let resolver = Resolver::new(server.transports.clone(), &[gone, dns.address]).unwrap();
    assert_eq!(found(&resolver, "sip:plain.test:5060").await, "UDP:192.0.2.3:5060");
}

#[actix::test]
async fn without_a_udp_listener_nothing_leads_to_udp() {
    let dns = Dns::start(ZONE).await;
    let server = Server::with(super::common::server::patient(), Default::default(), |s| s.udp.clear());
    let resolver = Resolver::new(server.transports.clone(), &[dns.address]).unwrap();
    assert_eq!(found(&resolver, "sip:srv.test;transport=udp").await, "srv.test: transport is not available");
    assert!(server.transports.listening().iter().all(|l| l.transport != Transport::Udp));
}
