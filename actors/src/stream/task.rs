//! One stream: connects, tells its server what the leg hears, and takes what the server says, until either side has enough.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tandem_call::call::{OpenStream, StreamInput, StreamProblem};
use tandem_laml::instruction::StreamFault;
use tandem_media::tap::TapFrame;
use tandem_model::Timestamp;
use tandem_model::limits::{STREAM_MESSAGES_IGNORED_MAX, STREAM_READ_BYTES_PER_TICK, TICK};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::backlog::{Backlog, Feed};
use super::codec::Codec;
use super::connect::{Connector, Socket, problem};
use super::hub::{Counters, ToStream};
use super::incoming::{self, Incoming};
use super::outgoing::{Direction, Speaker};
use crate::media::TapQueue;
use crate::webhook::code;
use crate::world::Clock;

/// The server is asked for a sign of life after this much silence, and given up after that much.
const PING_AFTER: Duration = Duration::from_secs(20);
const SILENT_MAX: Duration = Duration::from_secs(60);
/// A goodbye takes no longer.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// Messages read in a tick.
const MESSAGES_PER_TICK: u32 = 64;

pub(super) type Report = Box<dyn Fn(StreamInput) -> bool + Send>;

pub(super) struct Task {
    pub open: OpenStream,
    pub codec: Codec,
    pub audio: Arc<TapQueue>,
    pub inbox: mpsc::Receiver<ToStream>,
    pub report: Report,
    pub connector: Arc<Connector>,
    pub counters: Arc<Counters>,
    pub clock: Clock,
}

/// How it came to its end.
enum End {
    /// The call has enough.
    Ours,
    /// The server closed.
    Theirs,
    Broken {
        why: StreamProblem,
        close: Option<CloseCode>,
    },
}

impl Task {
    pub async fn run(mut self) {
        let (sid, counters) = (self.open.sid, self.counters.clone());
        let connected = tokio::select! {
            connected = self.connector.connect(&self.open.stream) => connected,
            () = dropped(&mut self.inbox) => return,
        };
        let problem = match connected {
            Ok(socket) => {
                counters.connected.fetch_add(1, Ordering::Relaxed);
                counters.open.fetch_add(1, Ordering::Relaxed);
                let problem = self.converse(socket).await;
                counters.open.fetch_sub(1, Ordering::Relaxed);
                counters.ticks_lost.fetch_add(self.audio.lost(), Ordering::Relaxed);
                problem
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = &problem {
            counters.failed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(stream = %sid, code = problem.code, reason = problem.message, "stream failed");
        }
        (self.report)(StreamInput::Ended { sid, problem });
    }

    async fn converse(&mut self, socket: Socket) -> Option<StreamProblem> {
        let (sink, source) = socket.split();
        let rate = self.codec.rate();
        let speaker = Speaker::new(&self.open);
        let now = self.clock.now();
        let mut talk = Talk {
            task: self,
            speaker,
            backlog: Backlog::new(rate, false),
            outbox: VecDeque::new(),
            unflushed: false,
            heard: now,
            pinged: now,
            readable: 0,
            messages: 0,
            ignored: 0,
        };
        talk.backlog = Backlog::new(rate, talk.task.open.stream.realtime);
        talk.begin();
        let (mut sink, mut source) = (sink, source);
        let end = talk.go_on(&mut sink, &mut source).await;
        let lost = talk.backlog.lost();
        talk.task.counters.samples_lost.fetch_add(lost, Ordering::Relaxed);
        match end {
            End::Ours => {
                talk.say_stop();
                talk.goodbye(sink, source, CloseCode::Normal).await;
                None
            }
            End::Theirs => {
                // The answer to a close goes out as reading goes on, to the end (RFC 6455 section 5.5.1).
                let _ = timeout(GOODBYE_MAX, async { while let Some(Ok(_)) = source.next().await {} }).await;
                None
            }
            End::Broken { why, close } => {
                if let Some(code) = close {
                    talk.outbox.clear();
                    talk.goodbye(sink, source, code).await;
                }
                Some(why)
            }
        }
    }
}

/// An open connection.
struct Talk<'a> {
    task: &'a mut Task,
    speaker: Speaker,
    backlog: Backlog,
    /// Filled from the tap only when it is empty: the tap's own queue is what bounds the audio that waits.
    outbox: VecDeque<Message>,
    unflushed: bool,
    /// When the server was heard last, and asked for a sign of life.
    heard: Timestamp,
    pinged: Timestamp,
    /// Bytes and messages that may be read until the next tick: who sends faster than that waits in the network.
    readable: usize,
    messages: u32,
    ignored: u32,
}

type Sink = SplitSink<Socket, Message>;
type Source = SplitStream<Socket>;

impl Talk<'_> {
    fn begin(&mut self) {
        let connected = self.speaker.connected();
        let (encoding, rate) = (self.task.codec.encoding(), self.task.codec.rate().0);
        let start = self.speaker.start(&self.task.open, encoding, rate);
        self.say(connected);
        self.say(start);
        self.tell(StreamInput::Opened { sid: self.task.open.sid });
    }

    async fn go_on(&mut self, sink: &mut Sink, source: &mut Source) -> End {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let may_read = self.readable > 0 && self.messages > 0;
            let writes = !self.outbox.is_empty();
            let end = tokio::select! {
                done = progress(sink, writes), if writes || self.unflushed => match writes {
                    true => self.write(sink, done),
                    false => {
                        self.unflushed = false;
                        done.err().map(broken)
                    }
                },
                message = source.next(), if may_read => self.read(message),
                _ = tick.tick() => self.tick(),
                told = self.task.inbox.recv() => match told {
                    Some(told) => self.told(told),
                    None => Some(End::Ours),
                },
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn write(&mut self, sink: &mut Sink, ready: Result<(), Error>) -> Option<End> {
        if let Err(error) = ready {
            return Some(broken(error));
        }
        let message = self.outbox.pop_front()?;
        self.unflushed = true;
        sink.start_send_unpin(message).err().map(broken)
    }

    fn read(&mut self, message: Option<Result<Message, Error>>) -> Option<End> {
        self.heard = self.task.clock.now();
        self.messages = self.messages.saturating_sub(1);
        match message {
            Some(Ok(Message::Text(text))) => {
                self.readable = self.readable.saturating_sub(text.len());
                self.heard_text(&text)
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.readable = self.readable.saturating_sub(bytes.len());
                self.ignore()
            }
            // A ping is answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(_))) | None => Some(End::Theirs),
            Some(Err(Error::Capacity(_))) => {
                let message = "the server sent a message that is too large".to_owned();
                let why = problem(StreamFault::General, code::PROTOCOL, message);
                // RFC 6455 section 7.4.1.
                Some(End::Broken { why, close: Some(CloseCode::Size) })
            }
            Some(Err(Error::ConnectionClosed)) => Some(End::Theirs),
            Some(Err(error)) => Some(broken(error)),
        }
    }

    fn heard_text(&mut self, text: &str) -> Option<End> {
        let sid = self.task.open.sid;
        let Ok(said) = incoming::read(text, self.speaker.sid()) else { return self.ignore() };
        if !self.task.open.two_way {
            // A copy takes nothing back.
            self.task.counters.messages_ignored.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        match said {
            Incoming::Media(bytes) => match self.task.codec.decode(&bytes) {
                Some(samples) => self.backlog.push(samples),
                None => return self.ignore(),
            },
            Incoming::Mark(name) => {
                if !self.backlog.mark(name) {
                    return self.ignore();
                }
            }
            Incoming::Clear => {
                let marks = self.backlog.clear(self.task.clock.now());
                self.tell(StreamInput::Clear { sid });
                for name in marks {
                    let mark = self.speaker.mark(&name);
                    self.say(mark);
                }
            }
            Incoming::Digits(digits) => {
                self.tell(StreamInput::Digits { sid, digits });
            }
        }
        None
    }

    /// Counted; a server that keeps on saying what nobody understands is let go (RFC 6455 section 7.4.1).
    fn ignore(&mut self) -> Option<End> {
        self.task.counters.messages_ignored.fetch_add(1, Ordering::Relaxed);
        self.ignored += 1;
        let message = "the server sent too much that cannot be read".to_owned();
        let why = || problem(StreamFault::General, code::PROTOCOL, message);
        (self.ignored > STREAM_MESSAGES_IGNORED_MAX)
            .then(|| End::Broken { why: why(), close: Some(CloseCode::Unsupported) })
    }

    fn told(&mut self, told: ToStream) -> Option<End> {
        match told {
            ToStream::Digit { digit, duration_ms } => {
                let dtmf = self.speaker.dtmf(digit, duration_ms);
                self.say(dtmf);
            }
            ToStream::Marked(mark) => {
                if let Some(name) = self.backlog.marked(mark) {
                    let mark = self.speaker.mark(&name);
                    self.say(mark);
                }
            }
        }
        None
    }

    fn tick(&mut self) -> Option<End> {
        let now = self.task.clock.now();
        self.readable = STREAM_READ_BYTES_PER_TICK;
        self.messages = MESSAGES_PER_TICK;
        if self.outbox.is_empty() {
            self.take_audio();
        }
        let sid = self.task.open.sid;
        for feed in self.backlog.feed(now) {
            self.tell(match feed {
                Feed::Audio(audio) => StreamInput::Audio { sid, audio },
                Feed::Mark(mark) => StreamInput::Mark { sid, mark },
            });
        }
        while let Some(name) = self.backlog.overdue(now) {
            let mark = self.speaker.mark(&name);
            self.say(mark);
        }
        if now.since(self.heard) > SILENT_MAX {
            let why =
                problem(StreamFault::General, code::NO_RESPONSE, format!("the server was silent for {SILENT_MAX:?}"));
            return Some(End::Broken { why, close: None });
        }
        if now.since(self.heard) > PING_AFTER && now.since(self.pinged) > PING_AFTER {
            self.pinged = now;
            self.outbox.push_back(Message::Ping(Default::default()));
        }
        None
    }

    /// What the leg heard and was told since.
    fn take_audio(&mut self) {
        let Talk { task, speaker, outbox, .. } = self;
        let Task { audio, codec, open, .. } = &mut **task;
        let track = open.stream.track;
        audio.drain(|frame: TapFrame<'_>| {
            let (chunk, timestamp_ms) = (frame.tick + 1, frame.tick * TICK.as_millis() as u64);
            let both = [
                (track.has_inbound(), Direction::Inbound, frame.inbound),
                (track.has_outbound(), Direction::Outbound, frame.outbound),
            ];
            for (_, direction, pcm) in both.into_iter().filter(|(wanted, ..)| *wanted) {
                let bytes = codec.encode(pcm);
                outbox.push_back(Message::text(speaker.media(direction, chunk, timestamp_ms, &bytes)));
            }
        });
    }

    fn say_stop(&mut self) {
        // What was heard until the end, then the end.
        self.take_audio();
        let stop = self.speaker.stop();
        self.say(stop);
    }

    fn say(&mut self, text: String) {
        self.outbox.push_back(Message::text(text));
    }

    fn tell(&self, what: StreamInput) {
        if !(self.task.report)(what) {
            tracing::debug!(stream = %self.task.open.sid, "the call did not hear its stream");
        }
    }

    /// The last words, the close, and the server's answer to it, as far as there is time.
    async fn goodbye(&mut self, mut sink: Sink, mut source: Source, code: CloseCode) {
        let words = async {
            while let Some(message) = self.outbox.pop_front() {
                sink.send(message).await?;
            }
            sink.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await?;
            while let Some(Ok(_)) = source.next().await {}
            Ok::<(), Error>(())
        };
        let _ = timeout(GOODBYE_MAX, words).await;
    }
}

fn broken(error: Error) -> End {
    let message = format!("the connection broke: {error}");
    End::Broken { why: problem(StreamFault::General, code::NO_RESPONSE, message), close: None }
}

/// Done when the sink takes a message, or else when all it took has gone out.
async fn progress(sink: &mut Sink, writes: bool) -> Result<(), Error> {
    poll_fn(|cx| if writes { sink.poll_ready_unpin(cx) } else { sink.poll_flush_unpin(cx) }).await
}

/// Done when the call has let go.
async fn dropped(inbox: &mut mpsc::Receiver<ToStream>) {
    while inbox.recv().await.is_some() {}
}
