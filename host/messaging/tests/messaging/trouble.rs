//! Folders that cannot be opened, disks that are full.

use crate::folder::{Folder, payloads, topic};
use campanile_messaging::{Error, Fetch, Messaging, Options, Owner, Publish};

#[test]
fn a_folder_has_one_owner_and_is_free_when_it_goes() {
    let folder = Folder::empty();
    let tms = folder.open();
    let process = std::process::id();
    let owner = Owner { folder: folder.path().to_owned(), process: Some(process) };
    for _ in 0..2 {
        let locked = Messaging::open(folder.path(), folder.options()).unwrap_err();
        assert_eq!(locked, Error::Locked(owner.clone()));
        let folder = folder.path().display();
        assert_eq!(locked.to_string(), format!("{folder}: another process owns this folder: process {process}"));
    }
    drop(tms);
    folder.open();
}

#[test]
fn a_disk_that_is_nearly_full_refuses_writes_and_goes_on_reading() {
    let folder = Folder::empty();
    let t = topic("t");
    let tms = folder.open();
    tms.create_topic(&t, None).unwrap();
    tms.publish(&t, Publish::new(&[b"kept"])).unwrap();
    drop(tms);
    let tms = Messaging::open(folder.path(), Options { min_free_bytes: u64::MAX / 2, ..folder.options() }).unwrap();
    let refused = tms.publish(&t, Publish::new(&[b"too much"])).unwrap_err();
    assert!(matches!(refused, Error::DiskFull { .. }), "{refused}");
    assert!(refused.to_string().contains("make room, then write again"), "{refused}");
    assert!(matches!(tms.check(), Err(Error::DiskFull { .. })), "others use the disk as well");
    assert_eq!(payloads(&tms, &t, Fetch::default()), ["kept"]);
    drop(tms);
    folder.open().publish(&t, Publish::new(&[b"again"])).unwrap();
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let folder = Folder::empty();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = Messaging::open(&file, Options::default()).unwrap_err();
    assert!(refused.to_string().starts_with(&file.display().to_string()), "{refused}");
}

#[test]
fn a_folder_of_something_else_keeps_its_files() {
    let folder = Folder::empty();
    for content in ["1", "12\n", "1.20.3\n"] {
        let version = folder.path().join("version");
        std::fs::write(&version, content).unwrap();
        let error = Messaging::open(folder.path(), folder.options()).unwrap_err().to_string();
        assert!(error.starts_with(&version.display().to_string()) && error.contains("name another folder"), "{error}");
        assert_eq!(std::fs::read_to_string(&version).unwrap(), content);
    }
}

#[test]
fn a_folder_that_was_made_beforehand_becomes_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::empty();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (empty, used) = (folder.path().join("empty"), folder.path().join("used"));
    for folder in [&empty, &used] {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(used.join("file"), "of somebody").unwrap();
    for path in [&empty, &used] {
        drop(Messaging::open(path, folder.options()).unwrap());
    }
    assert_eq!((mode(&empty), mode(&used)), (0o700, 0o755), "a folder of other things is left as it is");
}
