//! The SQLite dialect: every statement this program sends to it. It checks nothing that a rule of the product says.

mod batch;
mod calls;
mod conferences;
mod hooks;
mod project;
mod queues;
mod recordings;
mod resources;
mod transcriptions;

pub(super) use batch::{Batch, BindingName};

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Row, SqlitePool};
use tandem_model::WallTime;

use super::{BindingRow, StoreError};

/// Changes to the schema, oldest first. The database's `user_version` says how many it has.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_flows.sql"),
    include_str!("0003_hooks.sql"),
    include_str!("0004_resources.sql"),
    include_str!("0005_rooms.sql"),
    include_str!("0006_queues.sql"),
    include_str!("0007_transcriptions.sql"),
];

/// A database file: one connection that writes, some that read.
#[derive(Clone)]
pub(super) struct Sqlite {
    write: SqlitePool,
    read: SqlitePool,
}

/// The path in `sqlite:path`.
pub(super) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.contains(['?', '\0']) => {
            Ok(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
        }
        _ => Err(StoreError::Failed(format!("{url:?} is not of the form sqlite:path"))),
    }
}

impl Sqlite {
    pub async fn open(path: &Path) -> Result<Sqlite, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was acknowledged survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let failed = |e: sqlx::Error| StoreError::Failed(format!("{}: {e}", path.display()));
        let write = PoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().create_if_missing(true))
            .await
            .map_err(failed)?;
        migrate(&write).await?;
        let read = PoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options.pragma("query_only", "on"))
            .await
            .map_err(failed)?;
        Ok(Sqlite { write, read })
    }

    /// Bindings good beyond `now`.
    pub async fn bindings(&self, now: WallTime) -> Result<Vec<BindingRow>, StoreError> {
        let rows = sqlx::query("SELECT fields FROM bindings WHERE expires_at > ?1 ORDER BY aor, contact, flow")
            .bind(now.0)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get::<&str, _>(0)?)?)).collect()
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut conn = pool.acquire().await?;
    let version: i64 = sqlx::query("PRAGMA user_version").fetch_one(&mut *conn).await?.try_get(0)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Failed(format!(
            "the database has schema version {version}, this program knows {}: use a newer program",
            MIGRATIONS.len()
        )));
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let mut tx = conn.begin().await?;
        sqlx::raw_sql(*migration).execute(&mut *tx).await?;
        // A pragma takes no parameters; the number is ours.
        let stamp = format!("PRAGMA user_version = {}", index + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
