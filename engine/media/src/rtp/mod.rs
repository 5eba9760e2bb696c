//! RTP on the wire (RFC 3550 section 5): telling packets apart, a checked view of one, and writing one.
//! It holds no state of a stream: that is `stats` and `leg`. Start at [`RtpView::parse`].

mod classify;
mod extension;
mod view;
mod write;

pub use classify::{PacketKind, classify};
pub use extension::{Element, Elements};
pub use view::RtpView;
pub use write::{RtpHeader, write_header};

/// The fixed header, without CSRCs (RFC 3550 section 5.1).
pub const RTP_HEADER_BYTES: usize = 12;
