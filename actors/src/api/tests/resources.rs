//! Applications, bins, numbers, the account and the project.

use actix_web::http::Method;
use serde_json::{Value, json};
use tandem_call::directory::{Handler, NumberHandler};
use tandem_laml::Dialect;
use tandem_laml::instruction::{Method as Verb, StatusEvents};
use tandem_model::limits;

use super::*;

fn account(below: &str) -> String {
    format!("/2010-04-01/Accounts/{PROJECT}{below}")
}

async fn made(api: &Api, below: &str, form: &str) -> Value {
    let reply = api.form(&account(below), form).await;
    assert_eq!(reply.status, 201, "{below} {form}: {}", reply.text);
    reply.json()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn code(reply: &Reply) -> (u16, u64) {
    (reply.status, reply.json()["code"].as_u64().unwrap_or(0))
}

#[actix_web::test]
async fn an_application_is_made_changed_listed_and_deleted() {
    let api = Api::new().await;
    let form = "FriendlyName=Menu&VoiceUrl=http://a/v&VoiceMethod=get&VoiceFallbackUrl=http://a/f&StatusCallback=http://a/s\
        &SmsUrl=http://a/m&VoiceCallerIdLookup=False";
    let app = made(&api, "/Applications.json", form).await;
    for (key, value) in [
        ("account_sid", json!(PROJECT)),
        ("friendly_name", json!("Menu")),
        ("voice_url", json!("http://a/v")),
        ("voice_method", json!("GET")),
        ("voice_fallback_url", json!("http://a/f")),
        ("voice_fallback_method", json!("POST")),
        ("status_callback", json!("http://a/s")),
        ("voice_caller_id_lookup", json!(false)),
        ("sms_url", json!("http://a/m")),
        ("sms_fallback_url", Value::Null),
        ("message_status_callback", Value::Null),
        ("api_version", json!("2010-04-01")),
    ] {
        assert_eq!(app[key], value, "{key}");
        assert!(app.as_object().unwrap().contains_key(key), "{key}");
    }
    let path = format!("/Applications/{}", text(&app, "sid"));
    assert_eq!(app["uri"], json!(format!("/api/laml{}", account(&path))));
    let changed = api.form(&account(&format!("{path}.json")), "VoiceUrl=&VoiceMethod=POST").await.json();
    assert_eq!((&changed["voice_url"], &changed["voice_method"]), (&Value::Null, &json!("POST")));
    assert_eq!(changed["friendly_name"], "Menu", "what was not sent stays");
    made(&api, "/Applications", "FriendlyName=Other").await;
    let list = api.get(&account("/Applications.json?FriendlyName=Menu")).await.json();
    assert_eq!(list["applications"], json!([changed]));
    assert_eq!(list.as_object().unwrap().len(), 7, "meta keys and one list");
    for (form, wanted) in [
        ("", 20002),
        ("FriendlyName=", 20002),
        (&format!("FriendlyName={}", "x".repeat(65)), 20002),
        ("FriendlyName=a&VoiceUrl=ftp://a", 21402),
        ("FriendlyName=a&StatusCallback=x", 21402),
        ("FriendlyName=a&VoiceMethod=PUT", 13221),
        ("FriendlyName=a&VoiceCallerIdLookup=true", 10001),
    ] {
        assert_eq!(code(&api.form(&account("/Applications"), form).await), (400, wanted), "{form}");
    }
    assert_eq!(api.delete(&account(&path)).await.status, 204);
    assert_eq!(code(&api.delete(&account(&path)).await), (404, 20404));
    assert_eq!(code(&api.get(&account(&path)).await), (404, 20404));
    assert_eq!(code(&api.form(&account(&path), "VoiceUrl=").await), (404, 20404));
}

#[actix_web::test]
async fn a_call_of_an_application_runs_its_webhooks_whatever_is_named_beside_it() {
    let api = Api::new().await;
    let form =
        "FriendlyName=a&VoiceUrl=http://a/v&VoiceMethod=GET&VoiceFallbackUrl=http://a/f&StatusCallback=http://a/s";
    let app = made(&api, "/Applications", form).await;
    let empty = made(&api, "/Applications", "FriendlyName=b").await;
    let call = |sid: &str| {
        format!("To=sip:bob%40h&From=a&ApplicationSid={sid}&Url=x&FallbackUrl=http://b/&StatusCallbackEvent=ringing")
    };
    let reply = api.form(&account("/Calls"), &call(text(&app, "sid"))).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let created = api.calls.created.lock().unwrap().pop().unwrap();
    assert_eq!(created.document, CallDocument::Url { url: "http://a/v".into(), method: Verb::Get });
    assert_eq!(created.fallback, Some(("http://a/f".into(), Verb::Post)));
    let callback = created.status_callback.unwrap();
    assert_eq!(callback.url, "http://a/s");
    assert_eq!(callback.events, StatusEvents { initiated: false, ringing: false, answered: false, completed: true });
    for sid in [text(&empty, "sid"), "x", &sid(1).to_string()] {
        assert_eq!(code(&api.form(&account("/Calls"), &call(sid)).await), (400, 21218), "{sid}");
    }
}

#[actix_web::test]
async fn what_refers_to_an_application_follows_its_changes_and_picks_nothing_up_without_it() {
    let api = Api::new().await;
    let app = made(&api, "/Applications", "FriendlyName=a&VoiceUrl=http://a/one").await;
    let id = text(&app, "sid");
    let runs = |more: Value| {
        let mut fields = json!({"call_handler": "laml_application", "call_laml_application_id": id});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let endpoint = runs(json!({"username": "alice", "password": "p"}));
    assert_eq!(api.json(Method::POST, "/api/relay/rest/endpoints/sip", endpoint).await.status, 201);
    let domain_app = runs(json!({"name": "m", "identifier": "m"}));
    assert_eq!(api.json(Method::POST, "/api/relay/rest/domain_applications", domain_app).await.status, 201);
    let number = runs(json!({"number": "+15551234567"}));
    assert_eq!(api.json(Method::POST, "/api/relay/rest/phone_numbers", number).await.status, 201);
    let wrong = json!({"username": "bob", "password": "p", "call_handler": "laml_application",
        "call_laml_application_id": sid(3).to_string()});
    assert_eq!(api.json(Method::POST, "/api/relay/rest/endpoints/sip", wrong).await.status, 422);

    let urls = || {
        let directory = api.state.store.directory().borrow().clone();
        let of = |handler: &Handler| match handler {
            Handler::LamlWebhooks(hooks) => hooks.request_url.clone(),
            other => format!("{other:?}"),
        };
        let number = match &directory.numbers["+15551234567"].handler {
            NumberHandler::Laml(hooks) => hooks.request_url.clone(),
            other => format!("{other:?}"),
        };
        [of(&directory.endpoints["alice"].handler), of(&directory.domain_apps[0].handler), number]
    };
    assert_eq!(urls(), ["http://a/one"; 3]);
    api.form(&account(&format!("/Applications/{id}")), "VoiceUrl=http://a/two").await;
    assert_eq!(urls(), ["http://a/two"; 3]);
    api.delete(&account(&format!("/Applications/{id}"))).await;
    assert_eq!(urls(), [""; 3], "a webhook without a URL: refused, and not dialled as without a handler");
}

#[actix_web::test]
async fn a_bin_is_made_rendered_for_anybody_counted_and_deleted() {
    let api = Api::new().await;
    let contents = "<Response><Say>{{From}} {{Team}}</Say></Response>";
    let bin = made(&api, "/LamlBins", &format!("Name=hello&Contents={contents}")).await;
    let id = text(&bin, "sid");
    for (key, value) in [
        ("name", json!("hello")),
        ("contents", json!(contents)),
        ("request_url", json!(format!("{URL}/laml-bins/{id}"))),
        ("num_requests", json!(0)),
        ("date_last_accessed", Value::Null),
        ("account_sid", json!(PROJECT)),
    ] {
        assert_eq!(bin[key], value, "{key}");
    }
    assert!(text(&bin, "date_created").ends_with('Z'), "ISO dates");
    let open =
        |request: TestRequest| api.send(request.insert_header(("content-type", "application/x-www-form-urlencoded")));
    let path = format!("/laml-bins/{id}");
    let posted = open(TestRequest::post().uri(&format!("{path}?Team=Blue")).set_payload("From=%3C1%3E")).await;
    assert_eq!((posted.status, &*posted.text), (200, "<Response><Say>&lt;1&gt; Blue</Say></Response>"));
    assert_eq!(posted.headers.get("content-type").unwrap(), "application/xml; charset=utf-8");
    let got = open(TestRequest::get().uri(&format!("{path}?From=2"))).await;
    assert_eq!(got.text, "<Response><Say>2 </Say></Response>");
    let shown = api.get(&account(&format!("/LamlBins/{id}.json"))).await.json();
    assert_eq!(shown["num_requests"], 2);
    assert!(shown["date_last_accessed"].is_string());
    assert_eq!(api.get(&account("/LamlBins")).await.json()["laml_bins"], json!([shown]));

    assert_eq!(open(TestRequest::get().uri("/laml-bins/x")).await.status, 404);
    assert_eq!(open(TestRequest::get().uri(&format!("/laml-bins/{}", sid(1)))).await.status, 404);
    assert_eq!(open(TestRequest::post().uri(&path).set_payload("%")).await.status, 400);
    for (form, wanted) in [
        ("Contents=x", 20422),
        (&*format!("Name={}", "x".repeat(65)), 20002),
        ("Name=a&Contents={{#a}}", 20422),
        ("Name=a&Contents={{>a}}", 20422),
        (&format!("Name=a&Contents={}", "x".repeat(64 * 1024 + 1)), 20422),
    ] {
        assert_eq!(code(&api.form(&account("/LamlBins"), form).await), (400, wanted), "{form:.40}");
    }
    let renamed = api.form(&account(&format!("/LamlBins/{id}")), "Name=other").await.json();
    assert_eq!((&renamed["name"], &renamed["contents"]), (&json!("other"), &json!(contents)));
    assert_eq!(api.delete(&account(&format!("/LamlBins/{id}"))).await.status, 204);
    assert_eq!(open(TestRequest::get().uri(&path)).await.status, 404);
}

#[actix_web::test]
async fn a_number_of_one_api_is_the_number_of_the_other() {
    let api = Api::new().await;
    let app = made(&api, "/Applications", "FriendlyName=a&VoiceUrl=http://app/").await;
    let form = "PhoneNumber=%2B1+(555)+123-4567&FriendlyName=Front+desk&VoiceUrl=http://a/v&StatusCallback=http://a/s";
    let number = made(&api, "/IncomingPhoneNumbers.json", form).await;
    let id = text(&number, "sid");
    for (key, value) in [
        ("phone_number", json!("+15551234567")),
        ("friendly_name", json!("Front desk")),
        ("voice_url", json!("http://a/v")),
        ("voice_method", json!("POST")),
        ("voice_application_sid", Value::Null),
        ("voice_receive_mode", json!("voice")),
        ("capabilities", json!({"voice": true, "sms": false, "mms": false, "fax": false})),
    ] {
        assert_eq!(number[key], value, "{key}");
    }
    let relay = format!("/api/relay/rest/phone_numbers/{id}");
    let shown = api.get(&relay).await.json();
    for (key, value) in [
        ("number", json!("+15551234567")),
        ("name", json!("Front desk")),
        ("call_handler", json!("laml_webhooks")),
        ("call_request_url", json!("http://a/v")),
        ("call_status_callback_url", json!("http://a/s")),
        ("call_sip_endpoint_id", Value::Null),
        ("capabilities", json!(["voice"])),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    let handler = || api.state.store.directory().borrow().numbers["+15551234567"].handler.clone();
    assert!(matches!(handler(), NumberHandler::Laml(hooks) if hooks.request_url == "http://a/v"));

    // An application before a URL.
    let path = account(&format!("/IncomingPhoneNumbers/{id}"));
    let changed = api.form(&path, &format!("VoiceApplicationSid={}", text(&app, "sid"))).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(matches!(handler(), NumberHandler::Laml(hooks) if hooks.request_url == "http://app/"));
    api.form(&path, "VoiceApplicationSid=").await;
    assert!(matches!(handler(), NumberHandler::Laml(hooks) if hooks.request_url == "http://a/v"));

    let endpoint = json!({"username": "alice", "password": "p"});
    let endpoint = api.json(Method::POST, "/api/relay/rest/endpoints/sip", endpoint).await.json();
    let rings = json!({"call_handler": "relay_sip_endpoint", "call_sip_endpoint_id": endpoint["id"]});
    assert_eq!(api.json(Method::PUT, &relay, rings).await.status, 200);
    assert!(matches!(handler(), NumberHandler::Endpoint(id) if id.to_string() == endpoint["id"]));
    api.form(&path, "FriendlyName=Desk").await;
    assert!(matches!(handler(), NumberHandler::Endpoint(_)), "a new name changes nothing else");

    for wrong in [
        json!({"call_handler": "laml_application", "call_laml_application_id": null}),
        json!({"call_handler": "relay_sip_endpoint", "call_sip_endpoint_id": null}),
        json!({"call_sip_endpoint_id": sid(1).to_string()}),
        json!({"call_handler": "magic"}),
        json!({"number": "+15550000000"}),
        json!({"call_receive_mode": "fax"}),
        json!({"call_request_url": "x"}),
    ] {
        assert_eq!(api.json(Method::PUT, &relay, wrong.clone()).await.status, 422, "{wrong}");
    }
    for (form, wanted) in [
        ("", 21421),
        ("PhoneNumber=5551234", 21421),
        ("PhoneNumber=%2B15551234567", 21422),
        ("AreaCode=415", 10001),
        ("PhoneNumber=%2B15550000001&VoiceUrl=x", 21402),
        ("PhoneNumber=%2B15550000001&VoiceApplicationSid=x", 21218),
        ("PhoneNumber=%2B15550000001&VoiceReceiveMode=fax", 10001),
        ("PhoneNumber=%2B15550000001&TrunkSid=TK1", 10001),
        ("PhoneNumber=%2B15550000001&SmsMethod=x", 13221),
    ] {
        assert_eq!(code(&api.form(&account("/IncomingPhoneNumbers"), form).await), (400, wanted), "{form}");
    }
    assert_eq!(
        api.json(Method::POST, "/api/relay/rest/phone_numbers", json!({"number": "+15551234567"})).await.status,
        422
    );

    made(&api, "/IncomingPhoneNumbers", "PhoneNumber=%2B442071234567").await;
    for (query, count) in
        [("PhoneNumber=555", 1), ("PhoneNumber=%2B44*", 1), ("FriendlyName=Desk", 1), ("FriendlyName=x", 0)]
    {
        let list = api.get(&account(&format!("/IncomingPhoneNumbers?{query}"))).await.json();
        assert_eq!(list["incoming_phone_numbers"].as_array().unwrap().len(), count, "{query}");
    }
    let list = api.get("/api/relay/rest/phone_numbers?filter_number=4420").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&relay).await.status, 404);
    assert!(!api.state.store.directory().borrow().numbers.contains_key("+15551234567"));
}

#[actix_web::test]
async fn the_account_is_shown_and_listed_and_what_is_absent_says_so() {
    let api = Api::new().await;
    let shown = api.get(&account(".json")).await.json();
    for (key, value) in [
        ("sid", json!(PROJECT)),
        ("friendly_name", json!("acme")),
        ("status", json!("active")),
        ("type", json!("Full")),
        ("auth_token", json!("redacted")),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    assert!(text(&shown, "date_created").ends_with("+0000"));
    assert!(shown["subresource_uris"]["recordings"].is_string());
    for list in
        ["/2010-04-01/Accounts.json", "/api/laml/2010-04-01/Accounts", "/2010-04-01/Accounts.json?Status=active"]
    {
        assert_eq!(api.get(list).await.json()["accounts"], json!([shown]), "{list}");
    }
    assert_eq!(api.get("/2010-04-01/Accounts.json?Status=closed").await.json()["accounts"], json!([]));
    for absent in
        ["/Messages.json", "/Messages", "/Faxes/x.json", "/AvailablePhoneNumbers/US/Local.json", "/SMS/Messages"]
    {
        assert_eq!(code(&api.get(&account(absent)).await), (404, 10001), "{absent}");
        assert_eq!(code(&api.form(&account(absent), "To=1").await), (404, 10001), "{absent}");
    }
}

#[actix_web::test]
async fn the_dialect_changes_how_things_are_written() {
    let api = Api::new().await;
    assert_eq!(api.state.store.directory().borrow().project.dialect, Dialect::SignalWire);
    let mut call = api.calls.put(1, CallStatus::Completed);
    call.duration_secs = 12;
    api.calls.live.lock().unwrap().insert(call.sid, call);
    api.calls.put(2, CallStatus::InProgress);
    let show = async |n| api.get(&account(&format!("/Calls/{}.json", sid(n)))).await.json();
    assert_eq!((&show(1).await["duration"], &show(2).await["duration"]), (&json!(12), &json!(0)));
    assert_eq!(show(1).await["subresource_uris"]["notifications"], Value::Null);

    let project = api.json(Method::PATCH, "/api/tandem/project", json!({"dialect": "twilio"})).await;
    assert_eq!(project.status, 200, "{}", project.text);
    assert_eq!(project.json()["dialect"], "twilio");
    assert_eq!(api.get("/api/tandem/project").await.json(), project.json());
    assert_eq!(api.state.store.directory().borrow().project.dialect, Dialect::Twilio);
    assert_eq!((&show(1).await["duration"], &show(2).await["duration"]), (&json!("12"), &Value::Null));
    let uri = account(&format!("/Calls/{}.json", sid(1)));
    assert_eq!(show(1).await["uri"], json!(uri));
    let list = api.get(&account("/Calls.json?PageSize=1")).await.json();
    assert!(text(&list, "next_page_uri").starts_with(&account("/Calls.json?Page=1")), "{list}");
    assert_eq!(api.get(text(&list, "next_page_uri")).await.status, 200);
    for wrong in [json!({"dialect": "klingon"}), json!({"dialect": null}), json!({"media_url_protection": 1})] {
        assert_eq!(api.json(Method::PUT, "/api/tandem/project", wrong.clone()).await.status, 422, "{wrong}");
    }
    assert_eq!(api.get("/api/tandem/project").await.json(), project.json());
    // Misspelt or made up, a field is refused; what was read may be sent back.
    let unknown = api.json(Method::PATCH, "/api/tandem/project", json!({"dialekt": "signalwire"})).await;
    assert_eq!(unknown.status, 422, "{}", unknown.text);
    assert_eq!(api.json(Method::PUT, "/api/tandem/project", project.json()).await.json(), project.json());
}

#[actix_web::test]
async fn a_call_with_a_number_of_the_project_names_it() {
    let api = Api::new().await;
    let number = made(&api, "/IncomingPhoneNumbers", "PhoneNumber=%2B15551234567").await;
    let mut call = api.calls.put(1, CallStatus::InProgress);
    call.to = "+15551234567".into();
    api.calls.live.lock().unwrap().insert(call.sid, call);
    let shown = api.get(&account(&format!("/Calls/{}", sid(1)))).await.json();
    assert_eq!(shown["phone_number_sid"], number["sid"]);
}

#[actix_web::test]
async fn responses_say_how_many_changes_are_left() {
    let api = Api::new().await;
    let left = |reply: &Reply| {
        let header = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok()?.parse::<u32>().ok());
        (header("x-ratelimit-limit"), header("x-ratelimit-remaining"))
    };
    let all = limits::API_CHANGES_MAX;
    assert_eq!(left(&api.get(&account("/Calls")).await), (Some(all), Some(all)));
    assert_eq!(left(&api.form(&account("/LamlBins"), "Name=a").await), (Some(all), Some(all - 1)));
    let stranger = TestRequest::post().uri(&account("/LamlBins")).set_payload("Name=a");
    assert_eq!(left(&api.send(stranger).await), (Some(all), Some(all - 1)), "who may not ask uses up nothing");
    assert_eq!(left(&api.get("/").await), (None, None));
}
