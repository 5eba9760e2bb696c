use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tandem_media::record::{WAV_HEADER_BYTES, WavFormat};
use tandem_model::Sid;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::folder::Folder;

/// How MP3 files are made: by the `lame` program.
#[derive(Clone, Debug)]
pub struct Mp3Config {
    /// A path, or a name to look for in PATH.
    pub program: PathBuf,
    /// One recording's time; the process is killed after it. An hour of telephone takes some 15 s of a CPU.
    pub timeout: Duration,
    /// Processes at a time.
    pub processes_max: usize,
}

/// Why there is no MP3 file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mp3Error {
    /// There is no such recording, or it has not ended.
    NotFound,
    /// The encoder is not installed.
    Missing,
    Failed(String),
}

impl Default for Mp3Config {
    fn default() -> Self {
        Mp3Config { program: PathBuf::from("lame"), timeout: Duration::from_secs(180), processes_max: 2 }
    }
}

pub(super) struct Lame {
    config: Mp3Config,
    processes: Semaphore,
    number: AtomicU64,
}

impl Lame {
    pub fn new(config: Mp3Config) -> Self {
        let processes = Semaphore::new(config.processes_max.clamp(1, Semaphore::MAX_PERMITS));
        Lame { config, processes, number: AtomicU64::new(0) }
    }

    /// Dropping the future kills the process.
    pub async fn make(&self, folder: &Folder, sid: Sid) -> Result<PathBuf, Mp3Error> {
        let (wav, mp3) = (folder.wav(sid), folder.mp3(sid));
        let _permit =
            self.processes.acquire().await.map_err(|_| Mp3Error::Failed("it has been shut down".to_owned()))?;
        // Looked for with the permit in hand: another may just have made it.
        if tokio::fs::try_exists(&mp3).await.is_ok_and(|exists| exists) {
            return Ok(mp3);
        }
        let format = format_of(&wav).await?;
        let part = Part(folder.mp3_part(sid, self.number.fetch_add(1, Ordering::Relaxed)));
        // The encoder would make it readable for everybody.
        let made = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part.0).await;
        drop(made.map_err(|error| failed(&error))?);
        self.run(&wav, &part.0, format).await?;
        let (folder, done) = (folder.clone(), mp3.clone());
        let complete = move || folder.complete(&part.0, &done);
        let complete = tokio::task::spawn_blocking(complete).await.map_err(|error| failed(&error))?;
        complete.map_err(|error| failed(&error))?;
        Ok(mp3)
    }

    async fn run(&self, wav: &Path, mp3: &Path, format: WavFormat) -> Result<(), Mp3Error> {
        // Two parties in two channels have nothing in common: joint stereo would spend bits on finding out.
        let mode = if format.channels == 1 { "m" } else { "s" };
        let mut child = Command::new(&self.config.program)
            .args(["--quiet", "-V", "4", "-m", mode])
            .arg(wav)
            .arg(mp3)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| if error.kind() == ErrorKind::NotFound { Mp3Error::Missing } else { failed(&error) })?;
        let stderr = child.stderr.take();
        let work = async {
            let mut said = Vec::new();
            if let Some(stderr) = stderr {
                // What it says first is what matters; a pipe left full would stop it.
                let mut limited = stderr.take(64 * 1024);
                let _ = limited.read_to_end(&mut said).await;
            }
            let status = child.wait().await.map_err(|error| failed(&error))?;
            if status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&said);
            let said = said.lines().next().unwrap_or_default();
            Err(Mp3Error::Failed(format!("it ended with {status}: {said:.200}")))
        };
        let timeout = self.config.timeout;
        let late = || Mp3Error::Failed(format!("it took longer than {timeout:?}"));
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| Err(late()))
    }
}

async fn format_of(wav: &Path) -> Result<WavFormat, Mp3Error> {
    let mut file = tokio::fs::File::open(wav).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Mp3Error::NotFound,
        _ => failed(&error),
    })?;
    let mut header = [0; WAV_HEADER_BYTES];
    file.read_exact(&mut header).await.map_err(|error| failed(&error))?;
    WavFormat::of_header(&header).ok_or_else(|| failed(&io::Error::other("the recording has a strange header")))
}

fn failed(error: &dyn fmt::Display) -> Mp3Error {
    Mp3Error::Failed(error.to_string())
}

/// A file that goes unless it was given its name.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl fmt::Display for Mp3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mp3Error::NotFound => f.write_str("there is no such recording"),
            Mp3Error::Missing => f.write_str("the MP3 encoder lame is not installed"),
            Mp3Error::Failed(reason) => write!(f, "the MP3 encoder lame failed: {reason}"),
        }
    }
}

impl std::error::Error for Mp3Error {}
