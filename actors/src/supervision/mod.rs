//! Mailbox policies and crash reports for actors. It knows no telephony. Start at [`Mailbox`] and [`DeathWatch`].
//!
//! actix closes the mailbox of an actor that panics, drops it, and tells nobody: its own Supervisor restarts only after
//! a regular stop. So each actor that matters carries a [`DeathWatch`], whose drop while unwinding is the report.

mod alarm;
mod intensity;
mod mailbox;
mod panics;

pub use alarm::Alarm;
pub use intensity::RestartIntensity;
pub use mailbox::{Mailbox, Overflow, overflows};
pub use panics::{MEDIA_THREADS, count_panics, panics};

/// Reports the unwinding of whoever owns it, with what is needed to clean up.
pub struct DeathWatch<R> {
    record: Option<R>,
    report: Box<dyn Fn(R) + Send>,
}

impl<R> DeathWatch<R> {
    /// `report` runs inside an unwinding drop: it must not panic, and a full mailbox is its own to count.
    pub fn new(record: R, report: impl Fn(R) + Send + 'static) -> Self {
        DeathWatch { record: Some(record), report: Box::new(report) }
    }

    /// What there is to clean up, from now on.
    pub fn set(&mut self, record: R) {
        self.record = Some(record);
    }

    pub fn get_mut(&mut self) -> Option<&mut R> {
        self.record.as_mut()
    }
}

impl<R> Drop for DeathWatch<R> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(record) = self.record.take()
        {
            (self.report)(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_death_watch_speaks_only_when_its_owner_unwinds() {
        let (tell, told) = sync_channel(4);
        let watch = |tell: std::sync::mpsc::SyncSender<u32>| DeathWatch::new(1, move |r| tell.send(r).unwrap());
        drop(watch(tell.clone()));
        assert!(told.try_recv().is_err());
        let mut owned = watch(tell);
        owned.set(2);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _owned = owned;
            panic!("injected");
        }));
        assert_eq!(told.try_recv(), Ok(2));
    }
}
