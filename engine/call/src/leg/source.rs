//! Where requests of a dialog may come from.
//!
//! The tags are what proves that a request is of a dialog (RFC 3261 section 12.2.2). Whoever overheard them could end or
//! divert a call from anywhere, so its address must be one that the dialog knows too: of the INVITE, of the response
//! that answered, of the hops our INVITE was tried at, or a literal one in the peer's Contact or Record-Route. Ports are
//! not looked at: NATs and proxies change them. A peer that is named by host cannot be told from others by address and
//! is believed, except under `.invalid`, which names nothing (RFC 7118 section 5.2). `known_sources_only` turns it off.

use std::net::IpAddr;

use tandem_model::{Endpoint, limits};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::Uri;

use super::Leg;

/// Addresses that messages of this leg came from or went to.
#[derive(Default)]
pub(super) struct KnownSources(Vec<IpAddr>);

impl KnownSources {
    pub(super) fn add(&mut self, endpoint: Endpoint) {
        let ip = endpoint.addr.ip().to_canonical();
        if self.0.len() < limits::HOPS_MAX * 2 && !self.0.contains(&ip) {
            self.0.push(ip);
        }
    }

    fn has(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip)
    }
}

impl Leg {
    /// Whether anything of this leg came from there or went there.
    pub(super) fn is_known_source(&self, source: Endpoint) -> bool {
        !self.env.extensions.known_sources_only || self.known.has(source.addr.ip().to_canonical())
    }

    /// Whether a request from there may be of this dialog.
    pub(super) fn is_known(&self, dialog: &Dialog, source: Endpoint) -> bool {
        if self.is_known_source(source) {
            return true;
        }
        let ip = source.addr.ip().to_canonical();
        dialog.peer_uris().filter_map(|uri| Uri::parse(uri).ok()).any(|uri| match uri.host_ip() {
            Some(named) => named.to_canonical() == ip,
            None => !uri.host().to_ascii_lowercase().ends_with(".invalid"),
        })
    }
}
