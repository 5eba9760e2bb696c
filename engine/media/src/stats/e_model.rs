use super::{CodecQuality, LossCounts};

/// R0 - Is of G.107 with its default values.
const R_DEFAULT: f32 = 93.2;

/// What the E-model (G.107) is told of one direction of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    pub codec: CodecQuality,
    /// Share of packets not played, 0..=1.
    pub loss: f32,
    /// 1 for random loss, more for losses in runs: [`LossCounts::burst_ratio`].
    pub burst_ratio: f32,
    /// One way, mouth to ear.
    pub delay_ms: f32,
}

impl Conditions {
    pub fn new(codec: CodecQuality, counts: LossCounts, delay_ms: f32) -> Self {
        Conditions { codec, loss: counts.unheard(), burst_ratio: counts.burst_ratio(), delay_ms }
    }

    /// The rating of a conversation: delay counts (the CQ of RFC 3611 section 4.7.5).
    pub fn r_conversation(&self) -> f32 {
        let late = (self.delay_ms - 177.3).max(0.0);
        let id = 0.024 * self.delay_ms.max(0.0) + 0.11 * late;
        (self.r_listening() - id).clamp(0.0, 100.0)
    }

    /// The rating of listening alone: delay does not count (the LQ of RFC 3611 section 4.7.5).
    pub fn r_listening(&self) -> f32 {
        let percent = self.loss.clamp(0.0, 1.0) * 100.0;
        let CodecQuality { ie, bpl } = self.codec;
        // G.107 equation 7-29: packet loss in runs weighs more than the same loss at random.
        let spread = percent / self.burst_ratio.max(1.0);
        let ie_eff = ie + (95.0 - ie) * percent / (spread + bpl);
        (R_DEFAULT - ie_eff).clamp(0.0, 100.0)
    }
}

/// Score of a conversation with random loss: `loss` is the share of packets not played, 0..=1; `delay_ms` one way.
pub fn mean_opinion_score(codec: CodecQuality, loss: f32, delay_ms: f32) -> f32 {
    mos(Conditions { codec, loss, burst_ratio: 1.0, delay_ms }.r_conversation())
}

/// Mean opinion score of a rating (G.107 annex B): 1.0..=4.5.
pub fn mos(r: f32) -> f32 {
    if r <= 0.0 {
        return 1.0;
    }
    let r = r.min(100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const G711: CodecQuality = CodecQuality { ie: 0.0, bpl: 25.1 };

    fn conditions(loss: f32, burst_ratio: f32, delay_ms: f32) -> Conditions {
        Conditions { codec: G711, loss, burst_ratio, delay_ms }
    }

    #[test]
    fn scores_are_those_of_annex_b() {
        for (r, score) in
            [(0.0, 1.0), (50.0, 2.58), (60.0, 3.10), (70.0, 3.60), (80.0, 4.02), (90.0, 4.34), (100.0, 4.5)]
        {
            assert!((mos(r) - score).abs() < 0.01, "{r}: {}", mos(r));
        }
    }

    #[test]
    fn a_clean_call_is_the_best_of_its_codec_and_everything_else_is_less() {
        let clean = conditions(0.0, 1.0, 0.0).r_conversation();
        assert!((clean - 93.2).abs() < 0.01);
        for worse in [conditions(0.01, 1.0, 0.0), conditions(0.0, 1.0, 100.0), conditions(0.0, 1.0, 400.0)] {
            assert!(worse.r_conversation() < clean, "{worse:?}");
        }
        assert_eq!(conditions(1.0, 1.0, 2_000.0).r_conversation(), 0.0);
        assert_eq!(conditions(0.0, 1.0, 400.0).r_listening(), clean, "who only listens does not mind delay");
    }

    #[test]
    fn loss_in_runs_is_worse_than_the_same_loss_at_random() {
        let (random, runs) = (conditions(0.05, 1.0, 50.0), conditions(0.05, 3.0, 50.0));
        assert!(
            random.r_conversation() - runs.r_conversation() > 1.5,
            "{} {}",
            random.r_conversation(),
            runs.r_conversation()
        );
    }

    #[test]
    fn ratings_are_what_the_equations_give() {
        for (loss, burst_ratio, delay, r) in
            [(0.02, 1.0, 80.0, 84.27), (0.02, 2.0, 80.0, 84.0), (0.1, 1.0, 250.0, 52.13), (0.0, 1.0, 150.0, 89.6)]
        {
            let ours = conditions(loss, burst_ratio, delay).r_conversation();
            assert!((ours - r).abs() < 0.05, "{loss} {burst_ratio} {delay}: {ours}");
        }
    }
}
