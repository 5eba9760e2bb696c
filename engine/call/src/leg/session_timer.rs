//! Session timers (RFC 4028): how long the session lasts without a refresh, who refreshes it, and when it is given up.

use std::time::Duration;

use tandem_model::Timestamp;
use tandem_sip::dialog::{MIN_SE_SECS, Refresher, SessionExpires};
use tandem_sip::message::{Builder, Message};

use super::Leg;
use super::abilities::has;
use super::contract::Extensions;

/// Below it an interval granted to us is not believed: it would have us refresh without end.
const GRANTED_SECS_MIN: u32 = 20;
/// Times one request is sent again with a longer interval.
pub(super) const TOO_SMALL_MAX: u8 = 3;
/// The longest interval we let a 422 ask of us, in seconds: a day.
const WANTED_SECS_MAX: u32 = 86_400;

#[derive(Debug)]
pub(super) struct SessionTimer {
    /// Towards this party, in seconds: what we grant at most, and the least that we take.
    longest_secs: u32,
    least_secs: u32,
    /// What we ask for, in seconds; 0 is nothing.
    wanted_secs: u32,
    /// The largest Min-SE that a 422 told us of (RFC 4028 section 7.2).
    min_secs: Option<u32>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    secs: u32,
    /// We refresh.
    ours: bool,
    refresh_at: Option<Timestamp>,
    expires_at: Timestamp,
}

/// What has become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Refresh,
    /// Nobody refreshed it: BYE (RFC 4028 section 10).
    Expired,
}

impl SessionTimer {
    pub(super) fn new(extensions: &Extensions) -> Self {
        SessionTimer {
            longest_secs: extensions.session_expires_secs,
            least_secs: extensions.min_se_secs,
            wanted_secs: extensions.session_expires_secs,
            min_secs: None,
            running: None,
        }
    }

    /// The Min-SE of the 422 that a request within the dialog deserves.
    pub(super) fn too_small_in(&self, request: &Message) -> Option<String> {
        too_small_interval(self.least_secs, request)
    }

    /// Another interval than all legs ask for.
    pub(super) fn ask_for(&mut self, secs: u32) {
        self.wanted_secs = secs;
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.running.as_ref().map(|r| r.refresh_at.map_or(r.expires_at, |at| at.min(r.expires_at)))
    }

    pub(super) fn due(&mut self, now: Timestamp) -> Option<Due> {
        let running = self.running.as_mut()?;
        if running.expires_at <= now {
            self.running = None;
            return Some(Due::Expired);
        }
        running.refresh_at.take_if(|at| *at <= now).map(|_| Due::Refresh)
    }

    fn start(&mut self, now: Timestamp, secs: u32, ours: bool) {
        let interval = Duration::from_secs(u64::from(secs));
        self.running = Some(Running {
            secs,
            ours,
            // RFC 4028 sections 7.2 and 10: half the interval, and the BYE before its end by 32 s or a third.
            refresh_at: ours.then(|| now + interval / 2),
            expires_at: now + (interval - Duration::from_secs(32).min(interval / 3)),
        });
    }

    /// A 422 raises what we ask for. False when it asks for nothing that we had not offered, or for too much.
    pub(super) fn too_small(&mut self, response: &Message) -> bool {
        let Some(min) = SessionExpires::min_of(response) else { return false };
        let asked = self.running.as_ref().map_or(self.wanted_secs, |r| r.secs);
        if min <= asked || min > WANTED_SECS_MAX {
            return false;
        }
        self.min_secs = Some(min.max(self.min_secs.unwrap_or(0)));
        self.wanted_secs = self.wanted_secs.max(min);
        if let Some(running) = &mut self.running {
            running.secs = min;
        }
        true
    }

    /// Session-Expires and Min-SE of an INVITE or UPDATE of ours (RFC 4028 sections 7.1 and 7.4).
    pub(super) fn ask(&self, mut request: Builder) -> Builder {
        let ours = |ours| Some(if ours { Refresher::Uac } else { Refresher::Uas });
        let asked = match &self.running {
            Some(r) => SessionExpires { secs: r.secs, refresher: ours(r.ours) },
            None if self.wanted_secs > 0 => SessionExpires { secs: self.wanted_secs, refresher: None },
            None => return request,
        };
        request = request.header("Session-Expires", &asked.to_string());
        match self.min_secs {
            // Once a 422 said so, always (RFC 4028 section 7.1).
            Some(min) => request.header("Min-SE", &min.to_string()),
            None => request,
        }
    }

    /// The 2xx to an INVITE or UPDATE of ours (RFC 4028 section 7.2).
    pub(super) fn granted(&mut self, now: Timestamp, response: &Message) {
        match SessionExpires::of(response) {
            Some(granted) => {
                self.start(now, granted.secs.max(GRANTED_SECS_MIN), granted.refresher != Some(Refresher::Uas));
            }
            None => self.running = None,
        }
    }
}

/// The Min-SE of the 422 that an INVITE or UPDATE deserves, if it asks for too short an interval. Only who has the
/// extension understands a 422 (RFC 4028 section 9).
pub(super) fn too_small_interval(least_secs: u32, request: &Message) -> Option<String> {
    let min = least_secs.max(MIN_SE_SECS);
    let asked = SessionExpires::of(request).filter(|_| has(request, "timer"))?;
    (asked.secs < min).then(|| min.to_string())
}

impl Leg {
    /// Starts the timer that an INVITE or UPDATE of the far end asks for, and says so in header fields for its 2xx
    /// (RFC 4028 section 9).
    pub(super) fn grant_interval(&mut self, now: Timestamp, request: &Message) -> Vec<(&'static str, String)> {
        let wanted = self.timer.longest_secs;
        let floor = SessionExpires::min_of(request).unwrap_or(MIN_SE_SECS).max(MIN_SE_SECS);
        let timer = has(request, "timer");
        let asked = SessionExpires::of(request);
        let secs = match asked {
            // May be made shorter, never longer, and not below the request's Min-SE.
            Some(asked) if wanted > 0 => asked.secs.min(wanted.max(floor)),
            Some(asked) => asked.secs,
            None if timer && wanted > 0 => wanted.max(floor),
            None => 0,
        };
        // Less than that nobody may ask for: whoever put it in without knowing the extension gets no timer.
        if secs < MIN_SE_SECS {
            self.timer.running = None;
            return Vec::new();
        }
        let refresher = match asked.and_then(|a| a.refresher).filter(|_| timer) {
            Some(refresher) => refresher,
            None if !timer => Refresher::Uas,
            // Whoever refreshed goes on, seen from this request.
            None if self.timer.running.as_ref().is_some_and(|r| r.ours) => Refresher::Uas,
            None => Refresher::Uac,
        };
        self.timer.start(now, secs, refresher == Refresher::Uas);
        let mut headers = vec![("Session-Expires", SessionExpires { secs, refresher: Some(refresher) }.to_string())];
        if timer {
            headers.push(("Require", "timer".to_owned()));
        }
        headers
    }
}
