//! tandem-loadtest
