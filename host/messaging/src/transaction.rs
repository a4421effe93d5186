//! What a reader within a transaction sees.

use std::sync::Arc;

/// The view of a transaction that its owner manages: which others it sees.
///
/// A write pointer names the transaction that wrote; pointers grow with time. Lists are best given in order: others are
/// sorted by each fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Committed transactions up to this pointer are seen.
    pub read_pointer: i64,
    /// The reader's own.
    pub write_pointer: i64,
    /// The reader's own from before its checkpoints.
    pub checkpoint_write_pointers: Vec<i64>,
    /// Transactions that had not ended when this one began.
    pub in_progress: Vec<i64>,
    /// Transactions that will never be committed.
    pub invalid: Vec<i64>,
}

/// What becomes of a message for a reader within a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// It is seen.
    Deliver,
    /// It never will be.
    Skip,
    /// It may be seen later: neither it nor what follows is delivered, or the order would not hold.
    Hold,
}

impl Transaction {
    /// Lists in order, as [`Transaction::sees`] searches them; those that are in order already are left as they are.
    pub(crate) fn sorted(mut transaction: Arc<Transaction>) -> Arc<Transaction> {
        let Transaction { checkpoint_write_pointers, in_progress, invalid, .. } = &*transaction;
        if ![checkpoint_write_pointers, in_progress, invalid].into_iter().all(|list| list.is_sorted()) {
            let Transaction { checkpoint_write_pointers, in_progress, invalid, .. } = Arc::make_mut(&mut transaction);
            [checkpoint_write_pointers, in_progress, invalid].into_iter().for_each(|list| list.sort_unstable());
        }
        transaction
    }

    /// What becomes of a message that was published in the transaction `writer`.
    pub(crate) fn sees(&self, writer: i64) -> Visibility {
        let own = writer == self.write_pointer || self.checkpoint_write_pointers.binary_search(&writer).is_ok();
        let invalid = self.invalid.binary_search(&writer).is_ok();
        let committed = writer <= self.read_pointer && !invalid && self.in_progress.binary_search(&writer).is_err();
        match (own || committed, invalid) {
            (true, _) => Visibility::Deliver,
            (false, true) => Visibility::Skip,
            (false, false) => Visibility::Hold,
        }
    }
}
