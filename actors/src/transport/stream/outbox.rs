use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use tandem_model::limits::{STREAM_SEND_BURST_BYTES_MAX, STREAM_SEND_BYTES_MAX, STREAM_SEND_QUEUE};
use tokio::sync::mpsc;

/// What waits for one connection to take it, bounded in messages and in bytes: more for one that flows, and whose task
/// only waits for its turn, than for a peer that does not read.
#[derive(Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Bytes>,
    state: Arc<State>,
}

/// The other end of an [`Outbox`].
pub(super) struct Waiting {
    queue: mpsc::Receiver<Bytes>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    bytes: AtomicUsize,
    stalled: AtomicBool,
}

pub(super) fn outbox() -> (Outbox, Waiting) {
    let (queue, waiting) = mpsc::channel(STREAM_SEND_QUEUE);
    let state = Arc::new(State::default());
    (Outbox { queue, state: state.clone() }, Waiting { queue: waiting, state })
}

impl Outbox {
    /// False when it is full, or the connection gone.
    pub fn offer(&self, bytes: Bytes) -> bool {
        let len = bytes.len();
        let stalled = self.state.stalled.load(Ordering::Relaxed);
        let bound = if stalled { STREAM_SEND_BYTES_MAX } else { STREAM_SEND_BURST_BYTES_MAX };
        let before = self.state.bytes.fetch_add(len, Ordering::Relaxed);
        // A message larger than the bound goes when nothing else waits.
        let fits = before == 0 || before + len <= bound;
        let taken = fits && self.queue.try_send(bytes).is_ok();
        if !taken {
            self.state.bytes.fetch_sub(len, Ordering::Relaxed);
        }
        taken
    }
}

impl Waiting {
    /// None when it was closed and is empty.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.queue.recv().await
    }

    /// So much less waits: the peer took it.
    pub fn taken(&self, len: usize) {
        self.state.stalled.store(false, Ordering::Relaxed);
        self.state.bytes.fetch_sub(len, Ordering::Relaxed);
    }

    /// The peer has not taken what it was given, of `current` bytes, for a while. False when too much else waits for it already.
    pub fn stall(&self, current: usize) -> bool {
        self.state.stalled.store(true, Ordering::Relaxed);
        self.state.bytes.load(Ordering::Relaxed).saturating_sub(current) <= STREAM_SEND_BYTES_MAX
    }

    /// Takes nothing more; what is there still comes.
    pub fn close(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kilobyte() -> Bytes {
        Bytes::from(vec![0; 1_024])
    }

    fn fill(outbox: &Outbox) -> usize {
        (0..10_000).take_while(|_| outbox.offer(kilobyte())).count()
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_owed_a_bounded_number_of_bytes() {
        let (outbox, mut waiting) = outbox();
        assert!(outbox.offer(kilobyte()));
        let first = waiting.next().await.unwrap();
        assert!(waiting.stall(first.len()));
        assert_eq!(fill(&outbox), STREAM_SEND_BYTES_MAX / 1_024 - 1, "the one being written counts");
        waiting.taken(first.len());
        assert!(outbox.offer(kilobyte()), "it reads again");
    }

    #[tokio::test]
    async fn a_burst_is_taken_and_too_much_for_one_that_stalls() {
        let (outbox, mut waiting) = outbox();
        assert_eq!(fill(&outbox), STREAM_SEND_BURST_BYTES_MAX / 1_024);
        let first = waiting.next().await.unwrap();
        assert!(!waiting.stall(first.len()));
    }

    #[test]
    fn many_small_messages_are_bounded_by_number() {
        let (outbox, _waiting) = outbox();
        assert_eq!((0..10_000).take_while(|_| outbox.offer(Bytes::from_static(b"\r\n"))).count(), STREAM_SEND_QUEUE);
    }

    #[test]
    fn one_large_message_goes_when_nothing_else_waits() {
        let (outbox, waiting) = outbox();
        waiting.stall(0);
        let large = Bytes::from(vec![0; STREAM_SEND_BYTES_MAX + 1]);
        assert!(outbox.offer(large.clone()));
        assert!(!outbox.offer(large));
    }
}
