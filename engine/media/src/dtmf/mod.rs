//! Digits: as telephone-events both ways (RFC 4733), and heard in the audio (ITU-T Q.24). The tones themselves are made in
//! [`tone`](crate::tone). Start at [`EventReceiver`], [`EventSender`] and [`InBandDetector`].

mod digits;
mod inband;
pub(crate) mod keypad;
mod receiver;
mod sender;

pub use digits::DigitError;
pub(crate) use digits::{DigitQueue, Symbol, TONE_MS};
pub use inband::InBandDetector;
pub use keypad::{Key, digit_named};
pub use receiver::{EventPacket, EventReceiver};
pub use sender::{EventSender, Step};
