//! rtpengine over its NG protocol: a cookie and a bencoded dictionary in each datagram, the answer with the same cookie.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::bencode::Value;
use crate::media::{Kind, Remote};

/// How long an answer is waited for before the command is repeated, and for how long it is repeated: rtpengine may be starting.
const ANSWER: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
/// A closed port answers at once; not to be asked again at once.
const REFUSED: Duration = Duration::from_millis(50);

/// Calls between our two sides through one rtpengine.
pub struct NgCalls {
    socket: UdpSocket,
    kind: Kind,
    descriptions: [String; 2],
    cookies: u64,
    calls: Vec<String>,
}

impl NgCalls {
    /// # Errors
    /// No socket, or nobody answers there.
    pub fn new(address: SocketAddr, kind: Kind, descriptions: [String; 2]) -> Result<Self, String> {
        let open = || {
            let socket = UdpSocket::bind(if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" })?;
            socket.connect(address)?;
            socket.set_read_timeout(Some(ANSWER))?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = open().map_err(|e| e.to_string())?;
        let mut calls = NgCalls { socket, kind, descriptions, cookies: 0, calls: Vec::new() };
        calls.command(&Value::dict([("command", "ping".into())]))?;
        Ok(calls)
    }

    /// Sets up `more` calls at `rate` a second; where the caller and the callee of each send to.
    ///
    /// # Errors
    /// What rtpengine said of the first that failed.
    pub fn establish(&mut self, more: usize, rate: u32) -> Result<Vec<[Remote; 2]>, String> {
        let began = Instant::now();
        let mut established = Vec::with_capacity(more);
        for n in 0..more {
            let due = Duration::from_secs_f64(n as f64 / f64::from(rate.max(1)));
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let id = format!("load-{}", self.calls.len());
            let to_callee = self.command(&offer(self.kind, &id, &self.descriptions[0]))?;
            self.calls.push(id.clone());
            let to_caller = self.command(&answer(&id, &self.descriptions[1]))?;
            established.push([remote(&to_caller)?, remote(&to_callee)?]);
        }
        Ok(established)
    }

    /// Ends all calls; how many were ended.
    pub fn end(&mut self) -> usize {
        let calls = std::mem::take(&mut self.calls);
        calls.into_iter().filter(|id| self.command(&delete(id)).is_ok_and(|a| a.text("warning").is_none())).count()
    }

    /// A command and its answer. One without an answer is repeated with the same cookie, which rtpengine takes for the same.
    fn command(&mut self, message: &Value) -> Result<Value, String> {
        self.cookies += 1;
        let cookie = format!("{}_{} ", std::process::id(), self.cookies);
        let mut text = cookie.clone().into_bytes();
        message.encode(&mut text);
        let mut buffer = [0; 65_536];
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            // What fails here is tried again.
            let _ = self.socket.send(&text);
            loop {
                match self.socket.recv(&mut buffer) {
                    // What else comes are late answers to earlier repeats.
                    Ok(len) => {
                        if let Some(body) = buffer[..len].strip_prefix(cookie.as_bytes()) {
                            return accepted(Value::decode(body).ok_or("an answer that is no bencode")?);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                        std::thread::sleep(REFUSED);
                        break;
                    }
                    Err(_) => break,
                }
            }
        }
        Err("rtpengine does not answer".into())
    }
}

fn accepted(answer: Value) -> Result<Value, String> {
    match answer.text("result") {
        Some("ok" | "pong") => Ok(answer),
        _ => Err(format!("rtpengine: {}", answer.text("error-reason").unwrap_or("no reason given"))),
    }
}

fn remote(answer: &Value) -> Result<Remote, String> {
    let sdp = answer.text("sdp").ok_or("an answer without SDP")?;
    Remote::of(sdp).ok_or_else(|| format!("SDP without audio we understand: {sdp}"))
}

/// What the caller says; the answer is for the callee.
fn offer(kind: Kind, id: &str, sdp: &str) -> Value {
    let mut pairs = vec![
        ("command", "offer".into()),
        ("call-id", id.into()),
        ("from-tag", "caller".into()),
        ("sdp", sdp.into()),
        ("ICE", "remove".into()),
        ("transport-protocol", "RTP/AVP".into()),
    ];
    if kind == Kind::Transcode {
        let codec = Value::dict([("mask", Value::list(&["opus"])), ("transcode", Value::list(&["PCMU"]))]);
        pairs.push(("codec", codec));
    }
    Value::dict(pairs)
}

/// What the callee says; the answer is for the caller.
fn answer(id: &str, sdp: &str) -> Value {
    Value::dict([
        ("command", "answer".into()),
        ("call-id", id.into()),
        ("from-tag", "caller".into()),
        ("to-tag", "callee".into()),
        ("sdp", sdp.into()),
        ("ICE", "remove".into()),
    ])
}

/// At once, not after the minute that rtpengine waits by default.
fn delete(id: &str) -> Value {
    Value::dict([
        ("command", "delete".into()),
        ("call-id", id.into()),
        ("from-tag", "caller".into()),
        ("delete-delay", Value::Int(0)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        value.encode(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn messages_are_those_of_the_protocol() {
        assert_eq!(
            text(&offer(Kind::Srtp, "c", "v=0")),
            "d3:ICE6:remove7:call-id1:c7:command5:offer8:from-tag6:caller3:sdp3:v=018:transport-protocol7:RTP/AVPe"
        );
        assert!(
            text(&offer(Kind::Transcode, "c", "v=0"))
                .contains("5:codecd4:maskl4:opuse9:transcodel4:PCMUee7:command5:offer")
        );
        assert_eq!(
            text(&answer("c", "v=0")),
            "d3:ICE6:remove7:call-id1:c7:command6:answer8:from-tag6:caller3:sdp3:v=06:to-tag6:calleee"
        );
        assert_eq!(text(&delete("c")), "d7:call-id1:c7:command6:delete12:delete-delayi0e8:from-tag6:callere");
    }

    /// Answers like rtpengine, once without being heard and once after a late answer to something else.
    fn fake(socket: &UdpSocket) {
        let mut buffer = [0; 4_096];
        let mut ignored = false;
        loop {
            let (len, from) = socket.recv_from(&mut buffer).expect("a command");
            let space = buffer[..len].iter().position(|b| *b == b' ').expect("a cookie");
            let (cookie, body) = buffer[..len].split_at(space + 1);
            let command = Value::decode(body).expect("bencode");
            let reply = match command.text("command").expect("a command") {
                "ping" => Value::dict([("result", "pong".into())]),
                "offer" if !ignored => {
                    ignored = true;
                    continue;
                }
                "offer" => {
                    socket.send_to(b"0_0 d6:result5:errore", from).expect("sent");
                    Value::dict([("result", "ok".into()), ("sdp", "m=audio 4002 RTP/AVP 0\r\n".into())])
                }
                "answer" => Value::dict([("result", "ok".into()), ("sdp", "m=audio 4000 RTP/AVP 96\r\n".into())]),
                _ => Value::dict([("result", "error".into()), ("error-reason", "gone".into())]),
            };
            let mut out = cookie.to_vec();
            reply.encode(&mut out);
            socket.send_to(&out, from).expect("sent");
            if reply.text("error-reason").is_some() {
                return;
            }
        }
    }

    #[test]
    fn a_lost_command_is_repeated_and_an_error_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("bound");
        let server = std::thread::spawn(move || fake(&socket));
        let mut calls = NgCalls::new(address, Kind::Relay, ["a".into(), "b".into()]).expect("a ping");
        let established = calls.establish(1, 1_000).expect("a call");
        assert_eq!(established, [[Remote { payload_type: 96, ..Remote::plain(4_000) }, Remote::plain(4_002)]]);
        assert_eq!(calls.end(), 0, "the server refused");
        server.join().expect("no panic");
        assert_eq!(accepted(Value::dict([("error-reason", "no".into())])), Err("rtpengine: no".into()));
    }
}
