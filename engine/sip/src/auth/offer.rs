use super::Algorithm;
use crate::message::Message;

/// The response that offers as many of these challenges as `room` bytes hold, in their order; one at least, for the caller
/// to send or not. `build` makes it out of the challenges it is given.
///
/// What goes first is what is needed least: the middle, then the one liked best, and last of all the weakest, which of
/// those the operator lets in is the one that nearly every client knows: who knows a stronger one knows it too, and not the
/// other way round. A stronger one alone would keep out for good a phone that knows MD5 and sends short requests. It is no
/// way to talk a phone down for anybody who could not strip the stronger challenges from any answer: a forger may spend
/// what credit was saved in the phone's name, and the phone then has what its own request brings; the forger sees neither
/// the answer nor the credentials. An operator who wants no MD5 does not list it.
pub fn offer(
    mut challenges: Vec<(Algorithm, String)>,
    room: usize,
    build: impl Fn(&[(Algorithm, String)]) -> Message,
) -> Message {
    let mut response = build(&challenges);
    while challenges.len() > 1 && response.bytes().len() > room {
        challenges.remove(needed_least(&challenges));
        response = build(&challenges);
    }
    response
}

fn needed_least(challenges: &[(Algorithm, String)]) -> usize {
    let weakest = challenges.iter().map(|(algorithm, _)| *algorithm).min();
    (1..challenges.len()).rev().find(|at| Some(challenges[*at].0) != weakest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tandem_model::{Endpoint, SeedEntropy, Timestamp, Transport};

    use super::*;
    use crate::auth::{Challenger, Role};
    use crate::source_budget::SourceBudget;

    const T: Timestamp = Timestamp::from_secs(100);

    /// What a client that may not be where it says is offered for a REGISTER of this size.
    fn offered(listed: &[Algorithm], bytes: usize) -> Vec<String> {
        let source = Endpoint::new(Transport::Udp, ([192, 0, 2, 1], 5060).into());
        let request = register(bytes);
        let mut budget = SourceBudget::new(100);
        assert!(budget.admits(T, source, request.bytes().len()));
        let mut entropy = SeedEntropy::new(7);
        let challenger = Challenger::new("sip.example.org", &mut entropy);
        let values = challenger.challenge(T, source.addr.ip(), false, listed, &mut entropy);
        let challenges = listed.iter().copied().zip(values).collect();
        let response = offer(challenges, budget.room(T, source), |challenges| {
            let response = Message::response(&request, source.addr, 401, None).to_tag("5f0c7d1e9a3b");
            let field = Role::UserAgent.challenge_header();
            challenges.iter().fold(response, |r, (_, value)| r.header(field, value)).build()
        });
        assert!(budget.may_answer(T, source, response.bytes()), "{} bytes for {bytes}", response.bytes().len());
        let name = |value: &str| {
            let (_, rest) = value.split_once("algorithm=").unwrap();
            rest.split(',').next().unwrap().to_owned()
        };
        response.headers("WWW-Authenticate").map(name).collect()
    }

    /// A REGISTER of exactly this many bytes.
    fn register(bytes: usize) -> Message {
        let text = |agent: &str| {
            format!(
                "REGISTER sip:sip.example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa1;rport\r\n\
                 From: <sip:alice@sip.example.org>;tag=1\r\nTo: <sip:alice@sip.example.org>\r\nCall-ID: c1\r\n\
                 CSeq: 1 REGISTER\r\nContact: <sip:alice@192.0.2.1>\r\nUser-Agent: {agent}\r\n\r\n"
            )
        };
        let agent = "a".repeat(bytes - text("").len());
        let request = Message::parse(Bytes::from(text(&agent))).unwrap();
        assert_eq!(request.bytes().len(), bytes);
        request
    }

    /// The listed order, and what is left of it as requests get shorter.
    #[test]
    fn the_shorter_a_request_the_fewer_challenges_and_the_one_that_every_client_knows_is_the_last() {
        use Algorithm::{Md5, Sha256, Sha512_256};
        let rows: [(&[Algorithm], [&[&str]; 3]); 6] = [
            (&[Sha512_256, Sha256, Md5], [&["SHA-512-256", "SHA-256", "MD5"], &["SHA-512-256", "MD5"], &["MD5"]]),
            (&[Sha512_256, Md5, Sha256], [&["SHA-512-256", "MD5", "SHA-256"], &["SHA-512-256", "MD5"], &["MD5"]]),
            (&[Md5, Sha256, Sha512_256], [&["MD5", "SHA-256", "SHA-512-256"], &["MD5", "SHA-256"], &["MD5"]]),
            (&[Sha256, Md5], [&["SHA-256", "MD5"], &["SHA-256", "MD5"], &["MD5"]]),
            (&[Md5, Sha256], [&["MD5", "SHA-256"], &["MD5", "SHA-256"], &["MD5"]]),
            (&[Sha512_256, Sha256], [&["SHA-512-256", "SHA-256"], &["SHA-512-256", "SHA-256"], &["SHA-256"]]),
        ];
        for (listed, left) in rows {
            for (bytes, expected) in [600, 400, 300].into_iter().zip(left) {
                assert_eq!(offered(listed, bytes), expected, "{listed:?} for {bytes} bytes");
            }
        }
    }

    #[test]
    fn one_that_the_operator_lists_alone_stays_whatever_the_room() {
        assert_eq!(offered(&[Algorithm::Sha512_256], 300), ["SHA-512-256"]);
    }

    #[test]
    fn a_request_of_any_size_is_offered_the_weakest_and_what_is_left_keeps_its_order() {
        let listed = [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];
        let mut most = 0;
        for bytes in 280..800 {
            let offered = offered(&listed, bytes);
            assert!(offered.len() >= most, "{bytes}: {offered:?}");
            most = offered.len();
            assert!(offered.last().is_some_and(|last| last == "MD5"), "{bytes}: {offered:?}");
            assert!(most == 1 || offered[0] == "SHA-512-256", "{bytes}: {offered:?}");
        }
        assert_eq!(most, 3);
    }
}
