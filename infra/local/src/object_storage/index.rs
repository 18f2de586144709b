//! Which objects there are and which files hold their bytes: one SQLite file, in which every change is whole or not at
//! all. Listing a page costs the same however many objects a bucket has.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

/// The greatest character: after every key that starts with a prefix comes the prefix with it.
const LAST: char = '\u{10FFFF}';

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS objects (
        bucket TEXT NOT NULL, key TEXT NOT NULL, files TEXT NOT NULL, size INTEGER NOT NULL, tag TEXT NOT NULL,
        modified INTEGER NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS uploads (
        id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, attributes TEXT NOT NULL, started INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS parts (
        upload TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE, number INTEGER NOT NULL, file TEXT NOT NULL,
        size INTEGER NOT NULL, tag TEXT NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
";

/// What a request said about an object beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    /// The caller's own (`x-amz-meta-…`).
    pub metadata: BTreeMap<String, String>,
    /// Checksums by their header's last part, for example `crc32`.
    pub checksums: BTreeMap<String, String>,
}

/// An object, or the piece of it that a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The file's name.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The files that hold its bytes, in order.
    pub pieces: Vec<Piece>,
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub tag: String,
    /// When it was put, in milliseconds since 1970.
    pub modified: i64,
    /// What else is known of it.
    pub attributes: Attributes,
}

/// An upload in parts that is not complete.
#[derive(Debug, Clone)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub attributes: Attributes,
}

/// A part of an upload.
#[derive(Debug, Clone)]
pub struct Part {
    pub number: i32,
    pub piece: Piece,
    pub tag: String,
    pub modified: i64,
}

/// What must hold of an object before it is replaced.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// There must be none.
    pub absent: bool,
    /// There must be one.
    pub present: bool,
    /// It must have this tag.
    pub tag: Option<String>,
}

/// A page of a bucket's list.
#[derive(Debug, Default)]
pub struct Listing {
    pub objects: Vec<(String, Stored)>,
    pub prefixes: Vec<String>,
    /// Where the next page starts after, if there is one.
    pub next: Option<String>,
}

/// The index.
#[derive(Debug, Clone)]
pub struct Index(Arc<Mutex<Connection>>);

type Result<T> = rusqlite::Result<T>;

impl Index {
    /// Opens the index's file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(io::Error::other)?;
        connection.execute_batch(SCHEMA).map_err(io::Error::other)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs something on the index, aside from the asynchronous tasks.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static) -> io::Result<T> {
        let connection = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .map_err(io::Error::other)?
            .map_err(io::Error::other)
    }

    /// The buckets that were made by a call.
    pub fn buckets(&self) -> io::Result<Vec<String>> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || connection.prepare("SELECT name FROM buckets")?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>();
        read().map_err(io::Error::other)
    }

    /// Adds a bucket.
    pub async fn add_bucket(&self, name: &str) -> io::Result<()> {
        let name = name.to_owned();
        self.run(move |connection| connection.execute("INSERT OR IGNORE INTO buckets VALUES (?1)", params![name])).await?;
        Ok(())
    }

    /// Removes a bucket unless it holds an object or an upload; tells whether it did.
    pub async fn remove_bucket(&self, name: &str) -> io::Result<bool> {
        let name = name.to_owned();
        let empty = "DELETE FROM buckets WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)
            AND NOT EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)";
        self.run(move |connection| Ok(connection.execute(empty, params![name])? > 0)).await
    }

    /// An object.
    pub async fn get(&self, bucket: &str, key: &str) -> io::Result<Option<Stored>> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.run(move |connection| get(connection, &bucket, &key)).await
    }

    /// Puts an object if the condition holds; gives the pieces that nothing needs any more, or `None` if it does not.
    pub async fn put(&self, bucket: &str, key: &str, object: Stored, condition: Condition) -> io::Result<Option<Vec<Piece>>> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let freed = replace(&transaction, &bucket, &key, &object, &condition)?;
            transaction.commit()?;
            Ok(freed)
        })
        .await
    }

    /// Removes objects; gives the pieces that nothing needs any more.
    pub async fn delete(&self, bucket: &str, keys: Vec<String>) -> io::Result<Vec<Piece>> {
        let bucket = bucket.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let mut freed = Vec::new();
            for key in &keys {
                let removed = "DELETE FROM objects WHERE bucket = ?1 AND key = ?2 RETURNING files";
                let files: Option<String> = transaction.query_row(removed, params![bucket, key], |row| row.get(0)).optional()?;
                freed.extend(files.into_iter().flat_map(|files| pieces(&files)));
            }
            transaction.commit()?;
            Ok(freed)
        })
        .await
    }

    /// A page of the keys with a prefix, after a key; keys with the delimiter behind the prefix are told together.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<String>,
        after: Option<String>,
        count: usize,
    ) -> io::Result<Listing> {
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        self.run(move |connection| list(connection, &bucket, &prefix, delimiter.as_deref(), after, count)).await
    }

    /// Starts an upload in parts.
    pub async fn start_upload(&self, id: &str, upload: Upload, started: i64) -> io::Result<()> {
        let id = id.to_owned();
        self.run(move |connection| {
            let insert = "INSERT INTO uploads VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(insert, params![id, upload.bucket, upload.key, json(&upload.attributes), started])?;
            Ok(())
        })
        .await
    }

    /// An upload.
    pub async fn upload(&self, id: &str) -> io::Result<Option<Upload>> {
        let id = id.to_owned();
        self.run(move |connection| upload(connection, &id)).await
    }

    /// Adds a part to an upload; gives the piece it replaces, or `None` if there is no such upload.
    pub async fn add_part(&self, id: &str, part: Part) -> io::Result<Option<Vec<Piece>>> {
        let id = id.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            if upload(&transaction, &id)?.is_none() {
                return Ok(None);
            }
            let before = "SELECT file, size FROM parts WHERE upload = ?1 AND number = ?2";
            let freed = transaction.query_row(before, params![id, part.number], |row| piece(row, 0)).optional()?;
            let insert = "INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let Piece { file, size } = &part.piece;
            transaction.execute(insert, params![id, part.number, file, *size as i64, part.tag, part.modified])?;
            transaction.commit()?;
            Ok(Some(freed.into_iter().collect()))
        })
        .await
    }

    /// The parts of an upload, by number.
    pub async fn parts(&self, id: &str) -> io::Result<Vec<Part>> {
        let id = id.to_owned();
        self.run(move |connection| parts(connection, &id)).await
    }

    /// Makes an object of an upload, which ends; gives the pieces that nothing needs any more, or `None` if the condition
    /// does not hold.
    pub async fn complete(
        &self,
        id: &str,
        target: (String, String),
        object: Stored,
        condition: Condition,
    ) -> io::Result<Option<Vec<Piece>>> {
        let id = id.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(mut freed) = replace(&transaction, &target.0, &target.1, &object, &condition)? else {
                return Ok(None);
            };
            let unused = parts(&transaction, &id)?.into_iter().map(|part| part.piece);
            freed.extend(unused.filter(|piece| !object.pieces.contains(piece)));
            transaction.execute("DELETE FROM uploads WHERE id = ?1", params![id])?;
            transaction.commit()?;
            Ok(Some(freed))
        })
        .await
    }

    /// Ends an upload without an object; gives its pieces.
    pub async fn abort(&self, id: &str) -> io::Result<Vec<Piece>> {
        let id = id.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let freed = parts(&transaction, &id)?.into_iter().map(|part| part.piece).collect();
            transaction.execute("DELETE FROM uploads WHERE id = ?1", params![id])?;
            transaction.commit()?;
            Ok(freed)
        })
        .await
    }

    /// The names of all files that objects and uploads need.
    pub fn files(&self) -> io::Result<HashSet<String>> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> Result<HashSet<String>> {
            let mut needed: HashSet<String> =
                connection.prepare("SELECT file FROM parts")?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
            let mut objects = connection.prepare("SELECT files FROM objects")?;
            for files in objects.query_map([], |row| row.get::<_, String>(0))? {
                needed.extend(pieces(&files?).into_iter().map(|piece| piece.file));
            }
            Ok(needed)
        };
        read().map_err(io::Error::other)
    }
}

fn replace(transaction: &Transaction, bucket: &str, key: &str, object: &Stored, condition: &Condition) -> Result<Option<Vec<Piece>>> {
    let before = get(transaction, bucket, key)?;
    let holds = match &before {
        Some(before) => !condition.absent && condition.tag.as_ref().is_none_or(|tag| before.tag == *tag),
        None => !condition.present && condition.tag.is_none(),
    };
    if !holds {
        return Ok(None);
    }
    transaction.execute(
        "INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![bucket, key, json(&object.pieces), object.size as i64, object.tag, object.modified, json(&object.attributes)],
    )?;
    Ok(Some(before.map(|before| before.pieces).unwrap_or_default()))
}

fn get(connection: &Connection, bucket: &str, key: &str) -> Result<Option<Stored>> {
    let query = "SELECT files, size, tag, modified, attributes FROM objects WHERE bucket = ?1 AND key = ?2";
    connection.prepare_cached(query)?.query_row(params![bucket, key], |row| stored(row, 0)).optional()
}

fn list(
    connection: &Connection,
    bucket: &str,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<String>,
    count: usize,
) -> Result<Listing> {
    let mut listing = Listing::default();
    let end = format!("{prefix}{LAST}");
    // A page may continue behind a common prefix: then behind everything that starts with it.
    let mut position = match (after, delimiter) {
        (Some(after), Some(delimiter)) if after.ends_with(delimiter) && after.len() > prefix.len() => format!("{after}{LAST}"),
        (Some(after), _) => after,
        (None, _) => String::new(),
    };
    let mut last = None;
    let query = "SELECT key, files, size, tag, modified, attributes FROM objects \
                 WHERE bucket = ?1 AND key >= ?2 AND key > ?3 AND key < ?4 ORDER BY key LIMIT ?5";
    let mut statement = connection.prepare_cached(query)?;
    'pages: loop {
        let left = count + 1 - listing.objects.len() - listing.prefixes.len();
        let rows = statement
            .query_map(params![bucket, prefix, position, end, left as i64], |row| Ok((row.get::<_, String>(0)?, stored(row, 1)?)))?;
        let mut seen = 0;
        for row in rows {
            let (key, object) = row?;
            seen += 1;
            if listing.objects.len() + listing.prefixes.len() == count {
                listing.next = last;
                break 'pages;
            }
            let inner = delimiter.and_then(|delimiter| {
                let rest = &key[prefix.len()..];
                rest.find(delimiter).map(|at| key[..prefix.len() + at + delimiter.len()].to_owned())
            });
            match inner {
                Some(common) => {
                    position = format!("{common}{LAST}");
                    last = Some(common.clone());
                    listing.prefixes.push(common);
                    continue 'pages;
                }
                None => {
                    position.clone_from(&key);
                    last = Some(key.clone());
                    listing.objects.push((key, object));
                }
            }
        }
        if seen < left {
            break;
        }
    }
    Ok(listing)
}

fn upload(connection: &Connection, id: &str) -> Result<Option<Upload>> {
    let query = "SELECT bucket, key, attributes FROM uploads WHERE id = ?1";
    let read = |row: &Row| {
        let attributes: String = row.get(2)?;
        Ok(Upload { bucket: row.get(0)?, key: row.get(1)?, attributes: serde_json::from_str(&attributes).unwrap_or_default() })
    };
    connection.query_row(query, params![id], read).optional()
}

fn parts(connection: &Connection, id: &str) -> Result<Vec<Part>> {
    let mut statement =
        connection.prepare_cached("SELECT number, file, size, tag, modified FROM parts WHERE upload = ?1 ORDER BY number")?;
    let rows = statement
        .query_map(params![id], |row| Ok(Part { number: row.get(0)?, piece: piece(row, 1)?, tag: row.get(3)?, modified: row.get(4)? }))?;
    rows.collect()
}

fn stored(row: &Row, first: usize) -> Result<Stored> {
    let files: String = row.get(first)?;
    let size: i64 = row.get(first + 1)?;
    let attributes: String = row.get(first + 4)?;
    Ok(Stored {
        pieces: pieces(&files),
        size: size as u64,
        tag: row.get(first + 2)?,
        modified: row.get(first + 3)?,
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
    })
}

fn piece(row: &Row, first: usize) -> Result<Piece> {
    let size: i64 = row.get(first + 1)?;
    Ok(Piece { file: row.get(first)?, size: size as u64 })
}

fn pieces(text: &str) -> Vec<Piece> {
    serde_json::from_str(text).unwrap_or_default()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn object(tag: &str) -> Stored {
        let pieces = vec![Piece { file: format!("file-{tag}"), size: 1 }];
        Stored { pieces, size: 1, tag: tag.into(), modified: 0, attributes: Attributes::default() }
    }

    async fn index(keys: &[&str]) -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        for key in keys {
            index.put("b", key, object(key), Condition::default()).await.unwrap().unwrap();
        }
        (folder, index)
    }

    #[tokio::test]
    async fn pages_with_a_delimiter_miss_nothing_and_repeat_nothing() {
        let keys = ["a", "d/1", "d/2", "d/x/1", "d0", "e/1", "é/1", "z"];
        let (_folder, index) = index(&keys).await;
        for count in 1..=8 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = index.list("b", "", Some("/".into()), after, count).await.unwrap();
                let mut both: Vec<String> = page.objects.into_iter().map(|(key, _)| key).chain(page.prefixes).collect();
                both.sort();
                assert!(both.len() <= count);
                seen.extend(both);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, ["a", "d/", "d0", "e/", "z", "é/"], "{count} a page");
        }
        let inner = index.list("b", "d/", Some("/".into()), None, 10).await.unwrap();
        assert_eq!((inner.objects.len(), inner.prefixes), (2, vec!["d/x/".to_owned()]));
        assert!(index.list("other", "", None, None, 10).await.unwrap().objects.is_empty());
    }

    #[tokio::test]
    async fn conditions_are_checked_with_the_change() {
        let (_folder, index) = index(&["k"]).await;
        let absent = Condition { absent: true, ..Condition::default() };
        assert!(index.put("b", "k", object("n"), absent.clone()).await.unwrap().is_none());
        assert!(index.put("b", "new", object("n"), absent).await.unwrap().is_some());
        let tag = |tag: &str| Condition { tag: Some(tag.into()), ..Condition::default() };
        assert!(index.put("b", "k", object("n"), tag("other")).await.unwrap().is_none());
        let freed = index.put("b", "k", object("n"), tag("k")).await.unwrap().unwrap();
        assert_eq!(freed[0].file, "file-k");
        let files = index.files().unwrap();
        assert!(!files.contains("file-k") && files.contains("file-n"));
    }
}
