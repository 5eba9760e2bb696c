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
