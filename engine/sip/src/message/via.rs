use std::net::{IpAddr, SocketAddr};

use tandem_model::Transport;

use super::chars::{find_byte, is_blank, is_token_byte, number, push_decimal};
use super::params::{Params, read_params, skip_blanks};
use super::syntax_error::SyntaxError;
use super::uri::{host_ip, split_host_port};

/// One hop of the response path (RFC 3261 section 20.42, `rport` of RFC 3581).
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// `SIP/2.0/UDP host:port`, as written.
    pub(super) hop: &'a str,
    pub(super) transport: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) params: &'a str,
    /// Of the first `branch` parameter.
    pub(super) branch: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one element; white space may surround the slashes and the colon before the port.
    pub fn parse(value: &'a str) -> Result<Via<'a>, SyntaxError> {
        let bytes = value.as_bytes();
        let mut at = skip_blanks(bytes, 0);
        let mut transport = "";
        for part in 0..3 {
            if part > 0 {
                at = skip_blanks(bytes, at);
                if bytes.get(at) != Some(&b'/') {
                    return Err(SyntaxError);
                }
                at = skip_blanks(bytes, at + 1);
            }
            let start = at;
            while at < bytes.len() && is_token_byte(bytes[at]) {
                at += 1;
            }
            transport = &value[start..at];
            if transport.is_empty() {
                return Err(SyntaxError);
            }
        }
        let host_start = skip_blanks(bytes, at);
        let host_end = host_start + find_byte(&bytes[host_start..], b';').unwrap_or(bytes.len() - host_start);
        let sent_by = value[host_start..host_end].trim_ascii_end();
        let params = &value[host_end..];
        let mut branch = None;
        let are_params = read_params(params, |name, value| {
            if name.len() == 6 && branch.is_none() && name.eq_ignore_ascii_case("branch") {
                branch = Some(value);
            }
        });
        if host_start == at || !are_params {
            return Err(SyntaxError);
        }
        let (host, port) = match split_host_port(sent_by) {
            Some(parts) => parts,
            None => split_spaced(sent_by).ok_or(SyntaxError)?,
        };
        let hop = value[..host_start + sent_by.len()].trim_ascii_start();
        Ok(Via { hop, transport, host, port, params, branch: branch.unwrap_or_default() })
    }

    /// The transport's token as written.
    pub fn transport_str(&self) -> &'a str {
        self.transport
    }

    /// The transport, if it is one that this switch speaks.
    pub fn transport(&self) -> Option<Transport> {
        self.transport.parse().ok()
    }

    /// The sent-by host, an IPv6 one without its brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The sent-by port, if written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub fn branch(&self) -> Option<&'a str> {
        (!self.branch.is_empty()).then_some(self.branch)
    }

    /// Whether the branch identifies the transaction (RFC 3261 section 17.2.3): the magic cookie, and something
    /// after it.
    pub fn has_rfc3261_branch(&self) -> bool {
        const COOKIE: &[u8] = b"z9hG4bK";
        self.branch().is_some_and(|branch| {
            let branch = branch.as_bytes();
            branch.len() > COOKIE.len() && branch[..COOKIE.len()].eq_ignore_ascii_case(COOKIE)
        })
    }

    pub fn received(&self) -> Option<&'a str> {
        self.param("received")
    }

    /// `Some(None)` when asked for and not yet filled in (RFC 3581 section 3).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.param("rport").map(number)
    }

    pub fn maddr(&self) -> Option<&'a str> {
        self.param("maddr")
    }

    /// Multicast hops.
    pub fn ttl(&self) -> Option<u8> {
        number(self.param("ttl")?)
    }

    pub fn params(&self) -> Params<'a> {
        Params::new(self.params)
    }

    fn param(&self, name: &str) -> Option<&'a str> {
        self.params().get(name)
    }

    /// Where a response to a request that came from `source` goes (RFC 3261 section 18.2.2, RFC 3581 section 4).
    /// Over a reliable transport that is the connection it came on. What the peer wrote into `received` is not
    /// believed: the source is known better here. `maddr` is not followed: it would let anybody aim our answers at
    /// somebody else.
    pub fn reply_address(&self, source: SocketAddr) -> SocketAddr {
        let transport = self.transport().unwrap_or(Transport::Udp);
        if transport.is_reliable() || self.rport().is_some() {
            return source;
        }
        SocketAddr::new(source.ip(), self.port.unwrap_or(transport.default_port()))
    }

    /// Writes the element as the server that received it from `source` must leave it (RFC 3261 section 18.2.1,
    /// RFC 3581 section 4): `rport` filled in when asked for, `received` when the sent-by does not say the same.
    pub(super) fn write_stamped(&self, source: SocketAddr, out: &mut Vec<u8>) {
        out.extend_from_slice(self.hop.as_bytes());
        let asked = self.rport().is_some();
        self.params().write_without(&["received", "rport"], out);
        if asked || host_ip(self.host) != Some(source.ip()) {
            out.extend_from_slice(b";received=");
            push_ip(out, source.ip());
        }
        if asked {
            out.extend_from_slice(b";rport=");
            push_decimal(out, source.port().into(), 1);
        }
    }
}

fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    use std::io::Write;
    match ip {
        IpAddr::V4(ip) => {
            for (n, octet) in ip.octets().into_iter().enumerate() {
                if n > 0 {
                    out.push(b'.');
                }
                push_decimal(out, octet.into(), 1);
            }
        }
        IpAddr::V6(ip) => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{ip}");
        }
    }
}

/// `host : port` with blanks around the colon.
fn split_spaced(text: &str) -> Option<(&str, Option<u16>)> {
    let colon = text.rfind(':')?;
    let (host, none) = split_host_port(text[..colon].trim_end_matches(|c: char| c.is_ascii() && is_blank(c as u8)))?;
    if none.is_some() {
        return None;
    }
    Some((host, Some(number(text[colon + 1..].trim_ascii_start())?)))
}
