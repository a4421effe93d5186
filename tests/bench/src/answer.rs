//! What a run over generated records must have written.

use crate::records::USERS;
use anyhow::{Context, Result, bail, ensure};
use memchr::memchr_iter;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The field of a published alert that counts the alerts of its group.
pub(crate) const COUNT: &str = "alerts";
/// The field of a published alert that holds the mean of its group's heartbeats.
pub(crate) const MEAN: &str = "avgheartbeat";

/// The truth about a file of records, or what was found in a run's outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) records: u64,
    /// How many records raised an alert.
    pub(crate) alerts: u64,
    /// How many alerts were published, one a user.
    pub(crate) groups: u64,
    /// Over user, count and sum of each group, whatever their order.
    pub(crate) checksum: u64,
}

impl Answer {
    /// Writes the answer where [`Answer::beside`] finds it.
    pub(crate) fn save_beside(&self, records: &Path) -> Result<()> {
        let path = path_beside(records);
        fs::write(&path, serde_json::to_string(self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The answer that was generated together with these records.
    pub(crate) fn beside(records: &Path) -> Result<Answer> {
        let path = path_beside(records);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: generate the records first", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} holds no answer", path.display()))
    }

    /// What a run wrote: one line a record, one published alert a line.
    pub(crate) fn found(output: &Path, alerts: &Path) -> Result<Answer> {
        let text = fs::read_to_string(alerts).with_context(|| format!("cannot read {}", alerts.display()))?;
        let mut groups = Groups::default();
        for line in text.lines() {
            let alert: Published<'_> =
                serde_json::from_str(line).with_context(|| format!("no alert of a group: {line}"))?;
            let Payload { userid, alerts, avgheartbeat } = alert.payload;
            let user = userid.strip_prefix('u').unwrap_or(userid).parse().context("a user has a number")?;
            let count: u64 = alerts.parse().context("a group has a count")?;
            let mean: f64 = avgheartbeat.parse().context("a group has a mean")?;
            ensure!(!groups.has(user)?, "user {user} is in two groups");
            // Heartbeats are tenths, and so is their sum: this takes back what the mean was rounded by.
            groups.add(user, count, (mean * count as f64 * 10.0).round() as u64);
        }
        Ok(groups.answer(count_lines(output)?))
    }
}

/// Whether both files hold the same bytes.
pub(crate) fn check_same(left: &Path, right: &Path) -> Result<()> {
    let (mut left_file, mut right_file) = (open(left)?, open(right)?);
    let (mut left_bytes, mut right_bytes) = (Vec::new(), Vec::new());
    loop {
        let count = read_piece(&mut left_file, &mut left_bytes)?;
        if count != read_piece(&mut right_file, &mut right_bytes)? || left_bytes != right_bytes {
            bail!("{} and {} differ", left.display(), right.display());
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Counts and sums of the users that alerts were about.
pub(crate) struct Groups {
    /// Of each user the count, and the sum in tenths.
    users: Vec<(u64, u64)>,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups { users: vec![(0, 0); USERS as usize] }
    }
}

impl Groups {
    pub(crate) fn add(&mut self, user: u32, count: u64, tenths: u64) {
        let group = &mut self.users[user as usize];
        group.0 += count;
        group.1 += tenths;
    }

    fn has(&self, user: u32) -> Result<bool> {
        Ok(self.users.get(user as usize).context("no such user")?.0 > 0)
    }

    pub(crate) fn answer(&self, records: u64) -> Answer {
        let mut answer = Answer { records, alerts: 0, groups: 0, checksum: 0 };
        for (user, &(count, tenths)) in self.users.iter().enumerate().filter(|(_, group)| group.0 > 0) {
            answer.alerts += count;
            answer.groups += 1;
            answer.checksum = answer.checksum.wrapping_add(digest([user as u64, count, tenths]));
        }
        answer
    }
}

/// A published alert; what it has beside the payload is of no interest.
#[derive(Deserialize)]
struct Published<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    userid: &'a str,
    alerts: &'a str,
    avgheartbeat: &'a str,
}

fn path_beside(records: &Path) -> PathBuf {
    let mut path = records.as_os_str().to_owned();
    path.push(".answer");
    path.into()
}

/// FNV-1a.
fn digest(numbers: [u64; 3]) -> u64 {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The next piece of the file, shorter than others only at the end.
fn read_piece(file: &mut File, piece: &mut Vec<u8>) -> Result<usize> {
    piece.clear();
    Ok(file.take(1 << 20).read_to_end(piece)?)
}

fn count_lines(path: &Path) -> Result<u64> {
    let mut file = open(path)?;
    let (mut piece, mut lines) = (Vec::new(), 0);
    while read_piece(&mut file, &mut piece)? > 0 {
        lines += memchr_iter(b'\n', &piece).count() as u64;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(alerts: &str) -> Result<Answer> {
        let folder = tempfile::tempdir().unwrap();
        let (output, alerts_path) = (folder.path().join("out"), folder.path().join("alerts"));
        fs::write(&output, "{}\n{}\n{}\n").unwrap();
        fs::write(&alerts_path, alerts).unwrap();
        Answer::found(&output, &alerts_path)
    }

    #[test]
    fn a_mean_gives_its_sum_back() {
        let mut groups = Groups::default();
        groups.add(7, 3, 1_800 + 1_801 + 1_801);
        let alert =
            "{\"payload\":{\"userid\":\"u0000007\",\"alerts\":\"3\",\"avgheartbeat\":\"180.06666666666666\"}}\n";
        assert_eq!(found(alert).unwrap(), groups.answer(3));
        assert_ne!(found(&alert.replace("180.066", "180.166")).unwrap(), groups.answer(3));
    }

    #[test]
    fn a_user_has_one_group() {
        let alert = "{\"payload\":{\"userid\":\"u0000007\",\"alerts\":\"1\",\"avgheartbeat\":\"180.1\"}}\n";
        assert!(found(&alert.repeat(2)).unwrap_err().to_string().contains("two groups"));
        assert!(found(&alert.replace("u0000007", "u0099999")).is_err());
    }
}
