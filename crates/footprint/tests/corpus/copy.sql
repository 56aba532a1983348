--- copy_to_stdout
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders TO STDOUT;

--- copy_cols_to
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders (id, note) TO STDOUT WITH (FORMAT csv, HEADER);

--- copy_old_syntax
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders TO STDOUT WITH DELIMITER '|' NULL AS 'x' CSV HEADER;

--- copy_binary
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders TO STDOUT (FORMAT binary);

--- copy_binary_old
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY BINARY orders TO STDOUT;

--- copy_query
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY (SELECT id, total FROM orders ORDER BY id) TO STDOUT;

--- copy_query_view
--- route: replica
--- kind: copy
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
COPY (SELECT * FROM v_open_orders) TO STDOUT CSV;

--- copy_query_table
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY (TABLE orders) TO STDOUT;

--- copy_query_values
--- route: replica
--- kind: copy
--- reads: -
--- writes: -
--- standby: runs
COPY (VALUES (1, 2)) TO STDOUT;

--- copy_query_with
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY (WITH x AS (SELECT id FROM orders) SELECT * FROM x) TO STDOUT;

--- copy_to_parens_opts
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY (SELECT 1 FROM orders) TO STDOUT WITH (FORMAT text, DELIMITER E'\t', NULL '\N', ENCODING 'UTF8');

--- copy_part_to
--- route: primary
--- kind: copy
--- standby: fails 42809
--- why: COPY of a partitioned table is refused before 18; route does not matter
COPY events TO STDOUT;

--- copy_part_query
--- route: replica
--- kind: copy
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- writes: -
--- standby: runs
COPY (SELECT * FROM events) TO STDOUT;

--- copy_leaf_to
--- route: replica
--- kind: copy
--- reads: app.events_2023
--- writes: -
--- standby: runs
COPY events_2023 TO STDOUT;

--- copy_inherit_to
--- route: replica
--- kind: copy
--- reads: app.animals
--- writes: -
--- standby: runs
--- why: COPY of a parent does not read its children
COPY animals TO STDOUT;

--- copy_unlogged_to
--- route: primary
--- kind: copy
--- standby: fails 58P01
--- why: COPY does not go by the planner, which would have said 0A000; the file is not there
COPY scratch TO STDOUT;

--- copy_foreign_to
--- route: primary
--- kind: copy
--- standby: fails 42809
COPY remote_orders TO STDOUT;

--- copy_mv_to
--- route: primary
--- kind: copy
--- standby: fails 42809
--- why: COPY of a materialized view is refused before 18
COPY mv_daily TO STDOUT;

--- copy_mv_query
--- route: replica
--- kind: copy
--- reads: app.mv_daily
--- writes: -
--- standby: runs
COPY (SELECT * FROM mv_daily) TO STDOUT;

--- copy_from_stdin
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM STDIN;

--- copy_from_csv
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes (id, body) FROM STDIN WITH (FORMAT csv);

--- copy_from_where
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM STDIN WHERE id > 5;

--- copy_from_file
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM '/tmp/none.csv';

--- copy_from_program
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM PROGRAM 'true';

--- copy_from_freeze
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM STDIN (FREEZE);

--- copy_from_trigger
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
COPY accounts FROM STDIN;

--- copy_from_part
--- route: primary
--- kind: copy
--- writes: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- standby: fails 25006
COPY events (at, kind) FROM STDIN;

--- copy_from_view
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
--- why: goes through the INSTEAD OF trigger
COPY v_instead FROM STDIN;

--- copy_from_binary_old
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY BINARY notes FROM STDIN;

--- copy_from_rls
--- route: primary
--- kind: copy
--- writes: app.documents
--- standby: fails 25006
COPY documents FROM STDIN;

--- copy_from_default_fn
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
COPY tickets (title) FROM STDIN;

--- copy_from_unlogged
--- route: primary
--- kind: copy
--- writes: app.scratch
--- standby: fails 25006
COPY scratch FROM STDIN;

--- copy_to_file
--- route: primary
--- kind: copy
--- standby: explained a standby writes a file on its own machine
COPY notes TO '/tmp/corpus_copy.txt';

--- copy_to_program
--- route: primary
--- kind: copy
--- standby: explained a standby runs the program on its own machine
COPY notes TO PROGRAM 'cat > /dev/null';

--- copy_query_to_program
--- route: primary
--- kind: copy
--- standby: explained a standby runs the program on its own machine
COPY (SELECT 1) TO PROGRAM 'cat > /dev/null';

--- copy_to_stdin
--- route: replica
--- kind: copy
--- reads: app.notes
--- writes: -
--- standby: runs
--- why: the grammar takes STDIN for STDOUT
COPY notes TO STDIN;

--- copy_from_stdout
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
--- why: and STDOUT for STDIN
COPY notes FROM STDOUT;

--- copy_query_insert
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY (INSERT INTO notes (id) VALUES (600) RETURNING id) TO STDOUT;

--- copy_query_update
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY (UPDATE notes SET n = 1 RETURNING id) TO STDOUT;

--- copy_query_delete
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY (DELETE FROM notes RETURNING id) TO STDOUT;

--- copy_query_write_cte
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY (WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d) TO STDOUT;

--- copy_query_fn
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
COPY (SELECT f_write()) TO STDOUT;

--- copy_query_for_update
--- route: primary
--- kind: copy
--- reads: app.orders
--- standby: fails 25006
COPY (SELECT * FROM orders FOR UPDATE) TO STDOUT;

--- copy_query_nextval
--- route: primary
--- kind: copy
--- writes: -
--- standby: fails 25006
COPY (SELECT nextval('product_seq')) TO STDOUT;

--- copy_query_into
--- route: primary
--- kind: copy
--- standby: fails 0A000
--- why: COPY (SELECT INTO) is not supported
COPY (SELECT 1 AS a INTO t_c) TO STDOUT;

--- copy_query_random
--- route: replica
--- kind: copy
--- reads: -
--- writes: -
--- standby: runs
COPY (SELECT random(), now()) TO STDOUT;

--- copy_query_view_writes
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
COPY (SELECT * FROM v_writes) TO STDOUT;

--- copy_query_from
--- route: primary
--- kind: unknown
--- standby: fails 42601
COPY (SELECT 1) FROM STDIN;

--- copy_catalog_to
--- route: replica
--- kind: copy
--- writes: -
--- standby: runs
COPY pg_catalog.pg_am TO STDOUT;

--- copy_view_to
--- route: primary
--- kind: copy
--- standby: fails 42809
--- why: a view cannot be copied by name
COPY v_customers TO STDOUT;

--- copy_seq_to
--- route: primary
--- kind: copy
--- standby: fails 42809
COPY product_seq TO STDOUT;

--- copy_rls_to
--- route: replica
--- kind: copy
--- reads: app.documents
--- writes: -
--- standby: runs
COPY documents TO STDOUT;

--- copy_rls_log_to
--- route: primary
--- kind: copy
--- standby: explained runs for a superuser
--- why: with row security COPY becomes a query with the policy, which calls a volatile user function; a superuser is not bound by it
COPY vault TO STDOUT;

--- copy_force_quote
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders TO STDOUT CSV FORCE QUOTE *;

--- copy_on_error
--- route: primary
--- kind: copy
--- standby: fails 25006
--- why: ON_ERROR came with 17; the grammar of 15 takes any option name, and the standby's refusal comes first
COPY notes FROM STDIN (ON_ERROR ignore);
