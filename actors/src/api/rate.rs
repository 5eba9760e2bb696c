use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use tandem_model::{Timestamp, limits};

use crate::world::Clock;

/// How many changes REST takes in a time (laml.md 6), shown in each response (laml.md 3.1). Reading is not counted.
#[derive(Clone)]
pub struct ChangeRate {
    clock: Clock,
    window: Arc<Mutex<Window>>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    since: Timestamp,
    used: u32,
}

/// What is left after a request, and when there is all of it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub admitted: bool,
    pub remaining: u32,
    pub reset_secs: u64,
}

impl ChangeRate {
    pub fn new(clock: Clock) -> Self {
        ChangeRate { clock, window: Arc::default() }
    }

    /// Counts a request that is admitted otherwise, where its method changes something.
    pub(super) fn take(&self, admitted: bool, method: &Method) -> Left {
        // No code panics while it holds this lock; the count would be good even so.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        window.take(self.clock.now(), admitted && changes)
    }
}

impl Window {
    fn take(&mut self, now: Timestamp, counts: bool) -> Left {
        if now.since(self.since) >= limits::API_CHANGES_WINDOW {
            *self = Window { since: now, used: 0 };
        }
        let admitted = !counts || self.used < limits::API_CHANGES_MAX;
        self.used += u32::from(counts && admitted);
        let rest = limits::API_CHANGES_WINDOW.saturating_sub(now.since(self.since));
        Left { admitted, remaining: limits::API_CHANGES_MAX - self.used, reset_secs: rest.as_secs().max(1) }
    }
}

impl Left {
    pub fn write(self, headers: &mut HeaderMap) {
        for (name, value) in [
            ("x-ratelimit-limit", u64::from(limits::API_CHANGES_MAX)),
            ("x-ratelimit-remaining", u64::from(self.remaining)),
            ("x-ratelimit-reset", self.reset_secs),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }

    /// A refusal where there is nothing left.
    pub fn refusal(self, refuse: impl FnOnce(u64) -> HttpResponse) -> Option<HttpResponse> {
        (!self.admitted).then(|| refuse(self.reset_secs))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn changes_are_counted_in_windows_and_reading_is_free() {
        let mut window = Window::default();
        let at = |secs| Timestamp::ZERO + Duration::from_secs(secs);
        assert_eq!(
            window.take(at(100), false),
            Left { admitted: true, remaining: limits::API_CHANGES_MAX, reset_secs: 10 }
        );
        for n in 1..=limits::API_CHANGES_MAX {
            let left = window.take(at(103), true);
            assert_eq!((left.admitted, left.remaining), (true, limits::API_CHANGES_MAX - n));
        }
        assert_eq!(window.take(at(104), true), Left { admitted: false, remaining: 0, reset_secs: 6 });
        assert!(window.take(at(104), false).admitted);
        assert!(window.take(at(110), true).admitted);
    }
}
