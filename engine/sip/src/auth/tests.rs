//! Both sides against the published vectors, against each other, and against rows 9 and 10 of the promises.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{SeedEntropy, Timestamp, limits};

use super::algorithm::{Algorithm, Counted, Proof, Qop, work};
use super::*;
use crate::message::Message;

const REALM: &str = "example.org";
const URI: &str = "sip:example.org";
const T: Timestamp = Timestamp::from_secs(500);
const ALICE: Account<'_> = Account { username: "alice", password: "correct horse" };

#[test]
fn answers_are_those_of_the_rfcs() {
    const RFC2617: &str = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    const RFC2069: &str = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
    const RFC7616_MD5: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
    const RFC7616_SHA256: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (section, challenge, password, cnonce, response) in [
        ("RFC 2617 3.5", RFC2617, "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1"),
        ("RFC 2069 2.4, erratum 749", RFC2069, "CircleOfLife", "unused", "1949323746fe6a43ef61f9606e7febea"),
        ("RFC 7616 3.9.1, MD5", RFC7616_MD5, "Circle of Life", CNONCE, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "RFC 7616 3.9.1, SHA-256",
            RFC7616_SHA256,
            "Circle of Life",
            CNONCE,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let challenge = Challenge::strongest(Role::UserAgent, [challenge].into_iter()).unwrap();
        let account = Account { username: "Mufasa", password };
        let value = challenge.answer_with("GET", "/dir/index.html", account, 1, cnonce);
        assert!(value.contains(&format!("response=\"{response}\"")), "{section}: {value}");
    }
}

/// The example of FIPS 180-4.
#[test]
fn sha_512_256_is_the_hash_of_that_name_and_not_a_cut_sha_512() {
    let expected = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23";
    assert_eq!(Algorithm::Sha512_256.hash(&[b"abc"]), expected);
}

#[test]
fn session_algorithms_take_both_nonces_into_the_secret() {
    for (algorithm, plain) in
        [("MD5-sess", Algorithm::Md5), ("SHA-256-sess", Algorithm::Sha256), ("SHA-512-256-sess", Algorithm::Sha512_256)]
    {
        for qop in ["qop=\"auth\", ", ""] {
            let text = format!("Digest realm=\"r\", {qop}nonce=\"n\", algorithm={algorithm}");
            let challenge = Challenge::strongest(Role::Proxy, [text.as_str()].into_iter()).unwrap();
            let value = challenge.answer_with("INVITE", "sip:b", Account { username: "u", password: "p" }, 2, "c");
            let hash = |parts: &[&str]| plain.hash(&parts.iter().map(|p| p.as_bytes()).collect::<Vec<_>>());
            let a1 = hash(&[&hash(&["u", "r", "p"]), "n", "c"]);
            let a2 = hash(&["INVITE", "sip:b"]);
            let expected = match qop {
                "" => hash(&[&a1, "n", &a2]),
                _ => hash(&[&a1, "n", "00000002", "c", "auth", &a2]),
            };
            assert!(value.contains(&expected), "{value}");
            assert!(value.contains("cnonce=\"c\""), "the peer cannot check without: {value}");
            assert_eq!(value.contains("nc=00000002"), !qop.is_empty());
        }
    }
}

#[test]
fn the_strongest_challenge_we_can_answer_is_chosen() {
    let of = |realm: &str, rest: &str| format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\"{rest}");
    let md5 = of("md5", ", algorithm=MD5");
    let sha = of("sha", ", algorithm=sha-256");
    let none = of("none", "");
    let sha512 = of("sha512", ", algorithm=SHA-512-256");
    let unknown = of("unknown", ", algorithm=SHA-3");
    let int = sha.replace("\"auth\"", "\"auth-int\"");
    let basic = "Basic realm=\"basic\"".to_owned();
    for (values, realm) in [
        (vec![&md5, &sha], Some("sha")),
        (vec![&sha, &md5], Some("sha")),
        (vec![&unknown, &md5], Some("md5")),
        (vec![&md5, &sha512, &sha], Some("sha512")),
        (vec![&int, &none, &md5], Some("none")),
        (vec![&basic, &unknown, &int], None),
        (vec![], None),
    ] {
        let found = Challenge::strongest(Role::UserAgent, values.iter().map(|v| v.as_str()));
        assert_eq!(found.as_ref().map(|c| c.realm.as_str()), realm, "{values:?}");
    }
}

#[test]
fn a_challenge_is_read_from_401_and_407_and_from_nothing_else() {
    for (status, header, expected) in [
        (401, "WWW-Authenticate", Some("Authorization")),
        (407, "Proxy-Authenticate", Some("Proxy-Authorization")),
        (401, "Proxy-Authenticate", None),
        (403, "WWW-Authenticate", None),
    ] {
        let text = format!(
            "SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{header}: Digest realm=\"r\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n"
        );
        let response = Message::parse(Bytes::from(text)).unwrap();
        let name = Challenge::from_response(&response)
            .map(|c| c.answer("INVITE", "sip:b@h", ALICE, 1, &mut SeedEntropy::new(1)).0);
        assert_eq!(name, expected, "{status} {header}");
    }
}

/// A server, and what an attacker or an honest client sends it.
struct World {
    challenger: Challenger,
    entropy: SeedEntropy,
    secrets: Ha1Set,
}

/// Credentials made by hand; `default` ones are honest.
#[derive(Clone)]
struct Forge {
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    nc: String,
    cnonce: String,
    algorithm: Algorithm,
    password: String,
    method: &'static str,
    /// Proved with `auth-int` where there is one.
    body: Option<&'static str>,
    /// Appended; may replace `qop`.
    tail: &'static str,
}

impl Forge {
    fn value(&self) -> String {
        let ha1 = self.algorithm.ha1(&self.username, REALM, &self.password);
        let qop = self.body.map_or(Qop::Auth, |body| Qop::AuthInt(body.as_bytes()));
        let counted = Some(Counted { nc: &self.nc, cnonce: &self.cnonce, qop: Some(qop) });
        let proof = Proof { nonce: &self.nonce, method: self.method, uri: &self.uri, counted };
        format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}, nc={}, \
             cnonce=\"{}\"{}",
            self.username,
            self.realm,
            self.nonce,
            self.uri,
            self.algorithm.response(&ha1, &proof),
            self.algorithm.as_str(),
            self.nc,
            self.cnonce,
            self.tail,
        )
    }
}

fn borrowed(set: &Ha1Set) -> Secrets<'_> {
    Secrets { md5: &set.md5, sha256: &set.sha256, sha512_256: &set.sha512_256 }
}

fn here() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

impl World {
    fn new() -> Self {
        let mut entropy = SeedEntropy::new(42);
        let challenger = Challenger::new(REALM, &mut entropy);
        World { challenger, entropy, secrets: ha1_set(ALICE.username, REALM, ALICE.password) }
    }

    /// What an honest SHA-256 client would send at `now`.
    fn honest(&mut self, now: Timestamp) -> Forge {
        self.honest_from(now, here())
    }

    /// As [`Self::honest`], of a client that was challenged at `source`.
    fn honest_from(&mut self, now: Timestamp, source: IpAddr) -> Forge {
        self.challenged(now, source, Algorithm::Sha256)
    }

    fn challenged(&mut self, now: Timestamp, source: IpAddr, algorithm: Algorithm) -> Forge {
        let values = self.challenger.challenge(now, source, false, &[algorithm], &mut self.entropy);
        forge(&values[0], algorithm)
    }

    fn send(&mut self, now: Timestamp, forge: &Forge) -> Result<String, Refusal> {
        self.send_values(now, &[&forge.value()])
    }

    fn send_values(&mut self, now: Timestamp, values: &[&str]) -> Result<String, Refusal> {
        self.judge(now, &register(URI, values))
    }

    fn judge(&mut self, now: Timestamp, request: &Message) -> Result<String, Refusal> {
        let secrets = &self.secrets;
        self.challenger
            .verify(now, Role::UserAgent, request, |user| (user == ALICE.username).then_some(borrowed(secrets)))
    }
}

fn forge(challenge: &str, algorithm: Algorithm) -> Forge {
    let params = super::params::Params::parse(challenge).unwrap();
    Forge {
        username: ALICE.username.into(),
        realm: REALM.into(),
        nonce: params.get("nonce").unwrap().into(),
        uri: URI.into(),
        nc: "00000001".into(),
        cnonce: "abc".into(),
        algorithm,
        password: ALICE.password.into(),
        method: "REGISTER",
        body: None,
        tail: ", qop=auth",
    }
}

fn register(uri: &str, authorization: &[&str]) -> Message {
    register_with_body(uri, authorization, "")
}

fn register_with_body(uri: &str, authorization: &[&str], body: &str) -> Message {
    let mut text = format!(
        "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
    );
    for value in authorization {
        text += &format!("Authorization: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    Message::parse(Bytes::from(text)).unwrap()
}

const OFFERED: [Algorithm; 3] = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256];

#[test]
fn both_sides_of_this_module_agree_with_every_algorithm_and_role() {
    let mut world = World::new();
    for role in [Role::UserAgent, Role::Proxy] {
        for only in 0..OFFERED.len() {
            let values = world.challenger.challenge(T, here(), false, &OFFERED, &mut world.entropy);
            let challenge = Challenge::strongest(role, [values[only].as_str()].into_iter()).unwrap();
            let (name, value) = challenge.answer("REGISTER", URI, ALICE, 1, &mut world.entropy);
            assert_eq!(name, role.credentials_header());
            let text = String::from_utf8(register(URI, &[&value]).bytes().to_vec()).unwrap();
            let request = Message::parse(Bytes::from(text.replace("Authorization:", &format!("{name}:")))).unwrap();
            let secrets = &world.secrets;
            let verdict = world.challenger.verify(T, role, &request, |_| Some(borrowed(secrets)));
            assert_eq!(verdict.as_deref(), Ok("alice"), "{value}");
        }
    }
}

#[test]
fn algorithms_are_offered_in_the_order_asked_for_and_each_challenge_has_all_it_needs() {
    let mut world = World::new();
    for stale in [false, true] {
        let values = world.challenger.challenge(T, here(), stale, &OFFERED, &mut world.entropy);
        let read = |value: &str, name: &str| super::params::Params::parse(value).unwrap().get(name).map(str::to_owned);
        let order: Vec<_> = values.iter().map(|v| read(v, "algorithm").unwrap()).collect();
        assert_eq!(order, ["MD5", "SHA-256", "SHA-512-256"]);
        for value in &values {
            assert_eq!(read(value, "realm").as_deref(), Some(REALM));
            assert_eq!(read(value, "qop").as_deref(), Some("auth"));
            assert_eq!(read(value, "stale").as_deref(), stale.then_some("true"));
            assert!(read(value, "nonce").is_some());
        }
    }
}

/// RFC 7616 section 3.4.3: the body is part of what is proved.
#[test]
fn auth_int_protects_the_body_where_it_is_offered() {
    let mut world = World::new();
    world.challenger = world.challenger.offer_auth_int(true);
    let values = world.challenger.challenge(T, here(), false, &OFFERED, &mut world.entropy);
    assert!(values.iter().all(|v| v.contains("qop=\"auth,auth-int\"")), "{values:?}");
    for (proved, sent, verdict) in [
        ("v=0", "v=0", Ok("alice".to_owned())),
        ("", "", Ok("alice".to_owned())),
        ("v=0", "v=1", Err(Refusal::WrongPassword)),
        ("v=0", "", Err(Refusal::WrongPassword)),
    ] {
        let forged = Forge { body: Some(proved), tail: ", qop=auth-int", ..world.honest(T) };
        let request = register_with_body(URI, &[&forged.value()], sent);
        assert_eq!(world.judge(T, &request), verdict, "{proved:?} sent as {sent:?}");
    }
    // What was proved for one quality is no good for the other.
    let forged = Forge { body: Some("v=0"), tail: ", qop=auth", ..world.honest(T) };
    assert_eq!(world.send(T, &forged), Err(Refusal::WrongPassword));
}

/// One lie of a forged answer.
type Lie = fn(&mut Forge);

/// Promises row 5 (credentials) and row 9.
#[test]
fn no_forged_credentials_are_accepted() {
    let rows: &[(&str, Lie, Refusal)] = &[
        ("wrong password", |f| f.password = "guess".into(), Refusal::WrongPassword),
        ("unknown user", |f| f.username = "mallory".into(), Refusal::UnknownUser),
        ("empty username", |f| f.username.clear(), Refusal::BadUsername),
        ("control character in username", |f| f.username = "alice\u{85}".into(), Refusal::BadUsername),
        ("look-alike username", |f| f.username = "\u{430}lice".into(), Refusal::UnknownUser),
        ("username with a path", |f| f.username = "alice@other.example".into(), Refusal::UnknownUser),
        ("endless username", |f| f.username = "a".repeat(1000), Refusal::BadUsername),
        ("realm of another tenant", |f| f.realm = "other.example".into(), Refusal::NoCredentials),
        ("made-up nonce", |f| f.nonce = "00".repeat(32), Refusal::StaleNonce),
        ("empty nonce", |f| f.nonce.clear(), Refusal::StaleNonce),
        ("downgrade to MD5", |f| f.algorithm = Algorithm::Md5, Refusal::BadAlgorithm),
        ("session algorithm", |f| f.algorithm = Algorithm::Sha256Sess, Refusal::BadAlgorithm),
        ("digest of another method", |f| f.method = "INVITE", Refusal::WrongPassword),
        ("another host", |f| f.uri = "sip:other.example".into(), Refusal::UriMismatch),
        ("another user part", |f| f.uri = "sip:bob@example.org".into(), Refusal::UriMismatch),
        ("another scheme", |f| f.uri = "sips:example.org".into(), Refusal::UriMismatch),
        ("another port", |f| f.uri = "sip:example.org:5070".into(), Refusal::UriMismatch),
        ("no URI", |f| f.uri.clear(), Refusal::UriMismatch),
        ("qop missing", |f| f.tail = "", Refusal::BadQop),
        ("auth-int, which is not offered", |f| f.tail = ", qop=auth-int", Refusal::BadQop),
        ("qop twice", |f| f.tail = ", qop=auth, qop=auth", Refusal::Malformed),
        ("hashed username", |f| f.tail = ", qop=auth, userhash=true", Refusal::BadUsername),
        ("count of zero", |f| f.nc = "00000000".into(), Refusal::Malformed),
        ("short count", |f| f.nc = "1".into(), Refusal::Malformed),
        ("signed count", |f| f.nc = "+0000001".into(), Refusal::Malformed),
        ("empty cnonce", |f| f.cnonce.clear(), Refusal::Malformed),
    ];
    let mut world = World::new();
    for (name, lie, refusal) in rows {
        let mut forged = world.honest(T);
        lie(&mut forged);
        assert_eq!(world.send(T, &forged), Err(*refusal), "{name}");
        assert!(refusal.is_suspicious() || matches!(refusal, Refusal::NoCredentials | Refusal::StaleNonce));
    }
    let honest = world.honest(T);
    assert_eq!(world.send(T, &honest).as_deref(), Ok("alice"), "the rows must fail by their lie alone");
}

#[test]
fn credentials_that_are_not_credentials_are_refused() {
    let mut world = World::new();
    let honest = world.honest(T).value();
    for (values, refusal) in [
        (vec![], Refusal::NoCredentials),
        (vec!["Basic YTpi"], Refusal::NoCredentials),
        (vec!["Digest"], Refusal::Malformed),
        (vec!["Digest username=\"alice"], Refusal::Malformed),
        (vec![honest.as_str(), honest.as_str()], Refusal::Malformed),
        (vec!["Digest realm=\"example.org\""], Refusal::Malformed),
    ] {
        assert_eq!(world.send_values(T, &values), Err(refusal), "{values:?}");
    }
    let short = honest.replace("response=\"", "response=\"00");
    assert_eq!(world.send_values(T, &[&short]), Err(Refusal::Malformed));
}

#[test]
fn credentials_for_other_realms_may_stand_beside_ours() {
    let mut world = World::new();
    let honest = world.honest(T);
    let other = Forge { realm: "other.example".into(), ..honest.clone() }.value();
    assert_eq!(world.send_values(T, &[&other, &honest.value()]).as_deref(), Ok("alice"));
}

#[test]
fn the_digest_uri_may_be_written_otherwise_than_the_request_uri() {
    let mut world = World::new();
    for uri in ["sip:EXAMPLE.org", "sip:example.org:5060", "sip:example.org;transport=tcp"] {
        let forged = Forge { uri: uri.into(), ..world.honest(T) };
        assert_eq!(world.send(T, &forged).as_deref(), Ok("alice"), "{uri}");
    }
}

#[test]
fn a_count_is_good_once_and_a_cached_nonce_goes_on() {
    let mut world = World::new();
    let first = world.honest(T);
    assert!(world.send(T, &first).is_ok());
    assert_eq!(world.send(T, &first), Err(Refusal::Replayed));
    let again = Forge { cnonce: "other".into(), ..first.clone() };
    assert_eq!(world.send(T, &again), Err(Refusal::Replayed), "a new cnonce does not renew the count");
    for nc in 2..=70_u32 {
        let next = Forge { nc: format!("{nc:08x}"), ..first.clone() };
        assert!(world.send(T, &next).is_ok(), "{nc}");
    }
    let late = Forge { nc: "00000003".into(), ..first };
    assert_eq!(world.send(T, &late), Err(Refusal::Replayed), "beyond the window");
}

#[test]
fn a_count_far_ahead_with_a_bad_response_changes_nothing() {
    let mut world = World::new();
    let first = world.honest(T);
    let poison = Forge { nc: "ffffffff".into(), password: "guess".into(), ..first.clone() };
    assert_eq!(world.send(T, &poison), Err(Refusal::WrongPassword));
    assert!(world.send(T, &first).is_ok());
    assert_eq!(world.send(T, &poison), Err(Refusal::WrongPassword));
    let second = Forge { nc: "00000002".into(), ..first };
    assert!(world.send(T, &second).is_ok());
}

#[test]
fn an_old_nonce_is_stale_and_its_honest_client_no_suspect() {
    let mut world = World::new();
    let first = world.honest(T);
    let nearly = T + limits::NONCE_LIFETIME - Duration::from_millis(1);
    assert!(world.send(nearly, &first).is_ok());
    let late = Forge { nc: "00000002".into(), ..first.clone() };
    let refusal = world.send(T + limits::NONCE_LIFETIME, &late).unwrap_err();
    assert_eq!(refusal, Refusal::StaleNonce);
    assert!(refusal.is_stale() && !refusal.is_suspicious());

    let mut restarted = World::new();
    restarted.challenger = Challenger::new(REALM, &mut SeedEntropy::new(43));
    assert_eq!(restarted.send(T, &first), Err(Refusal::StaleNonce), "of a former process");
}

#[test]
fn a_nonce_belongs_to_the_user_who_first_proved_a_password_with_it() {
    let mut world = World::new();
    let alice = world.honest(T);
    assert!(world.send(T, &alice).is_ok());
    let bob = Forge { username: "bob".into(), nc: "00000002".into(), ..alice.clone() };
    let bobs = ha1_set("bob", REALM, ALICE.password);
    let request = register(URI, &[&bob.value()]);
    let verdict = world.challenger.verify(T, Role::UserAgent, &request, |_| Some(borrowed(&bobs)));
    assert_eq!(verdict, Err(Refusal::ForeignNonce));
    assert!(world.send(T, &Forge { nc: "00000002".into(), ..alice }).is_ok(), "alice goes on");
}

#[test]
fn an_account_without_a_secret_for_the_algorithm_lets_nobody_in() {
    let mut world = World::new();
    world.secrets.sha256.clear();
    let honest = world.honest(T);
    assert_eq!(world.send(T, &honest), Err(Refusal::WrongPassword));
    let dummy = Forge { password: String::new(), username: "ghost".into(), ..honest };
    assert_eq!(world.send(T, &dummy), Err(Refusal::UnknownUser));
}

/// Promises row 10: what the peer sees is the challenge, and that depends on `is_stale` alone.
#[test]
fn unknown_users_and_wrong_passwords_look_alike() {
    let mut seen = Vec::new();
    for name in ["alice", "mallory"] {
        let mut world = World::new();
        let forged = Forge { username: name.into(), password: "guess".into(), ..world.honest(T) };
        let refusal = world.send(T, &forged).unwrap_err();
        seen.push(world.challenger.challenge(T, here(), refusal.is_stale(), &OFFERED, &mut world.entropy));
    }
    assert_eq!(seen[0], seen[1]);
    for stale_first in ["alice", "mallory"] {
        let mut world = World::new();
        let forged = Forge { username: stale_first.into(), ..world.honest(T) };
        assert_eq!(world.send(T + limits::NONCE_LIFETIME, &forged), Err(Refusal::StaleNonce), "{stale_first}");
    }
}

#[test]
fn a_digest_made_for_the_servers_own_address_is_taken_and_no_other() {
    let mut world = World::new();
    world.challenger = world.challenger.accept_own_address(|host, port| host == "192.0.2.1" && port == Some(5060));
    let attempts = [
        ("sip:192.0.2.1:5060", Ok(ALICE.username.to_owned())),
        ("sip:bob@192.0.2.1:5060", Err(Refusal::UriMismatch)),
        ("sip:192.0.2.2:5060", Err(Refusal::UriMismatch)),
        ("tel:+15551234", Err(Refusal::UriMismatch)),
    ];
    for (uri, verdict) in attempts {
        let mut forge = world.honest(T);
        forge.uri = uri.into();
        assert_eq!(world.send(T, &forge), verdict, "{uri}");
    }
}

/// Promises row 10, by work instead of time: whoever is asked for, the same hashes of the same lengths are made.
#[test]
fn a_wrong_answer_costs_the_same_whoever_it_is_for_and_however_wrong_it_is() {
    let flip = |value: &str, at: usize| {
        let start = value.find("response=\"").unwrap() + "response=\"".len() + at;
        let other = if value.as_bytes()[start] == b'0' { "1" } else { "0" };
        format!("{}{other}{}", &value[..start], &value[start + 1..])
    };
    let mut costs = Vec::new();
    for algorithm in OFFERED {
        let mut of_algorithm = Vec::new();
        for (name, stored, wrong_at) in [
            ("alice", true, 0),  // the first digit is wrong
            ("alice", true, 31), // all before the last of MD5 are right
            ("alice", false, 0), // no secret for this algorithm
            ("nobod", true, 0),  // no such user
        ] {
            let mut world = World::new();
            if !stored {
                world.secrets = Ha1Set { md5: String::new(), sha256: String::new(), sha512_256: String::new() };
            }
            let forged = Forge { username: name.into(), ..world.challenged(T, here(), algorithm) };
            let request = register(URI, &[&flip(&forged.value(), wrong_at)]);
            work::take();
            let refusal = world.judge(T, &request).unwrap_err();
            assert!(refusal.is_failed_login(), "{refusal:?}");
            of_algorithm.push(work::take());
        }
        assert_eq!(of_algorithm[0].len(), 2, "H(A2) and the response");
        assert!(of_algorithm.iter().all(|cost| *cost == of_algorithm[0]), "{algorithm:?}: {of_algorithm:?}");
        costs.push(of_algorithm);
    }
    assert_ne!(costs[0], costs[1], "the count sees what is hashed");
}

/// As nobody gets a nonce at an address that is not theirs, nobody can make another look guilty.
#[test]
fn wrong_passwords_count_against_who_got_the_nonce_and_never_against_a_forged_address() {
    let mut world = World::new();
    let elsewhere = "198.51.100.9".parse().unwrap();
    let mut last = Ok(String::new());
    for _ in 0..=limits::LOGIN_FAILURES_PER_USER {
        let forged = Forge { password: "guess".into(), ..world.honest_from(T, elsewhere) };
        last = world.send(T, &forged);
    }
    assert_eq!(last, Err(Refusal::TooManyFailures));
    let right = world.honest_from(T, elsewhere).value();
    work::take();
    assert_eq!(
        world.send_values(T, &[&right]),
        Err(Refusal::TooManyFailures),
        "a guess that is right is not told from others"
    );
    assert!(work::take().is_empty(), "and costs nothing");
    let owner = world.honest_from(T, here());
    assert_eq!(world.send(T, &owner).as_deref(), Ok("alice"));
    let later = T + limits::LOGIN_FORGIVEN_USER_EVERY;
    let patient = world.honest_from(later, elsewhere);
    assert_eq!(world.send(later, &patient).as_deref(), Ok("alice"));
}

#[test]
fn an_honest_client_is_never_limited_however_old_its_nonces_are() {
    let mut world = World::new();
    let first = world.honest(T);
    assert!(world.send(T, &first).is_ok());
    for _ in 0..1_000 {
        let replay = world.send(T, &first).unwrap_err();
        assert!(!replay.is_suspicious(), "{replay:?}");
        let late = world.send(T + limits::NONCE_LIFETIME, &first).unwrap_err();
        assert!(!late.is_suspicious(), "{late:?}");
    }
    assert!(world.challenger.limiter().is_empty());
    assert!(world.send(T, &Forge { nc: "00000002".into(), ..first }).is_ok());
}
