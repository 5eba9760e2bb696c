//! Row 9: credentials that were good once, for somebody, or for something else.

use std::time::Duration;

use crate::common::Message;
use crate::common::tandem::PASSWORD;
use crate::proof::Proof;
use crate::stranger::Stranger;
use crate::target::Target;

struct Bench {
    target: Target,
    stranger: Stranger,
    uri: String,
    aor: String,
}

impl Bench {
    fn new(n: u32) -> Bench {
        let target = Target::start_listening_to_all();
        let domain = target.tandem.domain();
        let stranger = target.stranger(n);
        Bench { stranger, uri: format!("sip:{domain}"), aor: format!("sip:alice@{domain}"), target }
    }

    fn challenge(&mut self) -> Message {
        let reply = self.send("");
        assert_eq!(reply.status(), 401);
        reply
    }

    fn send(&mut self, headers: &str) -> Message {
        let to = format!("From: <{0}>;tag=1\r\nTo: <{0}>\r\n", self.aor);
        let text = self.stranger.request("REGISTER", &self.uri, &format!("{to}{headers}"), "");
        self.stranger.answer(&text)
    }

    fn prove(&mut self, proof: &Proof) -> u16 {
        self.send(&format!("Authorization: {}\r\n", proof.header("REGISTER"))).status()
    }

    fn proof(&mut self) -> Proof {
        let challenge = self.challenge();
        Proof::of(&challenge, "MD5", "alice", PASSWORD, &self.uri)
    }
}

#[test]
fn a_count_works_once_and_a_wrong_response_with_a_far_count_spoils_nothing() {
    let mut bench = Bench::new(0x0901);
    let proof = bench.proof();
    assert_eq!(bench.prove(&proof), 200, "the right answer");
    assert_eq!(bench.prove(&proof), 401, "the same again");
    assert_eq!(bench.prove(&proof.clone().count(2)), 200);
    // Somebody who overheard the nonce says far counts, with wrong responses.
    for nc in [3, 4, 100, 0x7fff_ffff, 0xffff_ffff] {
        let mut forged = proof.clone().count(nc);
        forged.password = "guess".into();
        assert_eq!(bench.prove(&forged), 401);
    }
    // The honest client goes on where it was.
    for nc in 3..8 {
        assert_eq!(bench.prove(&proof.clone().count(nc)), 200, "count {nc}");
    }
    for nc in [0, 1, 5] {
        assert_eq!(bench.prove(&proof.clone().count(nc)), 401, "count {nc} again");
    }
    bench.target.unharmed("after replays");
}

#[test]
fn a_nonce_of_another_user_another_algorithm_or_nobody_is_no_good() {
    let mut bench = Bench::new(0x0902);
    let proof = bench.proof();
    assert_eq!(bench.prove(&proof), 200);
    // Bob's right password on the nonce that alice used.
    let bobs = Proof { username: "bob".into(), ..proof.clone().count(2) };
    assert!(bench.prove(&bobs) >= 400, "another user's nonce");
    for (what, nonce) in [
        ("made up", "0".repeat(64)),
        ("of another length", "00".into()),
        ("empty", String::new()),
        ("cut", proof.nonce[..proof.nonce.len() - 1].to_owned()),
        (
            "with a digit changed",
            format!("{}{}", if proof.nonce.starts_with('0') { '1' } else { '0' }, &proof.nonce[1..]),
        ),
    ] {
        assert_eq!(bench.prove(&Proof { nonce, ..proof.clone() }), 401, "a nonce {what}");
    }
    // MD5 on a nonce given for SHA-256, and the other way round (RFC 8760 section 2.4: no downgrade).
    let challenge = bench.challenge();
    let sha = Proof::of(&challenge, "SHA-256", "alice", PASSWORD, &bench.uri);
    let md5 = Proof::of(&challenge, "MD5", "alice", PASSWORD, &bench.uri);
    assert_eq!(bench.prove(&Proof { algorithm: "MD5".into(), ..sha.clone() }), 401, "MD5 on the nonce of SHA-256");
    assert_eq!(bench.prove(&Proof { algorithm: "SHA-256".into(), ..md5.clone() }), 401, "SHA-256 on the nonce of MD5");
    assert_eq!(bench.prove(&sha), 200);
    assert_eq!(bench.prove(&md5), 200);
    bench.target.unharmed("after others' nonces");
}

#[test]
fn a_proof_for_another_uri_method_body_or_without_qop_is_no_good() {
    let mut bench = Bench::new(0x0903);
    let domain = bench.target.tandem.domain();
    let proof = bench.proof();
    for (what, uri) in [
        ("of another user", format!("sip:alice@{domain}")),
        ("of another domain", "sip:other.example".to_owned()),
        ("of nobody", String::new()),
        ("of any", "*".into()),
    ] {
        assert_eq!(bench.prove(&Proof { uri, ..proof.clone() }), 401, "a URI {what}");
    }
    let for_invite = format!("Authorization: {}\r\n", proof.header("INVITE"));
    assert_eq!(bench.send(&for_invite).status(), 401, "signed for INVITE");
    assert_eq!(bench.prove(&Proof { qop: None, ..proof.clone() }), 401, "without qop");
    let with_body = Proof { qop: Some("auth-int"), body: "another body".into(), ..proof.clone() };
    assert_eq!(bench.prove(&with_body), 401, "auth-int over another body");
    for spoilt in [
        proof.header("REGISTER").replace("nc=00000001", "nc=zzzzzzzz"),
        proof.header("REGISTER").replace("nc=00000001", "nc=1"),
        proof.header("REGISTER").replace("nc=00000001, ", "").replace(", nc=00000001", ""),
        proof.header("REGISTER").replace("cnonce=\"abcd\", ", ""),
        proof.header("REGISTER").replace("username=\"alice\"", "username=\"alice\", username=\"bob\""),
        proof.header("REGISTER").replace("Digest", "Basic"),
        "Basic YWxpY2U6b3Blbi1zZXNhbWUtNDI=".to_owned(),
        format!("Digest {}", "x=\"1\",".repeat(5_000)),
        "Digest".into(),
    ] {
        let status = bench.send(&format!("Authorization: {spoilt}\r\n")).status();
        assert!(matches!(status, 400 | 401 | 403), "{}: {status}", &spoilt[..spoilt.len().min(200)]);
    }
    // The nonce is as good as it was.
    assert_eq!(bench.prove(&proof), 200);
    bench.target.unharmed("after proofs for something else");
}

#[test]
fn a_client_that_keeps_its_nonce_is_never_taken_for_an_attack() {
    let mut bench = Bench::new(0x0904);
    let proof = bench.proof();
    for nc in 1..=60 {
        assert_eq!(bench.prove(&proof.clone().count(nc)), 200, "count {nc}");
    }
    // What it sends twice because an answer was lost costs it one challenge, and no more.
    assert_eq!(bench.prove(&proof.clone().count(60)), 401);
    assert_eq!(bench.prove(&proof.clone().count(61)), 200);
    let replies = bench.stranger.hear_all(Duration::from_millis(50));
    assert!(replies.iter().all(|m| m.status() != 403 && m.status() != 503));
    bench.target.unharmed("after an honest client");
}
