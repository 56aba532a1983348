//! How a server cuts its log into pages and segments, and the trap in that.

use crate::Lsn;

/// Bytes of a page header in the log, and of the longer one that opens a segment.
const PAGE_HEADER: u64 = 24;
const SEGMENT_HEADER: u64 = 40;

/// The page and segment size of one server's log, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalGeometry {
    block: u64,
    segment: u64,
}

impl Default for WalGeometry {
    fn default() -> Self {
        Self { block: 8192, segment: 16 * 1024 * 1024 }
    }
}

impl WalGeometry {
    /// Accepts what `wal_block_size` and `wal_segment_size` may be: powers of two,
    /// 1 KiB to 64 KiB and 1 MiB to 1 GiB.
    pub fn new(block: u64, segment: u64) -> Option<Self> {
        let sound = block.is_power_of_two()
            && segment.is_power_of_two()
            && (1024..=65_536).contains(&block)
            && (1 << 20..=1 << 30).contains(&segment);
        sound.then_some(Self { block, segment })
    }

    /// Bytes in a page.
    pub fn block(self) -> u64 {
        self.block
    }

    /// Bytes in a segment.
    pub fn segment(self) -> u64 {
        self.segment
    }
}

/// Where the primary will write its next record: `pg_current_wal_insert_lsn()`.
///
/// Not an [`Lsn`] to wait for. When the last record ends exactly at a page's
/// end, this points past the next page's header, where no record ends; on an
/// idle primary no replica would ever replay that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertPointer(pub u64);

impl InsertPointer {
    /// The least position that covers every record written so far.
    ///
    /// A pointer just behind a page header means that the last record ended at
    /// the page's start. (A continued record may legitimately end 40 bytes into
    /// an ordinary page, which is why the two headers are told apart.)
    pub fn last_record_end(self, wal: WalGeometry) -> Lsn {
        let Self(at) = self;
        let in_segment = at & (wal.segment - 1);
        let in_block = at & (wal.block - 1);
        if in_segment == SEGMENT_HEADER {
            Lsn(at - SEGMENT_HEADER)
        } else if in_block == PAGE_HEADER && in_segment != PAGE_HEADER {
            Lsn(at - PAGE_HEADER)
        } else {
            Lsn(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pointer: u64, end: u64) {
        assert_eq!(InsertPointer(pointer).last_record_end(WalGeometry::default()), Lsn(end));
    }

    #[test]
    fn page_headers_are_not_waited_for() {
        check(0x0500_2000 + 24, 0x0500_2000); // behind an ordinary page's header
        check(0x0500_0000 + 40, 0x0500_0000); // behind a segment's header
        check(0x0407_C028, 0x0407_C028); // a continued record that ends 40 bytes into a page
        check(0x0500_0000 + 24, 0x0500_0018); // 24 bytes into a segment is inside its header
        check(0x0500_2000, 0x0500_2000);
        check(0x0500_2030, 0x0500_2030);
    }

    #[test]
    fn impossible_geometries_are_refused() {
        assert_eq!(WalGeometry::new(8192, 16 << 20), Some(WalGeometry::default()));
        for (block, segment) in [(0, 16 << 20), (8192, 0), (8000, 16 << 20), (8192, 3 << 20)] {
            assert_eq!(WalGeometry::new(block, segment), None);
        }
    }

    proptest! {
        #[test]
        fn never_above_the_pointer_and_never_far_below(at in 1u64 << 24..1 << 60) {
            let end = InsertPointer(at).last_record_end(WalGeometry::default()).0;
            prop_assert!(end <= at && at - end <= SEGMENT_HEADER);
        }
    }
}
