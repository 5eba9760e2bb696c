use actix_web::test::TestRequest;
use serde_json::json;

use super::*;

async fn post(api: &Api, path: &str, body: &str, headers: &[(&'static str, &'static str)]) -> Reply {
    let mut request = TestRequest::post().uri(path).set_payload(body.to_owned());
    for header in headers {
        request = request.insert_header(*header);
    }
    api.ask(request.insert_header(("content-type", "application/x-www-form-urlencoded"))).await
}

const SAME: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

#[actix_web::test]
async fn the_page_shows_what_there_is_and_escapes_it() {
    let api = Api::new().await;
    let evil = "<script>alert('x')</script>\"&";
    let sent = json!({"username": "alice", "password": "hush", "caller_id": evil});
    api.json(actix_web::http::Method::POST, "/api/relay/rest/endpoints/sip", sent).await;
    let app = json!({"name": evil, "identifier": "ivr"});
    api.json(actix_web::http::Method::POST, "/api/relay/rest/domain_applications", app).await;
    let carrier = json!({"name": evil, "uri": "sip:gw.example.com"});
    api.json(actix_web::http::Method::POST, "/api/tandem/carriers", carrier).await;
    let mut call = api.calls.put(1, CallStatus::Ringing);
    call.from = evil.into();
    api.calls.live.lock().unwrap().insert(call.sid, call);

    let reply = api.get("/").await;
    assert_eq!(reply.status, 200);
    assert!(!reply.text.contains("<script"), "{}", reply.text);
    assert_eq!(reply.text.matches("&lt;script&gt;alert(&#39;x&#39;)").count(), 4);
    for part in [
        "sip:alice@acme-2a0de1fa319d.sip.sw.example.com",
        "192.0.2.7:5060",
        "acme-ivr.dapp",
        "sip:gw.example.com",
        "ringing",
        "down for 7 s",
        "the carrier said &lt;403&gt;",
    ] {
        assert!(reply.text.contains(part), "{part}");
    }
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(reply.headers.get(name).unwrap(), value);
    }
    let policy = reply.headers.get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
}

#[actix_web::test]
async fn endpoints_are_made_and_deleted_by_its_forms() {
    let api = Api::new().await;
    let reply = post(&api, "/dashboard/endpoints", "username=carol&password=p&caller_id=Carol", SAME).await;
    assert_eq!((reply.status, reply.headers.get("location").unwrap()), (303, &"/".parse().unwrap()));
    let id = api.state.store.catalog().endpoint_by_username("carol").expect("made").id;
    let reply = post(&api, "/dashboard/endpoints", "username=a+b&password=p", SAME).await;
    assert_eq!(reply.status, 422);
    assert!(reply.text.contains("username can&#39;t contain whitespace"), "{}", reply.text);
    let path = format!("/dashboard/endpoints/{id}/delete");
    assert_eq!(post(&api, &path, "", SAME).await.status, 303);
    assert!(api.state.store.catalog().endpoints.is_empty());
    assert_eq!(post(&api, "/dashboard/endpoints/x/delete", "", SAME).await.status, 404);
}

#[actix_web::test]
async fn forms_from_another_site_change_nothing() {
    let api = Api::new().await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example.com"), ("host", "sw.example.com")],
        &[("origin", "null"), ("host", "sw.example.com")],
        &[],
    ] {
        let reply = post(&api, "/dashboard/endpoints", "username=eve&password=p", headers).await;
        assert_eq!(reply.status, 403, "{headers:?}");
        assert_eq!(post(&api, &format!("/dashboard/endpoints/{}/delete", sid(1)), "", headers).await.status, 403);
    }
    assert!(api.state.store.catalog().endpoints.is_empty());
}

#[actix_web::test]
async fn the_account_is_the_project() {
    let api = Api::new().await;
    let reply = api.get(&format!("/2010-04-01/Accounts/{PROJECT}.json")).await;
    assert_eq!((reply.status, &reply.json()["sid"], &reply.json()["status"]), (200, &json!(PROJECT), &json!("active")));
}
