//! What a customer's URL must not reach, whatever it is written like (promises row 18).

use super::super::test_server::{Reply, TestServer, local_client};
use super::super::{WebhookClient, WebhookConfig};
use super::post;

#[tokio::test]
async fn no_notation_of_an_inner_address_is_reached() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let port = server.address.port();
    let client = WebhookClient::new(WebhookConfig::default()).unwrap();
    for (host, rule) in [
        ("127.0.0.1", "loopback"),
        ("2130706433", "loopback"),
        ("0x7f.1", "loopback"),
        ("0177.0.0.1", "loopback"),
        ("127.1", "loopback"),
        ("user:pass@127.0.0.1", "loopback"),
        ("8.8.8.8@127.0.0.1", "loopback"),
        ("localhost", "loopback"),
        ("[::1]", "loopback"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("[::ffff:7f00:1]", "loopback"),
        ("0.0.0.0", "this-network"),
        ("169.254.169.254", "link-local"),
        ("10.0.0.1", "private"),
        ("172.20.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "carrier-grade"),
        ("[fd00::1]", "unique-local"),
        ("[fe80::1]", "link-local"),
        ("224.0.0.1", "multicast"),
    ] {
        let failure = client.fetch(&post(format!("http://{host}:{port}/"), &[])).await.unwrap_err();
        assert_eq!(failure.code, 11200, "{host}: {failure:?}");
        assert!(failure.message.contains(rule), "{host}: {failure:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn only_http_and_https_are_spoken() {
    let client = local_client(|_| ());
    for url in ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "unix:/run/x", "not a url"] {
        assert_eq!(client.fetch(&post(url, &[])).await.unwrap_err().code, 11100, "{url}");
    }
}

#[tokio::test]
async fn a_redirect_is_guarded_like_the_first_request() {
    let server = TestServer::start(|seen, _| Reply::redirect("302 Found", &format!("http:/{}", seen.path))).await;
    let client = local_client(|_| ());
    for (inside, rule) in [("10.0.0.1", "private"), ("169.254.169.254", "link-local"), ("[::1]", "loopback")] {
        let failure = client.fetch(&post(server.url(&format!("/{inside}/x")), &[])).await.unwrap_err();
        assert_eq!(failure.code, 11200, "{failure:?}");
        assert!(failure.message.contains(rule), "{failure:?}");
    }
    let elsewhere = TestServer::start(|_, _| Reply::redirect("302 Found", "file:///etc/passwd")).await;
    let failure = client.fetch(&post(elsewhere.url("/"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11100, "{failure:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_11210() {
    let failure = local_client(|_| ()).fetch(&post("http://nowhere.invalid/#ot=10000", &[])).await.unwrap_err();
    assert_eq!(failure.code, 11210, "{failure:?}");
    assert!(failure.message.contains("nowhere.invalid"), "{failure:?}");
}

#[tokio::test]
async fn a_listed_network_is_reached_by_name_too() {
    let server = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    assert!(local_client(|_| ()).fetch(&post(url, &[])).await.is_ok());
}
