//! Registrations through the proxy: over a Path, and for a short time.

use crate::proxy::{Cluster, registered_at};

#[test]
fn a_phone_registers_through_the_proxy_with_a_path_and_for_a_short_time() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut alice = cluster.phone("alice");
    for asked in ["Expires: 3600\r\n", "", "Expires: 90\r\n"] {
        let reply = alice.register_with(&format!("Contact: <{}>\r\n{asked}", alice.contact()));
        assert_eq!(reply.status(), 200, "{reply:?}");
        assert!(reply.header("Contact").contains("expires=90"), "asked {asked:?}: {reply:?}");
    }
    let reply = alice.register_with(&format!("Contact: <{}>;expires=600\r\n", alice.contact()));
    assert!(reply.header("Contact").contains("expires=90"), "{reply:?}");
    let reply = alice.register_with(&format!("Contact: <{}>;expires=60\r\n", alice.contact()));
    assert!(reply.header("Contact").contains("expires=60"), "{reply:?}");
    assert!(registered_at(&cluster.first, "alice").is_some());
    let gone = alice.register_with("Contact: *\r\nExpires: 0\r\n");
    assert_eq!(gone.status(), 200, "{gone:?}");
    assert!(registered_at(&cluster.first, "alice").is_none());
}

#[test]
fn however_an_expiry_is_written_the_proxy_keeps_it_short_and_zero_stays_zero() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut alice = cluster.phone("alice");
    let contact = format!("Contact: <{}>", alice.contact());
    for (parameter, field, granted) in [
        ("", "Expires: 4294967295\r\n", 90),
        ("", "Expires: 2147483648\r\n", 90),
        ("", "Expires: 91\r\n", 90),
        ("", "Expires: 000091\r\n", 90),
        ("", "Expires: 0060\r\n", 60),
        ("", "Expires:\r\n 3600\r\n", 90),
        (";expires=4294967295", "", 90),
        (";expires=\"3600\"", "", 90),
        (";EXPIRES = 099 ;q=0.5", "Expires: 60\r\n", 90),
        (";expires=1h", "", 90),
        (";expires=060", "Expires: 90\r\n", 60),
        (";q=0.5\r\n ;expires\r\n =\r\n 3600", "", 90),
    ] {
        let reply = alice.register_with(&format!("{contact}{parameter}\r\n{field}"));
        assert_eq!(reply.status(), 200, "{parameter} {field}: {reply:?}");
        let wanted = format!("expires={granted}");
        let parameters: Vec<&str> = reply.header("Contact").split(';').collect();
        assert!(parameters.contains(&wanted.as_str()), "{parameter} {field}: {reply:?}");
    }
    for (parameter, field) in [("", "Expires: 0000\r\n"), (";expires=0000", "Expires: 60\r\n")] {
        assert!(registered_at(&cluster.first, "alice").is_some());
        assert_eq!(alice.register_with(&format!("{contact}{parameter}\r\n{field}")).status(), 200);
        assert!(registered_at(&cluster.first, "alice").is_none(), "{parameter} {field}");
        assert_eq!(alice.register().status(), 200);
    }
}
