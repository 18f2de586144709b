//! An ensemble's arrays as bytes: the letters `TSE1`; seven little-endian 32-bit numbers (columns, outputs, trees, nodes, numbers in
//! `values` for each node, sets, words of the sets); then, each as long as those say and little-endian, `threshold`, `cover`,
//! `values`, `roots`, `tree_outputs`, `left`, `right`, `column`, where there are sets `left_set`, `known_set`, `set_ends` and
//! `words`, and at the end `kind`, a byte for each node.

use crate::parts::{Malformed, Parts};

const LETTERS: &[u8; 4] = b"TSE1";

impl Parts {
    /// Reads the bytes. Only their lengths are checked here; [`crate::Ensemble::new`] checks what they say.
    ///
    /// # Errors
    /// [`Malformed::Bytes`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != LETTERS {
            return Err(Malformed::Bytes("they do not begin with TSE1"));
        }
        let (columns, outputs) = (reader.number()?, reader.number()?);
        let (trees, nodes, width) = (reader.number()? as usize, reader.number()? as usize, reader.number()? as usize);
        let (sets, words) = (reader.number()? as usize, reader.number()? as usize);
        let numbers = nodes.checked_mul(width).ok_or(Malformed::Bytes("they announce too many values"))?;
        let categorical = if sets > 0 { nodes } else { 0 };
        let parts = Self {
            columns,
            outputs,
            threshold: reader.all(nodes, f64::from_le_bytes)?,
            cover: reader.all(nodes, f64::from_le_bytes)?,
            values: reader.all(numbers, f64::from_le_bytes)?,
            roots: reader.all(trees, u32::from_le_bytes)?,
            tree_outputs: reader.all(trees, u32::from_le_bytes)?,
            left: reader.all(nodes, i32::from_le_bytes)?,
            right: reader.all(nodes, i32::from_le_bytes)?,
            column: reader.all(nodes, u32::from_le_bytes)?,
            left_set: reader.all(categorical, u32::from_le_bytes)?,
            known_set: reader.all(categorical, u32::from_le_bytes)?,
            set_ends: reader.all(sets, u32::from_le_bytes)?,
            words: reader.all(words, u32::from_le_bytes)?,
            kind: reader.take(nodes)?.to_vec(),
        };
        if reader.0.is_empty() { Ok(parts) } else { Err(Malformed::Bytes("more follow than they announce")) }
    }

    /// Writes the bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = LETTERS.to_vec();
        let nodes = self.left.len();
        let width = self.values.len().checked_div(nodes).unwrap_or(1);
        let counts = [self.roots.len(), nodes, width, self.set_ends.len(), self.words.len()];
        for number in [self.columns, self.outputs].into_iter().chain(counts.map(|count| count as u32)) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for array in [&self.threshold, &self.cover, &self.values] {
            array.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        for array in [&self.roots, &self.tree_outputs] {
            array.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        for array in [&self.left, &self.right] {
            array.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        for array in [&self.column, &self.left_set, &self.known_set, &self.set_ends, &self.words] {
            array.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        bytes.extend_from_slice(&self.kind);
        bytes
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Bytes("they end early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Bytes("they end early"))?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*taken))
    }

    fn all<const N: usize, T>(&mut self, count: usize, read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Malformed> {
        let size = count.checked_mul(N).ok_or(Malformed::Bytes("they announce too many numbers"))?;
        let (chunks, _) = self.take(size)?.as_chunks::<N>();
        Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
    }
}
