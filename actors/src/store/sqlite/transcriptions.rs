use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tandem_model::{Sid, WallTime};

use super::{Batch, Sqlite};
use crate::store::{StoreError, TranscriptionRecord};

impl Sqlite {
    pub async fn transcription(&self, sid: Sid) -> Result<Option<TranscriptionRecord>, StoreError> {
        sqlx::query("SELECT record FROM transcriptions WHERE sid = ?1")
            .bind(sid.to_string())
            .fetch_optional(&self.read)
            .await?
            .map(|row| record(&row))
            .transpose()
    }

    /// Newest first, those after a certain one.
    pub async fn transcriptions(
        &self,
        recording: Option<Sid>,
        after: Option<(WallTime, Sid)>,
        limit: u32,
    ) -> Result<Vec<TranscriptionRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT record FROM transcriptions
             WHERE (?1 IS NULL OR recording_sid = ?1) AND (?2 IS NULL OR (created, sid) < (?2, ?3))
             ORDER BY created DESC, sid DESC LIMIT ?4",
        )
        .bind(recording.map(|sid| sid.to_string()))
        .bind(after.map(|(created, _)| created.0))
        .bind(after.map(|(_, sid)| sid.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(record).collect()
    }
}

impl Batch {
    /// One that is new, or news of one that is there: what was deleted meanwhile stays so.
    pub async fn put_transcription(&mut self, t: &TranscriptionRecord, is_new: bool) -> Result<bool, StoreError> {
        let sql = if is_new {
            "INSERT INTO transcriptions (sid, recording_sid, created, record) VALUES (?1, ?2, ?3, ?4)"
        } else {
            "UPDATE transcriptions SET recording_sid = ?2, created = ?3, record = ?4 WHERE sid = ?1"
        };
        let done = sqlx::query(sql)
            .bind(t.sid.to_string())
            .bind(t.recording_sid.to_string())
            .bind(t.created.0)
            .bind(serde_json::to_string(t)?)
            .execute(&mut *self.conn)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn delete_transcription(&mut self, sid: Sid) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM transcriptions WHERE sid = ?1")
            .bind(sid.to_string())
            .execute(&mut *self.conn)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn record(row: &SqliteRow) -> Result<TranscriptionRecord, StoreError> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
}
