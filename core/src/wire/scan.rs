//! Finds where a jute value ends in bytes that are still arriving.

use super::jute::{Why, WireError};

/// Why a scan did not reach its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The rest has not arrived.
    More,
    /// No rest can make it right.
    Bad(WireError),
}

/// What a scan of bytes that are still arriving found: the value, nothing yet, or an error.
pub(crate) fn arrived<T>(scanned: Result<T, Stop>) -> Result<Option<T>, WireError> {
    match scanned {
        Ok(value) => Ok(Some(value)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Bad(error)) => Err(error),
    }
}

/// A position in bytes that are still arriving.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    max_field: usize,
}

impl<'a> Scan<'a> {
    /// Scan from the start of `bytes`; no string or buffer may be longer than `max_field`.
    pub(crate) fn new(bytes: &'a [u8], max_field: usize) -> Self {
        Scan { bytes, at: 0, max_field }
    }

    /// How far the scan got.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Pass `n` bytes.
    pub(crate) fn skip(&mut self, n: usize) -> Result<(), Stop> {
        if self.bytes.len() - self.at < n {
            return Err(Stop::More);
        }
        self.at += n;
        Ok(())
    }

    /// Pass an int.
    pub(crate) fn int(&mut self) -> Result<i32, Stop> {
        let start = self.at;
        self.skip(4)?;
        let mut int = [0; 4];
        int.copy_from_slice(&self.bytes[start..self.at]);
        Ok(i32::from_be_bytes(int))
    }

    /// Pass a string or buffer; its length is checked even if it has not arrived. Null passes.
    pub(crate) fn field(&mut self, field: &'static str) -> Result<&'a [u8], Stop> {
        let at = self.at as u64;
        let len = self.int()?;
        if len == -1 {
            return Ok(&[]);
        }
        let n = usize::try_from(len).ok().filter(|n| *n <= self.max_field);
        let why = Why::Length { len: i64::from(len), max: self.max_field as u64 };
        let n = n.ok_or(Stop::Bad(WireError { field, at, why }))?;
        let start = self.at;
        self.skip(n)?;
        Ok(&self.bytes[start..self.at])
    }

    /// Pass a vector whose elements `element` passes. All of it may be no longer than a field.
    pub(crate) fn vector(
        &mut self,
        field: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let at = self.at;
        let count = self.int()?;
        for _ in 0..count {
            element(self)?;
            let len = self.at - at;
            if len > self.max_field {
                let why = Why::Length { len: len as i64, max: self.max_field as u64 };
                return Err(Stop::Bad(WireError { field, at: at as u64, why }));
            }
        }
        Ok(())
    }
}
