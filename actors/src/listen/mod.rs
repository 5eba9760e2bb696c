//! Hearing what callers say: a tap's audio, cut into utterances by an end-pointer of our own, goes to a recogniser that the
//! operator named. No recognition is done here. Start at [`Recogniser`], then [`hear`].
//!
//! ```text
//!  media thread ──TapSink──→ queue ──every 60 ms──→ end-pointer ──speech──→ Recogniser ──→ words
//!                                                       └ Began, Partial, Ended ──→ call
//! ```

mod endpointer;
mod http;
mod multipart;
mod reply;
mod session;
#[cfg(test)]
mod tests;
mod wav;
mod websocket;

pub use http::{HttpRecogniser, HttpRecogniserConfig, Shape};
pub use session::{Control, Limits, Order, hear};
pub use websocket::{WebSocketConfig, WebSocketRecogniser};

pub(crate) use session::{QUEUE_FRAMES, transcribe};
pub(crate) use wav::read_wav;

use std::future::Future;
use std::pin::Pin;

use tandem_call::call::PartialSpeech;
use tandem_laml::instruction::{ListenFailure, Listening, Utterance};
use tandem_model::SampleRate;
use tokio::sync::mpsc;

/// What a recogniser gives.
pub type RecogniseFuture<'a> = Pin<Box<dyn Future<Output = Result<Utterance, String>> + Send + 'a>>;

/// Turns one utterance into words.
pub trait Recogniser: Send + Sync {
    /// The rate of the audio it takes.
    fn rate(&self) -> SampleRate;

    /// Takes mono audio until its end; `partials` may be told what is understood meanwhile, and loses what nobody has time
    /// for. Errors are for people. Dropping the future gives the work up.
    fn recognise<'a>(
        &'a self,
        how: &'a Listening,
        audio: mpsc::Receiver<Vec<i16>>,
        partials: mpsc::Sender<PartialSpeech>,
    ) -> RecogniseFuture<'a>;
}

/// Codes of speech that was not understood (laml.md 3.13).
pub mod code {
    /// There is no recogniser.
    pub const NOT_ENABLED: u32 = 10_001;
    /// The recogniser failed.
    pub const INTERNAL: u32 = 20_504;
}

/// Why nothing is heard where no recogniser is configured.
pub fn none_configured() -> ListenFailure {
    let message = "speech is not available on this server, only keys are heard".to_owned();
    ListenFailure { code: code::NOT_ENABLED, message }
}
