--- fn_builtin_now
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT now(), statement_timestamp(), transaction_timestamp(), clock_timestamp(), timeofday();

--- fn_builtin_random
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT random();

--- fn_builtin_random_order
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders ORDER BY random() LIMIT 1;

--- fn_builtin_uuid
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT gen_random_uuid();

--- fn_builtin_version
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT version();

--- fn_builtin_in_recovery
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: tells where one is
SELECT pg_is_in_recovery();

--- fn_builtin_in_recovery_q
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_catalog.pg_is_in_recovery() AS standby;

--- fn_builtin_server_addr
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: tells where one is
SELECT inet_server_addr(), inet_server_port(), inet_client_addr(), inet_client_port();

--- fn_builtin_backend_pid
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: tells where one is
SELECT pg_backend_pid();

--- fn_builtin_postmaster_start
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_postmaster_start_time(), pg_conf_load_time();

--- fn_builtin_replay_lsn
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: tells how far a standby is; NULL on a primary
SELECT pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn(), pg_last_xact_replay_timestamp();

--- fn_builtin_lag_calc
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END;

--- fn_builtin_lsn_diff
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_wal_lsn_diff('0/2000000', '0/1000000');

--- fn_builtin_sleep
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_sleep(0);

--- fn_builtin_sleep_for
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_sleep_for('1 millisecond');

--- fn_builtin_sizes
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT pg_relation_size('app.orders'), pg_total_relation_size('app.orders'), pg_table_size('app.orders'), pg_indexes_size('app.orders'), pg_size_pretty(1024::bigint);

--- fn_builtin_db_size
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT pg_database_size(current_database()), pg_tablespace_size('pg_default');

--- fn_builtin_privileges
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT has_table_privilege('app.orders', 'select'), has_schema_privilege('app', 'usage'), pg_has_role('postgres', 'member');

--- fn_builtin_viewdef
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT pg_get_viewdef('app.v_open_orders'), pg_get_indexdef(0), pg_get_functiondef('app.stamp()'::regprocedure), pg_get_constraintdef(0), format_type(23, NULL);

--- fn_builtin_descr
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT obj_description('app.orders'::regclass), col_description('app.orders'::regclass, 1);

--- fn_builtin_to_regclass
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT to_regclass('app.orders'), to_regtype('app.dims'), to_regproc('app.stamp'), pg_typeof(1), pg_column_size(1);

--- fn_builtin_strings
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT concat(name, 'x'), concat_ws(',', name, email), format('%s %I', name, email), left(name, 2), right(name, 2), replace(name, 'a', 'b'), split_part(name, ' ', 1), md5(name), encode('a', 'hex'), reverse(name), repeat('x', 3), lpad(name, 3), regexp_replace(name, 'a', 'b', 'g'), quote_literal(name), initcap(name), translate(name, 'a', 'b'), starts_with(name, 'C') FROM customers;

--- fn_builtin_regexp
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT regexp_matches('foobar', 'o+', 'g'), regexp_split_to_table('a b', ' '), regexp_count('aa', 'a'), regexp_substr('abc', 'b');

--- fn_builtin_maths
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT abs(-1), ceil(1.5), floor(1.5), round(1.234, 2), trunc(1.9), power(2, 3), sqrt(4), mod(5, 2), ln(2), pi(), width_bucket(5, 1, 10, 3), gcd(4, 6), factorial(5);

--- fn_builtin_dates
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT date_trunc('month', now()), date_part('year', now()), age(now()), make_date(2024, 1, 1), to_char(now(), 'YYYY'), to_date('2024', 'YYYY'), to_timestamp(0), date_bin('1 hour', now(), '2000-01-01'), isfinite(now()), justify_days('40 days');

--- fn_builtin_json
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT jsonb_build_object('a', 1), json_array_length('[1]'), jsonb_set('{}', '{a}', '1'), jsonb_each('{"a":1}'), jsonb_object_keys('{"a":1}'), jsonb_pretty('{}'), jsonb_strip_nulls('{}'), json_typeof('1'), jsonb_path_exists('{}', '$.a'), to_json(1);

--- fn_builtin_arrays
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT array_append(ARRAY[1], 2), array_cat(ARRAY[1], ARRAY[2]), array_position(ARRAY[1], 1), array_remove(ARRAY[1], 1), array_to_string(ARRAY[1], ','), string_to_array('a,b', ','), cardinality(ARRAY[1]), unnest(ARRAY[1, 2]), array_fill(0, ARRAY[2]), trim_array(ARRAY[1, 2], 1);

--- fn_builtin_tsearch
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT to_tsvector('english', 'a cat'), to_tsquery('cat'), websearch_to_tsquery('cat'), ts_rank(to_tsvector('cat'), to_tsquery('cat')), ts_headline('a cat', to_tsquery('cat')), strip(to_tsvector('cat')), ts_lexize('simple', 'a');

--- fn_builtin_network
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT host('10.0.0.1'), masklen('10.0.0.0/8'), network('10.0.0.1/8'), inet_same_family('10.0.0.1', '::1');

--- fn_builtin_geometry
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT point(1, 2) <-> point(3, 4), box(point(0, 0), point(1, 1)) @> point(0.5, 0.5), area(circle(point(0, 0), 1));

--- fn_builtin_encode
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT sha256('abc'), convert_from('abc', 'UTF8'), decode('00', 'hex'), hashtext('a'), crc32c FROM (VALUES (1)) v (crc32c);

--- fn_builtin_set_returning
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT generate_series(1, 3), generate_subscripts(ARRAY[1, 2], 1);

--- fn_builtin_schemas_fn
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT current_schemas(true), current_schema(), current_database();

--- fn_builtin_txid_current
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT txid_current();

--- fn_builtin_xact_id
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT pg_current_xact_id();

--- fn_builtin_xact_id_if
--- route: primary
--- kind: read
--- standby: explained runs, but is NULL there: the session's transaction is on the primary
SELECT pg_current_xact_id_if_assigned(), txid_current_if_assigned();

--- fn_builtin_snapshot
--- route: primary
--- kind: read
--- standby: explained runs, but leaves out the transactions that run on the primary
SELECT pg_current_snapshot();

--- fn_builtin_txid_snapshot
--- route: primary
--- kind: read
--- standby: explained runs, but leaves out the transactions that run on the primary
SELECT txid_current_snapshot(), txid_snapshot_xmin(txid_current_snapshot());

--- fn_builtin_txid_status
--- route: primary
--- kind: read
--- standby: explained runs for what the standby has replayed
SELECT txid_status(3);

--- fn_builtin_wal_lsn
--- route: primary
--- kind: read
--- standby: fails 55000
SELECT pg_current_wal_lsn();

--- fn_builtin_wal_insert
--- route: primary
--- kind: read
--- standby: fails 55000
SELECT pg_current_wal_insert_lsn();

--- fn_builtin_wal_flush
--- route: primary
--- kind: read
--- standby: fails 55000
SELECT pg_current_wal_flush_lsn();

--- fn_builtin_walfile
--- route: primary
--- kind: read
--- standby: fails 55000
SELECT pg_walfile_name('0/2000000');

--- fn_builtin_walfile_offset
--- route: primary
--- kind: read
--- standby: fails 55000
SELECT * FROM pg_walfile_name_offset('0/2000000');

--- fn_builtin_lag_on_primary
--- route: primary
--- kind: read
--- standby: explained runs: nothing streams from this standby; else 55000
SELECT application_name, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication;

--- fn_builtin_export_snapshot
--- route: primary
--- kind: utility
--- standby: explained runs: the snapshot is good for other sessions of the standby only
SELECT pg_export_snapshot();

--- fn_builtin_switch_wal
--- route: primary
--- kind: utility
--- standby: fails 55000
SELECT pg_switch_wal();

--- fn_builtin_restore_point
--- route: primary
--- kind: utility
--- standby: fails 55000
SELECT pg_create_restore_point('x');

--- fn_builtin_backup_start
--- route: primary
--- kind: utility
--- standby: explained runs: a backup of the standby
SELECT pg_backup_start('x', true);

--- fn_builtin_terminate
--- route: primary
--- kind: utility
--- standby: explained runs: it ends a backend of the standby
SELECT pg_terminate_backend(999999);

--- fn_builtin_terminate_query
--- route: primary
--- kind: utility
--- standby: explained runs: it ends backends of the standby
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nobody';

--- fn_builtin_cancel
--- route: primary
--- kind: utility
--- standby: explained runs: it cancels a statement of the standby
SELECT pg_cancel_backend(999999);

--- fn_builtin_reload
--- route: primary
--- kind: utility
--- standby: explained runs: it reloads the configuration of the standby
SELECT pg_reload_conf();

--- fn_builtin_rotate
--- route: primary
--- kind: utility
--- standby: explained runs: it rotates the standby's own log
SELECT pg_rotate_logfile();

--- fn_builtin_stat_reset
--- route: primary
--- kind: utility
--- standby: explained runs: it resets the standby's own counters
SELECT pg_stat_reset();

--- fn_builtin_stat_reset_shared
--- route: primary
--- kind: utility
--- standby: explained runs: it resets the standby's own counters
SELECT pg_stat_reset_shared('bgwriter');

--- fn_builtin_log_memory
--- route: primary
--- kind: utility
--- standby: explained runs: it writes to the standby's own log
SELECT pg_log_backend_memory_contexts(pg_backend_pid());

--- fn_builtin_promote
--- route: primary
--- kind: utility
--- standby: explained a standby becomes a primary
SELECT pg_promote(false);

--- fn_builtin_replay_pause
--- route: primary
--- kind: utility
--- standby: explained a standby stops replaying
SELECT pg_wal_replay_pause();

--- fn_builtin_replay_resume
--- route: primary
--- kind: utility
--- standby: explained runs on a standby only
SELECT pg_wal_replay_resume();

--- fn_builtin_replay_paused
--- route: primary
--- kind: read
--- standby: explained runs on a standby only: 55000 on a primary
SELECT pg_is_wal_replay_paused();

--- fn_builtin_slot_create
--- route: primary
--- kind: utility
--- standby: explained runs: a slot of the standby
SELECT pg_create_physical_replication_slot('corpus_slot_x');

--- fn_builtin_slot_drop
--- route: primary
--- kind: utility
--- standby: fails 42704
--- why: the slots of the standby are others
SELECT pg_drop_replication_slot('no_such_slot');

--- fn_builtin_logical_slot
--- route: primary
--- kind: utility
--- standby: fails 0A000
--- why: before 16 a standby makes no logical slot
SELECT pg_create_logical_replication_slot('corpus_slot_y', 'test_decoding');

--- fn_builtin_emit_message
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT pg_logical_emit_message(true, 'x', 'y');

--- fn_builtin_emit_message2
--- route: primary
--- kind: write
--- standby: fails XX000
SELECT pg_logical_emit_message(false, 'x', 'y');

--- fn_builtin_origin_create
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT pg_replication_origin_create('o1');

--- fn_builtin_origin_setup
--- route: primary
--- kind: session
--- standby: fails 25006
SELECT pg_replication_origin_session_setup('no_such_origin');

--- fn_builtin_import_collations
--- route: primary
--- kind: write
--- standby: fails 55000
SELECT pg_import_system_collations('pg_catalog');

--- fn_builtin_read_file
--- route: primary
--- kind: utility
--- standby: explained runs: it reads a file of the standby's machine
SELECT length(pg_read_file('PG_VERSION'));

--- fn_builtin_ls_dir
--- route: primary
--- kind: utility
--- standby: explained runs: it lists a folder of the standby's machine
SELECT * FROM pg_ls_dir('.') LIMIT 1;

--- fn_builtin_ls_waldir
--- route: primary
--- kind: utility
--- standby: explained runs: it lists a folder of the standby's machine
SELECT count(*) FROM pg_ls_waldir();

--- fn_builtin_stat_file
--- route: primary
--- kind: utility
--- standby: explained runs: it looks at a file of the standby's machine
SELECT size FROM pg_stat_file('PG_VERSION');

--- fn_builtin_stat_activity
--- route: primary
--- kind: read
--- standby: explained runs, but shows the standby's own backends
SELECT pid, state, query FROM pg_stat_activity;

--- fn_builtin_stat_tables
--- route: primary
--- kind: read
--- standby: explained runs, but shows the standby's own counters
SELECT relname, n_live_tup, n_dead_tup FROM pg_stat_user_tables;

--- fn_builtin_stat_repl
--- route: primary
--- kind: read
--- standby: explained runs, but shows who streams from the standby
SELECT * FROM pg_stat_replication;

--- fn_builtin_slots
--- route: primary
--- kind: read
--- standby: explained runs, but shows the standby's own slots
SELECT * FROM pg_replication_slots;

--- fn_builtin_wal_receiver
--- route: any
--- kind: read
--- standby: runs
--- why: only a standby has one
SELECT status FROM pg_stat_wal_receiver;

--- fn_builtin_prepared_stmts
--- route: primary
--- kind: session
--- standby: explained runs, but shows the statements prepared on that connection
SELECT * FROM pg_prepared_statements;

--- fn_builtin_cursors_view
--- route: primary
--- kind: session
--- standby: explained runs, but shows the cursors of that connection
SELECT * FROM pg_cursors;

--- fn_builtin_prepared_xacts
--- route: primary
--- kind: read
--- standby: explained runs, but a standby shows none
SELECT * FROM pg_prepared_xacts;

--- fn_builtin_blocking_pids
--- route: primary
--- kind: read
--- standby: explained runs, but looks at the standby's own locks
SELECT pg_blocking_pids(1);

--- fn_builtin_control
--- route: primary
--- kind: read
--- standby: explained runs, but tells of the standby's own control file
SELECT checkpoint_lsn FROM pg_control_checkpoint();

--- fn_builtin_system_id
--- route: any
--- kind: read
--- standby: runs
--- why: the same on every server of the cluster
SELECT system_identifier FROM pg_control_system();

--- fn_builtin_query_to_xml
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: the text is a query, and this one only reads
SELECT query_to_xml('SELECT 1 AS a', true, false, '');

--- fn_builtin_query_to_xml_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT query_to_xml('SELECT app.f_write()', true, false, '');

--- fn_builtin_query_to_xml_nextval
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT query_to_xml('SELECT nextval(''app.product_seq'')', true, false, '');

--- fn_builtin_cursor_to_xml
--- route: primary
--- kind: session
--- standby: fails 34000
SELECT cursor_to_xml('c', 1, true, false, '');

--- fn_builtin_table_to_xml
--- route: any
--- kind: read
--- standby: runs
--- why: stable; it reads a table that it names in an argument
SELECT table_to_xml('app.countries', true, false, '');

--- fn_builtin_ts_stat
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: the text is a query, and this one only reads
SELECT * FROM ts_stat('SELECT to_tsvector(body) FROM app.notes') LIMIT 1;

--- fn_builtin_ts_stat_write
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM ts_stat('SELECT to_tsvector(app.f_write()::text)');

--- fn_builtin_ts_rewrite_text
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, app.f_write()::text::tsquery');

--- fn_builtin_ts_rewrite_plain
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: of three arguments it rewrites by values, without a query
SELECT ts_rewrite('a & b'::tsquery, 'a'::tsquery, 'c'::tsquery);

--- fn_builtin_dblink
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 08001
--- why: sends a text to another server
SELECT * FROM dblink('host=127.0.0.1 port=1 dbname=x', 'SELECT 1') AS t (a int);

--- fn_builtin_dblink_exec
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 08001
SELECT dblink_exec('host=127.0.0.1 port=1', 'DELETE FROM x');

--- fn_builtin_dblink_connect
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 08001
SELECT dblink_connect('c', 'host=127.0.0.1 port=1');

--- fn_builtin_dblink_names
--- route: primary
--- kind: session
--- standby: explained runs: the connections are those of that backend
SELECT dblink_get_connections();

--- fn_builtin_fdw_connections
--- route: primary
--- kind: session
--- standby: explained runs: the connections are those of that backend
SELECT * FROM postgres_fdw_get_connections();

--- fn_builtin_fdw_disconnect
--- route: primary
--- kind: session
--- standby: explained runs: the connections are those of that backend
SELECT postgres_fdw_disconnect_all();

--- fn_builtin_crosstab
--- route: any
--- kind: read
--- standby: runs
--- why: declared stable, but runs a query given as text; with this text both sides are right
SELECT * FROM crosstab('SELECT 1, 2, 3') AS ct (a int, b int);

--- fn_builtin_hstore
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'a=>1'::hstore -> 'a', hstore('a', 'b') || hstore('c', 'd'), akeys('a=>1');

--- fn_builtin_lower_builtin
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
--- why: public.lower(text) is hidden behind pg_catalog.lower(text)
SELECT lower(name) FROM customers;

--- fn_builtin_lower_qualified
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_catalog.lower('X');

--- fn_builtin_lower_path
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: named with its schema: the user's function, which writes
SELECT public.lower('X');

--- fn_builtin_lower_reordered
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: pg_catalog named last in search_path: the user's function is found first
SET search_path = public, pg_catalog; SELECT lower('X');

--- fn_builtin_upper_text
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the overload for app.dims does not fit; a replica is best, but it takes types to know
SELECT upper('x');

--- fn_builtin_upper_range
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: upper of a range
SELECT upper(int4range(1, 5));

--- fn_builtin_upper_dims
--- route: primary
--- kind: write
--- reads: app.products
--- writes: unknown
--- standby: fails 25006
--- why: the overload for app.dims writes
SELECT upper(size) FROM products;

--- fn_builtin_length_text
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: public.length(int) does not fit; a replica is best, but it takes types to know
SELECT length('abc');

--- fn_builtin_length_int
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: there is no built-in length(int): public.length(int) writes
SELECT length(5);

--- fn_builtin_sign_int
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: public.sign(int) fits better than the built-in for numeric and double precision
SELECT sign(5);

--- fn_builtin_sign_numeric
--- route: any
--- kind: read
--- reads: -
--- standby: runs
--- why: the built-in fits exactly; a replica is best, but it takes types to know
SELECT sign(-5.5);

--- fn_builtin_sign_column
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sign(n) FROM notes;

--- fn_builtin_func_upper_case
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT TXID_CURRENT();

--- fn_builtin_func_quoted_upper
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: a quoted name keeps its case: no such function
SELECT "TXID_CURRENT"();

--- fn_builtin_func_unicode
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT U&"txid\005fcurrent"();

--- fn_builtin_func_named_args
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT make_interval(days => 10, hours := 2);

--- fn_builtin_func_variadic
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT concat(VARIADIC ARRAY['a', 'b']);

--- fn_builtin_pg_stat_stub
--- route: primary
--- kind: utility
--- standby: explained runs: it forgets a snapshot of the counters in that backend
SELECT pg_stat_clear_snapshot();

--- fn_builtin_current_query
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT current_query();

--- fn_builtin_nextoid
--- route: primary
--- kind: write
--- writes: -
--- standby: fails XX000
--- why: takes a new object number
SELECT pg_nextoid('pg_class', 'oid', 'pg_class_oid_index');

--- fn_builtin_partition_tree
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT * FROM pg_partition_tree('app.events');

--- fn_builtin_tablespace_loc
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_tablespace_location(1663);

--- fn_builtin_encoding
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_client_encoding(), getdatabaseencoding();

--- fn_builtin_notif_usage
--- route: primary
--- kind: read
--- standby: explained runs, but tells of the standby's own queue
SELECT pg_notification_queue_usage();

--- fn_builtin_commit_ts
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
--- why: needs track_commit_timestamp; the data are replayed
SELECT pg_xact_commit_timestamp(xmin) FROM app.notes WHERE false;

--- fn_builtin_row_security
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT row_security_active('app.documents');

--- fn_builtin_jit
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_jit_available();

--- fn_builtin_trigger_depth
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT pg_trigger_depth();

--- fn_builtin_missing_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: no such function; nothing can be known
SELECT no_such_function(1);

--- fn_builtin_missing_pg_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: a name of a later version: uuidv7 came with 18
SELECT uuidv7();

--- fn_builtin_any_value
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: any_value came with 16
SELECT any_value(id) FROM orders;

--- fn_builtin_unknown_schema_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 3F000
SELECT no_such_schema.f();

--- fn_builtin_cast_as_call
--- route: replica
--- kind: read
--- reads: -
--- standby: runs
--- why: types of the server's own that have no function of their name
SELECT regtype('int4'), regproc('now'), regoper('||/'), pg_catalog.regnamespace('app'), tsquery('a & b'), inet('10.0.0.1'::text);

--- fn_builtin_cast_as_call_two
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: no cast takes two values
SELECT regtype('int4', 1);
