use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;

/// What [`SpeechEngine::synth`] returns.
pub type SpeechFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<Clip>, PromptFailure>> + Send + 'a>>;

/// Makes speech from text. Dropping the future gives the work up.
pub trait SpeechEngine: Send + Sync {
    /// `voice` and `language` are LaML's (laml.md 1.9): `woman`, `man`, `Polly.Joanna`, … and `en-US`, …; an engine
    /// takes the closest it has. `text` is the content of a Say as its grammar writes it: escaped text with SSML elements
    /// ([`text_as_markup`](super::text_as_markup) makes it of plain text).
    fn synth<'a>(&'a self, text: &'a str, voice: &'a str, language: &'a str) -> SpeechFuture<'a>;

    /// What the caller hears in place of what was asked for, when the engine has no such voice or language; for the call's log.
    fn remark(&self, _voice: &str, _language: &str) -> Option<String> {
        None
    }
}
