use actix_web::http::Method;
use serde_json::{Value, json};

use super::*;

const ENDPOINTS: &str = "/api/relay/rest/endpoints/sip";
const APPS: &str = "/api/relay/rest/domain_applications";
const PROFILE: &str = "/api/relay/rest/sip_profile";

pub(super) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields named in a 422.
pub(super) fn named(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 422, "{}", reply.text);
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    for e in &errors {
        assert_eq!(
            (&e["status"], &e["code"], &e["title"]),
            (&json!("422"), &json!("422"), &json!("Invalid Attribute"))
        );
    }
    errors.iter().map(|e| e["detail"].as_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn an_endpoint_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let sent = json!({"username": "alice", "password": "s3cret!", "caller_id": "Alice", "send_as": "+15551230000",
        "ciphers": ["AES_CM_128_HMAC_SHA1_80"], "codecs": ["OPUS", "PCMU"], "encryption": "required",
        "dtmf": "info", "call_handler": "laml_webhooks", "call_request_url": "https://app.example.com/in", "call_request_method": "GET"});
    let made = api.json(Method::POST, ENDPOINTS, sent).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    let domain = "acme-2a0de1fa319d.sip.sw.example.com";
    for (key, value) in [
        ("type", json!("sip_endpoint")),
        ("username", json!("alice")),
        ("caller_id", json!("Alice")),
        ("send_as", json!("+15551230000")),
        ("ciphers", json!(["AES_CM_128_HMAC_SHA1_80"])),
        ("codecs", json!(["OPUS", "PCMU"])),
        ("encryption", json!("required")),
        ("dtmf", json!("info")),
        ("call_handler", json!("laml_webhooks")),
        ("call_request_url", json!("https://app.example.com/in")),
        ("call_request_method", json!("GET")),
        ("call_fallback_url", Value::Null),
        ("call_fallback_method", json!("POST")),
        ("calling_handler_resource_id", Value::Null),
        ("call_relay_context", Value::Null),
        ("call_flow_version", Value::Null),
        ("outbound_policy", Value::Null),
        ("max_contacts", Value::Null),
        ("contact_overflow", Value::Null),
        ("domain", json!(domain)),
        ("uri", json!(format!("sip:alice@{domain}"))),
        ("registered", json!(true)),
    ] {
        assert_eq!(body[key], value, "{key}");
        assert!(keys(&body).contains(&key), "{key}");
    }
    assert_eq!(body["contacts"][0]["source"], "192.0.2.7:5060");
    assert!(!made.text.contains("s3cret") && !keys(&body).contains(&"password"));

    let path = format!("{ENDPOINTS}/{}", body["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json(), body);
    let changed =
        api.json(Method::PUT, &path, json!({"caller_id": null, "codecs": [], "outbound_policy": "passthrough"})).await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!(changed["caller_id"], Value::Null);
    assert_eq!(changed["codecs"], json!(["OPUS", "PCMU", "PCMA"]), "an empty list means the profile's");
    assert_eq!(changed["outbound_policy"], "passthrough");
    assert_eq!(changed["send_as"], "+15551230000", "what was not sent stays");
    assert_eq!(api.json(Method::PATCH, &path, json!({"password": "new"})).await.status, 200);
    let directory = api.state.store.directory().borrow().clone();
    let expected = crate::store::digest_secrets("alice", "sw.example.com", "new");
    assert_eq!(directory.endpoint("alice").unwrap().secrets, expected);

    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.json(), json!({"error": "Not Found"}));
    assert_eq!(api.delete(&path).await.status, 404);
    assert_eq!(api.json(Method::PUT, &path, json!({})).await.status, 404);
    assert_eq!(api.get(&format!("{ENDPOINTS}/not-a-uuid")).await.status, 404);
}

#[actix_web::test]
async fn wrong_endpoint_fields_are_all_named() {
    let api = Api::new().await;
    let good = json!({"username": "bob", "password": "p"});
    let made = api.json(Method::POST, ENDPOINTS, good).await.json();
    for (sent, fields) in [
        (json!({}), vec!["username", "password"]),
        (json!({"username": "", "password": ""}), vec!["username", "password"]),
        (json!({"username": 7, "password": true}), vec!["username", "password", "password"]),
        (json!({"username": "a b", "password": "p"}), vec!["username"]),
        (json!({"username": "a@b", "password": "p"}), vec!["username"]),
        (json!({"username": "a\u{0}b", "password": "p"}), vec!["username"]),
        (json!({"username": "a\"b", "password": "p"}), vec!["username"]),
        (json!({"username": "ünï", "password": "p"}), vec!["username"]),
        (json!({"username": "BOB", "password": "p"}), vec!["username"]),
        (json!({"username": "c", "password": "p", "send_as": "5551"}), vec!["send_as"]),
        (json!({"username": "c", "password": "p", "codecs": ["MP3"]}), vec!["codecs"]),
        (json!({"username": "c", "password": "p", "codecs": "PCMU"}), vec!["codecs"]),
        (
            json!({"username": "c", "password": "p", "ciphers": ["ROT13"], "encryption": "maybe"}),
            vec!["ciphers", "encryption"],
        ),
        (json!({"username": "c", "password": "p", "dtmf": "smoke"}), vec!["dtmf"]),
        (json!({"username": "c", "password": "p", "outbound_policy": "x"}), vec!["outbound_policy"]),
        (json!({"username": "c", "password": "p", "call_handler": "laml_webhooks"}), vec!["call_request_url"]),
        (json!({"username": "c", "password": "p", "call_handler": "x"}), vec!["call_handler"]),
        (json!({"username": "c", "password": "p", "call_request_url": "ftp://x"}), vec!["call_request_url"]),
        (json!({"username": "c", "password": "p", "call_request_method": "PUT"}), vec!["call_request_method"]),
    ] {
        let mut found = named(&api.json(Method::POST, ENDPOINTS, sent.clone()).await);
        found.dedup();
        let mut fields = fields;
        fields.dedup();
        assert_eq!(found, fields, "{sent}");
    }
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    assert_eq!(named(&api.json(Method::PUT, &path, json!({"username": "bobby"})).await), ["password"]);
    assert_eq!(api.json(Method::PUT, &path, json!({"username": "bobby", "password": "q"})).await.status, 200);
    assert_eq!(named(&api.json(Method::PUT, &path, json!({"username": null})).await), ["username"]);
}

#[actix_web::test]
async fn bodies_that_are_no_json_object_are_bad_requests() {
    let api = Api::new().await;
    let huge = format!("{{\"username\":\"{}\"}}", "x".repeat(BODY_BYTES_MAX));
    for body in ["{", "[]", "7", "\"x\"", "{\"a\":1}{", "\u{0}", &"[".repeat(10_000), &huge] {
        let request = TestRequest::post().uri(ENDPOINTS).set_payload(body.to_owned());
        let reply = api.ask(request).await;
        assert_eq!((reply.status, reply.json()), (400, json!({"error": "Bad Request"})), "{:.20}", body);
    }
}

#[actix_web::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let api = Api::new().await;
    for n in 1..=5 {
        let sent =
            json!({"username": format!("user{n}"), "password": "p", "caller_id": if n == 3 { "Desk" } else { "" }});
        assert_eq!(api.json(Method::POST, ENDPOINTS, sent).await.status, 201);
    }
    let names = |reply: &Reply| -> Vec<String> {
        assert_eq!(reply.status, 200, "{}", reply.text);
        let data = reply.json()["data"].as_array().unwrap().clone();
        data.iter().map(|e| e["username"].as_str().unwrap().to_owned()).collect()
    };
    let all = api.get(ENDPOINTS).await;
    assert_eq!(names(&all), ["user5", "user4", "user3", "user2", "user1"]);
    assert_eq!(keys(&all.json()["links"]), ["first", "self"]);
    assert_eq!(names(&api.get(&format!("{ENDPOINTS}?filter_username=R3")).await), ["user3"]);
    assert_eq!(names(&api.get(&format!("{ENDPOINTS}?filter_caller_id=des")).await), ["user3"]);

    let mut reply = api.get(&format!("{ENDPOINTS}?page_size=2&filter_username=user")).await;
    let mut seen = names(&reply);
    while let Some(next) = reply.json()["links"]["next"].as_str() {
        assert!(next.contains("filter_username=user"), "{next}");
        reply = api.get(next).await;
        seen.extend(names(&reply));
    }
    assert_eq!(seen, ["user5", "user4", "user3", "user2", "user1"]);
    let prev = reply.json()["links"]["prev"].as_str().unwrap().to_owned();
    assert_eq!(names(&api.get(&prev).await), ["user3", "user2"]);

    for query in [
        "page_size=0",
        "page_size=1001",
        "page_size=x",
        "page_number=-1",
        "page_number=1",
        "page_number=1&page_token=x",
    ] {
        assert_eq!(api.get(&format!("{ENDPOINTS}?{query}")).await.status, 422, "{query}");
    }
    assert_eq!(api.get(&format!("{ENDPOINTS}?filter_username=%ff")).await.status, 400);
}

#[actix_web::test]
async fn the_profile_is_shown_and_changed_in_part() {
    let api = Api::new().await;
    let first = api.get(PROFILE).await.json();
    assert_eq!(first["domain"], "acme-2a0de1fa319d.sip.sw.example.com");
    assert_eq!(first["default_outbound_policy"], "block");
    assert_eq!(keys(&first).len(), 7);
    let reply = api
        .json(
            Method::PUT,
            PROFILE,
            json!({"domain_identifier": "desk", "default_send_as": "+15551230000",
        "default_outbound_policy": "passthrough", "default_codecs": ["pcmu"]}),
        )
        .await;
    assert_eq!(reply.status, 201);
    let body = reply.json();
    assert_eq!(body["domain"], "acme-desk.sip.sw.example.com");
    assert_eq!(body["default_codecs"], json!(["PCMU"]));
    assert_eq!(body["default_ciphers"], first["default_ciphers"]);
    assert_eq!(api.get(PROFILE).await.json(), body);
    for (sent, field) in [
        (json!({"domain_identifier": "a.b"}), "domain_identifier"),
        (json!({"domain_identifier": ""}), "domain_identifier"),
        (json!({"default_codecs": []}), "default_codecs"),
        (json!({"default_ciphers": []}), "default_ciphers"),
        (json!({"default_encryption": "default"}), "default_encryption"),
        (json!({"default_send_as": "x"}), "default_send_as"),
        (json!({"default_outbound_policy": null}), "default_outbound_policy"),
    ] {
        assert_eq!(named(&api.json(Method::PUT, PROFILE, sent).await), [field]);
    }
}

#[actix_web::test]
async fn a_domain_application_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let sent = json!({"name": "IVR", "identifier": "ivr", "ip_auth_enabled": true, "ip_auth": ["192.0.2.0/24", "2001:db8::1"],
        "call_handler": "laml_webhooks", "call_request_url": "https://app.example.com/ivr"});
    let made = api.json(Method::POST, APPS, sent).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    for (key, value) in [
        ("type", json!("domain_application")),
        ("domain", json!("acme-ivr")),
        ("uri", json!("sip:anything@acme-ivr.dapp.sw.example.com")),
        ("user", json!("*")),
        ("encryption", json!("optional")),
        ("codecs", json!(["PCMU", "PCMA"])),
        ("ip_auth", json!(["192.0.2.0/24", "2001:db8::1"])),
        ("call_fallback_method", json!("POST")),
    ] {
        assert_eq!(body[key], value, "{key}");
    }
    let path = format!("{APPS}/{}", body["id"].as_str().unwrap());
    let changed = api.json(Method::PUT, &path, json!({"user": "sales", "encryption": "forbidden"})).await;
    assert_eq!((changed.status, &changed.json()["user"]), (200, &json!("sales")));
    for (sent, fields) in [
        (json!({}), vec!["name", "identifier"]),
        (json!({"name": "x", "identifier": "a b"}), vec!["identifier"]),
        (json!({"name": "x", "identifier": "IVR", "user": "sales"}), vec!["identifier"]),
        (json!({"name": "x", "identifier": "y", "encryption": "default"}), vec!["encryption"]),
        (json!({"name": "x", "identifier": "y", "ip_auth": ["10.0.0.0/40"]}), vec!["ip_auth"]),
        (json!({"name": "x", "identifier": "y", "ip_auth_enabled": true}), vec!["ip_auth"]),
        (json!({"name": "x", "identifier": "y", "ip_auth_enabled": "yes"}), vec!["ip_auth_enabled"]),
        (json!({"name": "x", "identifier": "y", "user": "a@b"}), vec!["user"]),
    ] {
        assert_eq!(named(&api.json(Method::POST, APPS, sent.clone()).await), fields, "{sent}");
    }
    assert_eq!(api.get(&format!("{APPS}?filter_domain=acme-IVR")).await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(api.get(&format!("{APPS}?filter_name=none")).await.json()["data"], json!([]));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

#[actix_web::test]
async fn registrations_are_listed_filtered_paged_and_removed() {
    let api = Api::new().await;
    let path = "/api/tandem/registrations";
    let all = api.get(path).await.json();
    let names: Vec<_> = all["data"].as_array().unwrap().iter().map(|c| c["username"].clone()).collect();
    assert_eq!(names, ["alice", "bob", "bob"]);
    for (key, value) in [
        ("uri", json!("sip:alice@192.0.2.7")),
        ("transport", json!("UDP")),
        ("source", json!("192.0.2.7:5060")),
        ("instance", json!("<urn:uuid:1>")),
        ("reg_id", json!(1)),
        ("path", json!(["<sip:edge.example;lr>"])),
        ("q", json!(0.5)),
        ("behind_nat", json!(true)),
        ("reachable", json!(false)),
        ("refreshed_at", json!("1970-01-01T00:00:01Z")),
        ("expires_secs", json!(60)),
    ] {
        assert_eq!(all["data"][0][key], value, "{key}");
    }
    for (query, count) in [
        ("filter_username=BO", 2),
        ("filter_reachable=false", 1),
        ("filter_reachable=TRUE", 2),
        ("filter_reachable=", 3),
        ("page_size=1", 1),
    ] {
        let body = api.get(&format!("{path}?{query}")).await.json();
        assert_eq!(body["data"].as_array().unwrap().len(), count, "{query}");
    }
    for wrong in ["maybe", "1", "tru", "true%20"] {
        assert_eq!(named(&api.get(&format!("{path}?filter_reachable={wrong}")).await), ["filter_reachable"], "{wrong}");
    }
    let one = |n: u8| format!("{path}/{}", super::sid(n));
    assert_eq!(api.get(&one(77)).await.json()["username"], "alice");
    for (id, status) in [(1, 204), (9, 404), (2, 503)] {
        assert_eq!(api.delete(&one(id)).await.status, status, "{id}");
    }
    assert_eq!(api.delete(&format!("{path}/nonsense")).await.status, 404);
}

#[actix_web::test]
async fn an_endpoint_says_how_many_contacts_it_may_have() {
    let api = Api::new().await;
    let fields =
        json!({"username": "alice", "password": "s3cret", "max_contacts": 2, "contact_overflow": "replace_oldest"});
    let made = api.json(Method::POST, ENDPOINTS, fields).await.json();
    assert_eq!((&made["max_contacts"], &made["contact_overflow"]), (&json!(2), &json!("replace_oldest")));
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    for (change, status) in [
        (json!({"max_contacts": 0}), 422),
        (json!({"max_contacts": 101}), 422),
        (json!({"max_contacts": "many"}), 422),
        (json!({"contact_overflow": "drop"}), 422),
        (json!({"max_contacts": null, "contact_overflow": null}), 200),
    ] {
        assert_eq!(api.json(Method::PATCH, &path, change.clone()).await.status, status, "{change}");
    }
    assert_eq!(api.get(&path).await.json()["max_contacts"], Value::Null);
}
