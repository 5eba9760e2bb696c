//! Somebody with no rights here, at an address of choice, who says any bytes and counts what comes back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::common::Message;
use crate::common::phone::unique;

pub struct Stranger {
    pub address: SocketAddr,
    pub server: SocketAddr,
    socket: UdpSocket,
    /// Bytes said and heard.
    pub sent: u64,
    pub received: u64,
}

/// An address of this machine that neither phones nor servers of the tests use.
pub fn source(n: u32) -> IpAddr {
    let [_, a, b, c] = n.to_be_bytes();
    Ipv4Addr::new(127, 130 + (a & 0x3f), b, c.max(1)).into()
}

impl Stranger {
    /// At the source of this number.
    pub fn at(n: u32, server: SocketAddr) -> Stranger {
        Stranger::at_ip(source(n), server)
    }

    pub fn at_ip(ip: IpAddr, server: SocketAddr) -> Stranger {
        let socket = UdpSocket::bind((ip, 0)).expect("an address of this machine");
        Stranger { address: socket.local_addr().expect("its address"), server, socket, sent: 0, received: 0 }
    }

    /// A request outside any dialog. `headers` replace those of the same name, and end with a line end each.
    pub fn request(&self, method: &str, uri: &str, headers: &str, body: &str) -> String {
        let given =
            |name: &str| headers.lines().any(|l| l.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name)));
        let mut text = format!("{method} {uri} SIP/2.0\r\n");
        for (name, value) in [
            ("Via", format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{}", self.address, unique("s"))),
            ("Max-Forwards", "70".into()),
            ("From", format!("<sip:stranger@{}>;tag={}", self.address, unique("f"))),
            ("To", format!("<{uri}>")),
            ("Call-ID", unique("stranger")),
            ("CSeq", format!("1 {method}")),
            ("Contact", format!("<sip:stranger@{}>", self.address)),
            // What is asked at length may be answered at length.
            ("User-Agent", "Stranger/1.0 ".repeat(12)),
        ] {
            if !given(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str(headers);
        if !body.is_empty() && !given("Content-Type") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        if !given("Content-Length") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text + "\r\n" + body
    }

    pub fn say(&mut self, bytes: &[u8]) {
        // A full queue loses it, as the network may.
        if self.socket.send_to(bytes, self.server).is_ok() {
            self.sent += bytes.len() as u64;
        }
    }

    /// What comes next, if anything does.
    pub fn hear(&mut self, patience: Duration) -> Option<Message> {
        let end = Instant::now() + patience;
        let mut buffer = [0; 65_536];
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) {
            let _ = self.socket.set_read_timeout(Some(left));
            let Ok((n, _)) = self.socket.recv_from(&mut buffer) else { return None };
            self.received += n as u64;
            if let Some(message) = Message::parse(&String::from_utf8_lossy(&buffer[..n])) {
                return Some(message);
            }
        }
        None
    }

    /// All that comes until it is quiet for as long.
    pub fn hear_all(&mut self, quiet: Duration) -> Vec<Message> {
        std::iter::from_fn(|| self.hear(quiet)).collect()
    }

    /// Says a request, again when nothing comes back, and returns its final response. None: not within `patience`.
    pub fn ask(&mut self, text: &str, patience: Duration) -> Option<Message> {
        let call_id = Message::parse(text).map(|m| m.call_id().to_owned()).unwrap_or_default();
        let end = Instant::now() + patience;
        while Instant::now() < end {
            self.say(text.as_bytes());
            let again = Instant::now() + Duration::from_millis(500);
            while let Some(left) = again.checked_duration_since(Instant::now()) {
                match self.hear(left) {
                    Some(m) if !m.is_request() && m.call_id() == call_id && m.status() >= 200 => return Some(m),
                    Some(_) => {}
                    None => break,
                }
            }
        }
        None
    }

    /// The final response to a request; the test fails when there is none.
    #[track_caller]
    pub fn answer(&mut self, text: &str) -> Message {
        let first = text.lines().next().unwrap_or_default().to_owned();
        self.ask(text, Duration::from_secs(10)).unwrap_or_else(|| panic!("no answer to {first}"))
    }

    /// Everything said before has been read by the server when this returns: it takes datagrams in their order.
    #[track_caller]
    pub fn settled(&mut self) {
        let ping = self.request("OPTIONS", &format!("sip:{}", self.server), "", "");
        self.answer(&ping);
    }

    /// As [`Self::settled`], where silence is an answer too; what else comes goes to `heard`.
    pub fn settles(&mut self, mut heard: impl FnMut(&mut Stranger, &Message)) -> Result<(), String> {
        let ping = self.request("OPTIONS", &format!("sip:{}", self.server), "", "");
        let call_id = Message::parse(&ping).map(|m| m.call_id().to_owned()).unwrap_or_default();
        for _ in 0..20 {
            self.say(ping.as_bytes());
            while let Some(message) = self.hear(Duration::from_millis(500)) {
                if !message.is_request() && message.call_id() == call_id {
                    return Ok(());
                }
                heard(self, &message);
            }
        }
        Err("no answer any more".into())
    }

    /// A description of audio at this address.
    pub fn sdp(&self) -> String {
        let ip = self.address.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        )
    }
}
