use std::path::Path;
use std::sync::Arc;

use tandem_media::control::Clip;
use tandem_media::file;
use tandem_media::tone::wait_music;

/// What is played to who is on hold: the operator's file, or the music of queues and conferences. Read once, at start.
///
/// # Errors
/// Why the file cannot be read or played, in words for the operator.
pub fn hold_music(path: Option<&Path>) -> Result<Arc<Clip>, String> {
    let Some(path) = path else { return Ok(wait_music()) };
    let problem = |why: String| format!("{}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|e| problem(e.to_string()))?;
    let clip = file::decode(None, &bytes).map_err(problem)?;
    // Over and over, nothing is a busy loop.
    if clip.samples.is_empty() { Err(problem("it holds no audio".to_owned())) } else { Ok(Arc::new(clip)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_played_and_without_one_what_is_built_in() {
        assert!(Arc::ptr_eq(&hold_music(None).expect("music"), &wait_music()));
        let path = std::env::temp_dir().join(format!("tandem-{}-hold.wav", std::process::id()));
        let wav = |data: &[u8]| {
            let mut bytes =
                b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
            bytes.extend([data.len() as u8, 0, 0, 0]);
            bytes.extend(data);
            bytes
        };
        std::fs::write(&path, wav(&[1, 0, 2, 0])).expect("a file");
        assert_eq!(hold_music(Some(&path)).expect("audio").samples, [1, 2]);
        for bad in [wav(&[]), b"<html>".to_vec()] {
            std::fs::write(&path, bad).expect("a file");
            let why = hold_music(Some(&path)).expect_err("no audio");
            assert!(why.contains("hold.wav: "), "{why}");
        }
        let _ = std::fs::remove_file(&path);
        assert!(hold_music(Some(&path)).is_err());
    }
}
