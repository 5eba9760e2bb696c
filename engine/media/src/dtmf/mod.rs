//! Digits as telephone-events (RFC 4733), both ways. In-band tones are in [`tone`](crate::tone).
//! Start at [`EventReceiver`] and [`EventSender`].

mod digits;
mod receiver;
mod sender;

pub use digits::DigitError;
pub(crate) use digits::{DigitQueue, Symbol};
pub use receiver::EventReceiver;
pub use sender::{EventSender, Step};
