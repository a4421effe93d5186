//! Bodies as clients made for CDAP send and read them, written by hand: nothing here is shared with the server.

/// A whole number: seven bits a byte, its sign in the lowest bit.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(value.len() as i64, out);
    out.extend_from_slice(value);
}

/// A value, which is the first branch of its union, or null, which is the second.
fn optional(value: Option<impl FnOnce(&mut Vec<u8>)>, out: &mut Vec<u8>) {
    match value {
        Some(write) => {
            long(0, out);
            write(out);
        }
        None => long(1, out),
    }
}

pub(super) fn publish(transaction: Option<i64>, messages: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    optional(transaction.map(|pointer| move |out: &mut Vec<u8>| long(pointer, out)), &mut out);
    if !messages.is_empty() {
        long(messages.len() as i64, &mut out);
        messages.iter().for_each(|message| bytes(message.as_bytes(), &mut out));
    }
    long(0, &mut out);
    out
}

/// What a poll asks for.
#[derive(Clone, Default)]
pub(super) struct Poll {
    id: Option<Vec<u8>>,
    time: Option<i64>,
    exclusive: bool,
    limit: Option<i32>,
    transaction: Option<Vec<u8>>,
}

impl Poll {
    pub(super) fn time(time: i64) -> Poll {
        Poll { time: Some(time), ..Poll::default() }
    }

    pub(super) fn at(id: &[u8]) -> Poll {
        Poll { id: Some(id.to_vec()), ..Poll::default() }
    }

    pub(super) fn after(id: &[u8]) -> Poll {
        Poll { exclusive: true, ..Poll::at(id) }
    }

    pub(super) fn limit(self, limit: i32) -> Poll {
        Poll { limit: Some(limit), ..self }
    }

    /// As a transaction sees it that may read up to `pointer`.
    pub(super) fn within(self, pointer: i64, in_progress: &[i64], invalid: &[i64]) -> Poll {
        Poll { transaction: Some(thrift(pointer, in_progress, invalid)), ..self }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match (&self.id, self.time) {
            (Some(id), _) => {
                long(0, &mut out);
                bytes(id, &mut out);
            }
            (None, Some(time)) => {
                long(1, &mut out);
                long(time, &mut out);
            }
            (None, None) => long(2, &mut out),
        }
        out.push(u8::from(!self.exclusive));
        optional(self.limit.map(|limit| move |out: &mut Vec<u8>| long(i64::from(limit), out)), &mut out);
        optional(self.transaction.as_ref().map(|encoded| |out: &mut Vec<u8>| bytes(encoded, out)), &mut out);
        out
    }
}

/// A transaction as its manager encodes it.
fn thrift(pointer: i64, in_progress: &[i64], invalid: &[i64]) -> Vec<u8> {
    let long = |field: u8, value: i64| [&[10, 0, field][..], &value.to_be_bytes()].concat();
    let int = |field: u8, value: i32| [&[8, 0, field][..], &value.to_be_bytes()].concat();
    let longs = |field: u8, values: &[i64]| {
        let head = [&[15, 0, field, 10][..], &(values.len() as i32).to_be_bytes()].concat();
        values.iter().fold(head, |bytes, value| [&bytes[..], &value.to_be_bytes()].concat())
    };
    let first = in_progress.first().copied().unwrap_or(i64::MAX);
    let fields = [
        long(1, pointer),
        long(2, pointer),
        longs(3, invalid),
        longs(4, in_progress),
        long(5, first),
        int(6, 1),
        long(7, pointer),
        longs(8, &[]),
        int(9, 1),
    ];
    [fields.concat(), vec![0]].concat()
}

/// Ids and payloads in an answer to a poll.
pub(super) fn messages(body: &[u8]) -> Vec<(Vec<u8>, String)> {
    let mut rest = body;
    let mut messages = Vec::new();
    loop {
        let count = read_long(&mut rest);
        if count == 0 {
            assert!(rest.is_empty(), "nothing follows the end");
            return messages;
        }
        if count < 0 {
            // The block's size in bytes.
            read_long(&mut rest);
        }
        for _ in 0..count.unsigned_abs() {
            let id = read_bytes(&mut rest);
            assert_eq!(id.len(), 20);
            messages.push((id, String::from_utf8(read_bytes(&mut rest)).unwrap()));
        }
    }
}

fn read_long(rest: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, behind) = rest.split_first().unwrap();
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value >> 1) as i64 ^ -((value & 1) as i64);
        }
    }
}

fn read_bytes(rest: &mut &[u8]) -> Vec<u8> {
    let length = usize::try_from(read_long(rest)).unwrap();
    let (bytes, behind) = rest.split_at(length);
    *rest = behind;
    bytes.to_vec()
}
