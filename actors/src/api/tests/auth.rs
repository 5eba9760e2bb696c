use std::slice::from_ref;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;
use tandem_model::limits;

use super::*;

/// Every route with every method it answers; a new route belongs here.
fn all_routes() -> Vec<(Method, String)> {
    let id = sid(1).to_string();
    let mut routes = Vec::new();
    let mut add = |path: String, methods: &[Method]| {
        routes.extend(methods.iter().map(|m| (m.clone(), path.clone())));
    };
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    let one = [get.clone(), put.clone(), patch.clone(), delete.clone()];
    for list in [
        "/api/relay/rest/endpoints/sip",
        "/api/relay/rest/domain_applications",
        "/api/relay/rest/phone_numbers",
        "/api/tandem/carriers",
    ] {
        add(list.into(), &[get.clone(), post.clone()]);
        add(format!("{list}/{id}"), &one);
    }
    add("/api/relay/rest/sip_profile".into(), &[get.clone(), put.clone(), patch.clone()]);
    add("/api/tandem/project".into(), &[get.clone(), put.clone(), patch]);
    add(format!("/api/tandem/calls/{id}/events"), from_ref(&get));
    add("/api/tandem/registrations".into(), from_ref(&get));
    add(format!("/api/tandem/registrations/{id}"), &[get.clone(), delete.clone()]);
    for prefix in auth_prefixes() {
        for suffix in ["", ".json"] {
            add(format!("{prefix}/Accounts/{PROJECT}{suffix}"), from_ref(&get));
            add(format!("{prefix}/Accounts/{PROJECT}/Calls{suffix}"), &[get.clone(), post.clone()]);
            let call = format!("{prefix}/Accounts/{PROJECT}/Calls/{id}{suffix}");
            add(call, &[get.clone(), post.clone(), delete.clone()]);
            add(format!("{prefix}/Accounts/{PROJECT}/Recordings/{id}.json"), from_ref(&get));
            add(format!("{prefix}/Accounts{suffix}"), from_ref(&get));
            for resource in ["Applications", "LamlBins", "IncomingPhoneNumbers"] {
                add(format!("{prefix}/Accounts/{PROJECT}/{resource}{suffix}"), &[get.clone(), post.clone()]);
                let one = format!("{prefix}/Accounts/{PROJECT}/{resource}/{id}{suffix}");
                add(one, &[get.clone(), post.clone(), put.clone(), delete.clone()]);
            }
            add(format!("{prefix}/Accounts/{PROJECT}/Recordings{suffix}"), from_ref(&get));
            add(format!("{prefix}/Accounts/{PROJECT}/Recordings/{id}{suffix}"), from_ref(&delete));
            let of_call = format!("{prefix}/Accounts/{PROJECT}/Calls/{id}/Recordings");
            add(format!("{of_call}{suffix}"), &[get.clone(), post.clone()]);
            add(format!("{of_call}/{id}{suffix}"), &[get.clone(), post.clone(), delete.clone()]);
            for absent in ["AvailablePhoneNumbers", "Messages", "Faxes", "Messages/x"] {
                add(format!("{prefix}/Accounts/{PROJECT}/{absent}{suffix}"), &[get.clone(), post.clone()]);
            }
        }
    }
    add("/".into(), from_ref(&get));
    add("/dashboard/endpoints".into(), from_ref(&post));
    add(format!("/dashboard/endpoints/{id}/delete"), from_ref(&post));
    add("/dashboard/project".into(), from_ref(&post));
    for list in ["applications", "bins", "numbers"] {
        add(format!("/dashboard/{list}"), &[get.clone(), post.clone()]);
        add(format!("/dashboard/{list}/{id}/delete"), from_ref(&post));
    }
    add(format!("/dashboard/applications/{id}"), from_ref(&post));
    add(format!("/dashboard/bins/{id}"), &[get.clone(), post.clone()]);
    add("/dashboard/recordings".into(), from_ref(&get));
    add(format!("/dashboard/recordings/{id}/delete"), from_ref(&post));
    for unknown in
        ["/nothing", "/api/relay/rest/nothing", "/2010-04-01/nothing", "/api/laml/2010-04-01/Nothing", "/healthz/x"]
    {
        add(unknown.into(), from_ref(&get));
    }
    routes
}

fn auth_prefixes() -> [&'static str; 2] {
    crate::api::auth::LAML_PREFIXES
}

#[actix_web::test]
async fn no_path_answers_without_credentials_but_health() {
    let api = Api::new().await;
    for (method, path) in all_routes() {
        let request = || TestRequest::with_uri(&path).method(method.clone());
        for (what, request) in [
            ("none", request()),
            ("wrong token", request().insert_header(basic(PROJECT, "PTother"))),
            ("empty token", request().insert_header(basic(PROJECT, ""))),
            ("wrong user", request().insert_header(basic("00000000-0000-4000-8000-000000000001", TOKEN))),
            ("empty user", request().insert_header(basic("", TOKEN))),
            ("bearer", request().insert_header(("authorization", format!("Bearer {TOKEN}")))),
            ("not base64", request().insert_header(("authorization", "Basic %%%"))),
        ] {
            let reply = api.send(request).await;
            assert_eq!(reply.status, 401, "{what}: {method} {path}");
            assert!(reply.headers.contains_key("www-authenticate"));
            if path.contains("2010-04-01") {
                assert_eq!(reply.json()["code"], 20003, "{path}");
                assert_eq!(reply.json()["status"], 401);
            } else if path.starts_with("/api/") {
                assert_eq!(reply.json(), json!({"error": "Unauthorized"}), "{path}");
            }
        }
        let reply = api.ask(request()).await;
        assert_ne!(reply.status, 401, "{method} {path}");
        assert_ne!(reply.status, 405, "{method} {path}");
        assert!(reply.status < 500, "{method} {path}: {}", reply.text);
    }
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(api.send(TestRequest::get().uri(open)).await.status, 200, "{open}");
    }
}

#[actix_web::test]
async fn metrics_can_be_closed() {
    let mut api = Api::new().await;
    api.state.options.metrics_public = false;
    assert_eq!(api.send(TestRequest::get().uri("/metrics")).await.status, 401);
    let reply = api.get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.contains("tandem_api_requests_total{kind=\"401\"} 1"), "{}", reply.text);
}

#[actix_web::test]
async fn the_prefixed_form_of_the_project_id_is_the_same_user_and_account() {
    let api = Api::new().await;
    for (user, account) in [(PROJECT, format!("AC{PROJECT}")), (&*format!("AC{PROJECT}"), PROJECT.to_uppercase())] {
        let path = format!("/2010-04-01/Accounts/{account}/Calls.json");
        let reply = api.send(TestRequest::get().uri(&path).insert_header(basic(user, TOKEN))).await;
        assert_eq!(reply.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn another_account_is_not_found_on_any_path() {
    let api = Api::new().await;
    for (method, path) in all_routes().into_iter().filter(|(_, p)| p.contains(PROJECT)) {
        let foreign = path.replace(PROJECT, "00000000-0000-4000-8000-000000000001");
        let reply = api.ask(TestRequest::with_uri(&foreign).method(method.clone())).await;
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!(20404)), "{method} {foreign}");
    }
}

#[actix_web::test]
async fn unknown_paths_are_not_found_in_the_shape_of_their_part() {
    let api = Api::new().await;
    assert_eq!(api.get("/api/relay/rest/nothing").await.json(), json!({"error": "Not Found"}));
    let laml = api.get(&format!("/2010-04-01/Accounts/{PROJECT}/Nothing")).await;
    assert_eq!((laml.status, &laml.json()["code"]), (404, &json!(20404)));
    assert_eq!(api.get("/nothing").await.status, 404);
}

#[actix_web::test]
async fn readiness_ends_with_draining() {
    let api = Api::new().await;
    api.calls.draining.store(true, Ordering::Relaxed);
    assert_eq!(api.send(TestRequest::get().uri("/readyz")).await.status, 503);
    assert_eq!(api.send(TestRequest::get().uri("/healthz")).await.status, 200);
}

#[actix_web::test]
async fn it_serves_on_a_socket() {
    let api = Api::new().await;
    let (server, addresses) = serve(api.state.clone(), ([127, 0, 0, 1], 0).into()).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(addresses[0]).await.unwrap();
    socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    handle.stop(false).await;
}

#[actix_web::test]
async fn who_guesses_tokens_is_refused_and_others_are_not() {
    let api = Api::new().await;
    let from = |address: &str, token: &str| {
        TestRequest::get().uri("/").peer_addr(address.parse().unwrap()).insert_header(basic(PROJECT, token))
    };
    let (there, here, proxy) = ("192.0.2.1:5000", "192.0.2.2:5000", "127.0.0.1:5000");
    for _ in 0..limits::LOGIN_FAILURES_PER_USER {
        assert_eq!(api.send(from(there, "guess")).await.status, 401);
    }
    let refused = api.send(from(there, TOKEN)).await;
    assert_eq!(refused.status, 429, "a right one looks like the others");
    assert_eq!(refused.headers.get("retry-after").unwrap(), "30");
    assert_eq!(api.send(from(here, TOKEN)).await.status, 200);
    for _ in 0..2 * limits::LOGIN_FAILURES_PER_USER {
        assert_eq!(api.send(from(proxy, "guess")).await.status, 401, "a proxy speaks for many");
    }
    assert_eq!(api.send(from(proxy, TOKEN)).await.status, 200);
}
