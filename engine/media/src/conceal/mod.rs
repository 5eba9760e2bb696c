//! Packet loss concealment on PCM, in the spirit of ITU-T G.711 appendix I: the last pitch periods go on, fade into the
//! background noise, and lead over into what comes next. It is not a decoder's own concealment, which is better where
//! there is one. Start at [`Concealer`].

mod background;
mod concealer;
mod grains;
mod pitch;

pub use background::Background;
pub use concealer::Concealer;
