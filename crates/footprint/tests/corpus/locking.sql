--- locking_update
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM orders WHERE id = 1 FOR UPDATE;

--- locking_no_key_update
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM orders WHERE id = 1 FOR NO KEY UPDATE;

--- locking_share
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM orders WHERE id = 1 FOR SHARE;

--- locking_key_share
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM orders WHERE id = 1 FOR KEY SHARE;

--- locking_nowait
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM orders FOR UPDATE NOWAIT;

--- locking_skip_locked
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT id FROM orders ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;

--- locking_of
--- route: primary
--- kind: lock
--- reads: app.orders, app.customers
--- standby: fails 25006
SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id FOR UPDATE OF o;

--- locking_of_two
--- route: primary
--- kind: lock
--- reads: app.orders, app.customers
--- standby: fails 25006
SELECT * FROM orders o, customers c WHERE c.id = o.customer_id FOR SHARE OF o, c SKIP LOCKED;

--- locking_two_clauses
--- route: primary
--- kind: lock
--- reads: app.orders, app.customers
--- standby: fails 25006
SELECT * FROM orders o, customers c FOR UPDATE OF o FOR KEY SHARE OF c NOWAIT;

--- locking_before_limit
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
--- why: the old order, FOR UPDATE before LIMIT
SELECT * FROM orders FOR UPDATE LIMIT 1;

--- locking_read_only
--- route: primary
--- kind: lock
--- standby: explained runs: it locks nothing
--- why: the grammar knows FOR READ ONLY; it locks nothing
SELECT * FROM orders FOR READ ONLY;

--- locking_subquery
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM (SELECT id FROM orders FOR UPDATE) s;

--- locking_subquery_outer
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
--- why: FOR UPDATE of the outer query reaches into the subquery
SELECT * FROM (SELECT id FROM orders) s FOR UPDATE;

--- locking_in_exists
--- route: primary
--- kind: lock
--- reads: app.orders, app.notes
--- standby: fails 25006
SELECT * FROM notes WHERE EXISTS (SELECT 1 FROM orders WHERE orders.id = notes.id FOR SHARE);

--- locking_in_scalar
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT (SELECT id FROM orders WHERE id = 1 FOR UPDATE);

--- locking_in_array
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT ARRAY(SELECT id FROM orders FOR KEY SHARE);

--- locking_in_lateral
--- route: primary
--- kind: lock
--- reads: app.orders, app.notes
--- standby: fails 25006
SELECT * FROM notes n, LATERAL (SELECT o.id FROM orders o WHERE o.id = n.id FOR UPDATE) l;

--- locking_in_parens
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
(SELECT * FROM orders FOR UPDATE);

--- locking_in_parens_outside
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
(SELECT * FROM orders) FOR UPDATE;

--- locking_union_arm
--- route: primary
--- kind: lock
--- reads: -
--- standby: fails 0A000
--- why: FOR UPDATE is not allowed with UNION
SELECT 1 UNION SELECT id FROM orders FOR UPDATE;

--- locking_union_arm2
--- route: primary
--- kind: lock
--- reads: -
--- standby: fails 0A000
--- why: not allowed in an arm of a UNION either
SELECT 1 UNION (SELECT id FROM orders FOR UPDATE);

--- locking_distinct
--- route: primary
--- kind: lock
--- reads: -
--- standby: fails 0A000
SELECT DISTINCT id FROM orders FOR UPDATE;

--- locking_values_lock
--- route: primary
--- kind: lock
--- reads: -
--- standby: fails 0A000
VALUES (1) FOR UPDATE;

--- locking_no_table
--- route: primary
--- kind: lock
--- reads: -
--- standby: explained runs: there is nothing to lock
--- why: nothing to lock
SELECT 1 FOR UPDATE;

--- locking_func_lock
--- route: primary
--- kind: lock
--- reads: -
--- standby: explained runs: there is nothing to lock
--- why: a function scan has no rows to lock
SELECT * FROM generate_series(1, 2) g FOR UPDATE;

--- locking_table_lock
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
TABLE orders FOR UPDATE;

--- locking_view_lock
--- route: primary
--- kind: lock
--- reads: app.customers
--- standby: fails 25006
--- why: the rows of the table below are locked
SELECT * FROM v_customers FOR UPDATE;

--- locking_view_with_lock
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
--- why: FOR UPDATE stands in the view; what it says is enforced for the view's owner
SELECT * FROM v_locks;

--- locking_part_lock
--- route: primary
--- kind: lock
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- standby: fails 25006
SELECT * FROM events FOR SHARE;

--- locking_catalog_lock
--- route: primary
--- kind: lock
--- standby: fails 25006
SELECT relname FROM pg_class WHERE relname = 'x' FOR UPDATE;

--- locking_mv_lock
--- route: primary
--- kind: lock
--- standby: fails 25006
--- why: cannot lock rows in a materialized view: 42809 on a primary
SELECT * FROM mv_daily FOR UPDATE;

--- locking_lock_share
--- route: primary
--- kind: lock
--- standby: fails 25006
LOCK TABLE orders IN SHARE MODE;

--- locking_lock_bare
--- route: primary
--- kind: lock
--- standby: fails 25006
LOCK orders;

--- locking_lock_access_share
--- route: primary
--- kind: lock
--- standby: fails 25P01
--- why: a standby accepts ACCESS SHARE, ROW SHARE and ROW EXCLUSIVE, but only in a transaction block; the lock is of no use there
LOCK TABLE orders IN ACCESS SHARE MODE;

--- locking_lock_row_excl
--- route: primary
--- kind: lock
--- standby: fails 25P01
LOCK TABLE orders IN ROW EXCLUSIVE MODE NOWAIT;

--- locking_lock_many
--- route: primary
--- kind: lock
--- standby: fails 25006
LOCK TABLE ONLY animals, app.orders * IN EXCLUSIVE MODE;

--- locking_lock_in_tx
--- route: primary
--- kind: lock
--- standby: fails 25006
BEGIN; LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE; COMMIT;

--- locking_lock_in_tx_as
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby in its own lock space
BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE; COMMIT;

--- locking_lock_in_tx_re
--- route: primary
--- kind: lock
--- standby: explained accepted by a standby in its own lock space
BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE; COMMIT;

--- locking_lock_view
--- route: primary
--- kind: lock
--- standby: fails 25006
BEGIN; LOCK TABLE v_open_orders; COMMIT;

--- locking_update_limit_expr
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT id FROM orders ORDER BY id FETCH FIRST 1 ROW ONLY FOR NO KEY UPDATE SKIP LOCKED;

--- locking_unlogged_lock
--- route: primary
--- kind: lock
--- standby: fails 0A000
SELECT * FROM scratch FOR UPDATE;

--- locking_foreign_lock
--- route: primary
--- kind: lock
--- standby: fails 25006
SELECT * FROM remote_orders FOR UPDATE;

--- locking_string_only
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: FOR UPDATE in a string and in a comment is none
SELECT 'FOR UPDATE' FROM orders /* FOR UPDATE */;

--- locking_alias_for
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: quoted names that look like a clause
SELECT id AS "for update" FROM orders "for";

--- locking_queue
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: app.orders
--- standby: fails 25006
UPDATE orders SET status = 'paid' WHERE id = (SELECT id FROM orders WHERE status = 'new' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id;

--- locking_in_limit
--- route: primary
--- kind: lock
--- reads: app.orders, app.notes
--- standby: fails 25006
SELECT id FROM notes LIMIT (SELECT 1 FROM orders LIMIT 1 FOR UPDATE);

--- locking_in_from_func
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT * FROM generate_series(1, (SELECT id FROM orders LIMIT 1 FOR UPDATE));

--- locking_in_values
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
VALUES ((SELECT id FROM orders LIMIT 1 FOR UPDATE));

--- locking_in_order_by
--- route: primary
--- kind: lock
--- reads: app.orders, app.notes
--- standby: fails 25006
SELECT id FROM notes ORDER BY (SELECT id FROM orders LIMIT 1 FOR UPDATE);

--- locking_cte_materialized
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
WITH x AS MATERIALIZED (SELECT id FROM orders FOR NO KEY UPDATE) SELECT 1 FROM x;
