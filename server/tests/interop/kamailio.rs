//! Phones and applications of two nodes behind the proxy: calls, and what a node's end means.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::common::address::own_ip;
use crate::common::phone::unique;
use crate::common::{AppServer, Call, Message, Phone, Reply, alone, audio, eventually};
use crate::proxy::{Cluster, domain, program, registered_at, shipped};

/// An INVITE as text, with these headers.
pub fn offer(phone: &Phone, target: &str, headers: &str) -> String {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n",
        ip = phone.address.ip()
    );
    format!(
        "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\nFrom: \
         <sip:caller@example.org>;tag={}\r\nTo: <{target}>\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContact: \
         <sip:caller@{}>\r\n{headers}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        phone.address,
        unique("b"),
        unique("t"),
        unique("raw"),
        phone.address,
        sdp.len()
    )
}

/// A call with an application, answered.
pub fn to_app(phone: &mut Phone, target: &str, headers: &str) -> Call {
    let mut call = phone.invite_with(target, headers);
    phone.connected(&mut call);
    call
}

/// An application that waits, and its server.
fn waiting_app(cluster: &Cluster) -> (AppServer, String) {
    let app = AppServer::start(|_| Reply::laml("<Echo/>"));
    let target = cluster.app("menu", &app, "/menu");
    (app, target)
}

/// Whether the request came here through the proxy.
fn by_the_proxy(cluster: &Cluster, request: &Message) -> bool {
    request.all("Via").first().is_some_and(|via| via.contains(&cluster.proxy.sip.to_string()))
}

#[test]
fn the_shipped_configuration_is_valid_with_and_without_its_switches() {
    let dir = std::env::temp_dir().join(format!("tandem-kamailio-check-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let certificate = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=proxy.example.com"])
        .args(["-keyout", "proxy.key", "-out", "proxy.pem"])
        .current_dir(&dir)
        .output()
        .expect("openssl");
    assert!(certificate.status.success());
    for switches in [false, true] {
        for file in ["kamailio.cfg", "local.cfg", "dispatcher.list", "tls.cfg"] {
            let text = std::fs::read_to_string(shipped().join(file)).expect("a shipped file");
            let text = text.replace("/etc/kamailio", &dir.display().to_string());
            let text = if switches { text.replace("##!define", "#!define") } else { text };
            std::fs::write(dir.join(file), text).expect("to write it");
        }
        let out = Command::new(program("kamailio")).arg("-c").arg("-f").arg(dir.join("kamailio.cfg")).output();
        let out = out.expect("kamailio: tools/setup.sh test installs it");
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success() && said.contains("config file ok"), "switches {switches}: {said}");
        assert_eq!(said.contains("tls:"), switches, "{said}");
    }
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn phones_call_each_other_through_the_proxy_and_requests_within_the_call_follow_the_route_set() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    cluster.endpoint("bob");
    let (mut alice, mut bob) = (cluster.phone("alice"), cluster.phone("bob"));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    assert!(by_the_proxy(&cluster, &rung.invite), "{:?}", rung.invite);
    assert!(rung.routes.iter().any(|r| r.contains(&cluster.proxy.sip.to_string())), "{:?}", rung.routes);
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    assert!(call.routes.iter().any(|r| r.contains(&cluster.proxy.sip.to_string())), "{:?}", call.routes);
    renegotiate(&mut alice, &mut call, "sendonly");
    assert_eq!(bob.reinvited(&rung, "recvonly"), "sendonly");
    renegotiate(&mut bob, &mut rung, "sendrecv");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    let bye = bob.hung_up(&rung);
    assert!(by_the_proxy(&cluster, &bye), "{bye:?}");

    // The other way round, and the callee hangs up.
    let mut call = bob.invite(&alice.uri());
    let mut rung = alice.ringing();
    alice.answer_call(&mut rung);
    bob.connected(&mut call);
    assert_eq!(alice.hang_up(&mut rung).status(), 200);
    assert!(by_the_proxy(&cluster, &bob.hung_up(&call)));

    // Nobody answers, and the caller gives up.
    let call = alice.invite(&bob.uri());
    let rung = bob.ringing();
    alice.provisional(&call, 180);
    assert_eq!(alice.cancel(&call).status(), 200);
    let cancel = bob.expect("CANCEL", &rung);
    assert!(by_the_proxy(&cluster, &cancel), "{cancel:?}");
}

#[test]
fn an_application_call_through_the_proxy_is_heard_and_its_requests_follow_the_route_set() {
    let _turn = alone();
    let cluster = Cluster::start();
    let tune = audio::sweep(3.0, 400.0, 2_400.0);
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/menu" => Reply::laml("<Play>/tune.wav</Play><Pause length=\"30\"/>"),
        "/tune.wav" => Reply::wav(wav.clone()),
        _ => Reply::status(404),
    });
    let target = cluster.app("menu", &app, "/menu");
    let mut caller = cluster.stranger();
    let mut call = to_app(&mut caller, &target, "");
    assert!(call.routes.iter().any(|r| r.contains(&cluster.proxy.sip.to_string())), "{:?}", call.routes);
    eventually("the tune was heard", Duration::from_secs(8), || {
        (audio::likeness(&tune, &call.media.heard()) >= 0.9).then_some(())
    });
    renegotiate(&mut caller, &mut call, "sendonly");
    renegotiate(&mut caller, &mut call, "sendrecv");
    // The node's own request comes back through the proxy.
    let sid = cluster.first.wait_call("the call", |c| c["status"] == "in-progress")["sid"].clone();
    let path = format!("/Calls/{}", sid.as_str().expect("a sid"));
    cluster.first.laml("POST", &path, &[("Status", "completed")]).success();
    let bye = caller.hung_up(&call);
    assert!(by_the_proxy(&cluster, &bye), "{bye:?}");
}

#[test]
fn calls_go_on_to_the_second_node_when_the_first_says_503_and_those_up_stay_where_they_are() {
    let cluster = Cluster::start();
    let (app, target) = waiting_app(&cluster);
    let mut caller = cluster.stranger();
    let mut before = to_app(&mut caller, &target, "");
    assert_eq!(cluster.first.calls().len(), 1);

    cluster.first.terminate();
    eventually("the first node drains", Duration::from_secs(5), || {
        crate::common::http::request(cluster.first.http, "GET", "/readyz", None, None).ok().filter(|r| r.status == 503)
    });
    // Before the probe has told the proxy, and after.
    let mut other = cluster.stranger();
    let mut first = to_app(&mut other, &target, "");
    cluster.proxy.wait_until(&cluster.first, "IP");
    let mut second = to_app(&mut other, &target, "");
    assert_eq!(cluster.second.calls().len(), 2);
    assert_eq!(app.seen().len(), 3);

    // In-dialog requests find the node that has the call, though it takes no new ones.
    renegotiate(&mut caller, &mut before, "sendonly");
    assert_eq!(caller.hang_up(&mut before).status(), 200);
    assert_eq!(other.hang_up(&mut first).status(), 200);
    assert_eq!(other.hang_up(&mut second).status(), 200);
}

#[test]
fn a_phones_registration_and_call_go_on_to_the_second_node_when_the_first_says_503() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let (_app, target) = waiting_app(&cluster);
    let mut alice = cluster.phone("alice");
    assert_eq!(alice.register().status(), 200);
    let mut caller = cluster.stranger();
    let mut keeps_it_draining = to_app(&mut caller, &target, "");
    cluster.first.terminate();
    cluster.proxy.wait_until(&cluster.first, "IP");
    assert_eq!(alice.register().status(), 200);
    assert!(registered_at(&cluster.second, "alice").is_some());
    let mut call = alice.invite(&target);
    alice.connected(&mut call);
    assert_eq!(cluster.second.calls().len(), 1);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    assert_eq!(caller.hang_up(&mut keeps_it_draining).status(), 200);
}

#[test]
fn a_call_with_credentials_goes_on_to_the_second_node_which_asks_for_its_own() {
    let cluster = Cluster::start();
    let mut carrier = Phone::new(&cluster.first, "carrier", "");
    for node in cluster.nodes() {
        node.endpoint("alice", json!({"outbound_policy": "passthrough", "send_as": "+15550100200"}));
        node.carrier("main", carrier.address, json!({}));
    }
    let (_app, target) = waiting_app(&cluster);
    let mut alice = cluster.phone("alice");
    assert_eq!(alice.register().status(), 200);
    let mut caller = cluster.stranger();
    let mut keeps_it_draining = to_app(&mut caller, &target, "");
    cluster.first.terminate();
    eventually("the first node drains", Duration::from_secs(5), || {
        crate::common::http::request(cluster.first.http, "GET", "/readyz", None, None).ok().filter(|r| r.status == 503)
    });
    // The proxy may not know yet: the first node asks for a password, then says 503; the second does not know that
    // nonce, and its own challenge has to come back to it.
    let mut call = alice.invite(&format!("sip:+15551234567@{}", domain()));
    let mut rung = carrier.ringing();
    carrier.server = cluster.second.sip;
    carrier.answer_call(&mut rung);
    alice.connected(&mut call);
    assert_eq!(cluster.second.calls().len(), 2);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.hung_up(&rung);
    assert_eq!(caller.hang_up(&mut keeps_it_draining).status(), 200);
}

#[test]
fn calls_go_on_to_the_second_node_when_the_first_is_killed_and_return_when_it_is_back() {
    let mut cluster = Cluster::start();
    cluster.endpoint("alice");
    let (app, target) = waiting_app(&cluster);
    let mut caller = cluster.stranger();
    let _cut_off = to_app(&mut caller, &target, "");
    cluster.first.kill();
    // At once: the proxy finds out with this very call.
    let mut other = cluster.stranger();
    let mut call = to_app(&mut other, &target, "");
    assert_eq!(cluster.second.calls().len(), 1);
    assert_eq!(other.hang_up(&mut call).status(), 200);
    let mut alice = cluster.phone("alice");
    assert_eq!(alice.register().status(), 200);
    assert!(registered_at(&cluster.second, "alice").is_some());

    cluster.first.launch();
    cluster.proxy.wait_until(&cluster.first, "AP");
    let before = cluster.first.calls().len();
    let mut call = to_app(&mut other, &target, "");
    assert_eq!(cluster.first.calls().len(), before + 1);
    assert_eq!(other.hang_up(&mut call).status(), 200);
    assert_eq!(app.seen().len(), 3);
}

#[test]
fn a_phone_that_moved_to_the_second_node_is_found_there_while_and_after_the_first_is_dead() {
    let mut cluster = Cluster::start();
    cluster.endpoint("alice");
    cluster.endpoint("bob");
    let (mut alice, mut bob) = (cluster.phone("alice"), cluster.phone("bob"));
    cluster.first.kill();
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let talk = |alice: &mut Phone, bob: &mut Phone| {
        let mut call = alice.invite(&bob.uri());
        let mut rung = bob.ringing();
        bob.answer_call(&mut rung);
        alice.connected(&mut call);
        assert_eq!(alice.hang_up(&mut call).status(), 200);
        bob.hung_up(&rung);
    };
    talk(&mut alice, &mut bob);
    cluster.first.launch();
    cluster.proxy.wait_until(&cluster.first, "AP");
    // The first choice is back, and does not know bob.
    assert!(registered_at(&cluster.first, "bob").is_none());
    talk(&mut alice, &mut bob);
    // Their next refresh brings them home.
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    assert!(registered_at(&cluster.first, "bob").is_some());
    talk(&mut alice, &mut bob);
}

#[test]
fn a_carriers_call_through_the_proxy_is_a_carriers_and_a_strangers_is_not() {
    let trunk_ip = own_ip();
    let trunk_address = std::net::SocketAddr::new(trunk_ip, 5060);
    let cluster = Cluster::start_with(&[trunk_address]);
    cluster.endpoint("bob");
    let nowhere = std::net::SocketAddr::new(own_ip(), 9);
    for node in cluster.nodes() {
        node.carrier(
            "main",
            nowhere,
            json!({"allow_from": [format!("{}/32", cluster.proxy.carriers)], "patterns": ["+44*"]}),
        );
    }
    let mut trunk = cluster.stranger_at(trunk_ip);
    let bob = format!("sip:bob@{}", domain());
    // Known, and so told what is the matter: bob has no phone.
    let mut call = trunk.invite_with(&bob, "P-Asserted-Identity: <sip:+15550001@carrier.example>\r\n");
    assert_eq!(trunk.outcome(&mut call).status(), 480);
    let mut call = trunk.invite(&format!("sip:+15550002@{}", domain()));
    assert_eq!(trunk.outcome(&mut call).status(), 403, "a carrier is used to reach no other");
    // Unknown, whatever it says.
    let mut stranger = cluster.stranger();
    for headers in [
        String::new(),
        format!("P-Asserted-Identity: <sip:+15550001@carrier.example>\r\nX-Real-IP: {trunk_ip}\r\n"),
        format!("Via: SIP/2.0/UDP {trunk_address};branch=z9hG4bKx\r\n"),
    ] {
        let mut call = stranger.invite_with(&bob, &headers);
        assert_eq!(stranger.outcome(&mut call).status(), 407, "{headers}");
    }
}

/// A re-INVITE that is taken. The proxy's processes may turn the ACK before it around with it, so that the node has an INVITE without ACK
/// still, and says 491: then it is sent again (RFC 3261 section 14.1).
#[track_caller]
fn renegotiate(phone: &mut Phone, call: &mut Call, direction: &str) {
    let taken = eventually("the re-INVITE is taken", Duration::from_secs(10), || {
        Some(phone.reinvite(call, direction).status()).filter(|status| *status != 491)
    });
    assert_eq!(taken, 200);
}
