use tandem_model::WallTime;

use super::*;
use crate::store::LamlBinRecord;
use crate::store::tests::{TempDir, settings};
use crate::webhook::{WebhookClient, WebhookConfig, WebhookRequest};

const BASE: &str = "https://sw.example.com/voice";

async fn bin(contents: &str) -> (TempDir, Store, LamlBins, Sid) {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let id = Sid::from_bytes([5; 16]);
    let record =
        LamlBinRecord { name: "menu".into(), contents: contents.into(), ..LamlBinRecord::new(id, WallTime(1)) };
    store.put_laml_bin(record).await.unwrap();
    let bins = LamlBins::new(store.clone(), Clock::new(), &["http://127.0.0.1:8080".into(), BASE.into()]);
    (dir, store, bins, id)
}

fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn a_webhook_that_is_a_bin_of_this_server_is_answered_without_a_connection() {
    let contents = "<Response><Say>{{From}} {{Team}} {{APIVersion}}</Say></Response>";
    let (_dir, store, bins, id) = bin(contents).await;
    let client = WebhookClient::new(WebhookConfig { own: Some(Arc::new(bins)), ..WebhookConfig::default() }).unwrap();
    let ask = |url: String, method| {
        let params = params(&[("From", "<+1555>"), ("ApiVersion", "2010-04-01")]);
        let client = client.clone();
        async move { client.fetch(&WebhookRequest { url, method, params }).await }
    };
    let want = b"<Response><Say>&lt;+1555&gt; a b 2010-04-01</Say></Response>";
    for method in [Method::Post, Method::Get] {
        let document = ask(format!("{BASE}/laml-bins/{id}?Team=a%20b"), method).await.unwrap();
        assert_eq!(document.body, want, "{method:?}");
        assert_eq!(document.content_type.as_deref(), Some("application/xml; charset=utf-8"));
        assert_eq!(document.url, format!("{BASE}/laml-bins/{id}?Team=a%20b"));
    }
    let used = store.bin_uses().await.unwrap()[&id];
    assert_eq!(used.requests, 2);
    assert!(used.last.is_some());

    let gone = Sid::from_bytes([6; 16]);
    assert_eq!(ask(format!("{BASE}/laml-bins/{gone}"), Method::Post).await.unwrap_err().code, 11217);
    assert_eq!(ask(format!("{BASE}/laml-bins/x"), Method::Post).await.unwrap_err().code, 11217);
    // Nothing else of this server is within reach, and no other port of its machine.
    let there = format!("http://127.0.0.1:8080/laml-bins/{id}");
    assert!(ask(there, Method::Get).await.is_ok());
    for other in
        ["http://127.0.0.1:8080/metrics", "http://127.0.0.1:8081/laml-bins/x", "http://127.0.0.1/voice/laml-bins/x"]
    {
        assert_eq!(ask(other.into(), Method::Get).await.unwrap_err().code, 11200, "{other}");
    }
}

#[tokio::test]
async fn a_bin_that_cannot_be_rendered_says_why() {
    let (_dir, _store, bins, id) = bin("<Response>\n{{#a}}</Response>").await;
    let error = bins.serve(id, &[]).unwrap_err();
    assert_eq!((error.status(), error.to_string().contains("line 2")), (500, true), "{error}");
    let (_dir, _store, bins, id) = bin(&"{{a}}".repeat(1_000)).await;
    assert_eq!(bins.serve(id, &params(&[("a", &"x".repeat(1_000))])), Err(BinError::TooLarge));
}
