--- multi_reads
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
SELECT count(*) FROM orders; SELECT count(*) FROM customers;

--- multi_read_write
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: app.notes
--- standby: fails 25006
SELECT count(*) FROM orders; INSERT INTO notes (id) VALUES (650);

--- multi_write_read
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE notes SET n = 1; SELECT 1;

--- multi_middle
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
SELECT 1; DELETE FROM notes; SELECT 2;

--- multi_set_read
--- route: any
--- kind: session
--- standby: runs
--- why: where the setting is followed on both sides
SET work_mem = '8MB'; SELECT 1;

--- multi_set_local_read
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
SET LOCAL statement_timeout = 1000; SELECT count(*) FROM orders;

--- multi_begin_read_commit
--- route: any
--- kind: transaction
--- reads: app.orders
--- standby: runs
BEGIN; SELECT id FROM orders LIMIT 1; COMMIT;

--- multi_begin_write_rollback
--- route: primary
--- kind: transaction
--- writes: app.notes
--- standby: fails 25006
BEGIN; DELETE FROM notes; ROLLBACK;

--- multi_empty_parts
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
;; SELECT 1;; ;

--- multi_only_semis
--- route: any
--- kind: utility
--- standby: runs
--- why: an empty query
;;

--- multi_empty
--- route: any
--- kind: utility
--- standby: runs
;

--- multi_semi_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'a; DELETE FROM app.notes; --' AS s;

--- multi_semi_dollar
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT $x$ ; DELETE FROM app.notes; $x$;

--- multi_semi_ident
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 AS "a; DELETE FROM app.notes";

--- multi_semi_comment
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 /* ; DELETE FROM app.notes; */ ;

--- multi_semi_line
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: the line comment ends, and a write follows
SELECT 1; -- ; SELECT 2
DELETE FROM app.notes WHERE id = 1;

--- multi_error_after
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 42601
--- why: a syntax error anywhere refuses the whole string
SELECT 1; SELEC 2;

--- multi_read_ctas
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT 1; CREATE TABLE app.m1 (a int);

--- multi_call_read
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
CALL p_archive(1); SELECT 1;

--- multi_begin_ro_write
--- route: primary
--- kind: transaction
--- standby: fails 25006
BEGIN READ ONLY; DELETE FROM notes; COMMIT;

--- multi_prepare_execute
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
PREPARE pm (int) AS DELETE FROM notes WHERE id = $1; EXECUTE pm(1);

--- multi_prepare_execute_read
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: both in one string, and what is prepared reads
PREPARE pr AS SELECT count(*) FROM orders; EXECUTE pr; DEALLOCATE pr;

--- multi_listen_read
--- route: primary
--- kind: session
--- standby: fails 25006
LISTEN a; SELECT 1;

--- multi_temp_use
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP TABLE tt (a int); INSERT INTO tt VALUES (1); SELECT * FROM tt;

--- multi_lock_then
--- route: primary
--- kind: lock
--- standby: fails 25006
BEGIN; SELECT * FROM orders WHERE id = 1 FOR UPDATE; UPDATE orders SET note = 'x' WHERE id = 1; COMMIT;

--- multi_show_read
--- route: any
--- kind: session
--- standby: runs
--- why: two that are right on both sides
SHOW work_mem; SHOW search_path;

--- multi_advisory_read
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: explained accepted by a standby, in another lock space
SELECT pg_advisory_xact_lock(1); SELECT count(*) FROM orders;

--- multi_nextval_read
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT 1; SELECT nextval('product_seq');

--- multi_copy_read
--- route: replica
--- kind: copy
--- reads: app.orders
--- writes: -
--- standby: runs
COPY orders TO STDOUT; SELECT 1;

--- multi_copy_in_read
--- route: primary
--- kind: copy
--- writes: app.notes
--- standby: fails 25006
COPY notes FROM STDIN; SELECT 1;

--- multi_explain_write
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
EXPLAIN SELECT 1; INSERT INTO notes (id) VALUES (651);

--- multi_commit_first
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
COMMIT; INSERT INTO notes (id) VALUES (652);

--- multi_path_then_read
--- route: any
--- kind: read
--- reads: audit.log
--- standby: runs
--- why: the path of the session decides what the second statement reads
SET search_path TO audit, app; SELECT count(*) FROM log;

--- multi_path_then_write
--- route: primary
--- kind: write
--- writes: audit.log
--- standby: fails 25006
SET search_path TO audit, app; INSERT INTO log (what) VALUES ('x');

--- multi_role_then_read
--- route: any
--- kind: session
--- reads: app.orders
--- standby: runs
SET ROLE NONE; SELECT count(*) FROM orders;

--- multi_many_reads
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet, app.orders
--- writes: -
--- standby: runs
SELECT 1; TABLE notes; VALUES (1); WITH x AS (SELECT 1) TABLE x; TABLE quiet; SELECT id FROM orders;

--- multi_declare_fetch
--- route: replica
--- kind: cursor
--- reads: app.orders
--- writes: -
--- standby: runs
BEGIN; DECLARE c CURSOR FOR SELECT id FROM orders; FETCH 1 FROM c; COMMIT;

--- multi_newlines
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
SELECT
  1
;
DELETE
  FROM notes
;

--- multi_standard_strings
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: with standard_conforming_strings off the backslash would hide the write
SELECT 'a\'; DELETE FROM app.notes; --';

--- multi_vacuum_multi
--- route: primary
--- kind: utility
--- standby: fails 25006
--- why: VACUUM cannot run in a string of many
SELECT 1; VACUUM notes;

--- multi_discard_read
--- route: any
--- kind: session
--- standby: runs
SELECT 1; DISCARD PLANS;

--- multi_fn_second
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_imm(1); SELECT f_write();

--- multi_path_temporary
--- route: primary
--- kind: session
--- standby: fails 25006
--- why: asking for the current schema makes it
SET search_path TO pg_temp, app; SELECT current_schema();

--- multi_path_temporary_keyword
--- route: primary
--- kind: session
--- standby: fails 25006
SET search_path TO pg_temp; SELECT current_schema;

--- multi_path_temporary_schemas
--- route: primary
--- kind: session
--- standby: fails 25006
SET search_path TO pg_temp; SELECT current_schemas(true);
