use actix_web::http::Method;
use serde_json::{Value, json};
use tandem_call::leg::SessionPolicy;

use super::relay::{keys, named};
use super::*;

const CARRIERS: &str = "/api/tandem/carriers";

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
        (json!({"name": "b", "uri": "sip:h;transport=ws"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h;transport=WSS"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h", "registrar": "sip:h;transport=wss"}), vec!["registrar"]),
        (json!({"name": "b", "uri": "sip:h\r\nVia: x"}), vec!["uri"]),
        (json!({"name": "b", "uri": "sip:h", "patterns": ["*1"]}), vec!["patterns"]),
        (json!({"name": "b", "uri": "sip:h", "priority": 1.5}), vec!["priority"]),
        (json!({"name": "b", "uri": "sip:h", "dtmf": null}), vec!["dtmf"]),
        (json!({"name": "b", "uri": "sip:h", "allow_from": ["x"]}), vec!["allow_from"]),
        (json!({"name": "b", "uri": "sip:h", "password": "p"}), vec!["username"]),
        (json!({"name": "b", "uri": "sip:h", "options_intervall": 5}), vec!["options_intervall"]),
        (json!({"uri": "http://h", "Name": "b", "": null}), vec!["", "Name", "name", "uri"]),
    ] {
        assert_eq!(named(&api.json(Method::POST, CARRIERS, sent.clone()).await), fields, "{sent}");
    }
    assert_eq!(api.get(CARRIERS).await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

#[actix_web::test]
async fn a_carrier_as_it_was_shown_can_be_sent_back_and_copied() {
    let api = Api::new().await;
    for transport in ["udp", "TCP", "Tls"] {
        let uri = format!("sip:gw.example.com;transport={transport}");
        let sent = json!({"name": transport, "uri": uri, "username": "u", "password": "hush"});
        let made = api.json(Method::POST, CARRIERS, sent).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("{CARRIERS}/{}", made.json()["id"].as_str().unwrap());
        let mut shown = api.get(&path).await.json();
        let same = api.json(Method::PUT, &path, shown.clone()).await;
        assert_eq!((same.status, same.json()), (200, shown.clone()));
        shown["name"] = json!(format!("copy of {transport}"));
        let copy = api.json(Method::POST, CARRIERS, shown.clone()).await;
        assert_eq!((copy.status, &copy.json()["name"]), (201, &shown["name"]), "{}", copy.text);
        assert_ne!(copy.json()["id"], shown["id"]);
        let wrong = api.json(Method::PATCH, &path, json!({"priority": 3, "weigth": 5})).await;
        assert_eq!(named(&wrong), ["weigth"]);
        assert_eq!(api.get(&path).await.json()["priority"], 10, "nothing of it was done");
    }
    let many: serde_json::Map<String, Value> = (0..1_000).map(|n| (format!("x{n}"), json!(1))).collect();
    assert_eq!(named(&api.json(Method::POST, CARRIERS, many.into()).await).len(), 34, "32, name and uri");
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
