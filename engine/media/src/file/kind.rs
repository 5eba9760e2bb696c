use super::{aiff, au, gsm, mp3, wav};

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Aiff,
    Au,
    Mp3,
    /// Frames of 33 bytes without a header.
    Gsm,
    /// 8,000 Hz, one channel, no header (RFC 2046 section 4.3).
    RawUlaw,
}

impl Kind {
    /// The Content-Type says whether it is audio at all (laml.md 1.9 lists what may be played). Which kind it is, the file's
    /// own first bytes say where it has any that are unmistakable: servers name types by the file's ending, and endings lie.
    /// `application/octet-stream`, which file servers give for anything, goes by the bytes alone.
    pub fn of(content_type: Option<&str>, body: &[u8]) -> Result<Kind, String> {
        let essence =
            content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let named = match essence.as_str() {
            "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => Some(Kind::Wav),
            "audio/aiff" | "audio/x-aiff" | "audio/aifc" | "audio/x-aifc" => Some(Kind::Aiff),
            "audio/mpeg" | "audio/mp3" | "audio/mpeg3" | "audio/x-mpeg" | "audio/x-mp3" => Some(Kind::Mp3),
            "audio/gsm" | "audio/x-gsm" => Some(Kind::Gsm),
            "audio/basic" | "audio/ulaw" | "audio/x-ulaw" | "audio/mulaw" | "audio/x-mulaw" | "audio/pcmu"
            | "audio/au" | "audio/x-au" => Some(Kind::RawUlaw),
            "" | "application/octet-stream" | "binary/octet-stream" => None,
            other => return Err(format!("{other:.100} is not audio that can be played")),
        };
        let unnamed = if essence.is_empty() { "without a content type" } else { essence.as_str() };
        let headed = if wav::is(body) {
            Some(Kind::Wav)
        } else if aiff::is(body) {
            Some(Kind::Aiff)
        } else if body.starts_with(au::MAGIC) {
            Some(Kind::Au)
        } else if body.starts_with(b"ID3") {
            Some(Kind::Mp3)
        } else {
            None
        };
        // Frames without a header are looked for only where nothing else is known: any bytes can be µ-law.
        let framed = || match body {
            _ if mp3::is(body) => Some(Kind::Mp3),
            _ if gsm::is(body) => Some(Kind::Gsm),
            _ => None,
        };
        headed
            .or(named)
            .or_else(framed)
            .ok_or_else(|| format!("a file {unnamed}, which is none of WAV, AIFF, AU, MP3 and GSM"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_decides_and_parameters_and_case_do_not_matter() {
        for (content_type, kind) in [
            ("Audio/WAV; rate=8000", Kind::Wav),
            ("audio/wave", Kind::Wav),
            ("audio/x-wav", Kind::Wav),
            ("audio/mpeg", Kind::Mp3),
            ("audio/aiff", Kind::Aiff),
            ("audio/x-aifc", Kind::Aiff),
            ("audio/x-aiff", Kind::Aiff),
            ("audio/x-gsm", Kind::Gsm),
            ("audio/gsm", Kind::Gsm),
            ("audio/ulaw", Kind::RawUlaw),
            ("audio/basic", Kind::RawUlaw),
        ] {
            assert_eq!(Kind::of(Some(content_type), b"RIFF"), Ok(kind), "{content_type}");
        }
    }

    #[test]
    fn a_files_own_first_bytes_win_over_a_name_and_stand_in_for_one() {
        let gsm = [0xd0; 33];
        for (body, kind) in [
            (&b"RIFFxxxxWAVEfmt "[..], Kind::Wav),
            (b"FORMxxxxAIFC", Kind::Aiff),
            (b"FORMxxxxAIFF", Kind::Aiff),
            (b".snd", Kind::Au),
            (b"ID3\x04", Kind::Mp3),
            (&gsm, Kind::Gsm),
        ] {
            for unnamed in [None, Some("application/octet-stream"), Some("")] {
                assert_eq!(Kind::of(unnamed, body), Ok(kind));
            }
            let named = Kind::of(Some("audio/basic"), body).unwrap();
            assert_eq!(named, if kind == Kind::Gsm { Kind::RawUlaw } else { kind });
        }
    }

    #[test]
    fn what_is_not_audio_says_so() {
        for (content_type, reason) in [
            (Some("text/html"), "text/html is not audio"),
            (Some("audio/ogg"), "audio/ogg is not audio"),
            (Some("application/octet-stream"), "octet-stream, which is none"),
            (None, "without a content type"),
        ] {
            let error = Kind::of(content_type, b"some text").unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
