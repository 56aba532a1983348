--- odd_syntax_comment_first
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
/* first */ SELECT id FROM orders;

--- odd_syntax_comment_nested
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
/* a /* b */ c */ SELECT id /* d /* e /* f */ */ */ FROM orders;

--- odd_syntax_comment_nested_hides
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: comments nest: after the inner end the outer one goes on, and then a write follows
/* /* */ SELECT 1; */ DELETE FROM app.notes;

--- odd_syntax_comment_nested_read
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: the write is inside the outer comment
/* /* */ DELETE FROM app.notes; */ SELECT 1;

--- odd_syntax_comment_lines
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
-- a
-- b
SELECT id -- c
FROM orders -- d

--- odd_syntax_comment_tight
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT/**/id/**/FROM/**/app/**/./**/orders;

--- odd_syntax_comment_unterminated
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT 1 /* never ends

--- odd_syntax_comment_only
--- route: any
--- kind: utility
--- standby: runs
--- why: an empty query
/* nothing */

--- odd_syntax_comment_line_only
--- route: any
--- kind: utility
--- standby: runs
--- why: an empty query
-- nothing

--- odd_syntax_comment_sqlcommenter
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders /*controller='users',action='show',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/;

--- odd_syntax_comment_in_op
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: an operator ends where a comment begins
SELECT 1 +/* x */2, 3 *-- y
4;

--- odd_syntax_comment_dash_op
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: two minus signs are a comment, with a space they are not
SELECT 3 - -2;

--- odd_syntax_comment_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT '/* not a comment' , '-- nor this' , '*/';

--- odd_syntax_dollar
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT $$it's; DELETE FROM app.notes$$;

--- odd_syntax_dollar_tag
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT $a$ $b$ $$ ; DROP TABLE app.notes; $b$ $a$;

--- odd_syntax_dollar_unicode_tag
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT $é_1$x$é_1$;

--- odd_syntax_dollar_unterminated
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT $a$ never ends $b$;

--- odd_syntax_dollar_in_ident
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: a dollar sign inside a name starts no quote
SELECT 1 AS a$b$c;

--- odd_syntax_dollar_do
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
DO $outer$ BEGIN EXECUTE $inner$ DELETE FROM app.notes $inner$; END $outer$;

--- odd_syntax_e_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT E'it\'s; DELETE FROM app.notes; \\', e'\x41\u0042\n';

--- odd_syntax_e_string_end
--- route: primary
--- kind: write
--- writes: app.notes
--- standby: fails 25006
--- why: the string ends after two backslashes
SELECT E'\\'; DELETE FROM app.notes; --';

--- odd_syntax_plain_backslash
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: a backslash is an ordinary character here
SELECT '\', 'x';

--- odd_syntax_doubled_quote
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'it''s; DELETE FROM app.notes;', "a""b" FROM (SELECT 1) AS t ("a""b");

--- odd_syntax_continued_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: strings on successive lines are one
SELECT 'a'
  'b; DELETE FROM app.notes';

--- odd_syntax_continued_same_line
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: on one line they are not
SELECT 'a' 'b';

--- odd_syntax_bit_strings
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT B'1010', X'1FF', N'national';

--- odd_syntax_u_string
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT U&'\0441\043B\043E\043D', U&'!0061' UESCAPE '!';

--- odd_syntax_u_ident
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT U&"\0069d" FROM app.U&"ord\0065rs";

--- odd_syntax_u_ident_escape
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM U&"ord!0065rs" UESCAPE '!';

--- odd_syntax_u_ident_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT U&"f\005fwrite"();

--- odd_syntax_u_ident_six
--- route: primary
--- kind: write
--- writes: -
--- standby: fails 25006
SELECT U&"next\+000076al"('product_seq');

--- odd_syntax_unicode_alias
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id AS größe, note AS "日本語" FROM orders AS таблица;

--- odd_syntax_unicode_space
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: a no-break space is part of a name, not white space
SELECT 1;

--- odd_syntax_bom
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: a byte order mark is part of a name
﻿SELECT 1;

--- odd_syntax_formfeed
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT	idFROM	orders;

--- odd_syntax_long_ident
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: names are cut at 63 bytes, with a notice
SELECT 1 AS aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg;

--- odd_syntax_long_ident_table
--- route: primary
--- kind: read
--- reads: -
--- standby: fails 42P01
--- why: the same for the names of tables
SELECT * FROM aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg;

--- odd_syntax_numbers
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1., .5, 1e10, 1.5E-3, 007;

--- odd_syntax_numbers_16
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: hexadecimal and underscores came with 16; 15 refuses the first
SELECT 0x1F, 1_000;

--- odd_syntax_number_alias
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: 15 refuses junk right after a number
SELECT 1a;

--- odd_syntax_param_junk
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT $1a;

--- odd_syntax_neg_limit
--- route: any
--- kind: read
--- reads: app.notes
--- standby: fails 2201W
--- why: a mistake at run time: on either side
SELECT id FROM notes LIMIT -1;

--- odd_syntax_as_keyword
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 AS select, 2 AS from, 3 AS "order";

--- odd_syntax_bare_keyword
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 name, 2 value, 3 type;

--- odd_syntax_nonreserved_tables
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT show.id FROM notes show, (SELECT 1 AS begin) copy WHERE copy.begin = show.id;

--- odd_syntax_column_names
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT insert, update, delete FROM (VALUES (1, 2, 3)) v (insert, update, delete);

--- odd_syntax_operators
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1 <> 2, 1 != 2, 2 ^ 3, 5 % 2, |/ 25.0, ||/ 27.0, @ -5, ~1, 1 & 3, 1 | 2, 1 # 3, 1 << 2, 8 >> 1;

--- odd_syntax_op_typecast
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT '1'::int::text::varchar(3)::char(2), -1::int, (ARRAY[1])[1]::text;

--- odd_syntax_tz_precision
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT timestamp with time zone '2024-01-01 00:00+00', time (2) '10:00', interval '1-2' year to month, double precision '1.5', character varying (3) 'abc';

--- odd_syntax_array_types
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT '{1,2}'::int[3], '{{1}}'::int[][], '{1}'::int ARRAY, '{1}'::int ARRAY[4];

--- odd_syntax_is_json
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: IS JSON came with 16
SELECT '{}' IS JSON;

--- odd_syntax_json_table
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: JSON_TABLE came with 17
SELECT * FROM JSON_TABLE('[{"a":1}]'::jsonb, '$[*]' COLUMNS (a int PATH '$.a'));

--- odd_syntax_json_value
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: JSON_VALUE came with 17; to 15 it is a call with odd arguments
SELECT JSON_VALUE('{"a":1}'::jsonb, '$.a' RETURNING int);

--- odd_syntax_json_query
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT JSON_QUERY('{"a":[1]}'::jsonb, '$.a' WITH WRAPPER);

--- odd_syntax_json_exists
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: to 15 a function that does not exist
SELECT JSON_EXISTS('{"a":1}'::jsonb, '$.a');

--- odd_syntax_json_object
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: the SQL form came with 16
SELECT JSON_OBJECT('a' VALUE 1, 'b': 2 ABSENT ON NULL);

--- odd_syntax_json_array
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT JSON_ARRAY(1, 2 RETURNING jsonb);

--- odd_syntax_json_arrayagg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: to 15 an aggregate that does not exist
SELECT JSON_ARRAYAGG(id ORDER BY id) FROM orders;

--- odd_syntax_json_scalar
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
SELECT JSON_SCALAR(1);

--- odd_syntax_merge_returning
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: RETURNING of MERGE came with 17
MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED THEN DELETE RETURNING n.id;

--- odd_syntax_merge_by_source
--- route: primary
--- kind: unknown
--- standby: fails 42601
MERGE INTO notes n USING quiet q ON n.id = q.id WHEN NOT MATCHED BY SOURCE THEN DELETE;

--- odd_syntax_returning_old_new
--- route: primary
--- kind: write
--- standby: fails 42P01
--- why: OLD and NEW came with 18: to 15 the names of tables
UPDATE notes SET n = 2 RETURNING old.n, new.n;

--- odd_syntax_returning_with
--- route: primary
--- kind: unknown
--- standby: fails 42601
UPDATE notes SET n = 2 RETURNING WITH (OLD AS o) o.n;

--- odd_syntax_subquery_noalias
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: before 16 a subquery in FROM needs an alias
SELECT * FROM (SELECT 1);

--- odd_syntax_values_noalias
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT * FROM (VALUES (1));

--- odd_syntax_virtual_generated
--- route: primary
--- kind: unknown
--- standby: fails 42601
CREATE TABLE app.vg (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL);

--- odd_syntax_wait_for_lsn
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: came with 19
WAIT FOR LSN '0/1000000';

--- odd_syntax_at_local
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: AT LOCAL came with 17
SELECT now() AT LOCAL;

--- odd_syntax_system_user
--- route: primary
--- kind: read
--- standby: fails 42703
--- why: SYSTEM_USER came with 16: to 15 a column
SELECT system_user;

--- odd_syntax_group_by_all
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: GROUP BY ALL came with 19
SELECT status, count(*) FROM orders GROUP BY ALL;

--- odd_syntax_ignore_nulls
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT first_value(id) IGNORE NULLS OVER (ORDER BY id) FROM orders;

--- odd_syntax_graph_table
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT * FROM GRAPH_TABLE (g MATCH (a) COLUMNS (a.id));

--- odd_syntax_for_portion
--- route: primary
--- kind: unknown
--- standby: fails 42601
UPDATE events FOR PORTION OF at FROM '2024-01-01' TO '2024-02-01' SET kind = 'x';

--- odd_syntax_mysql_limit
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT * FROM orders LIMIT 5, 10;

--- odd_syntax_mysql_quotes
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT `id` FROM `orders`;

--- odd_syntax_mysql_describe
--- route: primary
--- kind: unknown
--- standby: fails 42601
DESCRIBE orders;

--- odd_syntax_mysql_show
--- route: primary
--- kind: unknown
--- standby: fails 42601
SHOW TABLES FROM app;

--- odd_syntax_use
--- route: primary
--- kind: unknown
--- standby: fails 42601
USE app;

--- odd_syntax_oracle_dual
--- route: primary
--- kind: read
--- standby: fails 42P01
SELECT 1 FROM dual;

--- odd_syntax_mssql_top
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT TOP 5 * FROM orders;

--- odd_syntax_psql_meta
--- route: primary
--- kind: unknown
--- standby: fails 42601
\d orders

--- odd_syntax_typo
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELEC id FROM orders;

--- odd_syntax_unbalanced
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT (1;

--- odd_syntax_trailing
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT 1 FROM orders WHERE;

--- odd_syntax_quote_open
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT 'never ends;

--- odd_syntax_ident_open
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT "never ends;

--- odd_syntax_ident_empty
--- route: primary
--- kind: unknown
--- standby: fails 42601
SELECT 1 AS "";

--- odd_syntax_garbage
--- route: primary
--- kind: unknown
--- standby: fails 42601
%%% this is not SQL %%%

--- odd_syntax_replication
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: a command of the replication protocol
IDENTIFY_SYSTEM;

--- odd_syntax_cypher
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: the grammar of an extension
MATCH (n) RETURN n;

--- odd_syntax_timescale
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE TABLE app.ts (a int) WITH (fillfactor = 70);

--- odd_syntax_citus
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
SELECT create_distributed_table('orders', 'id');

--- odd_syntax_gapfill
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
SELECT time_bucket_gapfill('1 day', placed_at) FROM orders GROUP BY 1;

--- odd_syntax_pgbouncer
--- route: primary
--- kind: unknown
--- standby: fails 42601
SHOW POOLS STATS;

--- odd_syntax_show_pools
--- route: any
--- kind: session
--- standby: fails 42704
--- why: to PostgreSQL a setting of that name
SHOW POOLS;

--- odd_syntax_begin_kw_case
--- route: any
--- kind: transaction
--- standby: runs
bEgIn;

--- odd_syntax_select_kw_case
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
sElEcT Id FrOm OrDeRs;

--- odd_syntax_parens_deep
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
((((((((SELECT id FROM orders))))))));

--- odd_syntax_parens_expr
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT ((((((((((1))))))))));

--- odd_syntax_parens_from
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
SELECT * FROM ((notes n JOIN quiet q USING (id)));

--- odd_syntax_is_distinct_chain
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT (1 IS DISTINCT FROM 2) IS NOT TRUE AND 1 < 2 IS TRUE;

--- odd_syntax_not_op
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT NOT NOT true, NOT 1 = 2 AND 3 = 3;

--- odd_syntax_star_count
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT count(*), count(ALL id) FROM orders;

--- odd_syntax_row_star
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT ROW(n.*) FROM notes n;

--- odd_syntax_func_no_space
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT abs (-1), pg_catalog . abs(-2);

--- odd_syntax_extract_kw
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT extract('year' FROM now()), extract(dow FROM current_date);

--- odd_syntax_treat
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 42883
--- why: TREAT is in the grammar and calls a function of the type's name
SELECT TREAT(1 AS nothing);

--- odd_syntax_current_schema_tbl
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM current_schema(), current_date AS d;

--- odd_syntax_into_keyword_col
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT x."into" FROM (SELECT 1 AS "into") x;

--- odd_syntax_for_kw
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT substring('for update' FROM 1 FOR 3);

--- odd_syntax_string_with_null
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'a' || E'\t' || '�';

--- odd_syntax_emoji
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT '🐘' AS "🐘";

--- odd_syntax_crlf
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id
FROM orders

--- odd_syntax_ctid
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE ctid = '(0,1)';

--- odd_syntax_cursor_name_kw
--- route: any
--- kind: cursor
--- standby: fails 34000
FETCH ALL FROM "select";

--- odd_syntax_create_rule_multi
--- route: primary
--- kind: schema
--- standby: fails 25006
--- why: semicolons inside the parentheses of a rule
CREATE RULE r9 AS ON INSERT TO notes DO ALSO (DELETE FROM quiet; DELETE FROM frozen);

--- odd_syntax_create_atomic
--- route: primary
--- kind: schema
--- standby: fails 25006
--- why: semicolons inside a body end nothing
CREATE FUNCTION app.atomic1() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; 

--- odd_syntax_atomic_then_read
--- route: primary
--- kind: schema
--- standby: fails 25006
CREATE FUNCTION app.atomic2() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 1;

--- odd_syntax_select_tricky_end
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT CASE WHEN true THEN 1 END;

--- odd_syntax_window_kw
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT sum(n) OVER (w ROWS UNBOUNDED PRECEDING) FROM notes WINDOW w AS (PARTITION BY body ORDER BY id);

--- odd_syntax_big_in
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);

--- odd_syntax_hint_pg_plan
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
/*+ SeqScan(orders) */ SELECT id FROM orders;
