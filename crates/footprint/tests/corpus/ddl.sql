--- ddl_create_table
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n1 (a int PRIMARY KEY, b text DEFAULT 'x');

--- ddl_create_table_if
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE IF NOT EXISTS app.orders (a int);

--- ddl_create_like
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n2 (LIKE app.orders INCLUDING ALL);

--- ddl_create_of
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n3 OF app.dims;

--- ddl_create_part
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n4 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

--- ddl_create_inherit
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n5 (x int) INHERITS (app.animals);

--- ddl_create_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP TABLE t1 (a int);

--- ddl_create_temporary
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE LOCAL TEMPORARY TABLE t1 (a int) ON COMMIT DROP;

--- ddl_create_pg_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE pg_temp.t1 (a int);

--- ddl_create_unlogged
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE UNLOGGED TABLE app.n6 (a int);

--- ddl_ctas
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n7 AS SELECT * FROM orders;

--- ddl_ctas_no_data
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n8 AS TABLE orders WITH NO DATA;

--- ddl_ctas_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP TABLE t2 AS SELECT 1 AS a;

--- ddl_ctas_values
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n9 (a, b) AS VALUES (1, 2);

--- ddl_ctas_fn
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.n10 AS SELECT f_write() AS a;

--- ddl_ctas_exists
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE IF NOT EXISTS app.orders AS SELECT 1 AS a;

--- ddl_alter_add
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes ADD COLUMN z int;

--- ddl_alter_drop
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes DROP COLUMN n CASCADE;

--- ddl_alter_type
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE quiet ALTER COLUMN body TYPE varchar(99) USING body::varchar;

--- ddl_alter_default
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes ALTER n SET DEFAULT 5, ALTER id SET STATISTICS 10;

--- ddl_alter_rename
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes RENAME TO notes2;

--- ddl_alter_rename_col
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes RENAME COLUMN body TO text;

--- ddl_alter_schema
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes SET SCHEMA audit;

--- ddl_alter_constraint
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes ADD CONSTRAINT c1 CHECK (id > 0) NOT VALID;

--- ddl_alter_validate
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE order_items VALIDATE CONSTRAINT order_items_order_id_fkey;

--- ddl_alter_trigger
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE quiet ENABLE TRIGGER quiet_ai;

--- ddl_alter_rls
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;

--- ddl_alter_attach
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE events DETACH PARTITION events_old;

--- ddl_alter_logged
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE scratch SET LOGGED;

--- ddl_alter_owner
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TABLE notes OWNER TO CURRENT_USER;

--- ddl_drop_table
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP TABLE notes CASCADE;

--- ddl_drop_many
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP TABLE IF EXISTS app.none1, app.none2;

--- ddl_drop_view
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP VIEW v_customers;

--- ddl_create_view
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE VIEW app.nv1 AS SELECT * FROM orders;

--- ddl_create_or_replace_view
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE OR REPLACE VIEW app.v_customers AS SELECT id, name, email FROM customers WHERE id > 0;

--- ddl_create_temp_view
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP VIEW tv AS SELECT 1;

--- ddl_create_recursive_view
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE RECURSIVE VIEW app.nv2 (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM nv2 WHERE n < 3;

--- ddl_alter_view
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER VIEW v_customers RENAME TO v_c2;

--- ddl_create_matview
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE MATERIALIZED VIEW app.nm1 AS SELECT count(*) FROM orders;

--- ddl_refresh
--- route: primary
--- kind: schema
--- standby: fails 25006
REFRESH MATERIALIZED VIEW mv_daily;

--- ddl_refresh_conc
--- route: primary
--- kind: schema
--- standby: fails 25006
REFRESH MATERIALIZED VIEW CONCURRENTLY app.mv_daily;

--- ddl_refresh_no_data
--- route: primary
--- kind: schema
--- standby: fails 25006
REFRESH MATERIALIZED VIEW mv_daily WITH NO DATA;

--- ddl_drop_matview
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP MATERIALIZED VIEW app.mv_daily CASCADE;

--- ddl_create_index
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE INDEX ON orders (total);

--- ddl_create_index_name
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE UNIQUE INDEX IF NOT EXISTS i1 ON app.notes USING btree (lower(body) DESC) INCLUDE (n) WHERE n > 0;

--- ddl_create_index_conc
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE INDEX CONCURRENTLY i2 ON notes (n);

--- ddl_reindex
--- route: primary
--- kind: schema
--- standby: fails 25006
REINDEX TABLE notes;

--- ddl_reindex_index
--- route: primary
--- kind: schema
--- standby: fails 25006
REINDEX INDEX notes_pkey;

--- ddl_reindex_schema
--- route: primary
--- kind: schema
--- standby: fails 25006
REINDEX SCHEMA app;

--- ddl_reindex_conc
--- route: primary
--- kind: schema
--- standby: fails 25006
REINDEX (VERBOSE) TABLE CONCURRENTLY notes;

--- ddl_drop_index
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP INDEX app.mv_daily_day_idx;

--- ddl_drop_index_conc
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP INDEX CONCURRENTLY IF EXISTS app.no_such_index;

--- ddl_create_schema
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SCHEMA n1;

--- ddl_create_schema_els
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SCHEMA n2 CREATE TABLE t (a int) CREATE VIEW v AS SELECT a FROM t;

--- ddl_create_schema_auth
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SCHEMA IF NOT EXISTS AUTHORIZATION postgres;

--- ddl_drop_schema
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP SCHEMA audit CASCADE;

--- ddl_alter_schema_name
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER SCHEMA audit RENAME TO audit2;

--- ddl_create_function
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FUNCTION app.nf1() RETURNS int LANGUAGE sql AS 'SELECT 1';

--- ddl_create_function_atomic
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE OR REPLACE FUNCTION app.nf2(a int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT 1; SELECT 2; END;

--- ddl_create_function_return
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FUNCTION app.nf3(a int) RETURNS int RETURN a + 1;

--- ddl_create_function_dollar
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FUNCTION app.nf4() RETURNS int LANGUAGE plpgsql AS $fn$ BEGIN RETURN $$1$$::int; END $fn$;

--- ddl_alter_function
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER FUNCTION f_write() STABLE;

--- ddl_alter_function_ren
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER FUNCTION app.stamp() RENAME TO stamp2;

--- ddl_drop_function
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP FUNCTION IF EXISTS app.no_such_fn(int);

--- ddl_create_procedure
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE PROCEDURE app.np() LANGUAGE sql AS 'SELECT 1';

--- ddl_drop_routine
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP ROUTINE app.p_nothing;

--- ddl_create_aggregate
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE AGGREGATE app.na (int) (SFUNC = int4pl, STYPE = int);

--- ddl_create_operator
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE OPERATOR app.<~> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);

--- ddl_create_cast
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE CAST (app.tag AS bigint) WITH INOUT;

--- ddl_drop_cast
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP CAST (app.dims AS text);

--- ddl_create_type
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TYPE app.nt AS (a int);

--- ddl_create_enum
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TYPE app.ne AS ENUM ('a');

--- ddl_create_range
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TYPE app.nr AS RANGE (SUBTYPE = int8);

--- ddl_alter_enum
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TYPE app.order_status ADD VALUE IF NOT EXISTS 'lost';

--- ddl_create_domain
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE DOMAIN app.nd AS int CHECK (VALUE > 0);

--- ddl_alter_domain
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER DOMAIN app.code DROP CONSTRAINT code_check;

--- ddl_drop_type
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP TYPE app.dims CASCADE;

--- ddl_create_trigger
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TRIGGER t1 AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION app.t_audit();

--- ddl_create_ctrigger
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE CONSTRAINT TRIGGER t2 AFTER UPDATE ON notes DEFERRABLE FOR EACH ROW EXECUTE PROCEDURE app.t_audit();

--- ddl_drop_trigger
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP TRIGGER accounts_ai ON accounts;

--- ddl_alter_trigger_n
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER TRIGGER accounts_ai ON accounts RENAME TO x;

--- ddl_create_rule
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE RULE r1 AS ON INSERT TO notes DO ALSO NOTIFY x;

--- ddl_drop_rule
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP RULE legacy_ins ON legacy;

--- ddl_create_policy
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE POLICY p1 ON notes USING (true);

--- ddl_alter_policy
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER POLICY documents_own ON documents USING (false);

--- ddl_create_stats
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE STATISTICS app.st1 ON id, n FROM notes;

--- ddl_create_collation
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE COLLATION app.nc (locale = 'C');

--- ddl_create_ext
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE EXTENSION IF NOT EXISTS hstore;

--- ddl_drop_ext
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP EXTENSION hstore;

--- ddl_create_server
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SERVER s2 FOREIGN DATA WRAPPER postgres_fdw;

--- ddl_create_ftable
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FOREIGN TABLE app.nft (a int) SERVER loopback;

--- ddl_import_schema
--- route: primary
--- kind: schema
--- standby: fails 25006
IMPORT FOREIGN SCHEMA public FROM SERVER loopback INTO app;

--- ddl_create_mapping
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE USER MAPPING FOR postgres SERVER loopback;

--- ddl_create_fdw
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FOREIGN DATA WRAPPER w1;

--- ddl_create_pub
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE PUBLICATION pub1 FOR TABLE notes;

--- ddl_create_sub
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SUBSCRIPTION sub1 CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false);

--- ddl_create_event
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE EVENT TRIGGER et1 ON ddl_command_start EXECUTE FUNCTION app.t_event();

--- ddl_create_lang
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE OR REPLACE LANGUAGE plpgsql;

--- ddl_create_am
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE ACCESS METHOD am1 TYPE TABLE HANDLER heap_tableam_handler;

--- ddl_create_opclass
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE OPERATOR CLASS app.oc FOR TYPE int USING btree AS OPERATOR 1 <;

--- ddl_create_tsconf
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEXT SEARCH CONFIGURATION app.tc (COPY = simple);

--- ddl_create_conversion
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE CONVERSION app.cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

--- ddl_create_transform
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));

--- ddl_grant
--- route: primary
--- kind: schema
--- standby: fails 25006
GRANT SELECT ON orders TO PUBLIC;

--- ddl_grant_role
--- route: primary
--- kind: schema
--- standby: fails 25006
GRANT pg_monitor TO postgres;

--- ddl_revoke
--- route: primary
--- kind: schema
--- standby: fails 25006
REVOKE ALL ON ALL TABLES IN SCHEMA app FROM PUBLIC;

--- ddl_default_privs
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;

--- ddl_comment
--- route: primary
--- kind: schema
--- standby: fails 25006
COMMENT ON TABLE orders IS 'x';

--- ddl_comment_col
--- route: primary
--- kind: schema
--- standby: fails 25006
COMMENT ON COLUMN app.orders.id IS NULL;

--- ddl_sec_label
--- route: primary
--- kind: schema
--- standby: fails 25006
SECURITY LABEL ON TABLE orders IS 'x';

--- ddl_create_role
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE ROLE corpus_r1;

--- ddl_create_user
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE USER corpus_u1 PASSWORD 'x';

--- ddl_alter_role
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER ROLE postgres SET work_mem = '8MB';

--- ddl_drop_role
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP ROLE IF EXISTS corpus_none;

--- ddl_reassign
--- route: primary
--- kind: schema
--- standby: fails 25006
REASSIGN OWNED BY postgres TO postgres;

--- ddl_drop_owned
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP OWNED BY pg_monitor;

--- ddl_create_db
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE DATABASE corpus_db1;

--- ddl_alter_db
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER DATABASE corpus SET work_mem = '8MB';

--- ddl_drop_db
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP DATABASE IF EXISTS corpus_none;

--- ddl_create_ts
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLESPACE corpus_ts LOCATION '/tmp/none';

--- ddl_alter_system
--- route: primary
--- kind: schema
--- standby: explained runs: it writes the configuration file of the standby
ALTER SYSTEM SET work_mem = '8MB';

--- ddl_alter_seq
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER SEQUENCE product_seq INCREMENT BY 2;

--- ddl_alter_large
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER FUNCTION app.stamp() SET work_mem = '1MB';

--- ddl_alter_ext_member
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER EXTENSION hstore ADD TABLE notes;

--- ddl_alter_idx
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER INDEX notes_pkey RENAME TO notes_pk;

--- ddl_depends
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER FUNCTION f_write() DEPENDS ON EXTENSION hstore;

--- ddl_vacuum
--- route: primary
--- kind: utility
--- standby: fails 25006
VACUUM notes;

--- ddl_vacuum_full
--- route: primary
--- kind: utility
--- standby: fails 25006
VACUUM (FULL, ANALYZE) notes;

--- ddl_vacuum_all
--- route: primary
--- kind: utility
--- standby: fails 25006
VACUUM;

--- ddl_analyze
--- route: primary
--- kind: utility
--- standby: fails 25006
ANALYZE notes;

--- ddl_analyze_all
--- route: primary
--- kind: utility
--- standby: fails 25006
ANALYZE VERBOSE;

--- ddl_analyse
--- route: primary
--- kind: utility
--- standby: fails 25006
ANALYSE notes (id);

--- ddl_cluster
--- route: primary
--- kind: utility
--- standby: fails 25006
CLUSTER notes USING notes_pkey;

--- ddl_cluster_all
--- route: primary
--- kind: utility
--- standby: fails 25006
CLUSTER;
