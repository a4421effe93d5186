//! Rows to Parquet.

use crate::format::RowWriter;
use crate::output::Output;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use campanile_sdk::{Batch, Emitter, Result, Schema, arrow};
use std::sync::Arc;

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 20;
/// Encoded bytes of a row group, all of which are held until it is written.
const GROUP_BYTES: usize = 64 << 20;

pub(super) struct Writer {
    rows: ArrowWriter<Output>,
}

impl Writer {
    pub(super) fn open(schema: &Schema, output: Output) -> Result<Writer> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_created_by(concat!("campanile-file version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let rows = ArrowWriter::try_new(output, Arc::new(arrow::schema(schema)), Some(properties))?;
        Ok(Writer { rows })
    }
}

impl RowWriter for Writer {
    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        Ok(self.rows.write(&arrow::record_batch(batch)?)?)
    }

    fn finish(self: Box<Self>) -> Result<Output> {
        Ok(self.rows.into_inner()?)
    }
}
