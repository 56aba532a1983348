-- The schema that the statements of this corpus run against.
-- Run it as a superuser on an empty database; it may be run again on the same
-- database. The statements assume  search_path = app, public.

SET client_min_messages = warning;
DROP SCHEMA IF EXISTS app CASCADE;
DROP SCHEMA IF EXISTS audit CASCADE;
DROP SCHEMA IF EXISTS "Ünïcode schema" CASCADE;
DROP FUNCTION IF EXISTS public.lower(text), public.length(int), public.sign(int), public.shadow(int) CASCADE;
DROP TABLE IF EXISTS public.orders, public.settings CASCADE;
DROP SERVER IF EXISTS loopback CASCADE;
CREATE SCHEMA app;
CREATE SCHEMA audit;
CREATE SCHEMA "Ünïcode schema";

-- Extensions of contrib. tsm_system_rows gives a TABLESAMPLE method.
CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public;
CREATE EXTENSION IF NOT EXISTS dblink SCHEMA public;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE EXTENSION IF NOT EXISTS tablefunc SCHEMA public;
CREATE EXTENSION IF NOT EXISTS tsm_system_rows SCHEMA public;

SET search_path = app, public;
SET check_function_bodies = off;
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database());
END $$;

-- Types ---------------------------------------------------------------------
CREATE TYPE app.order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');
CREATE TYPE app.dims AS (w int, h int);
CREATE TYPE app.tag AS (label text, weight int);
CREATE DOMAIN app.quantity AS int CHECK (VALUE > 0);

-- Two tables of the same name, in two schemas --------------------------------
CREATE TABLE audit.log (id bigserial PRIMARY KEY, what text, at timestamptz DEFAULT now());
CREATE TABLE app.log (id bigserial PRIMARY KEY, line text, at timestamptz DEFAULT now());

-- Functions -------------------------------------------------------------------
CREATE FUNCTION app.f_imm(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION app.f_imm_pl(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a + 1; END $$;
CREATE FUNCTION app.f_true(anyelement) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION app.f_stable() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM app.orders';
CREATE FUNCTION app.f_stable_pl() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM app.orders); END $$;
CREATE FUNCTION app.f_vol_read() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN (SELECT count(*) FROM app.orders); END $$;
CREATE FUNCTION app.f_vol_read_sql() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM app.orders';
CREATE FUNCTION app.f_unmarked(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION app.f_write() RETURNS int LANGUAGE sql VOLATILE AS $$ INSERT INTO audit.log (what) VALUES ('f_write') RETURNING 1 $$;
CREATE FUNCTION app.f_write(a int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('f_write ' || a); RETURN a; END $$;
CREATE FUNCTION app.f_write_bool() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('bool'); RETURN true; END $$;
CREATE FUNCTION app.f_write_text(a text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES (a); RETURN a; END $$;
CREATE FUNCTION app.f_write_void() RETURNS void LANGUAGE sql VOLATILE AS $$ INSERT INTO audit.log (what) VALUES ('void') $$;
CREATE FUNCTION app.f_std() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT 1; END;
CREATE FUNCTION app.f_set(n int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT generate_series(1, n)';
CREATE FUNCTION app.f_table(n int) RETURNS TABLE (id bigint, total numeric) LANGUAGE sql STABLE AS 'SELECT id, total FROM app.orders LIMIT n';
CREATE FUNCTION app.f_set_write(n int) RETURNS SETOF int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('set'); RETURN QUERY SELECT generate_series(1, n); END $$;
CREATE FUNCTION app.f_defaults(a int DEFAULT 1, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
-- immutable by itself, but the default of its argument writes
CREATE FUNCTION app.f_default_writes(a int, b int DEFAULT app.f_write()) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION app.f_variadic(VARIADIC a int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT cardinality(a)';
CREATE FUNCTION app.f_variadic_write(VARIADIC a text[]) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES (a[1]); RETURN cardinality(a); END $$;
CREATE FUNCTION app.f_over(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION app.f_over(date) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2';
CREATE FUNCTION app.f_over(text) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ($1); RETURN 3; END $$;
CREATE FUNCTION app.f_ins(a int, OUT b int, INOUT c int) LANGUAGE sql IMMUTABLE AS 'SELECT a, c';
CREATE FUNCTION app.f_definer() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ INSERT INTO audit.log (what) VALUES ('definer') RETURNING 1 $$;
CREATE FUNCTION app.f_set_guc() RETURNS int LANGUAGE sql STABLE SET work_mem = '8MB' AS 'SELECT 1';
CREATE FUNCTION app.f_poly(anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1[1]';
-- the same name in two schemas with different volatility
CREATE FUNCTION app.stamp() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'app' $$;
CREATE FUNCTION audit.stamp() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('stamp'); RETURN 'audit'; END $$;
-- only public has this one, and it writes; app has none
CREATE FUNCTION public.shadow(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('shadow'); RETURN $1; END $$;
CREATE FUNCTION audit.shadow(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
-- names of built-in functions
CREATE FUNCTION app.upper(app.dims) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('upper'); RETURN 'U'; END $$;
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('lower'); RETURN $1; END $$;
CREATE FUNCTION public.length(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('length'); RETURN $1; END $$;
-- a better match for sign(5) than pg_catalog.sign(numeric) and sign(float8)
CREATE FUNCTION public.sign(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('sign'); RETURN $1; END $$;
-- declared stable and immutable, but they write through a volatile function
CREATE FUNCTION app.f_liar_stable() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN app.f_write(7); END $$;
CREATE FUNCTION app.f_liar_immutable(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.f_write(a); END $$;
CREATE FUNCTION app.f_liar_nextval() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT nextval('app.product_seq') $$;
CREATE FUNCTION app.f_liar_scratch() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM app.scratch); END $$;

-- Sequences -------------------------------------------------------------------
CREATE SEQUENCE app.product_seq;
CREATE SEQUENCE app.invoice_no START 1000 CACHE 10;
CREATE UNLOGGED SEQUENCE app.scratch_seq;

-- Ordinary tables ---------------------------------------------------------------
CREATE TABLE app.countries (code char(2) PRIMARY KEY, name text NOT NULL);
CREATE TABLE app.customers (
  id bigserial PRIMARY KEY,
  email text UNIQUE,
  name text NOT NULL,
  country char(2) REFERENCES app.countries ON DELETE SET NULL ON UPDATE CASCADE,
  balance numeric NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  tags text[] NOT NULL DEFAULT '{}',
  prefs jsonb NOT NULL DEFAULT '{}',
  shout text GENERATED ALWAYS AS (pg_catalog.upper(name)) STORED
);
CREATE TABLE app.products (
  id int PRIMARY KEY DEFAULT nextval('app.product_seq'),
  name text NOT NULL,
  price numeric NOT NULL DEFAULT 0,
  attrs jsonb,
  size app.dims,
  doubled int GENERATED ALWAYS AS (app.f_imm(3)) STORED
);
CREATE TABLE app.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint REFERENCES app.customers ON DELETE CASCADE ON UPDATE CASCADE,
  status app.order_status NOT NULL DEFAULT 'new',
  total numeric NOT NULL DEFAULT 0,
  placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ref uuid DEFAULT gen_random_uuid(),
  note text
);
CREATE TABLE app.order_items (
  order_id bigint REFERENCES app.orders ON DELETE CASCADE,
  line int,
  product_id int REFERENCES app.products ON DELETE RESTRICT,
  qty app.quantity NOT NULL DEFAULT 1,
  price numeric,
  PRIMARY KEY (order_id, line)
);
CREATE TABLE app.shipments (
  id serial PRIMARY KEY,
  order_id bigint REFERENCES app.orders ON DELETE SET NULL,
  carrier text
);
CREATE TABLE app.notes (id int PRIMARY KEY, body text, n int);
CREATE TABLE app.tickets (id int PRIMARY KEY DEFAULT app.f_write(), title text);
CREATE TABLE app.sizes (id int PRIMARY KEY, size app.dims, label app.tag, st app.order_status);
CREATE TABLE app.employees (id int PRIMARY KEY, boss int REFERENCES app.employees ON DELETE CASCADE, name text);
CREATE TABLE public.orders (id int PRIMARY KEY, remark text);   -- hidden behind app.orders
CREATE TABLE public.settings (key text PRIMARY KEY, value text);
CREATE TABLE "Ünïcode schema"."Tàble; with ""quotes""" (id int, "sélect" text);
CREATE TABLE app."select" ("from" int, "where" text);

-- functions of a row: notes.n_plain is a call of n_plain(notes)
CREATE FUNCTION app.n_plain(app.notes) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.body';
CREATE FUNCTION app.n_write(app.notes) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('row'); RETURN 1; END $$;

-- Partitions and inheritance -------------------------------------------------------
CREATE TABLE app.events (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, kind text NOT NULL, body jsonb) PARTITION BY RANGE (at);
CREATE TABLE app.events_2023 PARTITION OF app.events FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE app.events_2024_a PARTITION OF app.events_2024 FOR VALUES IN ('a');
CREATE TABLE app.events_2024_rest PARTITION OF app.events_2024 DEFAULT;
CREATE TABLE app.events_old PARTITION OF app.events DEFAULT;
CREATE TABLE app.animals (id int, name text);
CREATE TABLE app.dogs (breed text) INHERITS (app.animals);
CREATE TABLE app.puppies (born date) INHERITS (app.dogs);
CREATE TABLE app.cats (lives int DEFAULT 9) INHERITS (app.animals);
-- one partition has a trigger of its own, one is unlogged
CREATE TABLE app.meters (id int, v int) PARTITION BY LIST (id);
CREATE TABLE app.meters_1 PARTITION OF app.meters FOR VALUES IN (1);
CREATE TABLE app.meters_2 PARTITION OF app.meters FOR VALUES IN (2);
CREATE TABLE app.caches (id int, v text) PARTITION BY LIST (id);
CREATE TABLE app.caches_1 PARTITION OF app.caches FOR VALUES IN (1);
CREATE UNLOGGED TABLE app.caches_2 PARTITION OF app.caches FOR VALUES IN (2);

-- Triggers ---------------------------------------------------------------------------
CREATE FUNCTION app.t_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit.log (what) VALUES (TG_TABLE_NAME || TG_OP); RETURN COALESCE(NEW, OLD); END $$;
CREATE FUNCTION app.t_stmt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit.log (what) VALUES (TG_OP); RETURN NULL; END $$;
CREATE FUNCTION app.t_instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.notes (id) VALUES (NEW.id); RETURN NEW; END $$;
CREATE FUNCTION app.t_event() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE TABLE app.accounts (id int PRIMARY KEY, owner text, amount numeric DEFAULT 0);
CREATE TRIGGER accounts_ai AFTER INSERT ON app.accounts FOR EACH ROW EXECUTE FUNCTION app.t_audit();
CREATE TABLE app.ledger (id int PRIMARY KEY, amount numeric);
CREATE TRIGGER ledger_bud BEFORE UPDATE OR DELETE ON app.ledger FOR EACH STATEMENT EXECUTE FUNCTION app.t_stmt();
CREATE TABLE app.invoices (id bigint PRIMARY KEY DEFAULT nextval('app.invoice_no'), total numeric, memo text);
CREATE TRIGGER invoices_au AFTER UPDATE OF total ON app.invoices FOR EACH ROW EXECUTE FUNCTION app.t_audit();
CREATE TABLE app.quiet (id int PRIMARY KEY, body text);
CREATE TRIGGER quiet_ai AFTER INSERT ON app.quiet FOR EACH ROW EXECUTE FUNCTION app.t_audit();
ALTER TABLE app.quiet DISABLE TRIGGER quiet_ai;
CREATE TABLE app.truncated (id int);
CREATE TRIGGER truncated_bt BEFORE TRUNCATE ON app.truncated FOR EACH STATEMENT EXECUTE FUNCTION app.t_stmt();
CREATE TRIGGER meters_1_ai AFTER INSERT ON app.meters_1 FOR EACH ROW EXECUTE FUNCTION app.t_audit();
CREATE TABLE app.parents (id int PRIMARY KEY);
CREATE TABLE app.children (id int PRIMARY KEY, parent int REFERENCES app.parents ON DELETE CASCADE);
CREATE TRIGGER children_ad AFTER DELETE ON app.children FOR EACH ROW EXECUTE FUNCTION app.t_audit();

-- Rules --------------------------------------------------------------------------------
CREATE TABLE app.archive (id bigint, note text);
CREATE TABLE app.legacy (id bigint, note text);
CREATE RULE legacy_ins AS ON INSERT TO app.legacy DO INSTEAD INSERT INTO app.archive VALUES (NEW.id, NEW.note);
CREATE TABLE app.noticed (id int, note text);
CREATE RULE noticed_upd AS ON UPDATE TO app.noticed DO ALSO INSERT INTO audit.log (what) VALUES (NEW.note);
CREATE TABLE app.frozen (id int, note text);
CREATE RULE frozen_del AS ON DELETE TO app.frozen DO INSTEAD NOTHING;
CREATE RULE frozen_upd AS ON UPDATE TO app.frozen DO INSTEAD SELECT app.f_write();

-- Unlogged, foreign, row-level security ---------------------------------------------------
CREATE UNLOGGED TABLE app.scratch (id int PRIMARY KEY, body text);
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'nowhere', connect_timeout '2');
CREATE USER MAPPING FOR PUBLIC SERVER loopback OPTIONS (user 'nobody', password 'none');
CREATE FOREIGN TABLE app.remote_orders (id bigint, total numeric) SERVER loopback OPTIONS (table_name 'orders');
CREATE FUNCTION app.can_see(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 = current_user';
CREATE FUNCTION app.can_see_log(text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ($1); RETURN true; END $$;
CREATE TABLE app.documents (id int PRIMARY KEY, owner text, body text);
ALTER TABLE app.documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY documents_own ON app.documents USING (app.can_see(owner));
CREATE TABLE app.vault (id int PRIMARY KEY, owner text, body text);
ALTER TABLE app.vault ENABLE ROW LEVEL SECURITY;
CREATE POLICY vault_own ON app.vault USING (app.can_see_log(owner));

-- Views --------------------------------------------------------------------------------------
CREATE VIEW app.v_customers AS SELECT id, name, email FROM app.customers;
CREATE VIEW app.v_open_orders AS SELECT o.id, o.total, c.name FROM app.orders o JOIN app.customers c ON c.id = o.customer_id WHERE o.status = 'new';
CREATE VIEW app.v_open_items AS SELECT v.*, i.line, i.qty FROM app.v_open_orders v JOIN app.order_items i ON i.order_id = v.id;
CREATE VIEW app.v_open_products AS SELECT v.id, v.line, p.name FROM app.v_open_items v, app.products p;
CREATE VIEW app.v_random AS SELECT id, random() AS r, now() AS t FROM app.customers;
CREATE VIEW app.v_stable AS SELECT id, app.f_stable() AS n FROM app.customers;
CREATE VIEW app.v_writes AS SELECT id, app.f_write() AS n FROM app.customers;
CREATE VIEW app.v_writes_deep AS SELECT * FROM (SELECT n FROM app.v_writes) s;
CREATE VIEW app.v_nextval AS SELECT nextval('app.product_seq') AS n;
CREATE VIEW app.v_locks AS SELECT id, note FROM app.orders FOR UPDATE;
CREATE VIEW app.v_scratch AS SELECT id, body FROM app.scratch;
CREATE VIEW app.v_remote AS SELECT id FROM app.remote_orders;
CREATE VIEW app.v_invoker WITH (security_invoker) AS SELECT id, body FROM app.documents;
CREATE VIEW app.v_barrier WITH (security_barrier) AS SELECT id, owner FROM app.accounts WHERE amount > 0;
CREATE VIEW app.v_checked AS SELECT id, body, n FROM app.notes WHERE n > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW app.v_instead AS SELECT 1 AS id;
CREATE TRIGGER v_instead_ins INSTEAD OF INSERT ON app.v_instead FOR EACH ROW EXECUTE FUNCTION app.t_instead();
CREATE VIEW app.v_events AS SELECT at, count(*) AS n FROM app.events GROUP BY at;
CREATE RECURSIVE VIEW app.v_chain (id, depth) AS SELECT id, 1 FROM app.employees WHERE boss IS NULL UNION ALL SELECT e.id, c.depth + 1 FROM app.employees e JOIN v_chain c ON e.boss = c.id;
CREATE VIEW app.v_catalog AS SELECT relname FROM pg_catalog.pg_class;
CREATE VIEW app.v_shadow AS SELECT public.shadow(1) AS s;
CREATE VIEW app.v_set AS SELECT g FROM app.f_set(3) g;
CREATE MATERIALIZED VIEW app.mv_daily AS SELECT placed_at::date AS day, sum(total) AS total FROM app.orders GROUP BY 1;
CREATE UNIQUE INDEX ON app.mv_daily (day);
CREATE VIEW app.v_daily AS SELECT * FROM app.mv_daily;
-- a rule that turns an insert into a view into an insert into a table
CREATE VIEW app.v_ruled AS SELECT id, note FROM app.archive;
CREATE RULE v_ruled_ins AS ON INSERT TO app.v_ruled DO INSTEAD INSERT INTO app.archive VALUES (NEW.id, NEW.note);

-- Aggregates, procedures, operators, casts, domains ---------------------------------------------
CREATE FUNCTION app.sf_add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + coalesce($2, 0)';
CREATE FUNCTION app.sf_log(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('agg'); RETURN $1 + $2; END $$;
CREATE AGGREGATE app.agg_add(int) (SFUNC = app.sf_add, STYPE = int, INITCOND = '0');
CREATE AGGREGATE app.agg_log(int) (SFUNC = app.sf_log, STYPE = int, INITCOND = '0');
CREATE FUNCTION app.ff_log(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('final'); RETURN $1; END $$;
CREATE AGGREGATE app.agg_final_log(int) (SFUNC = app.sf_add, STYPE = int, FINALFUNC = app.ff_log, INITCOND = '0');
CREATE PROCEDURE app.p_archive(a int) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.archive VALUES (a, 'p'); END $$;
CREATE PROCEDURE app.p_commits() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.archive VALUES (1, 'c'); COMMIT; END $$;
CREATE PROCEDURE app.p_nothing() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE PROCEDURE app.p_inout(INOUT a int) LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION app.op_plain(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 10 + $2';
CREATE FUNCTION app.op_write(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('op'); RETURN $1 OPERATOR(pg_catalog.+) $2; END $$;
CREATE FUNCTION app.op_prefix(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('prefix'); RETURN $1; END $$;
CREATE FUNCTION app.op_dims_eq(app.dims, app.dims) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('eq'); RETURN true; END $$;
CREATE FUNCTION app.op_bool(text, text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('bool'); RETURN true; END $$;
CREATE FUNCTION app.op_not_ilike(app.dims, text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('ilike'); RETURN true; END $$;
CREATE OPERATOR app.### (LEFTARG = int, RIGHTARG = int, FUNCTION = app.op_plain);
CREATE OPERATOR app.%%% (LEFTARG = int, RIGHTARG = int, FUNCTION = app.op_write);
CREATE OPERATOR audit.### (LEFTARG = int, RIGHTARG = int, FUNCTION = app.op_write);
CREATE OPERATOR app.@@@@ (RIGHTARG = int, FUNCTION = app.op_prefix);
CREATE OPERATOR app.== (LEFTARG = app.dims, RIGHTARG = app.dims, FUNCTION = app.op_dims_eq);
CREATE OPERATOR app.~~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = app.op_bool);
-- NOT ILIKE is the operator !~~*, found by search_path
CREATE OPERATOR app.!~~* (LEFTARG = app.dims, RIGHTARG = text, FUNCTION = app.op_not_ilike);
CREATE OPERATOR audit.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = app.op_write);
CREATE FUNCTION app.dims_area(app.dims) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.w * $1.h';
CREATE FUNCTION app.dims_text(app.dims) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('cast'); RETURN 'd'; END $$;
CREATE FUNCTION app.tag_text(app.tag) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('tag'); RETURN 't'; END $$;
CREATE FUNCTION app.status_int(app.order_status) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO audit.log (what) VALUES ('status'); RETURN 1; END $$;
CREATE CAST (app.dims AS int) WITH FUNCTION app.dims_area(app.dims);
CREATE CAST (app.dims AS text) WITH FUNCTION app.dims_text(app.dims) AS ASSIGNMENT;
CREATE CAST (app.tag AS text) WITH FUNCTION app.tag_text(app.tag) AS IMPLICIT;
CREATE CAST (app.order_status AS int) WITH FUNCTION app.status_int(app.order_status) AS ASSIGNMENT;
CREATE CAST (app.tag AS json) WITH INOUT;
CREATE FUNCTION app.code_ok(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 ~ '^[a-z]+$' $$;
CREATE DOMAIN app.code AS text CHECK (app.code_ok(VALUE));
CREATE DOMAIN app.logged_code AS text CHECK (app.can_see_log(VALUE));
CREATE DOMAIN app.logged_code2 AS app.logged_code CHECK (VALUE <> '');
CREATE TYPE app.boxed AS (c app.logged_code, n int);
CREATE TABLE app.coded (id int, c app.code, d app.logged_code);
-- the tables whose checks and expression defaults call functions
CREATE TABLE app.checked (id int CHECK (app.can_see_log(id::text)), v int DEFAULT app.f_imm(2));

-- Some rows --------------------------------------------------------------------------------------
INSERT INTO app.countries VALUES ('de', 'Germany'), ('fr', 'France');
INSERT INTO app.customers (email, name, country) SELECT 'c' || i || '@example.org', 'Customer ' || i, CASE WHEN i % 2 = 0 THEN 'de' ELSE 'fr' END FROM generate_series(1, 20) i;
INSERT INTO app.products (name, price, attrs, size) SELECT 'Product ' || i, i, jsonb_build_object('k', i), ROW(i, i)::app.dims FROM generate_series(1, 5) i;
INSERT INTO app.orders (customer_id, total, note) SELECT i, i * 10, 'n' || i FROM generate_series(1, 20) i;
INSERT INTO app.order_items (order_id, line, product_id, qty, price) SELECT o, 1, 1 + o % 5, 1, 1 FROM generate_series(1, 20) o;
INSERT INTO app.shipments (order_id, carrier) SELECT o, 'x' FROM generate_series(1, 5) o;
INSERT INTO app.notes SELECT i, 'note ' || i, i FROM generate_series(1, 10) i;
INSERT INTO app.sizes VALUES (1, ROW(1, 2), ROW('l', 3), 'new'), (2, ROW(3, 4), ROW('m', 5), 'paid');
INSERT INTO app.employees VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO public.orders VALUES (1, 'hidden');
INSERT INTO public.settings VALUES ('a', 'b');
INSERT INTO "Ünïcode schema"."Tàble; with ""quotes""" VALUES (1, 'x');
INSERT INTO app."select" VALUES (1, 'x');
INSERT INTO app.events (at, kind, body) VALUES ('2023-05-05', 'a', '{}'), ('2024-05-05', 'a', '{}'), ('2024-06-06', 'b', '{}'), ('2000-01-01', 'c', '{}');
INSERT INTO app.animals VALUES (1, 'animal');
INSERT INTO app.dogs VALUES (2, 'dog', 'x');
INSERT INTO app.puppies VALUES (3, 'puppy', 'x', now());
INSERT INTO app.cats VALUES (4, 'cat', 9);
INSERT INTO app.meters VALUES (1, 1), (2, 2);
INSERT INTO app.caches VALUES (1, 'a'), (2, 'b');
INSERT INTO app.accounts VALUES (1, 'postgres', 5), (2, 'x', 6);
INSERT INTO app.ledger VALUES (1, 1);
INSERT INTO app.invoices (total, memo) VALUES (1, 'm');
INSERT INTO app.quiet VALUES (1, 'q');
INSERT INTO app.truncated VALUES (1);
INSERT INTO app.parents VALUES (1), (2);
INSERT INTO app.children VALUES (1, 1);
INSERT INTO app.legacy VALUES (1, 'a');
INSERT INTO app.noticed VALUES (1, 'a');
INSERT INTO app.frozen VALUES (1, 'a');
INSERT INTO app.scratch VALUES (1, 'a');
INSERT INTO app.documents VALUES (1, 'postgres', 'd');
INSERT INTO app.vault VALUES (1, 'postgres', 'd');
INSERT INTO app.coded VALUES (1, 'abc', 'x');
INSERT INTO app.checked VALUES (1);
INSERT INTO app.log (line) VALUES ('l');
SELECT lo_from_bytea(424242, 'large object') WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 424242);
REFRESH MATERIALIZED VIEW app.mv_daily;
ANALYZE;
