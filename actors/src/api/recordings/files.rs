//! What was recorded: WAV as it was, MP3 as it is asked for.

use std::path::Path;

use actix_web::body::SizedStream;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use futures_util::stream;
use tandem_model::Sid;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{not_found, parse_sid};
use crate::api::ApiState;
use crate::api::error::LamlError;
use crate::recording::Mp3Error;

/// Read from the disk at a time, and held for a slow client.
const CHUNK_BYTES: usize = 64 * 1024;

pub(super) async fn wav(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let sid = parse_sid(&path.1)?;
    let file = state.recordings.wav(sid).await.ok_or_else(|| not_found(sid))?;
    send(sid, &file, "audio/x-wav").await
}

pub(super) async fn mp3(
    state: web::Data<ApiState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, LamlError> {
    let sid = parse_sid(&path.1)?;
    match state.recordings.mp3(sid).await {
        Ok(file) => send(sid, &file, "audio/mpeg").await,
        Err(Mp3Error::NotFound) => Err(not_found(sid)),
        Err(error) => Err(LamlError::new(503, 20504, error.to_string())),
    }
}

async fn send(sid: Sid, path: &Path, content_type: &str) -> Result<HttpResponse, LamlError> {
    // It may have been deleted since it was found.
    let file = File::open(path).await.map_err(|_| not_found(sid))?;
    let length = file.metadata().await.map_err(|_| not_found(sid))?.len();
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
    });
    Ok(HttpResponse::Ok().content_type(content_type).body(SizedStream::new(length, Box::pin(chunks))))
}
