//! RFC 4475 and RFC 5118, the whole of both: one row a message, and what this reader makes of it. `Refused` is what
//! `Message::parse` says itself; `Upper` is read here and left to those who know transactions, methods, bodies or
//! authentication. The messages are in `torture/`, one a file under its name in the RFC. Those of RFC 4475 are written
//! down as text (`.msg`): a line end stands for CRLF, `\xHH` for any other byte that is not printed; read back they are
//! what the RFC prints, the binary ones too. Those of RFC 5118 (`.dat`) have CRLF at their line ends, and the
//! Content-Length of the three with a body is counted, because what its pages print fits none of them.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use tandem_sip::message::{Contact, Message, Method, Scheme, reject};

#[path = "torture/written_down.rs"]
mod written_down;
use written_down::written_down;

enum Expect {
    Valid,
    /// The status a server answers with.
    Refused(u16),
    /// Refused, and nothing to answer: a response.
    Discarded,
    /// Read here; the words say who answers what.
    Upper(&'static str),
}
use Expect::{Discarded, Refused, Upper, Valid};

/// Name, expectation, and the reason where the RFC leaves a choice or we differ from its advice.
const CORPUS: [(&str, Expect, &str); 61] = [
    // 3.1.1 valid messages
    ("wsinv", Valid, ""),
    ("intmeth", Valid, ""),
    ("esc01", Valid, ""),
    ("escnull", Valid, ""),
    ("esc02", Valid, ""),
    ("lwsdisp", Valid, ""),
    ("longreq", Valid, ""),
    ("dblreq", Valid, "the second request is what follows the body of a datagram: ignored"),
    ("semiuri", Valid, ""),
    ("transports", Valid, ""),
    ("mpart01", Valid, ""),
    ("unreason", Valid, ""),
    ("noreason", Valid, ""),
    // 3.1.2 invalid messages
    ("badinv01", Refused(400), ""),
    ("clerr", Refused(400), ""),
    ("ncl", Refused(400), ""),
    ("scalar02", Refused(400), ""),
    ("scalarlg", Discarded, ""),
    ("quotbal", Refused(400), ""),
    ("ltgtruri", Refused(400), "inferring the URI is allowed; two readings of one request line are not worth it"),
    ("lwsruri", Refused(400), ""),
    ("lwsstart", Refused(400), ""),
    ("trws", Refused(400), "dropping the blanks is allowed; refused for the same reason as ltgtruri"),
    ("escruri", Refused(400), "ignoring the headers part is allowed; whoever wrote it meant something by it"),
    ("baddate", Upper("nobody here reads Date: it is ignored, as the RFC allows"), ""),
    ("regbadct", Upper("registrar: contacts() yields an error, 400"), ""),
    ("badaspec", Refused(400), "dropping the blanks is allowed; see ltgtruri"),
    ("baddn", Refused(400), "guessing the quotes is allowed; a comma separates elements elsewhere"),
    ("badvers", Refused(505), ""),
    ("mismatch01", Refused(400), ""),
    ("mismatch02", Refused(400), "501 would be as good: the CSeq is seen first"),
    ("bigcode", Discarded, ""),
    // 3.2 transaction layer
    ("badbranch", Upper("transactions: has_rfc3261_branch() is false, matched the RFC 2543 way"), ""),
    // 3.3 application layer
    ("insuf", Refused(400), ""),
    ("unkscm", Upper("416"), ""),
    ("novelsc", Upper("416"), ""),
    ("unksm2", Upper("registrar: the To scheme is no SIP one, 400 or 404"), ""),
    ("bext01", Upper("420 with Unsupported"), ""),
    ("invut", Upper("415"), ""),
    ("regaut01", Upper("401: the scheme is none we know"), ""),
    ("multi01", Refused(400), ""),
    ("mcl01", Refused(400), ""),
    ("bcast", Upper("transactions: a response with more Vias than ours is dropped"), ""),
    ("zeromf", Upper("a proxy answers 483, an endpoint answers OPTIONS itself"), ""),
    ("cparam01", Valid, ""),
    ("cparam02", Valid, ""),
    ("regescrt", Valid, ""),
    ("sdp01", Upper("406: the Accept has nothing we can answer with"), ""),
    // 3.4 backward compatibility
    ("inv2543", Valid, "no branch, no tag, no Max-Forwards, no Content-Length"),
    // RFC 5118 sections 4.1 to 4.10
    ("ipv6-good", Valid, ""),
    ("ipv6-bad", Refused(400), ""),
    ("port-ambiguous", Valid, "the last group is 5070, not the port: what the brackets enclose is the address"),
    ("port-unambiguous", Valid, ""),
    ("via-received-param-with-delim", Valid, ""),
    ("via-received-param-no-delim", Valid, ""),
    ("ipv6-in-sdp", Valid, ""),
    ("mult-ip-in-header", Valid, ""),
    ("mult-ip-in-sdp", Valid, ""),
    ("ipv4-mapped-ipv6", Valid, ""),
    ("ipv6-bug-abnf-3-colons", Valid, "read as the two colons that are meant"),
    ("ipv6-correct-abnf-2-colons", Valid, ""),
];

#[expect(clippy::disallowed_methods, reason = "fixtures are files; the engine itself reads none")]
fn bytes_of(name: &str) -> Bytes {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    match std::fs::read_to_string(folder.join(format!("{name}.msg"))) {
        Ok(text) => written_down(&text).into(),
        Err(_) => std::fs::read(folder.join(format!("{name}.dat"))).unwrap_or_else(|e| panic!("{name}: {e}")).into(),
    }
}

fn read(name: &str) -> Message {
    Message::parse(bytes_of(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn source() -> SocketAddr {
    "192.0.2.200:5070".parse().unwrap()
}

#[test]
fn each_message_is_read_or_refused_as_its_row_says() {
    for (name, expect, _) in &CORPUS {
        let bytes = bytes_of(name);
        let result = Message::parse(bytes.clone());
        match expect {
            Valid => assert!(result.is_ok(), "{name}: {:?}", result.err()),
            Upper(whose) => assert!(result.is_ok() && !whose.is_empty(), "{name}: {:?}", result.err()),
            Refused(status) => {
                let error = result.expect_err(name);
                assert_eq!(error.reply().map(|(s, _)| s), Some(*status), "{name}: {error}");
                let answer = reject(&bytes, &error, source()).unwrap_or_else(|| panic!("{name}: no answer"));
                let answer = String::from_utf8_lossy(&answer).into_owned();
                assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{name}: {answer}");
                assert!(answer.ends_with("Content-Length: 0\r\n\r\n"), "{name}: {answer}");
            }
            Discarded => {
                let error = result.expect_err(name);
                assert_eq!(error.reply(), None, "{name}: {error}");
                assert_eq!(reject(&bytes, &error, source()), None, "{name}");
            }
        }
    }
}

#[test]
fn every_fixture_has_its_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let files = std::fs::read_dir(folder).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = files
        .filter_map(|name| Some(name.rsplit_once('.').filter(|(_, kind)| ["msg", "dat"].contains(kind))?.0.to_owned()))
        .collect();
    names.sort();
    let mut rows: Vec<&str> = CORPUS.iter().map(|row| row.0).collect();
    rows.sort_unstable();
    assert_eq!(names, rows);
}

#[test]
fn wsinv_reads_through_its_white_space() {
    let message = read("wsinv");
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.request_uri().unwrap().as_str(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    assert_eq!(message.to().uri_str(), "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(message.to_tag(), Some("1918181833n"));
    assert_eq!(message.from().display_name().as_deref(), Some(r#"J Rosenberg \""#));
    assert_eq!(message.from_tag(), Some("98asjd8"));
    assert_eq!(message.max_forwards(), Some(68));
    assert_eq!((message.cseq().number, message.cseq().method), (9, Method::Invite));
    assert_eq!(message.header("subject"), Some(""));
    let vias: Vec<_> = message.vias().map(|v| (v.transport_str(), v.host(), v.branch())).collect();
    assert_eq!(
        vias,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    let route = message.routes().next().unwrap();
    assert_eq!(route.uri().unwrap().param("lr"), Some(""));
    let Some(Ok(Contact::Address(contact))) = message.contacts().next() else { panic!("no contact") };
    assert_eq!(contact.display_name().as_deref(), Some(r#"Quoted string """#));
    assert_eq!(contact.param("newparam"), Some("newvalue"));
    assert_eq!(contact.param("q"), Some("0.33"));
    assert!(message.header("newfangledheader").unwrap().starts_with("newfangled value"));
    assert!(message.header("newfangledheader").unwrap().ends_with("continued newfangled value"));
    assert_eq!(message.header("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert!(message.body().starts_with(b"v=0\r\n") && message.body().ends_with(b"LPC\r\n"));
}

#[test]
fn intmeth_keeps_every_odd_character() {
    let message = read("intmeth");
    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.method_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(message.cseq().method_str, message.method_str());
    let uri = message.request_uri().unwrap();
    assert_eq!(uri.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host(), "example.com");
    assert_eq!(message.to().display_name().as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7F}"));
    assert_eq!(message.from_tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.max_forwards(), Some(255));
    assert_eq!(message.call_id(), r#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#);
}

#[test]
fn escapes_are_resolved_in_users_only() {
    let message = read("esc01");
    let uri = message.request_uri().unwrap();
    assert_eq!(uri.user_decoded().as_deref(), Some("sips:user@example.com"));
    assert_eq!(uri.host(), "example.net");
    assert_eq!(message.to().uri().unwrap().user_decoded().as_deref(), Some("user"));
    assert_eq!(message.from().uri().unwrap().user_decoded().as_deref(), Some("I have spaces"));

    let message = read("esc02");
    assert_eq!(message.method_str(), "RE%47IST%45R");
    assert_ne!(message.method(), Method::Register);
    assert_eq!(message.to().display_name().as_deref(), Some("%Z%45"));
    assert_eq!(message.contacts().count(), 2, "C%6Fntact is not Contact");

    let message = read("escnull");
    let users: Vec<_> = message
        .contacts()
        .filter_map(|c| match c {
            Ok(Contact::Address(address)) => Some(address.uri().ok()?.user_decoded()?.into_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(users, ["\0", "\0\0"]);
}

#[test]
fn bodies_end_where_content_length_says() {
    assert_eq!(read("dblreq").body(), b"");
    assert_eq!(read("dblreq").method(), Method::Register);
    let multipart = read("mpart01");
    assert!(multipart.body().ends_with(b"--7a9cbec02ceef655--\r\n") && multipart.body().contains(&0));
    assert!(read("inv2543").body().ends_with(b"RTP/AVP 0\r\n"));
}

#[test]
fn reasons_may_be_empty_or_not_ascii() {
    assert_eq!(read("noreason").reason(), "");
    assert_eq!(read("noreason").status(), Some(100));
    assert!(read("unreason").reason().starts_with("= 2**3 * 5**2 но сто"));
}

#[test]
fn a_long_request_keeps_its_order_beyond_the_index() {
    let message = read("longreq");
    assert_eq!(message.vias().count(), 34);
    assert_eq!(message.vias().last().unwrap().received(), Some("192.0.2.5"));
    assert_eq!(message.all_headers().count(), 43);
    assert_eq!(message.header("content-type"), Some("application/sdp"));
}

#[test]
fn what_is_left_to_others_can_be_seen_by_them() {
    assert!(!read("badbranch").via().has_rfc3261_branch());
    assert_eq!(read("unkscm").request_uri().unwrap().scheme(), Scheme::Other);
    assert_eq!(read("novelsc").request_uri().unwrap().as_str(), "soap.beep://192.0.2.103:3002");
    assert_eq!(read("unksm2").to().uri().unwrap().scheme(), Scheme::Other);
    let required = read("bext01");
    let required: Vec<_> = required.token_list("Require").collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(read("invut").content_type(), Some("application/unknownformat"));
    assert!(read("regaut01").header("Authorization").unwrap().starts_with("NoOneKnowsThisScheme"));
    assert_eq!(read("zeromf").max_forwards(), Some(0));
    assert!(read("regbadct").contacts().all(|contact| contact.is_err()));
    assert_eq!(read("transports").vias().filter(|via| via.transport().is_none()).count(), 2);
    assert_eq!(read("sdp01").token_list("accept").collect::<Vec<_>>(), ["text/nobodyKnowsThis"]);
    assert_eq!(read("semiuri").request_uri().unwrap().user(), Some("user;par=u%40example.net"));
}

#[test]
fn contact_parameters_belong_to_what_encloses_them() {
    let with = |name: &str, check: fn(&tandem_sip::message::NameAddr<'_>) -> bool| {
        let message = read(name);
        let Some(Ok(Contact::Address(contact))) = message.contacts().next() else { panic!("{name}: no contact") };
        assert!(check(&contact), "{name}");
    };
    with("cparam01", |c| c.param("unknownparam").is_some() && c.uri().unwrap().param("unknownparam").is_none());
    with("cparam02", |c| c.param("unknownparam").is_none() && c.uri().unwrap().param("unknownparam").is_some());
    with("regescrt", |c| c.uri().unwrap().headers().get("route") == Some("%3Csip:sip.example.com%3E"));
}
