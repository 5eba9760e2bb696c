use tandem_call::room::queue::QueueRecord;
use tandem_model::Sid;

use super::writer::Change;
use super::{Store, StoreError};

impl Store {
    /// Creates or replaces. Who holds the queues has checked it.
    pub async fn put_queue(&self, queue: QueueRecord) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::PutQueue(queue)).await
    }

    /// One that was never kept is gone as well.
    pub async fn delete_queue(&self, sid: Sid) -> Result<(), StoreError> {
        self.inner.writer.submit(Change::DeleteQueue(sid)).await
    }

    /// Oldest first.
    pub async fn queues(&self) -> Result<Vec<QueueRecord>, StoreError> {
        self.inner.db.queues().await
    }
}

#[cfg(test)]
mod tests {
    use tandem_model::WallTime;

    use super::*;
    use crate::store::tests::{TempDir, settings};

    #[tokio::test]
    async fn queues_are_there_again_after_a_restart_as_they_were_changed_last() {
        let dir = TempDir::new();
        let queue = |n: u8, name: &str, size_max: Option<u32>, at: i64| QueueRecord {
            sid: Sid::from_bytes([n; 16]),
            name: name.into(),
            size_max,
            created: WallTime(i64::from(n)),
            updated: WallTime(at),
        };
        let store = Store::open(&dir.url(), settings()).await.unwrap();
        for (n, name, size) in [(2, "second", Some(7)), (1, "first", None), (3, "third", None)] {
            store.put_queue(queue(n, name, size, 10)).await.unwrap();
        }
        store.put_queue(queue(1, "changed", Some(u32::MAX), 20)).await.unwrap();
        store.delete_queue(Sid::from_bytes([3; 16])).await.unwrap();
        store.delete_queue(Sid::from_bytes([4; 16])).await.unwrap();
        drop(store);
        let store = Store::open(&dir.url(), settings()).await.unwrap();
        let expected = [queue(1, "changed", Some(u32::MAX), 20), queue(2, "second", Some(7), 10)];
        assert_eq!(store.queues().await.unwrap(), expected);
    }
}
