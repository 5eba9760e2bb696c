use std::sync::atomic::{AtomicU64, Ordering};
use std::{panic, thread};

/// What the names of media threads begin with.
pub const MEDIA_THREADS: &str = "media-";

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts every panic of this process from now on, whoever catches it. What is done with it stays as it was, but on media threads: a
/// backtrace takes a third of a second to put into words, and all the calls of the thread would wait for it.
pub fn count_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let thread = thread::current();
        match thread.name().filter(|name| name.starts_with(MEDIA_THREADS)) {
            Some(name) => {
                let at = info.location().map(ToString::to_string);
                tracing::error!(thread = name, at, why = info.payload_as_str().unwrap_or_default(), "panic");
            }
            None => before(info),
        }
    }));
}

/// Panics since [`count_panics`]. In service each is a bug of ours, and none ended the process.
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}
