//! An index that the copies of a message share, taken from those of messages before.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use super::index::Index;

/// Indexes that a thread keeps for the messages to come. A thread that has more messages in hand than that takes memory for them.
const SPARE_MAX: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<Arc<Index>>> = const { RefCell::new(Vec::new()) };
}

/// Behind a pointer, because messages are handed from one part to the next a dozen times each, and an index has half a kilobyte. The
/// last copy of a message leaves it to its thread, for the next one that is read: what was just in use is still in the cache.
#[derive(Clone)]
pub(super) struct SharedIndex {
    /// `None` only while it is dropped.
    index: Option<Arc<Index>>,
}

impl SharedIndex {
    /// Has an empty index filled.
    pub(super) fn filled<R>(fill: impl FnOnce(&mut Index) -> R) -> (SharedIndex, R) {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        let mut index = spare.unwrap_or_else(|| Arc::new(Index::new()));
        // Never copied here: nobody else has a spare one.
        let empty = Arc::make_mut(&mut index);
        empty.clear();
        let result = fill(empty);
        (SharedIndex { index: Some(index) }, result)
    }
}

impl Deref for SharedIndex {
    type Target = Index;

    fn deref(&self) -> &Index {
        static EMPTY: Index = Index::new();
        self.index.as_deref().unwrap_or(&EMPTY)
    }
}

impl Drop for SharedIndex {
    fn drop(&mut self) {
        let Some(index) = self.index.take().filter(|index| Arc::strong_count(index) == 1) else { return };
        // At the end of a thread there is nobody to keep it for.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_MAX {
                spare.push(index);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare() -> usize {
        SPARE.with(|spare| spare.borrow().len())
    }

    fn with_body_at(body: u16) -> SharedIndex {
        SharedIndex::filled(|index| index.body = body).0
    }

    #[test]
    fn the_last_copy_leaves_its_index_to_the_next_message_empty() {
        let before = spare();
        let first = with_body_at(7);
        let copy = first.clone();
        drop(first);
        assert_eq!((spare(), copy.body), (before, 7), "a copy is still there");
        drop(copy);
        assert_eq!(spare(), before + 1);
        let (next, body) = SharedIndex::filled(|index| index.body);
        assert_eq!((spare(), body, next.body), (before, 0, 0));
    }

    #[test]
    fn no_more_are_kept_than_the_limit() {
        let many: Vec<SharedIndex> = (0..SPARE_MAX as u16 + 9).map(with_body_at).collect();
        assert!(many.iter().enumerate().all(|(i, index)| usize::from(index.body) == i), "each its own");
        drop(many);
        assert_eq!(spare(), SPARE_MAX);
    }

    #[test]
    fn one_that_another_thread_drops_last_stays_there() {
        let before = spare();
        let index = with_body_at(1);
        let there = std::thread::scope(|scope| {
            let elsewhere = scope.spawn(move || {
                drop(index);
                spare()
            });
            elsewhere.join().unwrap()
        });
        assert_eq!((there, spare()), (1, before.saturating_sub(1)));
    }
}
