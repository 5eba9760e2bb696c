//! What audio means: codecs behind one pair of traits, and the ordered list of those we speak.
//! Not here: packets (engine/media) and negotiation (engine/sdp). Start at [`Decoder`] and [`CODECS`].

mod api;
mod g711;
mod g722;
mod l16;
mod opus;
mod registry;
mod settings;

pub use api::{CodecError, Decoder, Encoder};
pub use opus::OpusTuning;
pub use registry::{CODECS, CodecId, CodecSpec, Impairment, LamlCodec};
pub use settings::{EncoderSettings, FarEnd, Tuning};
