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
    /// takes the closest it has. Plain text, no markup.
    fn synth<'a>(&'a self, text: &'a str, voice: &'a str, language: &'a str) -> SpeechFuture<'a>;
}
