//! Records of predictions as a Parquet file: a row for each request.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use shared::domain::inference_log::InferenceLog;
use shared::objects::Objects;
use shared::{Error, Result};

/// The columns. Inputs and predictions are JSON: models differ in what they take.
const SCHEMA: &str = "message inference_log {
    required binary id (UTF8);
    required int64 created_at (TIMESTAMP(MILLIS,true));
    required binary deployment_id (UTF8);
    required binary model_name (UTF8);
    required binary model_version (UTF8);
    required int32 status_code;
    required int64 rows;
    required double latency_ms;
    optional binary inputs (JSON);
    optional binary predictions (JSON);
    optional binary error (UTF8);
}";

/// The length of a part that is uploaded, in bytes.
const PART: usize = 16 * 1024 * 1024;

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("writing a Parquet file", error)
}

/// A file that is being written.
pub struct ParquetFile {
    file: File,
    writer: SerializedFileWriter<File>,
}

impl ParquetFile {
    /// An empty one, which goes with the process.
    ///
    /// # Errors
    /// `Internal` when the disk does not take it.
    pub fn create() -> Result<Self> {
        let file = tempfile::tempfile().map_err(failed)?;
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
        let writer = SerializedFileWriter::new(file.try_clone().map_err(failed)?, schema, properties).map_err(failed)?;
        Ok(Self { file, writer })
    }

    /// Adds records as a row group.
    ///
    /// # Errors
    /// `Internal` when the disk does not take them.
    pub fn write(&mut self, records: &[InferenceLog]) -> Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let json = |value: &Option<serde_json::Value>| value.as_ref().map(|value| text(&value.to_string()));
        let made =
            |record: &InferenceLog| shared::id::milliseconds(&record.prediction_id).unwrap_or_else(|| record.timestamp.milliseconds());
        texts(&mut group, records.iter().map(|record| text(&record.prediction_id)))?;
        whole_numbers(&mut group, records.iter().map(made))?;
        texts(&mut group, records.iter().map(|record| text(&record.deployment_id)))?;
        texts(&mut group, records.iter().map(|record| text(&record.model_name)))?;
        texts(&mut group, records.iter().map(|record| text(&record.model_version)))?;
        let statuses: Vec<i32> = records.iter().map(|record| i32::from(record.status)).collect();
        let mut column = next_column(&mut group)?;
        column.typed::<Int32Type>().write_batch(&statuses, None, None).map_err(failed)?;
        column.close().map_err(failed)?;
        whole_numbers(&mut group, records.iter().map(|record| i64::try_from(record.rows).unwrap_or(i64::MAX)))?;
        let latencies: Vec<f64> = records.iter().map(|record| record.latency_ms).collect();
        let mut column = next_column(&mut group)?;
        column.typed::<DoubleType>().write_batch(&latencies, None, None).map_err(failed)?;
        column.close().map_err(failed)?;
        optional_texts(&mut group, records.iter().map(|record| json(&record.inputs)))?;
        optional_texts(&mut group, records.iter().map(|record| json(&record.predictions)))?;
        optional_texts(&mut group, records.iter().map(|record| record.error.as_deref().map(text)))?;
        group.close().map(drop).map_err(failed)
    }

    /// How many bytes were written so far.
    ///
    /// # Errors
    /// `Internal` when the disk does not tell.
    pub fn bytes(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(failed)?.len())
    }

    /// The whole file, at its beginning.
    ///
    /// # Errors
    /// `Internal` when the disk does not take its end.
    pub fn finish(self) -> Result<File> {
        use std::io::Seek as _;
        self.writer.close().map_err(failed)?;
        let mut file = self.file;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

fn next_column<'a>(group: &'a mut SerializedRowGroupWriter<'_, File>) -> Result<parquet::file::writer::SerializedColumnWriter<'a>> {
    group.next_column().map_err(failed)?.ok_or_else(|| Error::broken("the Parquet schema has fewer columns than are written"))
}

fn texts(group: &mut SerializedRowGroupWriter<'_, File>, values: impl Iterator<Item = ByteArray>) -> Result<()> {
    let values: Vec<ByteArray> = values.collect();
    let mut column = next_column(group)?;
    column.typed::<ByteArrayType>().write_batch(&values, None, None).map_err(failed)?;
    column.close().map_err(failed)
}

fn optional_texts(group: &mut SerializedRowGroupWriter<'_, File>, values: impl Iterator<Item = Option<ByteArray>>) -> Result<()> {
    let values: Vec<Option<ByteArray>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<ByteArray> = values.into_iter().flatten().collect();
    let mut column = next_column(group)?;
    column.typed::<ByteArrayType>().write_batch(&present, Some(&levels), None).map_err(failed)?;
    column.close().map_err(failed)
}

fn whole_numbers(group: &mut SerializedRowGroupWriter<'_, File>, values: impl Iterator<Item = i64>) -> Result<()> {
    let values: Vec<i64> = values.collect();
    let mut column = next_column(group)?;
    column.typed::<Int64Type>().write_batch(&values, None, None).map_err(failed)?;
    column.close().map_err(failed)
}

/// Brings a file to the bucket, a part at a time.
///
/// # Errors
/// `Internal` when the disk or S3 does not answer.
pub async fn upload(objects: &Objects, key: &str, mut file: File) -> Result<()> {
    let mut part = || -> Result<Bytes> {
        let mut buffer = Vec::new();
        (&mut file).take(PART as u64).read_to_end(&mut buffer).map_err(failed)?;
        Ok(buffer.into())
    };
    let first = part()?;
    if first.len() < PART {
        return objects.put(key, first).await;
    }
    let upload_id = objects.start_multipart(key).await?;
    let sent = async {
        let (mut parts, mut next) = (Vec::new(), first);
        while !next.is_empty() {
            let number = i32::try_from(parts.len() + 1).map_err(failed)?;
            parts.push((number, objects.put_part(key, &upload_id, number, next).await?));
            next = part()?;
        }
        objects.complete_multipart(key, &upload_id, parts).await
    };
    match sent.await {
        Ok(()) => Ok(()),
        Err(error) => {
            objects.abort_multipart(key, &upload_id).await?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::{Row, RowAccessor as _};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut file = ParquetFile::create().unwrap();
        let record = |inputs| InferenceLog { prediction_id: shared::id::new_id(), status: 200, rows: 1, inputs, ..InferenceLog::default() };
        let records = [record(Some(json!({ "amount": [29.99] }))), record(None)];
        file.write(&records).unwrap();
        file.write(&records[..1]).unwrap();
        let reader = SerializedFileReader::new(file.finish().unwrap()).unwrap();
        let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(std::result::Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].get_string(0).unwrap(), rows[0].get_int(5).unwrap()), (&records[0].prediction_id, 200));
        assert!(rows[0].get_string(8).unwrap().contains("29.99") && rows[1].get_string(8).is_err(), "{rows:?}");
    }
}
