//! Where prompts come from: audio files fetched from a customer's server, and speech made from text.
//! It plays nothing. Start at [`PromptLoader`] and [`SpeechEngine`].

mod speech;

pub use speech::{SpeechEngine, SpeechFuture};
