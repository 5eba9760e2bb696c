use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;
use tandem_media::file;
use tandem_model::SampleRate;
use tokio::sync::Semaphore;
use url::Url;

use super::cache::ClipCache;
use super::flight::SingleFlight;
use super::markup;
use super::speech::{SpeechEngine, SpeechFuture};
use super::{code, fail};
use crate::operator_http::{Answer, BadAccess, OperatorHttp, ServiceAccess};

/// Speech by any server that takes a text over HTTP and answers with audio. Clones share the cache.
#[derive(Clone)]
pub struct HttpSpeech {
    inner: Arc<Inner>,
}

/// `{text}`, `{ssml}`, `{voice}` and `{language}` in the URL and in the body stand for what is to be said, escaped as the place
/// needs it.
#[derive(Clone, Debug)]
pub struct HttpSpeechConfig {
    pub access: ServiceAccess,
    /// As written: with placeholders it is no URL yet.
    pub url: String,
    /// Empty: the request is a GET.
    pub body: String,
    pub content_type: String,
    /// Of raw samples, where the answer's Content-Type says none.
    pub raw_rate: SampleRate,
    pub requests_max: usize,
    pub text_chars_max: usize,
    pub cache_bytes_max: usize,
    pub reply_bytes_max: usize,
}

impl HttpSpeechConfig {
    pub fn new(access: ServiceAccess, url: impl Into<String>) -> Self {
        HttpSpeechConfig {
            access,
            url: url.into(),
            body: r#"{"text":"{text}","voice":"{voice}","language":"{language}"}"#.to_owned(),
            content_type: "application/json".to_owned(),
            raw_rate: SampleRate::HZ_16000,
            requests_max: 16,
            text_chars_max: 4_096,
            cache_bytes_max: 64 << 20,
            reply_bytes_max: 32 << 20,
        }
    }
}

impl HttpSpeech {
    /// `fallback` speaks what the server cannot.
    ///
    /// # Errors
    /// A URL or header field that cannot be used.
    pub fn new(config: HttpSpeechConfig, fallback: Option<Arc<dyn SpeechEngine>>) -> Result<Self, BadAccess> {
        fill_url(&config.url, &What { text: "x", ssml: "x", voice: "x", language: "x" })?;
        let http = OperatorHttp::new(&config.access, config.reply_bytes_max)?;
        let inner = Inner {
            http,
            fallback,
            requests: Semaphore::new(config.requests_max.clamp(1, Semaphore::MAX_PERMITS)),
            cache: Mutex::new(ClipCache::new(config.cache_bytes_max)),
            flights: SingleFlight::new(),
            config,
        };
        Ok(HttpSpeech { inner: Arc::new(inner) })
    }

    async fn speak(&self, text: &str, voice: &str, language: &str) -> Result<Arc<Clip>, PromptFailure> {
        let chars_max = self.inner.config.text_chars_max;
        let plain = markup::plain(text);
        if plain.chars().count() > chars_max {
            return Err(fail(code::TEXT, format!("the text has more than {chars_max} characters")));
        }
        if !plain.contains(char::is_alphanumeric)
            && let Some(fallback) = &self.inner.fallback
        {
            // Nothing but pauses and marks: no server need be asked.
            return fallback.synth(text, voice, language).await;
        }
        let key: Key = (text.to_owned(), voice.to_owned(), language.to_owned());
        if let Some((clip, ())) = self.inner.cache().get(&key) {
            return Ok(clip);
        }
        let inner = Arc::clone(&self.inner);
        let made = self.inner.flights.join(key.clone(), || Box::pin(async move { inner.make(key).await })).await;
        match (made, &self.inner.fallback) {
            (Err(failure), Some(fallback)) => {
                tracing::warn!(reason = %failure.message, "the fallback engine speaks");
                fallback.synth(text, voice, language).await
            }
            (made, _) => made,
        }
    }
}

impl SpeechEngine for HttpSpeech {
    fn synth<'a>(&'a self, text: &'a str, voice: &'a str, language: &'a str) -> SpeechFuture<'a> {
        Box::pin(self.speak(text, voice, language))
    }
}

/// Text, voice, language.
type Key = (String, String, String);

struct Inner {
    config: HttpSpeechConfig,
    http: OperatorHttp,
    fallback: Option<Arc<dyn SpeechEngine>>,
    requests: Semaphore,
    /// Held for one look-up, never across a wait.
    cache: Mutex<ClipCache<Key, ()>>,
    flights: SingleFlight<Key>,
}

impl Inner {
    fn cache(&self) -> MutexGuard<'_, ClipCache<Key, ()>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self, key: Key) -> Result<Arc<Clip>, PromptFailure> {
        let (text, voice, language) = &key;
        let (plain, ssml) = (markup::plain(text), markup::ssml(text, language));
        let what = What { text: &plain, ssml: &ssml, voice, language };
        let url = fill_url(&self.config.url, &what).map_err(|bad| failed(&bad.0))?;
        let body = (!self.config.body.is_empty())
            .then(|| (self.config.content_type.as_str(), fill_body(&self.config, &what).into_bytes()));
        let answer = {
            let _permit = self.requests.acquire().await.map_err(|_| failed("it has been shut down"))?;
            self.http.ask(url, body).await.map_err(|reason| failed(&reason))?
        };
        let raw_rate = self.config.raw_rate;
        let read = tokio::task::spawn_blocking(move || decode(answer, raw_rate)).await;
        let clip = read.map_err(|_| failed("its audio cannot be read"))?.map_err(|reason| failed(&reason))?;
        let clip = Arc::new(clip);
        self.cache().put(key, Arc::clone(&clip), ());
        Ok(clip)
    }
}

fn failed(reason: &str) -> PromptFailure {
    fail(code::INTERNAL, format!("the speech server failed: {reason}"))
}

/// WAV and MP3 as files are; else 16-bit mono samples, big-endian for `audio/l16` (RFC 2586) and little-endian otherwise.
fn decode(answer: Answer, raw_rate: SampleRate) -> Result<Clip, String> {
    let kind = answer.content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let raw = matches!(
        kind.as_str(),
        "audio/l16" | "audio/pcm" | "audio/raw" | "audio/x-raw" | "audio/x-pcm" | "application/octet-stream" | ""
    );
    if !raw || answer.body.starts_with(b"RIFF") {
        let kind = if answer.body.starts_with(b"RIFF") { "audio/wav" } else { kind.as_str() };
        return file::decode(Some(kind), &answer.body).map_err(|reason| format!("its audio is {reason}"));
    }
    let rate = answer
        .content_type
        .split(';')
        .filter_map(|p| p.trim().strip_prefix("rate="))
        .find_map(|rate| rate.parse().ok())
        .filter(|rate| (8_000..=48_000).contains(rate))
        .map_or(raw_rate, SampleRate);
    let read = if kind == "audio/l16" { i16::from_be_bytes } else { i16::from_le_bytes };
    let samples: Vec<i16> = answer.body.chunks_exact(2).map(|b| read([b[0], b[1]])).collect();
    if samples.is_empty() {
        return Err("its audio is empty".to_owned());
    }
    Ok(Clip { rate, samples })
}

struct What<'a> {
    text: &'a str,
    ssml: &'a str,
    voice: &'a str,
    language: &'a str,
}

fn fill_url(template: &str, what: &What<'_>) -> Result<Url, BadAccess> {
    let url = fill(template, what, |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string());
    match Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(BadAccess("the speech server's URL is no http or https URL".to_owned())),
    }
}

fn fill_body(config: &HttpSpeechConfig, what: &What<'_>) -> String {
    let kind = config.content_type.to_ascii_lowercase();
    fill(&config.body, what, |value| {
        if kind.contains("json") {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        } else if kind.contains("x-www-form-urlencoded") {
            utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
        } else if kind.contains("ssml") || kind.contains("plain") {
            value.to_owned()
        } else {
            markup::escaped(value)
        }
    })
}

/// One pass: what is put in is not looked at again.
fn fill(template: &str, what: &What<'_>, escape: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let names =
            [("{text}", what.text), ("{ssml}", what.ssml), ("{voice}", what.voice), ("{language}", what.language)];
        match names.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(&escape(value));
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

impl fmt::Debug for HttpSpeech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpSpeech({:?})", self.inner.config.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::test_server::{Reply, TestServer};
    use std::time::Duration;

    fn config(server: &TestServer, path: &str) -> HttpSpeechConfig {
        let url = server.url(path);
        let access = ServiceAccess {
            url: Url::parse(&url).unwrap(),
            token: Some("secret".to_owned()),
            headers: vec![("X-Model".to_owned(), "small".to_owned())],
            timeout: Duration::from_millis(1_500),
        };
        HttpSpeechConfig::new(access, url)
    }

    fn wav(samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut out = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
        samples.iter().for_each(|s| writer.write_sample(*s).unwrap());
        writer.finalize().unwrap();
        out.into_inner()
    }

    struct Other;

    impl SpeechEngine for Other {
        fn synth<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> SpeechFuture<'a> {
            Box::pin(async { Ok(Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![42] })) })
        }
    }

    #[tokio::test]
    async fn a_text_is_posted_with_its_voice_and_comes_back_as_audio_once() {
        let server = TestServer::start(|_, _| Reply::ok("audio/wav", wav(&[1, 2, 3]))).await;
        let engine = HttpSpeech::new(config(&server, "/tts"), None).unwrap();
        for _ in 0..3 {
            let clip = engine.synth("Say &quot;hi&quot;<break time=\"500\"/>", "Polly.Amy", "en-GB").await.unwrap();
            assert_eq!(clip.samples, [1, 2, 3]);
        }
        let seen = server.requests();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].method.as_str(), seen[0].header("content-type")), ("POST", Some("application/json")));
        assert_eq!(
            (seen[0].header("authorization"), seen[0].header("x-model")),
            (Some("Bearer secret"), Some("small"))
        );
        let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
        assert_eq!(body, serde_json::json!({"text": "Say \"hi\"", "voice": "Polly.Amy", "language": "en-GB"}));
    }

    #[tokio::test]
    async fn placeholders_are_escaped_as_their_place_needs() {
        let server = TestServer::start(|_, _| Reply::ok("audio/L16; rate=8000", [0u8, 5, 0xff, 0xff])).await;
        let mut get = config(&server, "/say?q={text}&v={voice}&l={language}");
        get.body = String::new();
        let engine = HttpSpeech::new(get, None).unwrap();
        assert_eq!(engine.synth("a &amp; b{voice}", "man", "de").await.unwrap().samples, [5, -1]);
        let mut form = config(&server, "/form");
        (form.content_type, form.body) = ("application/x-www-form-urlencoded".into(), "t={text}&x={y}".into());
        HttpSpeech::new(form, None).unwrap().synth("1+1=2", "man", "de").await.unwrap();
        let mut ssml = config(&server, "/ssml");
        (ssml.content_type, ssml.body) = ("application/ssml+xml".into(), "{ssml}".into());
        HttpSpeech::new(ssml, None).unwrap().synth("a<break time=\"20\"/>b", "man", "de").await.unwrap();
        let seen = server.requests();
        assert_eq!(
            (seen[0].method.as_str(), seen[0].path.as_str()),
            ("GET", "/say?q=a%20%26%20b%7Bvoice%7D&v=man&l=de")
        );
        assert_eq!(seen[1].body, "t=1%2B1%3D2&x={y}");
        assert_eq!(seen[2].body, "<speak version=\"1.1\" xml:lang=\"de\">a<break time=\"20ms\"/>b</speak>");
    }

    #[tokio::test]
    async fn raw_samples_are_little_endian_at_the_configured_rate() {
        let server = TestServer::start(|_, _| Reply::ok("application/octet-stream", [5u8, 0, 0xff, 0xff])).await;
        let clip = HttpSpeech::new(config(&server, "/"), None).unwrap().synth("a", "man", "de").await.unwrap();
        assert_eq!((clip.samples.as_slice(), clip.rate), (&[5, -1][..], SampleRate::HZ_16000));
    }

    #[tokio::test]
    async fn a_server_that_fails_is_spoken_for_by_the_fallback_or_named() {
        let server = TestServer::start(|seen, _| match seen.path.as_str() {
            "/500" => Reply::status("500 Internal Server Error"),
            "/text" => Reply::ok("text/plain", "no audio"),
            "/flood" => Reply::Flood(64 << 20),
            "/hang" => Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()),
            _ => Reply::redirect("302 Found", "http://127.0.0.1:1/elsewhere"),
        })
        .await;
        for (path, reason) in
            [("/500", "500"), ("/text", "audio"), ("/flood", "more than"), ("/hang", "took"), ("/302", "302")]
        {
            let failure =
                HttpSpeech::new(config(&server, path), None).unwrap().synth("a", "man", "de").await.unwrap_err();
            assert_eq!(failure.code, code::INTERNAL);
            assert!(failure.message.contains(reason), "{path}: {failure:?}");
            let engine = HttpSpeech::new(config(&server, path), Some(Arc::new(Other))).unwrap();
            assert_eq!(engine.synth("a", "man", "de").await.unwrap().samples, [42], "{path}");
        }
    }

    #[tokio::test]
    async fn giving_a_text_up_ends_its_request_and_a_wrong_url_is_refused_at_the_start() {
        let server = TestServer::start(|_, _| Reply::Hang(b"HTTP/1.1 200 OK\r\n".to_vec())).await;
        let engine = HttpSpeech::new(config(&server, "/"), None).unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(200), engine.synth("a", "man", "de"));
        assert!(waiting.await.is_err());
        // Nobody waits: the place among the requests is free again.
        assert_eq!(engine.inner.requests.available_permits(), 16);
        let bad = HttpSpeechConfig { url: "ftp://x/{text}".to_owned(), ..config(&server, "/") };
        assert!(HttpSpeech::new(bad, None).is_err());
    }
}
