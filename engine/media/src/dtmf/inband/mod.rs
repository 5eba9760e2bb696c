//! Digits heard in the audio (ITU-T Q.23, Q.24). The tones are made in [`tone`](crate::tone). Start at [`InBandDetector`].

mod decimator;
mod detector;
mod spectrum;

pub use detector::InBandDetector;
