//! Queues and Members over the real machine, at a moment that stands still.

use std::sync::Mutex;

use futures_util::FutureExt;
use serde_json::json;
use tandem_call::room::queue::{DeskError, MemberView, QueueAsk, QueueNews, QueueTicket, QueueView, Queues, Whom};
use tandem_laml::instruction::Method as Verb;
use tandem_model::{LegId, SeedEntropy, Timestamp};

use super::*;
use crate::api::{QueueControl, QueueControlError};

/// The machine without its actor.
pub(in crate::api) struct FakeQueues(Mutex<Queues>);

const NOW: Timestamp = Timestamp::from_secs(1_000);

impl Default for FakeQueues {
    fn default() -> Self {
        FakeQueues(Mutex::new(Queues::new(vec![], Box::new(SeedEntropy::new(4)))))
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, QueueControlError>>;

impl FakeQueues {
    /// A caller has waited for so many seconds.
    pub fn wait(&self, n: u8, queue: &str, secs: u64) {
        let ticket = QueueTicket { leg: LegId::first_of(n.into()), nth: 1 };
        let ask = QueueAsk::Join { ticket, name: queue.into(), call_sid: sid(n), size_max: None, new_size_max: None };
        let since = Timestamp::from_secs(1_000 - secs);
        self.0.lock().unwrap().handle(since, WallTime(1_699_549_504_000 + i64::from(n) * 1_000), ask);
    }

    fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Queues) -> Result<T, DeskError>) -> Answer<'_, T> {
        let done = work(&mut self.0.lock().unwrap()).map_err(QueueControlError::Refused);
        async move { done }.boxed()
    }
}

impl QueueControl for FakeQueues {
    fn list(&self) -> Answer<'_, Vec<QueueView>> {
        self.with(|q| Ok(q.list(NOW)))
    }

    fn queue(&self, sid: Sid) -> Answer<'_, QueueView> {
        self.with(|q| q.queue(NOW, sid).ok_or(DeskError::NoQueue))
    }

    fn create(&self, name: String, size_max: Option<u32>) -> Answer<'_, QueueView> {
        if name == "broken" {
            return async { Err(QueueControlError::Unavailable) }.boxed();
        }
        self.with(|q| q.create(WallTime(1_699_549_504_000), &name, size_max))
    }

    fn change(&self, sid: Sid, name: Option<String>, size_max: Option<u32>) -> Answer<'_, QueueView> {
        let wall = WallTime(1_699_549_604_000);
        self.with(|q| q.change(NOW, wall, sid, name.as_deref(), size_max.map(Some)))
    }

    fn remove(&self, sid: Sid) -> Answer<'_, ()> {
        self.with(|q| q.remove(sid).map(|_| ()))
    }

    fn members(&self, sid: Sid) -> Answer<'_, Vec<MemberView>> {
        self.with(|q| q.members(NOW, sid))
    }

    fn member(&self, sid: Sid, whom: Whom) -> Answer<'_, MemberView> {
        self.with(|q| q.member(NOW, sid, whom))
    }

    fn redirect(&self, sid: Sid, whom: Whom, url: String, method: Verb) -> Answer<'_, MemberView> {
        self.with(|q| q.redirect(NOW, sid, whom, url, method))
    }
}

fn path(rest: &str) -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}/Queues{rest}")
}

#[actix_web::test]
async fn a_queue_is_made_shown_changed_and_deleted() {
    let api = Api::new().await;
    let made = api.form(&path(".json"), "FriendlyName=support_1&MaxSize=5").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let queue = made["sid"].as_str().unwrap().to_owned();
    let uri = path(&format!("/{queue}"));
    let expected = json!({
        "sid": queue, "account_sid": PROJECT, "friendly_name": "support_1", "max_size": 5, "current_size": 0,
        "average_wait_time": 0, "date_created": "Thu, 09 Nov 2023 17:05:04 +0000",
        "date_updated": "Thu, 09 Nov 2023 17:05:04 +0000", "api_version": "2010-04-01", "uri": uri,
    });
    assert_eq!(made, expected);
    assert_eq!(api.get(&format!("{uri}.json")).await.json(), expected);
    let changed = api.form(&uri, "MaxSize=7&FriendlyName=help").await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!((&changed["friendly_name"], &changed["max_size"]), (&json!("help"), &json!(7)));
    assert_eq!(changed["date_updated"], "Thu, 09 Nov 2023 17:06:44 +0000");
    let same = api.form(&uri, "").await.json();
    assert_eq!(same["friendly_name"], "help", "what is not sent stays");
    assert_eq!(api.delete(&uri).await.status, 204);
    assert_eq!(api.get(&uri).await.status, 404);
    assert_eq!(api.delete(&uri).await.json()["code"], 20404);
}

#[actix_web::test]
async fn what_is_wrong_with_a_queue_is_said_with_its_number() {
    let api = Api::new().await;
    assert_eq!(api.form(&path(""), "FriendlyName=a").await.json()["max_size"], Value::Null);
    for (body, status, code) in [
        ("", 400, 20002),
        ("FriendlyName=a+b", 400, 20002),
        ("FriendlyName=a-b", 400, 20002),
        ("FriendlyName=a", 400, 20002),
        ("FriendlyName=b&MaxSize=0", 400, 20422),
        ("FriendlyName=b&MaxSize=5001", 400, 20422),
        ("FriendlyName=b&MaxSize=many", 400, 20422),
        ("FriendlyName=broken", 503, 20503),
        ("FriendlyName=%zz", 400, 20422),
    ] {
        let reply = api.form(&path(""), body).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{body}");
    }
    let long = format!("FriendlyName={}", "n".repeat(65));
    assert_eq!(api.form(&path(""), &long).await.json()["code"], 20002);
    assert_eq!(api.get(&path("/nonsense")).await.status, 404);
}

#[actix_web::test]
async fn a_queue_in_use_cannot_be_deleted() {
    let api = Api::new().await;
    api.queues.wait(1, "a queue of a document", 4);
    let listed = api.get(&path("")).await.json();
    let queue = listed["queues"][0].clone();
    assert_eq!(queue["friendly_name"], "a queue of a document");
    assert_eq!((&queue["current_size"], &queue["average_wait_time"]), (&json!(1), &json!(4)));
    let refused = api.delete(queue["uri"].as_str().unwrap()).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!(10000)));
}

#[actix_web::test]
async fn lists_come_in_pages_with_one_key_beside_those_of_paging() {
    let api = Api::new().await;
    for n in 0..5 {
        api.form(&path(""), &format!("FriendlyName=q{n}")).await;
    }
    let first = api.get(&path(".json?PageSize=2")).await.json();
    let mut keys: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    let expected = ["first_page_uri", "next_page_uri", "page", "page_size", "previous_page_uri", "queues", "uri"];
    assert_eq!(keys, expected);
    let (mut seen, mut next) = (Vec::new(), first["uri"].clone());
    let mut pages = 0;
    while let Some(uri) = next.as_str() {
        let page = api.get(uri).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        seen.extend(page["queues"].as_array().unwrap().iter().map(|q| q["friendly_name"].clone()));
        if pages > 0 {
            let back = api.get(page["previous_page_uri"].as_str().unwrap()).await.json();
            assert_eq!(back["page"], pages - 1);
        }
        pages += 1;
        next = page["next_page_uri"].clone();
    }
    assert_eq!(pages, 3);
    seen.sort_by_key(|name| name.to_string());
    assert_eq!(seen, ["q0", "q1", "q2", "q3", "q4"]);
    for (query, code) in [("Page=1", 54453), ("PageSize=0", 54454), ("Page=1&PageToken=x", 21481), ("Page=x", 54453)] {
        assert_eq!(api.get(&path(&format!("?{query}"))).await.json()["code"], code, "{query}");
    }
}

#[actix_web::test]
async fn members_are_shown_in_order_and_sent_elsewhere() {
    let api = Api::new().await;
    api.queues.wait(1, "q", 9);
    api.queues.wait(2, "q", 3);
    let queue = api.get(&path("")).await.json()["queues"][0]["sid"].as_str().unwrap().to_owned();
    let members = path(&format!("/{queue}/Members"));
    let listed = api.get(&format!("{members}.json")).await.json();
    let second = json!({
        "call_sid": sid(2).to_string(), "account_sid": PROJECT, "queue_sid": queue,
        "date_enqueued": "Thu, 09 Nov 2023 17:05:06 +0000", "position": 2, "wait_time": 3,
        "member_type": "laml_call", "uri": format!("{members}/{}", sid(2)),
    });
    assert_eq!(listed["queue_members"].as_array().unwrap().len(), 2);
    assert_eq!(listed["queue_members"][1], second);
    assert_eq!(api.get(&format!("{members}/{}.json", sid(2))).await.json(), second);
    assert_eq!(api.get(&format!("{members}/Front")).await.json()["call_sid"], sid(1).to_string());
    for (member, body, status, code) in [
        (sid(2).to_string(), "", 400, 11100),
        (sid(2).to_string(), "Url=ftp://a/", 400, 11100),
        (sid(2).to_string(), "Url=http://a.example/&Method=PUT", 400, 13221),
        (sid(7).to_string(), "Url=http://a.example/", 404, 20404),
        ("nonsense".into(), "Url=http://a.example/", 404, 20404),
    ] {
        let reply = api.form(&format!("{members}/{member}"), body).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{member} {body}");
    }
    let front = api.form(&format!("{members}/Front.json"), "Url=http://a.example/next&Method=get").await;
    assert_eq!((front.status, &front.json()["call_sid"]), (200, &json!(sid(1).to_string())));
    let told: Vec<QueueNews> = std::iter::from_fn(|| api.queues.0.lock().unwrap().poll()).collect();
    let last = told.last().unwrap();
    assert!(
        matches!(last, QueueNews::Redirected { url, method: Verb::Get, .. } if url == "http://a.example/next"),
        "{last:?}"
    );
    assert_eq!(api.get(&format!("{members}/Front")).await.json()["call_sid"], sid(2).to_string());
    assert_eq!(api.get(&path(&format!("/{}/Members", sid(9)))).await.status, 404);
}
