use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tandem_model::{Sid, WallTime};

use super::Sqlite;
use crate::store::{CallEvent, CallFilter, CallPage, CallRecord, EventLevel, StoreError};

/// Both directions of one list; the filter is the same, word for word.
macro_rules! calls_where {
    ($compare:literal, $order:literal) => {
        concat!(
            "SELECT record FROM calls
             WHERE deleted = 0
               AND (?1 IS NULL OR status = ?1)
               AND (?2 IS NULL OR to_addr = ?2)
               AND (?3 IS NULL OR from_addr = ?3)
               AND (?4 IS NULL OR parent_sid = ?4)
               AND (?5 IS NULL OR started >= ?5)
               AND (?6 IS NULL OR started < ?6)
               AND (?7 IS NULL OR ended >= ?7)
               AND (?8 IS NULL OR ended < ?8)
               AND (?9 IS NULL OR (created, sid) ",
            $compare,
            " (?9, ?10)) ORDER BY created ",
            $order,
            ", sid ",
            $order,
            " LIMIT ?11"
        )
    };
}

const NEWEST_FIRST: &str = calls_where!("<", "DESC");
const OLDEST_FIRST: &str = calls_where!(">", "ASC");

impl Sqlite {
    pub async fn call(&self, sid: Sid) -> Result<Option<CallRecord>, StoreError> {
        sqlx::query("SELECT record FROM calls WHERE sid = ?1 AND deleted = 0")
            .bind(sid.to_string())
            .fetch_optional(&self.read)
            .await?
            .map(|row| record(&row))
            .transpose()
    }

    pub async fn calls(&self, f: &CallFilter, page: CallPage) -> Result<Vec<CallRecord>, StoreError> {
        let (sql, anchor) = match page.before {
            None => (NEWEST_FIRST, page.after),
            Some(before) => (OLDEST_FIRST, Some(before)),
        };
        let rows = sqlx::query(sql)
            .bind(f.status.map(|s| s.as_str()))
            .bind(&f.to)
            .bind(&f.from)
            .bind(f.parent_sid.map(|p| p.to_string()))
            .bind(f.started.from.map(|t| t.0))
            .bind(f.started.before.map(|t| t.0))
            .bind(f.ended.from.map(|t| t.0))
            .bind(f.ended.before.map(|t| t.0))
            .bind(anchor.map(|(created, _)| created.0))
            .bind(anchor.map(|(_, sid)| sid.to_string()))
            .bind(i64::from(page.limit))
            .fetch_all(&self.read)
            .await?;
        let mut calls: Vec<CallRecord> = rows.iter().map(record).collect::<Result<_, _>>()?;
        if page.before.is_some() {
            calls.reverse();
        }
        Ok(calls)
    }

    pub async fn unfinished_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let rows = sqlx::query("SELECT record FROM calls WHERE is_final = 0 AND deleted = 0 ORDER BY sid")
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(record).collect()
    }

    pub async fn call_events(&self, sid: Sid) -> Result<Vec<CallEvent>, StoreError> {
        let rows =
            sqlx::query("SELECT at, level, code, message, line FROM call_events WHERE call_sid = ?1 ORDER BY seq")
                .bind(sid.to_string())
                .fetch_all(&self.read)
                .await?;
        rows.iter().map(|row| event(sid, row)).collect()
    }
}

fn record(row: &SqliteRow) -> Result<CallRecord, StoreError> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
}

fn event(call_sid: Sid, row: &SqliteRow) -> Result<CallEvent, StoreError> {
    Ok(CallEvent {
        call_sid,
        at: WallTime(row.try_get(0)?),
        level: EventLevel::from_name(row.try_get(1)?),
        code: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
        message: row.try_get(3)?,
        line: row.try_get::<Option<i64>, _>(4)?.and_then(|line| u32::try_from(line).ok()),
    })
}
