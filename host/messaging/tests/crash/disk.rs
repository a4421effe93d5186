//! What a disk holds after a power cut, told from the notes that `tests/fixtures/power-cut` takes of a process.
//!
//! What was synced is there. Of the rest a disk may hold anything that file systems allow: of each file's later writes, any
//! blocks; of each folder's later changes, the first so many.

use crate::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What reaches the disk at once, in bytes.
const BLOCK: usize = 4096;
type Block = Arc<[u8; BLOCK]>;

/// One note.
#[derive(Debug)]
pub(crate) enum Note {
    Open { file: u32, path: PathBuf },
    Create { file: u32, path: PathBuf },
    Write { file: u32, at: u64, bytes: Vec<u8> },
    Resize { file: u32, size: u64 },
    Sync { file: u32 },
    SyncFolder { path: PathBuf },
    Move { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    MakeFolder { path: PathBuf },
    RemoveFolder { path: PathBuf },
    Told { text: String },
}

/// The notes of a process, with paths below its folder; the last one may be cut off.
pub(crate) fn notes(log: &Path, folder: &Path) -> Vec<Note> {
    let bytes = fs::read(log).unwrap();
    let mut rest = &bytes[..];
    let mut notes = Vec::new();
    while rest.len() >= 17 {
        let (head, tail) = rest.split_at(17);
        let file = u32::from_le_bytes(head[1..5].try_into().unwrap());
        let number = u64::from_le_bytes(head[5..13].try_into().unwrap());
        let length = u32::from_le_bytes(head[13..].try_into().unwrap()) as usize;
        if tail.len() < length {
            break;
        }
        let (data, later) = tail.split_at(length);
        let text = || String::from_utf8(data.to_vec()).unwrap();
        let below = |path: &str| Path::new(path).strip_prefix(folder).unwrap().to_owned();
        notes.push(match head[0] {
            b'O' => Note::Open { file, path: below(&text()) },
            b'C' => Note::Create { file, path: below(&text()) },
            b'W' => Note::Write { file, at: number, bytes: data.to_vec() },
            b'T' => Note::Resize { file, size: number },
            b'S' => Note::Sync { file },
            b'F' => Note::SyncFolder { path: below(&text()) },
            b'R' => {
                let both = text();
                let (from, to) = both.split_once('\0').unwrap();
                Note::Move { from: below(from), to: below(to) }
            }
            b'U' => Note::Remove { path: below(&text()) },
            b'M' => Note::MakeFolder { path: below(&text()) },
            b'D' => Note::RemoveFolder { path: below(&text()) },
            b'A' => Note::Told { text: text() },
            kind => panic!("a note of kind {kind}"),
        });
        rest = later;
    }
    notes
}

/// What of the unsynced a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All of it: as if only the process had been killed.
    Everything,
    /// Nothing.
    Synced,
    /// Some of it, as dice fall.
    Some(u64),
}

/// The content of a file.
#[derive(Clone, Debug, Default)]
struct Content {
    size: u64,
    /// Blocks that are not zero.
    blocks: BTreeMap<u64, Block>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Arc<Vec<u8>>),
    Resize(u64),
}

/// A file: what is synced, and what came later.
#[derive(Clone, Debug, Default)]
struct File {
    synced: Content,
    later: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder(usize),
}

#[derive(Clone, Debug)]
enum Rename {
    Set(String, Entry),
    Unset(String),
}

/// A folder: what is synced, and what came later.
#[derive(Clone, Debug, Default)]
struct Folder {
    synced: BTreeMap<String, Entry>,
    later: Vec<Rename>,
}

/// A disk with one folder.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    files: Vec<File>,
    folders: Vec<Folder>,
    /// Files as the notes number them.
    numbers: BTreeMap<u32, usize>,
}

impl Disk {
    /// A disk that holds a folder as it is now, all of it synced.
    pub(crate) fn of(folder: &Path) -> Disk {
        let mut disk = Disk { files: Vec::new(), folders: vec![Folder::default()], numbers: BTreeMap::new() };
        disk.load(0, folder);
        disk
    }

    fn load(&mut self, into: usize, path: &Path) {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let loaded = if entry.file_type().unwrap().is_dir() {
                self.folders.push(Folder::default());
                let folder = self.folders.len() - 1;
                self.load(folder, &entry.path());
                Entry::Folder(folder)
            } else {
                self.files.push(File { synced: Content::read(&entry.path()), later: Vec::new() });
                Entry::File(self.files.len() - 1)
            };
            self.folders[into].synced.insert(name, loaded);
        }
    }

    /// Takes over one note.
    pub(crate) fn take(&mut self, note: &Note) {
        match note {
            Note::Open { file, path } => {
                let Some(Entry::File(known)) = self.find(path) else { panic!("{} is not known", path.display()) };
                self.numbers.insert(*file, known);
            }
            Note::Create { file, path } => {
                self.files.push(File::default());
                let new = self.files.len() - 1;
                self.numbers.insert(*file, new);
                self.rename(path, |name| Rename::Set(name, Entry::File(new)));
            }
            Note::Write { file, at, bytes } => {
                self.file(*file).later.push(Change::Write(*at, Arc::new(bytes.clone())));
            }
            Note::Resize { file, size } => self.file(*file).later.push(Change::Resize(*size)),
            Note::Sync { file } => {
                let file = self.file(*file);
                let later = std::mem::take(&mut file.later);
                later.iter().for_each(|change| file.synced.apply(change));
            }
            Note::SyncFolder { path } => {
                let Some(Entry::Folder(folder)) = self.find(path) else { panic!("{} is no folder", path.display()) };
                let folder = &mut self.folders[folder];
                let later = std::mem::take(&mut folder.later);
                later.into_iter().for_each(|rename| apply(&mut folder.synced, rename));
            }
            Note::Move { from, to } => {
                let moved = self.find(from).unwrap_or_else(|| panic!("{} is not known", from.display()));
                self.rename(to, |name| Rename::Set(name, moved));
                self.rename(from, Rename::Unset);
            }
            Note::Remove { path } | Note::RemoveFolder { path } => self.rename(path, Rename::Unset),
            Note::MakeFolder { path } => {
                self.folders.push(Folder::default());
                let new = Entry::Folder(self.folders.len() - 1);
                self.rename(path, |name| Rename::Set(name, new));
            }
            Note::Told { .. } => {}
        }
    }

    fn file(&mut self, number: u32) -> &mut File {
        &mut self.files[self.numbers[&number]]
    }

    fn rename(&mut self, path: &Path, rename: impl FnOnce(String) -> Rename) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let parent = path.parent().unwrap();
        let Some(Entry::Folder(folder)) = self.find(parent) else { panic!("{} is no folder", parent.display()) };
        self.folders[folder].later.push(rename(name));
    }

    /// What a path names as the process sees it.
    fn find(&self, path: &Path) -> Option<Entry> {
        let mut entry = Entry::Folder(0);
        for name in path.iter() {
            let Entry::Folder(folder) = entry else { return None };
            entry = *self.folders[folder].now().get(name.to_str()?)?;
        }
        Some(entry)
    }

    /// Cuts the power: writes what the disk holds then into an empty folder.
    pub(crate) fn cut(&self, cut: Cut, into: &Path) {
        let mut random = Random::new(if let Cut::Some(seed) = cut { seed } else { 0 });
        self.write_folder(0, cut, &mut random, into);
    }

    fn write_folder(&self, folder: usize, cut: Cut, random: &mut Random, into: &Path) {
        let folder = &self.folders[folder];
        let kept = match cut {
            Cut::Everything => folder.later.len(),
            Cut::Synced => 0,
            Cut::Some(_) => random.below(folder.later.len() as u64 + 1) as usize,
        };
        let mut entries = folder.synced.clone();
        folder.later[..kept].iter().cloned().for_each(|rename| apply(&mut entries, rename));
        for (name, entry) in entries {
            let path = into.join(name);
            match entry {
                Entry::Folder(folder) => {
                    fs::create_dir(&path).unwrap();
                    self.write_folder(folder, cut, random, &path);
                }
                Entry::File(file) => self.files[file].cut(cut, random).write(&path),
            }
        }
    }
}

impl Folder {
    fn now(&self) -> BTreeMap<String, Entry> {
        let mut entries = self.synced.clone();
        self.later.iter().cloned().for_each(|rename| apply(&mut entries, rename));
        entries
    }
}

fn apply(entries: &mut BTreeMap<String, Entry>, rename: Rename) {
    match rename {
        Rename::Set(name, entry) => {
            // A name that a file is moved to is the only one it has.
            entries.retain(|_, other| *other != entry);
            entries.insert(name, entry);
        }
        Rename::Unset(name) => {
            entries.remove(&name);
        }
    }
}

impl File {
    fn cut(&self, cut: Cut, random: &mut Random) -> Content {
        let mut content = self.synced.clone();
        match cut {
            Cut::Synced => {}
            Cut::Everything => self.later.iter().for_each(|change| content.apply(change)),
            // The first so many, or more often any blocks of what the file would have become.
            Cut::Some(_) if random.below(3) == 0 => {
                let kept = random.below(self.later.len() as u64 + 1) as usize;
                self.later[..kept].iter().for_each(|change| content.apply(change));
            }
            Cut::Some(_) => {
                let mut whole = content.clone();
                self.later.iter().for_each(|change| whole.apply(change));
                let keep_of_ten = 4 + random.below(7);
                let blocks: BTreeSet<u64> = whole.blocks.keys().chain(content.blocks.keys()).copied().collect();
                for block in blocks {
                    let (old, new) = (content.blocks.get(&block), whole.blocks.get(&block));
                    if old.map(|old| &old[..]) == new.map(|new| &new[..]) || random.below(10) >= keep_of_ten {
                        continue;
                    }
                    match new.cloned() {
                        Some(new) => {
                            let end = (block + 1) * BLOCK as u64;
                            content.size = content.size.max(end.min(whole.size));
                            content.blocks.insert(block, new)
                        }
                        None => content.blocks.remove(&block),
                    };
                }
                if random.below(2) == 0 {
                    content.apply(&Change::Resize(whole.size));
                }
            }
        }
        content
    }
}

impl Content {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(at, bytes) => {
                let (mut at, mut rest) = (*at, &bytes[..]);
                while !rest.is_empty() {
                    let within = (at % BLOCK as u64) as usize;
                    let count = rest.len().min(BLOCK - within);
                    let block = self.blocks.entry(at / BLOCK as u64).or_insert_with(|| Arc::new([0; BLOCK]));
                    Arc::make_mut(block)[within..within + count].copy_from_slice(&rest[..count]);
                    (at, rest) = (at + count as u64, &rest[count..]);
                }
                self.size = self.size.max(at);
            }
            Change::Resize(size) => {
                if *size < self.size {
                    let block = size / BLOCK as u64;
                    self.blocks.retain(|number, _| *number <= block);
                    if let Some(last) = self.blocks.get_mut(&block) {
                        Arc::make_mut(last)[(size % BLOCK as u64) as usize..].fill(0);
                    }
                }
                self.size = *size;
            }
        }
    }

    fn read(path: &Path) -> Content {
        let mut file = fs::File::open(path).unwrap();
        let mut content = Content { size: file.metadata().unwrap().len(), blocks: BTreeMap::new() };
        let mut piece = vec![0; 256 * BLOCK];
        let mut at = 0;
        loop {
            let count = file.read(&mut piece).unwrap();
            if count == 0 {
                return content;
            }
            assert!(
                count.is_multiple_of(BLOCK) || at + count as u64 == content.size,
                "{} was read short",
                path.display()
            );
            for (number, bytes) in piece[..count].chunks(BLOCK).enumerate() {
                if bytes != &[0; BLOCK][..bytes.len()] {
                    let mut block = [0; BLOCK];
                    block[..bytes.len()].copy_from_slice(bytes);
                    content.blocks.insert(at / BLOCK as u64 + number as u64, Arc::new(block));
                }
            }
            at += count as u64;
        }
    }

    fn write(&self, path: &Path) {
        let mut file = fs::File::create_new(path).unwrap();
        file.set_len(self.size).unwrap();
        for (number, block) in &self.blocks {
            let at = number * BLOCK as u64;
            let count = self.size.saturating_sub(at).min(BLOCK as u64) as usize;
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&block[..count]).unwrap();
        }
    }
}
