//! What the same work costs with nothing around it: a relay that only copies, the codecs alone, the cipher alone.

pub mod codecs;
pub mod relay;
