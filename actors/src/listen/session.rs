use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tandem_call::call::{PartialSpeech, SpeechNews};
use tandem_laml::instruction::{ListenFailure, Listening, Utterance};
use tokio::sync::{Semaphore, mpsc, watch};

use super::endpointer::{AUTO_END_SILENCE, Endpointer, PRE_ROLL_TICKS, Point};
use super::{Recogniser, code};
use crate::media::TapQueue;

/// What one listening is told while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Listen,
    /// What was said so far is all.
    Finish,
    /// Nobody wants to know any more.
    Stop,
}

/// Steers one listening.
pub type Control = watch::Receiver<Order>;

/// Recognitions at a time, over all calls.
#[derive(Clone)]
pub struct Limits(pub(super) Arc<Semaphore>);

impl Limits {
    pub fn new(at_a_time: usize) -> Self {
        Limits(Arc::new(Semaphore::new(at_a_time.clamp(1, Semaphore::MAX_PERMITS))))
    }
}

/// How often the tap is emptied; its queue holds [`QUEUE_FRAMES`].
const ROUND: Duration = Duration::from_millis(60);
/// A second.
pub(crate) const QUEUE_FRAMES: usize = 50;
/// Audio on its way to a recogniser that is slow to connect or to take it, in pieces of one round: half a minute. Above it the
/// recogniser has failed.
const BACKLOG: usize = 500;

/// Hears one utterance from `queue`, tells `news` of it, and ends with its `Ended`, sent exactly once.
pub async fn hear(
    recogniser: Arc<dyn Recogniser>,
    limits: Limits,
    how: Box<Listening>,
    queue: Arc<TapQueue>,
    mut control: Control,
    news: mpsc::Sender<SpeechNews>,
) {
    let result = listen(&recogniser, &limits, &how, &queue, &mut control, &news).await;
    let _ = news.send(SpeechNews::Ended(result)).await;
}

async fn listen(
    recogniser: &Arc<dyn Recogniser>,
    limits: &Limits,
    how: &Listening,
    queue: &TapQueue,
    control: &mut Control,
    news: &mpsc::Sender<SpeechNews>,
) -> Result<Utterance, ListenFailure> {
    let mut ears = Ears::new(how);
    let mut round = tokio::time::interval(ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Until somebody speaks.
    while !ears.endpointer.has_begun() {
        if !wait(&mut round, control).await || *control.borrow() != Order::Listen {
            return Ok(Utterance::default());
        }
        // Told as a failure, so that nobody listens there again and again.
        ears.drain(queue).map_err(|Gone| failed("the leg gives no audio"))?;
    }
    let Ok(_permit) = limits.0.clone().try_acquire_owned() else {
        return Err(failed("as many callers are listened to as may be"));
    };
    let _ = news.send(SpeechNews::Began).await;
    let (audio, hearing) = mpsc::channel(BACKLOG);
    let (partials, mut told) = mpsc::channel(8);
    let work = recogniser.recognise(how, hearing, partials);
    tokio::pin!(work);
    let mut audio = Some(audio);
    loop {
        if let Some(sender) = &audio {
            let samples = ears.take();
            if !samples.is_empty() && sender.try_send(samples).is_err() && !sender.is_closed() {
                return Err(failed("the recogniser does not keep up"));
            }
            if ears.over || *control.borrow() == Order::Finish {
                audio = None;
            }
        }
        tokio::select! {
            biased;
            done = &mut work => return done.map_err(|reason| failed(&format!("the recogniser failed: {reason}"))),
            Some(partial) = told.recv() => report(news, partial),
            goes_on = wait(&mut round, control) => {
                if !goes_on || *control.borrow() == Order::Stop {
                    return Ok(Utterance::default());
                }
                // A leg that is gone has said all it will.
                ears.over |= audio.is_some() && ears.drain(queue).is_err();
            }
        }
    }
}

/// The next round, or an order. False when there is nobody any more.
async fn wait(round: &mut tokio::time::Interval, control: &mut Control) -> bool {
    tokio::select! {
        _ = round.tick() => true,
        changed = control.changed() => changed.is_ok(),
    }
}

fn report(news: &mpsc::Sender<SpeechNews>, partial: PartialSpeech) {
    // The call's mailbox is slow: the next partial result says more.
    let _ = news.try_send(SpeechNews::Partial(partial));
}

fn failed(reason: &str) -> ListenFailure {
    ListenFailure { code: code::INTERNAL, message: reason.to_owned() }
}

/// The audio on its way from the tap.
struct Ears {
    endpointer: Endpointer,
    /// What lay just before the onset, then all that came since.
    pending: VecDeque<i16>,
    next_tick: u64,
    over: bool,
}

/// The tap is off and empty.
struct Gone;

impl Ears {
    fn new(how: &Listening) -> Self {
        let end_silence = how.end_silence.unwrap_or(AUTO_END_SILENCE);
        let endpointer = Endpointer::new(end_silence, how.speech_max);
        Ears { endpointer, pending: VecDeque::new(), next_tick: 0, over: false }
    }

    fn drain(&mut self, queue: &TapQueue) -> Result<(), Gone> {
        let ended = queue.has_ended();
        let mut any = false;
        queue.drain(|frame| {
            any = true;
            // Lost frames are silence; more than a second of them need not be played out.
            for _ in self.next_tick..frame.tick.min(self.next_tick.saturating_add(50)) {
                self.hear(&vec![0; frame.inbound.len()]);
            }
            self.next_tick = frame.tick + 1;
            self.hear(frame.inbound);
        });
        if ended && !any { Err(Gone) } else { Ok(()) }
    }

    fn hear(&mut self, pcm: &[i16]) {
        if self.over {
            return;
        }
        self.pending.extend(pcm);
        match self.endpointer.hear(pcm) {
            Some(Point::Ended) => self.over = true,
            Some(Point::Began) => {}
            None if !self.endpointer.has_begun() => {
                let surplus = self.pending.len().saturating_sub(pcm.len() * PRE_ROLL_TICKS);
                self.pending.drain(..surplus);
            }
            None => {}
        }
    }

    fn take(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.pending).into()
    }
}

/// Audio that is there already, as a recording's file is.
pub(crate) async fn transcribe(
    recogniser: &dyn Recogniser,
    how: &Listening,
    samples: Vec<i16>,
) -> Result<Utterance, String> {
    let (audio, hearing) = mpsc::channel(4);
    let (partials, mut told) = mpsc::channel(1);
    let piece = (recogniser.rate().0 as usize / 5).max(1);
    let feed = async move {
        for piece in samples.chunks(piece) {
            if audio.send(piece.to_vec()).await.is_err() {
                return;
            }
        }
    };
    let ignore = async move { while told.recv().await.is_some() {} };
    let (result, (), ()) = tokio::join!(recogniser.recognise(how, hearing, partials), feed, ignore);
    result
}
