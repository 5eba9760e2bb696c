//! Who is let in for what (promises rows 5 and 6).

use std::collections::BTreeMap;

use tandem_call::SentBy;
use tandem_call::directory::{Carrier, DtmfMethod, Encryption, OutboundPolicy, Project, SipProfile, WebhookSet};
use tandem_model::{LegId, SeedEntropy, Transport};

use super::super::screening::{self, asks_for_much, only_ours_on_route};
use super::*;

const HOME: &str = "acme-main.sip.example.test";
const TRUNK: &str = "198.51.100.77";

/// Where this server listens.
fn here() -> Endpoint {
    Endpoint::new(Transport::Udp, "192.0.2.1:5060".parse().unwrap())
}

fn own() -> Own {
    Own::new(&SentBy::new([(here(), "192.0.2.1:5060".into())]), &["pbx.example.test".into()], &mut SeedEntropy::new(1))
}

fn places() -> OwnPlaces {
    OwnPlaces::new(&[here()], &SentBy::default())
}

fn endpoint(name: &str, policy: OutboundPolicy) -> (String, Arc<SipEndpoint>) {
    let endpoint = SipEndpoint {
        id: Sid::from_bytes([name.as_bytes()[0]; 16]),
        username: name.into(),
        secrets: Default::default(),
        caller_id: None,
        send_as: None,
        codecs: vec![],
        ciphers: vec![],
        encryption: Encryption::Default,
        dtmf: DtmfMethod::Auto,
        outbound_policy: Some(policy),
        contacts: Default::default(),
        handler: Handler::None,
    };
    (name.to_owned(), Arc::new(endpoint))
}

fn app(ip_auth: Option<&str>) -> Arc<DomainApp> {
    let hooks = WebhookSet { request_url: "https://app.test/".into(), ..WebhookSet::default() };
    Arc::new(DomainApp {
        id: Sid::from_bytes([9; 16]),
        name: "app".into(),
        identifier: "app".into(),
        user: "*".into(),
        ip_auth_enabled: ip_auth.is_some(),
        ip_auth: ip_auth.iter().map(|r| r.parse().unwrap()).collect(),
        handler: Handler::LamlWebhooks(hooks),
        encryption: Encryption::Default,
        codecs: vec![],
        ciphers: vec![],
    })
}

fn directory() -> Directory {
    let carrier = Carrier {
        allow_from: vec![TRUNK.parse().unwrap()],
        ..Carrier::new(Sid::from_bytes([7; 16]), "trunk", format!("sip:{TRUNK}"))
    };
    Directory {
        project: Project {
            id: "acc".into(),
            space: "acme".into(),
            domain: "example.test".into(),
            realm: "example.test".into(),
            ..Project::default()
        },
        profile: SipProfile { domain_identifier: "main".into(), ..SipProfile::default() },
        endpoints: BTreeMap::from([
            endpoint("low", OutboundPolicy::Block),
            endpoint("high", OutboundPolicy::Passthrough),
            endpoint("bob", OutboundPolicy::Block),
        ]),
        domain_apps: vec![app(None)],
        carriers: vec![Arc::new(carrier)],
        ..Directory::default()
    }
}

fn invite(to: &str, from: &str, headers: &[(&str, &str)]) -> Message {
    let mut b = Message::request("INVITE", to)
        .header("Via", "SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK1")
        .header("Max-Forwards", "70")
        .header("From", &format!("<sip:{from}>;tag=1"))
        .header("To", &format!("<{to}>"))
        .header("Call-ID", "1")
        .header("CSeq", "1 INVITE")
        .header("Contact", "<sip:x@203.0.113.66>");
    for (name, value) in headers {
        b = b.header(name, value);
    }
    b.build()
}

fn stranger() -> SocketAddr {
    "203.0.113.66:5060".parse().unwrap()
}

/// Every way to the outside that row 6 of the promises names.
fn ways_out() -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let mut ways: Vec<(String, Vec<(&str, &str)>)> = [
        format!("sip:01115551234567@{HOME}"),
        format!("sip:0015551234567@{HOME}"),
        format!("sip:+19005551234@{HOME}"),
        format!("sip:+1-900-555-1234@{HOME};user=phone"),
        format!("sip:9005551234;phone-context=+1@{HOME};user=phone"),
        format!("sip:+19005551234;phone-context=example.test@{HOME}"),
        format!("sip:x@{TRUNK}"),
        format!("sip:+19005551234@{TRUNK}"),
        format!("sips:+19005551234@{TRUNK}:5061;transport=tcp"),
        format!("sip:%2B19005551234@{HOME}"),
        "sip:+19005551234@192.0.2.1".to_owned(),
        "tel:+19005551234".to_owned(),
        "tel:9005551234;phone-context=+1".to_owned(),
        "sip:x@elsewhere.test".to_owned(),
        format!("sip:x@{HOME}.evil.test"),
    ]
    .into_iter()
    .map(|to| (to, vec![]))
    .collect();
    let claims = [
        ("Diversion", "<sip:high@acme-main.sip.example.test>;reason=unconditional"),
        ("P-Asserted-Identity", "<sip:high@acme-main.sip.example.test>"),
        ("Remote-Party-ID", "<sip:high@acme-main.sip.example.test>;party=calling"),
        ("P-Preferred-Identity", "<sip:high@acme-main.sip.example.test>"),
        ("X-Tandem-Hops", "00000000-0000000000000000"),
        ("Referred-By", "<sip:high@acme-main.sip.example.test>"),
    ];
    ways.push((format!("sip:+19005551234@{HOME}"), claims.to_vec()));
    ways
}

#[test]
fn no_way_leads_out_without_credentials() {
    let (own, directory) = (own(), directory());
    for (to, headers) in ways_out() {
        for from in ["nobody@evil.test", "high@acme-main.sip.example.test", "low@acme-main.sip.example.test"] {
            let invite = invite(&to, from, &headers);
            match classify(&own, &directory, &invite, stranger()) {
                Ok(Sender::Unknown) => {
                    let audited = asks_for_much(&own, &directory, &invite);
                    assert!(audited.is_some(), "{to} from {from} has no line in the audit log");
                }
                Ok(_) => panic!("{to} from {from} is let in without credentials"),
                Err(refusal) => assert!(refusal.status >= 400, "{to}"),
            }
        }
    }
}

#[test]
fn no_way_leads_out_for_a_user_of_few_rights() {
    let directory = directory();
    for (to, headers) in ways_out() {
        let invite = invite(&to, "low@acme-main.sip.example.test", &headers);
        let low = directory.endpoints["low"].clone();
        match from_endpoint(&directory, low, &invite, &places()) {
            Err(refusal) => assert!(matches!(refusal.status, 403 | 404), "{to}: {}", refusal.status),
            Ok(admitted) => panic!("{to} becomes {:?}", admitted.plan),
        }
    }
    let high = directory.endpoints["high"].clone();
    let out = invite(&format!("sip:+19005551234@{HOME}"), "high@acme-main.sip.example.test", &[]);
    assert!(from_endpoint(&directory, high, &out, &places()).is_ok(), "who may, does");
}

#[test]
fn a_carriers_source_is_a_carrier_and_no_more() {
    let (own, directory) = (own(), directory());
    let source: SocketAddr = format!("{TRUNK}:5060").parse().unwrap();
    let out = invite(&format!("sip:+19005551234@{HOME}"), "+1555@carrier.test", &[]);
    let Ok(Sender::Carrier(carrier)) = classify(&own, &directory, &out, source) else { panic!("a carrier") };
    let refused = from_carrier(&directory, carrier, &out, &places()).map(|_| ()).expect_err("it may not dial out");
    assert_eq!(refused.status, 403);
    let as_user = invite(&format!("sip:+19005551234@{HOME}"), "high@acme-main.sip.example.test", &[]);
    assert!(
        matches!(classify(&own, &directory, &as_user, source), Ok(Sender::Unknown)),
        "in a user's name it proves it"
    );
}

#[test]
fn a_carriers_call_to_a_number_of_ours_runs_what_the_number_says() {
    let mut directory = directory();
    let hooks = || WebhookSet { request_url: "https://app.test/".into(), ..WebhookSet::default() };
    let bob = directory.endpoints["bob"].id;
    for (number, handler) in [
        ("+15550000001", NumberHandler::Laml(hooks())),
        ("+15550000002", NumberHandler::Endpoint(bob)),
        ("+15550000003", NumberHandler::Endpoint(Sid::from_bytes([99; 16]))),
        ("+15550000004", NumberHandler::None),
        ("+15550000005", NumberHandler::Unsupported("ai_agent".into())),
    ] {
        let id = Sid::from_bytes([1; 16]);
        directory.numbers.insert(number.into(), Arc::new(PhoneNumber { id, number: number.into(), handler }));
    }
    let carrier = directory.carriers[0].clone();
    let plan = |to: &str| {
        let invite = invite(to, "+15551112222@carrier.test", &[]);
        let admitted = from_carrier(&directory, carrier.clone(), &invite, &places());
        admitted.map(|a| a.plan).map_err(|refusal| refusal.status)
    };
    for host in [HOME, "192.0.2.1", "carrier.test"] {
        let runs = plan(&format!("sip:+15550000001@{host}"));
        assert!(
            matches!(&runs, Ok(Plan::Number { number, .. }) if number.number == "+15550000001"),
            "{host}: {runs:?}"
        );
        let rings = plan(&format!("sip:+15550000002@{host}"));
        let Ok(Plan::Connect { caller: Party::Carrier(_), route: routing::Route::Endpoint(e) }) = rings else {
            panic!("{host}: {rings:?}")
        };
        assert_eq!(e.username, "bob");
    }
    for (number, status) in [("+15550000003", 480), ("+15550000004", 480), ("+15550000005", 480), ("+15550000006", 403)]
    {
        assert_eq!(plan(&format!("sip:{number}@{HOME}")).map(|_| ()), Err(status), "{number}");
    }
    // Nobody but a carrier comes in by a number.
    let low = directory.endpoints["low"].clone();
    let dialled = invite(&format!("sip:+15550000001@{HOME}"), "low@h", &[]);
    let refused = from_endpoint(&directory, low, &dialled, &places()).map(|_| ()).expect_err("a blocked one");
    assert_eq!(refused.status, 403);
}

#[test]
fn the_document_of_a_number_is_told_numbers() {
    let number =
        PhoneNumber { id: Sid::from_bytes([1; 16]), number: "+15550000001".into(), handler: NumberHandler::None };
    let source = Endpoint::new(Transport::Udp, stranger());
    for (from, shown) in [
        ("+15551112222@carrier.test", "+15551112222"),
        ("anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),
    ] {
        let invite = invite("sip:15550000001@carrier.test", from, &[]);
        let mut leg = inbound_leg(&invite, source, None, Hops::default(), true);
        tandem_call::carrier::arrived_at(&mut leg, &number);
        assert_eq!((leg.to_uri.as_str(), leg.from_uri.as_str()), ("+15550000001", shown));
    }
}

#[test]
fn a_route_set_names_this_server_or_nothing_starts() {
    let (own, directory) = (own(), directory());
    for (routes, ok) in [
        (vec![], true),
        (vec!["<sip:192.0.2.1;lr>"], true),
        (vec!["<sip:192.0.2.1:5060;lr>, <sip:acme-main.sip.example.test;lr>"], true),
        (vec!["<sip:pbx.example.test:5099;lr>"], true),
        (vec!["<sip:acme-app.dapp.example.test;lr>"], true),
        (vec!["<sip:198.51.100.77;lr>"], false),
        (vec!["<sip:192.0.2.1;lr>", "<sip:198.51.100.77;lr>"], false),
        (vec!["<sip:192.0.2.1;lr>, <sip:trunk.carrier.test;lr>"], false),
        (vec!["<sip:192.0.2.1:5061;lr>"], false),
        (vec!["garbage"], false),
    ] {
        let headers: Vec<_> = routes.iter().map(|r| ("Route", *r)).collect();
        let invite = invite(&format!("sip:bob@{HOME}"), "low@h", &headers);
        let got = only_ours_on_route(&own, &directory, &invite).map_err(|r| r.status);
        assert_eq!(got, if ok { Ok(()) } else { Err(403) }, "{routes:?}");
    }
}

#[test]
fn replaces_needs_credentials_wherever_it_is_for() {
    let (own, directory) = (own(), directory());
    let replaces = [("Replaces", "a@b;to-tag=1;from-tag=2")];
    for to in [format!("sip:bob@{HOME}"), "sip:any@acme-app.dapp.example.test".to_owned()] {
        let invite = invite(&to, "x@y", &replaces);
        assert!(matches!(classify(&own, &directory, &invite, stranger()), Ok(Sender::Unknown)), "{to}");
        assert_eq!(asks_for_much(&own, &directory, &invite), Some("Replaces without credentials"), "{to}");
    }
    let low = directory.endpoints["low"].clone();
    let taken = invite(&format!("sip:bob@{HOME}"), "low@h", &replaces);
    let admitted = from_endpoint(&directory, low, &taken, &places()).expect("to be matched with a dialog");
    assert!(matches!(admitted.plan, Plan::Replace { by: Caller::Endpoint(e), .. } if e.username == "low"));
    for broken in ["x", "a;to-tag=1", "a;to-tag=1;to-tag=1;from-tag=2"] {
        let low = directory.endpoints["low"].clone();
        let invite = invite(&format!("sip:bob@{HOME}"), "low@h", &[("Replaces", broken)]);
        let refused = from_endpoint(&directory, low, &invite, &places()).map(|_| ()).expect_err(broken);
        assert_eq!(refused.status, 400, "{broken}");
    }
}

#[test]
fn a_voucher_is_believed_only_when_it_is_ours_and_for_this_dialog() {
    let (own, directory) = (own(), directory());
    let tag = own.tag(LegId(5), &mut SeedEntropy::new(3));
    let replaces = format!("a@b;to-tag={tag};from-tag=2");
    let who = format!("endpoint:{}", directory.endpoints["low"].id);
    let classified = |voucher: &str, replaces: &str| {
        let headers = [("Replaces", replaces), (VOUCHER, voucher)];
        classify(&own, &directory, &invite(&format!("sip:bob@{HOME}"), "x@y", &headers), stranger())
    };
    let good = own.voucher(&who, &replaces);
    assert!(
        matches!(classified(&good, &replaces), Ok(Sender::Own { by: Caller::Endpoint(e), .. }) if e.username == "low")
    );
    let other = Own::new(&SentBy::default(), &[], &mut SeedEntropy::new(2)).voucher(&who, &replaces);
    for (voucher, replaces) in [
        (other.as_str(), replaces.as_str()),
        (good.as_str(), "other@b;to-tag=1;from-tag=2"),
        ("", replaces.as_str()),
        (&good.replace("endpoint:", "carrier:"), replaces.as_str()),
    ] {
        assert_eq!(classified(voucher, replaces).map(|_| ()).map_err(|r| r.status), Err(403), "{voucher}");
    }
    let nobody = own.voucher("", &replaces);
    assert_eq!(classified(&nobody, &replaces).map(|_| ()).map_err(|r| r.status), Err(403), "for nobody in particular");
}

#[test]
fn identity_is_passed_on_of_trusted_senders_alone() {
    let headers = [
        ("P-Asserted-Identity", "<sip:boss@x>"),
        ("User-to-User", "00"),
        ("X-Room", "12"),
        ("X-Tandem-Hops", "00000000-0000000000000000"),
        (VOUCHER, "x"),
    ];
    let message = invite(&format!("sip:bob@{HOME}"), "low@h", &headers);
    let source = Endpoint::new(Transport::Udp, stranger());
    for trusted in [false, true] {
        let leg = inbound_leg(&message, source, None, Hops::default(), trusted);
        let names: Vec<_> = leg.headers.iter().map(|(n, _)| n.as_str()).collect();
        let want: &[&str] =
            if trusted { &["P-Asserted-Identity", "User-to-User", "X-Room"] } else { &["User-to-User", "X-Room"] };
        assert_eq!(names, want);
        assert_eq!(leg.asserted.caller.is_some(), trusted);
    }
}

#[test]
fn only_allow_listed_callers_of_an_application_say_who_calls() {
    let (mut directory, source) = (directory(), stranger());
    let invite = invite("sip:x@app.dapp.example.test", "x@203.0.113.66", &[]);
    let to_app = |directory: &Directory, app, source| to_app(directory, app, &invite, source);
    assert!(!to_app(&directory, app(None), source).expect("a handler").trusted);
    assert!(to_app(&directory, app(Some("203.0.113.66")), source).expect("a handler").trusted);
    directory.carriers.clear();
    let trunk: SocketAddr = format!("{TRUNK}:5060").parse().unwrap();
    assert!(!to_app(&directory, app(None), trunk).expect("a handler").trusted);
}

#[test]
fn whatever_a_carrier_calls_it_brings_and_nobody_else_does() {
    let directory = directory();
    let (trunk, carrier) = (SocketAddr::new(TRUNK.parse().unwrap(), 5060), directory.carriers[0].clone());
    let to = "sip:x@app.dapp.example.test";
    let to_app = |from: &str, headers: &[(&str, &str)], source| {
        let admitted = to_app(&directory, app(None), &invite(to, from, headers), source).expect("a handler");
        admitted.carrier.map(|carrier| carrier.id)
    };
    assert_eq!(to_app("+15551112222@carrier.test", &[], trunk), Some(carrier.id));
    assert_eq!(to_app("+15551112222@carrier.test", &[], stranger()), None);
    // Phones at the carrier's address, as behind one proxy.
    assert_eq!(to_app(&format!("low@{HOME}"), &[], trunk), None);
    assert_eq!(to_app("x@elsewhere.test", &[("Proxy-Authorization", "Digest username=\"low\"")], trunk), None);
    let from_carrier = |headers: &[(&str, &str)]| {
        let invite = invite(&format!("sip:bob@{HOME}"), "+15551112222@carrier.test", headers);
        from_carrier(&directory, carrier.clone(), &invite, &places()).expect("it may").carrier.map(|c| c.id)
    };
    assert_eq!(from_carrier(&[]), Some(carrier.id));
    assert_eq!(from_carrier(&[("Replaces", "a;to-tag=1;from-tag=2")]), Some(carrier.id), "a takeover is a call");
}

#[test]
fn a_call_that_comes_back_is_a_loop() {
    let (own, directory) = (own(), directory());
    let to = format!("sip:bob@{HOME}");
    let first = screening::hops(&own, &invite(&to, "low@h", &[]), &Sender::Unknown).expect("a first time");
    let passed = first.value();
    let back = invite(&to, "low@h", &[(HOPS, &passed)]);
    assert_eq!(screening::hops(&own, &back, &Sender::Unknown).map(|_| ()).map_err(|r| r.status), Err(482));
    let app = Sender::ToApp(directory.domain_apps[0].clone());
    assert_eq!(screening::hops(&own, &back, &app).map(|_| ()).map_err(|r| r.status), Err(482));
}

#[test]
fn bodies_that_are_not_taken_are_told_apart() {
    let with = |kind: &str, len: usize, headers: &[(&str, &str)]| {
        let to = format!("sip:bob@{HOME}");
        let mut b = Message::request("INVITE", &to).header("Call-ID", "1");
        for (name, value) in headers {
            b = b.header(name, value);
        }
        screening::content(&b.body(kind, vec![b'x'; len]).build()).map_err(|r| r.status)
    };
    assert_eq!(with("application/sdp", 100, &[]), Ok(()));
    assert_eq!(with("Application/SDP; charset=utf-8", 100, &[("Content-Encoding", "identity")]), Ok(()));
    assert_eq!(with("text/plain", 0, &[]), Ok(()));
    assert_eq!(with("text/plain", 1, &[]), Err(415));
    assert_eq!(with("text/plain", 1, &[("Content-Disposition", "render;handling=optional")]), Ok(()));
    assert_eq!(with("application/sdp", 100, &[("Content-Encoding", "gzip")]), Err(415));
    assert_eq!(with("application/sdp", limits::SDP_BYTES_MAX + 1, &[]), Err(413));
    assert!(screening::headers_of(415).iter().any(|(name, _)| *name == "Accept"));
}

#[test]
fn a_bare_uri_has_neither_parameters_nor_headers() {
    for (uri, want) in [
        ("sip:a@b;transport=tcp?X=1", "sip:a@b"),
        ("sip:a;x=y@b:5060", "sip:a;x=y@b:5060"),
        ("sip:b;lr", "sip:b"),
        ("tel:+1555", "tel:+1555"),
    ] {
        assert_eq!(bare(uri), want);
    }
}
