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
        "down for 7 s, left alone for 25 s",
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

const EVIL: &str = "%3Cscript%3E%22%27%26";

fn only<'p>(reply: &'p Reply, before: &str) -> &'p str {
    let at = reply.text.find(before).unwrap_or_else(|| panic!("{before} in {}", reply.text));
    &reply.text[at + before.len()..at + before.len() + 36]
}

#[actix_web::test]
async fn applications_and_numbers_are_made_changed_and_deleted_by_forms() {
    let api = Api::new().await;
    let form = format!("FriendlyName={EVIL}&VoiceUrl=http://a/v&StatusCallback=");
    assert_eq!(post(&api, "/dashboard/applications", &form, SAME).await.status, 303);
    let page = api.get("/dashboard/applications").await;
    assert!(page.text.contains("&lt;script&gt;&quot;&#39;&amp;") && !page.text.contains("<script"), "{}", page.text);
    let id = only(&page, "/dashboard/applications/").to_owned();
    let change = post(&api, &format!("/dashboard/applications/{id}"), "VoiceUrl=http://a/other", SAME).await;
    assert_eq!(change.status, 303);
    assert!(api.get("/dashboard/applications").await.text.contains("http://a/other"));
    let wrong = post(&api, &format!("/dashboard/applications/{id}"), "VoiceUrl=javascript:x", SAME).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("role=\"alert\""));

    let form = format!("PhoneNumber=%2B15551234567&FriendlyName={EVIL}&VoiceUrl=&VoiceApplicationSid={id}");
    assert_eq!(post(&api, "/dashboard/numbers", &form, SAME).await.status, 303);
    let page = api.get("/dashboard/numbers").await;
    assert!(page.text.contains("+15551234567") && page.text.contains("application &lt;script&gt;"), "{}", page.text);
    assert!(!page.text.contains("<script"));
    assert_eq!(post(&api, "/dashboard/numbers", "PhoneNumber=1", SAME).await.status, 422);
    let number = only(&page, "/dashboard/numbers/").to_owned();
    assert_eq!(post(&api, &format!("/dashboard/applications/{id}/delete"), "", SAME).await.status, 303);
    assert!(api.get("/dashboard/numbers").await.text.contains("an application that is gone"));
    assert_eq!(post(&api, &format!("/dashboard/numbers/{number}/delete"), "", SAME).await.status, 303);
    assert!(api.state.store.catalog().numbers.is_empty() && api.state.store.catalog().applications.is_empty());
}

#[actix_web::test]
async fn a_bin_is_edited_and_previewed() {
    let api = Api::new().await;
    let contents = "%3CResponse%3E%0A%3CSay%3E%7B%7BFrom%7D%7D%3C/Say%3E%0A%3C/Response%3E";
    let made = post(&api, "/dashboard/bins", &format!("Name={EVIL}&Contents={contents}"), SAME).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let path = made.headers.get("location").unwrap().to_str().unwrap().to_owned();
    let page = api.get(&path).await;
    assert!(page.text.contains("&lt;Say&gt;{{From}}&lt;/Say&gt;") && !page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains("&lt;Say&gt;+15550001111&lt;/Say&gt;"), "the preview: {}", page.text);
    let other = api.get(&format!("{path}?params=From%3D%253Cb%253E")).await;
    assert!(other.text.contains("&lt;Say&gt;&amp;lt;b&amp;gt;&lt;/Say&gt;"), "{}", other.text);
    assert_eq!(post(&api, &path, "Contents={{#a}}", SAME).await.status, 422);
    assert_eq!(post(&api, &path, "Name=plain&Contents=x", SAME).await.status, 303);
    let list = api.get("/dashboard/bins").await;
    assert!(list.text.contains(">plain</a>") && list.text.contains(&format!("{URL}/laml-bins/")), "{}", list.text);
    assert_eq!(post(&api, &format!("{path}/delete"), "", SAME).await.status, 303);
    assert_eq!(api.get(&path).await.status, 404);
}

#[actix_web::test]
async fn recordings_are_heard_and_deleted_and_the_dialect_is_chosen() {
    let api = Api::new().await;
    for (n, status) in [(1, RecordingStatus::Completed), (2, RecordingStatus::InProgress)] {
        let record = RecordingRecord::new(sid(n), RecordingSource::RecordVerb, WallTime(1));
        api.state.store.upsert_recording(RecordingRecord { status, ..record });
    }
    let page = api.get("/dashboard/recordings").await;
    assert_eq!(page.text.matches("<audio").count(), 1, "{}", page.text);
    assert!(page.text.contains(&format!("/Recordings/{}.wav", sid(1))));
    assert!(page.headers.get("content-security-policy").unwrap().to_str().unwrap().contains("media-src 'self'"));
    assert_eq!(post(&api, &format!("/dashboard/recordings/{}/delete", sid(2)), "", SAME).await.status, 422);
    assert_eq!(post(&api, &format!("/dashboard/recordings/{}/delete", sid(1)), "", SAME).await.status, 303);
    assert!(!api.get("/dashboard/recordings").await.text.contains("<audio"));

    assert_eq!(post(&api, "/dashboard/project", "dialect=twilio&media_url_protection=true", SAME).await.status, 303);
    assert!(api.get("/").await.text.contains("<option selected>twilio</option>"));
    let shown = api.get("/api/tandem/project").await.json();
    assert_eq!((&shown["dialect"], &shown["media_url_protection"]), (&json!("twilio"), &json!(true)));
    post(&api, "/dashboard/project", "dialect=signalwire", SAME).await;
    assert_eq!(api.get("/api/tandem/project").await.json()["media_url_protection"], json!(false));
}

#[actix_web::test]
async fn no_form_of_another_site_does_anything() {
    let api = Api::new().await;
    let elsewhere = &[("sec-fetch-site", "cross-site")];
    let id = sid(1);
    for path in ["project", "applications", "bins", "numbers"] {
        assert_eq!(post(&api, &format!("/dashboard/{path}"), "Name=a", elsewhere).await.status, 403, "{path}");
    }
    for path in ["applications", "bins", "numbers", "recordings"] {
        let delete = format!("/dashboard/{path}/{id}/delete");
        assert_eq!(post(&api, &delete, "", elsewhere).await.status, 403, "{path}");
    }
    for path in ["applications", "bins"] {
        assert_eq!(post(&api, &format!("/dashboard/{path}/{id}"), "", elsewhere).await.status, 403, "{path}");
    }
}
