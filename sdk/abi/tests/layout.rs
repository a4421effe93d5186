//! The layout of every table. A test that fails here says that plugins which are already built would break: a table that
//! grows is a new struct under a new revision.
#![cfg(target_pointer_width = "64")]

use campanile_abi::*;
use std::mem::{offset_of, size_of};

macro_rules! layout {
    ($table:ty, $size:literal, { $($field:ident: $offset:literal),+ $(,)? }) => {
        assert_eq!(size_of::<$table>(), $size, concat!("size of ", stringify!($table)));
        $(assert_eq!(
            offset_of!($table, $field),
            $offset,
            concat!("offset of ", stringify!($table), "::", stringify!($field))
        );)+
    };
}

#[test]
fn values_lie_where_plugins_look_for_them() {
    layout!(Slice, 16, { ptr: 0, len: 8 });
    layout!(Owned, 32, { ptr: 0, len: 8, cap: 16, free: 24 });
    layout!(Failure, 48, { kind: 0, row: 8, text: 16 });
    layout!(ArrowArray, 80, {
        length: 0, null_count: 8, offset: 16, n_buffers: 24, n_children: 32, buffers: 40, children: 48, dictionary: 56,
        release: 64, private_data: 72,
    });
    layout!(BatchV1, 64, { size: 0, array: 8, split: 16, positions: 32, retain: 40, release: 48, owner: 56 });
    layout!(PatchV1, 40, { rows: 0, n: 8, columns: 16, n_columns: 24, array: 32 });
    layout!(ErrorsV1, 88, {
        n: 0, rows: 8, codes: 16, message_ends: 24, messages: 32, raw_ends: 40, raw: 48, lines: 56, positions: 64,
        file: 72,
    });
    layout!(ErrorRecordsV1, 112, { size: 0, errors: 8, stage: 96 });
    layout!(AlertsV1, 64, {
        n: 0, rows: 8, positions: 16, pair_ends: 24, key_ends: 32, keys: 40, value_ends: 48, values: 56,
    });
    layout!(PairV1, 32, { key: 0, value: 16 });
    layout!(AlertV1, 88, { id: 0, stage: 16, payload: 32, n: 40, time_ms: 48, group_by: 56, more: 72 });
    layout!(OutcomeV1, 40, { outcome: 0, reason: 8 });
    layout!(ContextRef, 16, { table: 0, data: 8 });
    layout!(EmitterRef, 24, { table: 0, data: 8, flags: 16 });
}

#[test]
fn tables_have_their_entries_where_hosts_call_them() {
    layout!(LibraryV1, 24, { size: 0, count: 8, interface: 16 });
    layout!(StageV1, 64, {
        size: 0, flags: 8, create: 16, configure: 24, open: 32, finish: 40, close: 48, drop: 56,
    });
    layout!(StateV1, 24, { size: 0, snapshot: 8, restore: 16 });
    layout!(SourceV1, 40, { size: 0, splits: 8, begin: 16, read: 24, commit: 32 });
    layout!(TransformV1, 16, { size: 0, transform: 8 });
    layout!(ErrorTransformV1, 16, { size: 0, transform: 8 });
    layout!(SinkV1, 40, { size: 0, write: 8, prepare: 16, commit: 24, abort: 32 });
    layout!(AlertPublisherV1, 16, { size: 0, publish: 8 });
    layout!(EmitterV1, 48, {
        size: 0, emit_selection: 8, emit_patch: 16, emit_batch: 24, emit_errors: 32, emit_alerts: 40,
    });
    layout!(ContextV1, 80, {
        size: 0, text: 8, log_enabled: 16, log: 24, count: 32, gauge: 40, now_ms: 48, cancelled: 56, secret: 64,
        interface: 72,
    });
}

#[test]
fn messaging_lies_where_plugins_look_for_it() {
    layout!(PublishedV1, 44, { flags: 0, first: 4, last: 24 });
    layout!(FetchV1, 56, { start: 0, id: 4, time_ms: 24, limit: 32, max_bytes: 40, wait_ms: 48 });
    layout!(FetchedV1, 64, { flags: 0, position: 4, n: 24, messages: 32 });
    layout!(MessagingV1, 64, {
        size: 0, publish: 8, fetch: 16, create_topic: 24, update_topic: 32, delete_topic: 40, describe_topic: 48,
        list_topics: 56,
    });
}

#[test]
fn delivery_lies_where_publishers_look_for_it() {
    layout!(DeliveryV1, 24, { size: 0, producer: 8, sequence: 16 });
}

#[test]
fn ids_are_given_once_and_for_ever() {
    let ids = [
        (id::LIBRARY, 1),
        (id::STAGE, 2),
        (id::STATE, 3),
        (id::SOURCE, 16),
        (id::TRANSFORM, 17),
        (id::SPLITTER, 18),
        (id::ERROR_TRANSFORM, 19),
        (id::SINK, 20),
        (id::ALERT_PUBLISHER, 21),
        (id::MESSAGING, 64),
        (id::DELIVERY, 65),
    ];
    assert!(ids.iter().all(|(id, number)| id == number));
}
