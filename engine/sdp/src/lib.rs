//! Session descriptions for audio: reading them (RFC 4566, RFC 8866) and agreeing on media by offer and answer
//! (RFC 3264) with SDES keys (RFC 4568). Not here: codec implementations, SIP, sockets; everything is a pure function.
//! Start at [`parse`], then [`offer`], [`answer`] and [`accept_answer`], which all end in an [`Agreement`].

mod agreement;
mod answer;
mod capabilities;
mod crypto;
mod description;
mod formats;
mod offer;
mod parse;
mod static_types;
mod transport;
mod write;

pub use agreement::{AgreedDtmf, AgreedFormat, AgreedNoise, AgreedSrtp, Agreement, Layout, LineShape, Refusal};
pub use answer::{answer, answer_put_away};
pub use capabilities::{Capabilities, CodecOffer, ComfortNoise, Encryption, LocalMedia, Pin, Preference};
pub use description::{
    Connection, Crypto, Description, Direction, Format, Media, Origin, Proto, Rtcp, RtcpXr, SdpError,
};
pub use offer::{Offer, accept_answer, accept_next_answer, offer};
pub use parse::parse;
