use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// The transport of a SIP message, as the Via header and the `transport` URI parameter name it
/// (RFC 3261 section 7.1, RFC 7118 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// A reliable transport needs no retransmission (RFC 3261 section 17).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The port assumed when a URI names none (RFC 3261 section 19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = ();

    /// Case-insensitive, as transport tokens are.
    fn from_str(s: &str) -> Result<Self, ()> {
        [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(s))
            .ok_or(())
    }
}

/// One end of a transport flow: what a message came over, or is to go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub transport: Transport,
    pub addr: SocketAddr,
    /// The name that a TLS peer at this address has to prove. Part of the flow: two names at one address never share a
    /// connection (RFC 5922 section 7.2, RFC 5923 section 9).
    pub host: HostId,
}

/// A host name, as the transports number it: [`HostId::NONE`] for a peer that connected to us, or that is known by its address alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub u32);

impl HostId {
    pub const NONE: HostId = HostId(0);
}

impl Endpoint {
    /// A flow that no host name is part of.
    pub fn new(transport: Transport, addr: SocketAddr) -> Self {
        Endpoint { transport, addr, host: HostId::NONE }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}
