//! Marks by which a call that comes back is known (docs/adr/0010-loops.md), and how far it may fan out (RFC 5393).

use tandem_model::limits::HOP_MARKS_MAX;
use tandem_sip::message::Message;

/// The header field that carries the marks, oldest first.
pub const HOPS: &str = "X-Tandem-Hops";

/// What the INVITE of a call said of its way here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hops {
    /// Marks of the servers it passed, ours of now the last.
    pub marks: Vec<String>,
    /// Branches that may be made of it (RFC 5393 section 5.3.3).
    pub breadth: u16,
}

/// A call that has been here for the same address before, or has passed too many servers: 482 (RFC 3261 section 16.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looped;

impl Hops {
    /// `mark` names this process.
    pub fn read(invite: &Message, mark: &str) -> Result<Hops, Looped> {
        let uri = invite.request_uri().map_or("", |uri| uri.as_str());
        let here = format!("{mark}-{:016x}", fingerprint(uri));
        let mut marks: Vec<String> = Vec::new();
        for element in invite.token_list(HOPS) {
            // The same address again is a loop, another one a spiral (RFC 3261 section 16.3 item 4).
            if element == here || marks.len() >= HOP_MARKS_MAX {
                return Err(Looped);
            }
            // What is no mark is not carried on.
            if is_mark(element) {
                marks.push(element.to_owned());
            }
        }
        marks.push(here);
        let breadth = invite.header("Max-Breadth").map_or(tandem_model::limits::MAX_BREADTH, |value| {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            if digits { value.parse().unwrap_or(u16::MAX) } else { 1 }
        });
        Ok(Hops { marks, breadth: breadth.min(tandem_model::limits::MAX_BREADTH) })
    }

    /// The value for an INVITE that is sent on.
    pub fn value(&self) -> String {
        self.marks.join(", ")
    }
}

impl Default for Hops {
    /// Of a call that begins here.
    fn default() -> Self {
        Hops { marks: Vec::new(), breadth: tandem_model::limits::MAX_BREADTH }
    }
}

fn is_mark(text: &str) -> bool {
    text.len() == 25 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// FNV-1a.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(uri: &str, headers: &[(&str, &str)]) -> Message {
        let mut b = Message::request("INVITE", uri)
            .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header("From", "<sip:a@b>;tag=1")
            .header("To", "<sip:c@d>")
            .header("Call-ID", "1")
            .header("CSeq", "1 INVITE");
        for (name, value) in headers {
            b = b.header(name, value);
        }
        b.build()
    }

    #[test]
    fn the_same_address_again_is_a_loop_and_another_a_spiral() {
        let first = Hops::read(&invite("sip:b@h", &[]), "aaaaaaaa").expect("a first time");
        let passed = first.value();
        let again = [(HOPS, passed.as_str())];
        assert_eq!(Hops::read(&invite("sip:b@h", &again), "aaaaaaaa"), Err(Looped));
        let spiral = Hops::read(&invite("sip:c@h", &again), "aaaaaaaa").expect("a spiral");
        assert_eq!(spiral.value().matches("aaaaaaaa-").count(), 2);
        Hops::read(&invite("sip:b@h", &again), "bbbbbbbb").expect("another server");
    }

    #[test]
    fn a_spiral_ends_too() {
        let mut passed = String::new();
        let mut turns = 0;
        while let Ok(hops) = Hops::read(&invite(&format!("sip:{turns}@h"), &[(HOPS, &passed)]), "aaaaaaaa") {
            passed = hops.value();
            turns += 1;
            assert!(turns < 100);
        }
        assert_eq!(turns, HOP_MARKS_MAX + 1);
    }

    #[test]
    fn what_is_no_mark_is_not_carried_on_and_breadth_is_bounded() {
        let odd = invite("sip:b@h", &[(HOPS, "x, <sip:evil>, aaaaaaaa-0123456789abcdeg"), ("Max-Breadth", "4")]);
        let hops = Hops::read(&odd, "bbbbbbbb").expect("no loop");
        assert_eq!(hops.value().split(", ").count(), 1);
        assert_eq!(hops.breadth, 4);
        for (value, want) in [("0", 0), ("99999999", 60), ("-1", 1), ("x", 1)] {
            let got = Hops::read(&invite("sip:b@h", &[("Max-Breadth", value)]), "bbbbbbbb").expect("no loop");
            assert_eq!(got.breadth, want, "{value}");
        }
    }
}
