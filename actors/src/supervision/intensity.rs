use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::{Timestamp, limits};

/// Counts restarts of one service: too many within the window, and whoever is above must act.
#[derive(Debug)]
pub struct RestartIntensity {
    times: VecDeque<Timestamp>,
    max: usize,
    window: Duration,
}

impl Default for RestartIntensity {
    fn default() -> Self {
        RestartIntensity { times: VecDeque::new(), max: limits::RESTARTS_PER_SERVICE, window: limits::RESTART_WINDOW }
    }
}

impl RestartIntensity {
    /// Notes a failure. False when it was one too many.
    pub fn may_restart(&mut self, now: Timestamp) -> bool {
        while self.times.front().is_some_and(|t| now.since(*t) > self.window) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() <= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_failure_within_the_window_is_one_too_many() {
        let mut i = RestartIntensity::default();
        for s in 0..5 {
            assert!(i.may_restart(Timestamp::from_secs(s)));
        }
        assert!(!i.may_restart(Timestamp::from_secs(6)));
        assert!(i.may_restart(Timestamp::from_secs(100)));
    }
}
