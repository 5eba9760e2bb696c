//! The log, on standard error: in one write for all lines of a twentieth of a second, not one each, for at hundreds of calls a second
//! that was a system call on the thread of signalling for each. What warns is written at once, with all before it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, LogFormat};

/// How long a line may wait: what a process that is killed loses of its log.
const WAIT: Duration = Duration::from_millis(50);
/// More than this is not held back: whoever logs so much waits for it to be written.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// Writes what is held when it goes.
pub struct Log(Lines);

impl Log {
    /// The log of this process, from now on.
    ///
    /// # Errors
    /// The level says nothing that can be read, or the system gives no thread.
    pub fn start(config: &Config) -> Result<Log, String> {
        let filter = EnvFilter::try_new(&config.log.level).map_err(|e| e.to_string())?;
        let lines = Lines::to(io::stderr());
        let writer = {
            let lines = lines.clone();
            thread::Builder::new().name("log".into()).spawn(move || lines.write_now_and_then())
        };
        let writer = writer.map_err(|e| e.to_string())?.thread().clone();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Out { lines: lines.clone(), writer });
        match config.log.format {
            LogFormat::Text => log.with_ansi(false).init(),
            LogFormat::Json => log.json().init(),
        }
        Ok(Log(lines))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.held().write_out();
    }
}

/// Lines that are not written yet, in order, and where they go.
#[derive(Clone)]
struct Lines(Arc<Mutex<Held>>);

struct Held {
    bytes: Vec<u8>,
    to: Box<dyn Write + Send>,
}

impl Held {
    /// Nobody is told when standard error takes nothing: that is where it would be said.
    fn write_out(&mut self) {
        let _ = self.to.write_all(&self.bytes);
        self.bytes.clear();
    }
}

impl Lines {
    fn to(to: impl Write + Send + 'static) -> Lines {
        Lines(Arc::new(Mutex::new(Held { bytes: Vec::new(), to: Box::new(to) })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_now_and_then(&self) {
        loop {
            // Woken by the first line that is held.
            thread::park();
            thread::sleep(WAIT);
            self.held().write_out();
        }
    }
}

struct Out {
    lines: Lines,
    writer: thread::Thread,
}

/// Where one line goes.
struct Line<'a> {
    out: &'a Out,
    at_once: bool,
}

impl<'a> MakeWriter<'a> for Out {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { out: self, at_once: true }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line { out: self, at_once: *of.level() <= Level::WARN }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut held = self.out.lines.held();
        let is_first = held.bytes.is_empty();
        held.bytes.extend_from_slice(line);
        if self.at_once || held.bytes.len() > HELD_BYTES_MAX {
            held.write_out();
        } else if is_first {
            self.out.writer.unpark();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn out() -> (Out, Written) {
        let written = Written::default();
        (Out { lines: Lines::to(written.clone()), writer: thread::current() }, written)
    }

    #[test]
    fn lines_are_held_in_order_and_a_warning_takes_those_before_it_along() {
        let (out, written) = out();
        for line in ["one\n", "two\n"] {
            Line { out: &out, at_once: false }.write_all(line.as_bytes()).unwrap();
        }
        assert!(written.0.lock().unwrap().is_empty());
        Line { out: &out, at_once: true }.write_all(b"three\n").unwrap();
        assert_eq!(written.0.lock().unwrap().as_slice(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn no_more_is_held_than_a_bound() {
        let (out, written) = out();
        let line = [b'x'; 1024];
        let count = HELD_BYTES_MAX / line.len() * 3;
        for _ in 0..count {
            Line { out: &out, at_once: false }.write_all(&line).unwrap();
            assert!(out.lines.held().bytes.len() <= HELD_BYTES_MAX);
        }
        out.lines.held().write_out();
        assert_eq!(written.0.lock().unwrap().len(), count * line.len());
    }
}
