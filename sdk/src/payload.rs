//! Payloads of alerts: text to text, in order.

use crate::batch::Scalar;
use crate::text;

/// What an alert can carry: pairs, as a tuple of pairs, a slice, a vector or a map. `()` is the empty payload.
///
/// ```
/// # use campanile_sdk::Payload;
/// # fn takes(_: impl Payload) {}
/// takes((("userid", "abc"), ("heartbeat", 182.0)));
/// takes([("fence", "old town")]);
/// takes(());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no payload of an alert",
    note = "a payload is a tuple of pairs such as `((\"userid\", user), (\"heartbeat\", bpm))`, a slice or a map of \
            text to values; a single pair is written `[(key, value)]`"
)]
pub trait Payload {
    /// Writes the pairs, in order.
    fn write(&self, pairs: &mut Pairs<'_>);
}

/// A value in a payload: text, a number (as ECMAScript prints it), true or false, a [`Scalar`], or an option of one. What is
/// null leaves its pair out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value for an alert's payload",
    note = "values are text, numbers, booleans, `Scalar`s, or an `Option` of one of them (`None` leaves the pair out)"
)]
pub trait PayloadValue {
    /// Writes the value as text; false for "leave the pair out".
    fn write(&self, out: &mut Vec<u8>) -> bool;
}

/// Where a payload writes its pairs.
#[derive(Debug)]
pub struct Pairs<'a> {
    pub(crate) keys: &'a mut Vec<u8>,
    pub(crate) key_ends: &'a mut Vec<u32>,
    pub(crate) values: &'a mut Vec<u8>,
    pub(crate) value_ends: &'a mut Vec<u32>,
}

impl Pairs<'_> {
    /// Writes one pair.
    #[inline]
    pub fn pair(&mut self, key: &str, value: impl PayloadValue) {
        let start = self.values.len();
        if !value.write(self.values) {
            self.values.truncate(start);
            return;
        }
        self.keys.extend_from_slice(key.as_bytes());
        self.key_ends.push(self.keys.len() as u32);
        self.value_ends.push(self.values.len() as u32);
    }
}

impl PayloadValue for &str {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.as_bytes());
        true
    }
}

impl PayloadValue for String {
    fn write(&self, out: &mut Vec<u8>) -> bool {
        self.as_str().write(out)
    }
}

impl PayloadValue for f64 {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        text::write_f64(*self, out);
        true
    }
}

impl PayloadValue for bool {
    fn write(&self, out: &mut Vec<u8>) -> bool {
        Scalar::Boolean(*self).write(out);
        true
    }
}

impl PayloadValue for Scalar<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        Scalar::write(self, out);
        !self.is_null()
    }
}

macro_rules! whole {
    ($($t:ty),*) => {$(
        impl PayloadValue for $t {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) -> bool {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
                true
            }
        }
    )*};
}
whole!(i32, i64, u32, u64, usize);

impl<T: PayloadValue> PayloadValue for Option<T> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        self.as_ref().is_some_and(|value| value.write(out))
    }
}

impl<T: PayloadValue> PayloadValue for &T {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        (*self).write(out)
    }
}

impl Payload for () {
    fn write(&self, _: &mut Pairs<'_>) {}
}

impl<P: Payload + ?Sized> Payload for &P {
    fn write(&self, pairs: &mut Pairs<'_>) {
        (*self).write(pairs);
    }
}

impl<K: AsRef<str>, V: PayloadValue> Payload for [(K, V)] {
    fn write(&self, pairs: &mut Pairs<'_>) {
        for (key, value) in self {
            pairs.pair(key.as_ref(), value);
        }
    }
}

impl<K: AsRef<str>, V: PayloadValue, const N: usize> Payload for [(K, V); N] {
    fn write(&self, pairs: &mut Pairs<'_>) {
        self.as_slice().write(pairs);
    }
}

impl<K: AsRef<str>, V: PayloadValue> Payload for Vec<(K, V)> {
    fn write(&self, pairs: &mut Pairs<'_>) {
        self.as_slice().write(pairs);
    }
}

impl<K: AsRef<str>, V: PayloadValue> Payload for std::collections::BTreeMap<K, V> {
    fn write(&self, pairs: &mut Pairs<'_>) {
        for (key, value) in self {
            pairs.pair(key.as_ref(), value);
        }
    }
}

macro_rules! tuples {
    ($(($($k:ident $v:ident $i:tt),+))*) => {$(
        impl<$($k: AsRef<str>, $v: PayloadValue),+> Payload for ($(($k, $v),)+) {
            #[inline]
            fn write(&self, pairs: &mut Pairs<'_>) {
                $(pairs.pair(self.$i.0.as_ref(), &self.$i.1);)+
            }
        }
    )*};
}
tuples! {
    (K0 V0 0)
    (K0 V0 0, K1 V1 1)
    (K0 V0 0, K1 V1 1, K2 V2 2)
    (K0 V0 0, K1 V1 1, K2 V2 2, K3 V3 3)
    (K0 V0 0, K1 V1 1, K2 V2 2, K3 V3 3, K4 V4 4)
    (K0 V0 0, K1 V1 1, K2 V2 2, K3 V3 3, K4 V4 4, K5 V5 5)
    (K0 V0 0, K1 V1 1, K2 V2 2, K3 V3 3, K4 V4 4, K5 V5 5, K6 V6 6)
    (K0 V0 0, K1 V1 1, K2 V2 2, K3 V3 3, K4 V4 4, K5 V5 5, K6 V6 6, K7 V7 7)
}
