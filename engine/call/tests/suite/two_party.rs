//! Two legs call each other over a network that loses, repeats, delays and reorders, and their users do what they like,
//! all from one seed. Whatever happens, each call ends with each side in a known state and nothing left behind.
//!
//! `TANDEM_SIM_SEEDS` says how many seeds are run, `TANDEM_SIM_SEED` runs a single one, as a failure tells it.

mod link;
mod party;
mod tally;
mod trial;

use tally::Tally;

/// What `make test` runs: some seconds.
const SEEDS: u64 = 3_000;

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says how many seeds, or which one")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[test]
fn every_call_of_two_legs_ends_with_each_side_in_a_known_state() {
    if let Some(seed) = number("TANDEM_SIM_SEED") {
        let outcome = trial::run(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        return println!("{outcome:#?}");
    }
    let mut tally = Tally::default();
    for seed in 0..number("TANDEM_SIM_SEEDS").unwrap_or(SEEDS) {
        let again = format!("TANDEM_SIM_SEED={seed} cargo test --locked -p tandem-call two_party");
        let outcome = std::panic::catch_unwind(|| trial::run(seed)).unwrap_or_else(|panic| {
            eprintln!("seed {seed} panicked; {again}");
            std::panic::resume_unwind(panic)
        });
        tally.add(&outcome.unwrap_or_else(|why| panic!("seed {seed}: {why}\n{again}")));
    }
    println!("{tally:#?}");
    if tally.calls >= SEEDS {
        tally.has_seen_everything();
    }
}
