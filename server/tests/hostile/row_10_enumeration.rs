//! Row 10: whether a user exists, and how far a guess was right, show neither in words nor in time.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::alone;
use crate::common::tandem::PASSWORD;
use crate::proof::Proof;
use crate::size::count;
use crate::statistics::mann_whitney_p;
use crate::stranger::Stranger;
use crate::target::Target;

/// A REGISTER for `user` with a wrong response that begins with this digit.
fn guess(stranger: &Stranger, target: &Target, nonce: &Proof, user: &str, password: &str, spoilt: usize) -> String {
    let domain = target.tandem.domain();
    let mut proof = Proof { username: user.into(), password: password.into(), ..nonce.clone() };
    let right = proof.header("REGISTER");
    let response = right.split("response=\"").nth(1).and_then(|r| r.get(..32)).expect("a response").to_owned();
    // The digit at this place is wrong; those before are right when the password is.
    let wrong = if response.as_bytes()[spoilt] == b'0' { "1" } else { "0" };
    proof.response = Some(format!("{}{wrong}{}", &response[..spoilt], &response[spoilt + 1..]));
    let headers = format!(
        "From: <sip:{user}@{domain}>;tag=1\r\nTo: <sip:{user}@{domain}>\r\nAuthorization: {}\r\n",
        proof.header("REGISTER")
    );
    stranger.request("REGISTER", &format!("sip:{domain}"), &headers, "")
}

#[test]
fn a_known_user_and_an_unknown_one_take_as_long_and_so_do_near_and_far_guesses() {
    let _turn = alone();
    let mut target = Target::start_listening_to_all();
    let samples = count(1_500, 20_000);
    // Addresses that end in 0 and 1 are one.
    let mut sources = (0x0a0100..).filter(|n| n & 0xff != 0);
    // Names of one length; a password that is right but for one digit of its hash.
    for (what, a, b) in [
        ("known and unknown", ("alice", "guess", 0), ("zlice", "guess", 0)),
        ("the first and the last digit", ("alice", PASSWORD, 0), ("alice", PASSWORD, 31)),
    ] {
        // Chance finds a difference in one of a hundred tries: it must find it three times.
        let p = (0..3).map(|_| times(&target, samples, &mut sources, a, b)).find(|p| *p > 0.01);
        println!("{what}: p = {p:?} of {samples} samples each");
        assert!(p.is_some(), "{what} differ in time, three times over");
    }
    target.unharmed("after measuring");
}

/// Takes both in turns, in an order that changes, and compares the times.
fn times(
    target: &Target,
    samples: usize,
    sources: &mut impl Iterator<Item = u32>,
    a: (&str, &str, usize),
    b: (&str, &str, usize),
) -> f64 {
    let mut stranger = target.stranger(0x0a01);
    let domain = target.tandem.domain();
    let uri = format!("sip:{domain}");
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    let mut nonce: Option<Proof> = None;
    for n in 0..samples + 50 {
        // Ten wrong guesses of one user are all that is heard from one source.
        if n % 4 == 0 {
            stranger = target.stranger(sources.next().unwrap_or_default());
            nonce = None;
        }
        let nonce = nonce.get_or_insert_with(|| {
            let challenge = stranger.answer(&stranger.request("REGISTER", &uri, "", ""));
            Proof::of(&challenge, "MD5", "", "", &uri)
        });
        // Of each source one is asked first, and of the next the other: who comes first may wait for cold caches.
        let turn = if (n % 4 < 2) == (n % 8 < 4) { [true, false] } else { [false, true] };
        for is_a in turn {
            let (user, password, spoilt) = if is_a { a } else { b };
            let text = guess(&stranger, target, nonce, user, password, spoilt);
            let since = Instant::now();
            let reply = stranger.answer(&text);
            let took = since.elapsed().as_nanos() as u64;
            assert_eq!(reply.status(), 401, "{reply:?}");
            // The first are of cold caches.
            if n >= 50 {
                if is_a { of_a.push(took) } else { of_b.push(took) }
            }
        }
    }
    let p = mann_whitney_p(&of_a, &of_b);
    of_a.sort_unstable();
    of_b.sort_unstable();
    println!("p = {p:.4}, medians {} and {} ns", of_a[of_a.len() / 2], of_b[of_b.len() / 2]);
    p
}

#[test]
fn every_method_answers_about_a_known_user_as_about_an_unknown_one() {
    let mut target = Target::start_listening_to_all();
    let domain = target.tandem.domain();
    let mut stranger = target.stranger(0x0a02);
    for method in
        ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "INFO", "NOTIFY", "PUBLISH", "REFER", "UPDATE"]
    {
        let answers = ["alice", "zlice"].map(|user| {
            let uri = if method == "REGISTER" { format!("sip:{domain}") } else { format!("sip:{user}@{domain}") };
            let names = format!("To: <sip:{user}@{domain}>\r\nFrom: <sip:{user}@{domain}>;tag=1\r\n");
            let text = stranger.request(method, &uri, &names, "");
            let reply = stranger.answer(&text);
            let names: Vec<String> =
                reply.headers.iter().map(|(n, v)| format!("{n} of {}", v.replace(user, "").len())).collect();
            (reply.start.clone(), names)
        });
        // Call-IDs and branches count up, so their lengths may differ by a digit: names and their order decide.
        let bare = |names: &[String]| {
            names.iter().map(|n| n.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(answers[0].0, answers[1].0, "{method}");
        assert_eq!(bare(&answers[0].1), bare(&answers[1].1), "{method}");
    }
    target.unharmed("after questions about users");
}

/// The scanner that most attackers use, from Debian's package.
#[test]
fn sipvicious_finds_no_user_and_no_password() {
    let mut target = Target::start_listening_to_all();
    let (ip, port) = (target.tandem.sip.ip().to_string(), target.tandem.sip.port().to_string());
    let number =
        target.tandem.endpoint("101", serde_json::json!({"outbound_policy": "block", "password": "1234-of-101"}));
    assert!(number["id"].is_string());
    // svwar asks for extensions 100 to 110 by each method it knows; 101 exists.
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let found = run(Command::new("svwar").args(["-e100-110", "-m", method, "--force", "-p", &port, &ip]));
        let listed: Vec<&str> = found.lines().filter(|l| l.starts_with('|') && l.contains("10")).collect();
        // Finding all alike is finding nobody.
        let all = listed.len() >= 10 && listed.iter().all(|l| l.split('|').nth(2) == listed[0].split('|').nth(2));
        assert!(listed.is_empty() || all, "svwar -m {method}:\n{found}");
    }
    let cracked = run(Command::new("svcrack").args(["-u101", "-r1000-1100", "-p", &port, &ip]));
    assert!(!cracked.contains("| 101"), "svcrack:\n{cracked}");
    target.unharmed("after sipvicious");
}

fn run(command: &mut Command) -> String {
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("sipvicious does not start ({e}): tools/setup.sh test installs it"));
    let end = Instant::now() + Duration::from_secs(40);
    while Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let output = child.wait_with_output().expect("its output");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
