use std::time::Duration;

use tandem_model::Timestamp;

/// What a carrier takes of us, and we of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// New calls a second, in each direction by itself.
    pub calls_per_second: Option<u32>,
    /// Calls at a time, both directions together.
    pub channels: Option<u32>,
}

impl Limits {
    /// Whether one more call fits beside `in_use`.
    pub fn has_channel(&self, in_use: u32) -> bool {
        self.channels.is_none_or(|max| in_use < max)
    }

    /// Takes a token of the bucket of one direction, which holds those of one second. `spent_until` is the bucket: the
    /// moment up to which tokens are spent. Ok: the bucket afterwards. Err: how long until there is a token.
    pub fn take_token(&self, spent_until: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        match self.calls_per_second {
            None => Ok(spent_until),
            Some(0) => Err(Duration::from_secs(1)),
            Some(rate) => rate_after(spent_until, now, rate),
        }
    }
}

/// The token bucket in its form without a counter (generic cell rate algorithm, ITU-T I.371 annex A), because one number
/// can be changed by many at once. `rate` is at least 1.
pub fn rate_after(spent_until: Timestamp, now: Timestamp, rate: u32) -> Result<Timestamp, Duration> {
    const SECOND: Duration = Duration::from_secs(1);
    let interval = SECOND / rate;
    let spent_until = spent_until.max(now) + interval;
    let ahead = spent_until.since(now);
    // A rate that does not divide the second leaves nanoseconds.
    if ahead <= SECOND { Ok(spent_until) } else { Err(ahead - SECOND) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_calls_and_each_interval_gives_one_back() {
        let limits = Limits { calls_per_second: Some(3), channels: None };
        let mut bucket = Timestamp::ZERO;
        let mut admitted = Vec::new();
        for ms in (10_000..13_000).step_by(50) {
            if let Ok(after) = limits.take_token(bucket, Timestamp::from_millis(ms)) {
                bucket = after;
                admitted.push(ms - 10_000);
            }
        }
        assert_eq!(admitted, [0, 50, 100, 350, 700, 1_000, 1_350, 1_700, 2_000, 2_350, 2_700]);
    }

    #[test]
    fn a_refusal_tells_how_long_to_wait() {
        let (limits, now) = (Limits { calls_per_second: Some(2), channels: None }, Timestamp::from_secs(100));
        let bucket = limits.take_token(Timestamp::ZERO, now).and_then(|b| limits.take_token(b, now)).unwrap();
        let wait = limits.take_token(bucket, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(limits.take_token(bucket, now + wait).is_ok());
    }

    #[test]
    fn without_a_limit_everything_fits_and_zero_takes_nothing() {
        let now = Timestamp::from_secs(1);
        assert!(Limits::default().has_channel(u32::MAX));
        assert_eq!(Limits::default().take_token(Timestamp::ZERO, now), Ok(Timestamp::ZERO));
        let none = Limits { calls_per_second: Some(0), channels: Some(0) };
        assert!(!none.has_channel(0) && none.take_token(Timestamp::ZERO, now).is_err());
        let two = Limits { channels: Some(2), ..Limits::default() };
        assert!(two.has_channel(1) && !two.has_channel(2));
    }

    proptest::proptest! {
        #[test]
        fn no_second_has_more_than_a_bucket_and_what_flows_in(
            rate in 1..200u32, gaps in proptest::collection::vec(0..40u64, 1..400),
        ) {
            let (mut now, mut bucket, mut admitted) = (Timestamp::from_secs(5), Timestamp::ZERO, Vec::new());
            for gap in gaps {
                now = now + Duration::from_millis(gap);
                if let Ok(after) = rate_after(bucket, now, rate) {
                    bucket = after;
                    admitted.push(now);
                }
            }
            for (at, first) in admitted.iter().enumerate() {
                let within = admitted[at..].iter().filter(|t| t.since(*first) < Duration::from_secs(1)).count();
                proptest::prop_assert!(within <= 2 * rate as usize, "{} in one second at {}", within, rate);
            }
        }
    }
}
