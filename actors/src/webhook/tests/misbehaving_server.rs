//! Every way a server can fail a fetch, each with its code and in bounded time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::test_server::{Reply, TestServer, local_client};
use super::post;

/// The code and message of a fetch from a server that answers with `reply`, and how long it took.
async fn failure(fragment: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> (u32, String, Duration) {
    let server = TestServer::start(move |_, _| reply()).await;
    let started = Instant::now();
    let failure = local_client(|_| ()).fetch(&post(server.url(fragment), &[])).await.unwrap_err();
    (failure.code, failure.message, started.elapsed())
}

#[tokio::test]
async fn error_statuses_are_11217_and_a_502_is_11200() {
    for (line, code) in [
        ("500 Oops", 11217),
        ("404 Not Found", 11217),
        ("403 Forbidden", 11217),
        ("304 Not Modified", 11217),
        ("302 Found", 11217),
        ("502 Bad Gateway", 11200),
    ] {
        let (got, message, _) = failure("/", move || Reply::status(line)).await;
        assert_eq!(got, code, "{line}: {message}");
        assert!(message.contains(&line[..3]), "{message}");
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_the_time_of_the_fragment() {
    let slow = || Reply::After(Duration::from_secs(30), Box::new(Reply::xml("<Response/>")));
    let (code, message, took) = failure("/#ot=100&rt=300", slow).await;
    assert_eq!(code, 11200, "{message}");
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(2), "{took:?}");
    let (code, message, took) = failure("/#tt=200", slow).await;
    assert_eq!(code, 11200, "{message}");
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn silence_within_the_body_counts_as_a_timeout() {
    let hang = || Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Resp".to_vec());
    let (code, message, took) = failure("/#rt=200", hang).await;
    assert_eq!(code, 11200, "{message}");
    assert!(message.contains("silent"), "{message}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_reset_or_a_close_half_way_is_11200() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Resp";
    for bytes in [&half[..], b"HTTP/1.1 200 O", b""] {
        // The URL's own words must not decide.
        let (code, message, _) =
            failure("/HTTP%20version/parsed/chunk?a=tls+handshake", move || Reply::Reset(bytes.to_vec())).await;
        assert_eq!(code, 11200, "{message}");
    }
}

#[tokio::test]
async fn a_malformed_response_is_11251_and_one_that_is_not_http_1_at_all_11300() {
    for (bytes, code) in [
        (&b"\x00\x01\x02 garbage garbage garbage\r\n\r\n"[..], 11300),
        (b"HTTP/1.1 abc OK\r\n\r\n", 11251),
        (b"HTTP/1.1 200 OK\r\nBad Header\x01: x\r\n\r\n", 11251),
        (b"HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n", 11251),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 11251),
        (b"HTTP/9.1 200 OK\r\n\r\n", 11300),
    ] {
        let (got, message, _) = failure("/", move || Reply::Hang(bytes.to_vec())).await;
        assert_eq!(got, code, "{:?}: {message}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_taken_and_one_byte_more_is_11750() {
    let server = TestServer::start(|seen, _| {
        let bytes: usize = seen.path[1..].parse().unwrap();
        Reply::ok("text/xml", "x".repeat(bytes))
    })
    .await;
    let client = local_client(|_| ());
    assert_eq!(client.fetch(&post(server.url("/65536"), &[])).await.unwrap().body.len(), 65_536);
    assert_eq!(client.fetch(&post(server.url("/65537"), &[])).await.unwrap_err().code, 11750);
}

#[tokio::test]
async fn fifty_megabytes_are_cut_off_early() {
    let server = TestServer::start(|_, _| Reply::Flood(50 << 20)).await;
    let failure = local_client(|_| ()).fetch(&post(server.url("/"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11750, "{failure:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let flooded = server.flooded.load(Ordering::SeqCst);
    assert!(flooded < 12 << 20, "the server could send {flooded} bytes");
}

#[tokio::test]
async fn a_redirect_loop_ends_with_11215() {
    let (code, message, _) = failure("/", || Reply::redirect("302 Found", "/")).await;
    assert_eq!(code, 11215, "{message}");
}

#[tokio::test]
async fn a_refused_connection_is_11200_at_once() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    let failure = local_client(|_| ()).fetch(&post(format!("http://{address}/"), &[])).await.unwrap_err();
    assert_eq!(failure.code, 11200, "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_connection_nobody_takes_is_given_up_after_the_connect_time() {
    // A full accept queue leaves further connections unanswered.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _fill: Vec<_> = (0..3)
        .map(|_| {
            let filler = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&address.into());
            filler
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    let url = format!("http://{address}/#ot=500");
    let failure = local_client(|_| ()).fetch(&post(url, &[])).await.unwrap_err();
    let took = started.elapsed();
    assert_eq!(failure.code, 11200, "{failure:?}");
    assert!(failure.message.contains("no connection"), "{failure:?}");
    assert!(took >= Duration::from_millis(450) && took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_slow_host_at_its_bound_holds_up_no_other() {
    let slow = TestServer::start(|_, _| Reply::Hang(Vec::new())).await;
    let fast = TestServer::start(|_, _| Reply::xml("<Response/>")).await;
    let client = local_client(|config| {
        config.limits.in_flight_per_host_max = 2;
        config.limits.in_flight_max = 8;
    });
    let stuck: Vec<_> = (0..10)
        .map(|_| {
            let (client, request) = (client.clone(), post(slow.url("/#tt=3000"), &[]));
            tokio::spawn(async move { client.fetch(&request).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(slow.requests().len(), 2);
    let started = Instant::now();
    client.fetch(&post(fast.url("/"), &[])).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    for task in stuck {
        assert_eq!(task.await.unwrap().unwrap_err().code, 11200);
    }
}
