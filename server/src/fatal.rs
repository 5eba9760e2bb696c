//! What a process cannot go on without: when it dies, the process ends with a failure code, and the init system
//! starts it again from what the store kept.

use tokio::sync::mpsc;

/// Told by whoever notices.
#[derive(Clone)]
pub struct Fatal(mpsc::Sender<&'static str>);

pub fn channel() -> (Fatal, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel(8);
    (Fatal(tell), told)
}

impl Fatal {
    /// Ends the process soon. The first word counts; later ones find the queue full, which is as good.
    pub fn service_died(&self, service: &'static str) {
        let _ = self.0.try_send(service);
    }
}
