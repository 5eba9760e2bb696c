use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, TrySendError};
use tandem_media::control::Command;

use super::metrics::{MediaSnapshot, ThreadMetrics};
use super::poller::Waker;

/// To a media thread.
#[derive(Debug)]
pub(super) enum Message {
    Command(Command),
    Stop,
    /// Fail-point of the containment tests: the thread panics outside any leg.
    Panic,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The thread is behind; the command may be tried again within its deadline.
    Full,
    /// The thread has ended.
    Dead,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full => "the media thread's command queue is full",
            SendError::Dead => "the media thread has ended",
        })
    }
}

impl std::error::Error for SendError {}

/// One media thread, as others see it. Cheap to clone.
#[derive(Clone)]
pub struct MediaThread {
    pub(super) index: usize,
    pub(super) commands: Sender<Message>,
    pub(super) waker: Waker,
    pub(super) metrics: Arc<ThreadMetrics>,
}

impl MediaThread {
    /// Queues a command and wakes the thread. Never waits. Commands from one sender arrive in order.
    ///
    /// # Errors
    /// [`SendError::Full`] or [`SendError::Dead`]; the command was not taken.
    pub fn send(&self, command: Command) -> Result<(), SendError> {
        self.post(Message::Command(command))
    }

    /// Which one it is, counted as in [`MediaConfig::cpus`](super::MediaConfig::cpus).
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn snapshot(&self) -> MediaSnapshot {
        self.metrics.snapshot()
    }

    /// Whether it takes a new call: it lives, and its load leaves room ([`MediaConfig::load_max`](super::MediaConfig::load_max)).
    pub fn has_room(&self) -> bool {
        !self.metrics.is_dead() && self.metrics.has_room()
    }

    /// Fail-point of the containment tests: the thread itself panics, outside any leg.
    pub fn inject_panic(&self) -> Result<(), SendError> {
        self.post(Message::Panic)
    }

    pub(super) fn post(&self, message: Message) -> Result<(), SendError> {
        if self.metrics.is_dead() {
            return Err(SendError::Dead);
        }
        match self.commands.try_send(message) {
            Ok(()) => {
                if let Err(error) = self.waker.wake() {
                    // The command is queued; the thread sees it at its next tick.
                    tracing::warn!(thread = self.index, %error, "media thread could not be woken");
                }
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(SendError::Full),
            Err(TrySendError::Disconnected(_)) => Err(SendError::Dead),
        }
    }
}

impl fmt::Debug for MediaThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaThread({})", self.index)
    }
}

/// All media threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MediaHandle {
    pub(super) threads: Arc<[MediaThread]>,
    pub(super) advertise: IpAddr,
}

impl MediaHandle {
    /// The thread of a call: the same key always gives the same thread, so that legs of one call share it and can be bridged.
    /// Threads that ended are passed over.
    pub fn thread_for(&self, call: impl Hash) -> MediaThread {
        let mut hasher = DefaultHasher::new();
        call.hash(&mut hasher);
        let n = self.threads.len();
        let first = (hasher.finish() % n as u64) as usize;
        let alive = (first..first + n).map(|i| &self.threads[i % n]).find(|t| !t.metrics.is_dead());
        alive.unwrap_or(&self.threads[first]).clone()
    }

    /// Whether any thread takes a new call.
    pub fn has_room(&self) -> bool {
        self.threads.iter().any(MediaThread::has_room)
    }

    /// The first of these call numbers whose thread takes a new call. None when no thread does, as far as they tell.
    pub fn with_room(&self, numbers: impl IntoIterator<Item = u64>) -> Option<u64> {
        numbers.into_iter().find(|&number| self.thread_for(number).has_room())
    }

    /// The address to write into SDP.
    pub fn advertised_address(&self) -> IpAddr {
        self.advertise
    }

    pub fn threads(&self) -> &[MediaThread] {
        &self.threads
    }

    /// The counters of each thread, in their order.
    pub fn snapshot(&self) -> Vec<MediaSnapshot> {
        self.threads.iter().map(MediaThread::snapshot).collect()
    }
}

/// Owns the media threads; they end, with every leg's sockets, when it is shut down or dropped.
#[derive(Debug)]
pub struct MediaPool {
    pub(super) handle: MediaHandle,
    pub(super) joins: Vec<JoinHandle<()>>,
}

impl MediaPool {
    pub fn handle(&self) -> MediaHandle {
        self.handle.clone()
    }

    /// Ends every thread and waits for it. Each leg that is still open is reported `Closed` with its statistics.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        for thread in self.handle.threads.iter() {
            // A full queue drains within a turn; a dead thread needs no telling.
            while thread.post(Message::Stop) == Err(SendError::Full) {
                std::thread::yield_now();
            }
        }
        for join in self.joins.drain(..) {
            if join.join().is_err() {
                tracing::error!("a media thread ended by a panic");
            }
        }
    }
}

impl Drop for MediaPool {
    fn drop(&mut self) {
        self.stop();
    }
}
