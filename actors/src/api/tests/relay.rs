use actix_web::http::Method;
use serde_json::{Value, json};
use tandem_call::leg::SessionPolicy;

use super::*;

const ENDPOINTS: &str = "/api/relay/rest/endpoints/sip";
const APPS: &str = "/api/relay/rest/domain_applications";
const CARRIERS: &str = "/api/tandem/carriers";
const PROFILE: &str = "/api/relay/rest/sip_profile";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields named in a 422.
fn named(reply: &Reply) -> Vec<String> {
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
async fn a_carrier_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let sent = json!({"name": "alpha", "uri": "sip:gw.example.com:5070;transport=tcp", "username": "u", "password": "hush",
        "patterns": ["+1*", "+445551000000"], "priority": 2, "allow_from": ["192.0.2.5"]});
    let made = api.json(Method::POST, CARRIERS, sent).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    assert!(!made.text.contains("hush"));
    for field in ["allow_from", "dtmf", "id", "name", "patterns", "priority", "type", "uri", "username", "state"] {
        assert!(keys(&body).contains(&field), "{field} is missing");
    }
    assert_eq!((&body["state"]["up"], &body["state"]["registration"]["retry_secs"]), (&json!(false), &json!(40)));
    assert_eq!(body["state"]["retry_after_secs"], 25);
    assert_eq!((&body["codecs"], &body["identity"]), (&json!(["PCMU", "PCMA"]), &json!("from")));
    let path = format!("{CARRIERS}/{}", body["id"].as_str().unwrap());
    assert_eq!(body["dtmf"], "auto");
    let changed = api.json(Method::PUT, &path, json!({"priority": -1, "dtmf": "in_band"})).await;
    assert_eq!((changed.status, &changed.json()["priority"]), (200, &json!(-1)));
    let carrier = api.state.store.directory().borrow().carriers[0].clone();
    assert_eq!(carrier.dtmf, tandem_call::directory::DtmfMethod::InBand);
    assert_eq!(carrier.password.as_deref(), Some("hush"), "what was not sent stays");
    for (sent, fields) in [
        (json!({}), vec!["name", "uri"]),
        (json!({"name": "alpha", "uri": "sip:h"}), vec!["name"]),
        (json!({"name": "b", "uri": "http://h"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:u@h"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h:99999"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h;transport=pigeon"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h\r\nVia: x"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h", "patterns": ["*1"]}), vec!["patterns"]),
        (json!({"name": "b", "uri": "sip:h", "priority": 1.5}), vec!["priority"]),
        (json!({"name": "b", "uri": "sip:h", "dtmf": null}), vec!["dtmf"]),
        (json!({"name": "b", "uri": "sip:h", "allow_from": ["x"]}), vec!["allow_from"]),
        (json!({"name": "b", "uri": "sip:h", "password": "p"}), vec!["username"]),
    ] {
        assert_eq!(named(&api.json(Method::POST, CARRIERS, sent.clone()).await), fields, "{sent}");
    }
    assert_eq!(api.get(CARRIERS).await.json()["data"].as_array().unwrap().len(), 1);
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
    for (query, count) in [("filter_username=BO", 2), ("filter_reachable=false", 1), ("page_size=1", 1)] {
        let body = api.get(&format!("{path}?{query}")).await.json();
        assert_eq!(body["data"].as_array().unwrap().len(), count, "{query}");
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

#[actix_web::test]
async fn a_carriers_policies_are_stored_whole_and_what_is_wrong_is_named() {
    let api = Api::new().await;
    let policy = json!({
        "realm": "carrier.example", "register": true, "registrar": "sip:registrar.example", "register_expires": 300, "tls_verify": false,
        "weight": 70, "failover_on": ["503", "6xx"], "codecs": ["PCMA", "OPUS"], "ciphers": ["AEAD_AES_128_GCM"],
        "encryption": "required", "identity": "pai", "trusted": false, "from_user": "trunk", "from_domain": "acme.example",
        "headers": ["X-Trunk: 7"], "number_format": "national", "country": "de",
        "outbound_rules": [{"prefix": "+49", "replacement": "0", "digits": null}],
        "inbound_rules": [{"prefix": "", "replacement": "+4930", "digits": 6}],
        "calls_per_second": 5, "channels": 30, "options_interval": 30, "down_after": 2, "up_after": 4,
        "session_expires": 600, "min_se": 120,
    });
    let mut sent = json!({"name": "alpha", "uri": "sip:gw.example.com", "username": "u", "password": "hush"});
    sent.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let made = api.json(Method::POST, CARRIERS, sent).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (field, value) in policy.as_object().unwrap() {
        assert_eq!(&made.json()[field], value, "{field}");
    }
    let path = format!("{CARRIERS}/{}", made.json()["id"].as_str().unwrap());
    let changed =
        api.json(Method::PATCH, &path, json!({"channels": null, "country": "AT", "inbound_rules": null})).await;
    assert_eq!((&changed.json()["channels"], &changed.json()["country"]), (&json!(null), &json!("at")));
    assert_eq!(changed.json()["inbound_rules"], json!([]));
    let carrier = api.state.store.directory().borrow().carriers[0].clone();
    assert_eq!((carrier.weight, carrier.limits.calls_per_second, carrier.limits.channels), (70, Some(5), None));
    assert_eq!(carrier.session, SessionPolicy { expires_secs: Some(600), min_se_secs: Some(120) });
    let changed = api.json(Method::PATCH, &path, json!({"session_expires": 0, "min_se": null})).await;
    assert_eq!((&changed.json()["session_expires"], &changed.json()["min_se"]), (&json!(0), &json!(null)));
    assert_eq!(carrier.headers, [("X-Trunk".to_owned(), "7".to_owned())]);

    for (wrong, field) in [
        (json!({"username": null, "password": null}), "username"),
        (json!({"registrar": "http://x"}), "registrar"),
        (json!({"register_expires": 5}), "register_expires"),
        (json!({"weight": 70_000}), "weight"),
        (json!({"failover_on": ["200"]}), "failover_on"),
        (json!({"codecs": []}), "codecs"),
        (json!({"encryption": "default"}), "encryption"),
        (json!({"identity": "passport"}), "identity"),
        (json!({"trusted": "yes"}), "trusted"),
        (json!({"from_user": "a@b"}), "from_user"),
        (json!({"from_domain": "a b"}), "from_domain"),
        (json!({"from_domain": "a;x=y"}), "from_domain"),
        (json!({"headers": ["Via: x"]}), "headers"),
        (json!({"headers": ["v: x"]}), "headers"),
        (json!({"headers": ["X Y: x"]}), "headers"),
        (json!({"headers": ["X-Trunk"]}), "headers"),
        (json!({"number_format": "roman"}), "number_format"),
        (json!({"country": null}), "country"),
        (json!({"country": "zz"}), "country"),
        (json!({"outbound_rules": [{"prefix": "abc"}]}), "outbound_rules"),
        (json!({"outbound_rules": [{"prefix": "0", "strip": 1}]}), "outbound_rules"),
        (json!({"inbound_rules": [{"digits": 0}]}), "inbound_rules"),
        (json!({"inbound_rules": "0>1"}), "inbound_rules"),
        (json!({"calls_per_second": -1}), "calls_per_second"),
        (json!({"channels": "many"}), "channels"),
        (json!({"options_interval": 4_000}), "options_interval"),
        (json!({"down_after": 0}), "down_after"),
        (json!({"up_after": 21}), "up_after"),
        (json!({"session_expires": 60}), "session_expires"),
        (json!({"session_expires": 90_000}), "session_expires"),
        (json!({"session_expires": "never"}), "session_expires"),
        (json!({"session_expires": 100, "min_se": 200}), "session_expires"),
        (json!({"min_se": 30}), "min_se"),
        (json!({"min_se": 0}), "min_se"),
    ] {
        let refused = api.json(Method::PATCH, &path, wrong.clone()).await;
        assert_eq!((refused.status, named(&refused)), (422, vec![field.to_owned()]), "{wrong}: {}", refused.text);
    }
}
