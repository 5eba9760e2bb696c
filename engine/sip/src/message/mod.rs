//! SIP messages: reading, writing and cutting them from a stream (RFC 3261 sections 7, 18.3, 19, 20 and 25).
//! It knows the grammar and nothing of transactions or dialogs; it decides no routing.
//! Start at [`Message`]: `Message::parse` reads, `Message::request` and `Message::response` write.
//!
//! ```text
//!   bytes ─▶ framer ─▶ Message::parse ─▶ index (start line, spans of fields) ─▶ Via, NameAddr, Uri: read when asked
//!            (streams)       └ normalise: folded or Latin-1 headers only
//! ```

mod block;
mod builder;
mod chars;
mod cseq;
mod error;
mod framer;
mod header_kind;
mod index;
mod line;
mod list;
#[expect(clippy::module_inception, reason = "the noun is the folder's")]
mod message;
mod method;
mod name_addr;
mod normalise;
mod params;
mod reason;
mod restate;
mod shared_index;
mod spans;
mod syntax_error;
mod uri;
mod uri_equal;
mod via;

pub use builder::{Builder, reject};
pub use cseq::CSeq;
pub use error::{ParseError, ParseErrorKind};
pub use framer::{FrameError, Framed, StreamFramer};
pub use message::Message;
pub use method::Method;
pub use name_addr::{Contact, NameAddr};
pub use params::Params;
pub use reason::reason_phrase;
pub use syntax_error::SyntaxError;
pub use uri::{Scheme, Uri};
pub use via::Via;
