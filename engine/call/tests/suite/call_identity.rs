//! Who calls, as callees are told (RFC 3323, RFC 3325).

use tandem_call::call::{Asserted, Identity};
use tandem_model::LegId;

use crate::world::{DOMAIN, World};

fn withheld() -> Asserted {
    let caller = Identity { user: "+15550009999".into(), display: None };
    Asserted { caller: Some(caller), withheld: true, ..Asserted::default() }
}

#[test]
fn a_caller_who_withholds_its_number_is_anonymous_to_telephones_and_strangers() {
    for to in [format!("sip:bob@{DOMAIN}"), "sip:x@far.test".into()] {
        let w = World::dials_saying(&to, |i| i.asserted = withheld());
        let spec = &w.specs[&LegId(2)];
        assert_eq!(spec.from_uri, "sip:anonymous@anonymous.invalid", "{to}");
        assert_eq!(spec.from_display.as_deref(), Some("Anonymous"));
        let told: Vec<_> =
            spec.headers.iter().filter(|(_, v)| v.contains("+15550009999") || v.contains("alice")).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

#[test]
fn a_carrier_is_asked_to_keep_it() {
    let w = World::dials_saying("tel:+15551234567", |i| i.asserted = withheld());
    let spec = &w.specs[&LegId(2)];
    assert_eq!(spec.from_uri, "sip:anonymous@anonymous.invalid");
    assert!(spec.headers.contains(&("Privacy".into(), "id".into())));
}

#[test]
fn diversions_of_trusted_senders_go_to_carriers_and_to_nobody_else() {
    let diverted = Asserted { diversions: vec!["<sip:boss@x>;reason=user-busy".into()], ..Asserted::default() };
    for (to, want) in [("tel:+15551234567", 1), ("sip:x@far.test", 0)] {
        let w = World::dials_saying(to, |i| i.asserted = diverted.clone());
        let sent = w.specs[&LegId(2)].headers.iter().filter(|(n, _)| n == "Diversion").count();
        assert_eq!(sent, want, "{to}");
    }
}
