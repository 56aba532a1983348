--- cursors_declare
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: explained 25P01 outside a transaction block; runs inside one
DECLARE c CURSOR FOR SELECT * FROM orders;

--- cursors_declare_opts
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: explained 25P01 outside a transaction block; runs inside one
DECLARE "My c" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT * FROM orders;

--- cursors_declare_values
--- route: replica
--- kind: cursor
--- reads: -
--- writes: -
--- standby: explained 25P01 outside a transaction block; runs inside one
DECLARE c BINARY INSENSITIVE SCROLL CURSOR FOR VALUES (1), (2);

--- cursors_declare_with
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: explained 25P01 outside a transaction block; runs inside one
DECLARE c CURSOR FOR WITH x AS (SELECT id FROM orders) SELECT * FROM x;

--- cursors_declare_ro_tx
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: runs
BEGIN READ ONLY; DECLARE c CURSOR FOR SELECT id FROM orders; FETCH 5 FROM c; COMMIT;

--- cursors_declare_ro_tx_many
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: runs
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; DECLARE c SCROLL CURSOR FOR SELECT id FROM orders; FETCH ALL FROM c; MOVE ABSOLUTE 1 IN c; FETCH PRIOR FROM c; CLOSE c; COMMIT;

--- cursors_declare_hold
--- route: primary
--- kind: cursor
--- reads: app.orders
--- standby: explained runs: the result is kept in the session, beyond the transaction
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM orders;

--- cursors_declare_update
--- route: primary
--- kind: cursor
--- reads: app.orders
--- standby: fails 25P01
--- why: a cursor that locks
DECLARE c CURSOR FOR SELECT * FROM orders FOR UPDATE;

--- cursors_declare_update_tx
--- route: primary
--- kind: cursor
--- reads: app.orders
--- standby: fails 25006
BEGIN; DECLARE c CURSOR FOR SELECT * FROM orders FOR UPDATE; COMMIT;

--- cursors_declare_fn
--- route: primary
--- kind: cursor
--- writes: unknown
--- standby: explained 25P01 outside a transaction block; inside one a FETCH fails
DECLARE c CURSOR FOR SELECT f_write();

--- cursors_declare_fn_tx
--- route: primary
--- kind: cursor
--- writes: unknown
--- standby: fails 25006
BEGIN; DECLARE c CURSOR FOR SELECT f_write(); FETCH 1 FROM c; COMMIT;

--- cursors_declare_write
--- route: primary
--- kind: cursor
--- standby: fails 42601
--- why: the grammar takes only a SELECT
DECLARE c CURSOR FOR DELETE FROM notes RETURNING id;

--- cursors_declare_write_cte
--- route: primary
--- kind: cursor
--- standby: fails 0A000
--- why: DECLARE CURSOR must not contain data-modifying statements in WITH
DECLARE c CURSOR FOR WITH d AS (DELETE FROM notes RETURNING id) SELECT * FROM d;

--- cursors_declare_into
--- route: primary
--- kind: cursor
--- standby: fails 42601
DECLARE c CURSOR FOR SELECT 1 INTO t_cur;

--- cursors_declare_unlogged
--- route: primary
--- kind: cursor
--- standby: fails 0A000
BEGIN; DECLARE c CURSOR FOR SELECT * FROM scratch; COMMIT;

--- cursors_declare_hold_commit
--- route: primary
--- kind: cursor
--- reads: app.orders
--- standby: explained runs: the result is kept in the session, beyond the transaction
BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders; COMMIT; FETCH 1 FROM c; CLOSE c;

--- cursors_fetch
--- route: any
--- kind: cursor
--- standby: fails 34000
--- why: goes where the cursor is; here there is none
FETCH c;

--- cursors_fetch_forward
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH FORWARD 10 FROM c;

--- cursors_fetch_back
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH BACKWARD ALL IN "My c";

--- cursors_fetch_abs
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH ABSOLUTE -1 c;

--- cursors_fetch_relative
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH RELATIVE 0 FROM c;

--- cursors_fetch_num
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH 10 c;

--- cursors_move
--- route: any
--- kind: cursor
--- standby: fails 34000
MOVE NEXT FROM c;

--- cursors_move_all
--- route: any
--- kind: cursor
--- standby: fails 34000
MOVE FORWARD ALL IN c;

--- cursors_close
--- route: any
--- kind: cursor
--- standby: fails 34000
CLOSE c;

--- cursors_close_all
--- route: any
--- kind: cursor
--- standby: runs
CLOSE ALL;

--- cursors_refcursor_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a function that opens a cursor is volatile
SELECT f_write_text('c');
