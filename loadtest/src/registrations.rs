use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use md5::{Digest, Md5};

use crate::server::{PASSWORD, Server};

/// Registers `user` at `contact`, from a socket of its own.
pub fn register(server: &Server, user: &str, contact: SocketAddr) -> Result<(), String> {
    let failed = |e: std::io::Error| e.to_string();
    let socket = UdpSocket::bind(("127.0.0.1", 0)).map_err(failed)?;
    socket.set_read_timeout(Some(Duration::from_secs(3))).map_err(failed)?;
    let local = socket.local_addr().map_err(failed)?;
    let (domain, mut authorization) = (&server.domain, String::new());
    for cseq in 1..=2 {
        let text = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bKr{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag=r\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: r-{local}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{user}@{contact}>\r\nExpires: 3600\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), server.sip).map_err(failed)?;
        let mut buffer = [0; 4_096];
        let (n, _) = socket.recv_from(&mut buffer).map_err(failed)?;
        let reply = String::from_utf8_lossy(&buffer[..n]).into_owned();
        if reply.starts_with("SIP/2.0 200") {
            return Ok(());
        }
        let challenge = md5_challenge(&reply).ok_or_else(|| format!("REGISTER: {reply}"))?;
        let proof = answer(challenge, "REGISTER", &format!("sip:{domain}"), user);
        authorization = format!("Authorization: {proof}\r\n");
    }
    Err("REGISTER: refused".into())
}

/// The MD5 challenge of a 401 or 407.
pub fn md5_challenge(reply: &str) -> Option<&str> {
    reply.lines().find(|l| {
        let (name, value) = l.split_once(':').unwrap_or_default();
        name.ends_with("-Authenticate") && !value.contains("SHA-256")
    })
}

/// Credentials for a challenge (RFC 7616, qop=auth).
pub fn answer(challenge: &str, method: &str, uri: &str, user: &str) -> String {
    let of = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    let (realm, nonce) = (of("realm").unwrap_or_default(), of("nonce").unwrap_or_default());
    let ha1 = md5(&format!("{user}:{realm}:{PASSWORD}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
    let opaque = of("opaque").map(|o| format!(", opaque=\"{o}\"")).unwrap_or_default();
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, cnonce=\"c0ffee\", qop=auth, nc=00000001{opaque}"
    )
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
