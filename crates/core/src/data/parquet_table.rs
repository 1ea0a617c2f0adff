//! An open table of Parquet, whose columns are read side by side, some rows at a time.

use std::{
    io::{self, BufReader, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    basic::{Compression, ConvertedType, LogicalType, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::{ParquetError, Result as ParquetResult},
    file::reader::{ChunkReader, FileReader, Length, RowGroupReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};
use widenet_document::excerpt;

use super::{
    files::{BinaryFile, foreign},
    number::half,
};
use crate::error::{Error, Result};

/// Rows that are held at once.
const ROWS_AT_ONCE: usize = 1024;

/// How every file of Parquet begins.
const MAGIC: &[u8] = b"PAR1";

/// Whether a file begins as tables of Parquet do.
pub(super) fn is_parquet(path: &Path) -> Result<bool> {
    let file = BinaryFile::open_any(path)?;
    Ok(file.read(0, file.length().min(MAGIC.len() as u64))? == MAGIC)
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Whole(i128),
    Number(f64),
    Text(String),
}

/// A row of some columns.
pub(super) struct Row<'t> {
    /// Counted from 1.
    number: u64,
    /// None is null.
    pub(super) cells: Vec<Option<&'t Cell>>,
    titles: &'t [&'t str],
}

impl Row<'_> {
    /// What errors call a cell.
    pub(super) fn place(&self, column: usize) -> String {
        format!("row {}, column `{}`", self.number, excerpt(self.titles[column]))
    }
}

/// An open table.
pub(super) struct ParquetTable {
    file: Arc<BinaryFile>,
    reader: SerializedFileReader<Content>,
    /// The names of the columns; one with parts, such as a list, is one.
    pub(super) titles: Vec<String>,
}

impl ParquetTable {
    pub(super) fn open(path: &Path) -> Result<ParquetTable> {
        let file = BinaryFile::open_any(path)?;
        let start = file.read(0, file.length().min(1 << 10))?;
        if !start.starts_with(MAGIC) {
            let what = foreign(&start).unwrap_or("it is no Parquet table, which begins with the letters PAR1");
            return Err(file.error(what));
        }
        let file = Arc::new(file);
        let reader = guarded(|| SerializedFileReader::new(Content(Arc::clone(&file))))
            .map_err(|error| file.error(format!("it is no whole Parquet table: {}", excerpt(&error.to_string()))))?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema();
        let titles = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        Ok(ParquetTable { file, reader, titles })
    }

    pub(super) fn name(&self) -> String {
        self.file.name()
    }

    /// An error about the content of the file.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.file.error(message)
    }

    /// How many rows it says that it has.
    pub(super) fn rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(usize::MAX)
    }

    /// Shows the rows of some columns from the first on, until it is told that they are enough (false).
    ///
    /// # Errors
    /// Columns that cannot be read, by name, and those of `see`.
    pub(super) fn visit(&self, columns: &[usize], see: &mut dyn FnMut(Row<'_>) -> Result<bool>) -> Result<()> {
        let leaves = columns.iter().map(|column| self.leaf(*column)).collect::<Result<Vec<Leaf>>>()?;
        let titles: Vec<&str> = columns.iter().map(|column| self.titles[*column].as_str()).collect();
        let mut number = 0;
        for group in 0..self.reader.num_row_groups() {
            let group = guarded(|| self.reader.get_row_group(group)).map_err(|error| self.damaged(&error))?;
            let mut readers = Vec::new();
            for (leaf, title) in leaves.iter().zip(&titles) {
                readers.push(self.column(group.as_ref(), leaf, title)?);
            }
            let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            while left > 0 {
                let count = left.min(ROWS_AT_ONCE);
                let mut values = Vec::new();
                for (reader, leaf) in readers.iter_mut().zip(&leaves) {
                    values.push(guarded(|| leaf.cells(reader, count)).map_err(|error| self.damaged(&error))?);
                }
                if let Some(short) = values.iter().position(|cells| cells.len() != count) {
                    return Err(
                        self.error(format!("column `{}` has fewer rows than the table", excerpt(titles[short])))
                    );
                }
                for row in 0..count {
                    number += 1;
                    let cells = values.iter().map(|cells| cells[row].as_ref()).collect();
                    if !see(Row { number, cells, titles: &titles })? {
                        return Ok(());
                    }
                }
                left -= count;
            }
        }
        Ok(())
    }

    /// Whether a column holds numbers, Booleans or text.
    pub(super) fn can_be_read(&self, column: usize) -> bool {
        self.leaf(column).is_ok()
    }

    fn damaged(&self, error: &ParquetError) -> Error {
        self.error(format!("it is damaged: {}", excerpt(&error.to_string())))
    }

    /// Where the values of a column are.
    fn leaf(&self, column: usize) -> Result<Leaf> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let Some(title) = self.titles.get(column) else {
            return Err(
                self.error(format!("it has {} columns, and column {column} (from 0) is wanted", self.titles.len()))
            );
        };
        let refused = |what: &str| {
            self.error(format!(
                "column `{}` holds {what}; columns of numbers, Booleans and, for classes, text are read",
                excerpt(title)
            ))
        };
        let position = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == column);
        let position = position.ok_or_else(|| refused("nothing"))?;
        let descriptor = schema.column(position);
        if descriptor.max_rep_level() > 0 || descriptor.path().parts().len() > 1 {
            return Err(refused("lists, structs or maps, which are no single values"));
        }
        let kind = kind_of(&descriptor).map_err(refused)?;
        Ok(Leaf { position, kind, is_optional: descriptor.max_def_level() > 0 })
    }

    /// The reader of a column in a group of rows.
    fn column(&self, group: &dyn RowGroupReader, leaf: &Leaf, title: &str) -> Result<ColumnReader> {
        let compression = group.metadata().column(leaf.position).compression();
        if !matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_)) {
            return Err(self.error(format!(
                "column `{}` is compressed with {}; snappy, gzip and none can be read: write the table with compression = \"snappy\"",
                excerpt(title),
                compression.to_string().split('(').next().unwrap_or_default().to_lowercase()
            )));
        }
        guarded(|| group.get_column_reader(leaf.position)).map_err(|error| self.damaged(&error))
    }
}

/// Calls the reader of Parquet, which panics at some damaged tables.
fn guarded<T>(read: impl FnOnce() -> ParquetResult<T>) -> ParquetResult<T> {
    let caught = catch_unwind(AssertUnwindSafe(read));
    caught.unwrap_or_else(|_| Err(ParquetError::General("its numbers contradict each other".into())))
}

/// What the values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Number,
    /// Of 2 bytes.
    Half,
    Signed,
    Unsigned,
    Text,
}

/// Says what a column means, or what it holds that is not read.
fn kind_of(column: &ColumnDescriptor) -> std::result::Result<Kind, &'static str> {
    use ConvertedType as Old;
    let (logical, converted) = (column.logical_type_ref(), column.converted_type());
    let unsigned = [Old::UINT_8, Old::UINT_16, Old::UINT_32, Old::UINT_64].contains(&converted);
    let signed = [Old::NONE, Old::INT_8, Old::INT_16, Old::INT_32, Old::INT_64].contains(&converted);
    let times =
        [Old::DATE, Old::TIME_MILLIS, Old::TIME_MICROS, Old::TIMESTAMP_MILLIS, Old::TIMESTAMP_MICROS, Old::INTERVAL];
    match (column.physical_type(), logical) {
        (_, Some(LogicalType::Date | LogicalType::Time(_) | LogicalType::Timestamp(_))) => Err("dates or times"),
        _ if times.contains(&converted) => Err("dates or times"),
        (Physical::INT96, _) => Err("dates or times"),
        (_, Some(LogicalType::Decimal(_))) => Err("decimal numbers; store them as float64"),
        _ if converted == Old::DECIMAL => Err("decimal numbers; store them as float64"),
        (Physical::BOOLEAN, _) | (Physical::FLOAT | Physical::DOUBLE, None) => Ok(Kind::Number),
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(integer))) => {
            Ok(if integer.is_signed { Kind::Signed } else { Kind::Unsigned })
        }
        (Physical::INT32 | Physical::INT64, None) if unsigned => Ok(Kind::Unsigned),
        (Physical::INT32 | Physical::INT64, None) if signed => Ok(Kind::Signed),
        (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16)) if column.type_length() == 2 => Ok(Kind::Half),
        (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum)) => Ok(Kind::Text),
        (Physical::BYTE_ARRAY, None) if [Old::UTF8, Old::ENUM].contains(&converted) => Ok(Kind::Text),
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, _) => Err("bytes"),
        _ => Err("what is neither a number nor text"),
    }
}

/// A column of single values.
struct Leaf {
    /// Among all columns of values.
    position: usize,
    kind: Kind,
    /// Whether values may be null.
    is_optional: bool,
}

impl Leaf {
    /// The next values, so many if there are.
    fn cells(&self, reader: &mut ColumnReader, count: usize) -> ParquetResult<Vec<Option<Cell>>> {
        let (kind, optional) = (self.kind, self.is_optional);
        let whole = |signed: i64, unsigned: u64| match kind {
            Kind::Unsigned => Cell::Whole(unsigned.into()),
            Kind::Number | Kind::Half | Kind::Signed | Kind::Text => Cell::Whole(signed.into()),
        };
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(Cell::Number(f64::from(u8::from(value)))))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(whole(value.into(), (value as u32).into())))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(whole(value, value as u64)))
            }
            ColumnReader::FloatColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(Cell::Number(value.into())))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(Cell::Number(value)))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                values(reader, optional, count, |value| Ok(Cell::Text(value.as_utf8()?.to_owned())))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => values(reader, optional, count, |value| {
                let bytes =
                    value.data().try_into().map_err(|_| ParquetError::General("a float16 of 2 bytes".into()))?;
                Ok(Cell::Number(half(u16::from_le_bytes(bytes))))
            }),
            ColumnReader::Int96ColumnReader(_) => Err(ParquetError::General("a column of times".into())),
        }
    }
}

/// The next values of a column, null where its levels say so.
fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    is_optional: bool,
    count: usize,
    cell: impl Fn(T::T) -> ParquetResult<Cell>,
) -> ParquetResult<Vec<Option<Cell>>> {
    let (mut levels, mut found, mut read) = (Vec::new(), Vec::new(), 0);
    while read < count {
        let levels = is_optional.then_some(&mut levels);
        let (records, ..) = reader.read_records(count - read, levels, None, &mut found)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    let mut found = found.into_iter();
    if !is_optional {
        return found.map(|value| cell(value).map(Some)).collect();
    }
    let of_level = |level: i16| match level {
        0 => Ok(None),
        _ => found.next().map(&cell).transpose(),
    };
    levels.into_iter().map(of_level).collect()
}

/// The bytes of a file, as the reader of Parquet asks for them.
struct Content(Arc<BinaryFile>);

/// The rest of a file from a place on.
struct Rest {
    file: Arc<BinaryFile>,
    place: u64,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (buffer.len() as u64).min(self.file.length().saturating_sub(self.place));
        let bytes = self.file.read(self.place, count).map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.place += count;
        Ok(bytes.len())
    }
}

impl Length for Content {
    fn len(&self) -> u64 {
        self.0.length()
    }
}

impl ChunkReader for Content {
    type T = BufReader<Rest>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(Rest { file: Arc::clone(&self.0), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.0.read(start, length as u64);
        bytes.map(Bytes::from).map_err(|error| ParquetError::General(error.to_string()))
    }
}
