use std::net::{IpAddr, SocketAddr};

use crate::{Connection, Description, Direction, Media, Refusal};

/// Where the peer's media line wants packets, and which way they may go.
pub(crate) struct Transport {
    pub remote_rtp: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub send: bool,
    pub receive: bool,
    /// What the peer says it does.
    pub peer: Direction,
}

impl Transport {
    /// `wish` is our direction; the peer's and its address narrow it (RFC 3264 sections 5.1, 6.1 and 8.4).
    pub(crate) fn new(remote: &Description, media: &Media, wish: Direction, rtcp_mux: bool) -> Result<Self, Refusal> {
        let ip = match remote.connection_of(media) {
            Some(Connection::Address(ip)) => ip.to_canonical(),
            Some(Connection::Name(_)) => return Err(Refusal::not_acceptable("connection is a host name")),
            None => return Err(Refusal::not_acceptable("no connection address")),
        };
        if !is_unicast(ip) {
            return Err(Refusal::not_acceptable("connection is no unicast address"));
        }
        let held = ip.is_unspecified();
        let mute = held || media.direction == Direction::Inactive;
        let remote_rtp = (!mute).then(|| SocketAddr::new(ip, media.port));
        let remote_rtcp = if rtcp_mux { remote_rtp } else { remote_rtp.and_then(|rtp| rtcp_address(media, rtp)) };
        let peer = Direction::new(media.direction.sends(), media.direction.receives() && !held);
        Ok(Transport {
            remote_rtp,
            remote_rtcp,
            send: wish.sends() && peer.receives(),
            receive: wish.receives() && peer.sends(),
            peer,
        })
    }
}

/// Where RTCP goes without rtcp-mux: `a=rtcp` (RFC 3605), else the next port.
fn rtcp_address(media: &Media, rtp: SocketAddr) -> Option<SocketAddr> {
    let Some(rtcp) = media.rtcp else {
        return rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
    };
    let ip = rtcp.address.map_or(rtp.ip(), |ip| ip.to_canonical());
    (rtcp.port != 0 && is_unicast(ip) && !ip.is_unspecified()).then(|| SocketAddr::new(ip, rtcp.port))
}

/// Not a group: media to one would be sent to many for the cost of one call.
fn is_unicast(ip: IpAddr) -> bool {
    !ip.is_multicast() && !matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}
