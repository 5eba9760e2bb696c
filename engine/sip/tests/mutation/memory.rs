//! Counts what this thread has allocated, to bound what a message may cost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get() + layout.size() as isize;
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes this thread held during `what` beyond what it held before.
pub fn peak<T>(what: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = what();
    ((PEAK.get() - before).max(0) as usize, result)
}

#[test]
fn the_peak_is_seen() {
    let (bytes, kept) = peak(|| {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(10_000)));
        Vec::<u8>::with_capacity(100)
    });
    assert!((10_000..11_000).contains(&bytes), "{bytes}");
    assert_eq!(kept.capacity(), 100);
}
