//! What audio means: codecs behind one pair of traits, and the ordered list of those we speak.
//! Not here: packets (engine/media) and negotiation (engine/sdp). Start at [`Decoder`] and [`CODECS`].

mod api;
mod g711;
mod opus;
mod registry;

pub use api::{CodecError, CodecId, Decoder, Encoder};
pub use registry::{CODECS, CodecSpec, EncoderSettings, LamlCodec};
