//! How much of everything: enough to notice in every run, or the counts that are promised (`HOSTILE=soak`).

/// Whether this is the long run.
pub fn soaking() -> bool {
    std::env::var("HOSTILE").is_ok_and(|v| v == "soak")
}

/// `usual` in every run, `soak` in the long one.
pub fn count(usual: usize, soak: usize) -> usize {
    if soaking() { soak } else { usual }
}

/// Where random inputs begin.
pub fn seed() -> u64 {
    std::env::var("HOSTILE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}
