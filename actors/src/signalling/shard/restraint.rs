//! Towards next hops that take part in overload control (RFC 7339): what they are offered, and what is kept back at their wish.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::message::Message as SipMessage;
use tandem_sip::overload_client;
use tandem_sip::transaction::Event;

use super::SipShard;

/// One line in the log for this long.
const LOG_EVERY: Duration = Duration::from_secs(10);

impl SipShard {
    /// The request as it goes to its next hop; None where it is kept back.
    pub(super) fn restrained(&mut self, request: SipMessage, hop: SocketAddr) -> Option<SipMessage> {
        if !self.obeyed(hop) {
            return Some(request);
        }
        let now = self.now();
        if self.restraints.keeps_back(now, hop, &request, &mut self.entropy) {
            self.kept_back += 1;
            if self.kept_back_logged.is_none_or(|at| now.since(at) >= LOG_EVERY) {
                tracing::warn!(%hop, calls = self.kept_back, "calls are kept back: the next hop asks for it");
                (self.kept_back, self.kept_back_logged) = (0, Some(now));
            }
            return None;
        }
        Some(overload_client::offered(&request).unwrap_or(request))
    }

    /// What a next hop says of its load in its responses.
    pub(super) fn heed(&mut self, event: &Event) {
        let Event::Response { message, source, .. } = event else { return };
        if self.obeyed(source.addr) {
            let now = self.now();
            self.restraints.heard(now, source.addr, message);
        }
    }

    /// Not of everybody: what stands in our Via could be written by a callee whose proxy knows nothing of it.
    fn obeyed(&self, hop: SocketAddr) -> bool {
        self.config.overload_control.iter().any(|range| range.contains(hop.ip()))
    }
}
