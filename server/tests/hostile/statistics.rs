//! Whether two samples of times come from one distribution.

/// The two-sided p-value of the Mann-Whitney U test, by its normal approximation with the correction for ties: how likely
/// such a difference in ranks is when there is none.
pub fn mann_whitney_p(a: &[u64], b: &[u64]) -> f64 {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let mut all: Vec<(u64, bool)> = a.iter().map(|v| (*v, true)).chain(b.iter().map(|v| (*v, false))).collect();
    all.sort_unstable();
    let (mut rank_sum_a, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..].iter().take_while(|x| x.0 == all[at].0).count();
        // Equal values share the mean of their ranks.
        let rank = at as f64 + (same as f64 + 1.0) / 2.0;
        rank_sum_a += rank * all[at..at + same].iter().filter(|x| x.1).count() as f64;
        ties += (same as f64).powi(3) - same as f64;
        at += same;
    }
    let u = rank_sum_a - n * (n + 1.0) / 2.0;
    let total = n + m;
    let sigma = (n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)))).sqrt();
    if sigma == 0.0 {
        return 1.0;
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / sigma;
    erfc(z / std::f64::consts::SQRT_2)
}

/// The complementary error function to seven digits (Abramowitz and Stegun 7.1.26).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    poly * (-x * x).exp()
}

#[test]
fn equal_samples_differ_by_chance_and_shifted_ones_do_not() {
    let a: Vec<u64> = (0..500).map(|i| i * 7 % 1_000).collect();
    let same: Vec<u64> = (0..500).map(|i| i * 11 % 1_000).collect();
    let shifted: Vec<u64> = same.iter().map(|v| v + 150).collect();
    assert!(mann_whitney_p(&a, &same) > 0.1, "{}", mann_whitney_p(&a, &same));
    assert!(mann_whitney_p(&a, &shifted) < 0.001, "{}", mann_whitney_p(&a, &shifted));
    assert!(mann_whitney_p(&[5; 100], &[5; 100]) > 0.99);
}
