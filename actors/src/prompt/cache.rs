use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use tandem_media::control::Clip;

/// Clips by key, bounded in bytes; the one unused for longest goes first.
pub(super) struct ClipCache<K, V> {
    bytes_max: usize,
    bytes: usize,
    clock: u64,
    entries: HashMap<K, Entry<V>>,
}

struct Entry<V> {
    clip: Arc<Clip>,
    about: V,
    bytes: usize,
    used: u64,
}

/// What an entry costs beside its samples.
const OVERHEAD_BYTES: usize = 512;

impl<K: Eq + Hash + Clone, V: Clone> ClipCache<K, V> {
    pub fn new(bytes_max: usize) -> Self {
        ClipCache { bytes_max, bytes: 0, clock: 0, entries: HashMap::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<(Arc<Clip>, V)> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some((Arc::clone(&entry.clip), entry.about.clone()))
    }

    /// A clip larger than the whole cache is not kept.
    pub fn put(&mut self, key: K, clip: Arc<Clip>, about: V) {
        self.remove(&key);
        let bytes = clip.samples.len() * 2 + OVERHEAD_BYTES;
        if bytes > self.bytes_max {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, e)| e.used).map(|(key, _)| key.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += bytes;
        self.entries.insert(key, Entry { clip, about, bytes, used: self.clock });
    }

    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SampleRate;

    fn clip(bytes: usize) -> Arc<Clip> {
        Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![0; (bytes - OVERHEAD_BYTES) / 2] })
    }

    #[test]
    fn the_clip_unused_for_longest_goes_first_and_the_bound_holds() {
        let mut cache = ClipCache::new(3_000);
        for key in ["a", "b", "c"] {
            cache.put(key, clip(1_000), ());
        }
        assert!(cache.get(&"a").is_some());
        cache.put("d", clip(1_000), ());
        assert_eq!(["a", "b", "c", "d"].map(|key| cache.get(&key).is_some()), [true, false, true, true]);
        cache.put("big", clip(3_002), ());
        assert!(cache.get(&"big").is_none() && cache.get(&"a").is_some());
        cache.put("all", clip(3_000), ());
        assert_eq!((cache.entries.len(), cache.bytes), (1, 3_000));
        cache.put("all", clip(1_000), ());
        assert_eq!((cache.entries.len(), cache.bytes), (1, 1_000));
    }
}
