use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;
use tandem_model::SampleRate;

use super::{code, fail, g711, wav};

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    /// µ-law, 8,000 Hz, one channel, no header (RFC 2046 section 4.3).
    RawUlaw,
}

impl Kind {
    /// From the Content-Type: laml.md 1.9 lists what may be played. `application/octet-stream`, which file servers give
    /// for anything, goes by the body's first bytes.
    pub fn of(content_type: Option<&str>, body: &[u8]) -> Result<Kind, PromptFailure> {
        let essence =
            content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => Ok(Kind::Wav),
            "audio/basic" | "audio/ulaw" | "audio/x-ulaw" | "audio/pcmu" => Ok(Kind::RawUlaw),
            "" | "application/octet-stream" | "binary/octet-stream" if body.starts_with(b"RIFF") => Ok(Kind::Wav),
            "" => Err(fail(code::NOT_AUDIO, "the file has no content type and is not WAV")),
            "audio/mpeg" | "audio/mp3" | "audio/aiff" | "audio/x-aifc" | "audio/x-aiff" | "audio/x-gsm"
            | "audio/gsm" => Err(fail(code::NOT_AUDIO, format!("{essence} is not supported yet; WAV and µ-law are"))),
            other => Err(fail(code::NOT_AUDIO, format!("{other:.100} is not audio that can be played"))),
        }
    }

    /// Takes a while for a long file: not for an async thread.
    pub fn decode(self, body: &[u8]) -> Result<Clip, PromptFailure> {
        match self {
            Kind::Wav => wav::read(body).map_err(|reason| fail(code::NOT_AUDIO, reason)),
            // Sun's AU files carry the same content type; their header is no audio.
            Kind::RawUlaw if body.starts_with(b".snd") => {
                Err(fail(code::NOT_AUDIO, "an AU file; WAV and raw µ-law are supported"))
            }
            Kind::RawUlaw if body.is_empty() => Err(fail(code::NOT_AUDIO, "the file is empty")),
            Kind::RawUlaw => {
                let samples = body.iter().map(|byte| g711::ulaw(*byte)).collect();
                Ok(Clip { rate: SampleRate::HZ_8000, samples })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_decides_and_parameters_and_case_do_not_matter() {
        assert_eq!(Kind::of(Some("Audio/WAV; rate=8000"), b""), Ok(Kind::Wav));
        assert_eq!(Kind::of(Some("audio/basic"), b"RIFF"), Ok(Kind::RawUlaw));
        assert_eq!(Kind::of(None, b"RIFFxxxxWAVE"), Ok(Kind::Wav));
        assert_eq!(Kind::of(Some("application/octet-stream"), b"RIFF"), Ok(Kind::Wav));
        for (content_type, reason) in [
            (Some("audio/mpeg"), "not supported yet"),
            (Some("text/html"), "text/html is not audio"),
            (Some("application/octet-stream"), "octet-stream is not audio"),
            (None, "no content type"),
        ] {
            let failure = Kind::of(content_type, b"ID3").unwrap_err();
            assert_eq!(failure.code, 13420);
            assert!(failure.message.contains(reason), "{failure:?}");
        }
    }
}
