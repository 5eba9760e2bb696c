use tandem_codecs::{CodecId, CodecSpec};

/// How a codec fares in the E-model (G.113 appendix I): impairment of the codec itself, and robustness against loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodecQuality {
    pub ie: f32,
    pub bpl: f32,
}

impl CodecQuality {
    pub fn of(codec: CodecId) -> Self {
        let impairment = CodecSpec::by_id(codec).impairment;
        CodecQuality { ie: impairment.ie, bpl: impairment.bpl }
    }
}

/// Listening quality by the E-model (G.107 with default values, and annex B for the score): 1.0..=4.5.
/// `loss` is the share of packets not played, 0..=1; `delay_ms` one way, mouth to ear.
pub fn mean_opinion_score(quality: CodecQuality, loss: f32, delay_ms: f32) -> f32 {
    let loss_percent = loss.clamp(0.0, 1.0) * 100.0;
    let ie_eff = quality.ie + (95.0 - quality.ie) * loss_percent / (loss_percent + quality.bpl);
    let late = (delay_ms - 177.3).max(0.0);
    let id = 0.024 * delay_ms.max(0.0) + 0.11 * late;
    let r = 93.2 - id - ie_eff;
    if r <= 0.0 {
        return 1.0;
    }
    let r = r.min(100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}
