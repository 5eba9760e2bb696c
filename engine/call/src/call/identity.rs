//! Who calls, as the far end of an INVITE of ours is told (RFC 3323, 3325, 5806, 7044). What a call came with is believed
//! only of who may assert it: carriers and allow-listed senders; of others it is read for privacy alone.

use tandem_sip::message::{Builder, Message, NameAddr, Uri};

use crate::directory::{CallerIdentity, Carrier};
use crate::leg::InviteSpec;
use crate::routing::is_number;

/// RFC 3323 section 4.1.1.3.
const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";
/// Diversions and history entries that one call carries on.
const DIVERSIONS_MAX: usize = 10;

/// What an INVITE says of its caller beside From.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asserted {
    /// The caller whom a trusted sender vouches for (RFC 3325 section 9.1, or Remote-Party-ID).
    pub caller: Option<Identity>,
    /// The caller wants to stay unknown to who is not trusted (RFC 3323).
    pub withheld: bool,
    /// Diversion values, newest first (RFC 5806), of trusted senders.
    pub diversions: Vec<String>,
    /// History-Info values (RFC 7044), of trusted senders.
    pub history: Vec<String>,
    /// Who sent the call on last, as the first of the diversions says: a number, or else a SIP address. None where it asks for privacy.
    pub forwarded_from: Option<String>,
}

/// A caller: the user part, decoded, and the name to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    pub display: Option<String>,
}

/// Whom an INVITE is for, as far as it matters for what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Towards {
    /// A telephone of ours: shown a caller only when the caller agrees, and who of ours sent the call on.
    Phone,
    /// Somebody on the network: shown a caller only when the caller agrees.
    Untrusted,
    /// This server once more: told all, and that the caller wants privacy.
    Own,
    Carrier {
        identity: CallerIdentity,
        trusted: bool,
    },
}

impl Towards {
    pub(super) fn carrier(carrier: &Carrier) -> Towards {
        Towards::Carrier { identity: carrier.identity, trusted: carrier.trusted }
    }
}

impl Asserted {
    /// `trusted`: the sender may say who calls.
    pub fn read(invite: &Message, trusted: bool) -> Asserted {
        let mut asserted = Asserted { withheld: wants_privacy(invite), ..Asserted::default() };
        if !trusted {
            return asserted;
        }
        let remote_party = invite.header("Remote-Party-ID").and_then(|v| NameAddr::parse(v).ok());
        if let Some(party) = &remote_party {
            let privacy = party.params().get("privacy").unwrap_or_default().trim_matches('"');
            asserted.withheld |= ["full", "uri", "name"].iter().any(|p| privacy.eq_ignore_ascii_case(p));
        }
        // The first is the SIP or tel URI that counts for us; there are two at most (RFC 3325 section 9.1).
        let asserted_identity = invite.token_list("P-Asserted-Identity").find_map(|v| NameAddr::parse(v).ok());
        asserted.caller = asserted_identity.or(remote_party).and_then(|address| identity_of(&address));
        let sound = |value: &&str| NameAddr::parse(value).is_ok();
        let values = |name| invite.token_list(name).filter(sound).take(DIVERSIONS_MAX).map(str::to_owned).collect();
        asserted.diversions = values("Diversion");
        asserted.history = values("History-Info");
        asserted.forwarded_from = asserted.diversions.first().and_then(|value| forwarder(value));
        asserted
    }
}

/// The address in a Diversion value (RFC 5806 section 4), as applications are shown one.
fn forwarder(value: &str) -> Option<String> {
    let address = NameAddr::parse(value).ok()?;
    let privacy = address.params().get("privacy").unwrap_or_default().trim_matches('"');
    if ["full", "uri"].iter().any(|p| privacy.eq_ignore_ascii_case(p)) {
        return None;
    }
    let uri = address.uri().ok()?;
    let user = uri.user_decoded().unwrap_or_default();
    Some(if is_number(&user) { user.into_owned() } else { uri.as_str().to_owned() })
}

fn identity_of(address: &NameAddr<'_>) -> Option<Identity> {
    let user = address.uri().ok()?.user_decoded()?.into_owned();
    let display = address.display_name().map(|name| name.into_owned());
    Some(Identity { user, display })
}

/// RFC 3323 section 4.2. What `header` and `session` ask for beside, this switch does for every call: it is a back-to-back
/// user agent and relays media.
fn wants_privacy(invite: &Message) -> bool {
    let wanted = |token: &str| ["id", "user", "header", "session"].iter().any(|p| token.trim().eq_ignore_ascii_case(p));
    let asked = invite.headers("Privacy").flat_map(|v| v.split([';', ','])).any(wanted);
    asked || invite.from().uri().is_ok_and(|from| from.host().eq_ignore_ascii_case("anonymous.invalid"))
}

/// Writes the caller into an INVITE. `domain` is that of From.
pub(super) fn present(
    spec: &mut InviteSpec,
    caller: &Identity,
    asserted: &Asserted,
    diverted: &[String],
    domain: &str,
    towards: Towards,
) {
    let uri = match caller.user.as_str() {
        // A caller may have no name (RFC 3261 section 25.1, hostport alone); an empty one is no URI.
        "" => format!("sip:{domain}"),
        user => format!("sip:{}@{domain}", escape_user(user)),
    };
    let withheld = asserted.withheld;
    let hidden = withheld && towards != Towards::Own;
    spec.from_uri = if hidden { ANONYMOUS.to_owned() } else { uri.clone() };
    spec.from_display = if hidden { Some("Anonymous".to_owned()) } else { caller.display.clone() };
    let mut add = |name: &str, value: String| spec.headers.push((name.to_owned(), value));
    match towards {
        Towards::Phone | Towards::Untrusted | Towards::Carrier { trusted: false, .. } => {}
        Towards::Own => {
            if withheld {
                add("Privacy", "id".into());
            }
        }
        Towards::Carrier { identity, trusted: true } => {
            match identity {
                CallerIdentity::From => {}
                CallerIdentity::Pai => add("P-Asserted-Identity", name_addr(caller, &uri)),
                CallerIdentity::Rpid => {
                    let privacy = if withheld { "full" } else { "off" };
                    let party = name_addr(caller, &uri);
                    add("Remote-Party-ID", format!("{party};party=calling;screen=yes;privacy={privacy}"));
                }
            }
            if withheld {
                add("Privacy", "id".into());
            }
            for value in &asserted.history {
                add("History-Info", value.clone());
            }
        }
    }
    let before = match towards {
        Towards::Carrier { trusted: true, .. } | Towards::Own => &asserted.diversions[..],
        Towards::Phone => &[],
        Towards::Untrusted | Towards::Carrier { trusted: false, .. } => return,
    };
    // Newest first (RFC 5806 section 5.1).
    for value in diverted.iter().rev().chain(before).take(DIVERSIONS_MAX) {
        add("Diversion", value.clone());
    }
}

/// A Diversion value: who sent the call on, and why (RFC 5806 section 4).
pub(super) fn diversion(uri: &str, reason: &str) -> String {
    format!("<{uri}>;reason={reason};counter=1")
}

fn name_addr(caller: &Identity, uri: &str) -> String {
    let built = Message::request("INVITE", "sip:x").name_addr("To", caller.display.as_deref(), uri, "");
    Builder::build(built).header("To").unwrap_or_default().to_owned()
}

/// The user part of an address, decoded.
pub(super) fn user_of(address: &str) -> String {
    let user = Uri::parse(address).ok().and_then(|u| u.user_decoded().map(|u| u.into_owned()));
    user.unwrap_or_else(|| address.to_owned())
}

/// A user part may hold nearly anything; what the grammar does not allow is percent-encoded (RFC 3261 section 25.1).
pub(super) fn escape_user(user: &str) -> String {
    use std::fmt::Write;
    user.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&b) {
            out.push(b as char);
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leg::{Destination, MediaPolicy};

    fn invite(headers: &[(&str, &str)]) -> Message {
        let mut b = Message::request("INVITE", "sip:a@b")
            .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header("From", "\"A\" <sip:a@b>;tag=1")
            .header("To", "<sip:c@d>")
            .header("Call-ID", "1")
            .header("CSeq", "1 INVITE");
        for (name, value) in headers {
            b = b.header(name, value);
        }
        b.build()
    }

    const CLAIMS: [(&str, &str); 4] = [
        ("P-Asserted-Identity", "\"Boss\" <sip:+15550001111@carrier>, <tel:+15550001111>"),
        ("Remote-Party-ID", "<sip:+15550002222@x>;party=calling;privacy=full"),
        ("Diversion", "<sip:first@x>;reason=user-busy, <sip:second@x>"),
        ("History-Info", "<sip:old@x>;index=1"),
    ];

    #[test]
    fn claims_are_believed_of_trusted_senders_alone() {
        let got = Asserted::read(&invite(&CLAIMS), true);
        assert_eq!(got.caller, Some(Identity { user: "+15550001111".into(), display: Some("Boss".into()) }));
        assert!(got.withheld, "by the privacy of Remote-Party-ID");
        assert_eq!(got.diversions, ["<sip:first@x>;reason=user-busy", "<sip:second@x>"]);
        assert_eq!(got.history, ["<sip:old@x>;index=1"]);
        assert_eq!(got.forwarded_from.as_deref(), Some("sip:first@x"));
        assert_eq!(Asserted::read(&invite(&CLAIMS), false), Asserted::default());
        let rpid = Asserted::read(&invite(&CLAIMS[1..2]), true);
        assert_eq!(rpid.caller.map(|c| c.user).as_deref(), Some("+15550002222"));
    }

    #[test]
    fn who_sent_a_call_on_is_a_number_an_address_or_private() {
        for (value, want) in [
            ("\"Office\" <sip:+15550003333@gw.example;user=phone>;reason=no-answer", Some("+15550003333")),
            ("<tel:+15550003333>;reason=unconditional", Some("+15550003333")),
            ("<sip:bob@home.example>;reason=user-busy;privacy=off", Some("sip:bob@home.example")),
            ("<sip:+15550003333@gw.example>;privacy=full", None),
            ("<sip:+15550003333@gw.example>;privacy=\"uri\"", None),
        ] {
            assert_eq!(forwarder(value).as_deref(), want, "{value}");
        }
    }

    #[test]
    fn anybody_may_ask_for_privacy() {
        for (value, want) in [
            ("id", true),
            ("user;critical", true),
            ("header", true),
            ("none", false),
            ("critical", false),
            ("ID", true),
        ] {
            assert_eq!(Asserted::read(&invite(&[("Privacy", value)]), false).withheld, want, "{value}");
        }
    }

    fn written(asserted: &Asserted, diverted: &[String], towards: Towards) -> String {
        shown("+1 555", asserted, diverted, towards)
    }

    fn shown(user: &str, asserted: &Asserted, diverted: &[String], towards: Towards) -> String {
        let mut spec = InviteSpec {
            request_uri: "sip:x".into(),
            destination: Destination::Uri("sip:x".into()),
            to_uri: "sip:x".into(),
            from_uri: String::new(),
            from_display: None,
            max_forwards: 70,
            headers: vec![],
            credentials: None,
            media: MediaPolicy::default(),
            route: vec![],
            max_breadth: None,
            late_offer: false,
            realm: None,
            channel: None,
            others_follow: false,
            session_expires_secs: None,
            other_flows: Vec::new(),
        };
        let caller = Identity { user: user.into(), display: Some("A \"B\"".into()) };
        present(&mut spec, &caller, asserted, diverted, "home", towards);
        let mut out = format!("{} {}", spec.from_display.unwrap_or_default(), spec.from_uri);
        for (name, value) in spec.headers {
            out.push_str(&format!("\n{name}: {value}"));
        }
        out
    }

    /// RFC 3261 section 25.1: an address may be a host alone; with nothing before the `@` no telephone's answer could be read.
    #[test]
    fn a_caller_without_a_user_is_shown_as_a_host() {
        for (towards, want) in [(Towards::Phone, "A \"B\" sip:home"), (Towards::Untrusted, "A \"B\" sip:home")] {
            assert_eq!(shown("", &Asserted::default(), &[], towards), want);
        }
    }

    #[test]
    fn each_far_end_is_told_what_it_may_know() {
        let open = Asserted { diversions: vec!["<sip:d@x>".into()], ..Asserted::default() };
        let withheld = Asserted { withheld: true, ..Asserted::default() };
        let carrier = |identity, trusted| Towards::Carrier { identity, trusted };
        let from = "A \"B\" sip:+1%20555@home";
        let name = "\"A \\\"B\\\"\" <sip:+1%20555@home>";
        let anonymous = "Anonymous sip:anonymous@anonymous.invalid";
        for (asserted, towards, want) in [
            (&open, Towards::Untrusted, from.to_owned()),
            (&open, Towards::Phone, from.to_owned()),
            (&withheld, Towards::Untrusted, anonymous.to_owned()),
            (&open, carrier(CallerIdentity::From, true), format!("{from}\nDiversion: <sip:d@x>")),
            (
                &open,
                carrier(CallerIdentity::Pai, true),
                format!("{from}\nP-Asserted-Identity: {name}\nDiversion: <sip:d@x>"),
            ),
            (&open, carrier(CallerIdentity::Pai, false), from.to_owned()),
            (&withheld, carrier(CallerIdentity::From, true), format!("{anonymous}\nPrivacy: id")),
            (
                &withheld,
                carrier(CallerIdentity::Pai, true),
                format!("{anonymous}\nP-Asserted-Identity: {name}\nPrivacy: id"),
            ),
            (
                &withheld,
                carrier(CallerIdentity::Rpid, true),
                format!("{anonymous}\nRemote-Party-ID: {name};party=calling;screen=yes;privacy=full\nPrivacy: id"),
            ),
            (&withheld, carrier(CallerIdentity::Rpid, false), anonymous.to_owned()),
            (&withheld, Towards::Own, format!("{from}\nPrivacy: id")),
        ] {
            assert_eq!(written(asserted, &[], towards), want, "{asserted:?} {towards:?}");
        }
    }

    #[test]
    fn the_newest_diversion_stands_first() {
        let before = Asserted { diversions: vec!["<sip:old@x>".into()], ..Asserted::default() };
        let diverted = [diversion("sip:bob@home", "deflection")];
        let got = written(&before, &diverted, Towards::Own);
        let own = "\nDiversion: <sip:bob@home>;reason=deflection;counter=1";
        assert!(got.ends_with(&format!("{own}\nDiversion: <sip:old@x>")), "{got}");
        assert!(written(&before, &diverted, Towards::Phone).ends_with(own), "a telephone is told of our own");
        assert!(!written(&before, &diverted, Towards::Untrusted).contains("Diversion"), "and nobody else");
    }

    #[test]
    fn users_are_escaped() {
        assert_eq!(escape_user("+1 555"), "+1%20555");
        assert_eq!(escape_user("a\r\nX: y"), "a%0D%0AX%3A%20y");
    }
}
