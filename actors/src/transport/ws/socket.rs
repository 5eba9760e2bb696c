use std::io;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::transport::stream::{Receive, Received, Transmit};

pub(in crate::transport) struct SocketReader<S>(pub(super) SplitStream<WebSocketStream<S>>);

pub(in crate::transport) struct SocketWriter<S>(pub(super) SplitSink<WebSocketStream<S>, Message>);

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Receive for SocketReader<S> {
    async fn receive(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => of_message(text.into()),
            Some(Ok(Message::Binary(bytes))) => of_message(bytes),
            // A ping is answered by the library; of several only the last.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Received::Alive,
            // Larger than a SIP message may be: nothing of it was kept.
            Some(Err(Error::Capacity(_))) => Received::Broken(None),
            // The answer to a close goes out as reading goes on, to the end (RFC 6455 section 5.5.1).
            Some(Ok(Message::Close(_))) => {
                while let Some(Ok(_)) = self.0.next().await {}
                Received::Closed
            }
            Some(Ok(Message::Frame(_)) | Err(_)) | None => Received::Closed,
        }
    }
}

/// Some clients keep alive with line ends, as on other streams (RFC 5626 section 4.4.1).
fn of_message(bytes: Bytes) -> Received {
    match bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        false => Received::Message(bytes),
        true if bytes.starts_with(b"\r\n\r\n") => Received::Ping,
        true => Received::Alive,
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transmit for SocketWriter<S> {
    /// Text where it is text: browsers' clients expect it (RFC 7118 section 5 allows either).
    async fn transmit(&mut self, bytes: Bytes) -> io::Result<()> {
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        };
        self.0.send(message).await.map_err(io::Error::other)
    }

    async fn finish(&mut self) {
        let _ = self.0.close().await;
    }
}
