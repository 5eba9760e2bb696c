//! A SIP phone in text: says exactly what a test wants, and shows exactly what came.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::address::own_ip;
use super::link::{Link, Udp};
use super::message::param;
use super::tandem::PASSWORD;
use super::{Media, Message, Tandem, digest};

/// How long a phone waits for what a test expects.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// As long as phones have them: servers weigh an answer to a stranger against the question.
const USER_AGENT: &str = "Text Phone T-100 of the end-to-end tests, 1.0.0 00:00:5e:00:53:01";

pub struct Phone {
    pub user: String,
    pub password: String,
    /// The domain it belongs to.
    pub domain: String,
    pub address: SocketAddr,
    pub server: SocketAddr,
    /// Tandem's address; `server` is another's when a proxy stands between.
    home: SocketAddr,
    link: RefCell<Box<dyn Link>>,
    /// As the Via names it.
    transport: &'static str,
    inbox: VecDeque<Message>,
    /// Requests already delivered, and what they were answered: a retransmission gets the same again.
    answered: BTreeMap<String, Option<String>>,
}

/// One side of a dialog.
pub struct Call {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
    pub cseq: u32,
    pub media: Media,
    /// The INVITE that began it.
    pub invite: Message,
}

impl Phone {
    /// A phone at an address of its own, talking to `tandem`.
    pub fn new(tandem: &Tandem, user: &str, password: &str) -> Phone {
        Phone::at(own_ip(), tandem, user, password)
    }

    /// A new endpoint of these settings, and its phone, which registered.
    #[track_caller]
    pub fn registered(tandem: &Tandem, user: &str, settings: Value) -> Phone {
        tandem.endpoint(user, settings);
        let mut phone = Phone::new(tandem, user, PASSWORD);
        assert_eq!(phone.register().status(), 200);
        phone
    }

    /// A phone at this address, at a port of its own.
    pub fn at(ip: IpAddr, tandem: &Tandem, user: &str, password: &str) -> Phone {
        let socket = UdpSocket::bind((ip, 0)).expect("the phone's port");
        let address = socket.local_addr().expect("its address");
        let link = Udp { socket };
        Phone::over("UDP", Box::new(link), address, tandem, user, password)
    }

    /// A phone that talks over `link`, whose transport the Via names so.
    pub fn over(
        transport: &'static str,
        link: Box<dyn Link>,
        address: SocketAddr,
        tandem: &Tandem,
        user: &str,
        password: &str,
    ) -> Phone {
        Phone {
            user: user.into(),
            password: password.into(),
            domain: tandem.domain(),
            address,
            server: tandem.sip,
            home: tandem.sip,
            link: RefCell::new(link),
            transport,
            inbox: VecDeque::new(),
            answered: BTreeMap::new(),
        }
    }

    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }

    pub fn contact(&self) -> String {
        match self.transport {
            "UDP" => format!("sip:{}@{}", self.user, self.address),
            "TLS" => format!("sip:{}@{};transport=tls", self.user, self.address),
            // Of a browser nobody knows the address (RFC 7118 section 5).
            _ => format!("sip:{}@df7jal23ls0d.invalid;transport=ws", self.user),
        }
    }

    /// Registers, answering the challenge, and returns the final response.
    pub fn register(&mut self) -> Message {
        self.register_with(&format!("Contact: <{}>\r\nExpires: 300\r\n", self.contact()))
    }

    /// As [`Self::register`], with these headers.
    pub fn register_with(&mut self, headers: &str) -> Message {
        let call_id = unique("reg");
        let registrar = format!("sip:{}", self.domain);
        let mut authorization = String::new();
        for cseq in 1..=3 {
            let tag = unique("t");
            let text = format!(
                "REGISTER {registrar} SIP/2.0\r\n{}From: <{uri}>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: \
                 {cseq} REGISTER\r\n{headers}{authorization}Content-Length: 0\r\n\r\n",
                self.via(),
                uri = self.uri()
            );
            self.send(&text);
            let reply = self.final_response(&call_id, cseq);
            if reply.status() != 401 || !authorization.is_empty() {
                return reply;
            }
            let answer = self.answer(&reply, "REGISTER", &registrar);
            authorization = format!("Authorization: {answer}\r\n");
        }
        panic!("no end of challenges");
    }

    /// One REGISTER with these headers and no more; its answer.
    pub fn ask_registrar(&mut self, headers: &str) -> Message {
        let call_id = unique("reg");
        let text = format!(
            "REGISTER sip:{} SIP/2.0\r\n{}From: <{uri}>;tag={}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: 1 \
             REGISTER\r\n{headers}Content-Length: 0\r\n\r\n",
            self.domain,
            self.via(),
            unique("t"),
            uri = self.uri()
        );
        self.send(&text);
        self.final_response(&call_id, 1)
    }

    /// Sends an INVITE, answers a challenge, and returns the call in its first moment.
    pub fn invite(&mut self, target: &str) -> Call {
        self.invite_with(target, "")
    }

    /// As [`Self::invite`], with these headers in it.
    pub fn invite_with(&mut self, target: &str, headers: &str) -> Call {
        let media = Media::new(self.address.ip());
        let call_id = unique("call");
        let local = format!("<{}>;tag={}", self.uri(), unique("t"));
        let mut call = Call {
            call_id,
            local,
            remote: format!("<{target}>"),
            target: target.into(),
            routes: Vec::new(),
            cseq: 1,
            invite: Message { start: String::new(), headers: Vec::new(), body: String::new() },
            media,
        };
        let mut authorization = String::new();
        let mut stale = false;
        loop {
            let body = call.media.sdp("sendrecv");
            let extra = format!("{headers}{authorization}Content-Type: application/sdp\r\n");
            let text = self.request(&call, "INVITE", call.cseq, &extra, &body);
            call.invite = Message::parse(&text).expect("what this phone wrote");
            self.send(&text);
            if self.password.is_empty() || stale {
                return call;
            }
            let proved = !authorization.is_empty();
            // The challenge, or the first sign that there is none.
            let first = self.response(&call.call_id, call.cseq, |_| true);
            // Tandem challenges at once or not at all; a proxy says 100 before it asks anybody.
            let may_be_challenged = !proved || self.server != self.home;
            let (first, trying) = match first.status() {
                100 if may_be_challenged => (self.after_trying(&call), Some(first)),
                100 => (None, Some(first)),
                _ => (Some(first), None),
            };
            match first {
                // A second one only for an old nonce: another's, when a call went on to another node.
                Some(reply) if matches!(reply.status(), 401 | 407) && (!proved || says_stale(&reply)) => {
                    self.ack_failure(&call, &reply);
                    stale = proved;
                    let name = if reply.status() == 401 { "Authorization" } else { "Proxy-Authorization" };
                    authorization = format!("{name}: {}\r\n", self.answer(&reply, "INVITE", target));
                    call.cseq += 1;
                }
                Some(reply) => {
                    self.inbox.push_front(reply);
                    return call;
                }
                None => {
                    self.inbox.extend(trying);
                    return call;
                }
            }
        }
    }

    /// After 100, the next response, if there is one soon.
    fn after_trying(&mut self, call: &Call) -> Option<Message> {
        let (id, cseq) = (call.call_id.clone(), call.cseq);
        let end = Instant::now() + Duration::from_millis(1_000);
        loop {
            if let Some(at) = self
                .inbox
                .iter()
                .position(|m| !m.is_request() && m.call_id() == id && m.cseq() == cseq && m.status() > 100)
            {
                return self.inbox.remove(at);
            }
            if Instant::now() >= end {
                return None;
            }
            self.pump(Duration::from_millis(50));
        }
    }

    /// The final answer to an INVITE, acknowledged, media connected. Provisional ones are skipped.
    #[track_caller]
    pub fn outcome(&mut self, call: &mut Call) -> Message {
        let reply = self.final_response_within(&call.call_id.clone(), call.cseq, Duration::from_secs(40));
        self.settle(call, &reply);
        reply
    }

    /// The call is answered, or the test fails.
    #[track_caller]
    pub fn connected(&mut self, call: &mut Call) -> Message {
        let reply = self.outcome(call);
        assert_eq!(reply.status(), 200, "{}", reply.start);
        reply
    }

    /// A provisional response of this status.
    #[track_caller]
    pub fn provisional(&mut self, call: &Call, status: u16) -> Message {
        self.response(&call.call_id, call.cseq, |m| m.status() == status)
    }

    fn settle(&mut self, call: &mut Call, reply: &Message) {
        if reply.status() >= 300 {
            return self.ack_failure(call, reply);
        }
        call.remote = reply.header("To").to_owned();
        call.target = reply.contact();
        call.routes = reply.all("Record-Route").iter().rev().map(|r| (*r).to_owned()).collect();
        let ack = self.request(call, "ACK", call.cseq, "", "");
        self.send(&ack);
        if let Some(remote) = media_of(reply) {
            call.media.connect(remote);
        }
    }

    fn ack_failure(&mut self, call: &Call, reply: &Message) {
        // Same branch as the INVITE (RFC 3261 section 17.1.1.3).
        let via = call.invite.header("Via").to_owned();
        let text = format!(
            "ACK {} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} \
             ACK\r\nContent-Length: 0\r\n\r\n",
            call.invite.request_uri(),
            call.local,
            reply.header("To"),
            call.call_id,
            call.cseq
        );
        self.send(&text);
    }

    /// Gives up a call that is not answered yet; returns the answer to CANCEL.
    pub fn cancel(&mut self, call: &Call) -> Message {
        let via = call.invite.header("Via").to_owned();
        let text = format!(
            "CANCEL {} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} \
             CANCEL\r\nContent-Length: 0\r\n\r\n",
            call.invite.request_uri(),
            call.local,
            call.invite.header("To"),
            call.call_id,
            call.cseq
        );
        self.send(&text);
        let id = call.call_id.clone();
        self.wait("the answer to CANCEL", PATIENCE, move |m| {
            !m.is_request() && m.call_id() == id && m.method() == "CANCEL"
        })
    }

    /// The next call that rings here.
    #[track_caller]
    pub fn ringing(&mut self) -> Call {
        self.ringing_within(PATIENCE)
    }

    #[track_caller]
    pub fn ringing_within(&mut self, patience: Duration) -> Call {
        let invite = self.wait("an INVITE", patience, |m| {
            m.is_request() && m.method() == "INVITE" && param(m.header("To"), "tag").is_none()
        });
        let media = Media::new(self.address.ip());
        if let Some(remote) = media_of(&invite) {
            media.connect(remote);
        }
        let call = Call {
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={}", invite.header("To"), unique("t")),
            remote: invite.header("From").to_owned(),
            target: invite.contact(),
            routes: invite.all("Record-Route").iter().map(|r| (*r).to_owned()).collect(),
            cseq: 100,
            media,
            invite,
        };
        self.reply(&call, &call.invite, 180, "Ringing", "");
        call
    }

    /// Whether nothing rings here for as long.
    pub fn stays_quiet(&mut self, for_this_long: Duration) -> bool {
        let end = Instant::now() + for_this_long;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.pump(left.min(Duration::from_millis(50)));
        }
        !self.seen().iter().any(|m| m.is_request() && m.method() == "INVITE")
    }

    /// What came and nobody asked for yet.
    pub fn seen(&self) -> &VecDeque<Message> {
        &self.inbox
    }

    /// Calls a phone that answers at once: both sides of the call.
    pub fn talks_to(&mut self, callee: &mut Phone) -> (Call, Call) {
        let mut call = self.invite(&callee.uri());
        let mut rung = callee.ringing();
        callee.answer_call(&mut rung);
        self.connected(&mut call);
        (call, rung)
    }

    /// Answers a ringing call and waits for its ACK.
    #[track_caller]
    pub fn answer_call(&mut self, call: &mut Call) {
        let sdp = call.media.sdp("sendrecv");
        self.reply(call, &call.invite, 200, "OK", &sdp);
        let ack = self.expect("ACK", call);
        if let Some(remote) = media_of(&ack) {
            call.media.connect(remote);
        }
    }

    /// Refuses a ringing call and waits for its ACK.
    #[track_caller]
    pub fn refuse(&mut self, call: &Call, status: u16, reason: &str) {
        self.reply(call, &call.invite, status, reason, "");
        self.expect("ACK", call);
    }

    /// A request within a call.
    #[track_caller]
    pub fn expect(&mut self, method: &str, call: &Call) -> Message {
        let (id, name) = (call.call_id.clone(), method.to_owned());
        self.wait(method, PATIENCE, move |m| m.is_request() && m.method() == name && m.call_id() == id)
    }

    /// The other side hangs up: BYE, answered.
    #[track_caller]
    pub fn hung_up(&mut self, call: &Call) -> Message {
        self.hung_up_within(call, PATIENCE)
    }

    #[track_caller]
    pub fn hung_up_within(&mut self, call: &Call, patience: Duration) -> Message {
        let id = call.call_id.clone();
        let bye = self.wait("BYE", patience, move |m| m.is_request() && m.method() == "BYE" && m.call_id() == id);
        self.reply(call, &bye, 200, "OK", "");
        bye
    }

    /// Hangs up and returns the answer.
    #[track_caller]
    pub fn hang_up(&mut self, call: &mut Call) -> Message {
        self.within(call, "BYE", "", "")
    }

    /// A new offer within the call; its answer, acknowledged.
    #[track_caller]
    pub fn reinvite(&mut self, call: &mut Call, direction: &str) -> Message {
        let sdp = call.media.sdp(direction);
        let reply = self.within(call, "INVITE", "Content-Type: application/sdp\r\n", &sdp);
        if reply.status() < 300 {
            let ack = self.request(call, "ACK", call.cseq, "", "");
            self.send(&ack);
        }
        reply
    }

    /// The other side offers anew: answered with this direction, and acknowledged. The direction it offered.
    #[track_caller]
    pub fn reinvited(&mut self, call: &Call, direction: &str) -> String {
        let offer = self.expect("INVITE", call);
        self.reply(call, &offer, 200, "OK", &call.media.sdp(direction));
        self.expect("ACK", call);
        direction_of(&offer)
    }

    /// Any request within the call, and its final response.
    #[track_caller]
    pub fn within(&mut self, call: &mut Call, method: &str, headers: &str, body: &str) -> Message {
        call.cseq += 1;
        let contact = if method == "BYE" { String::new() } else { format!("Contact: <{}>\r\n", self.contact()) };
        let text = self.request(call, method, call.cseq, &format!("{contact}{headers}"), body);
        self.send(&text);
        self.final_response(&call.call_id.clone(), call.cseq)
    }

    /// A request outside any call, with these headers; its final response.
    #[track_caller]
    pub fn ask(&mut self, method: &str, target: &str, headers: &str) -> Message {
        let call_id = unique("ask");
        let (forwards, rest) = match headers.split_once("Max-Forwards:") {
            Some(_) => ("", headers),
            None => ("Max-Forwards: 70\r\n", headers),
        };
        let text = format!(
            "{method} {target} SIP/2.0\r\n{}{forwards}From: <{}>;tag={}\r\nTo: <{target}>\r\nCall-ID: \
             {call_id}\r\nCSeq: 1 {method}\r\nContact: <{}>\r\n{rest}Content-Length: 0\r\n\r\n",
            self.via_only(),
            self.uri(),
            unique("t"),
            self.contact()
        );
        self.send(&text);
        self.final_response(&call_id, 1)
    }

    /// Answers `request` within `call`.
    pub fn reply(&mut self, call: &Call, request: &Message, status: u16, reason: &str, sdp: &str) {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for name in ["Via", "Record-Route"] {
            for value in request.all(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let to = if param(request.header("To"), "tag").is_some() { request.header("To") } else { call.local.as_str() };
        text.push_str(&format!(
            "From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{}>\r\n",
            request.header("From"),
            request.call_id(),
            request.header("CSeq"),
            self.contact()
        ));
        if !sdp.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
        self.answered.insert(key(request), Some(text.clone()));
        self.send(&text);
    }

    pub fn send(&self, text: &str) {
        self.link.borrow_mut().send(text, self.server);
    }

    fn request(&self, call: &Call, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let mut text = format!("{method} {} SIP/2.0\r\n{}", call.target, self.via());
        for route in &call.routes {
            text.push_str(&format!("Route: {route}\r\n"));
        }
        text.push_str(&format!(
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n",
            call.local, call.remote, call.call_id
        ));
        if method == "INVITE" && !headers.contains("Contact:") {
            text.push_str(&format!("Contact: <{}>\r\n", self.contact()));
        }
        text.push_str(&format!("{headers}Content-Length: {}\r\n\r\n{body}", body.len()));
        text
    }

    /// With what phones say of themselves, too.
    fn via(&self) -> String {
        format!("{}Max-Forwards: 70\r\nUser-Agent: {USER_AGENT}\r\nSupported: replaces\r\n", self.via_only())
    }

    fn via_only(&self) -> String {
        let host = match self.transport {
            "WS" | "WSS" => "df7jal23ls0d.invalid".to_owned(),
            _ => self.address.to_string(),
        };
        format!("Via: SIP/2.0/{} {host};rport;branch=z9hG4bK{}\r\n", self.transport, unique("b"))
    }

    /// The Authorization that answers the MD5 challenge of `reply`.
    pub fn answer(&self, reply: &Message, method: &str, uri: &str) -> String {
        let name = if reply.status() == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let challenges = reply.all(name);
        let md5 = challenges.iter().find(|c| !c.to_ascii_uppercase().contains("SHA-256"));
        let challenge = md5.unwrap_or_else(|| panic!("no MD5 challenge in {reply:?}"));
        digest::answer(challenge, method, uri, &self.user, &self.password)
    }

    #[track_caller]
    pub fn final_response(&mut self, call_id: &str, cseq: u32) -> Message {
        self.final_response_within(call_id, cseq, PATIENCE)
    }

    #[track_caller]
    fn final_response_within(&mut self, call_id: &str, cseq: u32, patience: Duration) -> Message {
        let id = call_id.to_owned();
        self.wait("a final response", patience, move |m| {
            m.status() >= 200 && m.call_id() == id && m.cseq() == cseq && m.method() != "CANCEL"
        })
    }

    #[track_caller]
    fn response(&mut self, call_id: &str, cseq: u32, which: impl Fn(&Message) -> bool) -> Message {
        let id = call_id.to_owned();
        self.wait("a response", PATIENCE, move |m| !m.is_request() && m.call_id() == id && m.cseq() == cseq && which(m))
    }

    /// The first message that `which` accepts; the others stay.
    #[track_caller]
    pub fn wait(&mut self, what: &str, patience: Duration, which: impl Fn(&Message) -> bool) -> Message {
        let end = Instant::now() + patience;
        loop {
            if let Some(message) = self.inbox.iter().position(&which).and_then(|at| self.inbox.remove(at)) {
                return message;
            }
            if Instant::now() >= end {
                let others: Vec<&str> = self.inbox.iter().map(|m| m.start.as_str()).collect();
                panic!("{} waited for {what} in vain; there is {others:?}", self.user);
            }
            self.pump(Duration::from_millis(50));
        }
    }

    /// Takes what the network has, for at most `patience`.
    fn pump(&mut self, patience: Duration) {
        let received = self.link.borrow_mut().receive(patience);
        let Some(message) = received.as_deref().and_then(Message::parse) else { return };
        if message.is_request() && message.method() != "ACK" {
            match self.answered.get(&key(&message)) {
                Some(Some(reply)) => return self.send(reply),
                Some(None) => return,
                None => self.answered.insert(key(&message), None),
            };
        }
        if message.is_request() && message.method() == "CANCEL" {
            self.cancelled(&message);
        }
        self.inbox.push_back(message);
    }

    /// 200 to the CANCEL, 487 to what it cancels (RFC 3261 section 9.2).
    fn cancelled(&mut self, cancel: &Message) {
        let invite = self.answered.iter().find(|(k, _)| **k == format!("{} INVITE", cancel.branch()));
        let rung = invite.and_then(|(_, reply)| reply.clone());
        let Some(rung) = rung.filter(|r| r.starts_with("SIP/2.0 1")) else { return };
        let ok = rung.replacen(rung.lines().next().unwrap_or_default(), "SIP/2.0 200 OK", 1).replacen(
            " INVITE\r\n",
            " CANCEL\r\n",
            1,
        );
        let terminated = rung.replacen(rung.lines().next().unwrap_or_default(), "SIP/2.0 487 Request Terminated", 1);
        self.send(&ok);
        self.send(&terminated);
        self.answered.insert(key(cancel), Some(ok));
        self.answered.insert(format!("{} INVITE", cancel.branch()), Some(terminated));
    }
}

fn says_stale(reply: &Message) -> bool {
    let of = |name| reply.all(name).iter().any(|c| c.contains("stale=true"));
    of("WWW-Authenticate") || of("Proxy-Authenticate")
}

/// A word nobody said before.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{prefix}{:x}-{:x}-{:x}", std::process::id(), now, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The direction that a description gives itself.
pub fn direction_of(message: &Message) -> String {
    let names = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let said = message.body.lines().find_map(|line| names.into_iter().find(|name| line.trim() == format!("a={name}")));
    said.unwrap_or("sendrecv").to_owned()
}

/// Where a description wants its media.
pub fn media_of(message: &Message) -> Option<SocketAddr> {
    let (ip, port) = message.sdp_audio()?;
    Some(SocketAddr::new(ip.parse().ok()?, port))
}

fn key(request: &Message) -> String {
    format!("{} {}", request.branch(), request.method())
}
