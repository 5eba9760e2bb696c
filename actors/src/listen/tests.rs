//! Recognisers against servers that speak their protocols. These servers understand nothing: they answer what the test wrote. A
//! real engine hears a real caller in the end-to-end story of the menu (`server/tests/e2e/ivr.rs`).

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tandem_call::call::{PartialSpeech, SpeechNews};
use tandem_laml::instruction::{Listening, Utterance};
use tandem_media::tap::{TapFrame, TapSink};
use tandem_model::SampleRate;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use super::*;
use crate::media::TapQueue;
use crate::operator_http::ServiceAccess;
use crate::webhook::test_server::{Reply, TestServer};

fn how() -> Listening {
    Listening {
        language: "en-US".to_owned(),
        hints: vec!["sales".to_owned(), "support desk".to_owned()],
        profanity_filter: true,
        model: None,
        enhanced: false,
        end_silence: Some(Duration::from_millis(600)),
        speech_max: Duration::from_secs(20),
        partials: None,
        debug: false,
    }
}

fn access(url: &str) -> ServiceAccess {
    let timeout = Duration::from_millis(1_500);
    ServiceAccess { url: Url::parse(url).unwrap(), token: Some("secret".to_owned()), headers: vec![], timeout }
}

fn http(server: &TestServer, path: &str, shape: Shape) -> HttpRecogniser {
    HttpRecogniser::new(HttpRecogniserConfig {
        access: access(&server.url(path)),
        shape,
        model: "whisper-1".to_owned(),
        response_format: "json".to_owned(),
        rate: SampleRate::HZ_16000,
    })
    .unwrap()
}

async fn understood(recogniser: &dyn Recogniser, samples: Vec<i16>) -> Result<Utterance, String> {
    transcribe(recogniser, &how(), samples).await
}

#[tokio::test]
async fn a_form_carries_the_utterance_as_a_file() {
    let server = TestServer::start(|_, _| Reply::ok("application/json", r#"{"text":"Sales, please."}"#)).await;
    let said = understood(&http(&server, "/v1/audio/transcriptions", Shape::Form), vec![0x4141; 1_000]).await.unwrap();
    assert_eq!(said, Utterance { text: "Sales, please.".to_owned(), confidence: None });
    let seen = server.requests().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/audio/transcriptions"));
    assert_eq!(seen.header("authorization"), Some("Bearer secret"));
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts: Vec<&str> = seen.body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[0], parts[6]), (7, "", "--\r\n"), "{parts:?}");
    assert!(parts[1].contains("name=\"file\"; filename=\"utterance.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF"));
    assert!(parts[1].contains(&"A".repeat(2_000)));
    for (part, name, value) in [
        (2, "model", "whisper-1"),
        (3, "language", "en"),
        (4, "prompt", "sales, support desk"),
        (5, "response_format", "json"),
    ] {
        assert_eq!(parts[part], format!("\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
}

#[tokio::test]
async fn a_plain_post_carries_the_audio_alone_and_the_rest_in_the_query() {
    let server = TestServer::start(|_, _| Reply::ok("text/plain", "yes\n")).await;
    for (shape, kind, begins) in
        [(Shape::Wav, "audio/wav", "RIFF"), (Shape::Raw, "audio/x-raw; rate=16000; channels=1; format=S16LE", "AAAA")]
    {
        let said = understood(&http(&server, "/asr?key=1", shape), vec![0x4141; 10]).await.unwrap();
        assert_eq!(said.text, "yes");
        let seen = server.requests().pop().unwrap();
        let query =
            "/asr?key=1&language=en-US&rate=16000&profanity_filter=true&model=whisper-1&hint=sales&hint=support+desk";
        assert_eq!((seen.path.as_str(), seen.header("content-type")), (query, Some(kind)));
        assert!(seen.body.starts_with(begins));
    }
}

#[tokio::test]
async fn a_server_that_fails_is_named() {
    let server = TestServer::start(|seen, _| match seen.path.split('?').next() {
        Some("/500") => Reply::status("500 Internal Server Error"),
        Some("/html") => Reply::ok("text/html", "<html>"),
        Some("/hang") => Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()),
        _ => Reply::Flood(4 << 20),
    })
    .await;
    for (path, reason) in [("/500", "500"), ("/html", "JSON"), ("/hang", "took"), ("/flood", "more than")] {
        let failure = understood(&http(&server, path, Shape::Raw), vec![1; 100]).await.unwrap_err();
        assert!(failure.contains(reason), "{path}: {failure}");
    }
}

/// A server of the WebSocket protocol: `script` is what it sends after so many bytes of audio, and at last after the end.
struct WordServer {
    url: String,
    heard: Arc<Mutex<(Vec<String>, usize)>>,
}

async fn word_server(script: Vec<(usize, &'static str)>, last: Option<&'static str>) -> WordServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new((Vec::new(), 0)));
    let log = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut socket) = accept_async(stream).await else { continue };
            let mut script = script.clone().into_iter().peekable();
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(text) => {
                        log.lock().unwrap().0.push(text.to_string());
                        if text.contains("eof") {
                            match last {
                                Some(last) => {
                                    let _ = socket.send(Message::text(last)).await;
                                    let _ = socket.close(None).await;
                                }
                                // It never answers.
                                None => std::future::pending().await,
                            }
                        }
                    }
                    Message::Binary(audio) => {
                        let total = {
                            let mut log = log.lock().unwrap();
                            log.1 += audio.len();
                            log.1
                        };
                        while let Some((_, say)) = script.next_if(|(after, _)| *after <= total) {
                            let _ = socket.send(Message::text(say)).await;
                        }
                    }
                    _ => {}
                }
            }
        }
    });
    WordServer { url, heard }
}

fn websocket(url: &str) -> WebSocketRecogniser {
    WebSocketRecogniser::new(WebSocketConfig { access: access(url), model: String::new(), rate: SampleRate::HZ_16000 })
        .unwrap()
}

#[tokio::test]
async fn words_come_while_the_audio_is_sent_and_the_last_after_its_end() {
    let script = vec![
        (1_000, r#"{"partial":"i need"}"#),
        (2_000, r#"{"result":[{"conf":1.0,"word":"i"},{"conf":0.8,"word":"need"}],"text":"i need"}"#),
        (3_000, r#"{"partial":"sal"}"#),
    ];
    let server = word_server(script, Some(r#"{"result":[{"conf":0.7,"word":"sales"}],"text":"sales"}"#)).await;
    let recogniser = websocket(&server.url);
    let (audio, hearing) = mpsc::channel(8);
    let (partials, mut told) = mpsc::channel(8);
    let how = how();
    let feed = async {
        audio.send(vec![7; 600]).await.unwrap();
        let first = told.recv().await.unwrap();
        audio.send(vec![7; 600]).await.unwrap();
        audio.send(vec![7; 600]).await.unwrap();
        let second = told.recv().await.unwrap();
        drop(audio);
        (first, second)
    };
    let (said, (first, second)) = tokio::join!(recogniser.recognise(&how, hearing, partials), feed);
    let said = said.unwrap();
    assert_eq!(said.text, "i need sales");
    assert!((said.confidence.unwrap() - 0.8).abs() < 0.001, "{said:?}");
    assert_eq!((first.stable.as_str(), first.unstable.as_str()), ("", "i need"));
    assert_eq!((second.stable.as_str(), second.unstable.as_str()), ("i need", "sal"));
    let heard = server.heard.lock().unwrap().clone();
    let config: serde_json::Value = serde_json::from_str(&heard.0[0]).unwrap();
    assert_eq!(config["config"]["sample_rate"], 16_000);
    assert_eq!(config["config"]["phrase_list"], serde_json::json!(["sales", "support desk"]));
    assert_eq!((heard.0[1].as_str(), heard.1), (r#"{"eof":1}"#, 3_600));
}

#[tokio::test]
async fn a_server_without_last_words_and_one_that_is_not_there_are_failures() {
    let silent = word_server(vec![], None).await;
    let failure = understood(&websocket(&silent.url), vec![1; 100]).await.unwrap_err();
    assert!(failure.contains("no last words"), "{failure}");
    let babbling = word_server(vec![(1, "no JSON")], Some("{}")).await;
    let failure = understood(&websocket(&babbling.url), vec![1; 100]).await.unwrap_err();
    assert!(failure.contains("JSON"), "{failure}");
    let failing = word_server(vec![(1, r#"{"error":"no such language"}"#)], Some("{}")).await;
    assert_eq!(understood(&websocket(&failing.url), vec![1; 100]).await.unwrap_err(), "no such language");
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(understood(&websocket(&format!("ws://{port}/")), vec![1; 100]).await.is_err());
}

/// Says how much it heard.
struct Ear;

impl Recogniser for Ear {
    fn rate(&self) -> SampleRate {
        SampleRate::HZ_8000
    }

    fn recognise<'a>(
        &'a self,
        _: &'a Listening,
        mut audio: mpsc::Receiver<Vec<i16>>,
        partials: mpsc::Sender<PartialSpeech>,
    ) -> RecogniseFuture<'a> {
        Box::pin(async move {
            let mut samples = 0;
            while let Some(more) = audio.recv().await {
                samples += more.len();
                let _ = partials.try_send(PartialSpeech { unstable: samples.to_string(), ..PartialSpeech::default() });
            }
            Ok(Utterance { text: samples.to_string(), confidence: None })
        })
    }
}

struct Line {
    queue: Arc<TapQueue>,
    tick: u64,
}

impl Line {
    fn new() -> Self {
        Line { queue: Arc::new(TapQueue::new(SampleRate::HZ_8000, 1_000)), tick: 0 }
    }

    fn say(&mut self, amplitude: i16, ticks: u32) {
        for _ in 0..ticks {
            let pcm: Vec<i16> = (0..160).map(|n| if n % 20 < 10 { amplitude } else { -amplitude }).collect();
            self.queue.take(TapFrame { tick: self.tick, inbound: &pcm, outbound: &[] });
            self.tick += 1;
        }
    }
}

struct Listener {
    orders: watch::Sender<Order>,
    told: mpsc::Receiver<SpeechNews>,
}

fn listener(line: &Line, recogniser: Arc<dyn Recogniser>, limits: Limits) -> Listener {
    let (news, told) = mpsc::channel(64);
    let (orders, control) = watch::channel(Order::Listen);
    tokio::spawn(hear(recogniser, limits, Box::new(how()), line.queue.clone(), control, news));
    Listener { orders, told }
}

#[tokio::test]
async fn an_utterance_is_told_from_its_onset_to_its_end() {
    let mut line = Line::new();
    let mut listener = listener(&line, Arc::new(Ear), Limits::new(1));
    line.say(5, 50);
    let nothing = tokio::time::timeout(Duration::from_millis(200), listener.told.recv());
    assert!(nothing.await.is_err(), "silence is nothing to tell of");
    line.say(4_000, 40);
    assert_eq!(listener.told.recv().await, Some(SpeechNews::Began));
    assert!(matches!(listener.told.recv().await, Some(SpeechNews::Partial(_))));
    line.say(5, 60);
    let mut last = None;
    while let Some(news) = listener.told.recv().await {
        last = Some(news);
    }
    let Some(SpeechNews::Ended(Ok(said))) = last else { panic!("{last:?}") };
    let ticks = said.text.parse::<usize>().unwrap() / 160;
    // 20 ticks before the onset was sure, the rest of the word, 30 of silence, and no more.
    assert!((78..=92).contains(&ticks), "{ticks}");
}

#[tokio::test]
async fn what_was_said_so_far_is_taken_when_it_is_asked_for_and_nothing_when_it_is_stopped() {
    for (order, empty) in [(Order::Finish, false), (Order::Stop, true)] {
        let mut line = Line::new();
        let mut listener = listener(&line, Arc::new(Ear), Limits::new(1));
        line.say(5, 20);
        line.say(4_000, 30);
        assert_eq!(listener.told.recv().await, Some(SpeechNews::Began));
        listener.orders.send(order).unwrap();
        let mut last = None;
        while let Some(news) = listener.told.recv().await {
            last = Some(news);
        }
        let Some(SpeechNews::Ended(Ok(said))) = last else { panic!("{last:?}") };
        assert_eq!(said.text.is_empty(), empty, "{order:?}");
    }
}

#[tokio::test]
async fn a_leg_without_audio_and_a_full_house_are_failures() {
    let mut line = Line::new();
    let mut deaf = listener(&line, Arc::new(Ear), Limits::new(1));
    line.queue.ended();
    let Some(SpeechNews::Ended(Err(failure))) = deaf.told.recv().await else { panic!("no failure") };
    assert_eq!(failure.code, code::INTERNAL);
    line = Line::new();
    let limits = Limits::new(1);
    let _all = limits.0.clone().try_acquire_owned().unwrap();
    let mut late = listener(&line, Arc::new(Ear), limits);
    line.say(4_000, 20);
    let Some(SpeechNews::Ended(Err(failure))) = late.told.recv().await else { panic!("no failure") };
    assert!(failure.message.contains("as many"), "{failure:?}");
}
