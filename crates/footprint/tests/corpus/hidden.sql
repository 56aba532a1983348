--- hidden_limit
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes LIMIT app.f_write();

--- hidden_offset
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes OFFSET f_write();

--- hidden_fetch_first
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes FETCH FIRST (f_write()) ROWS ONLY;

--- hidden_filter
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FILTER (WHERE f_write_bool()) FROM notes;

--- hidden_over_partition
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) OVER (PARTITION BY f_write(n)) FROM notes;

--- hidden_over_order
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) OVER (ORDER BY f_write(n)) FROM notes;

--- hidden_over_frame_start
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(n) OVER (ORDER BY id ROWS f_write() PRECEDING) FROM notes;

--- hidden_over_frame_end
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(n) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND f_write() FOLLOWING) FROM notes;

--- hidden_over_range
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(n) OVER (ORDER BY n RANGE BETWEEN f_write() PRECEDING AND CURRENT ROW) FROM notes;

--- hidden_over_groups
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(n) OVER (ORDER BY n GROUPS BETWEEN 1 PRECEDING AND f_write() FOLLOWING EXCLUDE TIES) FROM notes;

--- hidden_window_clause
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT sum(n) OVER w FROM notes WINDOW w AS (ORDER BY f_write(n));

--- hidden_window_unused
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
--- why: a window that nothing uses, and still it is computed
SELECT id FROM notes WINDOW w AS (ORDER BY f_write(n));

--- hidden_distinct_on
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT DISTINCT ON (f_write(n)) id FROM notes;

--- hidden_distinct
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT DISTINCT f_write(n) FROM notes;

--- hidden_agg_distinct
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(DISTINCT f_write(n)) FROM notes;

--- hidden_agg_order
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT string_agg(body, ',' ORDER BY f_write(n)) FROM notes;

--- hidden_agg_within
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f_write(n)) FROM notes;

--- hidden_agg_direct
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT percentile_disc(f_write() * 0.5) WITHIN GROUP (ORDER BY n) FROM notes;

--- hidden_agg_second_arg
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT string_agg(body, f_write_text(',')) FROM notes;

--- hidden_group_by
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes GROUP BY f_write(n);

--- hidden_grouping_sets
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes GROUP BY GROUPING SETS ((f_write(n)), ());

--- hidden_rollup
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes GROUP BY ROLLUP (id, (f_write(n)));

--- hidden_cube
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes GROUP BY CUBE (f_write(n), id);

--- hidden_having
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes HAVING f_write_bool();

--- hidden_order_by
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes ORDER BY f_write(n) DESC NULLS LAST;

--- hidden_order_collate
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes ORDER BY f_write_text(body) COLLATE "C";

--- hidden_values
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
VALUES (1, f_write());

--- hidden_values_second
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
VALUES (1), (2), (f_write());

--- hidden_values_order
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
VALUES (1), (2) ORDER BY f_write();

--- hidden_values_limit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
VALUES (1), (2) LIMIT f_write();

--- hidden_values_from
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM (VALUES (f_write())) v;

--- hidden_array
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ARRAY[1, f_write()];

--- hidden_array_nested
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ARRAY[[1, 2], [3, f_write()]];

--- hidden_array_sub
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ARRAY(SELECT f_write());

--- hidden_row
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ROW(1, f_write());

--- hidden_row_implicit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (1, f_write());

--- hidden_row_cmp
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (1, 2) = (1, f_write());

--- hidden_row_in
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (1, 1) IN ((1, f_write()), (2, 2));

--- hidden_case_when
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CASE WHEN f_write_bool() THEN 1 END;

--- hidden_case_then
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CASE WHEN now() IS NOT NULL THEN f_write() END;

--- hidden_case_else
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CASE WHEN now() IS NULL THEN 1 ELSE f_write() END;

--- hidden_case_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CASE f_write() WHEN 1 THEN 2 END;

--- hidden_case_simple_when
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CASE 1 WHEN f_write() THEN 2 END;

--- hidden_subscript
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ARRAY[1, 2])[f_write()];

--- hidden_slice_low
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ARRAY[1, 2])[f_write():2];

--- hidden_slice_high
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ARRAY[1, 2])[1:f_write()];

--- hidden_slice_open
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ARRAY[1, 2])[:f_write()];

--- hidden_subscript_json
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT ('{"a":1}'::jsonb)[f_write_text('a')];

--- hidden_subscript_column
--- route: primary
--- kind: write
--- reads: app.customers
--- writes: unknown
--- standby: fails 25006
SELECT tags[f_write()] FROM customers;

--- hidden_subscript_base
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (string_to_array(f_write_text('a'), ','))[1];

--- hidden_field_star
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ROW(f_write(), 2)::app.dims).*;

--- hidden_field
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (ROW(f_write(), 2)::app.dims).w;

--- hidden_coalesce
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT coalesce(NULL, f_write());

--- hidden_nullif
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT nullif(f_write(), 2);

--- hidden_greatest
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT greatest(1, f_write());

--- hidden_least
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT least(f_write(), 1);

--- hidden_in_list
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 IN (2, 3, f_write());

--- hidden_in_left
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write() IN (2, 3);

--- hidden_not_in_sub
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 NOT IN (SELECT f_write());

--- hidden_any_array
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 = ANY (ARRAY[f_write()]);

--- hidden_all_sub
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 = ALL (SELECT f_write());

--- hidden_exists
--- route: primary
--- kind: write
--- writes: unknown
--- standby: explained runs: the list of an EXISTS is thrown away by the planner
SELECT EXISTS (SELECT f_write());

--- hidden_exists_where
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT EXISTS (SELECT 1 WHERE f_write_bool());

--- hidden_between_low
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 5 BETWEEN f_write() AND 9;

--- hidden_between_high
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 5 NOT BETWEEN 1 AND f_write();

--- hidden_between_sym
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 5 BETWEEN SYMMETRIC f_write() AND 1;

--- hidden_like_pattern
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 'a' LIKE f_write_text('a');

--- hidden_like_escape
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 'a' LIKE 'a' ESCAPE f_write_text('!');

--- hidden_similar_escape
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 'a' SIMILAR TO 'a' ESCAPE f_write_text('!');

--- hidden_is_null
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write() IS NULL;

--- hidden_is_true
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write_bool() IS NOT TRUE;

--- hidden_is_distinct
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 IS DISTINCT FROM f_write();

--- hidden_is_document
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlparse(CONTENT f_write_text('a')) IS DOCUMENT;

--- hidden_is_normalized
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write_text('a') IS NFC NORMALIZED;

--- hidden_and_or
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT now() IS NULL OR (now() IS NOT NULL AND f_write_bool());

--- hidden_not
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT NOT f_write_bool();

--- hidden_unary
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT - f_write();

--- hidden_operator_any
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 OPERATOR(pg_catalog.<) ANY (ARRAY[f_write()]);

--- hidden_cast
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT CAST(f_write() AS bigint);

--- hidden_cast_pg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write()::text::varchar(10);

--- hidden_collate
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT f_write_text('a') COLLATE "C";

--- hidden_at_time_zone
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT now() AT TIME ZONE f_write_text('UTC');

--- hidden_extract
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT extract(year FROM now() + f_write() * interval '1 day');

--- hidden_substring
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT substring('abc' FROM f_write() FOR 1);

--- hidden_substring_for
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT substring('abc' FOR f_write());

--- hidden_substring_similar
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT substring('abc' SIMILAR f_write_text('a#"b#"c') ESCAPE '#');

--- hidden_position
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT position(f_write_text('a') IN 'ba');

--- hidden_overlay
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT overlay('abc' PLACING 'x' FROM f_write() FOR 1);

--- hidden_trim
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT trim(LEADING f_write_text('x') FROM 'xab');

--- hidden_treat_cast
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT interval '1 day' * f_write();

--- hidden_overlaps
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT (now(), now()) OVERLAPS (now(), now() + f_write() * interval '1 day');

--- hidden_collation_for
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT collation for (f_write_text('a'));

--- hidden_named_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT make_interval(days => f_write());

--- hidden_variadic_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT concat(VARIADIC ARRAY[f_write_text('a')]);

--- hidden_from_func_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM generate_series(1, f_write());

--- hidden_from_func_col
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM unnest(ARRAY[f_write()]) WITH ORDINALITY;

--- hidden_rows_from
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, f_write()));

--- hidden_lateral
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes n, LATERAL (SELECT f_write(n.n)) l;

--- hidden_lateral_func
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes n LEFT JOIN LATERAL f_set_write(n.n) s ON true;

--- hidden_implicit_lateral
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes x, generate_series(1, f_write(x.n)) g;

--- hidden_tablesample
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes TABLESAMPLE BERNOULLI (f_write());

--- hidden_tablesample_rep
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes TABLESAMPLE SYSTEM (50) REPEATABLE (f_write());

--- hidden_join_on
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes n JOIN quiet q ON n.id = q.id AND f_write_bool();

--- hidden_left_join_on
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes n LEFT JOIN quiet q ON f_write(q.id) = n.id;

--- hidden_join_nested
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet, app.countries
--- writes: unknown
--- standby: fails 25006
SELECT * FROM (notes n JOIN quiet q ON f_write_bool()) CROSS JOIN countries;

--- hidden_where_sub
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes WHERE n > (SELECT max(f_write(g)) FROM generate_series(1, 2) g);

--- hidden_where_deep
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT 1 FROM notes WHERE id IN (SELECT id FROM (SELECT id FROM notes WHERE EXISTS (SELECT 1 WHERE f_write_bool())) s);

--- hidden_union_arm
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 UNION ALL SELECT f_write();

--- hidden_intersect_arm
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 INTERSECT SELECT f_write();

--- hidden_except_arm
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
(SELECT 1 EXCEPT (SELECT 2 UNION SELECT f_write()));

--- hidden_union_limit
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT 1 UNION ALL SELECT 2 LIMIT f_write();

--- hidden_union_order
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 0A000
--- why: ORDER BY of a UNION takes only its columns
SELECT 1 AS a UNION SELECT 2 ORDER BY f_write();

--- hidden_cte_values
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH x (a) AS (VALUES (f_write())) TABLE x;

--- hidden_cte_recursive
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH RECURSIVE x (a) AS (SELECT 1 UNION ALL SELECT a + f_write() FROM x WHERE a < 3) SELECT * FROM x;

--- hidden_cte_recursive_where
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH RECURSIVE x (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x WHERE a < 3 AND f_write_bool()) SELECT * FROM x;

--- hidden_cte_nested
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
WITH a AS (WITH b AS (SELECT f_write() AS v) SELECT v FROM b) SELECT v FROM a;

--- hidden_json_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT json_build_object('a', f_write());

--- hidden_xmlelement
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlelement(name a, f_write());

--- hidden_xmlattributes
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlelement(name a, xmlattributes(f_write() AS b));

--- hidden_xmlforest
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlforest(f_write() AS a);

--- hidden_xmlconcat
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlconcat(xmlelement(name a), xmlparse(CONTENT f_write_text('b')));

--- hidden_xmlpi
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlpi(name a, f_write_text('b'));

--- hidden_xmlroot
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlroot(xmlparse(DOCUMENT '<a/>'), VERSION f_write_text('1.0'), STANDALONE YES);

--- hidden_xmlserialize
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlserialize(CONTENT xmlparse(CONTENT f_write_text('b')) AS text);

--- hidden_xmlexists
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT xmlexists(f_write_text('//a') PASSING ('<a/>'::xml));

--- hidden_xmltable_row
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE((f_write_text('/a')) PASSING ('<a/>'::xml) COLUMNS x text PATH '.');

--- hidden_xmltable_doc
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE('/a' PASSING (xmlparse(DOCUMENT f_write_text('<a/>'))) COLUMNS x text PATH '.');

--- hidden_xmltable_path
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS x text PATH f_write_text('.'));

--- hidden_xmltable_default
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS x text PATH 'b' DEFAULT f_write_text('d'));

--- hidden_xmltable_ns
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
SELECT * FROM XMLTABLE(XMLNAMESPACES(f_write_text('http://x') AS x), '/a' PASSING ('<a/>'::xml) COLUMNS y text PATH '.');

--- hidden_copy_query
--- route: primary
--- kind: copy
--- writes: unknown
--- standby: fails 25006
COPY (VALUES (f_write())) TO STDOUT;

--- hidden_explain_analyze
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
EXPLAIN (COSTS off, ANALYZE) SELECT 1 LIMIT f_write();

--- hidden_default_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
--- why: the default of the argument writes
SELECT abs(f_default_writes(1));

--- hidden_view
--- route: primary
--- kind: write
--- reads: app.customers
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM (SELECT * FROM v_writes_deep) s;

--- hidden_view_in_limit
--- route: primary
--- kind: write
--- reads: app.notes, app.customers
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes LIMIT (SELECT count(n) FROM v_writes);

--- hidden_nextval_limit
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: -
--- standby: fails 25006
SELECT id FROM notes LIMIT nextval('product_seq');

--- hidden_txid_filter
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: -
--- standby: fails 25006
SELECT count(*) FILTER (WHERE txid_current() > 0) FROM notes;

--- hidden_advisory_join
--- route: primary
--- kind: lock
--- reads: app.notes, app.quiet
--- standby: explained accepted by a standby, in another lock space
SELECT count(*) FROM notes n JOIN quiet q ON pg_try_advisory_xact_lock(n.id) WHERE n.id = q.id;

--- hidden_op_in_join
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet
--- writes: unknown
--- standby: fails 25006
SELECT * FROM notes n JOIN quiet q ON n.id OPERATOR(audit.+) q.id > 0;

--- hidden_op_limit
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes LIMIT 1 %%% 2;

--- hidden_op_agg_order
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT array_agg(id ORDER BY n %%% 1) FROM notes;

--- hidden_cast_limit
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes LIMIT ('new'::order_status)::int;

--- hidden_domain_in_values
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
VALUES ('a'::text), ('b'::app.logged_code);

--- hidden_row_fn_order
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT id FROM notes ORDER BY notes.n_write;

--- hidden_row_fn_group
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
SELECT count(*) FROM notes GROUP BY notes.n_write;

--- hidden_row_fn_join
--- route: primary
--- kind: write
--- reads: app.notes, app.quiet
--- writes: unknown
--- standby: fails 25006
SELECT q.id FROM quiet q JOIN notes x ON x.n_write = q.id;

--- hidden_ret_fn
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO notes (id) VALUES (3001) RETURNING f_write(id);

--- hidden_ret_sub
--- route: primary
--- kind: write
--- reads: app.scratch
--- writes: app.notes
--- standby: fails 0A000
--- why: the unlogged table is refused before the write is
UPDATE notes SET n = 0 RETURNING (SELECT count(*) FROM scratch);

--- hidden_conflict_where
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO notes AS t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE f_write_bool();

--- hidden_conflict_set
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
INSERT INTO notes AS t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = f_write();

--- hidden_merge_on
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
MERGE INTO notes n USING quiet q ON n.id = q.id AND f_write_bool() WHEN MATCHED THEN DO NOTHING;

--- hidden_merge_when
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
MERGE INTO notes n USING quiet q ON n.id = q.id WHEN MATCHED AND f_write_bool() THEN DO NOTHING;

--- hidden_merge_source
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
MERGE INTO notes n USING (SELECT f_write(id) AS id FROM quiet) q ON n.id = q.id WHEN NOT MATCHED THEN DO NOTHING;

--- hidden_set_value
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: SET takes constants, no calls
SET work_mem = f_write();

--- hidden_show_fn
--- route: primary
--- kind: unknown
--- standby: fails 42601
SHOW f_write();

--- hidden_execute_arg
--- route: primary
--- kind: write
--- writes: unknown
--- standby: fails 25006
PREPARE p (int) AS SELECT $1; EXECUTE p(1 + f_write());

--- hidden_call_default
--- route: primary
--- kind: procedure
--- writes: unknown
--- standby: fails 25006
CALL p_inout(f_write());

--- hidden_declare_limit
--- route: primary
--- kind: cursor
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
BEGIN; DECLARE c CURSOR FOR SELECT id FROM notes LIMIT f_write(); FETCH c; COMMIT;

--- hidden_lock_in_exists
--- route: primary
--- kind: lock
--- reads: app.notes, app.orders
--- standby: fails 25006
SELECT CASE WHEN EXISTS (SELECT 1 FROM orders FOR UPDATE) THEN 1 END FROM notes;

--- hidden_lock_union_sub
--- route: primary
--- kind: lock
--- reads: app.orders
--- standby: fails 25006
SELECT 1 UNION SELECT id FROM (SELECT id FROM orders FOR UPDATE) s;

--- hidden_into_hidden
--- route: primary
--- kind: schema
--- standby: fails 25006
SELECT DISTINCT ON (id) id, n INTO hidden_into FROM notes ORDER BY id LIMIT 1;

--- hidden_into_strict
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: an alias with the name of a keyword: no INTO clause
SELECT 1 AS "into";

--- hidden_unlogged_in_limit
--- route: primary
--- kind: read
--- reads: app.notes, app.scratch
--- standby: fails 0A000
SELECT id FROM notes LIMIT (SELECT count(*) FROM scratch);

--- hidden_unlogged_in_on
--- route: primary
--- kind: read
--- reads: app.notes, app.quiet, app.scratch
--- standby: fails 0A000
SELECT * FROM notes n JOIN quiet q ON EXISTS (SELECT 1 FROM scratch);

--- hidden_foreign_in_values
--- route: primary
--- kind: read
--- reads: app.remote_orders
--- standby: fails 08001
VALUES ((SELECT max(id) FROM remote_orders));

--- hidden_foreign_in_frame
--- route: primary
--- kind: read
--- reads: app.notes, app.remote_orders
--- standby: fails 08001
SELECT sum(n) OVER (ROWS (SELECT count(*) FROM remote_orders) PRECEDING) FROM notes;

--- hidden_group_all_alias
--- route: primary
--- kind: write
--- reads: app.notes
--- writes: unknown
--- standby: fails 25006
--- why: GROUP BY an output column that calls a function
SELECT f_write(n) AS k, count(*) FROM notes GROUP BY k ORDER BY k;

--- hidden_cycle_value
--- route: primary
--- kind: unknown
--- standby: fails 42601
--- why: the values of a CYCLE clause are constants
WITH RECURSIVE x (a) AS (SELECT 1 UNION ALL SELECT a FROM x) CYCLE a SET c TO app.f_write() DEFAULT 0 USING p SELECT * FROM x;
