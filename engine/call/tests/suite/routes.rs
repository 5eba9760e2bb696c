//! Where addresses lead, and who may go there (promises rows 5 and 6).

use std::sync::Arc;

use tandem_call::directory::{Directory, OutboundPolicy};
use tandem_call::routing::{Caller, Route, route};
use tandem_sip::message::Uri;

use crate::world::{DOMAIN, app, directory};

fn with_app() -> Directory {
    let mut directory = directory();
    directory.domain_apps.push(app());
    let mut sales = (*app()).clone();
    sales.name = "sales".into();
    sales.user = "sales".into();
    directory.domain_apps.push(Arc::new(sales));
    let mut blocked = (*directory.endpoints["carol"]).clone();
    blocked.outbound_policy = Some(OutboundPolicy::Block);
    directory.endpoints.insert("carol".into(), Arc::new(blocked));
    let mut desk = (*directory.endpoints["bob"]).clone();
    desk.username = "de;sk".into();
    directory.endpoints.insert("de;sk".into(), Arc::new(desk));
    directory
}

fn outcome(directory: &Directory, caller: &Caller, to: &str) -> String {
    let uri = Uri::parse(to).expect("a URI");
    match route(directory, caller, &uri, |host, _| host == "198.51.100.1") {
        Ok(Route::Endpoint(e)) => format!("endpoint {}", e.username),
        Ok(Route::App(a)) => format!("app {}", a.name),
        Ok(Route::Number { number, carriers }) => {
            let names: Vec<_> = carriers.iter().map(|c| c.name.as_str()).collect();
            format!("{number} by {}", names.join(" "))
        }
        Ok(Route::Foreign { uri }) => uri,
        Err(no) => no.status.to_string(),
    }
}

#[test]
fn addresses_lead_where_the_configuration_says() {
    let directory = with_app();
    let alice = Caller::Endpoint(directory.endpoints["alice"].clone());
    for (to, want) in [
        (format!("sip:bob@{DOMAIN}"), "endpoint bob"),
        (format!("sip:BOB@{}", DOMAIN.to_uppercase()), "endpoint bob"),
        ("sip:bob@198.51.100.1".into(), "endpoint bob"),
        ("sip:sales@acme-app.dapp.example.test".into(), "app sales"),
        ("sip:anything@acme-app.dapp.example.test".into(), "app app"),
        (format!("sip:+1-555-123-4567@{DOMAIN}"), "+15551234567 by one two"),
        ("tel:+15551234567".into(), "+15551234567 by one two"),
        (format!("sip:+4930123456@{DOMAIN}"), "404"),
        (format!("sip:5551234567@{DOMAIN}"), "404"),
        (format!("sip:nobody@{DOMAIN}"), "404"),
        ("sip:bob@other.example.test".into(), "404"),
        // RFC 3261 section 19.1.6: what a telephone number has beside names nobody else.
        (format!("sip:bob;isub=1@{DOMAIN}"), "endpoint bob"),
        (format!("sip:bob%3Bisub=1@{DOMAIN}"), "404"),
        (format!("sip:de;sk@{DOMAIN}"), "endpoint de;sk"),
        (format!("sip:de%3Bsk@{DOMAIN}"), "endpoint de;sk"),
        (format!("sip:+15550100;phone-context=example.com@{DOMAIN};user=phone"), "+15550100 by one two"),
        (format!("sip:555-0100;phone-context=+1@{DOMAIN};user=phone"), "+15550100 by one two"),
        ("tel:5550100;phone-context=+1".into(), "+15550100 by one two"),
        (format!("sip:5550100;phone-context=example.com@{DOMAIN}"), "404"),
        ("sip:sales;isub=1@acme-app.dapp.example.test".into(), "app sales"),
        ("sip:sales%3Bisub=1@acme-app.dapp.example.test".into(), "app app"),
        ("sip:*;isub=1@acme-app.dapp.example.test".into(), "app app"),
        ("sip:x@elsewhere.test".into(), "sip:x@elsewhere.test"),
        ("sip:x@notexample.test".into(), "sip:x@notexample.test"),
        ("mailto:x@elsewhere.test".into(), "416"),
    ] {
        assert_eq!(outcome(&directory, &alice, &to), want, "{to}");
    }
}

#[test]
fn nobody_leaves_the_server_who_may_not() {
    let directory = with_app();
    let carol = Caller::Endpoint(directory.endpoints["carol"].clone());
    let carrier = Caller::Carrier(directory.carriers[0].clone());
    let stranger = Caller::Stranger;
    let bob = format!("sip:bob@{DOMAIN}");
    let number = format!("sip:+15551234567@{DOMAIN}");
    for (who, caller, to_bob) in
        [("carol", &carol, "endpoint bob"), ("carrier", &carrier, "endpoint bob"), ("stranger", &stranger, "403")]
    {
        assert_eq!(outcome(&directory, caller, &bob), to_bob, "{who}");
        for to in [
            number.as_str(),
            "tel:+15551234567",
            "tel:5551234567;phone-context=+1",
            "sip:x@elsewhere.test",
            "sip:+15551234567@198.51.100.1",
        ] {
            assert_eq!(outcome(&directory, caller, to), "403", "{who} to {to}");
        }
        assert_eq!(outcome(&directory, caller, "sip:any@acme-app.dapp.example.test"), "app app", "{who}");
    }
}
