//! Overload control as the client of servers that ask for it (RFC 7339, loss-based): which new calls are kept back from a next
//! hop, so that what it is sent falls by the share that it asked for. It sends nothing and answers nobody.
//!
//! ```text
//!   a response's Via ──heard──► the share, until when   ──keeps_back──► this INVITE is not sent
//!                               all else that is sent ──────┘ (counted: calls make up for it)
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{Entropy, Timestamp, limits};

use crate::message::{Message, Method, Scheme};

/// Our offer (RFC 7339 sections 4.1 and 4.2).
const OFFER: &str = ";oc;oc-algo=\"loss\"";
const PARAMS: [&str; 4] = ["oc", "oc-algo", "oc-validity", "oc-seq"];
/// Where none is given (RFC 7339 section 4.3).
const VALIDITY_DEFAULT: Duration = Duration::from_millis(500);
/// A server that asks for longer and is not heard of again is asked anew after this.
const VALIDITY_MAX: Duration = Duration::from_secs(60);
/// Requests that the shares of calls and of all else are taken of; older ones count less and less.
const WINDOW: u32 = 200;
/// Numbers that call for help somewhere: a few calls more than asked for harm nobody.
const EMERGENCY: [&str; 12] = ["000", "110", "112", "113", "115", "118", "119", "190", "911", "995", "998", "999"];

/// What next hops ask for. Bounded: a hop that finds no room is sent everything.
#[derive(Debug, Default)]
pub struct Restraints {
    hops: BTreeMap<SocketAddr, Restraint>,
}

#[derive(Debug)]
struct Restraint {
    loss_percent: u8,
    until: Timestamp,
    seq: Option<Seq>,
    /// Sent or to be sent since it began: new calls, and what cannot be kept back.
    calls: u32,
    others: u32,
}

/// Seconds and billionths.
type Seq = (u64, u32);

/// What one response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ask {
    loss_percent: u8,
    validity: Duration,
    seq: Option<Seq>,
}

impl Restraints {
    /// A response from `hop` to a request that offered it.
    pub fn heard(&mut self, now: Timestamp, hop: SocketAddr, response: &Message) {
        let Some(ask) = Ask::of(response) else { return };
        let known = self.hops.get_mut(&hop).filter(|r| r.until > now);
        match known {
            // Older than what it said last (RFC 7339 section 4.4).
            Some(known) if ask.seq.is_some() && ask.seq <= known.seq => {}
            // RFC 7339 section 4.3: control is over.
            _ if ask.validity.is_zero() || ask.loss_percent == 0 => {
                self.hops.remove(&hop);
            }
            Some(known) => {
                (known.loss_percent, known.until, known.seq) = (ask.loss_percent, now + ask.validity, ask.seq)
            }
            None => {
                if self.hops.len() >= limits::OVERLOADED_HOPS_MAX {
                    self.hops.retain(|_, r| r.until > now);
                }
                if self.hops.len() < limits::OVERLOADED_HOPS_MAX || self.hops.contains_key(&hop) {
                    let Ask { loss_percent, validity, seq } = ask;
                    self.hops.insert(hop, Restraint { loss_percent, until: now + validity, seq, calls: 0, others: 0 });
                }
            }
        }
    }

    /// Whether a request for `hop` is not to be sent now. Ask once for each, retransmissions aside. New calls alone are kept
    /// back, and in place of all else as well (the categories of RFC 7339 section 7.2); calls for help never are.
    pub fn keeps_back(
        &mut self,
        now: Timestamp,
        hop: SocketAddr,
        request: &Message,
        entropy: &mut dyn Entropy,
    ) -> bool {
        let Some(restraint) = self.hops.get_mut(&hop) else { return false };
        if restraint.until <= now {
            self.hops.remove(&hop);
            return false;
        }
        match request.method() {
            // They have no response that could say anything, and end things.
            Method::Ack | Method::Cancel => false,
            Method::Invite if request.to_tag().is_none() && !calls_for_help(request) => {
                restraint.count(true);
                // In thousandths.
                let share = u64::from(restraint.calls) * 1_000 / u64::from(restraint.calls + restraint.others);
                let of_calls = u64::from(restraint.loss_percent) * 10_000 / share.max(1);
                entropy.next_u64() % 1_000 < of_calls
            }
            _ => {
                restraint.count(false);
                false
            }
        }
    }
}

impl Restraint {
    fn count(&mut self, is_call: bool) {
        if self.calls + self.others >= WINDOW {
            (self.calls, self.others) = (self.calls / 2, self.others / 2);
        }
        if is_call { self.calls += 1 } else { self.others += 1 }
    }
}

impl Ask {
    /// None when it says nothing, or nothing that can be kept to.
    fn of(response: &Message) -> Option<Ask> {
        let params = response.via().params();
        let loss_percent = params.get("oc")?.parse().ok().filter(|percent| *percent <= 100)?;
        if !params.get("oc-algo").is_none_or(|algorithm| algorithm.trim_matches('"').eq_ignore_ascii_case("loss")) {
            return None;
        }
        let validity = match params.get("oc-validity") {
            None => VALIDITY_DEFAULT,
            Some(ms) => Duration::from_millis(ms.parse::<u32>().ok()?.into()).min(VALIDITY_MAX),
        };
        let seq = match params.get("oc-seq") {
            None => None,
            Some(text) => Some(seq(text)?),
        };
        Some(Ask { loss_percent, validity, seq })
    }
}

/// `1282321615.782`: digits behind the point are a fraction.
fn seq(text: &str) -> Option<Seq> {
    let (secs, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(secs) || !all_digits(fraction) {
        return None;
    }
    let billionths = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((secs.parse().ok()?, billionths.fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))))
}

/// An emergency service (RFC 5031), a call with a priority of its own (RFC 4412), or a number that is one.
fn calls_for_help(invite: &Message) -> bool {
    if invite.header("Resource-Priority").is_some() {
        return true;
    }
    let Some(uri) = invite.request_uri() else { return false };
    let text = uri.as_str();
    if text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("urn:service:sos")) {
        return true;
    }
    let number = match uri.scheme() {
        Scheme::Tel => text.get(4..).unwrap_or_default().split(';').next().unwrap_or_default().into(),
        _ => uri.user_decoded().unwrap_or_default(),
    };
    EMERGENCY.contains(&number.trim_start_matches('+'))
}

/// The request as it asks its next hop to take part.
pub fn offered(request: &Message) -> Option<Message> {
    request.with_via_params(&PARAMS, OFFER)
}

#[cfg(test)]
mod tests {
    use tandem_model::SeedEntropy;

    use super::*;
    use crate::overload_control::{LossControl, stated, takes_part};

    const HOP: &str = "192.0.2.7:5060";

    fn hop() -> SocketAddr {
        HOP.parse().unwrap()
    }

    fn request(method: &str, uri: &str, more: &str) -> Message {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>{more}\r\n\
             Call-ID: 1\r\nCSeq: 1 {method}\r\n\r\n"
        );
        Message::parse(text.into()).unwrap()
    }

    fn call() -> Message {
        request("INVITE", "sip:+15551234567@192.0.2.7", "")
    }

    fn response(params: &str) -> Message {
        let request = call().with_via_params(&[], params).unwrap();
        Message::response(&request, hop(), 200, None).to_tag("t").build()
    }

    /// Of a thousand calls, how many are kept back.
    fn kept(restraints: &mut Restraints, now: Timestamp) -> u32 {
        let mut entropy = SeedEntropy::new(7);
        (0..1_000).filter(|_| restraints.keeps_back(now, hop(), &call(), &mut entropy)).count() as u32
    }

    #[test]
    fn the_share_that_is_asked_for_is_kept_back_for_as_long_as_it_is_valid() {
        let (mut r, now) = (Restraints::default(), Timestamp::from_secs(10));
        assert_eq!(kept(&mut r, now), 0);
        r.heard(now, hop(), &response(";oc=30;oc-algo=\"loss\";oc-validity=2000;oc-seq=5.1"));
        assert!((250..=350).contains(&kept(&mut r, now + Duration::from_millis(1_999))));
        assert_eq!(kept(&mut r, now + Duration::from_millis(2_000)), 0);
        assert!(r.hops.is_empty(), "what is over is forgotten");
        r.heard(now, hop(), &response(";oc=100"));
        assert_eq!(kept(&mut r, now), 1_000);
        assert_eq!(kept(&mut r, now + VALIDITY_DEFAULT), 0);
        let mut entropy = SeedEntropy::new(1);
        r.heard(now, hop(), &response(";oc=100"));
        let elsewhere = "192.0.2.8:5060".parse().unwrap();
        assert!(!r.keeps_back(now, elsewhere, &call(), &mut entropy), "each hop for itself");
    }

    #[test]
    fn what_is_older_changes_nothing_and_an_end_ends_it() {
        let (mut r, now) = (Restraints::default(), Timestamp::from_secs(10));
        r.heard(now, hop(), &response(";oc=100;oc-validity=9000;oc-seq=1282321615.782"));
        for old in ["1282321615.782", "1282321615.7", "1282321614.9", "99"] {
            r.heard(now, hop(), &response(&format!(";oc=0;oc-validity=0;oc-seq={old}")));
            assert_eq!(kept(&mut r, now), 1_000, "{old}");
        }
        r.heard(now, hop(), &response(";oc=20;oc-validity=0;oc-seq=1282321615.79"));
        assert_eq!(kept(&mut r, now), 0);
    }

    #[test]
    fn what_makes_no_sense_is_not_obeyed() {
        let (mut r, now) = (Restraints::default(), Timestamp::from_secs(10));
        for params in [
            "",
            ";oc",
            ";oc=101",
            ";oc=-1",
            ";oc=x",
            ";oc=100;oc-algo=\"rate\"",
            ";oc=100;oc-validity=x",
            ";oc=100;oc-validity=99999999999",
            ";oc=100;oc-seq=1.x",
            ";oc=100;oc-seq=-1.0",
        ] {
            r.heard(now, hop(), &response(params));
            assert_eq!(kept(&mut r, now), 0, "{params}");
        }
        r.heard(now, hop(), &response(";oc=100;oc-validity=4294967295"));
        assert_eq!(kept(&mut r, now + VALIDITY_MAX), 0, "not for weeks");
    }

    /// RFC 7339 section 5.10.1.
    #[test]
    fn calls_for_help_and_what_belongs_to_a_call_are_never_kept_back() {
        let (mut r, now, mut entropy) = (Restraints::default(), Timestamp::from_secs(10), SeedEntropy::new(1));
        r.heard(now, hop(), &response(";oc=100;oc-validity=9000"));
        for message in [
            request("INVITE", "urn:service:sos.police", ""),
            request("INVITE", "sip:112@192.0.2.7", ""),
            request("INVITE", "sip:+911@192.0.2.7;user=phone", ""),
            request("INVITE", "tel:112;phone-context=+49", ""),
            request("INVITE", "sip:1@192.0.2.7", "\r\nResource-Priority: esnet.0"),
            request("INVITE", "sip:1@192.0.2.7", ";tag=2"),
            request("BYE", "sip:1@192.0.2.7", ";tag=2"),
            request("OPTIONS", "sip:192.0.2.7", ""),
            request("REGISTER", "sip:192.0.2.7", ""),
            request("CANCEL", "sip:1@192.0.2.7", ""),
        ] {
            assert!(!r.keeps_back(now, hop(), &message, &mut entropy), "{message:?}");
        }
        assert!(r.keeps_back(now, hop(), &call(), &mut entropy));
    }

    #[test]
    fn new_calls_make_up_for_what_cannot_be_kept_back() {
        let (mut r, now, mut entropy) = (Restraints::default(), Timestamp::from_secs(10), SeedEntropy::new(3));
        r.heard(now, hop(), &response(";oc=30;oc-validity=60000"));
        let (bye, mut kept) = (request("BYE", "sip:1@192.0.2.7", ";tag=2"), 0);
        for _ in 0..2_000 {
            kept += u32::from(r.keeps_back(now, hop(), &call(), &mut entropy));
            assert!(!r.keeps_back(now, hop(), &bye, &mut entropy));
        }
        assert!((1_100..=1_300).contains(&kept), "30 % of 4,000: {kept}");
    }

    #[test]
    fn hops_without_number_take_no_room_without_end() {
        let (mut r, now) = (Restraints::default(), Timestamp::from_secs(10));
        for n in 0..3 * limits::OVERLOADED_HOPS_MAX as u32 {
            let at = SocketAddr::from((n.to_be_bytes(), 5060));
            r.heard(now, at, &response(";oc=50;oc-validity=1000"));
        }
        assert_eq!(r.hops.len(), limits::OVERLOADED_HOPS_MAX);
        r.heard(now + Duration::from_secs(2), hop(), &response(";oc=100"));
        assert_eq!(r.hops.len(), 1, "those that are over give way");
    }

    /// Both halves of RFC 7339 against each other: a server that takes so many calls a second, and one client that wants to
    /// send more, until it wants less again.
    #[test]
    fn a_server_of_ours_gets_what_it_can_take_from_a_client_of_ours() {
        const TAKES: u32 = 100;
        let (mut control, mut r, mut entropy) =
            (LossControl::new(1_792_540_800_000), Restraints::default(), SeedEntropy::new(5));
        let mut sent_in = Vec::new();
        for second in 1..=40u64 {
            let wanted = if second <= 30 { 400 } else { 50 };
            let (mut sent, mut room) = (0, TAKES);
            for n in 0..wanted {
                let now = Timestamp::from_millis(second * 1_000 + n * 1_000 / wanted);
                let invite = offered(&call()).unwrap();
                assert!(takes_part(&invite));
                if r.keeps_back(now, hop(), &invite, &mut entropy) {
                    continue;
                }
                sent += 1;
                control.offered(now);
                let asked = stated(&invite, control.feedback(now)).unwrap();
                if room == 0 {
                    control.refused(now);
                }
                room = room.saturating_sub(1);
                r.heard(now, hop(), &Message::response(&asked, hop(), 503, None).to_tag("t").build());
            }
            sent_in.push(sent);
        }
        let busy = &sent_in[10..30];
        let mean = f64::from(busy.iter().sum::<u32>()) / busy.len() as f64;
        assert!((f64::from(TAKES) * 0.85..=f64::from(TAKES) * 1.15).contains(&mean), "{mean} a second: {sent_in:?}");
        assert_eq!(sent_in[39], 50, "all of it, once there is room: {sent_in:?}");
    }
}
