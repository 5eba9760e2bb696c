use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tandem_model::Sid;

use super::{Batch, Sqlite};
use crate::store::{CallPage, ConferenceFilter, ConferenceRecord, StoreError};

/// As with calls: both directions of one list.
macro_rules! conferences_where {
    ($compare:literal, $order:literal) => {
        concat!(
            "SELECT record FROM conferences
             WHERE (?1 IS NULL OR name = ?1)
               AND (?2 IS NULL OR status = ?2)
               AND (?3 IS NULL OR created >= ?3)
               AND (?4 IS NULL OR created < ?4)
               AND (?5 IS NULL OR updated >= ?5)
               AND (?6 IS NULL OR updated < ?6)
               AND (?7 IS NULL OR (created, sid) ",
            $compare,
            " (?7, ?8)) ORDER BY created ",
            $order,
            ", sid ",
            $order,
            " LIMIT ?9"
        )
    };
}

const NEWEST_FIRST: &str = conferences_where!("<", "DESC");
const OLDEST_FIRST: &str = conferences_where!(">", "ASC");

impl Sqlite {
    pub async fn conference(&self, sid: Sid) -> Result<Option<ConferenceRecord>, StoreError> {
        sqlx::query("SELECT record FROM conferences WHERE sid = ?1")
            .bind(sid.to_string())
            .fetch_optional(&self.read)
            .await?
            .map(|row| record(&row))
            .transpose()
    }

    pub async fn conferences(&self, f: &ConferenceFilter, page: CallPage) -> Result<Vec<ConferenceRecord>, StoreError> {
        let (sql, anchor) = match page.before {
            None => (NEWEST_FIRST, page.after),
            Some(before) => (OLDEST_FIRST, Some(before)),
        };
        let rows = sqlx::query(sql)
            .bind(f.friendly_name.as_deref())
            .bind(f.status.map(|status| status.as_str()))
            .bind(f.created.from.map(|t| t.0))
            .bind(f.created.before.map(|t| t.0))
            .bind(f.updated.from.map(|t| t.0))
            .bind(f.updated.before.map(|t| t.0))
            .bind(anchor.map(|(created, _)| created.0))
            .bind(anchor.map(|(_, sid)| sid.to_string()))
            .bind(i64::from(page.limit))
            .fetch_all(&self.read)
            .await?;
        let mut found: Vec<ConferenceRecord> = rows.iter().map(record).collect::<Result<_, _>>()?;
        if page.before.is_some() {
            found.reverse();
        }
        Ok(found)
    }

    pub async fn unfinished_conferences(&self) -> Result<Vec<ConferenceRecord>, StoreError> {
        let rows = sqlx::query("SELECT record FROM conferences WHERE status <> 'completed' ORDER BY sid")
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(record).collect()
    }
}

impl Batch {
    pub async fn put_conference(&mut self, c: &ConferenceRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO conferences (sid, name, status, created, updated, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (sid) DO UPDATE SET status = excluded.status, updated = excluded.updated, record = excluded.record",
        )
        .bind(c.sid.to_string())
        .bind(&c.friendly_name)
        .bind(c.status.as_str())
        .bind(c.created.0)
        .bind(c.updated.0)
        .bind(serde_json::to_string(c)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }
}

fn record(row: &SqliteRow) -> Result<ConferenceRecord, StoreError> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
}
