use tandem_sip::auth::{Challenge, Role};
use tandem_sip::message::Message;

/// The challenge of a 401 or 407 to answer: the strongest we can (RFC 8760 section 2.4) of those for `realm`, or of all
/// where no realm is known. None: nothing in it is for us, so nothing of the password is shown.
pub fn answerable(response: &Message, realm: Option<&str>) -> Option<Challenge> {
    let role = Role::from_status(response.status()?)?;
    let mut best: Option<Challenge> = None;
    for value in response.headers(role.challenge_header()) {
        let Some(challenge) = Challenge::strongest(role, std::iter::once(value)) else { continue };
        if realm.is_some_and(|realm| realm != challenge.realm) {
            continue;
        }
        if best.as_ref().is_none_or(|b| challenge.algorithm > b.algorithm) {
            best = Some(challenge);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, challenges: &[&str]) -> Message {
        let mut text = format!(
            "SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\n"
        );
        for challenge in challenges {
            text += &format!("WWW-Authenticate: {challenge}\r\nProxy-Authenticate: {challenge}\r\n");
        }
        Message::parse((text + "\r\n").into()).unwrap()
    }

    #[test]
    fn the_strongest_challenge_of_the_right_realm_is_answered() {
        let (md5, sha) =
            ("Digest realm=\"ours\", nonce=\"m\"", "Digest realm=\"ours\", nonce=\"s\", algorithm=SHA-256");
        let theirs = "Digest realm=\"theirs\", nonce=\"t\", algorithm=SHA-256";
        let chosen = |challenges: &[&str], realm: Option<&str>| {
            answerable(&response(401, challenges), realm).map(|c| c.nonce().to_owned())
        };
        assert_eq!(chosen(&[md5, sha], None).as_deref(), Some("s"));
        assert_eq!(chosen(&[theirs, md5], Some("ours")).as_deref(), Some("m"));
        assert_eq!(chosen(&[theirs], Some("ours")), None);
        assert_eq!(chosen(&["Basic realm=\"ours\"", "Digest realm=\"ours\", nonce=\"x\", algorithm=FOO"], None), None);
        assert_eq!(chosen(&[], None), None);
        assert!(answerable(&response(407, &[md5]), None).is_some_and(|c| c.role == Role::Proxy));
        assert!(answerable(&response(403, &[md5]), None).is_none());
    }
}
