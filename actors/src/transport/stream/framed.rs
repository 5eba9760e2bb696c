//! SIP on a stream of bytes (RFC 3261 section 18.3): TCP, and TLS over it.

use std::io;

use bytes::Bytes;
use tandem_sip::message::{Framed, StreamFramer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout_at};

use super::connection::{Receive, Received, Transmit};
use crate::transport::settings::Timing;

/// One read. Several messages fit; what waits on thousands of connections stays small.
const READ_BYTES: usize = 8 * 1024;
/// Read after we said our last, so that what the peer still sends does not make the system throw our answer away.
const DISCARD_BYTES_MAX: usize = 256 * 1024;

pub(super) struct FramedReader<S> {
    half: ReadHalf<S>,
    framer: StreamFramer,
    buffer: Box<[u8]>,
    timing: Timing,
    /// By when the message that has begun must be whole.
    whole_by: Option<Instant>,
    source: std::net::SocketAddr,
}

pub(super) struct FramedWriter<S>(WriteHalf<S>);

pub(super) fn framed<S: AsyncRead + AsyncWrite>(
    stream: S,
    source: std::net::SocketAddr,
    timing: Timing,
) -> (FramedReader<S>, FramedWriter<S>) {
    let (half, write) = tokio::io::split(stream);
    let buffer = vec![0; READ_BYTES].into_boxed_slice();
    (FramedReader { half, framer: StreamFramer::new(), buffer, timing, whole_by: None, source }, FramedWriter(write))
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Receive for FramedReader<S> {
    async fn receive(&mut self) -> Received {
        loop {
            match self.framer.next() {
                Some(Framed::Message(bytes)) => {
                    self.whole_by = None;
                    return Received::Message(bytes);
                }
                Some(Framed::Ping) => return Received::Ping,
                Some(Framed::Error(error)) => return Received::Broken(error.reply(self.source)),
                None => {}
            }
            if self.framer.buffered() > 0 && self.whole_by.is_none() {
                self.whole_by = Some(Instant::now() + self.timing.whole_message);
            } else if self.framer.buffered() == 0 {
                self.whole_by = None;
            }
            let read = self.half.read(&mut self.buffer);
            let read = match self.whole_by {
                None => read.await,
                Some(by) => match timeout_at(by, read).await {
                    Ok(read) => read,
                    Err(_) => return Received::Broken(None),
                },
            };
            match read {
                Ok(0) => return Received::Finished,
                Ok(len) => self.framer.push(&self.buffer[..len]),
                Err(_) => return Received::Closed,
            }
        }
    }

    async fn discard(&mut self) {
        let mut left = DISCARD_BYTES_MAX;
        while left > 0 {
            match self.half.read(&mut self.buffer).await {
                Ok(0) | Err(_) => return,
                Ok(len) => left = left.saturating_sub(len),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transmit for FramedWriter<S> {
    async fn transmit(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.write_all(&bytes).await?;
        self.0.flush().await
    }

    async fn finish(&mut self) {
        let _ = self.0.shutdown().await;
    }
}
