use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;
use tandem_media::file;
use tokio::sync::Semaphore;

use super::cache::ClipCache;
use super::flight::SingleFlight;
use super::{code, fail};
use crate::webhook::{Download, Validators, WebhookClient};

/// Fetches audio files and keeps the recent ones decoded. Clones share the cache.
#[derive(Clone)]
pub struct PromptLoader {
    inner: Arc<Inner>,
}

#[derive(Clone, Copy, Debug)]
pub struct PromptLimits {
    /// Bytes of one file; larger ones fail with 11750.
    pub file_bytes_max: usize,
    /// The whole download; `#tt` overrides it.
    pub total: Duration,
    /// Bytes of decoded audio kept.
    pub cache_bytes_max: usize,
}

impl Default for PromptLimits {
    fn default() -> Self {
        PromptLimits { file_bytes_max: 20 << 20, total: Duration::from_secs(30), cache_bytes_max: 128 << 20 }
    }
}

impl PromptLoader {
    pub fn new(client: WebhookClient, limits: PromptLimits) -> Self {
        let cache = Mutex::new(ClipCache::new(limits.cache_bytes_max));
        let inner =
            Inner { client, limits, cache, flights: SingleFlight::new(), decodings: Semaphore::new(DECODINGS_MAX) };
        PromptLoader { inner: Arc::new(inner) }
    }

    /// The clip behind an `http` or `https` URL: 8 to 48 kHz, at the file's own rate. A kept copy is used while
    /// Cache-Control's max-age lasts, and otherwise asked after by ETag or Last-Modified.
    ///
    /// Errors: the fetch's codes (laml.md 2.7), or 13420 where the file is not audio that can be played.
    pub async fn load_url(&self, url: &str) -> Result<Arc<Clip>, PromptFailure> {
        if let Some((clip, about)) = self.inner.cache().get(&url.to_owned())
            && about.fresh_until.is_some_and(|until| Instant::now() < until)
        {
            return Ok(clip);
        }
        let flight = self.inner.flights.join(url.to_owned(), || {
            let (inner, url) = (Arc::clone(&self.inner), url.to_owned());
            Box::pin(async move { inner.load(url).await })
        });
        flight.await
    }
}

struct Inner {
    client: WebhookClient,
    limits: PromptLimits,
    /// Held for one look-up, never across a wait.
    cache: Mutex<ClipCache<String, About>>,
    flights: SingleFlight<String>,
    decodings: Semaphore,
}

#[derive(Clone)]
struct About {
    validators: Validators,
    fresh_until: Option<Instant>,
}

/// Files decoded at a time: each may take a second of a CPU, and 150 MB on its way to 77.
const DECODINGS_MAX: usize = 3;
/// A server's max-age is believed up to this.
const FRESH_MAX: Duration = Duration::from_secs(24 * 3600);

impl Inner {
    fn cache(&self) -> MutexGuard<'_, ClipCache<String, About>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self, url: String) -> Result<Arc<Clip>, PromptFailure> {
        let kept = self.cache().get(&url);
        let validators = kept.as_ref().map(|(_, about)| about.validators.clone()).unwrap_or_default();
        let download = self.client.download(&url, &validators, self.limits.file_bytes_max, self.limits.total).await;
        match (download.map_err(|failure| fail(failure.code, failure.message))?, kept) {
            (Download::NotModified { cache_control }, Some((clip, about))) => {
                self.keep(url, &clip, about.validators, cache_control.as_deref());
                Ok(clip)
            }
            (Download::NotModified { .. }, None) => {
                Err(fail(crate::webhook::code::PROTOCOL, "304 in answer to a request without a condition"))
            }
            (Download::Body { content_type, validators, cache_control, body }, _) => {
                let clip = Arc::new(self.decode(content_type, body).await?);
                self.keep(url, &clip, validators, cache_control.as_deref());
                Ok(clip)
            }
        }
    }

    async fn decode(&self, content_type: Option<String>, body: Vec<u8>) -> Result<Clip, PromptFailure> {
        let broken = |_| fail(code::INTERNAL, "decoding the file failed");
        let _permit = self.decodings.acquire().await.map_err(|_| fail(code::INTERNAL, "decoding has ended"))?;
        let decoded = tokio::task::spawn_blocking(move || file::decode(content_type.as_deref(), &body)).await;
        decoded.map_err(broken)?.map_err(|reason| fail(code::NOT_AUDIO, reason))
    }

    fn keep(&self, url: String, clip: &Arc<Clip>, validators: Validators, cache_control: Option<&str>) {
        let fresh = Freshness::of(cache_control);
        let mut cache = self.cache();
        if fresh.no_store || (fresh.max_age.is_zero() && validators.is_empty()) {
            cache.remove(&url);
            return;
        }
        let fresh_until = Instant::now().checked_add(fresh.max_age.min(FRESH_MAX));
        cache.put(url, Arc::clone(clip), About { validators, fresh_until });
    }
}

/// What matters of Cache-Control (RFC 9111 section 5.2.2).
#[derive(Debug, Default, PartialEq, Eq)]
struct Freshness {
    no_store: bool,
    max_age: Duration,
}

impl Freshness {
    fn of(cache_control: Option<&str>) -> Freshness {
        let mut found = Freshness::default();
        let mut no_cache = false;
        for directive in cache_control.unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => found.no_store = true,
                "no-cache" => no_cache = true,
                "max-age" => {
                    found.max_age = Duration::from_secs(value.trim().trim_matches('"').parse().unwrap_or(0));
                }
                _ => {}
            }
        }
        if no_cache {
            found.max_age = Duration::ZERO;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::test_server::{Reply, TestServer, local_client};

    const WAV: &[u8] =
        b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0\x01\0\x02\0";

    fn loader() -> PromptLoader {
        PromptLoader::new(local_client(|_| ()), PromptLimits::default())
    }

    #[tokio::test]
    async fn a_file_with_an_etag_is_asked_after_and_not_sent_again() {
        let server = TestServer::start(|seen, _| match seen.header("if-none-match") {
            Some("\"v1\"") => Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()),
            _ => Reply::with("200 OK", &[("Content-Type", "audio/wav"), ("ETag", "\"v1\"")], WAV),
        })
        .await;
        let loader = loader();
        let first = loader.load_url(&server.url("/a.wav")).await.unwrap();
        assert_eq!((first.rate.0, &first.samples[..]), (8_000, &[1, 2][..]));
        let second = loader.load_url(&server.url("/a.wav")).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let seen = server.requests();
        assert_eq!((seen.len(), seen[0].method.as_str()), (2, "GET"));
        assert_eq!(seen[1].header("if-none-match"), Some("\"v1\""));
    }

    #[tokio::test]
    async fn a_changed_file_replaces_the_kept_one() {
        let server = TestServer::start(|_, number| {
            let date = ["Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"][number];
            let body = [&[0xffu8, 0xff][..], &[0x80]][number];
            Reply::with("200 OK", &[("Content-Type", "audio/ulaw"), ("Last-Modified", date)], body)
        })
        .await;
        let loader = loader();
        assert_eq!(loader.load_url(&server.url("/a")).await.unwrap().samples, [0, 0]);
        assert_eq!(loader.load_url(&server.url("/a")).await.unwrap().samples, [32_124]);
        assert_eq!(server.requests()[1].header("if-modified-since"), Some("Mon, 01 Jan 2024 00:00:00 GMT"));
    }

    #[tokio::test]
    async fn while_max_age_lasts_the_server_is_not_asked_and_no_store_is_not_kept() {
        let server = TestServer::start(|seen, _| {
            let cache = if seen.path == "/keep" { "public, max-age=60" } else { "no-store, max-age=60" };
            Reply::with("200 OK", &[("Content-Type", "audio/wav"), ("Cache-Control", cache), ("ETag", "x")], WAV)
        })
        .await;
        let loader = loader();
        for _ in 0..3 {
            loader.load_url(&server.url("/keep")).await.unwrap();
        }
        assert_eq!(server.requests().len(), 1);
        for _ in 0..3 {
            loader.load_url(&server.url("/drop")).await.unwrap();
        }
        let seen = server.requests();
        assert_eq!((seen.len(), seen[3].header("if-none-match")), (4, None));
    }

    #[tokio::test]
    async fn calls_that_want_one_file_at_once_share_its_download() {
        let server =
            TestServer::start(|_, _| Reply::After(Duration::from_millis(100), Box::new(Reply::ok("audio/wav", WAV))))
                .await;
        let (loader, url) = (loader(), server.url("/a"));
        let all = futures_util::future::join_all((0..50).map(|_| loader.load_url(&url))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn what_is_not_audio_is_13420_and_what_cannot_be_fetched_keeps_its_code() {
        let server = TestServer::start(|seen, _| match seen.path.as_str() {
            "/mp3" => Reply::ok("audio/mpeg", "ID3"),
            "/html" => Reply::ok("text/html", "<html>"),
            "/fake" => Reply::ok("audio/wav", "not RIFF at all"),
            "/flood" => Reply::Flood(50 << 20),
            _ => Reply::status("404 Not Found"),
        })
        .await;
        let loader = loader();
        for (path, code) in [("/mp3", 13420), ("/html", 13420), ("/fake", 13420), ("/flood", 11750), ("/no", 11217)] {
            let failure = loader.load_url(&server.url(path)).await.unwrap_err();
            assert_eq!(failure.code, code, "{path}: {failure:?}");
        }
        let failure = loader.load_url("http://10.0.0.1/a.wav").await.unwrap_err();
        assert!(failure.message.contains("private"), "{failure:?}");
    }

    #[test]
    fn no_cache_asks_each_time() {
        let freshness = |text| Freshness::of(Some(text)).max_age;
        assert_eq!(freshness("no-cache, max-age=60"), Duration::ZERO);
        assert_eq!(freshness("Max-Age=\"60\""), Duration::from_secs(60));
        assert_eq!(freshness("max-age=-1"), Duration::ZERO);
    }
}
