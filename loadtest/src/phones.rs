//! Two phones in text: one calls, the other answers everything.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::registrations::{answer, md5_challenge, register};
use crate::server::Server;
use crate::sound::Codec;

pub struct Phones {
    caller: UdpSocket,
    server: SocketAddr,
    domain: String,
    /// Where the server wants the media of each answered call, in the order of the callee's ports.
    answered: Arc<Mutex<Vec<SocketAddr>>>,
}

/// What it takes to hang up.
pub struct Dialog {
    call_id: String,
    to: String,
    target: String,
    routes: String,
}

impl Phones {
    /// Registers the callee and answers its calls, one port of `ports` for each.
    pub fn start(server: &Server, codec: Codec, ports: Vec<u16>) -> Result<Phones, String> {
        let bind = || UdpSocket::bind(("127.0.0.1", 0)).map_err(|e| e.to_string());
        let (caller, callee) = (bind()?, bind()?);
        caller.set_read_timeout(Some(Duration::from_secs(5))).map_err(|e| e.to_string())?;
        register(server, "callee", callee.local_addr().map_err(|e| e.to_string())?)?;
        let answered = Arc::new(Mutex::new(Vec::new()));
        let theirs = answered.clone();
        std::thread::spawn(move || answer_calls(&callee, codec, &ports, &theirs));
        Ok(Phones { caller, server: server.sip, domain: server.domain.clone(), answered })
    }

    pub fn callee_remotes(&self) -> Vec<SocketAddr> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls, with PCMU media at `port`: the dialog, the server's media address, and the time to the 200.
    pub fn call(&self, port: u16) -> Result<(Dialog, SocketAddr, Duration), String> {
        let local = self.caller.local_addr().map_err(|e| e.to_string())?;
        let (uri, call_id) = (format!("sip:callee@{}", self.domain), format!("c{port}-{local}"));
        let sdp = sdp(Codec::Pcmu, port);
        let (mut proof, since) = (String::new(), Instant::now());
        for cseq in 1..=2 {
            let head = format!(
                "SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{port}x{cseq}\r\nMax-Forwards: 70\r\n\
                 From: <sip:caller@{}>;tag=c{port}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}",
                self.domain
            );
            self.send(&format!(
                "INVITE {uri} {head} INVITE\r\nTo: <{uri}>\r\nContact: <sip:caller@{local}>\r\n{proof}Content-Type: \
                 application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ))?;
            let reply = self.final_reply(&call_id, cseq)?;
            let to = header(&reply, "To").unwrap_or_default();
            if reply.starts_with("SIP/2.0 200") {
                let took = since.elapsed();
                let target = header(&reply, "Contact").and_then(|c| c.split(['<', '>']).nth(1)).unwrap_or(&uri);
                let routes: Vec<String> = reply
                    .lines()
                    .filter_map(|l| l.strip_prefix("Record-Route: "))
                    .rev()
                    .map(|r| format!("Route: {r}\r\n"))
                    .collect();
                let dialog = Dialog {
                    call_id: call_id.clone(),
                    to: to.to_owned(),
                    target: target.to_owned(),
                    routes: routes.concat(),
                };
                self.within(&dialog, "ACK", cseq)?;
                let remote = media_of(&reply).ok_or("no media in the answer")?;
                return Ok((dialog, remote, took));
            }
            self.send(&format!("ACK {uri} {head} ACK\r\nTo: {to}\r\nContent-Length: 0\r\n\r\n"))?;
            let challenge = md5_challenge(&reply).ok_or_else(|| reply.lines().next().unwrap_or_default().to_owned())?;
            let name = if reply.starts_with("SIP/2.0 401") { "Authorization" } else { "Proxy-Authorization" };
            proof = format!("{name}: {}\r\n", answer(challenge, "INVITE", &uri, "caller"));
        }
        Err("challenged twice".into())
    }

    pub fn hang_up(&self, dialog: &Dialog) -> Result<(), String> {
        self.within(dialog, "BYE", 3)?;
        let reply = self.final_reply(&dialog.call_id, 3)?;
        if reply.starts_with("SIP/2.0 200") { Ok(()) } else { Err(reply) }
    }

    fn within(&self, dialog: &Dialog, method: &str, cseq: u32) -> Result<(), String> {
        let local = self.caller.local_addr().map_err(|e| e.to_string())?;
        let tag = dialog.call_id.split('-').next().unwrap_or_default();
        self.send(&format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{tag}{method}\r\nMax-Forwards: 70\r\n{}\
             From: <sip:caller@{}>;tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            dialog.target, dialog.routes, self.domain, dialog.to, dialog.call_id
        ))
    }

    fn send(&self, text: &str) -> Result<(), String> {
        self.caller.send_to(text.as_bytes(), self.server).map(drop).map_err(|e| e.to_string())
    }

    fn final_reply(&self, call_id: &str, cseq: u32) -> Result<String, String> {
        let mut buffer = [0; 8_192];
        loop {
            let (n, _) = self.caller.recv_from(&mut buffer).map_err(|e| format!("no answer: {e}"))?;
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let mine = header(&text, "Call-ID") == Some(call_id)
                && header(&text, "CSeq").is_some_and(|c| c.starts_with(&format!("{cseq} ")));
            if mine && text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") {
                return Ok(text);
            }
        }
    }
}

/// Answers every INVITE with the next port, and every other request with 200.
fn answer_calls(socket: &UdpSocket, codec: Codec, ports: &[u16], answered: &Mutex<Vec<SocketAddr>>) {
    let Ok(local) = socket.local_addr() else { return };
    let mut sent: HashMap<String, String> = HashMap::new();
    let mut buffer = [0; 8_192];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        if text.starts_with("SIP/2.0") || text.starts_with("ACK ") {
            continue;
        }
        let key =
            format!("{}{}", header(&text, "Call-ID").unwrap_or_default(), header(&text, "CSeq").unwrap_or_default());
        if !sent.contains_key(&key) {
            let mut sdp_text = String::new();
            if text.starts_with("INVITE ")
                && let Some(remote) = media_of(&text)
            {
                let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(port) = ports.get(answered.len()) else { continue };
                answered.push(remote);
                sdp_text = sdp(codec, *port);
            }
            sent.insert(key.clone(), ok(&text, local, &sdp_text));
        }
        let _ = socket.send_to(sent[&key].as_bytes(), from);
    }
}

fn ok(request: &str, local: SocketAddr, sdp: &str) -> String {
    let mut out = String::from("SIP/2.0 200 OK\r\n");
    for line in request.lines().take_while(|l| !l.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "Record-Route", "From", "Call-ID", "CSeq"].contains(&name) {
            out.push_str(&format!("{line}\r\n"));
        } else if name == "To" {
            let tag = if line.contains(";tag=") { "" } else { ";tag=callee" };
            out.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    out.push_str(&format!("Contact: <sip:callee@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
    out
}

fn sdp(codec: Codec, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {}\r\n\
         a=rtpmap:{}\r\na=ptime:20\r\n",
        codec.payload_type(),
        codec.rtpmap()
    )
}

fn media_of(message: &str) -> Option<SocketAddr> {
    let line = |prefix: &str| message.lines().find_map(|l| l.strip_prefix(prefix));
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(line("c=IN IP4 ")?.trim().parse().ok()?, port))
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|l| l.split_once(':').filter(|(n, _)| *n == name).map(|(_, v)| v.trim()))
}
