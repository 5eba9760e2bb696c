//! Packet loss concealment on PCM, after the idea of ITU-T G.711 appendix I: the last pitch period goes on and fades.
//! It is not a decoder's own concealment, which is better where there is one. Start at [`Concealer`].

mod concealer;
mod pitch;

pub use concealer::Concealer;
