use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tandem_call::call::PartialSpeech;
use tandem_laml::instruction::{Listening, Utterance};
use tandem_model::SampleRate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig as Frames;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::wav::little_endian;
use super::{RecogniseFuture, Recogniser, reply};
use crate::operator_http::{BadAccess, ServiceAccess};

/// A recogniser that hears speech while it is spoken, over a WebSocket, by the protocol of Vosk's server and its likes:
///
/// ```text
///  → {"config":{"sample_rate":16000,"words":1,"language":"en-US","phrase_list":["sales"],…}}
///  → binary: 16-bit little-endian mono samples, as they come
///  ← {"partial":"call sa"}                       any time
///  ← {"result":[{"conf":0.98,…}],"text":"…"}     at the end of each sentence
///  → {"eof":1}                                   the utterance is over
///  ← {"text":"…"}                                the last words; then the connection is closed
/// ```
pub struct WebSocketRecogniser {
    config: WebSocketConfig,
    request: Request,
    tls: Arc<rustls::ClientConfig>,
}

#[derive(Clone, Debug)]
pub struct WebSocketConfig {
    /// `timeout`: to connect, and for the last words after the end of speech.
    pub access: ServiceAccess,
    pub model: String,
    pub rate: SampleRate,
}

/// A message of words is short.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Sentences of one utterance.
const TEXT_CHARS_MAX: usize = 8_192;

impl WebSocketRecogniser {
    /// # Errors
    /// A URL or header field that cannot be used.
    pub fn new(config: WebSocketConfig) -> Result<Self, BadAccess> {
        let bad = |reason: String| BadAccess(format!("the recogniser's URL cannot be used: {reason}"));
        let mut request = config.access.url.as_str().into_client_request().map_err(|e| bad(e.to_string()))?;
        for (name, value) in &config.access.header_map()? {
            request.headers_mut().append(name.clone(), value.clone());
        }
        if config.access.url.host_str().is_none() || !matches!(config.access.url.scheme(), "ws" | "wss") {
            return Err(bad("it is no ws or wss URL".to_owned()));
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(WebSocketRecogniser { config, request, tls: Arc::new(tls) })
    }

    async fn hear(
        &self,
        how: &Listening,
        audio: mpsc::Receiver<Vec<i16>>,
        partials: mpsc::Sender<PartialSpeech>,
    ) -> Result<Utterance, String> {
        let url = &self.config.access.url;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let patience = self.config.access.timeout;
        let late = |_| format!("no connection within {patience:?}");
        let tcp = timeout(patience, TcpStream::connect((host.as_str(), port))).await.map_err(late)?;
        let tcp = tcp.map_err(|error| error.to_string())?;
        let _ = tcp.set_nodelay(true);
        if url.scheme() == "wss" {
            let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
            let connector = tokio_rustls::TlsConnector::from(self.tls.clone());
            let stream = timeout(patience, connector.connect(name, tcp)).await.map_err(late)?;
            self.converse(stream.map_err(|error| error.to_string())?, how, audio, partials).await
        } else {
            self.converse(tcp, how, audio, partials).await
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        how: &Listening,
        mut audio: mpsc::Receiver<Vec<i16>>,
        partials: mpsc::Sender<PartialSpeech>,
    ) -> Result<Utterance, String> {
        let patience = self.config.access.timeout;
        let frames =
            Frames::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
        let handshake = client_async_with_config(self.request.clone(), stream, Some(frames));
        let connected = timeout(patience, handshake).await.map_err(|_| format!("no handshake within {patience:?}"))?;
        let (mut socket, _) = connected.map_err(|error| error.to_string())?;
        let mut words = Words::default();
        self.send(&mut socket, Message::text(self.opening(how).to_string())).await?;
        loop {
            tokio::select! {
                more = audio.recv() => match more {
                    Some(samples) => self.send(&mut socket, Message::binary(little_endian(&samples))).await?,
                    None => break,
                },
                told = socket.next() => match told {
                    Some(Ok(message)) => words.take(&message, &partials)?,
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("it closed the connection".to_owned()),
                },
            }
        }
        self.send(&mut socket, Message::text(r#"{"eof":1}"#)).await?;
        words.last = true;
        let rest = async {
            while !words.is_over {
                match socket.next().await {
                    Some(Ok(message)) => words.take(&message, &partials)?,
                    // All that it had to say has been said.
                    Some(Err(_)) | None => break,
                }
            }
            Ok::<(), String>(())
        };
        timeout(patience, rest).await.map_err(|_| format!("no last words within {patience:?}"))??;
        // A peer that does not close in time is left.
        let _ = timeout(Duration::from_millis(500), socket.close(None)).await;
        Ok(words.finish())
    }

    async fn send<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
        message: Message,
    ) -> Result<(), String> {
        let sent = timeout(self.config.access.timeout, socket.send(message)).await;
        sent.map_err(|_| "it takes no audio".to_owned())?.map_err(|error| error.to_string())
    }

    fn opening(&self, how: &Listening) -> Value {
        let mut config = json!({
            "sample_rate": self.config.rate.0,
            "words": 1,
            "language": how.language,
            "profanity_filter": how.profanity_filter,
            "enhanced": how.enhanced,
        });
        if !how.hints.is_empty() {
            config["phrase_list"] = json!(how.hints);
        }
        let model = how.model.as_deref().unwrap_or(&self.config.model);
        if !model.is_empty() {
            config["model"] = json!(model);
        }
        json!({ "config": config })
    }
}

impl Recogniser for WebSocketRecogniser {
    fn rate(&self) -> SampleRate {
        self.config.rate
    }

    fn recognise<'a>(
        &'a self,
        how: &'a Listening,
        audio: mpsc::Receiver<Vec<i16>>,
        partials: mpsc::Sender<PartialSpeech>,
    ) -> RecogniseFuture<'a> {
        Box::pin(self.hear(how, audio, partials))
    }
}

/// What was understood so far, sentence by sentence.
#[derive(Default)]
struct Words {
    text: String,
    /// Sum and number.
    confidence: (f32, u32),
    /// The end of speech was told: the next sentence is the last.
    last: bool,
    is_over: bool,
}

impl Words {
    fn take(&mut self, message: &Message, partials: &mpsc::Sender<PartialSpeech>) -> Result<(), String> {
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Close(_) => {
                self.is_over = true;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let json: Value = serde_json::from_str(text).map_err(|_| "it sent what is no JSON".to_owned())?;
        if let Some(error) = json.get("error").and_then(Value::as_str) {
            return Err(error.chars().filter(|c| !c.is_control()).take(200).collect());
        }
        if let Some(partial) = json.get("partial").and_then(Value::as_str) {
            let unstable: String = partial.chars().take(TEXT_CHARS_MAX).collect();
            if !unstable.trim().is_empty() {
                let partial = PartialSpeech { stable: self.text.clone(), unstable, confidence: None };
                // What nobody has time for is lost: the next one says more.
                let _ = partials.try_send(partial);
            }
        } else if let Some(said) = reply::of_json(&json) {
            self.is_over = self.last;
            if !said.text.is_empty() && self.text.chars().count() < TEXT_CHARS_MAX {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(&said.text);
                if let Some(sure) = said.confidence {
                    self.confidence = (self.confidence.0 + sure, self.confidence.1 + 1);
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Utterance {
        let (sum, count) = self.confidence;
        Utterance { text: self.text, confidence: (count > 0).then(|| sum / count as f32) }
    }
}

impl fmt::Debug for WebSocketRecogniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocketRecogniser({:?})", self.config)
    }
}
