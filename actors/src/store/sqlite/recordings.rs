use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tandem_model::Sid;

use super::{Batch, Sqlite};
use crate::store::{CallPage, RecordingFilter, RecordingRecord, StoreError};

/// As with calls: both directions of one list.
macro_rules! recordings_where {
    ($compare:literal, $order:literal) => {
        concat!(
            "SELECT record FROM recordings
             WHERE deleted = 0
               AND (?1 IS NULL OR call_sid = ?1)
               AND (?2 IS NULL OR conference_sid = ?2)
               AND (?3 IS NULL OR created >= ?3)
               AND (?4 IS NULL OR created < ?4)
               AND (?5 IS NULL OR (created, sid) ",
            $compare,
            " (?5, ?6)) ORDER BY created ",
            $order,
            ", sid ",
            $order,
            " LIMIT ?7"
        )
    };
}

const NEWEST_FIRST: &str = recordings_where!("<", "DESC");
const OLDEST_FIRST: &str = recordings_where!(">", "ASC");

impl Sqlite {
    pub async fn recording(&self, sid: Sid) -> Result<Option<RecordingRecord>, StoreError> {
        sqlx::query("SELECT record FROM recordings WHERE sid = ?1 AND deleted = 0")
            .bind(sid.to_string())
            .fetch_optional(&self.read)
            .await?
            .map(|row| record(&row))
            .transpose()
    }

    pub async fn recordings(&self, f: &RecordingFilter, page: CallPage) -> Result<Vec<RecordingRecord>, StoreError> {
        let (sql, anchor) = match page.before {
            None => (NEWEST_FIRST, page.after),
            Some(before) => (OLDEST_FIRST, Some(before)),
        };
        let rows = sqlx::query(sql)
            .bind(f.call_sid.map(|sid| sid.to_string()))
            .bind(f.conference_sid.map(|sid| sid.to_string()))
            .bind(f.created.from.map(|t| t.0))
            .bind(f.created.before.map(|t| t.0))
            .bind(anchor.map(|(created, _)| created.0))
            .bind(anchor.map(|(_, sid)| sid.to_string()))
            .bind(i64::from(page.limit))
            .fetch_all(&self.read)
            .await?;
        let mut recordings: Vec<RecordingRecord> = rows.iter().map(record).collect::<Result<_, _>>()?;
        if page.before.is_some() {
            recordings.reverse();
        }
        Ok(recordings)
    }

    pub async fn unfinished_recordings(&self) -> Result<Vec<RecordingRecord>, StoreError> {
        let rows = sqlx::query("SELECT record FROM recordings WHERE is_final = 0 AND deleted = 0 ORDER BY sid")
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(record).collect()
    }
}

impl Batch {
    /// A row that was deleted stays so.
    pub async fn put_recording(&mut self, r: &RecordingRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO recordings (sid, call_sid, conference_sid, is_final, created, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (sid) DO UPDATE SET call_sid = excluded.call_sid, conference_sid = excluded.conference_sid,
                 is_final = excluded.is_final, created = excluded.created, record = excluded.record
             WHERE recordings.deleted = 0",
        )
        .bind(r.sid.to_string())
        .bind(r.call_sid.map(|sid| sid.to_string()))
        .bind(r.conference_sid.map(|sid| sid.to_string()))
        .bind(i64::from(r.status.is_final()))
        .bind(r.created.0)
        .bind(serde_json::to_string(r)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub async fn has_recording(&mut self, sid: Sid) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM recordings WHERE sid = ?1 AND deleted = 0")
            .bind(sid.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        Ok(row.is_some())
    }

    /// Leaves a mark, so that a late record does not bring it back.
    pub async fn delete_recording(&mut self, sid: Sid) -> Result<(), StoreError> {
        let sql = "INSERT INTO recordings (sid, is_final, created, deleted, record) VALUES (?1, 1, 0, 1, '')
                   ON CONFLICT (sid) DO UPDATE SET deleted = 1, is_final = 1, record = ''";
        self.delete(sql, &sid.to_string()).await
    }
}

fn record(row: &SqliteRow) -> Result<RecordingRecord, StoreError> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
}
