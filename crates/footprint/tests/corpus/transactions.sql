--- transactions_begin
--- route: any
--- kind: transaction
--- standby: runs
BEGIN;

--- transactions_begin_work
--- route: any
--- kind: transaction
--- standby: runs
BEGIN WORK;

--- transactions_begin_tx
--- route: any
--- kind: transaction
--- standby: runs
BEGIN TRANSACTION;

--- transactions_begin_ro
--- route: any
--- kind: transaction
--- standby: runs
BEGIN READ ONLY;

--- transactions_begin_tx_ro
--- route: any
--- kind: transaction
--- standby: runs
BEGIN TRANSACTION READ ONLY;

--- transactions_begin_rw
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: cannot set transaction read-write mode during recovery
BEGIN READ WRITE;

--- transactions_begin_rc
--- route: any
--- kind: transaction
--- standby: runs
BEGIN ISOLATION LEVEL READ COMMITTED;

--- transactions_begin_ru
--- route: any
--- kind: transaction
--- standby: runs
BEGIN ISOLATION LEVEL READ UNCOMMITTED;

--- transactions_begin_rr
--- route: any
--- kind: transaction
--- standby: runs
BEGIN ISOLATION LEVEL REPEATABLE READ;

--- transactions_begin_rr_ro
--- route: any
--- kind: transaction
--- standby: runs
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;

--- transactions_begin_ser
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: cannot use serializable mode in a hot standby
BEGIN ISOLATION LEVEL SERIALIZABLE;

--- transactions_begin_ser_ro
--- route: primary
--- kind: transaction
--- standby: fails 0A000
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;

--- transactions_begin_rr_nocomma
--- route: any
--- kind: transaction
--- standby: runs
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE;

--- transactions_begin_rw_ro
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: given twice: the last one counts, but each is checked, and READ WRITE fails on a standby
BEGIN READ WRITE, READ ONLY;

--- transactions_begin_ro_rw
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: given twice: the last one counts
BEGIN READ ONLY, READ WRITE;

--- transactions_start
--- route: any
--- kind: transaction
--- standby: runs
START TRANSACTION;

--- transactions_start_ro
--- route: any
--- kind: transaction
--- standby: runs
START TRANSACTION READ ONLY;

--- transactions_start_rw
--- route: primary
--- kind: transaction
--- standby: fails 0A000
START TRANSACTION READ WRITE;

--- transactions_start_all
--- route: any
--- kind: transaction
--- standby: runs
START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE;

--- transactions_start_ser
--- route: primary
--- kind: transaction
--- standby: fails 0A000
START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;

--- transactions_commit
--- route: any
--- kind: transaction
--- standby: runs
--- why: a warning outside a transaction block
COMMIT;

--- transactions_commit_work
--- route: any
--- kind: transaction
--- standby: runs
COMMIT WORK;

--- transactions_commit_tx
--- route: any
--- kind: transaction
--- standby: runs
COMMIT TRANSACTION;

--- transactions_commit_no_chain
--- route: any
--- kind: transaction
--- standby: runs
COMMIT AND NO CHAIN;

--- transactions_commit_chain
--- route: any
--- kind: transaction
--- standby: fails 25P01
--- why: only in a transaction block
COMMIT AND CHAIN;

--- transactions_end
--- route: any
--- kind: transaction
--- standby: runs
END;

--- transactions_end_work
--- route: any
--- kind: transaction
--- standby: runs
END WORK;

--- transactions_end_chain
--- route: any
--- kind: transaction
--- standby: fails 25P01
END TRANSACTION AND CHAIN;

--- transactions_rollback
--- route: any
--- kind: transaction
--- standby: runs
ROLLBACK;

--- transactions_rollback_work
--- route: any
--- kind: transaction
--- standby: runs
ROLLBACK WORK;

--- transactions_rollback_chain
--- route: any
--- kind: transaction
--- standby: fails 25P01
ROLLBACK AND CHAIN;

--- transactions_abort
--- route: any
--- kind: transaction
--- standby: runs
ABORT;

--- transactions_abort_tx
--- route: any
--- kind: transaction
--- standby: runs
ABORT TRANSACTION AND NO CHAIN;

--- transactions_savepoint
--- route: any
--- kind: transaction
--- standby: fails 25P01
SAVEPOINT a;

--- transactions_rollback_to
--- route: any
--- kind: transaction
--- standby: fails 25P01
ROLLBACK TO SAVEPOINT a;

--- transactions_rollback_to_short
--- route: any
--- kind: transaction
--- standby: fails 25P01
ROLLBACK TO a;

--- transactions_rollback_work_to
--- route: any
--- kind: transaction
--- standby: fails 25P01
ROLLBACK WORK TO SAVEPOINT "A b";

--- transactions_release
--- route: any
--- kind: transaction
--- standby: fails 25P01
RELEASE SAVEPOINT a;

--- transactions_release_short
--- route: any
--- kind: transaction
--- standby: fails 25P01
RELEASE a;

--- transactions_set_tx
--- route: any
--- kind: transaction
--- standby: runs
--- why: outside a transaction block it has no effect, with a warning
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

--- transactions_set_tx_ro
--- route: any
--- kind: transaction
--- standby: runs
SET TRANSACTION READ ONLY;

--- transactions_set_tx_rw
--- route: primary
--- kind: transaction
--- standby: fails 0A000
SET TRANSACTION READ WRITE;

--- transactions_set_tx_ser
--- route: primary
--- kind: transaction
--- standby: fails 0A000
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;

--- transactions_set_tx_snapshot
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: a snapshot exported by another session of the same server
SET TRANSACTION SNAPSHOT '00000003-0000001B-1';

--- transactions_set_local_tx
--- route: any
--- kind: transaction
--- standby: runs
SET LOCAL transaction_read_only = on;

--- transactions_set_constraints
--- route: primary
--- kind: transaction
--- standby: runs
--- why: deferred constraints matter to writes only
SET CONSTRAINTS ALL DEFERRED;

--- transactions_set_constraints_name
--- route: primary
--- kind: transaction
--- standby: fails 42704
SET CONSTRAINTS app.no_such_constraint IMMEDIATE;

--- transactions_prepare_tx
--- route: primary
--- kind: transaction
--- standby: fails 25006
--- why: two-phase commit
PREPARE TRANSACTION 'gid_1';

--- transactions_commit_prepared
--- route: primary
--- kind: transaction
--- standby: fails 25006
COMMIT PREPARED 'gid_1';

--- transactions_rollback_prepared
--- route: primary
--- kind: transaction
--- standby: fails 25006
ROLLBACK PREPARED 'gid_1';

--- transactions_block_read
--- route: replica
--- kind: transaction
--- reads: app.orders
--- writes: -
--- standby: runs
BEGIN READ ONLY; SELECT count(*) FROM orders; COMMIT;

--- transactions_block_read_plain
--- route: any
--- kind: transaction
--- reads: app.orders
--- standby: runs
--- why: a block that only reads: the replica serves it, and the primary too
BEGIN; SELECT count(*) FROM orders; COMMIT;

--- transactions_block_write
--- route: primary
--- kind: transaction
--- writes: app.notes
--- standby: fails 25006
BEGIN; INSERT INTO notes (id) VALUES (640); COMMIT;

--- transactions_block_ro_write
--- route: primary
--- kind: transaction
--- standby: fails 25006
--- why: refused by the primary too: 25006
BEGIN READ ONLY; INSERT INTO notes (id) VALUES (641); COMMIT;

--- transactions_block_ro_nextval
--- route: primary
--- kind: transaction
--- standby: fails 25006
BEGIN READ ONLY; SELECT nextval('product_seq'); COMMIT;

--- transactions_block_rw_after
--- route: primary
--- kind: transaction
--- standby: fails 0A000
--- why: READ ONLY may be turned to READ WRITE before the first query
BEGIN READ ONLY; SET TRANSACTION READ WRITE; INSERT INTO notes (id) VALUES (642); COMMIT;

--- transactions_block_rr
--- route: any
--- kind: transaction
--- reads: app.orders
--- standby: runs
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1; SELECT id FROM orders; END;

--- transactions_block_savepoint
--- route: replica
--- kind: transaction
--- reads: app.orders
--- writes: -
--- standby: runs
BEGIN READ ONLY; SAVEPOINT a; SELECT id FROM orders; ROLLBACK TO a; RELEASE a; COMMIT;

--- transactions_block_2pc
--- route: primary
--- kind: transaction
--- writes: app.notes
--- standby: fails 25006
BEGIN; INSERT INTO notes (id) VALUES (643); PREPARE TRANSACTION 'gid_2';

--- transactions_begin_comment
--- route: any
--- kind: transaction
--- standby: runs
/* c */ BEGIN -- x
/* y */ READ /* z */ ONLY;

--- transactions_begin_isolation_bad
--- route: primary
--- kind: unknown
--- standby: fails 42601
BEGIN ISOLATION LEVEL SNAPSHOT;

--- transactions_begin_lower
--- route: any
--- kind: transaction
--- standby: runs
begin transaction isolation level repeatable read read only

--- transactions_begin_atomic
--- route: primary
--- kind: unknown
--- standby: fails 42601
BEGIN ATOMIC;
