use std::collections::{HashMap, HashSet};

/// A table whose keys this server made itself: numbers of transactions, ids of legs and calls, tags. Nobody outside chooses them, so
/// they are hashed by less work than what an attacker must not be able to collide.
pub type OwnMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The same of keys alone.
pub type OwnSet<K> = HashSet<K, foldhash::fast::RandomState>;
