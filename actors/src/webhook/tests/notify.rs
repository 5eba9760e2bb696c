use std::time::Duration;

use super::super::NotifyOutcome;
use super::super::test_server::{Reply, TestServer, local_client};
use super::post;

#[tokio::test]
async fn any_2xx_is_a_delivery() {
    for line in ["200 OK", "201 Created", "202 Accepted"] {
        let server = TestServer::start(move |_, _| Reply::status(line)).await;
        let outcome = local_client(|_| ()).notify(&post(server.url("/"), &[("SequenceNumber", "0")])).await;
        assert_eq!(outcome, NotifyOutcome::Delivered { tries: 1 }, "{line}");
    }
    let server = TestServer::start(|_, _| Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let outcome = local_client(|_| ()).notify(&post(server.url("/"), &[])).await;
    assert_eq!(outcome, NotifyOutcome::Delivered { tries: 1 });
}

#[tokio::test]
async fn a_failure_is_tried_again_under_the_same_token() {
    let server = TestServer::start(|_, number| match number {
        0 => Reply::status("500 Oops"),
        1 => Reply::Reset(Vec::new()),
        _ => Reply::status("200 OK"),
    })
    .await;
    let client = local_client(|_| ());
    let outcome = client.notify(&post(server.url("/"), &[("SequenceNumber", "0")])).await;
    assert_eq!(outcome, NotifyOutcome::Delivered { tries: 3 });
    let token = |n: usize| server.requests()[n].header("x-tandem-idempotency-token").map(str::to_owned);
    assert!(token(0).is_some());
    assert_eq!((token(0), token(1)), (token(1), token(2)));
    client.notify(&post(server.url("/"), &[])).await;
    assert_ne!(token(3), token(0));
}

#[tokio::test]
async fn after_three_tries_it_is_given_up_with_the_last_reason() {
    let server = TestServer::start(|_, _| Reply::status("503 Busy")).await;
    let outcome = local_client(|_| ()).notify(&post(server.url("/"), &[])).await;
    let NotifyOutcome::Failed { tries: 3, failure, outage: true } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code, 11217);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_url_that_can_never_work_is_not_tried_again() {
    let client = local_client(|config| config.limits.retry_pauses = vec![Duration::from_secs(600); 2]);
    let outcome = client.notify(&post("gopher://127.0.0.1/", &[])).await;
    assert!(matches!(outcome, NotifyOutcome::Failed { tries: 1, .. }), "{outcome:?}");
}
