//! 3xx: whether and where a call goes on (RFC 3261 section 8.1.3.4). What a callee names is dialled as if the caller had
//! dialled it, a few times at most, and never where it costs money or leads back here.

use std::collections::VecDeque;
use std::net::IpAddr;

use tandem_model::LegId;
use tandem_sip::message::Uri;

use super::Call;
use super::contract::CallEffect;
use super::dial::Branch;
use super::identity::diversion;
use crate::routing::{self, Caller, NoRoute, Route};

/// What the callees of one run of dialling said of other places.
#[derive(Default)]
pub(super) struct Redirects {
    /// Heard and not tried, best first.
    waiting: VecDeque<(Branch, String)>,
    /// Followed so far.
    followed: usize,
}

impl Call {
    /// A leg's 3xx, before it ends.
    pub(super) fn redirected(&mut self, id: LegId, targets: Vec<String>) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.redirect = targets;
        }
    }

    /// The attempt has ended: its first place is tried at once, the others when nothing rings any more.
    pub(super) fn follow_redirect(&mut self, id: LegId, branch: Branch) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (targets, by) = (std::mem::take(&mut leg.redirect), leg.to.clone());
        if targets.is_empty() {
            return;
        }
        if self.env.redirect_targets_max == 0 {
            return self.audit("redirect not followed", id, targets.join(" "));
        }
        let Some(d) = &mut self.dial else { return };
        d.diverted.push(diversion(&by, "unconditional"));
        // Those of a redirection stand before what an earlier one left.
        for target in targets.into_iter().rev() {
            d.redirects.waiting.push_front((branch, target));
        }
        self.next_redirect();
    }

    /// Tries the next place. False when there is none that may be tried.
    pub(super) fn next_redirect(&mut self) -> bool {
        loop {
            let max = self.env.redirect_targets_max;
            let Some(d) = self.dial.as_mut().filter(|d| d.is_ringing() && !d.is_cancelled()) else { return false };
            let Some((branch, uri)) = d.redirects.waiting.pop_front() else { return false };
            if d.redirects.followed >= max {
                d.redirects.waiting.clear();
                return false;
            }
            d.redirects.followed += 1;
            match self.redirect_route(&uri) {
                Ok(route) => {
                    self.ring_route(branch, route);
                    return true;
                }
                Err(NoRoute { status, why }) => {
                    self.audit(why, self.primary, uri);
                    self.target_failed(None, status, why);
                }
            }
        }
    }

    fn redirect_route(&self, uri: &str) -> Result<Route, NoRoute> {
        let Some(d) = &self.dial else { return Err(NoRoute { status: 487, why: "the call is over" }) };
        let target = Uri::parse(uri).map_err(|_| NoRoute { status: 484, why: "redirect to a malformed URI" })?;
        let rang = |a: &super::dial::Attempt| Uri::parse(&a.uri).is_ok_and(|tried| tried.sip_equal(&target));
        if d.attempts.iter().any(rang) {
            return Err(NoRoute { status: 482, why: "redirect to an address that rang already" });
        }
        if target.host_ip().is_some_and(is_no_place) {
            return Err(NoRoute { status: 403, why: "redirect to an address that is nobody's on the network" });
        }
        let own = &self.env.own;
        let route = routing::route(&self.env.directory, &d.caller, &target, |host, port| own.is_here(host, port))?;
        match &route {
            // The callee must not choose what the caller pays for.
            Route::Number { .. } => Err(NoRoute { status: 403, why: "redirect to a number" }),
            Route::Endpoint(e) if d.attempts.iter().any(|a| self.is_endpoint(a.leg, e.id)) => {
                Err(NoRoute { status: 482, why: "redirect to an endpoint that rang already" })
            }
            Route::Endpoint(_) | Route::App(_) | Route::Foreign { .. } => Ok(route),
        }
    }

    fn is_endpoint(&self, leg: LegId, id: tandem_model::Sid) -> bool {
        self.legs.get(&leg).is_some_and(|l| matches!(&l.who, Caller::Endpoint(e) if e.id == id))
    }

    pub(super) fn audit(&mut self, what: &'static str, leg: LegId, detail: String) {
        self.emit(CallEffect::Audit { what, leg, detail });
    }
}

fn is_no_place(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255, 255, 255, 255])
}
