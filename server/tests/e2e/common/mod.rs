//! What every end-to-end test stands on: the real server on addresses of its own, phones, an application's web server,
//! and the tools around them. Nothing in here uses the product's own code: it is the other side of the wire.
//! Start at [`Tandem`], then [`Phone`] and [`AppServer`].
#![allow(dead_code, reason = "several test binaries stand on it, each on a part")]

pub mod address;
pub mod app_server;
pub mod audio;
pub mod bad_server;
pub mod baresip;
pub mod digest;
pub mod dns;
pub mod http;
pub mod link;
pub mod listeners;
pub mod media;
pub mod message;
pub mod phone;
pub mod signature;
pub mod sipp;
pub mod tandem;

pub use app_server::{AppServer, Reply};
pub use media::Media;
pub use message::Message;
pub use phone::{Call, Phone};
pub use tandem::{Options, Tandem};

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace has a root")
}

/// Held by tests that measure time or sound, so that they do not take each other's CPU.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Asks `probe` again and again until it has an answer.
pub fn eventually<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
