//! The Twilio dialect: retries by the fragment, and cookies that a call keeps.

use std::time::Duration;

use tandem_laml::Dialect;

use super::super::test_server::{Reply, TestServer, local_client};
use super::super::{DialectSource, NotifyOutcome, Session, WebhookClient};
use super::{get, post};

fn twilio() -> WebhookClient {
    local_client(|config| config.dialect = DialectSource::new(|| Dialect::Twilio))
}

#[tokio::test]
async fn an_instruction_is_tried_again_as_the_fragment_says_under_one_token() {
    let server = TestServer::start(|_, number| match number {
        0 | 1 => Reply::status("503 Busy"),
        _ => Reply::xml("<Response/>"),
    })
    .await;
    let client = twilio();
    assert_eq!(
        client.fetch(&post(server.url("/"), &[])).await.unwrap_err().code,
        11217,
        "only for connections by itself"
    );
    assert_eq!(server.requests().len(), 1);
    let document = client.fetch(&post(server.url("/#rc=3&rp=5xx"), &[])).await.unwrap();
    assert_eq!(document.body, b"<Response/>");
    let seen = server.requests();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].header("i-twilio-idempotency-token"), seen[2].header("i-twilio-idempotency-token"));
    assert_ne!(seen[0].header("i-twilio-idempotency-token"), seen[1].header("i-twilio-idempotency-token"));
}

#[tokio::test]
async fn the_dialect_of_signalwire_tries_an_instruction_once() {
    let server = TestServer::start(|_, _| Reply::status("503 Busy")).await;
    local_client(|_| ()).fetch(&post(server.url("/#rc=3&rp=all"), &[])).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn all_tries_together_have_the_total_time() {
    let server =
        TestServer::start(|_, _| Reply::After(Duration::from_secs(30), Box::new(Reply::xml("<Response/>")))).await;
    let failure = twilio().fetch(&post(server.url("/#rc=5&rp=all&rt=100&ct=100&tt=450"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11200);
    assert!((2..=3).contains(&server.requests().len()), "{}", server.requests().len());
}

#[tokio::test]
async fn a_notification_is_tried_as_often_as_the_fragment_says() {
    let server = TestServer::start(|_, _| Reply::status("500 Oops")).await;
    for (fragment, tries) in [("", 1), ("#rc=0&rp=all", 1), ("#rc=4&rp=5xx", 5), ("#rc=4&rp=4xx", 1)] {
        let before = server.requests().len();
        let outcome = twilio().notify(&post(server.url(&format!("/{fragment}")), &[])).await;
        assert!(
            matches!(outcome, NotifyOutcome::Failed { tries: n, outage: true, .. } if n == tries),
            "{fragment}: {outcome:?}"
        );
        assert_eq!(server.requests().len() - before, usize::try_from(tries).unwrap(), "{fragment}");
    }
}

#[tokio::test]
async fn a_call_keeps_the_cookies_of_its_servers_and_shows_them_to_no_other() {
    let other = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let location = format!("http://localhost:{}/there", other.address.port());
    let server = TestServer::start(move |seen, _| match seen.path.as_str() {
        "/login" => Reply::with("302 Found", &[("Location", "/in"), ("Set-Cookie", "session=1; Path=/; HttpOnly")], ""),
        "/away" => Reply::redirect("302 Found", &location),
        "/logout" => {
            Reply::with("200 OK", &[("Content-Type", "text/xml"), ("Set-Cookie", "session=; Path=/; Max-Age=0")], "x")
        }
        _ => {
            Reply::with("200 OK", &[("Content-Type", "text/xml"), ("Set-Cookie", "menu=2; Path=/menu")], "<Response/>")
        }
    })
    .await;
    let (client, session) = (twilio(), Session::default());
    for path in ["/login", "/menu/a", "/menu/b", "/away", "/logout", "/after"] {
        client.fetch_in(&session, &get(server.url(path), &[])).await.unwrap();
    }
    client.fetch_in(&Session::default(), &get(server.url("/another-call"), &[])).await.unwrap();
    let cookies: Vec<_> =
        server.requests().iter().map(|s| (s.path.clone(), s.header("cookie").map(str::to_owned))).collect();
    let expected = [
        ("/login", None),
        ("/in", Some("session=1")),
        ("/menu/a", Some("menu=2; session=1")),
        ("/menu/b", Some("menu=2; session=1")),
        ("/away", Some("session=1")),
        ("/logout", Some("session=1")),
        ("/after", None),
        ("/another-call", None),
    ];
    assert_eq!(cookies, expected.map(|(path, cookie)| (path.to_owned(), cookie.map(str::to_owned))));
    assert_eq!(other.requests()[0].header("cookie"), None);

    let plain = local_client(|_| ());
    let session = Session::default();
    for _ in 0..2 {
        plain.fetch_in(&session, &get(server.url("/login"), &[])).await.unwrap();
    }
    assert!(server.requests()[8..].iter().all(|s| s.header("cookie").is_none()), "the other dialect keeps none");
}
