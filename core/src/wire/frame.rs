//! Cuts a stream into frames: the client port and the election port send a length, then that many
//! bytes.

use core::ops::RangeInclusive;

use bytes::{Buf, Bytes, BytesMut};

use super::jute::{DEFAULT_MAX_BUFFER, Why, WireError};

/// The longest frame of the election port, in bytes.
pub const MAX_ELECTION_FRAME: usize = 512 * 1024;

/// Bytes as they arrive, and the frames in them.
///
/// Frames are slices of the bytes that arrived, not copies: a caller that keeps a frame keeps what
/// arrived with it.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    min: usize,
    max: usize,
    consumed: u64,
}

impl FrameDecoder {
    /// Frames of `min..=max` bytes, the length not counted.
    pub fn new(min: usize, max: usize) -> Self {
        FrameDecoder { buffer: BytesMut::new(), min, max, consumed: 0 }
    }

    /// The client port's frames: at most [`DEFAULT_MAX_BUFFER`] bytes.
    pub fn client() -> Self {
        Self::new(0, DEFAULT_MAX_BUFFER)
    }

    /// The election port's frames: 1 to [`MAX_ELECTION_FRAME`] bytes.
    pub fn election() -> Self {
        Self::new(1, MAX_ELECTION_FRAME)
    }

    /// Append bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What has arrived and is in no frame yet; a socket may be read to its end directly.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The first four bytes that are in no frame yet: a length, or one of the client port's
    /// four-letter words.
    pub fn peek(&self) -> Option<[u8; 4]> {
        self.buffer.first_chunk().copied()
    }

    /// Take the next frame, if all of it has arrived.
    ///
    /// # Errors
    /// A length outside of the limits, now and from then on: the connection is to be closed.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, WireError> {
        let limits = self.min..=self.max;
        let frame = split_frame(&mut self.buffer, limits).map_err(|error| error.after(self.consumed))?;
        self.consumed += frame.as_ref().map_or(0, |frame| 4 + frame.len() as u64);
        Ok(frame)
    }
}

/// Take the first frame off `buffer`, if all of it has arrived; without the length in front of it.
///
/// # Errors
/// A length outside of the limits; nothing is taken then.
pub fn split_frame(buffer: &mut BytesMut, limits: RangeInclusive<usize>) -> Result<Option<Bytes>, WireError> {
    let Some(head) = buffer.first_chunk().copied() else { return Ok(None) };
    let len = i32::from_be_bytes(head);
    let why = Why::Length { len: i64::from(len), max: *limits.end() as u64 };
    let n = usize::try_from(len).ok().filter(|n| limits.contains(n));
    let n = n.ok_or(WireError { field: "frame.length", at: 0, why })?;
    // No room is made for what has only been announced: four bytes must not cost a megabyte.
    if buffer.len() - 4 < n {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(n).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client::write_frame;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn limits() {
        let mut client = FrameDecoder::client();
        client.feed(&[0; 4]);
        assert_eq!(client.next_frame(), Ok(Some(Bytes::new())));
        client.feed(&(DEFAULT_MAX_BUFFER as i32 + 1).to_be_bytes());
        let error = client.next_frame().unwrap_err();
        assert_eq!(error.at, 4);
        assert_eq!(error.why, Why::Length { len: 1_048_576, max: 1_048_575 });
        assert_eq!(client.next_frame(), Err(error));
        for bad in [0, -1, MAX_ELECTION_FRAME as i32 + 1] {
            let mut election = FrameDecoder::election();
            election.feed(&bad.to_be_bytes());
            assert!(election.next_frame().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_four_letter_word_can_be_seen_before_it_is_a_length() {
        let mut client = FrameDecoder::client();
        client.feed(b"ruo");
        assert_eq!(client.peek(), None);
        client.feed(b"k");
        assert_eq!(client.peek(), Some(*b"ruok"));
        assert!(client.next_frame().is_err());
    }

    #[test]
    fn announced_bytes_cost_nothing() {
        let mut client = FrameDecoder::client();
        client.feed(&(DEFAULT_MAX_BUFFER as i32).to_be_bytes());
        assert_eq!(client.next_frame(), Ok(None));
        assert!(client.buffer().capacity() < 1024);
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_arrive(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..8),
            chunk in 1usize..40,
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                write_frame(&mut stream, |out| out.extend_from_slice(frame));
            }
            let mut decoder = FrameDecoder::client();
            let mut got = Vec::new();
            for part in stream.chunks(chunk) {
                decoder.feed(part);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    got.push(frame.to_vec());
                }
            }
            prop_assert_eq!(got, frames);
            prop_assert!(decoder.buffer().is_empty());
        }
    }
}
