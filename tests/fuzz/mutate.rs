//! Changes bytes as strangers do: lengths that lie, parts that are missing or come twice.

use fastrand::Rng;

/// Numbers at which programs err.
const EDGES: [i32; 12] =
    [0, 1, -1, 2, 0x7f, 0xff, 0xffff, 0x0010_0000, 0x7fff_ffff, i32::MIN, 0x000f_ffff, -0x8000];

/// One of these, changed in up to four places; now and then nothing but noise.
pub(crate) fn mutated(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    if rng.u8(..12) == 0 || corpus.is_empty() {
        let len = rng.usize(..120);
        return (0..len).map(|_| if rng.bool() { 0 } else { rng.u8(..) }).collect();
    }
    let mut bytes = corpus[rng.usize(..corpus.len())].clone();
    for _ in 0..rng.u8(0..5) {
        change(rng, &mut bytes, corpus);
    }
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = rng.usize(..=bytes.len());
    match rng.u8(..8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => bytes.truncate(at),
        3 | 4 => {
            let edge = EDGES[rng.usize(..EDGES.len())].to_be_bytes();
            let end = bytes.len().min(at + 4);
            bytes[at..end].copy_from_slice(&edge[..end - at]);
        }
        5 => {
            let other = &corpus[rng.usize(..corpus.len())];
            let from = rng.usize(..=other.len());
            let to = rng.usize(from..=other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        6 => {
            let to = rng.usize(at..=bytes.len());
            let twice = bytes[at..to].to_vec();
            for _ in 0..rng.u8(1..6) {
                bytes.splice(at..at, twice.iter().copied());
            }
        }
        _ => {
            let to = rng.usize(at..=bytes.len().min(at + 16));
            bytes.drain(at..to);
        }
    }
    bytes.truncate(1 << 20);
}
