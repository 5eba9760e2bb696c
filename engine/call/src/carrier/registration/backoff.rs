use std::time::Duration;

use tandem_model::Entropy;

/// RFC 5626 section 4.5, for all flows failed: base-time and max-time.
const BASE: Duration = Duration::from_secs(30);
const MAX: Duration = Duration::from_secs(1_800);

/// How long to wait after so many failures in a row: twice as long each time, and a random half to all of that.
pub(super) fn wait(failures: u32, entropy: &mut dyn Entropy) -> Duration {
    let upper = BASE.saturating_mul(1 << failures.min(16)).min(MAX);
    between(upper / 2, upper, entropy)
}

/// When to refresh a registration granted for so long: at three quarters to nine tenths of it, so that a failure leaves
/// time for another try. Never sooner than a second, whatever a registrar grants.
pub(super) fn refresh(granted: Duration, entropy: &mut dyn Entropy) -> Duration {
    between(granted.mul_f64(0.75), granted.mul_f64(0.9), entropy).max(Duration::from_secs(1))
}

fn between(lower: Duration, upper: Duration, entropy: &mut dyn Entropy) -> Duration {
    let span = u64::try_from(upper.saturating_sub(lower).as_millis()).unwrap_or(u64::MAX);
    lower + Duration::from_millis(entropy.next_u64() % span.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SeedEntropy;

    #[test]
    fn the_wait_doubles_up_to_half_an_hour_and_is_spread() {
        let mut entropy = SeedEntropy::new(5);
        for (failures, secs) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1_800), (40, 1_800)] {
            let waits: Vec<_> = (0..100).map(|_| wait(failures, &mut entropy).as_secs_f64()).collect();
            let (lower, upper) = (f64::from(secs) / 2.0, f64::from(secs));
            assert!(waits.iter().all(|w| (lower..=upper).contains(w)), "{failures}");
            let spread = waits.iter().fold(0.0, |a: f64, w| a.max(*w)) - waits.iter().fold(upper, |a, w| a.min(*w));
            assert!(spread > (upper - lower) * 0.8, "{failures}: {spread}");
        }
    }

    #[test]
    fn a_refresh_comes_before_the_end_and_never_in_a_storm() {
        let mut entropy = SeedEntropy::new(5);
        for secs in [3, 60, 3_600] {
            let granted = Duration::from_secs(secs);
            for _ in 0..100 {
                let after = refresh(granted, &mut entropy);
                assert!(after >= granted.mul_f64(0.75) && after <= granted.mul_f64(0.91), "{after:?} of {granted:?}");
            }
        }
        assert_eq!(refresh(Duration::from_millis(1), &mut entropy), Duration::from_secs(1));
    }
}
