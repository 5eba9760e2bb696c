use std::time::Duration;

use super::timer::Timer;

/// What a machine wants done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Client: the request. Server: the most recent response.
    Send,
    SendAck,
    SendTrying,
    /// Give the message at hand to the user.
    PassUp,
    Start(Timer, Duration),
    Stop(Timer),
    ReportTimeout,
    ReportTransportError,
    Terminate,
}
