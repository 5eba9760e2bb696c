//! The RTP core: media threads, each pinned to a CPU, with its own poll loop, sockets, ports and shard of legs.
//! What happens to a packet is decided in `tandem_media`; here bytes are moved. Start at [`start`].
//!
//! ```text
//!  actors ──commands (bounded, waker)──→ thread ──→ Shard ──→ sockets
//!  actors ←─events (EventSink, never waits)── thread ←─────── sockets, timer
//! ```

mod handle;
mod kernel;
mod load;
mod metrics;
mod moves;
mod moving;
mod open_legs;
mod poll_loop;
mod poller;
mod port_pool;
mod socket;
mod spare;
mod supervise;
mod tap_queue;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tandem_media::control::Event;
pub use tandem_media::jitter::JitterConfig;
use tandem_model::HostAddress;

pub use handle::{MediaHandle, MediaPool, MediaThread, SendError};
pub use metrics::{Lateness, MediaSnapshot, ThreadMetrics};
pub use socket::SocketOptions;
pub use tap_queue::TapQueue;

/// What the media threads work with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Where the sockets are bound; IPv4 or IPv6, and `::` for both.
    pub address: IpAddr,
    /// What peers are told, when it differs from `address` (a public address mapped to this host).
    pub advertise: Option<HostAddress>,
    /// Shared out among the threads. RTP takes the even ports, RTCP the odd one above each (RFC 3550 section 11).
    pub ports: RangeInclusive<u16>,
    /// One thread per entry, pinned to that CPU; a thread that cannot be pinned runs all the same.
    pub cpus: Vec<usize>,
    /// Bounds of what the jitter buffers may add to the delay.
    pub jitter: JitterConfig,
    pub sockets: SocketOptions,
    /// How long a thread goes on looking for packets before it sleeps; zero lets it sleep at once. It spends the CPU it is pinned to
    /// for a shorter delay.
    pub busy_poll: Duration,
    /// Real-time priority of the threads, 1..99; 0 is none. A wish: the system may not allow it.
    pub realtime_priority: u8,
    /// The share of a thread's time that may be in use when a new call comes, above 0 and up to 1.
    pub load_max: f64,
}

impl MediaConfig {
    /// What is not named has its default: no busy polling, ordinary priority, new calls up to 80 % of a thread. What is left of a
    /// thread is for the legs that running calls still make, for codecs dearer than those a call began with, and for the system calls
    /// between two turns, which are not counted.
    pub fn new(address: IpAddr, ports: RangeInclusive<u16>, cpus: Vec<usize>) -> Self {
        MediaConfig {
            address,
            advertise: None,
            ports,
            cpus,
            jitter: JitterConfig::default(),
            sockets: SocketOptions::default(),
            busy_poll: Duration::ZERO,
            realtime_priority: 0,
            load_max: 0.8,
        }
    }
}

/// Takes the events of one media thread. Called on that thread.
pub trait EventSink: Send {
    /// Must not wait. False when the event could not be delivered: it is counted and lost.
    fn deliver(&self, event: Event) -> bool;
}

impl<F: Fn(Event) -> bool + Send> EventSink for F {
    fn deliver(&self, event: Event) -> bool {
        self(event)
    }
}

/// Why the media threads could not start.
#[derive(Debug)]
pub enum StartError {
    /// No CPU was named.
    NoCpus,
    /// The port range has fewer RTP/RTCP pairs than there are threads.
    TooFewPorts,
    Io(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::NoCpus => f.write_str("no CPU is given to media"),
            StartError::TooFewPorts => f.write_str("the media port range has fewer port pairs than media threads"),
            StartError::Io(error) => write!(f, "media thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        StartError::Io(error)
    }
}

/// Starts one media thread per configured CPU. `sink` is called once per thread, with its index, and again after a restart.
///
/// # Errors
/// [`StartError`]; no thread is left running then.
pub fn start(
    config: &MediaConfig,
    sink: impl Fn(usize) -> Box<dyn EventSink> + Send + Sync + 'static,
) -> Result<MediaPool, StartError> {
    supervise::start(config, Arc::new(sink))
}
