use std::net::IpAddr;

use tandem_model::Endpoint;

use crate::message::{Message, Uri};

/// Whether a client is reached by the flow of its REGISTER alone, because the address in its Contact is one that only
/// it can use: behind a NAT, or no address at all (RFC 7118 section 5: a browser has none to give).
///
/// A contact that came through a proxy with Path is that proxy's to reach.
pub(super) fn is_behind_nat(contact: &Uri<'_>, request: &Message, source: Endpoint) -> bool {
    let from = source.addr.ip().to_canonical();
    let Some(named) = contact.host_ip().map(|ip| ip.to_canonical()) else {
        return contact.host().to_ascii_lowercase().ends_with(".invalid");
    };
    if named == from {
        return false;
    }
    // It takes itself to be where it is not (RFC 3581 section 4).
    let takes_itself = request.via().host().trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip == named);
    takes_itself || (is_private(named) && !is_private(from))
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        // RFC 1918, RFC 3927, RFC 6598.
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64;
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || v4.is_unspecified() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback() || v6.is_unspecified(),
    }
}
