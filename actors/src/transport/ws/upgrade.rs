use futures_util::StreamExt;
use tandem_model::limits::{SIP_MESSAGE_BYTES_MAX, STREAM_SEND_BYTES_MAX};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Origins;
use super::socket::{SocketReader, SocketWriter};

const READ_BYTES: usize = 8 * 1024;
/// The subprotocol (RFC 7118 section 4.1).
const SIP: &str = "sip";

/// Answers the request for an upgrade. Its head is bounded by the library at 64 KiB, and in time by the caller.
///
/// # Errors
/// Why it came to nothing; the peer was told.
pub(in crate::transport) async fn upgrade<S>(
    stream: S,
    origins: &Origins,
) -> Result<(SocketReader<S>, SocketWriter<S>), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * STREAM_SEND_BYTES_MAX)
        .max_message_size(Some(SIP_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(SIP_MESSAGE_BYTES_MAX));
    let socket = accept_hdr_async_with_config(stream, Upgrade { origins }, Some(config)).await?;
    let (write, read) = socket.split();
    Ok((SocketReader(read), SocketWriter(write)))
}

struct Upgrade<'a> {
    origins: &'a Origins,
}

impl Callback for Upgrade<'_> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let header = |name| request.headers().get(name).map(|v| v.to_str().unwrap_or("?"));
        if !self.origins.allow(header(ORIGIN), header(HOST)) {
            return Err(refusal(StatusCode::FORBIDDEN, "This origin may not connect."));
        }
        let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut offered = offered.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
        if !offered.any(|protocol| protocol.trim().eq_ignore_ascii_case(SIP)) {
            return Err(refusal(StatusCode::BAD_REQUEST, "The subprotocol must be sip (RFC 7118)."));
        }
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SIP));
        Ok(response)
    }
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response
}
