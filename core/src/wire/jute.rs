//! Jute, ZooKeeper's serialization: numbers, strings, buffers, vectors, and records made of them.
//!
//! Everything is big-endian. A record is its fields in order: no tags, no length, no version, and
//! bytes after it are ignored. Strings and buffers are a length and bytes, vectors a count and
//! elements; length −1 is null, which is not the same as empty. Source: `BinaryInputArchive` and
//! `BinaryOutputArchive`.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::ids::{ServerId, SessionId, Zxid};

/// The default of `jute.maxbuffer`, in bytes: the longest frame of the client port.
pub const DEFAULT_MAX_BUFFER: usize = 0xfffff;

/// The default limit of one string or buffer, in bytes: `jute.maxbuffer` +
/// `zookeeper.jute.maxbuffer.extrasize` (whose default is the former).
pub const DEFAULT_MAX_FIELD: usize = 2 * DEFAULT_MAX_BUFFER;

/// Vectors reserve room for at most this many elements before the first one has been read.
const RESERVE_AT_MOST: usize = 64;

/// Why bytes are not what they should be: which field, where, what is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WireError {
    /// The field, as `Record.field`.
    pub field: &'static str,
    /// Where the field starts: bytes from the start of the frame, record or stream.
    pub at: u64,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// The bytes end before the field does.
    Truncated,
    /// A length outside of its limits ("Unreasonable length").
    Length {
        /// The length as read.
        len: i64,
        /// The longest that is accepted.
        max: u64,
    },
    /// Null where a value is required.
    Null,
    /// A number that has no meaning here.
    Value(i64),
    /// Something else, in words.
    Invalid(&'static str),
}

impl WireError {
    /// This error in a stream in which this record starts at `base`.
    #[must_use]
    pub fn after(mut self, base: u64) -> Self {
        self.at += base;
        self
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.field, self.at)?;
        match self.why {
            Why::Truncated => f.write_str("ends too early"),
            Why::Length { len, max } => write!(f, "unreasonable length {len} (at most {max})"),
            Why::Null => f.write_str("is null"),
            Why::Value(v) => write!(f, "{v} has no meaning here"),
            Why::Invalid(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for WireError {}

/// A value that jute can write and read.
pub trait Jute: Sized {
    /// Read the value. `field` names it in errors; records name their own fields.
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError>;

    /// Append the value's bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Read the value from the start of `bytes` with the default limits; what follows is ignored.
    fn from_bytes(bytes: &Bytes) -> Result<Self, WireError> {
        Self::read(&mut Reader::new(bytes), "")
    }

    /// The value's bytes alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// Reads jute values from bytes. Buffers are slices of these bytes, not copies: a caller that keeps one
/// keeps the whole frame alive.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    max_field: usize,
}

impl<'a> Reader<'a> {
    /// Read `bytes` from their start with [`DEFAULT_MAX_FIELD`].
    pub fn new(bytes: &'a Bytes) -> Self {
        Self::with_limit(bytes, DEFAULT_MAX_FIELD)
    }

    /// Read `bytes` from their start; no string or buffer may be longer than `max_field` bytes.
    pub fn with_limit(bytes: &'a Bytes, max_field: usize) -> Self {
        Reader { bytes, at: 0, max_field }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Everything that is left, as a slice of the frame.
    pub fn rest(&mut self) -> Bytes {
        let rest = self.bytes.slice(self.at..);
        self.at = self.bytes.len();
        rest
    }

    /// The error "this field, which starts here, is wrong".
    pub fn error(&self, field: &'static str, why: Why) -> WireError {
        WireError { field, at: self.at as u64, why }
    }

    fn take(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.error(field, Why::Truncated))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, field)?);
        Ok(array)
    }

    /// A byte.
    pub fn byte(&mut self, field: &'static str) -> Result<u8, WireError> {
        Ok(self.array::<1>(field)?[0])
    }

    /// A boolean: any byte but 0 is true.
    pub fn boolean(&mut self, field: &'static str) -> Result<bool, WireError> {
        Ok(self.byte(field)? != 0)
    }

    /// An int.
    pub fn int(&mut self, field: &'static str) -> Result<i32, WireError> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// A long.
    pub fn long(&mut self, field: &'static str) -> Result<i64, WireError> {
        self.array(field).map(i64::from_be_bytes)
    }

    /// The length of a string or buffer; `None` is null.
    fn length(&mut self, field: &'static str) -> Result<Option<usize>, WireError> {
        let before = self.clone();
        let len = self.int(field)?;
        if len == -1 {
            return Ok(None);
        }
        match usize::try_from(len) {
            Ok(n) if n <= self.max_field => Ok(Some(n)),
            _ => Err(before.error(field, Why::Length { len: i64::from(len), max: self.max_field as u64 })),
        }
    }

    /// A buffer, as a slice of the frame; `None` is null.
    pub fn buffer(&mut self, field: &'static str) -> Result<Option<Bytes>, WireError> {
        let Some(len) = self.length(field)? else { return Ok(None) };
        let start = self.at;
        self.take(len, field)?;
        Ok(Some(self.bytes.slice(start..start + len)))
    }

    /// A string, borrowed from the frame if it is plain UTF-8; `None` is null.
    ///
    /// Never fails because of its content: see [`decode_string`].
    pub fn string(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, WireError> {
        let Some(len) = self.length(field)? else { return Ok(None) };
        Ok(Some(decode_string(self.take(len, field)?)))
    }

    /// A string that must not be null, borrowed from the frame if it is plain UTF-8.
    pub fn str(&mut self, field: &'static str) -> Result<Cow<'a, str>, WireError> {
        let before = self.clone();
        self.string(field)?.ok_or_else(|| before.error(field, Why::Null))
    }

    /// The count of a vector: null and every other negative count read as an empty vector. The count is a
    /// claim, not a size to allocate. Each element takes at least one byte, and a count that cannot be true
    /// is refused at once.
    pub fn count(&mut self, field: &'static str) -> Result<usize, WireError> {
        let before = self.clone();
        let count = usize::try_from(self.int(field)?).unwrap_or(0);
        if count > self.remaining() { Err(before.error(field, Why::Truncated)) } else { Ok(count) }
    }

    /// A vector that must not be null.
    pub fn some_vector<T: Jute>(&mut self, field: &'static str) -> Result<Vec<T>, WireError> {
        if self.clone().int(field)? == -1 {
            return Err(self.error(field, Why::Null));
        }
        self.vector(field)
    }

    /// A vector: a count and that many elements; null is an empty one.
    pub fn vector<T: Jute>(&mut self, field: &'static str) -> Result<Vec<T>, WireError> {
        let count = self.count(field)?;
        let mut vector = Vec::with_capacity(count.min(RESERVE_AT_MOST));
        for _ in 0..count {
            vector.push(T::read(self, field)?);
        }
        Ok(vector)
    }
}

/// A string's text. Java's reader replaces what is not UTF-8 by U+FFFD and so does this one, with one
/// exception. A character outside of the basic plane that was written as two surrogates (CESU-8) is read as
/// what it is. Java's writer and [`write_string`] write it so.
pub fn decode_string(bytes: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_damaged(bytes)),
    }
}

fn decode_damaged(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while !bytes.is_empty() {
        match core::str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                break;
            }
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                text.push_str(core::str::from_utf8(good).unwrap_or_default());
                let (c, used) = match (surrogate(bad), surrogate(bad.get(3..).unwrap_or_default())) {
                    (Some(high @ 0xD800..0xDC00), Some(low @ 0xDC00..0xE000)) => {
                        let c = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                        (char::from_u32(c), 6)
                    }
                    (Some(_), _) => (None, 3),
                    (None, _) => (None, error.error_len().unwrap_or(bad.len())),
                };
                text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
                bytes = &bad[used..];
            }
        }
    }
    text
}

/// The UTF-16 surrogate that these bytes begin with, if they do.
fn surrogate(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF, ..] => {
            Some(0xD000 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F))
        }
        _ => None,
    }
}

/// Append a length.
///
/// # Panics
/// On a length that an int cannot hold (2 GiB): no limit lets such a value in.
pub fn write_length(out: &mut Vec<u8>, len: usize) {
    let len = i32::try_from(len).expect("a length must fit an int");
    out.extend_from_slice(&len.to_be_bytes());
}

/// Append a buffer; `None` is null.
pub fn write_buffer(out: &mut Vec<u8>, buffer: Option<&[u8]>) {
    match buffer {
        None => (-1i32).write(out),
        Some(buffer) => {
            out.reserve(4 + buffer.len());
            write_length(out, buffer.len());
            out.extend_from_slice(buffer);
        }
    }
}

/// Append a string; each UTF-16 unit is encoded by itself, as Java does it (CESU-8).
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b < 0xF0) {
        return write_buffer(out, Some(text.as_bytes()));
    }
    // A character of 4 bytes becomes two surrogates of 3.
    let longer = 2 * text.bytes().filter(|b| *b >= 0xF0).count();
    out.reserve(4 + text.len() + longer);
    write_length(out, text.len() + longer);
    for c in text.chars() {
        if c.len_utf8() < 4 {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let [high, low] = [(*unit >> 6) as u8 & 0x3F, *unit as u8 & 0x3F];
                out.extend_from_slice(&[0xED, 0x80 | high, 0x80 | low]);
            }
        }
    }
}

/// Append a vector.
pub fn write_vector<T: Jute>(out: &mut Vec<u8>, elements: &[T]) {
    write_length(out, elements.len());
    for element in elements {
        element.write(out);
    }
}

impl Jute for bool {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.boolean(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Jute for i32 {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.int(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Jute for i64 {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.long(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Jute for Zxid {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.long(field).map(|v| Zxid(v as u64))
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Jute for SessionId {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.long(field).map(SessionId)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl Jute for ServerId {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.long(field).map(ServerId)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl Jute for String {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.str(field).map(Cow::into_owned)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_string(out, self);
    }
}

impl Jute for Option<String> {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        Ok(r.string(field)?.map(Cow::into_owned))
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).write(out),
            Some(text) => write_string(out, text),
        }
    }
}

impl Jute for Option<Bytes> {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.buffer(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_buffer(out, self.as_deref());
    }
}

impl<T: Jute> Jute for Vec<T> {
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        r.vector(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_vector(out, self);
    }
}

/// Declares a record: the struct, and how it is read and written (its fields in order).
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }

        impl $crate::wire::jute::Jute for $name {
            fn read(
                r: &mut $crate::wire::jute::Reader<'_>,
                _: &'static str,
            ) -> Result<Self, $crate::wire::jute::WireError> {
                Ok($name {
                    $($field: $crate::wire::jute::Jute::read(
                        r,
                        concat!(stringify!($name), ".", stringify!($field)),
                    )?),*
                })
            }
            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::wire::jute::Jute::write(&self.$field, out);)*
            }
        }
    };
}

/// Declares an enum that travels as an int.
macro_rules! int_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(i32)]
        pub enum $name { $($(#[$vmeta])* $variant = $value),* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The int that travels.
            pub const fn to_i32(self) -> i32 {
                self as i32
            }

            /// What an int stands for, if for anything.
            pub const fn from_i32(value: i32) -> Option<Self> {
                match value {
                    $($value => Some($name::$variant),)*
                    _ => None,
                }
            }
        }

        impl $crate::wire::jute::Jute for $name {
            fn read(
                r: &mut $crate::wire::jute::Reader<'_>,
                field: &'static str,
            ) -> Result<Self, $crate::wire::jute::WireError> {
                let before = r.clone();
                let value = r.int(field)?;
                $name::from_i32(value).ok_or_else(|| {
                    before.error(field, $crate::wire::jute::Why::Value(i64::from(value)))
                })
            }
            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::wire::jute::Jute::write(&self.to_i32(), out);
            }
        }
    };
}

pub(crate) use {int_enum, record};

#[cfg(test)]
mod tests;
