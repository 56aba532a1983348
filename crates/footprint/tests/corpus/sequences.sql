--- sequences_nextval
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT nextval('app.product_seq');

--- sequences_nextval_regclass
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT nextval('product_seq'::regclass);

--- sequences_nextval_catalog
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT pg_catalog.nextval('app.invoice_no');

--- sequences_nextval_many
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT nextval('product_seq') FROM generate_series(1, 3);

--- sequences_nextval_from
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT * FROM nextval('product_seq') AS n;

--- sequences_nextval_quoted
--- route: primary
--- kind: write
--- standby: fails 25006
--- why: the quoted lower-case name is the same function
SELECT "nextval"('product_seq');

--- sequences_nextval_upper
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT NEXTVAL('product_seq');

--- sequences_setval
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT setval('product_seq', 100);

--- sequences_setval_bool
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT setval('product_seq', 100, false);

--- sequences_setval_max
--- route: primary
--- kind: write
--- reads: app.products
--- standby: fails 25006
SELECT setval('product_seq', (SELECT max(id) FROM products));

--- sequences_setval_serial
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT setval(pg_get_serial_sequence('app.customers', 'id'), 1000);

--- sequences_currval
--- route: primary
--- kind: session
--- standby: fails 55000
--- why: known only in the session that called nextval
SELECT currval('product_seq');

--- sequences_lastval
--- route: primary
--- kind: session
--- standby: fails 55000
SELECT lastval();

--- sequences_currval_where
--- route: primary
--- kind: session
--- reads: app.orders
--- standby: fails 55000
SELECT * FROM orders WHERE id = currval('product_seq');

--- sequences_last_value
--- route: primary
--- kind: read
--- standby: explained runs, but is up to 32 values ahead of the primary, since sequences are logged in advance
--- why: a sequence read as a relation: a session would not see the value that it just drew
SELECT last_value, is_called FROM product_seq;

--- sequences_table_seq
--- route: primary
--- kind: read
--- standby: explained runs, but is up to 32 values ahead of the primary, since sequences are logged in advance
TABLE app.product_seq;

--- sequences_pg_sequences
--- route: primary
--- kind: read
--- standby: explained runs, but is up to 32 values ahead of the primary, since sequences are logged in advance
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'app';

--- sequences_seq_last_value_fn
--- route: primary
--- kind: read
--- standby: explained runs, but is up to 32 values ahead of the primary, since sequences are logged in advance
SELECT pg_sequence_last_value('app.product_seq'::regclass);

--- sequences_seq_params
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT pg_sequence_parameters('app.product_seq'::regclass::oid);

--- sequences_serial_seq
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT pg_get_serial_sequence('app.customers', 'id');

--- sequences_unlogged_seq
--- route: primary
--- kind: read
--- reads: -
--- standby: fails 0A000
--- why: an unlogged sequence cannot be read on a standby
SELECT last_value FROM scratch_seq;

--- sequences_unlogged_next
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT nextval('scratch_seq');

--- sequences_view_next
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT * FROM v_nextval;

--- sequences_in_default
--- route: primary
--- kind: write
--- writes: app.products
--- standby: fails 25006
INSERT INTO products (name) VALUES ('p');

--- sequences_create
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE SEQUENCE app.s2;

--- sequences_create_temp
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TEMP SEQUENCE s3;

--- sequences_alter
--- route: primary
--- kind: schema
--- standby: fails 25006
ALTER SEQUENCE product_seq RESTART WITH 1;

--- sequences_drop
--- route: primary
--- kind: schema
--- standby: fails 25006
DROP SEQUENCE app.invoice_no CASCADE;

--- sequences_nextval_dyn
--- route: primary
--- kind: write
--- standby: fails 25006
--- why: the name of the sequence is not known before it runs
SELECT nextval(c.oid::regclass) FROM pg_class c WHERE c.relname = 'product_seq';

--- sequences_nextval_alias
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: only a column alias of that name
SELECT 1 AS nextval;

--- sequences_nextval_column
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT nextval FROM (VALUES (1)) v (nextval);

--- sequences_nextval_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'nextval(''product_seq'')';

--- sequences_nextval_case
--- route: primary
--- kind: write
--- standby: fails 25006
SELECT CASE WHEN true THEN nextval('product_seq') ELSE 0 END;

--- sequences_nextval_never
--- route: primary
--- kind: write
--- standby: explained runs: the call is never reached
--- why: a conservative answer is right here
SELECT CASE WHEN false THEN nextval('product_seq') ELSE 0 END;
