//! Checks of the store's tables by the checksums that the store keeps of whole files, and never looks at.
//!
//! Each keyspace's folder has a file `current`: a number u64, and the checksum u128 of the file `vNUMBER`. That one lists the
//! tables, each as number u64 | 0 u8 | checksum u128 of the file `tables/NUMBER`. All numbers little-endian.

use crate::entry::array;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

const KEYSPACES: &str = "keyspaces";
const TABLES: &str = "tables";
const CURRENT: &str = "current";
/// What is read of a table at a time, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Refuses lists of tables that are damaged or missing: what they leave out would be missing without a word, and the store
/// removes the tables of a keyspace that it finds listed nowhere.
pub(crate) fn check_lists(folder: &Path) -> Result<()> {
    let keyspaces = keyspaces(folder);
    for keyspace in &keyspaces {
        if list_of(keyspace)?.is_none() && has_tables(keyspace) {
            return missing(&keyspace.join(CURRENT));
        }
    }
    // The first one lists the others.
    let first = folder.join(KEYSPACES).join("0");
    if list_of(&first)?.is_none() && keyspaces.iter().any(|other| has_tables(other)) {
        return missing(&first.join(CURRENT));
    }
    Ok(())
}

fn missing(place: &Path) -> Result<()> {
    let why = "it is missing, and there are tables: restore the folder from a copy";
    Err(Error::Corrupt { place: place.display().to_string(), why: why.to_owned() })
}

fn has_tables(keyspace: &Path) -> bool {
    fs::read_dir(keyspace.join(TABLES)).is_ok_and(|mut tables| tables.next().is_some())
}

/// Says why a folder cannot be opened: the table that is damaged, where one is. Reads all of them.
pub(crate) fn name_damaged(folder: &Path, error: Error) -> Error {
    let place = match &error {
        Error::Corrupt { .. } | Error::Storage(_) => find_damaged(folder),
        _ => None,
    };
    match (error, place) {
        (Error::Corrupt { why, .. } | Error::Storage(why), Some(table)) => Error::Corrupt {
            place: table.display().to_string(),
            why: format!("its checksum is wrong: restore the folder from a copy ({why})"),
        },
        (Error::Storage(why), None) => Error::Storage(format!("{}: {why}", folder.display())),
        (error, _) => error.within(folder.display()),
    }
}

/// The first table that is damaged, of those that are in use.
fn find_damaged(folder: &Path) -> Option<PathBuf> {
    let damaged = |keyspace: PathBuf| {
        let list = list_of(&keyspace).ok()??;
        let tables = fs::read_dir(keyspace.join(TABLES)).ok()?;
        let mut tables: Vec<PathBuf> = tables.flatten().map(|table| table.path()).collect();
        tables.sort();
        tables.into_iter().find(|table| is_damaged(table, &list).unwrap_or(false))
    };
    keyspaces(folder).into_iter().find_map(damaged)
}

fn keyspaces(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(KEYSPACES)).into_iter().flatten().flatten();
    let mut keyspaces: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    keyspaces.sort();
    keyspaces
}

/// The list of a keyspace's tables; none: the keyspace was not made yet.
fn list_of(keyspace: &Path) -> Result<Option<Vec<u8>>> {
    let current = keyspace.join(CURRENT);
    let corrupt = |place: &Path, why: &str| {
        let why = format!("{why}: restore the folder from a copy");
        Err(Error::Corrupt { place: place.display().to_string(), why })
    };
    let bytes = match fs::read(&current) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return corrupt(&current, &error.to_string()),
    };
    let (Some(number), Some(sum)) = (array(&bytes, 0), array(&bytes, 8)) else {
        return corrupt(&current, "it is cut off");
    };
    let path = keyspace.join(format!("v{}", u64::from_le_bytes(number)));
    match fs::read(&path) {
        Ok(list) if checksum(&list[..]).is_ok_and(|found| found == u128::from_le_bytes(sum)) => Ok(Some(list)),
        Ok(_) => corrupt(&path, "its checksum is wrong"),
        Err(error) => corrupt(&path, &error.to_string()),
    }
}

/// Whether a table is not as its list says. One that is in no list is left from a crash.
fn is_damaged(table: &Path, list: &[u8]) -> io::Result<bool> {
    let name = table.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u64>().ok());
    let Some(number) = name else { return Ok(false) };
    let mut head = number.to_le_bytes().to_vec();
    head.push(0);
    if memchr::memmem::find(list, &head).is_none() {
        return Ok(false);
    }
    let found = checksum(BufReader::with_capacity(PIECE_BYTES, File::open(table)?))?;
    Ok(memchr::memmem::find(list, &found.to_le_bytes()).is_none())
}

fn checksum(mut read: impl BufRead) -> io::Result<u128> {
    let mut hash = Xxh3::new();
    loop {
        let piece = read.fill_buf()?;
        if piece.is_empty() {
            return Ok(hash.digest128());
        }
        hash.update(piece);
        let length = piece.len();
        read.consume(length);
    }
}
