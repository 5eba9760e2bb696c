//! What was recorded: WAV as it was, MP3 as it is asked for, whole or a stretch of it (RFC 9110 section 14), as players ask when
//! they are wound on.

use std::io::SeekFrom;
use std::ops::Range;
use std::path::Path;

use actix_web::body::SizedStream;
use actix_web::http::header::{ACCEPT_RANGES, CONTENT_RANGE, RANGE};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use tandem_model::Sid;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{not_found, parse_sid};
use crate::api::ApiState;
use crate::api::error::LamlError;
use crate::recording::Mp3Error;

/// Read from the disk at a time, and held for a slow client.
const CHUNK_BYTES: u64 = 64 * 1024;

pub(super) async fn wav(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let sid = sid_of(&request)?;
    let file = state.recordings.wav(sid).await.ok_or_else(|| not_found(sid))?;
    send(sid, &file, "audio/x-wav", &request).await
}

pub(super) async fn mp3(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let sid = sid_of(&request)?;
    match state.recordings.mp3(sid).await {
        Ok(file) => send(sid, &file, "audio/mpeg", &request).await,
        Err(Mp3Error::NotFound) => Err(not_found(sid)),
        Err(error) => Err(LamlError::new(503, 20504, error.to_string())),
    }
}

fn sid_of(request: &HttpRequest) -> Result<Sid, LamlError> {
    parse_sid(request.match_info().get("sid").unwrap_or_default())
}

async fn send(sid: Sid, path: &Path, content_type: &str, request: &HttpRequest) -> Result<HttpResponse, LamlError> {
    // It may have been deleted since it was found.
    let mut file = File::open(path).await.map_err(|_| not_found(sid))?;
    let length = file.metadata().await.map_err(|_| not_found(sid))?.len();
    let asked = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let (mut response, stretch) = match asked.map_or(Stretch::Whole, |range| stretch_of(range, length)) {
        Stretch::Whole => (HttpResponse::Ok(), 0..length),
        Stretch::Part(part) => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{length}", part.start, part.end - 1)));
            (response, part)
        }
        Stretch::Outside => {
            let mut response = HttpResponse::RangeNotSatisfiable();
            return Ok(response.insert_header((CONTENT_RANGE, format!("bytes */{length}"))).finish());
        }
    };
    file.seek(SeekFrom::Start(stretch.start)).await.map_err(|_| not_found(sid))?;
    let left = stretch.end - stretch.start;
    let chunks = stream::try_unfold((file, left), |(mut file, left)| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES.min(left) as usize);
        let read = (&mut file).take(CHUNK_BYTES.min(left)).read_to_end(&mut chunk).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), (file, left - read as u64))))
    });
    response.insert_header((ACCEPT_RANGES, "bytes")).content_type(content_type);
    Ok(response.body(SizedStream::new(left, Box::pin(chunks))))
}

#[derive(Debug, PartialEq)]
enum Stretch {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// One stretch in bytes is served; what is anything else is as if it had not been asked (RFC 9110 section 14.2).
fn stretch_of(range: &str, length: u64) -> Stretch {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Stretch::Whole;
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let part = match (first.trim(), last.trim()) {
        ("", suffix) => number(suffix).map(|suffix| length.saturating_sub(suffix)..length),
        (first, "") => number(first).map(|first| first..length),
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(length)),
            _ => None,
        },
    };
    match part {
        None => Stretch::Whole,
        Some(part) if part.start >= part.end => Stretch::Outside,
        Some(part) => Stretch::Part(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stretch_in_bytes_is_served_and_the_rest_is_not_asked_for() {
        for (range, want) in [
            ("bytes=0-", Stretch::Part(0..100)),
            ("bytes=10-19", Stretch::Part(10..20)),
            ("bytes=99-99", Stretch::Part(99..100)),
            ("bytes=90-1000", Stretch::Part(90..100)),
            ("bytes=-10", Stretch::Part(90..100)),
            ("bytes=-1000", Stretch::Part(0..100)),
            ("bytes=100-", Stretch::Outside),
            ("bytes=100-200", Stretch::Outside),
            ("bytes=-0", Stretch::Outside),
            ("bytes=18446744073709551615-18446744073709551615", Stretch::Outside),
            ("bytes=20-10", Stretch::Whole),
            ("bytes=0-1,3-4", Stretch::Whole),
            ("bytes=+1-2", Stretch::Whole),
            ("bytes=99999999999999999999-", Stretch::Whole),
            ("items=0-1", Stretch::Whole),
            ("bytes=", Stretch::Whole),
        ] {
            assert_eq!(stretch_of(range, 100), want, "{range}");
        }
        assert_eq!(stretch_of("bytes=0-", 0), Stretch::Outside);
    }
}
