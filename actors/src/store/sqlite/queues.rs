use sqlx::Row;
use tandem_call::room::queue::QueueRecord;
use tandem_model::{Sid, WallTime};

use super::{Batch, Sqlite};
use crate::store::StoreError;

impl Sqlite {
    /// Oldest first.
    pub async fn queues(&self) -> Result<Vec<QueueRecord>, StoreError> {
        let sql = "SELECT sid, name, size_max, created, updated FROM queues ORDER BY created, sid";
        let rows = sqlx::query(sql).fetch_all(&self.read).await?;
        let read = rows.iter().map(|row| {
            let sid = row.try_get::<&str, _>(0)?.parse();
            let sid = sid.map_err(|()| StoreError::Failed("a stored queue's id is no UUID".to_owned()))?;
            let size_max = row.try_get::<Option<i64>, _>(2)?.and_then(|n| u32::try_from(n).ok());
            Ok(QueueRecord {
                sid,
                name: row.try_get(1)?,
                size_max,
                created: WallTime(row.try_get(3)?),
                updated: WallTime(row.try_get(4)?),
            })
        });
        read.collect()
    }
}

impl Batch {
    pub async fn put_queue(&mut self, queue: &QueueRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO queues (sid, name, size_max, created, updated) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (sid) DO UPDATE SET name = excluded.name, size_max = excluded.size_max,
                 updated = excluded.updated",
        )
        .bind(queue.sid.to_string())
        .bind(&queue.name)
        .bind(queue.size_max)
        .bind(queue.created.0)
        .bind(queue.updated.0)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn delete_queue(&mut self, sid: Sid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM queues WHERE sid = ?1").bind(sid.to_string()).execute(&mut *self.conn).await?;
        Ok(())
    }
}
