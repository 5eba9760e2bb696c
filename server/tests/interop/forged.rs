//! What a stranger says of himself goes no farther than the proxy, however it is spelt.

use std::time::Duration;

use crate::common::{AppServer, Phone, Reply, Tandem, eventually};
use crate::kamailio::offer;
use crate::proxy::Cluster;

/// A word that no document and no node makes up by itself.
const FORGED: &str = "forged-by-eve";

/// Headers that claim something, each with the word in it.
fn claims() -> Vec<String> {
    let mut claims: Vec<String> = [
        "X-Auth-IP: ",
        "X-Auth-IP : ",
        "X-Auth-IP\t: ",
        "X-Auth-IP \t : ",
        "X-Auth-IP\r\n : ",
        "X-Auth-IP\r\n\t: ",
        "X-Auth-IP:\r\n ",
        "x-auth-ip: ",
        "X-AUTH-IP:",
        "X-Auth-IP  \r\n  :",
        "P-Asserted-Identity: ",
        "P-Asserted-Identity : ",
        "P-Asserted-Identity\r\n : ",
        "P-Preferred-Identity: ",
        "P-Charging-Vector: ",
        "Remote-Party-ID: ",
        "Remote-Party-ID\t: ",
        "Diversion: ",
        "History-Info : ",
        "Path: ",
        "Service-Route: ",
    ]
    .map(|name| format!("{name}<sip:{FORGED}@192.0.2.66>\r\n"))
    .into();
    claims.extend([
        // A line end that only one of two readers takes for one.
        format!("Subject: hello\nX-Auth-IP: {FORGED}\r\n"),
        format!("Subject: hello\rX-Auth-IP: {FORGED}\r\n"),
        format!("Subject: hello\r\r\nX-Auth-IP: {FORGED}\r\n"),
        format!("Subject: hello\n\rX-Auth-IP: {FORGED}\r\n"),
        // A name that is none, before and after one.
        format!(": nameless\r\nX-Auth-IP: {FORGED}\r\n"),
        format!("no colon here\r\nX-Auth-IP: {FORGED}\r\n"),
        format!("X-Auth-IP\0: {FORGED}\r\n"),
        format!("X-Auth-IP\u{a0}: {FORGED}\r\n"),
        format!(" X-Auth-IP: {FORGED}\r\n"),
        // Said twice, and in what looks like a second value.
        format!("X-Auth-IP: 1\r\nX-Auth-IP: {FORGED}\r\n"),
        format!("Supported: replaces\r\n X-Auth-IP: {FORGED}\r\n"),
    ]);
    claims
}

/// Everything any webhook was told.
fn told(app: &AppServer) -> String {
    app.seen().iter().flat_map(|s| s.params.iter().map(|(n, v)| format!("{n}={v}\n"))).collect()
}

/// Sends a call with `claim`, then an honest one, whose webhook ends the waiting.
fn call_with(phone: &mut Phone, app: &AppServer, target: &str, claim: &str, marker: &str) {
    phone.send(&offer(phone, target, claim));
    phone.send(&offer(phone, target, &format!("User-to-User: {marker}\r\n")));
    eventually(&format!("the call after {claim:?}"), Duration::from_secs(10), || {
        told(app).contains(marker).then_some(())
    });
}

#[test]
fn forged_trust_headers_get_nowhere_through_the_proxy_however_they_are_spelt() {
    let cluster = Cluster::start();
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    let target = cluster.app("menu", &app, "/menu");
    let mut eve = cluster.stranger();
    for (n, claim) in claims().iter().enumerate() {
        call_with(&mut eve, &app, &target, claim, &format!("marker{n}x"));
        // A folded value is still the value of an innocent header; it names nothing.
        let named: Vec<String> = told(&app).lines().filter(|l| l.contains(FORGED)).map(str::to_owned).collect();
        assert!(named.is_empty(), "{claim:?} came through as {named:?}");
    }
    for node in cluster.nodes() {
        assert!(!node.log().contains(FORGED), "not even in a log");
    }
}

#[test]
fn an_honest_header_goes_on_however_it_is_spelt() {
    let cluster = Cluster::start();
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    let target = cluster.app("menu", &app, "/menu");
    let honest = cluster.stranger();
    for (n, name) in ["User-to-User:", "User-to-User : ", "user-to-user\t: ", "USER-TO-USER:\r\n "].iter().enumerate() {
        honest.send(&offer(&honest, &target, &format!("{name}{n}56a390\r\n")));
        app.wait("/menu", |seen| {
            let told = seen.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("SipHeader_User-to-User"));
            told.is_some_and(|(_, value)| *value == format!("{n}56a390"))
        });
    }
}

/// The other test can fail: without the proxy, a node hands such headers to the application.
#[test]
fn without_the_proxy_the_same_headers_reach_the_application() {
    let tandem = Tandem::start();
    let app = AppServer::start(|_| Reply::laml("<Hangup/>"));
    tandem.domain_app("menu", &app, "/menu", serde_json::json!({}));
    let mut eve = Phone::new(&tandem, "caller", "");
    let claim = format!("X-Auth-IP : <sip:{FORGED}@192.0.2.66>\r\n");
    call_with(&mut eve, &app, &tandem.app_uri("menu"), &claim, "marker");
    assert!(told(&app).contains(FORGED), "{}", told(&app));
}
