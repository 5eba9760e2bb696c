use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem_media::record::{Output, WAV_HEADER_BYTES, WavFormat};

use super::disk::{Disk, Medium};

/// A WAV file in the making. Its header never states more than the file holds, so that any reader can play it at any moment.
pub(super) struct RecordingFile {
    pub path: PathBuf,
    medium: Arc<dyn Medium>,
    format: WavFormat,
    /// Not yet written.
    buffer: Vec<u8>,
    /// Data bytes in the file, holes included; the length that was made sure of; and what the header states.
    written: u64,
    length: u64,
    stated: u64,
    stated_at: Instant,
    /// Set while a sync is under way or waits.
    syncing: Arc<AtomicBool>,
    failed: Option<io::Error>,
}

/// Written at once at the latest.
const BUFFER_BYTES: usize = 64 * 1024;
/// How old a header may be. With the writer's own pause a kill costs less than the two seconds that are promised.
const HEADER_AGE: Duration = Duration::from_secs(1);

impl RecordingFile {
    pub fn create(disk: &dyn Disk, path: PathBuf, format: WavFormat, now: Instant) -> io::Result<Self> {
        let medium: Arc<dyn Medium> = Arc::from(disk.create(&path)?);
        medium.write_at(&format.header(0), 0)?;
        Ok(RecordingFile {
            path,
            medium,
            format,
            buffer: Vec::new(),
            written: 0,
            length: 0,
            stated: 0,
            stated_at: now,
            syncing: Arc::default(),
            failed: None,
        })
    }

    /// Writes what waits and, when its time has come, the header. Gives what then is to be synced.
    pub fn flush(&mut self, now: Instant) -> Option<Unsynced> {
        self.write_buffer();
        if self.failed.is_some() || self.written == self.stated || now.duration_since(self.stated_at) < HEADER_AGE {
            return None;
        }
        if let Err(error) = self.state() {
            self.failed = Some(error);
            return None;
        }
        self.stated_at = now;
        let idle = !self.syncing.swap(true, Ordering::AcqRel);
        idle.then(|| Unsynced { medium: Arc::clone(&self.medium), syncing: Arc::clone(&self.syncing) })
    }

    /// What went wrong first.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// Data bytes that are safely in the file: after a failure, those before it.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Cuts the file to so much data and makes it durable. Waits for the disk.
    pub fn close(&mut self, data_bytes: u64) -> io::Result<()> {
        let bytes = data_bytes.min(self.written);
        let length = WAV_HEADER_BYTES as u64 + bytes;
        if self.length < bytes {
            self.medium.set_len(length)?;
        }
        // Before the cut: the header must not state what is gone.
        self.medium.write_at(&self.format.header(bytes), 0)?;
        self.medium.set_len(length)?;
        self.medium.sync()
    }

    fn write_buffer(&mut self) {
        if self.failed.is_none() && !self.buffer.is_empty() {
            let at = WAV_HEADER_BYTES as u64 + self.written;
            match self.medium.write_at(&self.buffer, at) {
                Ok(()) => {
                    self.written += self.buffer.len() as u64;
                    self.length = self.written;
                }
                Err(error) => self.failed = Some(error),
            }
        }
        self.buffer.clear();
    }

    /// Makes the header state what was written. A hole at the end has to become part of the file first.
    fn state(&mut self) -> io::Result<()> {
        if self.length < self.written {
            self.medium.set_len(WAV_HEADER_BYTES as u64 + self.written)?;
            self.length = self.written;
        }
        self.medium.write_at(&self.format.header(self.written), 0)?;
        self.stated = self.written;
        Ok(())
    }
}

impl Output for RecordingFile {
    fn bytes(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.write_buffer();
        }
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// A hole: it reads as zeros and takes no time, however long it is.
    fn silence(&mut self, bytes: u64) {
        self.write_buffer();
        if self.failed.is_none() {
            self.written += bytes;
        }
    }
}

/// A file whose data and header are to reach the disk.
pub(super) struct Unsynced {
    medium: Arc<dyn Medium>,
    syncing: Arc<AtomicBool>,
}

impl Unsynced {
    /// Waits for the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.medium.sync()
    }
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.syncing.store(false, Ordering::Release);
    }
}
