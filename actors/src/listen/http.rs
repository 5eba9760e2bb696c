use std::fmt;

use tandem_call::call::PartialSpeech;
use tandem_laml::instruction::{Listening, Utterance};
use tandem_model::SampleRate;
use tokio::sync::mpsc;
use url::Url;

use super::multipart::Multipart;
use super::wav::{little_endian, write_wav};
use super::{RecogniseFuture, Recogniser, reply};
use crate::operator_http::{BadAccess, OperatorHttp, ServiceAccess};

/// A recogniser that is sent each utterance whole, over HTTP, once it has ended.
pub struct HttpRecogniser {
    config: HttpRecogniserConfig,
    http: OperatorHttp,
}

#[derive(Clone, Debug)]
pub struct HttpRecogniserConfig {
    pub access: ServiceAccess,
    pub shape: Shape,
    /// Sent where the application names none.
    pub model: String,
    /// For [`Shape::Form`]: what the answer is to look like.
    pub response_format: String,
    pub rate: SampleRate,
}

/// How the audio is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A form with the fields file, model, language, prompt and response_format, as OpenAI's `/v1/audio/transcriptions` and its
    /// many likes take it.
    Form,
    /// The body is a WAV file; the rest is in the query.
    Wav,
    /// The body is 16-bit little-endian samples; the rest is in the query.
    Raw,
}

/// Words are few; what lists each of them with times is longer.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// Some engines refuse more.
const PROMPT_CHARS_MAX: usize = 800;

impl HttpRecogniser {
    /// # Errors
    /// A header field that cannot be sent.
    pub fn new(config: HttpRecogniserConfig) -> Result<Self, BadAccess> {
        let http = OperatorHttp::new(&config.access, REPLY_BYTES_MAX)?;
        Ok(HttpRecogniser { config, http })
    }

    async fn ask(&self, how: &Listening, samples: Vec<i16>) -> Result<Utterance, String> {
        let config = &self.config;
        let model = how.model.as_deref().unwrap_or(&config.model);
        let mut url = config.access.url.clone();
        let (content_type, body) = match config.shape {
            Shape::Form => {
                let mut form =
                    Multipart::new().file("file", "utterance.wav", "audio/wav", &write_wav(&samples, config.rate));
                for (name, value) in [("model", model), ("language", primary(&how.language)), ("prompt", &prompt(how))]
                {
                    if !value.is_empty() {
                        form = form.field(name, value);
                    }
                }
                form.field("response_format", &config.response_format).finish()
            }
            Shape::Wav => {
                self.query(&mut url, how, model);
                ("audio/wav".to_owned(), write_wav(&samples, config.rate))
            }
            Shape::Raw => {
                self.query(&mut url, how, model);
                let kind = format!("audio/x-raw; rate={}; channels=1; format=S16LE", config.rate.0);
                (kind, little_endian(&samples))
            }
        };
        let answer = self.http.ask(url, Some((&content_type, body))).await?;
        reply::utterance(&answer.content_type, &answer.body)
    }

    fn query(&self, url: &mut Url, how: &Listening, model: &str) {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("language", &how.language).append_pair("rate", &self.config.rate.0.to_string());
        pairs.append_pair("profanity_filter", if how.profanity_filter { "true" } else { "false" });
        if !model.is_empty() {
            pairs.append_pair("model", model);
        }
        if how.enhanced {
            pairs.append_pair("enhanced", "true");
        }
        for hint in &how.hints {
            pairs.append_pair("hint", hint);
        }
    }
}

impl Recogniser for HttpRecogniser {
    fn rate(&self) -> SampleRate {
        self.config.rate
    }

    fn recognise<'a>(
        &'a self,
        how: &'a Listening,
        mut audio: mpsc::Receiver<Vec<i16>>,
        _: mpsc::Sender<PartialSpeech>,
    ) -> RecogniseFuture<'a> {
        Box::pin(async move {
            let mut samples = Vec::new();
            while let Some(more) = audio.recv().await {
                samples.extend(more);
            }
            self.ask(how, samples).await
        })
    }
}

/// `en` of `en-US`: what such servers take.
fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default()
}

fn prompt(how: &Listening) -> String {
    how.hints.join(", ").chars().take(PROMPT_CHARS_MAX).collect()
}

impl fmt::Debug for HttpRecogniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRecogniser({:?})", self.config)
    }
}
