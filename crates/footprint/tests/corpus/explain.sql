--- explain_read
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN SELECT * FROM orders;

--- explain_verbose
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN VERBOSE SELECT * FROM orders;

--- explain_analyze
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN ANALYZE SELECT * FROM orders;

--- explain_analyze_verbose
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN ANALYZE VERBOSE SELECT * FROM orders;

--- explain_options
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT count(*) FROM orders;

--- explain_analyse
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN ANALYSE SELECT 1 FROM orders;

--- explain_wal
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN (ANALYZE, WAL, SETTINGS, SUMMARY) SELECT 1 FROM orders;

--- explain_analyze_off
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN (ANALYZE off, COSTS off) SELECT 1 FROM orders;

--- explain_yaml
--- route: replica
--- kind: utility
--- reads: -
--- writes: -
--- standby: runs
EXPLAIN (FORMAT yaml) VALUES (1);

--- explain_table
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN TABLE orders;

--- explain_view
--- route: replica
--- kind: utility
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
EXPLAIN SELECT * FROM v_open_orders;

--- explain_cte
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN ANALYZE WITH x AS (SELECT id FROM orders) SELECT * FROM x;

--- explain_insert
--- route: primary
--- kind: utility
--- standby: runs
--- why: only planned: a standby shows the plan of a write
EXPLAIN INSERT INTO notes (id) VALUES (1);

--- explain_update
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN UPDATE notes SET n = 1;

--- explain_delete
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN (COSTS OFF) DELETE FROM notes;

--- explain_merge
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED THEN DELETE;

--- explain_for_update
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN SELECT * FROM orders FOR UPDATE;

--- explain_write_cte
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN WITH x AS (DELETE FROM notes RETURNING id) SELECT * FROM x;

--- explain_analyze_insert
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN ANALYZE INSERT INTO notes (id) VALUES (700);

--- explain_analyze_update
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN (ANALYZE) UPDATE notes SET n = 1;

--- explain_analyze_delete
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN (ANALYZE true, VERBOSE) DELETE FROM notes WHERE id = 1;

--- explain_analyze_off_delete
--- route: primary
--- kind: utility
--- standby: runs
--- why: ANALYZE off: only planned
EXPLAIN (ANALYZE false) DELETE FROM notes;

--- explain_analyze_zero
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN (ANALYZE 0) DELETE FROM notes;

--- explain_analyze_one
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN (ANALYZE 1) DELETE FROM notes;

--- explain_analyze_on_str
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN (ANALYZE 'on') DELETE FROM notes;

--- explain_analyze_last
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: of two values the last one counts
EXPLAIN (ANALYZE off, ANALYZE on) DELETE FROM notes;

--- explain_analyze_first
--- route: primary
--- kind: utility
--- standby: runs
--- why: of two values the last one counts
EXPLAIN (ANALYZE on, ANALYZE off) DELETE FROM notes;

--- explain_analyze_quoted
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: a quoted option name is the same option
EXPLAIN ("analyze") DELETE FROM notes;

--- explain_analyze_lock
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
EXPLAIN ANALYZE SELECT * FROM orders FOR UPDATE;

--- explain_analyze_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
EXPLAIN ANALYZE SELECT f_write();

--- explain_fn_plan
--- route: primary
--- kind: utility
--- standby: runs
--- why: without ANALYZE a volatile function is not run
EXPLAIN SELECT f_write();

--- explain_fn_liar
--- route: replica
--- kind: utility
--- reads: -
--- writes: -
--- standby: runs
--- why: constant folding runs immutable functions while planning
EXPLAIN SELECT f_imm(2) + 1;

--- explain_analyze_nextval
--- route: primary
--- kind: write
--- standby: fails 25006
EXPLAIN ANALYZE SELECT nextval('product_seq');

--- explain_ctas
--- route: primary
--- kind: utility
--- standby: runs
--- why: EXPLAIN of CREATE TABLE AS without ANALYZE only plans
EXPLAIN CREATE TABLE t_ex AS SELECT 1;

--- explain_ctas_analyze
--- route: primary
--- kind: schema
--- standby: fails XX000
--- why: cannot assign OIDs during recovery: no tidy refusal, but a refusal
EXPLAIN ANALYZE CREATE TABLE t_ex AS SELECT 1 AS a;

--- explain_ctas_analyze_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
EXPLAIN ANALYZE CREATE TEMP TABLE t_ex AS SELECT 1 AS a;

--- explain_into
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN SELECT 1 AS a INTO t_ex;

--- explain_into_analyze
--- route: primary
--- kind: schema
--- standby: fails XX000
EXPLAIN (ANALYZE) SELECT 1 AS a INTO t_ex;

--- explain_matview_analyze
--- route: primary
--- kind: schema
--- standby: fails XX000
EXPLAIN ANALYZE CREATE MATERIALIZED VIEW mv_ex AS SELECT 1 AS a;

--- explain_matview
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN CREATE MATERIALIZED VIEW mv_ex AS SELECT 1 AS a;

--- explain_declare
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
EXPLAIN DECLARE c CURSOR FOR SELECT * FROM orders;

--- explain_declare_analyze
--- route: replica
--- kind: utility
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: a read, run to the end
EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT * FROM orders;

--- explain_execute
--- route: primary
--- kind: utility
--- standby: fails 26000
--- why: a prepared statement of the session: where it is known, it follows what was prepared
EXPLAIN EXECUTE p1;

--- explain_execute_analyze
--- route: primary
--- kind: utility
--- standby: fails 26000
EXPLAIN ANALYZE EXECUTE p1(1);

--- explain_execute_both
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
PREPARE px AS DELETE FROM notes; EXPLAIN ANALYZE EXECUTE px;

--- explain_execute_plan
--- route: primary
--- kind: utility
--- standby: runs
PREPARE px AS DELETE FROM notes; EXPLAIN EXECUTE px;

--- explain_unlogged
--- route: primary
--- kind: utility
--- standby: fails 0A000
--- why: even planning refuses an unlogged table on a standby
EXPLAIN SELECT * FROM scratch;

--- explain_foreign
--- route: primary
--- kind: utility
--- standby: runs
--- why: postgres_fdw without use_remote_estimate does not connect to plan
EXPLAIN SELECT * FROM remote_orders;

--- explain_foreign_analyze
--- route: primary
--- kind: utility
--- standby: fails 08001
--- why: the remote server does not answer in this schema
EXPLAIN ANALYZE SELECT * FROM remote_orders;

--- explain_refresh
--- route: primary
--- kind: utility
--- standby: runs
--- why: EXPLAIN of REFRESH is in the grammar; a utility statement has no plan
EXPLAIN REFRESH MATERIALIZED VIEW mv_daily;

--- explain_generic_plan
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: GENERIC_PLAN came with 16; 15 knows no such option
EXPLAIN (GENERIC_PLAN) SELECT * FROM orders;

--- explain_serialize
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: SERIALIZE and MEMORY came with 17
EXPLAIN (ANALYZE, SERIALIZE, MEMORY) SELECT * FROM orders;

--- explain_nothing
--- route: primary
--- kind: unknown
--- standby: fails 42601
EXPLAIN;

--- explain_show
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: not explainable by the grammar
EXPLAIN SHOW work_mem;

--- explain_create
--- route: primary
--- kind: unknown
--- standby: fails 42601
EXPLAIN CREATE TABLE t (a int);

--- explain_rule_explain
--- route: primary
--- kind: utility
--- standby: runs
EXPLAIN INSERT INTO legacy VALUES (1, 'x');

--- explain_analyze_buffers_read
--- route: replica
--- kind: utility
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
EXPLAIN (BUFFERS, ANALYZE) SELECT * FROM v_open_orders;

--- explain_analyze_rand
--- route: replica
--- kind: utility
--- reads: -
--- writes: -
--- standby: runs
EXPLAIN ANALYZE SELECT random();
