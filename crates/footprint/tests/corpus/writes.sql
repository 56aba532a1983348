--- writes_ins_values
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id, body) VALUES (100, 'x');

--- writes_ins_default
--- route: primary
--- kind: write
--- writes: app.log
--- standby: fails 25006
INSERT INTO log DEFAULT VALUES;

--- writes_ins_default_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a column default calls a volatile user function
INSERT INTO tickets (title) VALUES ('t');

--- writes_ins_default_given
--- route: primary
--- kind: write
--- writes: app.tickets
--- standby: fails 25006
--- why: the default is not used, so nothing else is written
INSERT INTO tickets (id, title) VALUES (501, 't');

--- writes_ins_default_kw
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO tickets (id, title) VALUES (DEFAULT, 't');

--- writes_ins_select
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: app.archive
--- standby: fails 25006
INSERT INTO archive SELECT id, note FROM orders;

--- writes_ins_table
--- route: primary
--- kind: write
--- reads: app.archive
--- writes: app.archive
--- standby: fails 25006
INSERT INTO archive TABLE archive;

--- writes_ins_multi
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes VALUES (101, 'a', 1), (102, 'b', 2);

--- writes_ins_returning
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id) VALUES (103) RETURNING id, body;

--- writes_ins_conflict_nothing
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id) VALUES (1) ON CONFLICT DO NOTHING;

--- writes_ins_conflict_upd
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes AS t (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body, n = t.n + 1 WHERE t.n > 0;

--- writes_ins_conflict_constr
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id, body) VALUES (1, 'x') ON CONFLICT ON CONSTRAINT notes_pkey DO UPDATE SET body = 'y' RETURNING *;

--- writes_ins_conflict_sub
--- route: primary
--- kind: write
--- reads: app.orders
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = (SELECT max(note) FROM orders);

--- writes_ins_overriding
--- route: primary
--- kind: write
--- writes: app.orders
--- standby: fails 25006
INSERT INTO orders (id, total) OVERRIDING SYSTEM VALUE VALUES (9999, 1);

--- writes_ins_identity
--- route: primary
--- kind: write
--- writes: app.orders
--- standby: fails 25006
INSERT INTO orders (customer_id, total) VALUES (1, 5) RETURNING id, ref;

--- writes_ins_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: an AFTER INSERT trigger fires
INSERT INTO accounts (id, owner) VALUES (77, 'me');

--- writes_upd_trigger_other
--- route: primary
--- kind: write
--- writes: app.accounts
--- standby: fails 25006
--- why: the trigger is AFTER INSERT only
UPDATE accounts SET amount = amount + 1 WHERE id = 1;

--- writes_del_trigger_other
--- route: primary
--- kind: write
--- writes: app.accounts
--- standby: fails 25006
DELETE FROM accounts WHERE id = 1;

--- writes_upsert_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO accounts (id, owner) VALUES (1, 'me') ON CONFLICT (id) DO UPDATE SET owner = 'me';

--- writes_ins_ledger
--- route: primary
--- kind: write
--- writes: app.ledger
--- standby: fails 25006
--- why: its trigger is for UPDATE and DELETE
INSERT INTO ledger VALUES (55, 1);

--- writes_upd_ledger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a statement trigger fires even for no row
UPDATE ledger SET amount = 0 WHERE false;

--- writes_del_ledger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
DELETE FROM ledger;

--- writes_upd_invoice_total
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: AFTER UPDATE OF total
UPDATE invoices SET total = 3;

--- writes_upd_invoice_memo
--- route: primary
--- kind: write
--- writes: app.invoices
--- standby: fails 25006
--- why: AFTER UPDATE OF total does not fire for another column
UPDATE invoices SET memo = 'x';

--- writes_ins_invoice
--- route: primary
--- kind: write
--- writes: app.invoices
--- standby: fails 25006
--- why: its default calls nextval
INSERT INTO invoices (total) VALUES (2);

--- writes_ins_quiet
--- route: primary
--- kind: write
--- writes: app.quiet
--- standby: fails 25006
--- why: its trigger is disabled
INSERT INTO quiet VALUES (50, 'x');

--- writes_upd_simple
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE notes SET body = 'y' WHERE id = 1;

--- writes_upd_only
--- route: primary
--- kind: write
--- writes: app.animals
--- standby: fails 25006
UPDATE ONLY animals SET name = 'x';

--- writes_upd_from
--- route: primary
--- kind: write
--- reads: app.customers, app.orders
--- writes: app.orders
--- standby: fails 25006
UPDATE orders o SET note = c.name FROM customers c WHERE c.id = o.customer_id;

--- writes_upd_multi_set
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet
--- writes: app.notes
--- standby: fails 25006
UPDATE notes SET (body, n) = (SELECT body, 1 FROM quiet LIMIT 1) WHERE id = 1;

--- writes_upd_row
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE notes SET (body, n) = ROW ('a', DEFAULT) WHERE id = 2;

--- writes_upd_subscript
--- route: primary
--- kind: write
--- writes: app.customers
--- standby: fails 25006
UPDATE customers SET tags[1] = 'x', prefs['a'] = '1' WHERE id = 1;

--- writes_upd_composite
--- route: primary
--- kind: write
--- writes: app.products
--- standby: fails 25006
UPDATE products SET size.w = 3 WHERE id = 1;

--- writes_upd_returning
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE notes SET n = n + 1 RETURNING *, xmin;

--- writes_upd_none
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: refused although no row matches
UPDATE notes SET n = 1 WHERE false;

--- writes_upd_current_of
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: no such cursor: 34000 on a primary
UPDATE notes SET n = 1 WHERE CURRENT OF c;

--- writes_upd_key_cascade
--- route: primary
--- kind: write
--- writes: app.countries, app.customers
--- standby: fails 25006
--- why: ON UPDATE CASCADE of the referencing column
UPDATE countries SET code = 'dx' WHERE code = 'de';

--- writes_upd_nokey
--- route: primary
--- kind: write
--- writes: app.countries
--- standby: fails 25006
--- why: the key is not changed, so nothing cascades
UPDATE countries SET name = 'x' WHERE code = 'de';

--- writes_upd_id_cascade
--- route: primary
--- kind: write
--- writes: app.customers, app.orders
--- standby: fails 25006
--- why: orders.customer_id ON UPDATE CASCADE
UPDATE customers SET id = 5000 WHERE id = 1;

--- writes_del_simple
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
DELETE FROM notes WHERE id = 1;

--- writes_del_using
--- route: primary
--- kind: write
--- reads: app.quiet, app.notes
--- writes: app.notes
--- standby: fails 25006
DELETE FROM notes USING quiet WHERE notes.id = quiet.id RETURNING notes.*;

--- writes_del_cascade
--- route: primary
--- kind: write
--- writes: app.customers, app.orders, app.order_items, app.shipments
--- standby: fails 25006
--- why: cascades to orders and order_items; shipments are SET NULL
DELETE FROM customers WHERE id = 1;

--- writes_del_setnull
--- route: primary
--- kind: write
--- writes: app.countries, app.customers
--- standby: fails 25006
DELETE FROM countries WHERE code = 'fr';

--- writes_del_orders
--- route: primary
--- kind: write
--- writes: app.orders, app.order_items, app.shipments
--- standby: fails 25006
DELETE FROM app.orders WHERE id = 3;

--- writes_del_self
--- route: primary
--- kind: write
--- writes: app.employees
--- standby: fails 25006
--- why: the foreign key points to the table itself
DELETE FROM employees WHERE id = 1;

--- writes_del_casc_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the cascade deletes from children, whose trigger may write anything
DELETE FROM parents WHERE id = 1;

--- writes_del_restrict
--- route: primary
--- kind: write
--- writes: app.products
--- standby: fails 25006
--- why: 23503 on a primary; RESTRICT changes no other table
DELETE FROM products WHERE id = 1;

--- writes_ins_part
--- route: primary
--- kind: write
--- writes: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- standby: fails 25006
INSERT INTO events (at, kind) VALUES ('2023-02-02', 'a');

--- writes_ins_part_leaf
--- route: primary
--- kind: write
--- writes: app.events_2023
--- standby: fails 25006
INSERT INTO events_2023 (id, at, kind) VALUES (1, '2023-02-02', 'a');

--- writes_upd_part
--- route: primary
--- kind: write
--- writes: app.events, app.events_2023, app.events_2024, app.events_2024_a, app.events_2024_rest, app.events_old
--- standby: fails 25006
UPDATE events SET kind = 'b' WHERE at = '2024-05-05';

--- writes_del_part_sub
--- route: primary
--- kind: write
--- writes: app.events_2024, app.events_2024_a, app.events_2024_rest
--- standby: fails 25006
DELETE FROM events_2024;

--- writes_ins_part_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: one partition has a trigger of its own
INSERT INTO meters VALUES (1, 5);

--- writes_upd_part_trigger
--- route: primary
--- kind: write
--- writes: app.meters, app.meters_1, app.meters_2
--- standby: fails 25006
--- why: the trigger of the partition is for INSERT; an update that moves no row does not fire it
UPDATE meters SET v = 3;

--- writes_upd_part_moves
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: moving a row to another partition fires the INSERT triggers there
UPDATE meters SET id = 1 WHERE id = 2;

--- writes_upd_inherit
--- route: primary
--- kind: write
--- writes: app.animals, app.dogs, app.puppies, app.cats
--- standby: fails 25006
UPDATE animals SET name = 'y';

--- writes_del_inherit
--- route: primary
--- kind: write
--- writes: app.dogs, app.puppies
--- standby: fails 25006
DELETE FROM dogs;

--- writes_del_inherit_star
--- route: primary
--- kind: write
--- writes: app.animals, app.dogs, app.puppies, app.cats
--- standby: fails 25006
DELETE FROM animals *;

--- writes_rule_instead
--- route: primary
--- kind: write
--- writes: app.archive
--- standby: fails 25006
--- why: rule DO INSTEAD INSERT
INSERT INTO legacy VALUES (9, 'x');

--- writes_rule_also
--- route: primary
--- kind: write
--- writes: app.noticed, audit.log
--- standby: fails 25006
UPDATE noticed SET note = 'z';

--- writes_rule_nothing
--- route: primary
--- kind: write
--- writes: -
--- standby: explained runs: nothing is left to do
--- why: DO INSTEAD NOTHING: nothing is left to do, even on a standby
DELETE FROM frozen;

--- writes_rule_select
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: DO INSTEAD SELECT of a function that writes
UPDATE frozen SET note = 'a';

--- writes_view_upd
--- route: primary
--- kind: write
--- writes: app.customers
--- standby: fails 25006
--- why: an automatically updatable view
UPDATE v_customers SET name = 'x' WHERE id = 1;

--- writes_view_ins
--- route: primary
--- kind: write
--- writes: app.customers
--- standby: fails 25006
INSERT INTO v_customers (name) VALUES ('x');

--- writes_view_del
--- route: primary
--- kind: write
--- writes: app.customers, app.orders, app.order_items, app.shipments
--- standby: fails 25006
DELETE FROM v_customers WHERE id = 2;

--- writes_view_checked
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO v_checked VALUES (200, 'x', 1);

--- writes_view_barrier
--- route: primary
--- kind: write
--- writes: app.accounts
--- standby: fails 25006
UPDATE v_barrier SET owner = 'y';

--- writes_view_instead
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: INSTEAD OF trigger
INSERT INTO v_instead VALUES (300);

--- writes_view_ruled
--- route: primary
--- kind: write
--- writes: app.archive
--- standby: fails 25006
INSERT INTO v_ruled VALUES (1, 'x');

--- writes_unlogged_ins
--- route: primary
--- kind: write
--- writes: app.scratch
--- standby: fails 25006
INSERT INTO scratch VALUES (2, 'x');

--- writes_foreign_ins
--- route: primary
--- kind: write
--- writes: app.remote_orders, unknown
--- standby: fails 25006
--- why: a write on another server; a standby refuses it before it is sent
INSERT INTO remote_orders VALUES (1, 1);

--- writes_foreign_del
--- route: primary
--- kind: write
--- writes: app.remote_orders, unknown
--- standby: fails 25006
DELETE FROM remote_orders;

--- writes_trunc
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
TRUNCATE notes;

--- writes_trunc_table
--- route: primary
--- kind: write
--- writes: app.notes, app.quiet
--- standby: fails 25006
TRUNCATE TABLE notes, quiet RESTART IDENTITY;

--- writes_trunc_cascade
--- route: primary
--- kind: write
--- writes: app.customers, app.orders, app.order_items, app.shipments
--- standby: fails 25006
TRUNCATE customers CASCADE;

--- writes_trunc_only
--- route: primary
--- kind: write
--- writes: app.animals
--- standby: fails 25006
TRUNCATE ONLY animals CONTINUE IDENTITY RESTRICT;

--- writes_trunc_part
--- route: primary
--- kind: write
--- writes: app.events_2024, app.events_2024_a, app.events_2024_rest
--- standby: fails 25006
TRUNCATE events_2024;

--- writes_trunc_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
TRUNCATE truncated;

--- writes_merge
--- route: primary
--- kind: write
--- reads: app.quiet, app.notes
--- writes: app.notes
--- standby: fails 25006
--- why: MERGE came with 15
MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED THEN UPDATE SET body = q.body WHEN NOT MATCHED THEN INSERT (id, body) VALUES (q.id, q.body);

--- writes_merge_del
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
MERGE INTO notes USING (SELECT 1 AS id) s ON notes.id = s.id WHEN MATCHED AND notes.n > 0 THEN DELETE WHEN MATCHED THEN DO NOTHING;

--- writes_merge_nothing
--- route: primary
--- kind: write
--- writes: -
--- standby: explained runs: a MERGE that can only do nothing asks for no right to write
MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED THEN DO NOTHING;

--- writes_merge_trigger
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the AFTER INSERT trigger of accounts
MERGE INTO accounts a USING quiet q ON a.id = q.id + 1000 WHEN NOT MATCHED THEN INSERT VALUES (q.id + 1000, 'x', 0);

--- writes_merge_part
--- route: primary
--- kind: write
--- writes: app.meters, app.meters_1, app.meters_2
--- standby: fails 25006
MERGE INTO meters m USING (VALUES (1)) v (id) ON m.id = v.id WHEN MATCHED THEN UPDATE SET v = 0;

--- writes_into
--- route: primary
--- kind: schema
--- reads: app.orders
--- standby: fails 25006
SELECT * INTO orders_copy FROM orders;

--- writes_into_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT 1 AS a INTO TEMP t1;

--- writes_into_temporary
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT 1 AS a INTO TEMPORARY TABLE t1;

--- writes_into_unlogged
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT id INTO UNLOGGED TABLE u1 FROM orders WHERE false;

--- writes_into_union
--- route: primary
--- kind: schema
--- standby: fails 25006
--- why: INTO stands in the first arm of a UNION
SELECT 1 AS a INTO t_union UNION SELECT 2;

--- writes_into_values_cte
--- route: primary
--- kind: schema
--- standby: fails 25006
WITH x AS (SELECT 1 AS a) SELECT a INTO t_cte FROM x;

--- writes_into_late
--- route: primary
--- kind: schema
--- standby: fails 25006
--- why: INTO after the target list, in parentheses
(SELECT id INTO t_par FROM orders);

--- writes_into_audit
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT 1 AS a INTO audit.t_new;

--- writes_into_end
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: PL/pgSQL's place of INTO; the server's grammar wants it before FROM
SELECT id FROM orders INTO t_end;

--- writes_audit_log
--- route: primary
--- kind: write
--- writes: audit.log
--- standby: fails 25006
INSERT INTO audit.log (what) VALUES ('x');

--- writes_app_log
--- route: primary
--- kind: write
--- writes: app.log
--- standby: fails 25006
--- why: search_path finds app.log
INSERT INTO log (line) VALUES ('x');

--- writes_upd_domain_log
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the domain's CHECK calls a volatile user function
UPDATE coded SET d = 'zzz';

--- writes_upd_domain_ok
--- route: primary
--- kind: write
--- writes: app.coded
--- standby: fails 25006
UPDATE coded SET c = 'abc';

--- writes_check_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the table's CHECK calls a volatile user function
INSERT INTO checked (id) VALUES (5);

--- writes_gen_col
--- route: primary
--- kind: write
--- writes: app.customers
--- standby: fails 25006
INSERT INTO customers (name) VALUES ('gen');

--- writes_upd_public
--- route: primary
--- kind: write
--- writes: public.orders
--- standby: fails 25006
UPDATE public.orders SET remark = 'x';

--- writes_ins_func
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO notes VALUES (f_write() + 500, 'x', 1);

--- writes_ins_stable_func
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
INSERT INTO notes VALUES (901, stamp(), 1);

--- writes_rls
--- route: primary
--- kind: write
--- writes: app.documents
--- standby: fails 25006
UPDATE documents SET body = 'x';

--- writes_rls_log
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: a policy calls a volatile user function (not for a superuser)
UPDATE vault SET body = 'x';

--- writes_mv_ins
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
--- why: cannot change a materialized view: 42809 on a primary
INSERT INTO mv_daily VALUES (now(), 1);

--- writes_pg_catalog_upd
--- route: primary
--- kind: write
--- standby: fails 25006
--- why: only with allow_system_table_mods or as superuser
UPDATE pg_catalog.pg_description SET description = 'x' WHERE false;

--- writes_missing_table
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42P01
--- why: no such table; nothing can be known
INSERT INTO no_such_table VALUES (1);

--- writes_del_no_where_only
--- route: primary
--- kind: write
--- writes: app.cats
--- standby: fails 25006
DELETE FROM ONLY app.cats;

--- writes_upd_tricky_alias
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
UPDATE notes AS "select" SET body = 'x' WHERE "select".id = 1;
