//! What a well-behaved server sees and gives.

use std::sync::atomic::Ordering;

use super::super::signature::sign;
use super::super::test_server::{Reply, TestServer, local_client};
use super::{get, post};

#[tokio::test]
async fn a_post_carries_the_form_and_both_signatures_and_returns_the_document() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let url = server.url("/voice?a=1&b=%20x#rt=1000");
    let params = [("From", "+1 555"), ("CallSid", "c"), ("Empty", ""), ("Ümlaut", "ä&b=c")];
    let document = local_client(|_| ()).fetch(&post(&url, &params)).await.unwrap();
    assert_eq!(document.url, server.url("/voice?a=1&b=%20x"));
    assert_eq!(document.content_type.as_deref(), Some("text/xml"));
    assert_eq!(document.body, b"<Response/>");

    let [seen] = &server.requests()[..] else { panic!("one request") };
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/voice?a=1&b=%20x"));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded; charset=utf-8"));
    assert!(seen.header("user-agent").unwrap().starts_with("Tandem/"));
    let form = seen.form();
    assert_eq!(form, params.map(|(n, v)| (n.to_owned(), v.to_owned())));
    let expected = sign("PSK_test", &server.url("/voice?a=1&b=%20x"), &form);
    assert_eq!(seen.header("x-signalwire-signature"), Some(expected.as_str()));
    assert_eq!(seen.header("x-twilio-signature"), Some(expected.as_str()));
    assert_eq!(seen.header("x-tandem-idempotency-token").unwrap().len(), 32);
    assert_eq!(seen.header("x-tandem-idempotency-token"), seen.header("i-twilio-idempotency-token"));
}

#[tokio::test]
async fn a_get_appends_the_parameters_to_the_query_and_signs_the_whole_url() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let client = local_client(|_| ());
    client.fetch(&get(server.url("/voice?a=%2F1"), &[("From", "+1 555")])).await.unwrap();
    client.fetch(&get(server.url("/plain"), &[])).await.unwrap();
    let seen = server.requests();
    assert_eq!(seen[0].path, "/voice?a=%2F1&From=%2B1+555");
    assert_eq!(seen[1].path, "/plain");
    for seen in seen {
        assert_eq!((seen.method.as_str(), seen.body.as_str()), ("GET", ""));
        let expected = sign("PSK_test", &server.url(&seen.path), &[]);
        assert_eq!(seen.header("x-signalwire-signature"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn of_a_repeated_name_the_first_value_is_sent() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    local_client(|_| ()).fetch(&post(server.url("/"), &[("A", "1"), ("B", "2"), ("A", "3")])).await.unwrap();
    assert_eq!(server.requests()[0].body, "A=1&B=2");
}

#[tokio::test]
async fn userinfo_goes_out_as_basic_and_is_not_signed() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let url = format!("http://user:pa%20ss@{}/x", server.address);
    let document = local_client(|_| ()).fetch(&post(&url, &[])).await.unwrap();
    // Relative URLs of the document need the userinfo too.
    assert_eq!(document.url, url);
    let seen = &server.requests()[0];
    assert_eq!(seen.header("authorization"), Some("Basic dXNlcjpwYSBzcw=="));
    assert_eq!(seen.header("x-twilio-signature"), Some(sign("PSK_test", &server.url("/x"), &[]).as_str()));
}

#[tokio::test]
async fn without_a_key_no_signature_is_sent() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    local_client(|config| config.signing_key.clear()).fetch(&post(server.url("/"), &[])).await.unwrap();
    assert_eq!(server.requests()[0].header("x-twilio-signature"), None);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let client = local_client(|_| ());
    for _ in 0..5 {
        client.fetch(&post(server.url("/"), &[])).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_becomes_a_get_without_the_parameters_signed_anew() {
    let server = TestServer::start(|seen, _| match seen.path.as_str() {
        "/a" => Reply::redirect("307 Temporary Redirect", "/b?x=1"),
        "/b?x=1" => Reply::redirect("301 Moved Permanently", "c"),
        _ => Reply::xml("<Response/>"),
    })
    .await;
    let url = format!("http://u:p@{}/a", server.address);
    let document = local_client(|_| ()).fetch(&post(url, &[("Digits", "1")])).await.unwrap();
    assert_eq!(document.url, format!("http://u:p@{}/c", server.address));
    let seen = server.requests();
    assert_eq!(seen.iter().map(|s| s.method.as_str()).collect::<Vec<_>>(), ["POST", "GET", "GET"]);
    assert_eq!((seen[1].body.as_str(), seen[1].header("authorization")), ("", Some("Basic dTpw")));
    let expected = sign("PSK_test", &server.url("/b?x=1"), &[]);
    assert_eq!(seen[1].header("x-twilio-signature"), Some(expected.as_str()));
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_11215() {
    let server = TestServer::start(|seen, _| match seen.path.strip_prefix('/').and_then(|n| n.parse::<u32>().ok()) {
        Some(0) | None => Reply::xml("<Response/>"),
        Some(n) => Reply::redirect("302 Found", &format!("/{}", n - 1)),
    })
    .await;
    let client = local_client(|_| ());
    assert!(client.fetch(&post(server.url("/3"), &[])).await.is_ok());
    let failure = client.fetch(&post(server.url("/4"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11215, "{failure:?}");
    assert_eq!(server.requests().len(), 8);
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credentials() {
    let other = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let location = other.url("/there");
    let server = TestServer::start(move |_, _| Reply::redirect("302 Found", &location)).await;
    let url = format!("http://u:p@{}/", server.address);
    let document = local_client(|_| ()).fetch(&post(url, &[])).await.unwrap();
    assert_eq!(document.url, other.url("/there"));
    assert_eq!(other.requests()[0].header("authorization"), None);
}
