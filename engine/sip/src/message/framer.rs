use bytes::Bytes;
use std::net::SocketAddr;
use tandem_model::limits::{SIP_MESSAGE_BYTES_MAX, SIP_STREAM_BUFFER_BYTES_MAX};

use super::builder::reject;
use super::chars::number;
use super::error::{ParseError, ParseErrorKind};
use super::header_kind::HeaderKind;
use super::line::{Lines, field_of};
use super::message::Message;
use super::normalise::unfolded;

/// Cuts a byte stream into messages (RFC 3261 section 18.3). It holds no more than
/// [`SIP_STREAM_BUFFER_BYTES_MAX`] and looks at each byte a fixed number of times, however it arrives.
///
/// Push what one read of the connection returned, [`SIP_MESSAGE_BYTES_MAX`] bytes at most, then take frames until
/// there are none. After [`Framed::Error`] there is nothing more: message borders are lost.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    taken: usize,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// One whole message for [`Message::parse`].
    Message(Bytes),
    /// A keep-alive of two line ends; answer one (RFC 5626 section 4.4.1).
    Ping,
    /// Answer [`FrameError::reply`], then close the connection.
    Error(FrameError),
}

/// Why the stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// 400: no Content-Length, or none that makes sense. 513: larger than a message may be.
    pub status: u16,
    /// The message's header, as far as it came.
    pub head: Bytes,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Between messages.
    #[default]
    Idle,
    /// In a header; this many bytes of it were searched for its end.
    Head {
        searched: usize,
    },
    /// In a body; the whole message is this long.
    Body {
        message_len: usize,
    },
    /// The error is to be told.
    Failing {
        status: u16,
    },
    Failed,
}

impl StreamFramer {
    pub fn new() -> StreamFramer {
        StreamFramer::default()
    }

    /// Adds what was read from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Failing { .. } | State::Failed) {
            return;
        }
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        if self.buffer.len() + bytes.len() > SIP_STREAM_BUFFER_BYTES_MAX {
            self.state = State::Failing { status: 513 };
            return;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes waiting for the rest of their message. A connection where this stays above zero is being dribbled to.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The next frame, if a whole one is there.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not never")]
    pub fn next(&mut self) -> Option<Framed> {
        loop {
            let pending = &self.buffer[self.taken..];
            match self.state {
                State::Idle => match pending {
                    [b'\r', b'\n', b'\r', b'\n', ..] => {
                        self.take(4);
                        return Some(Framed::Ping);
                    }
                    [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                    [b'\r', b'\n', ..] => {
                        self.take(2);
                    }
                    _ => self.state = State::Head { searched: 0 },
                },
                State::Head { searched } => match end_of_head(pending, searched) {
                    Some(head_len) => self.state = after_head(&pending[..head_len]),
                    None if pending.len() >= SIP_MESSAGE_BYTES_MAX => self.state = State::Failing { status: 513 },
                    None => {
                        self.state = State::Head { searched: pending.len() };
                        return None;
                    }
                },
                State::Body { message_len } if pending.len() >= message_len => {
                    self.state = State::Idle;
                    return Some(Framed::Message(self.take(message_len)));
                }
                State::Body { .. } | State::Failed => return None,
                State::Failing { status } => {
                    let head_len = end_of_head(pending, 0).unwrap_or(pending.len()).min(SIP_MESSAGE_BYTES_MAX);
                    let head = self.take(head_len);
                    self.state = State::Failed;
                    self.buffer = Vec::new();
                    self.taken = 0;
                    return Some(Framed::Error(FrameError { status, head }));
                }
            }
        }
    }

    fn take(&mut self, len: usize) -> Bytes {
        let frame = Bytes::copy_from_slice(&self.buffer[self.taken..self.taken + len]);
        self.taken += len;
        frame
    }
}

impl FrameError {
    /// The answer to send before closing, if the header was that of a request.
    pub fn reply(&self, source: SocketAddr) -> Option<Bytes> {
        let (_, error) = Message::assemble(self.head.clone());
        // The body was never read, so "truncated" is what a sound header with a bad length may look like.
        let error = match (error, self.status) {
            (Some(error), 400) if error.reply().is_some() => error,
            (error, status) => ParseError {
                kind: if status == 513 { ParseErrorKind::TooLarge } else { ParseErrorKind::Missing("Content-Length") },
                offset: 0,
                line: 1,
                answerable: error.is_none_or(|e| e.answerable),
            },
        };
        reject(&self.head, &error, source)
    }
}

/// The length of the header with its empty line. `searched` bytes were looked at before; the end may have begun in
/// the last three of them.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    bytes[from..].windows(4).position(|end| end == b"\r\n\r\n").map(|at| from + at + 4)
}

/// What the Content-Length of a whole header asks for; checked before any of the body is waited for.
fn after_head(head: &[u8]) -> State {
    match content_length(head) {
        Some(length) if length > (SIP_MESSAGE_BYTES_MAX - head.len().min(SIP_MESSAGE_BYTES_MAX)) as u64 => {
            State::Failing { status: 513 }
        }
        Some(length) => State::Body { message_len: head.len() + length as usize },
        None => State::Failing { status: 400 },
    }
}

/// `None` if there is none, if it is no number, or if two differ: a reader that guesses sees other messages than the
/// sender meant.
fn content_length(head: &[u8]) -> Option<u64> {
    let head = unfolded(head);
    let mut length = None;
    // The first is the start line.
    for line in Lines::new(&head, 0).skip(1) {
        let Ok(field) = field_of(&head, &line) else { continue };
        if field.kind != HeaderKind::ContentLength {
            continue;
        }
        let value = std::str::from_utf8(&head[field.value as usize..field.value_end as usize]).ok()?;
        let value: u64 = number(value).or_else(|| all_digits(value).then_some(u64::MAX))?;
        if length.is_some_and(|before| before != value) {
            return None;
        }
        length = Some(value);
    }
    length
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
