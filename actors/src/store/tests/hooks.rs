//! The log of webhooks and what is made of it.

use tandem_model::{Sid, WallTime};

use super::*;
use crate::store::{NotificationFilter, StatusJobRow, WebhookEntry, WebhookError, WebhookKind, WebhookLogBounds};

fn sid(n: u8) -> Sid {
    Sid::from_bytes([n; 16])
}

fn entry(call: u8, n: i64) -> WebhookEntry {
    WebhookEntry {
        call_sid: Some(sid(call)),
        at: WallTime(n),
        method: "POST".into(),
        url: format!("http://app.example/{n}"),
        params: vec![("Quote".into(), "a'b\"c\\".into())],
        error: (n % 2 == 0).then(|| WebhookError { code: 11217, message: "x".into() }),
        ..WebhookEntry::default()
    }
}

fn event(call: u8, n: i64, level: EventLevel) -> CallEvent {
    CallEvent { call_sid: sid(call), at: WallTime(n), level, code: 11217, message: format!("m{n}"), line: None }
}

#[tokio::test]
async fn the_log_keeps_the_newest_of_each_call_and_in_all() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert!(!store.log_webhook(entry(1, 0)), "nothing is kept until it is said how much");
    store.keep_webhooks(WebhookLogBounds { entries_max: 12, per_call_max: 5 });
    for n in 0..9 {
        assert!(store.log_webhook(entry(1, n)));
    }
    let urls = |entries: Vec<WebhookEntry>| entries.into_iter().map(|e| e.at.0).collect::<Vec<_>>();
    assert_eq!(store.webhooks(sid(1)).await.unwrap(), (4..9).map(|n| entry(1, n)).collect::<Vec<_>>());
    for call in 2..5 {
        for n in 0..4 {
            store.log_webhook(entry(call, n));
            store.flush().await.unwrap();
        }
    }
    assert!(store.webhooks(sid(1)).await.unwrap().is_empty());
    assert_eq!(urls(store.webhooks(sid(2)).await.unwrap()), [0, 1, 2, 3]);
    drop(store);
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert_eq!(store.webhooks(sid(4)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_calls_log_goes_with_it() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    store.keep_webhooks(WebhookLogBounds::default());
    let call = call(1, CallStatus::Completed, 5);
    store.upsert_call(call.clone());
    store.log_webhook(WebhookEntry { call_sid: Some(call.sid), ..entry(1, 1) });
    assert_eq!(store.webhooks(call.sid).await.unwrap().len(), 1);
    store.log_webhook(WebhookEntry { call_sid: Some(call.sid), ..entry(1, 2) });
    store.delete_call(call.sid).await.unwrap();
    assert_eq!(store.webhooks(call.sid).await.unwrap(), []);
}

#[tokio::test]
async fn notifications_come_with_the_request_they_are_about_in_pages_both_ways() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    store.keep_webhooks(WebhookLogBounds::default());
    store.log_webhook(entry(1, 10));
    store.log_webhook(entry(1, 20));
    store.log_webhook(WebhookEntry { kind: WebhookKind::Notification, ..entry(1, 25) });
    for (call, at, level) in [
        (1, 5, EventLevel::Warning),
        (1, 15, EventLevel::Error),
        (1, 26, EventLevel::Warning),
        (1, 27, EventLevel::Info),
        (2, 30, EventLevel::Error),
    ] {
        store.log_event(event(call, at, level));
    }
    let all = NotificationFilter { limit: 10, ..NotificationFilter::default() };
    let list = async |f: &NotificationFilter| store.notifications(f).await.unwrap();
    let times = |records: &[NotificationRecord]| records.iter().map(|r| r.event.at.0).collect::<Vec<_>>();
    let records = list(&all).await;
    assert_eq!(times(&records), [30, 26, 15, 5]);
    let about: Vec<_> = records.iter().map(|r| r.webhook.as_ref().map(|w| w.at.0)).collect();
    assert_eq!(about, [None, Some(20), Some(10), None]);
    assert_eq!(times(&list(&NotificationFilter { call_sid: Some(sid(2)), ..all.clone() }).await), [30]);
    assert_eq!(times(&list(&NotificationFilter { level: Some(EventLevel::Error), ..all.clone() }).await), [30, 15]);
    let days = NotificationFilter { from: Some(WallTime(15)), before: Some(WallTime(30)), ..all.clone() };
    assert_eq!(times(&list(&days).await), [26, 15]);
    let after = NotificationFilter { after_seq: Some(records[0].seq), limit: 2, ..all.clone() };
    assert_eq!(times(&list(&after).await), [26, 15]);
    let before = NotificationFilter { before_seq: Some(records[3].seq), limit: 2, ..all };
    assert_eq!(times(&list(&before).await), [26, 15]);
    assert_eq!(store.notification(records[1].seq).await.unwrap().as_ref(), Some(&records[1]));
    assert_eq!(store.notification(999).await.unwrap(), None);
}

#[tokio::test]
async fn jobs_come_back_in_the_order_of_their_acceptance() {
    let dir = TempDir::new();
    let row = |id: i64| StatusJobRow { id, created: WallTime(id), request: format!("{{\"q\":\"'{id}\"}}") };
    {
        let store = Store::open(&dir.url(), settings()).await.unwrap();
        for id in [3, 1, 2] {
            store.put_status_job(row(id));
        }
        store.flush().await.unwrap();
        store.remove_status_job(2);
        store.put_status_job(row(4));
        store.remove_status_job(4);
        store.flush().await.unwrap();
        assert_eq!(store.status_jobs_stored(), 2);
    }
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert_eq!(store.status_jobs().await.unwrap(), [row(1), row(3)]);
}
