use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// A DNS server of one zone, on loopback; what it does not know does not exist.
pub struct Dns {
    pub address: SocketAddr,
    asked: Arc<Mutex<HashMap<String, u32>>>,
}

const TTL_SECS: u32 = 300;

impl Dns {
    /// Lines of `name TYPE fields…`, as in [`record`]. A name with type `SILENT` is never answered.
    pub async fn start(zone: &str) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = socket.local_addr().expect("its address");
        let zone: Vec<Vec<String>> = zone
            .lines()
            .map(|l| l.split_whitespace().map(str::to_owned).collect())
            .filter(|l: &Vec<_>| l.len() > 1)
            .collect();
        let asked = Arc::new(Mutex::new(HashMap::new()));
        tokio::spawn(serve(socket, zone, asked.clone()));
        Dns { address, asked }
    }

    /// How many questions came so far.
    pub fn questions(&self) -> u32 {
        self.asked.lock().unwrap().values().sum()
    }
}

async fn serve(socket: UdpSocket, zone: Vec<Vec<String>>, asked: Arc<Mutex<HashMap<String, u32>>>) {
    let mut buffer = [0; 1_500];
    while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
        let Some((name, kind, end)) = question(&buffer[..len]) else { continue };
        *asked.lock().unwrap().entry(format!("{name} {kind}")).or_default() += 1;
        let of_name = || zone.iter().filter(|l| l[0] == name);
        if of_name().any(|l| l[1] == "SILENT") {
            continue;
        }
        let answers: Vec<Vec<u8>> = of_name().filter_map(|l| record(kind, &l[1..])).collect();
        let exists = of_name().next().is_some();
        let mut reply = buffer[..2].to_vec();
        // A response, authoritative, recursion available; NXDOMAIN for a name without any record.
        reply.extend([0x85, if exists { 0x80 } else { 0x83 }, 0, 1]);
        reply.extend((answers.len() as u16).to_be_bytes());
        // With nothing to say, the zone's SOA says for how long (RFC 2308).
        reply.extend([0, u8::from(answers.is_empty()), 0, 0]);
        reply.extend(&buffer[12..end]);
        for data in &answers {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1]);
            reply.extend(TTL_SECS.to_be_bytes());
            reply.extend((data.len() as u16).to_be_bytes());
            reply.extend(data);
        }
        if answers.is_empty() {
            let data = [labels("ns.test"), labels("admin.test"), [0, 0, 1, 44].repeat(5)].concat();
            reply.extend([labels("test"), vec![0, 6, 0, 1]].concat());
            reply.extend(TTL_SECS.to_be_bytes());
            reply.extend((data.len() as u16).to_be_bytes());
            reply.extend(data);
        }
        let _ = socket.send_to(&reply, from).await;
    }
}

/// Name, type, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut name) = (12, Vec::new());
    loop {
        let len = usize::from(*packet.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        name.push(String::from_utf8(packet.get(at..at + len)?.to_ascii_lowercase()).ok()?);
        at += len;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    Some((name.join("."), kind, at + 4))
}

/// The data of a record, if it is of that type: `A address`, `AAAA address`, `SRV priority weight port target`,
/// `NAPTR order preference flags service replacement`.
fn record(kind: u16, line: &[String]) -> Option<Vec<u8>> {
    let number = |at: usize| line[at].parse::<u16>().expect("a number").to_be_bytes();
    let text = |at: usize| [&[line[at].len() as u8][..], line[at].as_bytes()].concat();
    match (kind, line[0].as_str()) {
        (1, "A") => Some(line[1].parse::<std::net::Ipv4Addr>().expect("IPv4").octets().to_vec()),
        (28, "AAAA") => Some(line[1].parse::<std::net::Ipv6Addr>().expect("IPv6").octets().to_vec()),
        (33, "SRV") => Some([&number(1)[..], &number(2), &number(3), &labels(&line[4])].concat()),
        (35, "NAPTR") => Some([&number(1)[..], &number(2), &text(3), &text(4), &[0], &labels(&line[5])].concat()),
        _ => None,
    }
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|l| !l.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
