//! The plugin's half of delivery: the host's table as safe calls.

use crate::shim::context::HostContext;
use campanile_abi::{DeliveryV1, NO_SEQUENCE, id};
use std::ffi::c_void;

/// The delivery of the host, for as long as the instance lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostDelivery {
    data: *mut c_void,
    table: *const DeliveryV1,
}

impl HostDelivery {
    /// The host's table, where it has one.
    pub(crate) fn of(host: &HostContext) -> Option<HostDelivery> {
        let (table, data) = host.interface(id::DELIVERY, 1);
        let table = table.cast::<DeliveryV1>();
        (!table.is_null()).then_some(HostDelivery { data, table })
    }

    fn table(&self) -> &DeliveryV1 {
        // SAFETY: the host answered with what the id stands for; it outlives the instance.
        unsafe { &*self.table }
    }

    pub(crate) fn producer(&self) -> Option<String> {
        let name = (self.table().producer)(self.data);
        // SAFETY: lent by the host until `drop`.
        let name = unsafe { name.text() }.into_owned();
        (!name.is_empty()).then_some(name)
    }

    pub(crate) fn sequence(&self, index: usize) -> Option<u64> {
        Some((self.table().sequence)(self.data, index)).filter(|&sequence| sequence != NO_SEQUENCE)
    }
}
