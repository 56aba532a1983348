--- with_simple
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
WITH o AS (SELECT * FROM orders) SELECT count(*) FROM o;

--- with_two
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
WITH a AS (SELECT id FROM orders), b (x) AS (SELECT id FROM customers) SELECT * FROM a, b WHERE a.id = b.x;

--- with_materialized
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
WITH o AS MATERIALIZED (SELECT * FROM orders), p AS NOT MATERIALIZED (TABLE o) SELECT * FROM p;

--- with_recursive
--- route: replica
--- kind: read
--- reads: app.employees
--- writes: -
--- standby: runs
WITH RECURSIVE t AS (SELECT id, boss FROM employees WHERE boss IS NULL UNION ALL SELECT e.id, e.boss FROM employees e JOIN t ON e.boss = t.id) SELECT * FROM t;

--- with_search_cycle
--- route: replica
--- kind: read
--- reads: app.employees
--- writes: -
--- standby: runs
--- why: SEARCH and CYCLE came with 14
WITH RECURSIVE t (id, boss) AS (SELECT id, boss FROM employees WHERE boss IS NULL UNION ALL SELECT e.id, e.boss FROM employees e JOIN t ON e.boss = t.id) SEARCH DEPTH FIRST BY id SET ord CYCLE id SET looped USING path SELECT * FROM t ORDER BY ord;

--- with_rec_values
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) TABLE n;

--- with_values
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
WITH v (a, b) AS (VALUES (1, 2), (3, 4)) SELECT a + b FROM v;

--- with_nested
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
WITH a AS (WITH b AS (SELECT id FROM orders) SELECT * FROM b) SELECT * FROM a;

--- with_hides_table
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: the CTE hides the table of the same name
WITH orders AS (SELECT 1 AS id) SELECT * FROM orders;

--- with_hides_partly
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: a qualified name is never a CTE
WITH orders AS (SELECT 1 AS id) SELECT * FROM orders JOIN app.orders o USING (id);

--- with_self_no_recursive
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: without RECURSIVE the inner name is the table
WITH orders AS (SELECT id FROM orders) SELECT * FROM orders;

--- with_forward
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
--- why: without RECURSIVE a later CTE is not seen by an earlier one: a reads the table quiet
WITH a AS (SELECT id FROM quiet), quiet AS (SELECT id FROM notes) SELECT * FROM a, quiet;

--- with_in_subquery
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM (WITH x AS (SELECT id FROM orders) SELECT * FROM x) s;

--- with_in_exists
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT * FROM notes WHERE EXISTS (WITH x AS (SELECT 1 FROM orders) SELECT * FROM x);

--- with_union_with
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
WITH x AS (SELECT id FROM orders) SELECT id FROM x UNION (WITH x AS (SELECT id FROM notes) SELECT id FROM x);

--- with_values_with
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
WITH x AS (SELECT max(id) AS m FROM orders) VALUES ((SELECT m FROM x));

--- with_table_with
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
WITH x AS (SELECT id FROM orders) TABLE x;

--- with_parens_with
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
(WITH x AS (SELECT id FROM orders) SELECT * FROM x) ORDER BY 1;

--- with_unused_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: the function is never called
--- why: PostgreSQL never runs an unreferenced SELECT in WITH, but who knows that it does not write
WITH x AS (SELECT f_write()) SELECT 1;

--- with_used_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH x AS (SELECT f_write() AS w) SELECT w FROM x;

--- with_ins
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (INSERT INTO notes (id) VALUES (800) RETURNING id) SELECT * FROM x;

--- with_ins_unused
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: a data-modifying CTE runs even when nothing refers to it
WITH x AS (INSERT INTO notes (id) VALUES (801)) SELECT 1;

--- with_upd
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (UPDATE notes SET n = 1 RETURNING *) SELECT count(*) FROM x;

--- with_del
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (DELETE FROM notes WHERE id = 9 RETURNING *) TABLE x;

--- with_move
--- route: primary
--- kind: write
--- reads: app.legacy
--- writes: app.archive, app.legacy
--- standby: fails 25006
WITH d AS (DELETE FROM legacy RETURNING *) INSERT INTO archive SELECT * FROM d;

--- with_second
--- route: primary
--- kind: write
--- reads: app.orders, app.notes
--- writes: app.notes
--- standby: fails 25006
WITH a AS (SELECT id FROM orders), b AS (UPDATE notes SET n = 2 RETURNING id) SELECT * FROM a;

--- with_two_writes
--- route: primary
--- kind: write
--- writes: app.notes, app.quiet
--- standby: fails 25006
WITH a AS (UPDATE notes SET n = 2 RETURNING id), b AS (DELETE FROM quiet RETURNING id) SELECT * FROM a, b;

--- with_nested_write
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 0A000
--- why: a data-modifying WITH below the top level is refused everywhere
SELECT * FROM (WITH x AS (DELETE FROM notes RETURNING id) SELECT * FROM x) s;

--- with_nested_write2
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 0A000
--- why: not at the top level either
WITH a AS (WITH b AS (DELETE FROM notes RETURNING id) SELECT * FROM b) SELECT * FROM a;

--- with_on_insert
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: app.notes
--- standby: fails 25006
WITH x AS (SELECT id FROM orders WHERE id > 1000) INSERT INTO notes (id) SELECT id FROM x;

--- with_on_update
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (SELECT 1 AS id) UPDATE notes SET n = 0 FROM x WHERE x.id = notes.id;

--- with_on_delete
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (SELECT 1 AS id) DELETE FROM notes USING x WHERE x.id = notes.id;

--- with_on_merge
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
WITH x AS (SELECT 1 AS id) MERGE INTO notes USING x ON x.id = notes.id WHEN MATCHED THEN DELETE;

--- with_on_insert_inner
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id) WITH x AS (SELECT 900 AS id) SELECT id FROM x;

--- with_ins_cte_write
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 0A000
--- why: refused everywhere: WITH of the inner SELECT is not at the top level
INSERT INTO notes (id) WITH x AS (DELETE FROM quiet RETURNING id) SELECT id FROM x;

--- with_merge_cte
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 42601
--- why: MERGE in WITH came with 17; 15 does not take it
WITH m AS (MERGE INTO notes USING quiet ON notes.id = quiet.id WHEN MATCHED THEN DELETE RETURNING notes.id) SELECT * FROM m;

--- with_for_update
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
WITH x AS (SELECT id FROM orders FOR UPDATE) SELECT * FROM x;

--- with_for_update_main
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: explained runs: nothing is locked
--- why: FOR UPDATE does not reach into the CTE: nothing is locked
WITH x AS (SELECT id FROM orders) SELECT * FROM x FOR UPDATE;

--- with_write_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH x AS (INSERT INTO accounts (id) VALUES (500) RETURNING id) SELECT * FROM x;

--- with_write_cascade
--- route: primary
--- kind: write
--- writes: app.customers, app.orders, app.order_items, app.shipments
--- standby: fails 25006
WITH gone AS (DELETE FROM customers WHERE id = 4 RETURNING id) SELECT count(*) FROM gone;

--- with_write_nextval
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
WITH n AS (SELECT nextval('product_seq') AS v) SELECT v FROM n;

--- with_write_in_view_cte
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH v AS (SELECT * FROM v_writes_deep) SELECT * FROM v;

--- with_explain_with
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN WITH x AS (SELECT id FROM orders) SELECT * FROM x;

--- with_in_limit
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders LIMIT (WITH x AS (SELECT 3 AS n) SELECT n FROM x);

--- with_deep_read
--- route: replica
--- kind: read
--- reads: app.orders, app.notes, app.quiet
--- writes: -
--- standby: runs
WITH a AS (SELECT id FROM orders), b AS (SELECT id FROM a JOIN notes USING (id)), c AS (SELECT id FROM b WHERE id IN (WITH d AS (SELECT id FROM quiet) SELECT id FROM d)) SELECT * FROM c;

--- with_hides_write
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: the target of a write is never a CTE: it is the table
WITH notes AS (SELECT 1 AS id) INSERT INTO notes (id) VALUES (850);
