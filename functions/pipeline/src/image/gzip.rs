//! Gzip on every core, with the same bytes on any number of them.
//!
//! The input is cut into blocks of a fixed size. Each is compressed by itself and ends on a byte boundary (an empty
//! stored block, zlib's "sync flush"), so that the blocks follow each other in one deflate stream, in one gzip member:
//! any reader takes it, also one that stops after the first member. Where a block is cut depends on its position
//! alone, so neither the number of workers nor their speed shows in the output.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sha2::{Digest, Sha256};

use super::digest;

/// The uncompressed size of a block. Smaller ones cost compression (each starts with an empty window), larger ones
/// memory: about three blocks are held for each worker.
const BLOCK: usize = 1 << 20;
/// Measured on Python packages with zlib-rs: level 2 leaves 32 % in half the time in which level 6 leaves 29 %.
const LEVEL: u32 = 2;
/// More workers than this only wait for the one thread that reads.
const MOST_WORKERS: usize = 16;
/// Magic, deflate, no flags, no time, no level, operating system "unknown": nothing of the machine or the moment.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A last, empty block with fixed codes: ends the deflate stream.
const END_OF_STREAM: [u8; 2] = [0x03, 0x00];

/// What was compressed, from both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    /// SHA-256 of the compressed bytes.
    pub digest: String,
    /// Number of compressed bytes.
    pub size: u64,
    /// SHA-256 of the uncompressed bytes.
    pub uncompressed_digest: String,
    /// Number of uncompressed bytes.
    pub uncompressed_size: u64,
}

/// The number of workers that this machine can feed.
pub fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)
}

/// Compresses what `produce` writes into `output`, with `workers` threads and one for the writing.
///
/// Gives what `produce` gave and the digests and sizes of both sides, taken on the way. The first error of either side
/// ends both; `output` then holds an incomplete stream.
pub fn compress<W, T, E>(output: W, workers: usize, produce: impl FnOnce(&mut dyn Write) -> Result<T, E>) -> Result<(T, Compressed), E>
where
    W: Write + Send,
    E: From<io::Error>,
{
    let workers = workers.clamp(1, MOST_WORKERS);
    let (jobs, queue) = sync_channel::<Job>(workers);
    let (order, results) = sync_channel::<Receiver<io::Result<Block>>>(workers * 2);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&queue));
        }
        let writing = scope.spawn(move || write_in_order(output, &results));
        let mut blocks = Blocks { pending: Vec::with_capacity(BLOCK), jobs, order, hash: Sha256::new(), size: 0 };
        let produced = produce(&mut blocks).and_then(|value| {
            blocks.dispatch()?;
            Ok(value)
        });
        let (hash, uncompressed_size) = blocks.finish();
        let written = writing.join().unwrap_or_else(|_| Err(io::Error::other("the compressing thread failed")));
        // When the output fails, the producer sees only a closed channel: the output's error is the cause.
        let (size, digest) = written?;
        let value = produced?;
        Ok((value, Compressed { digest, size, uncompressed_digest: digest::written(hash), uncompressed_size }))
    })
}

/// A block to compress, and where its result goes.
struct Job {
    data: Vec<u8>,
    result: SyncSender<io::Result<Block>>,
}

/// A compressed block.
struct Block {
    data: Vec<u8>,
    checksum: Crc,
}

/// Cuts what is written to it into blocks and hands them to the workers, in order.
struct Blocks {
    pending: Vec<u8>,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<io::Result<Block>>>,
    hash: Sha256,
    size: u64,
}

impl Blocks {
    fn dispatch(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let data = std::mem::replace(&mut self.pending, Vec::with_capacity(BLOCK));
        self.hash.update(&data);
        self.size += data.len() as u64;
        let (result, receiver) = sync_channel(1);
        let closed = |_| io::Error::other("compressing has stopped");
        self.order.send(receiver).map_err(|error| closed(error.to_string()))?;
        self.jobs.send(Job { data, result }).map_err(|error| closed(error.to_string()))
    }

    /// Closes the channels, so that the other threads end.
    fn finish(self) -> (Sha256, u64) {
        (self.hash, self.size)
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == BLOCK {
            self.dispatch()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok(job) = job else { return };
        // A writer that has given up no longer receives; the next send of the producer tells it.
        let _ = job.result.send(deflate_block(&mut deflate, &job.data));
    }
}

fn deflate_block(deflate: &mut Compress, data: &[u8]) -> io::Result<Block> {
    let mut checksum = Crc::new();
    checksum.update(data);
    deflate.reset();
    let mut compressed = Vec::with_capacity(data.len() / 2 + 1024);
    loop {
        let rest = &data[deflate.total_in() as usize..];
        let status = deflate.compress_vec(rest, &mut compressed, FlushCompress::Sync).map_err(io::Error::other)?;
        let all_taken = deflate.total_in() == data.len() as u64;
        // Room left over in the output says that the flush is complete.
        if all_taken && compressed.len() < compressed.capacity() {
            return Ok(Block { data: compressed, checksum });
        }
        if status == Status::StreamEnd {
            return Err(io::Error::other("the deflate stream ended early"));
        }
        compressed.reserve(data.len() / 2 + 1024);
    }
}

/// Writes the blocks in the order in which they were cut; gives the number of bytes and their digest.
fn write_in_order(mut output: impl Write, results: &Receiver<Receiver<io::Result<Block>>>) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut checksum = Crc::new();
    let mut write = |bytes: &[u8]| {
        hash.update(bytes);
        size += bytes.len() as u64;
        output.write_all(bytes)
    };
    write(&HEADER)?;
    for result in results {
        let block = result.recv().map_err(|_| io::Error::other("a compressing thread failed"))??;
        checksum.combine(&block.checksum);
        write(&block.data)?;
    }
    write(&END_OF_STREAM)?;
    write(&checksum.sum().to_le_bytes())?;
    // The format keeps the length modulo 2^32.
    write(&checksum.amount().to_le_bytes())?;
    output.flush()?;
    Ok((size, digest::written(hash)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;

    use super::*;

    fn sample(size: usize) -> Vec<u8> {
        // Half text-like, half noise from a small generator: both kinds of blocks appear.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        (0..size)
            .map(|index| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                if (index / 100_000) % 2 == 0 { b"import numpy as np\n"[index % 19] } else { (state >> 32) as u8 }
            })
            .collect()
    }

    fn compressed(input: &[u8], workers: usize, piece: usize) -> (Vec<u8>, Compressed) {
        let mut output = Vec::new();
        let ((), summary) =
            compress::<_, _, io::Error>(&mut output, workers, |sink| input.chunks(piece).try_for_each(|chunk| sink.write_all(chunk)))
                .unwrap();
        (output, summary)
    }

    #[test]
    fn one_member_that_reads_back_at_every_size() {
        for size in [0, 1, 511, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 77] {
            let input = sample(size);
            let (output, summary) = compressed(&input, 2, 10_007);
            let mut back = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(&output[..]);
            reader.read_to_end(&mut back).unwrap();
            assert!(back == input, "{size} bytes differ after a round trip");
            assert_eq!(summary.size, output.len() as u64);
            assert_eq!(summary.uncompressed_size, size as u64);
            assert_eq!(summary.digest, digest::sha256(&output));
            assert_eq!(summary.uncompressed_digest, digest::sha256(&input));
        }
    }

    #[test]
    fn neither_workers_nor_pieces_show_in_the_output() {
        let input = sample(7 * BLOCK + 123);
        let (first, _) = compressed(&input, 1, 4096);
        for (workers, piece) in [(2, 1000), (3, BLOCK), (8, 3 * BLOCK), (16, 65_536)] {
            let (other, _) = compressed(&input, workers, piece);
            assert!(first == other, "{workers} workers, pieces of {piece}");
        }
    }

    #[test]
    fn an_output_that_fails_ends_the_producer_with_its_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("disk full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let input = sample(BLOCK);
        let error = compress::<_, (), io::Error>(Full, 2, |sink| {
            loop {
                sink.write_all(&input)?;
            }
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "disk full");
    }

    #[test]
    fn a_producer_that_fails_ends_with_its_own_error() {
        let error = compress::<_, (), io::Error>(Vec::new(), 2, |sink| {
            sink.write_all(b"some")?;
            Err(io::Error::other("unreadable"))
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "unreadable");
    }
}
