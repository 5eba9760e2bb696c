//! Digits in INFO requests (RFC 6086; the bodies are older than it and have no package: `application/dtmf-relay` and
//! `application/dtmf`), both ways.

use std::collections::VecDeque;

use tandem_media::control::Command;
use tandem_media::dtmf::digit_named;
use tandem_model::Endpoint;
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::Leg;
use super::contract::{LegEffect, RequestId};
use super::talking::Talking;
use crate::directory::DtmfMethod;

const DTMF_RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";
/// The length of a press that does not say.
const DURATION_MS: u32 = 100;
/// Digits that wait while one is under way: a far end that does not answer is not dialled at for ever.
const WAITING_MAX: usize = 64;

/// A key press as one INFO tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Press {
    digit: char,
    duration_ms: u32,
}

/// Why an INFO is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// It belongs to an Info Package, and we negotiated none.
    Package,
    Type,
    Body(&'static str),
}

/// Digits on their way to the far end: one at a time, since requests may overtake each other.
#[derive(Debug, Default)]
pub(super) struct InfoSender {
    waiting: VecDeque<Press>,
    under_way: Option<(RequestId, Press)>,
    /// The far end's Allow lists INFO.
    pub(super) allowed: bool,
    /// It refused one all the same.
    pub(super) refused: bool,
}

/// The digit of an INFO; None when it tells of none: without a body, or a hook flash.
fn read(request: &Message) -> Result<Option<Press>, Problem> {
    // RFC 6086 section 4.2.2.
    if request.header("Info-Package").is_some() {
        return Err(Problem::Package);
    }
    if request.body().is_empty() {
        return Ok(None);
    }
    let kind = request.content_type().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(DTMF_RELAY) && !kind.eq_ignore_ascii_case(DTMF) {
        return Err(Problem::Type);
    }
    let body = std::str::from_utf8(request.body()).map_err(|_| Problem::Body("Body Is Not Text"))?;
    let (mut signal, mut duration_ms) = (None, DURATION_MS);
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if name.eq_ignore_ascii_case("signal") => signal = Some(value),
            Some((name, value)) if name.eq_ignore_ascii_case("duration") => {
                duration_ms = value.parse().map_err(|_| Problem::Body("Duration Is No Number"))?;
            }
            Some(_) => {}
            // `application/dtmf` is the digit alone.
            None if kind.eq_ignore_ascii_case(DTMF) && signal.is_none() => signal = Some(line),
            None => return Err(Problem::Body("Malformed DTMF Body")),
        }
    }
    let signal = signal.ok_or(Problem::Body("No Signal"))?;
    if signal == "16" || signal == "!" || signal.eq_ignore_ascii_case("flash") {
        return Ok(None);
    }
    let digit = digit_of(signal).ok_or(Problem::Body("Signal Is No Digit"))?;
    Ok(Some(Press { digit, duration_ms }))
}

/// A digit as itself, or as the number of its telephone-event (RFC 4733 section 3.2).
fn digit_of(signal: &str) -> Option<char> {
    let mut chars = signal.chars();
    match (signal, chars.next(), chars.next()) {
        ("10", ..) => Some('*'),
        ("11", ..) => Some('#'),
        ("12" | "13" | "14" | "15", _, Some(last)) => {
            char::from_digit(last.to_digit(10)? + 8, 16).and_then(digit_named)
        }
        (_, Some(digit), None) => digit_named(digit),
        _ => None,
    }
}

impl Leg {
    /// An INFO of this leg's dialog. Its digit goes to media, which reports it and hands it on as one it heard itself.
    pub(super) fn info(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        match read(request) {
            Ok(press) => {
                self.respond(key, request, source, 200, None, &[]);
                if let Some(Press { digit, duration_ms }) = press {
                    self.emit(LegEffect::Media(Command::HearDigit { leg: self.id, digit, duration_ms }));
                }
            }
            Err(Problem::Package) => self.respond(key, request, source, 469, None, &[("Recv-Info", "")]),
            Err(Problem::Type) => {
                let accept = format!("{DTMF_RELAY}, {DTMF}");
                self.respond(key, request, source, 415, None, &[("Accept", &accept)]);
            }
            Err(Problem::Body(why)) => self.respond(key, request, source, 400, Some(why), &[]),
        }
    }

    /// Whether digits for the far end go out as INFO.
    pub(super) fn sends_info(&self, events_agreed: bool) -> bool {
        match self.media.dtmf_method() {
            DtmfMethod::Info => true,
            DtmfMethod::Auto => !events_agreed && self.info.allowed && !self.info.refused,
            DtmfMethod::Rfc4733 | DtmfMethod::InBand => false,
        }
    }

    /// Media has a digit for the far end.
    pub(super) fn digit_for_peer(&mut self, s: &mut Talking, digit: char, duration_ms: u32) {
        if self.info.waiting.len() < WAITING_MAX {
            self.info.waiting.push_back(Press { digit, duration_ms });
        }
        self.next_info(s);
    }

    /// The answer to an INFO of ours, or that none came. True when it was one.
    pub(super) fn info_answered(&mut self, s: &mut Talking, id: RequestId, status: u16) -> bool {
        let Some((_, press)) = self.info.under_way.filter(|(under_way, _)| *under_way == id) else { return false };
        if status < 200 {
            return true;
        }
        self.info.under_way = None;
        if status >= 300 && self.media.dtmf_method() == DtmfMethod::Auto {
            // It listed INFO and does not take digits in it: they are sent as tones from now on, this one first.
            self.info.refused = true;
            self.configure_again();
            let rest = std::mem::take(&mut self.info.waiting);
            for Press { digit, duration_ms } in std::iter::once(press).chain(rest) {
                self.emit(LegEffect::Media(Command::PressDigit { leg: self.id, digit, duration_ms }));
            }
        }
        self.next_info(s);
        true
    }

    fn next_info(&mut self, s: &mut Talking) {
        if self.info.under_way.is_some() {
            return;
        }
        let Some(press) = self.info.waiting.pop_front() else { return };
        let body = format!("Signal={}\r\nDuration={}\r\n", press.digit, press.duration_ms);
        let id = self.send_in_dialog(s, Method::Info, |request| request.body(DTMF_RELAY, body));
        self.info.under_way = Some((id, press));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: &str, body: &str) -> Result<Option<Press>, Problem> {
        let request = Message::request("INFO", "sip:a@b")
            .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header("From", "<sip:a@b>;tag=1")
            .header("To", "<sip:c@d>;tag=2")
            .header("Call-ID", "1")
            .header("CSeq", "1 INFO")
            .body(kind, body);
        read(&request.build())
    }

    #[test]
    fn the_bodies_that_phones_send_are_read() {
        for (kind, body, digit, duration_ms) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160),
            ("application/dtmf-relay", "Signal= 5\r\nDuration= 160", '5', 160),
            ("Application/DTMF-Relay;charset=utf-8", "signal=#\nduration=90\n", '#', 90),
            ("application/dtmf-relay", "Duration=250\r\nSignal=11\r\n\r\n", '#', 250),
            ("application/dtmf-relay", "Signal=*\r\n", '*', 100),
            ("application/dtmf-relay", "Signal=d\r\nDuration=100\r\nVolume=10\r\n", 'D', 100),
            ("application/dtmf-relay", "Signal=12\r\n", 'A', 100),
            ("application/dtmf-relay", "Signal=15\r\n", 'D', 100),
            ("application/dtmf", "5", '5', 100),
            ("application/dtmf", "10\r\n", '*', 100),
            ("application/dtmf", "Signal=0\r\nDuration=80\r\n", '0', 80),
        ] {
            assert_eq!(info(kind, body), Ok(Some(Press { digit, duration_ms })), "{kind}: {body:?}");
        }
        for (kind, body) in [("application/dtmf-relay", "Signal=16\r\n"), ("application/dtmf", "!"), ("", "")] {
            assert_eq!(info(kind, body), Ok(None), "{kind}: {body:?}");
        }
    }

    #[test]
    fn what_is_no_digit_says_why() {
        for (kind, body, problem) in [
            ("text/plain", "5", Problem::Type),
            ("", "5", Problem::Type),
            ("application/dtmf-relay", "Signal=x", Problem::Body("Signal Is No Digit")),
            ("application/dtmf-relay", "Signal=55", Problem::Body("Signal Is No Digit")),
            ("application/dtmf-relay", "Signal=17", Problem::Body("Signal Is No Digit")),
            ("application/dtmf-relay", "Signal=\r\n", Problem::Body("Signal Is No Digit")),
            ("application/dtmf-relay", "Duration=160", Problem::Body("No Signal")),
            ("application/dtmf-relay", "5", Problem::Body("Malformed DTMF Body")),
            ("application/dtmf-relay", "Signal=5\r\nDuration=long", Problem::Body("Duration Is No Number")),
            ("application/dtmf-relay", "Signal=5\r\nDuration=-1", Problem::Body("Duration Is No Number")),
            ("application/dtmf", "5\r\n6", Problem::Body("Malformed DTMF Body")),
            ("application/dtmf", "\r\n", Problem::Body("No Signal")),
        ] {
            assert_eq!(info(kind, body), Err(problem), "{kind}: {body:?}");
        }
    }
}
