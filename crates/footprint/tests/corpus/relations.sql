--- relations_part
--- route: replica
--- kind: read
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- writes: -
--- standby: runs
SELECT * FROM events;

--- relations_part_pruned
--- route: replica
--- kind: read
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- writes: -
--- standby: runs
--- why: what is pruned is the planner's affair: the footprint names all partitions
SELECT * FROM events WHERE at = '2023-05-05';

--- relations_part_sub
--- route: replica
--- kind: read
--- reads: app.events_2024, app.events_2024_a, app.events_2024_rest
--- writes: -
--- standby: runs
SELECT * FROM events_2024;

--- relations_part_leaf
--- route: replica
--- kind: read
--- reads: app.events_2024_a
--- writes: -
--- standby: runs
SELECT * FROM events_2024_a;

--- relations_part_only
--- route: replica
--- kind: read
--- reads: app.events
--- writes: -
--- standby: runs
--- why: ONLY of a partitioned table reads nothing
SELECT * FROM ONLY events;

--- relations_part_join
--- route: replica
--- kind: read
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old, app.meters, app.meters_1, app.meters_2
--- writes: -
--- standby: runs
SELECT count(*) FROM events e JOIN meters m ON m.id = e.id;

--- relations_inherit
--- route: replica
--- kind: read
--- reads: app.animals, app.dogs, app.puppies, app.cats
--- writes: -
--- standby: runs
SELECT * FROM animals;

--- relations_inherit_star
--- route: replica
--- kind: read
--- reads: app.animals, app.dogs, app.puppies, app.cats
--- writes: -
--- standby: runs
SELECT * FROM animals *;

--- relations_inherit_only
--- route: replica
--- kind: read
--- reads: app.animals
--- writes: -
--- standby: runs
SELECT * FROM ONLY animals;

--- relations_inherit_only_parens
--- route: replica
--- kind: read
--- reads: app.animals
--- writes: -
--- standby: runs
SELECT * FROM ONLY (animals);

--- relations_inherit_mid
--- route: replica
--- kind: read
--- reads: app.dogs, app.puppies
--- writes: -
--- standby: runs
SELECT name FROM dogs;

--- relations_inherit_leaf
--- route: replica
--- kind: read
--- reads: app.puppies
--- writes: -
--- standby: runs
SELECT name FROM puppies;

--- relations_tableoid
--- route: replica
--- kind: read
--- reads: app.animals, app.dogs, app.puppies, app.cats
--- writes: -
--- standby: runs
SELECT tableoid::regclass, ctid, xmin FROM animals;

--- relations_view
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT * FROM v_customers;

--- relations_view_join
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
SELECT * FROM v_open_orders;

--- relations_view_two
--- route: replica
--- kind: read
--- reads: app.orders, app.customers, app.order_items
--- writes: -
--- standby: runs
SELECT * FROM v_open_items;

--- relations_view_three
--- route: replica
--- kind: read
--- reads: app.orders, app.customers, app.order_items, app.products
--- writes: -
--- standby: runs
--- why: three views deep
SELECT * FROM v_open_products;

--- relations_view_three_join
--- route: replica
--- kind: read
--- reads: app.orders, app.customers, app.order_items, app.products, app.notes
--- writes: -
--- standby: runs
SELECT * FROM notes n JOIN v_open_products v ON v.id = n.id;

--- relations_view_random
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT * FROM v_random;

--- relations_view_stable
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT * FROM v_stable;

--- relations_view_writes
--- route: primary
--- kind: write
--- reads: app.customers
--- writes: unknown
--- standby: fails 25006
--- why: the view calls a function that writes
SELECT * FROM v_writes;

--- relations_view_writes_id
--- route: primary
--- kind: write
--- reads: app.customers
--- writes: unknown
--- standby: fails 25006
--- why: the column is not asked for, but a volatile function keeps the view from being pulled up, and it is run
SELECT id FROM v_writes;

--- relations_view_writes_deep
--- route: primary
--- kind: write
--- reads: app.customers
--- writes: unknown
--- standby: fails 25006
SELECT * FROM v_writes_deep;

--- relations_view_writes_sub
--- route: primary
--- kind: write
--- reads: app.customers, app.orders
--- writes: unknown
--- standby: fails 25006
SELECT * FROM orders WHERE id IN (SELECT n FROM v_writes);

--- relations_view_nextval
--- route: primary
--- kind: write
--- reads: -
--- standby: fails 25006
SELECT n FROM v_nextval;

--- relations_view_locks
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT count(*) FROM v_locks;

--- relations_view_scratch
--- route: primary
--- kind: read
--- reads: app.scratch
--- standby: fails 0A000
--- why: the view reads an unlogged table
SELECT * FROM v_scratch;

--- relations_view_remote
--- route: primary
--- kind: read
--- reads: app.remote_orders
--- standby: fails 08001
--- why: the view reads a foreign table
SELECT * FROM v_remote;

--- relations_view_invoker
--- route: replica
--- kind: read
--- reads: app.documents
--- writes: -
--- standby: runs
SELECT * FROM v_invoker;

--- relations_view_barrier
--- route: replica
--- kind: read
--- reads: app.accounts
--- writes: -
--- standby: runs
SELECT * FROM v_barrier;

--- relations_view_events
--- route: replica
--- kind: read
--- reads: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- writes: -
--- standby: runs
SELECT * FROM v_events WHERE n > 0;

--- relations_view_chain
--- route: replica
--- kind: read
--- reads: app.employees
--- writes: -
--- standby: runs
--- why: a recursive view
SELECT * FROM v_chain;

--- relations_view_catalog
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM v_catalog LIMIT 1;

--- relations_view_shadow
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the view names public.shadow, which writes
SELECT s FROM v_shadow;

--- relations_view_set
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM v_set;

--- relations_view_instead
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM v_instead;

--- relations_view_checked
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT * FROM v_checked;

--- relations_view_table
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
TABLE v_customers;

--- relations_matview
--- route: replica
--- kind: read
--- reads: app.mv_daily
--- writes: -
--- standby: runs
--- why: a materialized view is a table of its own
SELECT * FROM mv_daily;

--- relations_matview_view
--- route: replica
--- kind: read
--- reads: app.mv_daily
--- writes: -
--- standby: runs
SELECT * FROM v_daily;

--- relations_unlogged
--- route: primary
--- kind: read
--- reads: app.scratch
--- standby: fails 0A000
--- why: cannot access temporary or unlogged relations during recovery
SELECT * FROM scratch;

--- relations_unlogged_count
--- route: primary
--- kind: read
--- reads: app.scratch
--- standby: fails 0A000
SELECT count(*) FROM app.scratch;

--- relations_unlogged_join
--- route: primary
--- kind: read
--- reads: app.scratch, app.orders
--- standby: fails 0A000
SELECT * FROM orders o LEFT JOIN scratch s USING (id);

--- relations_unlogged_sub
--- route: primary
--- kind: read
--- reads: app.scratch, app.orders
--- standby: fails 0A000
SELECT * FROM orders WHERE id IN (SELECT id FROM scratch);

--- relations_unlogged_cte
--- route: primary
--- kind: read
--- reads: app.scratch
--- standby: fails 0A000
WITH x AS (SELECT * FROM scratch) SELECT * FROM x;

--- relations_unlogged_part
--- route: primary
--- kind: read
--- reads: app.caches, app.caches_1, app.caches_2
--- standby: fails 0A000
--- why: one partition is unlogged
SELECT * FROM caches;

--- relations_unlogged_part_pruned
--- route: primary
--- kind: read
--- reads: app.caches, app.caches_1, app.caches_2
--- standby: explained runs: the unlogged partition is pruned by the planner
SELECT * FROM caches WHERE id = 1;

--- relations_unlogged_part_leaf
--- route: replica
--- kind: read
--- reads: app.caches_1
--- writes: -
--- standby: runs
SELECT * FROM caches_1;

--- relations_unlogged_never
--- route: primary
--- kind: read
--- reads: app.scratch
--- standby: fails 0A000
--- why: the planner opens the table before it finds that no row can come
SELECT * FROM scratch WHERE false;

--- relations_foreign
--- route: primary
--- kind: read
--- reads: app.remote_orders
--- standby: fails 08001
--- why: reads another server; what that does with it is unknown
SELECT * FROM remote_orders;

--- relations_foreign_join
--- route: primary
--- kind: read
--- reads: app.remote_orders, app.orders
--- standby: fails 08001
SELECT * FROM orders o JOIN remote_orders r USING (id);

--- relations_foreign_where_false
--- route: primary
--- kind: read
--- reads: app.remote_orders
--- standby: explained runs: the planner drops what WHERE false makes unreachable
SELECT * FROM remote_orders WHERE false;

--- relations_rls
--- route: replica
--- kind: read
--- reads: app.documents
--- writes: -
--- standby: runs
--- why: the policy calls a stable function
SELECT * FROM documents;

--- relations_rls_volatile
--- route: primary
--- kind: write
--- reads: app.vault
--- writes: unknown
--- standby: explained runs for a superuser, who is not bound by the policy; others call a function that writes
SELECT * FROM vault;

--- relations_log_app
--- route: replica
--- kind: read
--- reads: app.log
--- writes: -
--- standby: runs
--- why: app comes first in search_path
SELECT * FROM log;

--- relations_log_audit
--- route: replica
--- kind: read
--- reads: audit.log
--- writes: -
--- standby: runs
SELECT * FROM audit.log;

--- relations_log_both
--- route: replica
--- kind: read
--- reads: app.log, audit.log
--- writes: -
--- standby: runs
SELECT count(*) FROM log a JOIN audit.log b USING (id);

--- relations_log_path
--- route: any
--- kind: read
--- reads: audit.log
--- standby: runs
--- why: the path of the session decides what is read
SET search_path = audit; SELECT what FROM log;

--- relations_orders_both
--- route: replica
--- kind: read
--- reads: app.orders, public.orders
--- writes: -
--- standby: runs
SELECT count(*) FROM orders, public.orders p;

--- relations_odd_names
--- route: replica
--- kind: read
--- reads: "Ünïcode schema"."Tàble; with ""quotes"""
--- writes: -
--- standby: runs
SELECT "sélect" FROM "Ünïcode schema"."Tàble; with ""quotes""";

--- relations_odd_names_u
--- route: replica
--- kind: read
--- reads: "Ünïcode schema"."Tàble; with ""quotes"""
--- writes: -
--- standby: runs
SELECT id FROM U&"\00dcn\00efcode schema"."Tàble; with ""quotes""";

--- relations_missing
--- route: primary
--- kind: read
--- standby: fails 42P01
--- why: no such table: the server's own error
SELECT * FROM no_such_table;

--- relations_missing_schema
--- route: primary
--- kind: read
--- standby: fails 42P01
--- why: no such schema
SELECT * FROM no_such_schema.orders;

--- relations_temp_table
--- route: primary
--- kind: read
--- standby: fails 42P01
--- why: temporary tables belong to the connection to the primary
SELECT * FROM pg_temp.t1;

--- relations_case_fold
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM Orders;

--- relations_case_quoted
--- route: primary
--- kind: read
--- standby: fails 42P01
--- why: a quoted name keeps its case: no such table
SELECT * FROM "Orders";

--- relations_catalog_first
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: pg_catalog comes before the path
SELECT count(*) FROM pg_type;

--- relations_toast
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT count(*) FROM pg_toast.pg_toast_2619;

--- relations_seq_rel
--- route: primary
--- kind: read
--- standby: explained runs, but is up to 32 values ahead of the primary, since sequences are logged in advance
SELECT last_value FROM app.product_seq;

--- relations_composite_as_rel
--- route: primary
--- kind: read
--- standby: fails 42809
--- why: a composite type is no table
SELECT * FROM app.dims;

--- relations_index_as_rel
--- route: primary
--- kind: read
--- standby: fails 42809
--- why: an index is no table
SELECT * FROM app.orders_pkey;

--- relations_cte_over_view
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
WITH v_customers AS (SELECT * FROM v_open_orders) SELECT * FROM v_customers;

--- relations_alias_same
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
--- why: an alias that has the name of another table
SELECT orders.id FROM notes AS orders;

--- relations_sub_alias_same
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT * FROM (SELECT id FROM notes) AS scratch;

--- relations_col_same
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
--- why: a column alias that has the name of a table
SELECT id AS scratch FROM notes;

--- relations_fn_alias
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM generate_series(1, 2) AS remote_orders;

--- relations_rowtype_cast
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: names the type of the table's rows, not the table
SELECT NULL::app.notes;

--- relations_rowtype_array
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT ARRAY[]::app.scratch[];

--- relations_json_to_row
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM json_populate_record(NULL::app.notes, '{"id":1}');

--- relations_upd_view_deep
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE v_checked SET body = 'x' WHERE id = 1;

--- relations_view_open_upd
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 55000
--- why: a join view is not updatable
UPDATE v_open_orders SET total = 1;
