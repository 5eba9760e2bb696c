use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::CertificateDer;
use tandem_call::call::{OpenStream, StreamInput, StreamProblem};
use tandem_laml::instruction::StreamFault;
use tandem_media::control::MarkId;
use tandem_media::tap::TapSink;
use tandem_model::limits::{STREAM_COMMANDS, STREAM_TICKS_WAITING_MAX};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use super::codec::Codec;
use super::connect::Connector;
use super::task::{Report, Task};
use crate::media::TapQueue;
use crate::webhook::WebhookClient;
use crate::world::Clock;

/// Runs streams, on a thread of its own, so that their writing and reading keeps neither calls nor signalling waiting. Clones share
/// it; it ends after the last, and with it what still runs.
#[derive(Clone)]
pub struct StreamHub {
    runtime: Handle,
    connector: Arc<Connector>,
    counters: Arc<Counters>,
    clock: Clock,
    /// The thread ends when nobody holds it.
    _alive: Arc<oneshot::Sender<()>>,
}

/// One stream, for its call. It says goodbye and ends when this is dropped.
pub struct StreamHandle {
    commands: mpsc::Sender<ToStream>,
    audio: Arc<TapQueue>,
}

/// What a call tells its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToStream {
    Digit { digit: char, duration_ms: u32 },
    Marked(MarkId),
}

/// Counts since the start, but for `open`, which is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    pub open: u64,
    /// Connections that came about.
    pub connected: u64,
    /// Did not come about, or broke.
    pub failed: u64,
    /// Ticks of audio that a server was too slow to read.
    pub ticks_lost: u64,
    /// Messages that could not be read, or were for nobody.
    pub messages_ignored: u64,
    /// Samples of servers that found no room.
    pub samples_lost: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub open: AtomicU64,
    pub connected: AtomicU64,
    pub failed: AtomicU64,
    pub ticks_lost: AtomicU64,
    pub messages_ignored: AtomicU64,
    pub samples_lost: AtomicU64,
}

impl StreamHub {
    /// `extra_roots` are trusted beside the system's certificate authorities.
    ///
    /// # Errors
    /// The thread cannot be started, or a certificate cannot be read.
    pub fn start(
        webhooks: WebhookClient,
        extra_roots: &[CertificateDer<'static>],
        clock: Clock,
    ) -> io::Result<StreamHub> {
        let connector = Connector::new(webhooks, extra_roots).map_err(io::Error::other)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, gone) = oneshot::channel::<()>();
        std::thread::Builder::new().name("streams".to_owned()).spawn(move || {
            let _ = runtime.block_on(gone);
        })?;
        Ok(StreamHub {
            runtime: handle,
            connector: Arc::new(connector),
            counters: Arc::default(),
            clock,
            _alive: Arc::new(alive),
        })
    }

    /// Begins a stream. `report` is called from its task, must not wait, and says whether it was heard.
    pub fn open(&self, open: OpenStream, report: impl Fn(StreamInput) -> bool + Send + 'static) -> StreamHandle {
        let (commands, inbox) = mpsc::channel(STREAM_COMMANDS);
        let audio = Arc::new(TapQueue::new(open.stream.codec.rate(), STREAM_TICKS_WAITING_MAX));
        let report: Report = Box::new(report);
        match Codec::new(open.stream.codec) {
            Some(codec) => {
                let (connector, counters, clock) = (self.connector.clone(), self.counters.clone(), self.clock);
                let task = Task { open, codec, audio: audio.clone(), inbox, report, connector, counters, clock };
                self.runtime.spawn(task.run());
            }
            None => {
                let message = "no such codec".to_owned();
                let problem = Some(StreamProblem { fault: StreamFault::Codec, code: 53_404, message });
                report(StreamInput::Ended { sid: open.sid, problem });
            }
        }
        StreamHandle { commands, audio }
    }

    pub fn stats(&self) -> StreamStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StreamStats {
            open: read(&self.counters.open),
            connected: read(&self.counters.connected),
            failed: read(&self.counters.failed),
            ticks_lost: read(&self.counters.ticks_lost),
            messages_ignored: read(&self.counters.messages_ignored),
            samples_lost: read(&self.counters.samples_lost),
        }
    }
}

impl StreamHandle {
    /// Where the leg's audio goes.
    pub fn sink(&self) -> Arc<dyn TapSink> {
        self.audio.clone()
    }

    /// Never waits. False when the stream has too much to do, or is over.
    pub fn tell(&self, what: ToStream) -> bool {
        self.commands.try_send(what).is_ok()
    }
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamHandle({:?})", self.audio)
    }
}
