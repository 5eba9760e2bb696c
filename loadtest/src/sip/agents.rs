//! The two user agents: one calls, the other answers at once. One thread, one socket each.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::text::{Received, body};
use super::{Account, digest};
use crate::media::Remote;

/// How long one transaction may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// RFC 3261 section 17.1.1.1, T1.
const REPEAT_FIRST: Duration = Duration::from_millis(500);

pub struct Agents {
    server: SocketAddr,
    caller: Side,
    callee: Side,
    calls: Vec<Call>,
    /// What the server said of its media in each call that reached the callee, with its Call-ID there, as they came.
    callees: Vec<(String, Remote)>,
    /// 200s that wait for their ACK, by Call-ID.
    unacknowledged: HashMap<String, Repeat>,
}

struct Side {
    socket: UdpSocket,
    address: SocketAddr,
    account: Account,
    sdp: String,
}

struct Call {
    id: String,
    state: State,
}

enum State {
    Inviting(Repeat),
    /// The server's media towards the caller, what ends the call, and the ACK for repeated 200s.
    Up {
        remote: Remote,
        target: String,
        to: String,
        ack: String,
    },
    Ending(Repeat),
    Over,
    Failed(String),
}

struct Repeat {
    text: String,
    next: Instant,
    wait: Duration,
    until: Instant,
}

/// What was set up: where each caller sends to, and where each callee. Which of them are peers the server did not tell.
pub struct Established {
    pub callers: Vec<Remote>,
    pub callees: Vec<Remote>,
}

impl Agents {
    /// `caller_sdp`, `callee_sdp`: the descriptions each sends in all its calls.
    ///
    /// # Errors
    /// No socket, or the callee could not register.
    pub fn new(
        server: SocketAddr,
        caller: (Account, String),
        callee: (Account, String),
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let agents = Agents {
            server,
            caller: Side::new(server, caller)?,
            callee: Side::new(server, callee)?,
            calls: Vec::new(),
            callees: Vec::new(),
            unacknowledged: HashMap::new(),
        };
        agents.register()?;
        agents.caller.socket.set_nonblocking(true)?;
        agents.callee.socket.set_nonblocking(true)?;
        Ok(agents)
    }

    fn register(&self) -> Result<(), String> {
        let Side { socket, address, account, .. } = &self.callee;
        let uri = format!("sip:{}", self.server);
        let mut authorization = String::new();
        for cseq in 1..=2 {
            let text = format!(
                "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKreg{cseq}\r\n\
                 From: <sip:{user}@{server}>;tag=reg\r\nTo: <sip:{user}@{server}>\r\nCall-ID: register@{address}\r\n\
                 CSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{address}>\r\nExpires: 3600\r\nMax-Forwards: 70\r\n{authorization}{}",
                body(""),
                user = account.user,
                server = self.server,
            );
            socket.send_to(text.as_bytes(), self.server).map_err(|e| e.to_string())?;
            let mut buffer = [0; 8_192];
            let len = socket.recv(&mut buffer).map_err(|e| format!("no answer to REGISTER: {e}"))?;
            let response = Received::parse(&buffer[..len]).ok_or("an answer to REGISTER that is no SIP")?;
            match response.status() {
                Some(200) => return Ok(()),
                Some(401) if cseq == 1 => {
                    let challenge = response.all("WWW-Authenticate").find(|c| !c.contains("SHA-256"));
                    let answer = challenge.and_then(|c| digest::answer(c, "REGISTER", &uri, account));
                    authorization = format!("Authorization: {}\r\n", answer.ok_or("no challenge for MD5")?);
                }
                status => return Err(format!("REGISTER was answered {status:?}")),
            }
        }
        Err("the password of the callee was refused".into())
    }

    /// Sets up `more` calls at `rate` a second.
    ///
    /// # Errors
    /// The first failure of a call.
    pub fn establish(&mut self, more: usize, rate: u32) -> Result<Established, String> {
        let (began, already) = (Instant::now(), self.calls.len());
        let count = already + more;
        loop {
            let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as usize + 1;
            while self.calls.len() < (already + due).min(count) {
                self.invite();
            }
            self.serve().map_err(|e| e.to_string())?;
            if let Some(why) =
                self.calls.iter().find_map(|c| if let State::Failed(why) = &c.state { Some(why) } else { None })
            {
                return Err(format!("a call of {count} failed: {why}"));
            }
            let up = self.calls.iter().filter(|c| matches!(c.state, State::Up { .. })).count();
            if up == count && self.unacknowledged.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.callees.len() != count {
            return Err(format!("{} calls reached the callee, not {count}", self.callees.len()));
        }
        let callers = self.calls[already..]
            .iter()
            .filter_map(|c| if let State::Up { remote, .. } = &c.state { Some(remote.clone()) } else { None })
            .collect();
        Ok(Established { callers, callees: self.callees[already..].iter().map(|(_, r)| r.clone()).collect() })
    }

    /// Ends every call; how many were ended with a 200.
    pub fn end(&mut self, rate: u32) -> usize {
        let gap = Duration::from_secs_f64(1.0 / f64::from(rate.max(1)));
        for index in 0..self.calls.len() {
            let call = &self.calls[index];
            let State::Up { target, to, .. } = &call.state else { continue };
            let text = self.request("BYE", target, &call.id, 3, to, "", "");
            self.calls[index].state = State::Ending(self.caller.send(self.server, text));
            let next = Instant::now() + gap;
            while Instant::now() < next {
                let _ = self.serve();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        while self.calls.iter().any(|c| matches!(c.state, State::Ending(_))) {
            let _ = self.serve();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.calls.iter().filter(|c| matches!(c.state, State::Over)).count()
    }

    /// Takes what came and repeats what was not answered.
    ///
    /// # Errors
    /// The sockets'.
    pub fn serve(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8_192];
        while let Some(message) = self.caller.receive(&mut buffer)? {
            match message.status() {
                Some(status) => self.response(status, &message),
                None => {
                    self.caller.answer(self.server, &message);
                }
            }
        }
        while let Some(message) = self.callee.receive(&mut buffer)? {
            self.called(&message);
        }
        let now = Instant::now();
        for call in &mut self.calls {
            if let State::Inviting(repeat) | State::Ending(repeat) = &mut call.state
                && !self.caller.repeat(self.server, repeat, now)
            {
                call.state = State::Failed(format!("{} had no answer", call.id));
            }
        }
        self.unacknowledged.retain(|_, repeat| self.callee.repeat(self.server, repeat, now));
        Ok(())
    }

    fn called(&mut self, message: &Received) {
        let id = message.header("Call-ID").to_owned();
        match message.method() {
            Some("ACK") => {
                self.unacknowledged.remove(&id);
            }
            Some("INVITE") => {
                if let Some(remote) = Remote::of(&message.body)
                    && self.callees.iter().all(|(known, _)| *known != id)
                {
                    self.callees.push((id.clone(), remote));
                }
                if let Some(repeat) = self.callee.answer(self.server, message) {
                    self.unacknowledged.insert(id, repeat);
                }
            }
            Some(_) => {
                self.callee.answer(self.server, message);
            }
            None => {}
        }
    }

    fn invite(&mut self) {
        let id = format!("{}-{}", self.calls.len(), self.caller.address);
        let text = self.request(
            "INVITE",
            &self.callee_uri(),
            &id,
            1,
            &format!("<{}>", self.callee_uri()),
            "",
            &self.caller.sdp,
        );
        let state = State::Inviting(self.caller.send(self.server, text));
        self.calls.push(Call { id, state });
    }

    fn response(&mut self, status: u16, message: &Received) {
        let id = message.header("Call-ID");
        let index = id.split('-').next().and_then(|n| n.parse::<usize>().ok());
        let Some(index) = index.filter(|n| self.calls.get(*n).is_some_and(|c| c.id == id)) else { return };
        let to = message.header("To");
        let uri = self.callee_uri();
        let next = match (&mut self.calls[index].state, status, message.cseq_method()) {
            (State::Inviting(repeat), 100..=199, "INVITE") => {
                // Answered provisionally: no more repeats (RFC 3261 section 17.1.1.2).
                repeat.next = repeat.until;
                return;
            }
            (State::Inviting(_), 407, "INVITE") if message.header("CSeq").starts_with("1 ") => {
                let ack = self.request("ACK", &uri, id, 1, to, "", "");
                let _ = self.caller.socket.send_to(ack.as_bytes(), self.server);
                let challenge = message.all("Proxy-Authenticate").find(|c| !c.contains("SHA-256"));
                match challenge.and_then(|c| digest::answer(c, "INVITE", &uri, &self.caller.account)) {
                    Some(answer) => {
                        let line = format!("Proxy-Authorization: {answer}\r\n");
                        let text = self.request("INVITE", &uri, id, 2, &format!("<{uri}>"), &line, &self.caller.sdp);
                        State::Inviting(self.caller.send(self.server, text))
                    }
                    None => State::Failed("challenged for something else than MD5".into()),
                }
            }
            // A repeated 407 for the first INVITE.
            (State::Inviting(_), 407, _) if message.header("CSeq").starts_with("1 ") => return,
            (State::Inviting(_), 200, "INVITE") => match (message.contact(), Remote::of(&message.body)) {
                (Some(target), Some(remote)) => {
                    let ack = self.request("ACK", target, id, 2, to, "", "");
                    let _ = self.caller.socket.send_to(ack.as_bytes(), self.server);
                    State::Up { remote, target: target.to_owned(), to: to.to_owned(), ack }
                }
                _ => State::Failed("a 200 without Contact or audio we understand".into()),
            },
            (State::Up { ack, .. }, 200, "INVITE") => {
                let _ = self.caller.socket.send_to(ack.as_bytes(), self.server);
                return;
            }
            (State::Ending(_), 200, "BYE") => State::Over,
            (State::Inviting(_), 300.., _) => State::Failed(format!("INVITE was answered {status}")),
            (State::Ending(_), 300.., "BYE") => State::Failed(format!("BYE was answered {status}")),
            _ => return,
        };
        self.calls[index].state = next;
    }

    fn callee_uri(&self) -> String {
        format!("sip:{}@{}", self.callee.account.user, self.server)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument for each line that differs")]
    fn request(&self, method: &str, uri: &str, id: &str, cseq: u32, to: &str, more: &str, sdp: &str) -> String {
        let Side { address, account, .. } = &self.caller;
        // An ACK for a failure and the INVITE share a branch (RFC 3261 section 17.1.1.3).
        let kind = if method == "ACK" && cseq == 2 {
            "ack"
        } else if method == "BYE" {
            "bye"
        } else {
            "inv"
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{kind}{cseq}-{id}\r\n\
             From: <sip:{}@{}>;tag=c{id}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{}@{address}>\r\nMax-Forwards: 70\r\n{more}{}",
            account.user,
            self.server,
            account.user,
            body(sdp),
        )
    }
}

impl Side {
    fn new(server: SocketAddr, (account, sdp): (Account, String)) -> io::Result<Self> {
        let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(local)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Side { address: socket.local_addr()?, socket, account, sdp })
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        loop {
            match self.socket.recv(buffer) {
                // What is no SIP, such as a keep-alive, is passed over.
                Ok(len) => match Received::parse(&buffer[..len]) {
                    Some(message) => return Ok(Some(message)),
                    None => continue,
                },
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    /// Answers a request with 200; the answer, when it is one to repeat.
    fn answer(&self, server: SocketAddr, request: &Received) -> Option<Repeat> {
        if request.method() == Some("ACK") {
            return None;
        }
        let sdp = if request.method() == Some("INVITE") { self.sdp.as_str() } else { "" };
        let contact = format!("sip:{}@{}", self.account.user, self.address);
        let text = request.reply("200 OK", &format!("s{}", request.header("Call-ID")), &contact, sdp);
        Some(self.send(server, text))
    }

    fn send(&self, server: SocketAddr, text: String) -> Repeat {
        // What is lost here is sent again.
        let _ = self.socket.send_to(text.as_bytes(), server);
        let now = Instant::now();
        Repeat { text, next: now + REPEAT_FIRST, wait: REPEAT_FIRST, until: now + PATIENCE }
    }

    /// False when it has been repeated long enough.
    fn repeat(&self, server: SocketAddr, repeat: &mut Repeat, now: Instant) -> bool {
        if now >= repeat.until {
            return false;
        }
        if now >= repeat.next {
            let _ = self.socket.send_to(repeat.text.as_bytes(), server);
            repeat.wait *= 2;
            repeat.next = now + repeat.wait;
        }
        true
    }
}
