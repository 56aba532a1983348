//! A server's log: records, and the byte positions at which they end.

use afterwrite_types::{InsertPointer, WalGeometry};

/// Small pages, so that records often end where a page does.
pub(crate) const BLOCK: u64 = 1024;
pub(crate) const SEGMENT: u64 = 1 << 20;

/// Where every log begins: close to a segment's end, so that a run crosses it.
pub(crate) const START: u64 = 0x0500_0000 - 2000;

/// A row's number.
pub(crate) type RowId = u32;
/// A version of a row: no two writes share one.
pub(crate) type Version = u64;

/// One record. Without changes it is the server's own (a checkpoint, a promotion).
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The position right behind it.
    pub(crate) end: u64,
    /// What its commit makes visible.
    pub(crate) changes: Vec<(RowId, Version)>,
    /// When it was written, in microseconds of virtual time.
    pub(crate) at: u64,
    /// The transaction that it commits; 0 if it is no commit.
    pub(crate) number: u64,
}

/// How the model's servers cut their logs.
pub(crate) fn geometry() -> WalGeometry {
    WalGeometry::new(BLOCK, SEGMENT).unwrap_or_default()
}

fn header_at(position: u64) -> u64 {
    match position {
        at if at % SEGMENT == 0 => 40,
        at if at % BLOCK == 0 => 24,
        _ => 0,
    }
}

/// What `pg_current_wal_insert_lsn()` says when the last record ends at `end`.
pub(crate) fn insert_pointer(end: u64) -> InsertPointer {
    InsertPointer(end + header_at(end))
}

/// Bytes left on the page that the next record begins on.
pub(crate) fn left_on_page(end: u64) -> u64 {
    let start = end + header_at(end);
    BLOCK - start % BLOCK
}

/// Where a record of `size` bytes behind `end` ends; pages have headers.
pub(crate) fn record_end(end: u64, size: u64) -> u64 {
    let mut at = end + header_at(end);
    let mut left = size;
    loop {
        let room = BLOCK - at % BLOCK;
        if left <= room {
            return at + left;
        }
        left -= room;
        at += room;
        at += header_at(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The rule about page headers finds exactly the end of the last record.
        #[test]
        fn the_insert_pointer_is_brought_back_to_the_record(
            sizes in prop::collection::vec(5u64..120, 1..200), cut: bool,
        ) {
            let mut end = START;
            for size in sizes {
                let size = if cut && size % 5 == 0 { left_on_page(end).max(40) } else { size * 8 };
                let next = record_end(end, size);
                prop_assert!(next > end);
                end = next;
                let pointer = insert_pointer(end);
                prop_assert_eq!(pointer.last_record_end(geometry()).0, end);
            }
        }
    }
}
