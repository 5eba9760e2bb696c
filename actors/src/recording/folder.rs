use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_media::record::{DATA_BYTES_MAX, WAV_HEADER_BYTES, WavFormat};
use tandem_model::Sid;

/// Where recordings lie. Names are made of ids alone, so no name leads out of it.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked while a process uses the folder: another one must not finish what this one is writing.
    _lock: Arc<File>,
}

/// A recording that a killed process left unfinished, made whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub sid: Sid,
    pub path: PathBuf,
    pub bytes: u64,
    pub channels: u16,
    pub duration: Duration,
}

const PART: &str = ".wav.part";
const LOCK: &str = "lock";

impl Folder {
    /// Makes the folder where there is none.
    pub fn open(path: PathBuf) -> io::Result<Folder> {
        fs::create_dir_all(&path)?;
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another process records there"),
            TryLockError::Error(error) => error,
        })?;
        Ok(Folder { path, _lock: Arc::new(lock) })
    }

    pub fn wav(&self, sid: Sid) -> PathBuf {
        self.path.join(format!("{sid}.wav"))
    }

    pub fn mp3(&self, sid: Sid) -> PathBuf {
        self.path.join(format!("{sid}.mp3"))
    }

    /// A recording in the making.
    pub fn part(&self, sid: Sid) -> PathBuf {
        self.path.join(format!("{sid}{PART}"))
    }

    pub fn mp3_part(&self, sid: Sid, number: u64) -> PathBuf {
        self.path.join(format!("{sid}.{number}.mp3.part"))
    }

    /// Gives a finished file its name, durably.
    pub fn complete(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        File::open(&self.path)?.sync_all()
    }

    /// Removes what there is of a recording. Whether there was anything.
    pub fn remove(&self, sid: Sid) -> io::Result<bool> {
        let mut found = false;
        for path in [self.wav(sid), self.mp3(sid)] {
            match fs::remove_file(path) {
                Ok(()) => found = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Finishes what a killed process could not: the header is made to say what the file holds. Half-made MP3 files go.
    pub fn recover(&self) -> io::Result<Vec<Recovered>> {
        let mut recovered = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if let Some(sid) = name.strip_suffix(PART).and_then(|sid| sid.parse::<Sid>().ok()) {
                match self.recover_one(sid, &path) {
                    Ok(one) => recovered.extend(one),
                    Err(error) => tracing::error!(recording = %sid, %error, "an unfinished recording stays as it is"),
                }
            } else if name.ends_with(".mp3.part") && name.len() > 36 && name[..36].parse::<Sid>().is_ok() {
                let _ = fs::remove_file(&path);
            }
        }
        recovered.sort_by_key(|one| *one.sid.as_bytes());
        Ok(recovered)
    }

    fn recover_one(&self, sid: Sid, path: &Path) -> io::Result<Option<Recovered>> {
        let file = File::options().read(true).write(true).open(path)?;
        let mut header = [0; WAV_HEADER_BYTES];
        let length = file.metadata()?.len();
        let data = length.saturating_sub(WAV_HEADER_BYTES as u64).min(DATA_BYTES_MAX);
        let format = file.read_exact_at(&mut header, 0).ok().and_then(|()| WavFormat::of_header(&header));
        let Some(format) = format.filter(|_| data > 0) else {
            // Nothing was recorded yet.
            fs::remove_file(path)?;
            return Ok(None);
        };
        let data = data - data % format.frame_bytes();
        file.set_len(WAV_HEADER_BYTES as u64 + data)?;
        file.write_all_at(&format.header(data), 0)?;
        file.sync_all()?;
        let wav = self.wav(sid);
        self.complete(path, &wav)?;
        let samples = data / format.frame_bytes();
        let duration = Duration::from_millis(samples * 1_000 / u64::from(format.rate.0.max(1)));
        Ok(Some(Recovered {
            sid,
            path: wav,
            bytes: WAV_HEADER_BYTES as u64 + data,
            channels: format.channels,
            duration,
        }))
    }
}
