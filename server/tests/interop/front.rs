//! The proxy's own part: websocket clients, and what it lets nobody do.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{self, Message as Frame, WebSocket};

use crate::common::phone::unique;
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Message, Phone, Reply, digest, eventually};
use crate::kamailio::{offer, to_app};
use crate::proxy::{Cluster, domain, registered_at};

/// A browser's SIP stack: knows no address of its own (RFC 7118 section 5).
struct WebPhone {
    socket: WebSocket<TcpStream>,
    host: String,
    user: &'static str,
}

impl WebPhone {
    fn connect(cluster: &Cluster, user: &'static str) -> WebPhone {
        let (socket, response) = open(cluster, "https://phone.example").expect("a websocket");
        let protocol = response.headers().get("Sec-WebSocket-Protocol").and_then(|v| v.to_str().ok());
        assert_eq!(protocol, Some("sip"));
        WebPhone { socket, host: format!("{}.invalid", unique("w")), user }
    }

    fn contact(&self) -> String {
        format!("sip:{}@{};transport=ws", self.user, self.host)
    }

    fn via(&self) -> String {
        format!("Via: SIP/2.0/WS {};branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n", self.host, unique("b"))
    }

    fn say(&mut self, text: &str) {
        self.socket.send(Frame::text(text)).expect("to send over the websocket");
    }

    /// The next message that `which` accepts; others are passed over.
    fn hear(&mut self, what: &str, which: impl Fn(&Message) -> bool) -> Message {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            match self.socket.read() {
                Ok(Frame::Text(text)) => {
                    if let Some(message) = Message::parse(text.as_str()).filter(&which) {
                        return message;
                    }
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(_)) => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
        panic!("{what}: not within ten seconds");
    }

    fn register(&mut self) -> Message {
        let call_id = unique("web");
        let registrar = format!("sip:{}", domain());
        let mut authorization = String::new();
        for cseq in 1..=2 {
            let text = format!(
                "REGISTER {registrar} SIP/2.0\r\n{}From: <sip:{user}@{domain}>;tag={}\r\nTo: <sip:{user}@{domain}>\r\n\
                 Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: <{}>\r\nExpires: 60\r\nSupported: path, outbound\r\n\
                 {authorization}Content-Length: 0\r\n\r\n",
                self.via(),
                unique("t"),
                self.contact(),
                user = self.user,
                domain = domain(),
            );
            self.say(&text);
            let reply = self.hear("the answer to REGISTER", |m| m.status() >= 200 && m.cseq() == cseq);
            if reply.status() != 401 {
                return reply;
            }
            let challenges = reply.all("WWW-Authenticate");
            let md5 = challenges.iter().find(|c| !c.contains("SHA-256")).expect("a challenge for MD5");
            let proof = digest::answer(md5, "REGISTER", &registrar, self.user, PASSWORD);
            authorization = format!("Authorization: {proof}\r\n");
        }
        panic!("no end of challenges");
    }

    fn answer(&mut self, request: &Message, status: &str, tag: &str, sdp: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
            for value in request.all(name) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        let to = request.header("To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        text += &format!(
            "From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{}>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}",
            request.header("From"),
            request.call_id(),
            request.header("CSeq"),
            self.contact(),
            sdp.len()
        );
        self.say(&text);
    }
}

fn open(cluster: &Cluster, origin: &str) -> Result<(WebSocket<TcpStream>, Response), String> {
    let stream = TcpStream::connect(cluster.proxy.websocket).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).map_err(|e| e.to_string())?;
    let mut request =
        format!("ws://{}/sip", cluster.proxy.websocket).into_client_request().map_err(|e| e.to_string())?;
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", "sip".parse().expect("a header value"));
    headers.insert("Origin", origin.parse().expect("a header value"));
    let mut attempt = tungstenite::client::client(request, stream);
    loop {
        match attempt {
            Ok(done) => return Ok(done),
            Err(tungstenite::HandshakeError::Interrupted(more)) => attempt = more.handshake(),
            Err(tungstenite::HandshakeError::Failure(error)) => return Err(error.to_string()),
        }
    }
}

#[test]
fn a_websocket_client_registers_through_the_front() {
    let cluster = Cluster::start();
    cluster.endpoint("wanda");
    let mut wanda = WebPhone::connect(&cluster, "wanda");
    let reply = wanda.register();
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert!(reply.header("Contact").contains(&wanda.host), "{reply:?}");
    assert!(registered_at(&cluster.first, "wanda").is_some(), "at the first choice");
    assert!(registered_at(&cluster.second, "wanda").is_none(), "and there alone");
}

#[test]
fn a_websocket_from_another_page_is_refused() {
    let cluster = Cluster::start();
    let refused = open(&cluster, "https://elsewhere.example").expect_err("no websocket");
    assert!(refused.contains("403"), "{refused}");
}

#[test]
fn a_call_reaches_a_websocket_client_and_she_hangs_up_along_the_route_set() {
    let cluster = Cluster::start();
    cluster.endpoint("wanda");
    cluster.endpoint("alice");
    let mut wanda = WebPhone::connect(&cluster, "wanda");
    assert_eq!(wanda.register().status(), 200);
    let mut alice = cluster.phone("alice");
    assert_eq!(alice.register().status(), 200);

    let call = alice.invite(&format!("sip:wanda@{}", domain()));
    let invite = wanda.hear("an INVITE", |m| m.is_request() && m.method() == "INVITE");
    assert!(invite.request_uri().contains(&wanda.host), "{}", invite.start);
    wanda.answer(&invite, "180 Ringing", "w1", "");
    let media = crate::common::Media::new(alice.address.ip());
    wanda.answer(&invite, "200 OK", "w1", &media.sdp("sendrecv"));
    wanda.hear("ACK", |m| m.is_request() && m.method() == "ACK");
    let mut call = call;
    alice.connected(&mut call);

    let routes: Vec<String> = invite.all("Record-Route").iter().map(|r| format!("Route: {r}\r\n")).collect();
    let bye = format!(
        "BYE {} SIP/2.0\r\n{}{}From: {};tag=w1\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n",
        invite.contact(),
        wanda.via(),
        routes.concat(),
        invite.header("To"),
        invite.header("From"),
        invite.call_id()
    );
    wanda.say(&bye);
    assert_eq!(wanda.hear("the answer to BYE", |m| !m.is_request() && m.method() == "BYE").status(), 200);
    alice.hung_up(&call);
}

#[test]
fn the_proxy_relays_for_nobody_and_keeps_loops_and_giants_out() {
    let cluster = Cluster::start();
    let mut eve = cluster.stranger();
    let mut victim = cluster.stranger();
    let victims = victim.address;

    // A route set that nobody gave her, before a dialog: taken out, so that the request goes to a node.
    let route = format!("Route: <sip:{};lr>, <sip:{victims};lr>\r\n", cluster.proxy.sip);
    let reply = eve.ask("INVITE", &format!("sip:x@{victims}"), &route);
    assert!(matches!(reply.status(), 403 | 404 | 407), "{reply:?}");
    // The same with a received parameter, as Path has it.
    let route = format!("Route: <sip:{};lr;received=sip:{victims}>\r\n", cluster.proxy.sip);
    let reply = eve.ask("INVITE", &format!("sip:x@{victims}"), &route);
    assert!(matches!(reply.status(), 403 | 404 | 407), "{reply:?}");
    // Within a dialog that is none, by each way to name a next hop.
    let proxy = cluster.proxy.sip;
    for (uri, route) in [
        (format!("sip:x@{victims}"), format!("<sip:{proxy};lr>")),
        (format!("sip:x@{victims}"), format!("<sip:{proxy};lr>, <sip:{victims};lr>")),
        (format!("sip:x@{}", cluster.first.sip), format!("<sip:{proxy};lr>, <sip:{victims};lr>")),
        (format!("sip:x@{}", cluster.first.sip), format!("<sip:{proxy};lr;received=sip:{victims}>")),
        (format!("sip:x@{proxy};alias={}~{}~1", victims.ip(), victims.port()), format!("<sip:{proxy};lr>")),
    ] {
        let reply = in_dialog(&mut eve, "BYE", &uri, &format!("Route: {route}\r\n"));
        assert_eq!(reply.status(), 403, "{uri} by {route}: {reply:?}");
    }
    assert!(victim.stays_quiet(Duration::from_millis(300)), "nothing reached a third party");
    // A dialog of a node that never was: the node says so.
    let reply =
        in_dialog(&mut eve, "BYE", &format!("sip:x@{}", cluster.first.sip), &format!("Route: <sip:{proxy};lr>\r\n"));
    assert_eq!(reply.status(), 481, "{reply:?}");
    let reply = in_dialog(&mut eve, "BYE", &format!("sip:x@{}", cluster.first.sip), "");
    assert_eq!(reply.status(), 481, "{reply:?}");

    assert_eq!(eve.ask("OPTIONS", &format!("sip:{}", domain()), "Max-Forwards: 0\r\n").status(), 483);
    let giant = format!("Subject: {}\r\n", "a".repeat(20_000));
    assert_eq!(eve.ask("OPTIONS", &format!("sip:{}", domain()), &giant).status(), 513);
    assert_eq!(eve.ask("OPTIONS", &format!("sip:{proxy}"), "").status(), 200, "a keep-alive is the proxy's own");
    for method in ["MESSAGE", "SUBSCRIBE", "PUBLISH"] {
        let reply = eve.ask(method, &format!("sip:bob@{}", domain()), "");
        assert!(matches!(reply.status(), 405 | 489), "{method}: {reply:?}");
    }
}

/// A request with a To tag, and its answer.
fn in_dialog(phone: &mut Phone, method: &str, uri: &str, route: &str) -> Message {
    let call_id = unique("none");
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n{route}From: \
         <sip:eve@example.org>;tag={}\r\nTo: <sip:x@example.org>;tag=guess\r\nCall-ID: {call_id}\r\nCSeq: 2 \
         {method}\r\nContent-Length: 0\r\n\r\n",
        phone.address,
        unique("b"),
        unique("t")
    );
    phone.send(&text);
    phone.final_response(&call_id, 2)
}

#[test]
fn a_flood_from_one_source_is_not_heard_while_others_are() {
    let cluster = Cluster::start();
    let app = AppServer::start(|_| Reply::laml("<Echo/>"));
    let target = cluster.app("menu", &app, "/menu");
    let flooder = cluster.stranger();
    let domain = domain();
    for n in 0..600 {
        flooder.send(&format!(
            "OPTIONS sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKflood{n}\r\nMax-Forwards: 70\r\nFrom: \
             <sip:f@example.org>;tag=f{n}\r\nTo: <sip:{domain}>\r\nCall-ID: flood{n}@f\r\nCSeq: 1 \
             OPTIONS\r\nContent-Length: 0\r\n\r\n",
            flooder.address
        ));
    }
    eventually("the flood is noticed", Duration::from_secs(5), || cluster.proxy.log().contains("floods").then_some(()));
    // The flooder's own INVITE is as unheard as the rest; the neighbour's is answered.
    let mut flooder = flooder;
    flooder.send(&offer(&flooder, &target, ""));
    let mut neighbour = cluster.stranger();
    let mut call = to_app(&mut neighbour, &target, "");
    assert_eq!(neighbour.hang_up(&mut call).status(), 200);
    assert_eq!(app.seen().iter().filter(|s| s.path() == "/menu").count(), 1);
    assert!(flooder.stays_quiet(Duration::from_millis(200)));
}
