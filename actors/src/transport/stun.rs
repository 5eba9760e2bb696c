//! STUN Binding requests on a SIP socket: how a phone behind a NAT keeps its mapping open and sees it change (RFC 5389;
//! RFC 5626 section 3.5.2). Nothing is kept, and an answer is hardly longer than its request.

use std::net::{IpAddr, SocketAddr};

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// USERNAME, MESSAGE-INTEGRITY, REALM, NONCE: understood, and of no consequence without credentials to check.
const KNOWN_REQUIRED: [u16; 4] = [0x0006, 0x0008, 0x0014, 0x0015];
/// A request longer than this is not for keeping a mapping open.
const REQUEST_BYTES_MAX: usize = 548;
const UNKNOWN_MAX: usize = 4;

/// Whether a datagram is STUN and not SIP (RFC 5626 section 8, RFC 7983): its first two bits are zero, which no letter's are.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER_BYTES && datagram[0] < 4 && datagram[4..8] == MAGIC_COOKIE.to_be_bytes()
}

/// The answer to a Binding request from `source`. None for what is no such request, or malformed.
pub(super) fn answer(datagram: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    if !is_stun(datagram) || datagram.len() > REQUEST_BYTES_MAX {
        return None;
    }
    let field = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
    if field(0) != BINDING_REQUEST || HEADER_BYTES + usize::from(field(2)) != datagram.len() {
        return None;
    }
    let transaction: [u8; 12] = datagram[8..HEADER_BYTES].try_into().ok()?;
    let unknown = unknown_attributes(&datagram[HEADER_BYTES..])?;
    if unknown.is_empty() {
        return Some(message(BINDING_SUCCESS, transaction, &mapped_address(source, transaction)));
    }
    // 420 Unknown Attribute (RFC 5389 section 7.3.1); the types, padded to four bytes by repeating one.
    let mut attributes = attribute(ERROR_CODE, &[0, 0, 4, 20]);
    let mut types: Vec<u8> = unknown.iter().flat_map(|t| t.to_be_bytes()).collect();
    if unknown.len() % 2 == 1 {
        types.extend(unknown[0].to_be_bytes());
    }
    attributes.extend(attribute(UNKNOWN_ATTRIBUTES, &types));
    Some(message(BINDING_ERROR, transaction, &attributes))
}

/// Comprehension-required attributes that are not known here; None when the attributes do not add up.
fn unknown_attributes(mut rest: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !rest.is_empty() {
        let (head, value) = rest.split_at_checked(4)?;
        let (kind, len) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        rest = value.get(usize::from(len).next_multiple_of(4)..)?;
        if kind < 0x8000 && !KNOWN_REQUIRED.contains(&kind) && unknown.len() < UNKNOWN_MAX {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

/// XOR-MAPPED-ADDRESS (RFC 5389 section 15.2).
fn mapped_address(source: SocketAddr, transaction: [u8; 12]) -> Vec<u8> {
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let port = source.port() ^ (MAGIC_COOKIE >> 16) as u16;
    let mut value = vec![0, if source.ip().to_canonical().is_ipv4() { 1 } else { 2 }];
    value.extend(port.to_be_bytes());
    match source.ip().to_canonical() {
        IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(cookie).map(|(a, b)| a ^ b)),
        IpAddr::V6(ip) => {
            let mask = cookie.iter().chain(&transaction);
            value.extend(ip.octets().iter().zip(mask).map(|(a, b)| a ^ b));
        }
    }
    attribute(XOR_MAPPED_ADDRESS, &value)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes
}

fn message(kind: u16, transaction: [u8; 12], attributes: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((attributes.len() as u16).to_be_bytes());
    bytes.extend(MAGIC_COOKIE.to_be_bytes());
    bytes.extend(transaction);
    bytes.extend(attributes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRANSACTION: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        message(BINDING_REQUEST, TRANSACTION, attributes)
    }

    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        // The addresses of the sample responses, RFC 5769 sections 2.2 and 2.3.
        let reply = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(reply[..4], [0x01, 0x01, 0, 12]);
        assert_eq!(reply[8..20], TRANSACTION);
        assert_eq!(reply[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let reply = answer(&request(&[]), "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()).unwrap();
        assert_eq!(
            reply[20..],
            [
                0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4,
                0xb5, 0xbe, 0xd2, 0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn attributes_that_may_be_ignored_are_and_others_are_named() {
        let source = "192.0.2.1:5060".parse().unwrap();
        // SOFTWARE, and a USERNAME.
        let known = [attribute(0x8022, b"phon"), attribute(0x0006, b"ab\0\0")].concat();
        assert_eq!(answer(&request(&known), source).unwrap()[..2], [0x01, 0x01]);
        let reply = answer(&request(&attribute(0x0003, &[0, 0, 0, 2])), source).unwrap();
        assert_eq!(reply[..2], [0x01, 0x11]);
        assert_eq!(reply[20..], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 4, 0, 3, 0, 3]);
    }

    #[test]
    fn what_is_no_binding_request_is_not_answered() {
        let source = "192.0.2.1:5060".parse().unwrap();
        let good = request(&[]);
        assert!(is_stun(&good) && !is_stun(b"OPTIONS sip:a@b SIP/2.0\r\n") && !is_stun(b"\r\n\r\n"));
        for (at, byte) in [(0, 0x01), (1, 0x11), (3, 4), (4, 0)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(answer(&bad, source), None, "byte {at}");
        }
        assert_eq!(answer(&good[..19], source), None);
        assert_eq!(answer(&request(&[0, 3, 0, 8, 1, 2, 3, 4]), source), None, "an attribute longer than the message");
        assert_eq!(answer(&request(&[0, 3]), source), None);
        assert_eq!(answer(&request(&attribute(0x8022, &[0; 600])), source), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_an_answer_that_is_worth_reflecting(attributes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let request = request(&attributes);
            if let Some(reply) = answer(&request, "[2001:db8::1]:5060".parse().unwrap()) {
                // With the headers of IPv6 and UDP, half as much again (promises row 17).
                prop_assert!((reply.len() + 48) * 2 <= (request.len() + 48) * 3);
            }
        }
    }
}
