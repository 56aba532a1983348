--- prepare_read
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
--- why: makes a statement of the session; nothing is read yet
PREPARE p AS SELECT * FROM orders WHERE id = $1;

--- prepare_typed
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
PREPARE p (bigint, text) AS SELECT * FROM orders WHERE id = $1 AND note = $2;

--- prepare_values
--- route: any
--- kind: session
--- reads: -
--- standby: runs
PREPARE p AS VALUES (1);

--- prepare_with
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
PREPARE p AS WITH x AS (SELECT id FROM orders) TABLE x;

--- prepare_write
--- route: any
--- kind: session
--- writes: app.notes
--- standby: runs
--- why: prepared, not run; its EXECUTE writes
PREPARE p AS INSERT INTO notes (id) VALUES ($1);

--- prepare_write_upd
--- route: any
--- kind: session
--- writes: app.notes
--- standby: runs
PREPARE p (int) AS UPDATE notes SET n = $1 RETURNING id;

--- prepare_lock
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
PREPARE p AS SELECT * FROM orders FOR UPDATE;

--- prepare_merge
--- route: any
--- kind: session
--- writes: app.notes
--- standby: runs
PREPARE p AS MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED THEN DELETE;

--- prepare_fn
--- route: any
--- kind: session
--- writes: unknown
--- standby: runs
PREPARE p AS SELECT f_write();

--- prepare_unlogged
--- route: any
--- kind: session
--- standby: runs
--- why: parsed and analysed only; the plan is what fails
PREPARE p AS SELECT * FROM scratch;

--- prepare_utility
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: the grammar prepares only what has a plan
PREPARE p AS CREATE TABLE t (a int);

--- prepare_copy
--- route: primary
--- kind: unknown
--- standby: fails 42601
PREPARE p AS COPY notes TO STDOUT;

--- prepare_execute
--- route: primary
--- kind: session
--- standby: fails 26000
--- why: follows what was prepared; here nothing is known
EXECUTE p;

--- prepare_execute_args
--- route: primary
--- kind: session
--- standby: fails 26000
EXECUTE p(1, 'a');

--- prepare_execute_arg_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 26000
--- why: an argument that writes
EXECUTE p(app.f_write());

--- prepare_ctas_execute
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE t_pe AS EXECUTE p(1);

--- prepare_ctas_execute_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP TABLE t_pe AS EXECUTE p;

--- prepare_explain_execute
--- route: primary
--- kind: utility
--- standby: fails 26000
EXPLAIN EXECUTE p;

--- prepare_deallocate
--- route: any
--- kind: session
--- standby: fails 26000
DEALLOCATE p;

--- prepare_deallocate_kw
--- route: any
--- kind: session
--- standby: fails 26000
DEALLOCATE PREPARE p;

--- prepare_deallocate_all
--- route: any
--- kind: session
--- standby: runs
DEALLOCATE ALL;

--- prepare_deallocate_prepare_all
--- route: any
--- kind: session
--- standby: runs
DEALLOCATE PREPARE ALL;

--- prepare_both_read
--- route: replica
--- kind: session
--- reads: app.orders
--- writes: -
--- standby: runs
PREPARE p AS SELECT id FROM orders; EXECUTE p;

--- prepare_both_write
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
PREPARE p AS DELETE FROM notes; EXECUTE p;

--- prepare_both_lock
--- route: primary
--- kind: lock
--- standby: fails 25006
PREPARE p AS SELECT * FROM orders FOR UPDATE; EXECUTE p;

--- prepare_both_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
PREPARE p AS SELECT f_write(); EXECUTE p;

--- prepare_both_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the argument of EXECUTE writes, the statement reads
PREPARE p (int) AS SELECT $1; EXECUTE p(f_write());

--- prepare_both_arg_sub
--- route: primary
--- kind: session
--- standby: fails 0A000
--- why: subqueries are not allowed as arguments
PREPARE p (int) AS SELECT $1; EXECUTE p((SELECT 1));

--- prepare_both_nextval
--- route: primary
--- kind: write
--- standby: fails 25006
PREPARE p AS SELECT nextval('product_seq'); EXECUTE p;

--- prepare_both_ctas
--- route: primary
--- kind: schema
--- standby: fails 25006
PREPARE p AS SELECT 1 AS a; CREATE TABLE t_pe AS EXECUTE p;

--- prepare_both_explain
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
PREPARE p AS SELECT id FROM orders; EXPLAIN ANALYZE EXECUTE p;

--- prepare_quoted_name
--- route: replica
--- kind: session
--- reads: app.orders
--- writes: -
--- standby: runs
PREPARE "My Plan" AS SELECT id FROM orders; EXECUTE "My Plan"; DEALLOCATE "My Plan";

--- prepare_case_name
--- route: replica
--- kind: session
--- reads: app.orders
--- writes: -
--- standby: runs
PREPARE P1 AS SELECT id FROM orders; EXECUTE p1;

--- prepare_redefined
--- route: primary
--- kind: session
--- standby: fails 42P05
PREPARE p AS SELECT 1; PREPARE p AS SELECT 2;

--- prepare_redefined_write
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: the name now means another statement
PREPARE p AS SELECT 1; DEALLOCATE p; PREPARE p AS DELETE FROM notes; EXECUTE p;

--- prepare_path_changes
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a prepared statement is planned again under the new path
SET search_path = app; PREPARE p AS SELECT stamp(); SET search_path = audit; EXECUTE p;
