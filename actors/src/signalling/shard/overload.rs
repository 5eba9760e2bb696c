//! What a shard does when more comes than it can do: new calls and registrations are refused first, before they cost a transaction;
//! whatever belongs to something that is up is never refused (the principle of RFC 7339 section 5.10.1).

use std::time::{Duration, Instant};

use tandem_model::{Endpoint, Timestamp};
use tandem_sip::message::{Message as SipMessage, Method};
use tandem_sip::overload_control;

use super::super::counts;
use super::SipShard;

/// Seconds that a refused client is asked to wait.
pub(super) const RETRY_AFTER: &str = "5";
/// Messages that are older than this when they are read, for as long as [`PATIENCE`], are overload. A shorter hiccup is caught up with.
const LAG_MAX: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_millis(100);
/// No hiccup: clients repeat what they sent after half a second (T1).
const LAG_LIMIT: Duration = Duration::from_millis(250);
/// In overload new requests are taken only while messages are younger than this, so that a refusal is there within a tenth of a second.
const LAG_KEPT: Duration = Duration::from_millis(20);
/// Overload is over when messages have been younger than that for so long.
const CALM: Duration = Duration::from_secs(2);
/// One line in the log for this long.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How old a message is when it is read.
#[derive(Clone, Copy, Debug)]
enum Age {
    /// Of the last datagram read: the same for all that come, so that one is judged after the other.
    Datagram(Duration),
    /// For so long its peer has sent faster than was taken. Each connection has its own, and none says anything of others.
    Stream(Duration),
}

/// Whether there is overload, by the age of messages, and what was refused for it lately.
#[derive(Debug, Default)]
pub(super) struct Overload {
    /// Since when messages have been too old.
    late_since: Option<Timestamp>,
    /// When they were too old last, in overload.
    shedding: Option<Timestamp>,
    shed: u64,
    logged: Option<Timestamp>,
}

impl Overload {
    /// Whether what begins now has to be refused, given the age of the message at hand.
    fn refuses(&mut self, now: Timestamp, age: Age) -> bool {
        let (Age::Datagram(lag) | Age::Stream(lag)) = age;
        let late = match age {
            Age::Datagram(lag) if lag >= LAG_MAX => {
                let since = *self.late_since.get_or_insert(now);
                lag >= LAG_LIMIT || now.since(since) >= PATIENCE
            }
            Age::Datagram(_) => {
                self.late_since = None;
                false
            }
            // It has been late for so long itself.
            Age::Stream(lag) => lag >= LAG_MAX + PATIENCE,
        };
        if late {
            self.shedding = Some(now);
        }
        let Some(last) = self.shedding else { return false };
        if lag >= LAG_KEPT {
            self.shedding = Some(now);
        } else if now.since(last) >= CALM {
            self.shedding = None;
        }
        lag >= LAG_KEPT
    }
}

impl SipShard {
    /// Whether a message was refused instead of being handled.
    pub(super) fn sheds(
        &mut self,
        message: &SipMessage,
        source: Endpoint,
        local: Endpoint,
        behind_since: Option<Instant>,
    ) -> bool {
        let (now, lag) = (self.now(), self.config.transports.lag());
        let age = behind_since.map_or(Age::Datagram(lag), |since| Age::Stream(since.elapsed()));
        if !self.overload.refuses(now, age) || !starts_something(message) || self.layer.is_repeated(message) {
            return false;
        }
        self.refused_for_overload(message, source);
        self.layer.refuse(message, source, local, 503, &[("Retry-After", RETRY_AFTER)]);
        counts::shed(&self.config.metrics, message);
        self.overload.shed += 1;
        if self.overload.logged.is_none_or(|at| now.since(at) >= LOG_EVERY) {
            tracing::warn!(?age, refused = self.overload.shed, "overload: new requests are refused");
            (self.overload.shed, self.overload.logged) = (0, Some(now));
        }
        true
    }
}

/// Towards proxies of ours and carriers that obey: what they are asked to keep back (RFC 7339).
impl SipShard {
    /// The request as the responses to it are to state our load, where its sender takes part and is known.
    pub(super) fn stating_load(&mut self, message: SipMessage, source: Endpoint) -> SipMessage {
        if !self.obeys(&message, source) {
            return message;
        }
        let now = self.now();
        if starts_something(&message) && !self.layer.is_repeated(&message) {
            self.loss.offered(now);
        }
        overload_control::stated(&message, self.loss.feedback(now)).unwrap_or(message)
    }

    pub(super) fn refused_for_overload(&mut self, message: &SipMessage, source: Endpoint) {
        if self.obeys(message, source) {
            let now = self.now();
            self.loss.refused(now);
        }
    }

    fn obeys(&self, message: &SipMessage, source: Endpoint) -> bool {
        self.is_one_of_ours(source.addr.ip()) && overload_control::takes_part(message)
    }
}

/// A request outside any dialog that would begin something. CANCEL and ACK end things.
fn starts_something(message: &SipMessage) -> bool {
    message.is_request() && message.to_tag().is_none() && !matches!(message.method(), Method::Ack | Method::Cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> SipMessage {
        let rest = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@x>;tag=1\r\nCall-ID: c\r\n";
        SipMessage::parse(text.replace("REST", rest).into()).expect("a message")
    }

    /// Runs of messages: for how long (ms), of what age (ms), and whether the last of them would be refused.
    fn run(runs: &[(u64, u64, bool)]) {
        let (mut overload, mut now) = (Overload::default(), Timestamp::from_secs(1));
        for (n, (lasts, lag, refused)) in runs.iter().enumerate() {
            let mut last = false;
            for _ in 0..lasts / 10 {
                now = now + Duration::from_millis(10);
                last = overload.refuses(now, Age::Datagram(Duration::from_millis(*lag)));
            }
            assert_eq!(last, *refused, "run {n} of {runs:?}");
        }
    }

    #[test]
    fn a_hiccup_is_caught_up_with() {
        run(&[(1_000, 1, false), (90, 80, false), (1_000, 5, false), (90, 120, false), (10, 30, false)]);
    }

    #[test]
    fn lasting_lateness_is_overload_until_messages_have_been_young_for_a_while() {
        run(&[(100, 60, false), (10, 60, true), (500, 30, true), (500, 10, false), (10, 25, true)]);
        run(&[(200, 60, true), (2_500, 10, false), (10, 30, false), (90, 60, false), (20, 60, true)]);
    }

    #[test]
    fn great_lateness_is_overload_at_once() {
        run(&[(10, 300, true)]);
    }

    #[test]
    fn streams_alone_are_overload_and_what_comes_over_them_is_judged_by_its_own_age() {
        let (mut overload, now, ms) = (Overload::default(), Timestamp::from_secs(1), Duration::from_millis);
        for age in [0, 30, 149] {
            assert!(!overload.refuses(now, Age::Stream(ms(age))), "a hiccup of {age} ms");
        }
        assert!(overload.refuses(now, Age::Stream(ms(150))));
        // Another connection, and datagrams, are not behind; or are.
        assert!(!overload.refuses(now, Age::Stream(ms(5))));
        assert!(!overload.refuses(now, Age::Datagram(ms(5))));
        assert!(overload.refuses(now, Age::Stream(ms(25))));
        assert!(overload.refuses(now, Age::Datagram(ms(25))));
        // Over, once all have been young for a while.
        let later = now + CALM;
        assert!(!overload.refuses(later, Age::Stream(ms(5))));
        assert!(!overload.refuses(later, Age::Stream(ms(140))));
    }

    #[test]
    fn young_messages_of_streams_do_not_hide_how_late_datagrams_are() {
        let (mut overload, mut now) = (Overload::default(), Timestamp::from_secs(1));
        let mut refused = false;
        for _ in 0..11 {
            now = now + Duration::from_millis(10);
            overload.refuses(now, Age::Stream(Duration::ZERO));
            refused = overload.refuses(now, Age::Datagram(Duration::from_millis(60)));
        }
        assert!(refused);
    }

    #[test]
    fn only_what_begins_something_is_shed() {
        for (text, want) in [
            ("INVITE sip:b@x SIP/2.0\r\nRESTTo: <sip:b@x>\r\nCSeq: 1 INVITE\r\n\r\n", true),
            ("REGISTER sip:x SIP/2.0\r\nRESTTo: <sip:b@x>\r\nCSeq: 1 REGISTER\r\n\r\n", true),
            ("OPTIONS sip:x SIP/2.0\r\nRESTTo: <sip:b@x>\r\nCSeq: 1 OPTIONS\r\n\r\n", true),
            ("INVITE sip:b@x SIP/2.0\r\nRESTTo: <sip:b@x>;tag=2\r\nCSeq: 2 INVITE\r\n\r\n", false),
            ("BYE sip:b@x SIP/2.0\r\nRESTTo: <sip:b@x>;tag=2\r\nCSeq: 2 BYE\r\n\r\n", false),
            ("CANCEL sip:b@x SIP/2.0\r\nRESTTo: <sip:b@x>\r\nCSeq: 1 CANCEL\r\n\r\n", false),
            ("ACK sip:b@x SIP/2.0\r\nRESTTo: <sip:b@x>\r\nCSeq: 1 ACK\r\n\r\n", false),
            ("SIP/2.0 200 OK\r\nRESTTo: <sip:b@x>;tag=2\r\nCSeq: 1 INVITE\r\n\r\n", false),
        ] {
            assert_eq!(starts_something(&message(text)), want, "{text}");
        }
    }
}
