//! A DNS server that may answer differently each time it is asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use super::address::own_ip;

pub struct Dns {
    pub address: SocketAddr,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

/// None: no answer at all; empty: there is no such name.
type Answer = Option<Vec<IpAddr>>;

impl Dns {
    /// `answer` gets the name and how often its IPv4 address was asked for before. Answers are good for no time at all.
    pub fn start(answer: impl Fn(&str, usize) -> Answer + Send + 'static) -> Dns {
        let socket = UdpSocket::bind((own_ip(), 0)).expect("a port for DNS");
        let address = socket.local_addr().expect("its address");
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let counts = asked.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let Some((name, kind, end)) = question(&buffer[..len]) else { continue };
                let before = {
                    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                    let count = counts.entry(name.clone()).or_default();
                    *count += usize::from(kind == 1);
                    count.saturating_sub(usize::from(kind == 1))
                };
                let Some(addresses) = answer(&name, before) else { continue };
                let _ = socket.send_to(&reply(&buffer[..end], kind, &addresses), from);
            }
        });
        Dns { address, asked }
    }

    /// How often the IPv4 address of a name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }
}

fn reply(question: &[u8], kind: u16, addresses: &[IpAddr]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|ip| match (ip, kind) {
            (IpAddr::V4(ip), 1) => Some(ip.octets().to_vec()),
            (IpAddr::V6(ip), 28) => Some(ip.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut out = question[..2].to_vec();
    // A response, authoritative; NXDOMAIN (3) for a name without any address.
    out.extend([0x85, if addresses.is_empty() { 0x83 } else { 0x80 }, 0, 1]);
    out.extend((records.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(&question[12..]);
    for record in records {
        // The name of the question, class IN, no time to live.
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend((record.len() as u16).to_be_bytes());
        out.extend(record);
    }
    out
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
