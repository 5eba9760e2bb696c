use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use reqwest::header::HeaderValue;
use url::Url;

use super::cookie::CookieJar;

/// What the requests of one call share: in the Twilio dialect, the cookies its servers set (laml.md 2.7). Clones are the same
/// session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Requests of one call may run side by side; locked for a look-up, never across a wait.
    jar: Arc<Mutex<CookieJar>>,
}

impl Session {
    pub(super) fn cookies(&self, url: &Url, now: SystemTime) -> Option<HeaderValue> {
        let header = self.lock().header(url, now)?;
        HeaderValue::from_str(&header).ok()
    }

    pub(super) fn store<'a>(&self, url: &Url, cookies: impl Iterator<Item = &'a str>, now: SystemTime) {
        let mut jar = None;
        for cookie in cookies {
            jar.get_or_insert_with(|| self.lock()).store(url, cookie, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CookieJar> {
        // Nothing panics while it holds this lock.
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
