//! Where prompts come from: audio files fetched from a customer's server, and speech made from text.
//! It plays nothing. Start at [`PromptLoader`] and [`SpeechEngine`].

mod cache;
mod espeak;
mod flight;
mod hold_music;
mod http;
mod loader;
mod markup;
mod phonemes;
mod rendering;
mod speech;
mod voice;

pub use espeak::{EspeakConfig, EspeakEngine};
pub use hold_music::hold_music;
pub use http::{HttpSpeech, HttpSpeechConfig};
pub use loader::{PromptLimits, PromptLoader};
pub use markup::text_as_markup;
pub use speech::{SpeechEngine, SpeechFuture};

/// Codes of a prompt that could not be made (laml.md 3.13). A file that could not be fetched carries the fetch's own.
pub mod code {
    /// The file is not audio that can be played.
    pub const NOT_AUDIO: u32 = 13420;
    /// A voice or a language that the engine lacks.
    pub const VOICE: u32 = 20422;
    /// The text cannot be spoken as it is.
    pub const TEXT: u32 = 20422;
    /// The switch itself could not do it, as when the speech engine is missing.
    pub const INTERNAL: u32 = 20504;
}

fn fail(code: u32, message: impl Into<String>) -> tandem_laml::instruction::PromptFailure {
    tandem_laml::instruction::PromptFailure { code, message: message.into() }
}
