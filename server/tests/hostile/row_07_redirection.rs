//! Row 7: a callee that sends the call elsewhere, and a party that has us call somebody.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::common::Phone;
use crate::stranger::source;
use crate::target::Target;

/// Somewhere that must not be called.
struct Elsewhere(UdpSocket);

impl Elsewhere {
    fn new(n: u32) -> Elsewhere {
        Elsewhere(UdpSocket::bind((source(n), 0)).expect("a port"))
    }

    fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.0.local_addr().expect("its address"))
    }

    /// Messages that came.
    fn count(&self) -> usize {
        self.0.set_nonblocking(true).expect("a mode");
        std::iter::from_fn(|| self.0.recv(&mut [0; 65_536]).ok()).count()
    }
}

#[test]
fn a_callee_that_redirects_sends_the_call_nowhere_it_may_not_go() {
    let mut target = Target::start();
    let (domain, server, trunk) = (target.tandem.domain(), target.tandem.sip, target.trunk.address);
    let elsewhere = Elsewhere::new(0x0701);
    let two_hundred: Vec<String> =
        (0..200).map(|i| format!("<{}>;q=0.{}", elsewhere.uri(&format!("u{i}")), i % 10)).collect();
    let two_hundred = format!("Contact: {}\r\n", two_hundred.join(", "));
    for (what, contacts) in [
        ("200 contacts", two_hundred),
        ("loopback", "Contact: <sip:x@127.0.0.1:9>\r\n".into()),
        ("ourselves", format!("Contact: <sip:bob@{domain}>\r\n")),
        ("our address", format!("Contact: <sip:bob@{server}>\r\n")),
        ("a premium number", format!("Contact: <sip:+19005551234@{domain}>\r\n")),
        ("a number by tel", "Contact: <tel:+19005551234>\r\n".into()),
        ("the carrier", format!("Contact: <sip:+19005551234@{trunk}>\r\n")),
        ("a stranger", format!("Contact: <{}>\r\n", elsewhere.uri("x"))),
        ("nothing", String::new()),
        ("garbage", "Contact: *\r\n".into()),
    ] {
        let received = target.tandem.metric("tandem_sip_messages_received_total", "");
        let mut call = target.alice.invite(&target.bob.uri());
        let rung = target.bob.ringing();
        redirect(&mut target.bob, &rung, &contacts);
        let reply = target.alice.outcome(&mut call);
        assert!(reply.status() >= 300, "{what}: {}", reply.start);
        assert_eq!(elsewhere.count(), 0, "{what}: somebody else was called");
        let messages = target.tandem.metric("tandem_sip_messages_received_total", "") - received;
        assert!(messages < 40.0, "{what}: {messages} messages for one call");
    }
    target.unharmed("after redirections");
}

#[test]
fn two_phones_that_redirect_to_each_other_end_the_call() {
    let mut target = Target::start();
    let received = target.tandem.metric("tandem_sip_messages_received_total", "");
    let mut call = target.alice.invite(&target.bob.uri());
    let rung = target.bob.ringing();
    let back = format!("Contact: <{}>\r\n", target.alice.uri());
    redirect(&mut target.bob, &rung, &back);
    let end = Instant::now() + Duration::from_secs(1);
    // If the call comes back to alice, she sends it to bob again, and so on.
    while Instant::now() < end {
        if !target.alice.stays_quiet(Duration::from_millis(50)) {
            let again = target.alice.ringing();
            let to_bob = format!("Contact: <{}>\r\n", target.bob.uri());
            redirect(&mut target.alice, &again, &to_bob);
        }
        if !target.bob.stays_quiet(Duration::from_millis(50)) {
            let again = target.bob.ringing();
            redirect(&mut target.bob, &again, &back);
        }
    }
    assert!(target.alice.outcome(&mut call).status() >= 300);
    let messages = target.tandem.metric("tandem_sip_messages_received_total", "") - received;
    assert!(messages < 40.0, "{messages} messages");
    target.unharmed("after a loop of redirections");
}

fn redirect(phone: &mut Phone, rung: &crate::common::Call, contacts: &str) {
    // A reply of the phone's own making, for it has several Contacts.
    let invite = rung.invite.clone();
    let text = format!(
        "SIP/2.0 302 Moved Temporarily\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n{contacts}Content-Length: 0\r\n\r\n",
        invite.header("Via"),
        invite.header("From"),
        rung.local,
        invite.call_id(),
        invite.header("CSeq")
    );
    phone.send(&text);
    phone.expect("ACK", rung);
}

#[test]
fn a_refer_to_where_its_sender_may_not_call_calls_nobody() {
    let mut target = Target::start();
    let elsewhere = Elsewhere::new(0x0702);
    let (domain, trunk) = (target.tandem.domain(), target.trunk.address);
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    for to in [
        format!("sip:+19005551234@{domain}"),
        "tel:+19005551234".to_owned(),
        format!("sip:+19005551234@{trunk}"),
        elsewhere.uri("x"),
        format!("{}?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2", elsewhere.uri("x")),
        "sip:x@127.0.0.1:9".to_owned(),
        "http://127.0.0.1/".to_owned(),
        "*".to_owned(),
    ] {
        for _ in 0..2 {
            let reply = target.alice.within(&mut call, "REFER", &format!("Refer-To: <{to}>\r\n"), "");
            assert!(reply.status() >= 200, "{to}: {reply:?}");
        }
        // Accepted or not, nobody is called.
        assert!(target.trunk.stays_quiet(Duration::from_millis(150)), "{to}: the carrier was called");
        assert_eq!(elsewhere.count(), 0, "{to}: somebody was called");
    }
    assert_eq!(target.alice.hang_up(&mut call).status(), 200);
    target.bob.hung_up(&rung);

    // Outside any call, by somebody with credentials of a user, and by nobody.
    let mut stranger = target.stranger(0x0703);
    let text = stranger.request("REFER", &target.bob.uri(), &format!("Refer-To: <{}>\r\n", elsewhere.uri("x")), "");
    assert!(stranger.answer(&text).status() >= 400);
    assert_eq!(elsewhere.count(), 0);
    target.unharmed("after REFERs");
}
