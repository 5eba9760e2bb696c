use crate::message::{Message, Method};

/// Which response a PRACK acknowledges (RFC 3262 section 7.2): its RSeq, and the CSeq of the request it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: u32,
    pub method: Method,
}

impl RAck {
    /// None when the header field is missing or malformed.
    pub fn of(prack: &Message) -> Option<RAck> {
        let mut parts = prack.header("RAck")?.split_ascii_whitespace();
        let (rseq, cseq, method) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let rack = RAck { rseq: number(rseq)?, cseq: number(cseq)?, method: Method::parse(method) };
        parts.next().is_none().then_some(rack)
    }
}

impl std::fmt::Display for RAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method.as_str())
    }
}

/// The RSeq of a provisional response sent reliably (RFC 3262 section 4): with `100rel` in Require, above 100, and in a
/// dialog, so with a To tag. None of any other.
pub fn reliable_rseq(response: &Message) -> Option<u32> {
    let reliable = response.status().is_some_and(|s| (101..200).contains(&s))
        && response.token_list("Require").any(|tag| tag.eq_ignore_ascii_case("100rel"))
        && response.to_tag().is_some();
    let rseq = response.header("RSeq").filter(|_| reliable)?.trim();
    rseq.bytes().all(|b| b.is_ascii_digit()).then(|| rseq.parse().ok()).flatten().filter(|n| *n > 0)
}
