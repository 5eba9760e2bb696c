use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts every panic of this process from now on, whoever catches it; what is done with it stays as it was.
pub fn count_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
}

/// Panics since [`count_panics`]. In service each is a bug of ours, and none ended the process.
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}
