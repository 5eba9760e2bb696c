use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tandem_laml::instruction::PromptFailure;
use tandem_media::control::Clip;

type Outcome = Result<Arc<Clip>, PromptFailure>;
type Work = BoxFuture<'static, Outcome>;

/// Many calls that want the same clip at the same time share one making of it. It ends when nobody waits any more.
pub(super) struct SingleFlight<K> {
    /// The mutex is held for one look-up, never across a wait.
    flights: Mutex<HashMap<K, WeakShared<Work>>>,
}

impl<K: Eq + Hash + Clone> SingleFlight<K> {
    pub fn new() -> Self {
        SingleFlight { flights: Mutex::default() }
    }

    pub fn join(&self, key: K, work: impl FnOnce() -> Work) -> Shared<Work> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has its result is over: the next caller starts anew.
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade).filter(|f| f.peek().is_none()) {
            return flight;
        }
        if flights.len() == flights.capacity() {
            flights.retain(|_, flight| flight.upgrade().is_some_and(|f| f.peek().is_none()));
        }
        let flight = work().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}
