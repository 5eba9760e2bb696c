use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tandem_laml::Dialect;

use super::config::Limits;
use super::failure::Cause;
use super::target::Times;

/// Says the project's dialect whenever a request begins: it may change while the server runs.
#[derive(Clone)]
pub struct DialectSource(Arc<dyn Fn() -> Dialect + Send + Sync>);

/// How a request is made where its URL says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manners {
    pub dialect: Dialect,
    pub times: Times,
    /// Of instructions; notifications are tried again in any case.
    pub retry: Retry,
    pub keeps_cookies: bool,
}

/// Tries beyond the first, and after what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub count: u32,
    pub on: RetryOn,
}

/// The kinds of failure of Twilio's `rp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RetryOn {
    pub client_errors: bool,
    pub server_errors: bool,
    pub connecting: bool,
    pub reading: bool,
}

impl DialectSource {
    pub fn new(says: impl Fn() -> Dialect + Send + Sync + 'static) -> Self {
        DialectSource(Arc::new(says))
    }

    pub(super) fn now(&self) -> Dialect {
        (self.0)()
    }
}

impl Manners {
    pub fn of(dialect: Dialect, limits: &Limits) -> Manners {
        match dialect {
            Dialect::SignalWire => Manners {
                dialect,
                times: Times { connect: limits.connect, read: limits.read, total: limits.total },
                retry: Retry { count: 0, on: RetryOn::default() },
                keeps_cookies: false,
            },
            Dialect::Twilio => Manners {
                dialect,
                times: Times {
                    connect: Duration::from_secs(5),
                    read: Duration::from_secs(15),
                    total: Duration::from_secs(15),
                },
                retry: Retry { count: 1, on: RetryOn { connecting: true, ..RetryOn::default() } },
                keeps_cookies: true,
            },
        }
    }
}

impl RetryOn {
    /// A list such as `4xx,ct`; unknown words add nothing.
    pub fn read(list: &str) -> RetryOn {
        let mut on = RetryOn::default();
        for word in list.split(',').map(str::trim) {
            match word {
                "4xx" => on.client_errors = true,
                "5xx" => on.server_errors = true,
                "ct" => on.connecting = true,
                "rt" => on.reading = true,
                "all" => {
                    on = RetryOn { client_errors: true, server_errors: true, connecting: true, reading: true };
                }
                _ => {}
            }
        }
        on
    }

    pub fn covers(self, cause: Cause) -> bool {
        match cause {
            Cause::Dns | Cause::Connect | Cause::Tls => self.connecting,
            Cause::Read | Cause::Lost => self.reading,
            Cause::Status(400..=499) => self.client_errors,
            Cause::Status(500..) => self.server_errors,
            Cause::Status(_)
            | Cause::InvalidUrl
            | Cause::Forbidden
            | Cause::Crowded
            | Cause::Redirect
            | Cause::Protocol
            | Cause::HttpVersion
            | Cause::TooBig => false,
        }
    }
}

impl Default for DialectSource {
    fn default() -> Self {
        DialectSource::new(Dialect::default)
    }
}

impl fmt::Debug for DialectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DialectSource").field(&self.now()).finish()
    }
}
