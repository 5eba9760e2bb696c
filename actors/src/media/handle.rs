use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, TrySendError};
use tandem_media::control::{Command, MoveFailed};
use tandem_model::HostAddress;

use super::metrics::{MediaSnapshot, ThreadMetrics};
use super::moves::Moves;
use super::moving::{Arriving, Order};
use super::poller::Waker;

/// To a media thread.
#[derive(Debug)]
pub(super) enum Message {
    Command(Command),
    /// Those that waited for a call that moved.
    Commands(Vec<Command>),
    /// Hand the legs of a call to another thread.
    Move(Box<Order>),
    /// The legs of a call, from another thread.
    Arrive(Box<Arriving>),
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

impl From<SendError> for MoveFailed {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full => MoveFailed::Busy,
            SendError::Dead => MoveFailed::Dead,
        }
    }
}

/// The way to one media thread.
#[derive(Clone)]
pub(super) struct Line {
    pub index: usize,
    pub commands: Sender<Message>,
    pub waker: Waker,
    pub metrics: Arc<ThreadMetrics>,
}

impl Line {
    /// Queues a message and wakes the thread. Never waits.
    ///
    /// # Errors
    /// [`SendError`]; the message was not taken.
    pub fn send(&self, message: Message) -> Result<(), SendError> {
        self.offer(message).map_err(|(_, error)| error)
    }

    /// The same; what was not taken comes back.
    pub fn offer(&self, message: Message) -> Result<(), (Message, SendError)> {
        if self.metrics.is_dead() {
            return Err((message, SendError::Dead));
        }
        match self.commands.try_send(message) {
            Ok(()) => {
                if let Err(error) = self.waker.wake() {
                    // The command is queued; the thread sees it at its next tick.
                    tracing::warn!(thread = self.index, %error, "media thread could not be woken");
                }
                Ok(())
            }
            Err(TrySendError::Full(message)) => Err((message, SendError::Full)),
            Err(TrySendError::Disconnected(message)) => Err((message, SendError::Dead)),
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.index)
    }
}

/// One media thread, as others see it. Cheap to clone.
#[derive(Clone)]
pub struct MediaThread {
    pub(super) line: Line,
    pub(super) moves: Arc<Moves>,
}

impl MediaThread {
    /// Queues a command and wakes the thread. Never waits. Commands from one sender arrive in order. The command of a leg that
    /// moved to another thread goes there, and one that is on its way gets it when it is there.
    ///
    /// # Errors
    /// [`SendError::Full`] or [`SendError::Dead`]; the command was not taken.
    pub fn send(&self, command: Command) -> Result<(), SendError> {
        self.moves.send(&self.line, command)
    }

    /// Which one it is, counted as in [`MediaConfig::cpus`](super::MediaConfig::cpus).
    pub fn index(&self) -> usize {
        self.line.index
    }

    pub fn snapshot(&self) -> MediaSnapshot {
        self.line.metrics.snapshot()
    }

    /// Whether it takes a new call: it lives, and its load leaves room ([`MediaConfig::load_max`](super::MediaConfig::load_max)).
    pub fn has_room(&self) -> bool {
        !self.line.metrics.is_dead() && self.line.metrics.has_room()
    }

    /// Fail-point of the containment tests: the thread itself panics, outside any leg.
    pub fn inject_panic(&self) -> Result<(), SendError> {
        self.line.send(Message::Panic)
    }
}

impl fmt::Debug for MediaThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaThread({})", self.line.index)
    }
}

/// All media threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MediaHandle {
    pub(super) threads: Arc<[MediaThread]>,
    pub(super) moves: Arc<Moves>,
    pub(super) advertise: HostAddress,
}

impl MediaHandle {
    /// The thread of a call: the same key always gives the same thread, so that legs of one call share it and can be bridged.
    /// Threads that ended are passed over.
    pub fn thread_for(&self, call: impl Hash) -> MediaThread {
        let mut hasher = DefaultHasher::new();
        call.hash(&mut hasher);
        let n = self.threads.len();
        let first = (hasher.finish() % n as u64) as usize;
        let alive = (first..first + n).map(|i| &self.threads[i % n]).find(|t| !t.line.metrics.is_dead());
        alive.unwrap_or(&self.threads[first]).clone()
    }

    /// The thread that a call is on, or is on its way to: other than [`MediaHandle::thread_for`] its number once it moved.
    pub fn thread_of(&self, call: u64) -> MediaThread {
        match self.moves.line_of(call) {
            Some(line) => MediaThread { line, moves: Arc::clone(&self.moves) },
            None => self.thread_for(call),
        }
    }

    /// Moves all legs of a call to another thread: ports, streams of packets, keys, and what plays go on. Commands for them that
    /// come meanwhile wait, and are done there in order. `done` is called on the runtime this is called on, once, whoever gives up
    /// waiting for it.
    pub fn move_call(&self, call: u64, to: &MediaThread, done: impl FnOnce(Result<(), MoveFailed>) + Send + 'static) {
        let begun = self.moves.begin(call, &self.thread_for(call).line, &to.line);
        let moves = Arc::clone(&self.moves);
        tokio::spawn(async move {
            done(match begun {
                Err(failed) => Err(failed),
                Ok(None) => Ok(()),
                Ok(Some(moved)) => moves.settle(call, moved.await.unwrap_or(Err(MoveFailed::Lost))).await,
            });
        });
    }

    /// A call is over: where it was is nobody's concern any more.
    pub fn forget(&self, call: u64) {
        self.moves.forget(call);
    }

    /// Whether any thread takes a new call.
    pub fn has_room(&self) -> bool {
        self.threads.iter().any(MediaThread::has_room)
    }

    /// The first of these call numbers whose thread takes a new call. None when no thread does, as far as they tell.
    pub fn with_room(&self, numbers: impl IntoIterator<Item = u64>) -> Option<u64> {
        numbers.into_iter().find(|&number| self.thread_for(number).has_room())
    }

    /// The addresses to write into SDP.
    pub fn advertised_address(&self) -> HostAddress {
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
            while thread.line.send(Message::Stop) == Err(SendError::Full) {
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
