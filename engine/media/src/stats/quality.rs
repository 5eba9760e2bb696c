use tandem_codecs::CodecId;

/// How a codec fares in the E-model (G.113 appendix I): impairment of the codec itself, and robustness against loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodecQuality {
    pub ie: f32,
    pub bpl: f32,
}

impl CodecQuality {
    pub fn of(codec: CodecId) -> Self {
        match codec {
            // G.711 with concealment.
            CodecId::Pcmu | CodecId::Pcma => CodecQuality { ie: 0.0, bpl: 25.1 },
            // No value is standardised; wideband codecs with concealment of their own lie near this on the narrowband scale.
            CodecId::Opus => CodecQuality { ie: 0.0, bpl: 20.0 },
        }
    }
}
