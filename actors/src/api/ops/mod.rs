mod metrics;

pub use metrics::{Metrics, Sample, SampleSource, SampleValue};
