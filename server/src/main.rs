#[allow(dead_code, unused_imports, reason = "the wiring reads it")]
pub mod config;

fn main() {}
