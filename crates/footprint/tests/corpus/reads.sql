--- reads_one
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 1;

--- reads_empty_list
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT;

--- reads_star
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM app.orders;

--- reads_star_path
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: search_path finds app.orders before public.orders
SELECT * FROM orders;

--- reads_public_orders
--- route: replica
--- kind: read
--- reads: public.orders
--- writes: -
--- standby: runs
SELECT * FROM public.orders;

--- reads_settings_path
--- route: replica
--- kind: read
--- reads: public.settings
--- writes: -
--- standby: runs
--- why: only in public, found by search_path
SELECT value FROM settings WHERE key = 'a';

--- reads_two_tables
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.total > 10;

--- reads_comma_join
--- route: replica
--- kind: read
--- reads: app.orders, app.customers, app.countries
--- writes: -
--- standby: runs
SELECT * FROM orders o, customers c, countries k WHERE o.customer_id = c.id AND c.country = k.code;

--- reads_using
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
SELECT count(*) FROM notes JOIN quiet USING (id, body);

--- reads_left_join
--- route: replica
--- kind: read
--- reads: app.orders, app.shipments
--- writes: -
--- standby: runs
SELECT o.id, s.carrier FROM orders o LEFT JOIN shipments s ON s.order_id = o.id;

--- reads_full_join
--- route: replica
--- kind: read
--- reads: app.orders, app.shipments
--- writes: -
--- standby: runs
SELECT count(*) FROM orders o FULL OUTER JOIN shipments s ON s.order_id = o.id;

--- reads_natural
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
SELECT * FROM notes NATURAL JOIN quiet;

--- reads_cross_join
--- route: replica
--- kind: read
--- reads: app.notes, app.countries
--- writes: -
--- standby: runs
SELECT count(*) FROM notes CROSS JOIN countries;

--- reads_join_alias
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
SELECT j.id FROM (notes n JOIN quiet q USING (id)) AS j (id, b1, n, b2);

--- reads_join_using_alias
--- route: replica
--- kind: read
--- reads: app.notes, app.quiet
--- writes: -
--- standby: runs
--- why: the alias of USING came with 14
SELECT u.id FROM notes n JOIN quiet q USING (id) AS u;

--- reads_self_join
--- route: replica
--- kind: read
--- reads: app.employees
--- writes: -
--- standby: runs
SELECT e.name, b.name FROM employees e LEFT JOIN employees b ON b.id = e.boss;

--- reads_where_in
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE country = 'de');

--- reads_exists
--- route: replica
--- kind: read
--- reads: app.orders, app.order_items
--- writes: -
--- standby: runs
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM order_items i WHERE i.order_id = o.id);

--- reads_not_exists
--- route: replica
--- kind: read
--- reads: app.orders, app.shipments
--- writes: -
--- standby: runs
SELECT id FROM orders o WHERE NOT EXISTS (SELECT FROM shipments s WHERE s.order_id = o.id);

--- reads_any_sub
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE id = ANY (SELECT id FROM notes);

--- reads_all_sub
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE id > ALL (SELECT id FROM notes);

--- reads_any_array
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE id = ANY (ARRAY[1, 2, 3]::bigint[]);

--- reads_array_sub
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT ARRAY(SELECT id FROM orders ORDER BY id);

--- reads_scalar_sub
--- route: replica
--- kind: read
--- reads: app.customers, app.orders
--- writes: -
--- standby: runs
SELECT name, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c;

--- reads_row_in
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE (id, note) IN (SELECT id, body FROM notes);

--- reads_row_cmp
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE (placed_at, id) < (now(), 10) ORDER BY placed_at DESC, id DESC LIMIT 10;

--- reads_derived
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT s.n FROM (SELECT count(*) AS n FROM orders) s;

--- reads_union
--- route: replica
--- kind: read
--- reads: app.orders, app.archive
--- writes: -
--- standby: runs
SELECT id FROM orders UNION SELECT id FROM archive;

--- reads_union_all
--- route: replica
--- kind: read
--- reads: app.orders, app.archive, app.notes
--- writes: -
--- standby: runs
(SELECT id FROM orders LIMIT 1) UNION ALL (SELECT id FROM archive) UNION ALL SELECT id FROM notes ORDER BY 1;

--- reads_intersect
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT id FROM orders INTERSECT SELECT id FROM notes;

--- reads_except_all
--- route: replica
--- kind: read
--- reads: app.orders, app.notes
--- writes: -
--- standby: runs
SELECT id FROM orders EXCEPT ALL SELECT id FROM notes;

--- reads_values
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
VALUES (1, 'a'), (2, 'b');

--- reads_values_from
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM (VALUES (1), (2)) AS v (n) ORDER BY n;

--- reads_values_order
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
VALUES (3), (1), (2) ORDER BY 1 LIMIT 2 OFFSET 1;

--- reads_table
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
TABLE app.orders;

--- reads_table_only
--- route: replica
--- kind: read
--- reads: app.animals
--- writes: -
--- standby: runs
TABLE ONLY app.animals;

--- reads_table_union
--- route: replica
--- kind: read
--- reads: app.countries, app.notes, app.quiet
--- writes: -
--- standby: runs
TABLE app.countries EXCEPT TABLE app.countries UNION ALL SELECT 'xx', body FROM notes NATURAL JOIN quiet;

--- reads_group_by
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT customer_id, sum(total) FROM orders GROUP BY customer_id HAVING sum(total) > 100 ORDER BY 2 DESC;

--- reads_group_distinct
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT customer_id, status, count(*) FROM orders GROUP BY DISTINCT ROLLUP (customer_id), CUBE (status);

--- reads_grouping_sets
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT customer_id, status, sum(total), GROUPING(customer_id, status) FROM orders GROUP BY GROUPING SETS ((customer_id), (status), ());

--- reads_group_ordinal
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT date_trunc('day', placed_at), count(*) FROM orders GROUP BY 1 ORDER BY 1;

--- reads_distinct
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT DISTINCT status FROM orders;

--- reads_distinct_on
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, placed_at DESC;

--- reads_count_distinct
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT count(DISTINCT customer_id) FROM orders;

--- reads_filter
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT count(*) FILTER (WHERE status = 'paid') FROM orders;

--- reads_ordered_agg
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT string_agg(note, ',' ORDER BY id DESC) FROM orders;

--- reads_within_group
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM orders;

--- reads_hypothetical
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT rank(50) WITHIN GROUP (ORDER BY total) FROM orders;

--- reads_window
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at) FROM orders;

--- reads_window_named
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id, sum(total) OVER w, lag(total, 1, 0) OVER w FROM orders WINDOW w AS (PARTITION BY customer_id ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

--- reads_window_range
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT avg(total) OVER (ORDER BY placed_at RANGE BETWEEN '1 day' PRECEDING AND '1 day' FOLLOWING EXCLUDE CURRENT ROW) FROM orders;

--- reads_window_groups
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT first_value(id) OVER (ORDER BY status GROUPS 1 PRECEDING) FROM orders;

--- reads_limit_offset
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders ORDER BY id LIMIT 10 OFFSET 5;

--- reads_limit_all
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders LIMIT ALL OFFSET 0 ROWS;

--- reads_fetch_first
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders ORDER BY id FETCH FIRST 5 ROWS ONLY;

--- reads_fetch_ties
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders ORDER BY total FETCH FIRST (2 + 1) ROWS WITH TIES;

--- reads_order_using
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders ORDER BY id USING >, note COLLATE "C" NULLS FIRST;

--- reads_lateral
--- route: replica
--- kind: read
--- reads: app.customers, app.orders
--- writes: -
--- standby: runs
SELECT c.name, o.id FROM customers c CROSS JOIN LATERAL (SELECT id FROM orders o WHERE o.customer_id = c.id ORDER BY id LIMIT 1) o;

--- reads_lateral_left
--- route: replica
--- kind: read
--- reads: app.customers, app.orders
--- writes: -
--- standby: runs
SELECT c.name, o.id FROM customers c LEFT JOIN LATERAL (SELECT id FROM orders o WHERE o.customer_id = c.id) o ON true;

--- reads_lateral_func
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT c.id, u.t, u.n FROM customers c, unnest(c.tags) WITH ORDINALITY AS u (t, n);

--- reads_rows_from
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) WITH ORDINALITY AS t (a, b, c);

--- reads_gen_series
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT g FROM generate_series(1, 10, 2) AS g;

--- reads_gen_series_ts
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT d FROM generate_series('2024-01-01'::timestamp, '2024-02-01', '1 day') d;

--- reads_record_def
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM json_to_recordset('[{"a":1}]') AS x (a int, b text);

--- reads_tablesample
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders TABLESAMPLE BERNOULLI (10);

--- reads_tablesample_rep
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT count(*) FROM orders TABLESAMPLE SYSTEM (50) REPEATABLE (42);

--- reads_tablesample_ext
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
--- why: system_rows comes from an extension; its handler is a C function
SELECT * FROM orders TABLESAMPLE system_rows(5);

--- reads_case
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT CASE WHEN total > 100 THEN 'big' WHEN total > 10 THEN 'mid' ELSE 'small' END FROM orders;

--- reads_case_simple
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT CASE status WHEN 'new' THEN 1 ELSE 0 END FROM orders;

--- reads_coalesce
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT coalesce(note, ''), nullif(total, 0), greatest(1, total), least(2, total) FROM orders;

--- reads_between
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE total BETWEEN SYMMETRIC 20 AND 10 AND placed_at NOT BETWEEN now() AND now();

--- reads_like
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT * FROM customers WHERE name LIKE 'C%' ESCAPE '!' OR name ILIKE '%x%' OR name SIMILAR TO 'a|b' OR name ~* '^c';

--- reads_is_tests
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE note IS NOT NULL AND (total > 1) IS NOT UNKNOWN AND note IS DISTINCT FROM 'x' AND 'a' IS NFC NORMALIZED;

--- reads_overlaps
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT * FROM orders WHERE (placed_at, interval '1 day') OVERLAPS (now(), interval '2 days');

--- reads_at_tz
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT placed_at AT TIME ZONE 'UTC', extract(epoch FROM placed_at) FROM orders;

--- reads_sql_funcs
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT substring('abc' FROM 2 FOR 1), position('a' IN 'ba'), trim(BOTH ' ' FROM ' x '), overlay('abc' PLACING 'x' FROM 2), collation for ('a'::text), normalize('a', NFC);

--- reads_sql_values
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT current_date, current_time, current_timestamp(3), localtime, localtimestamp, current_user, session_user, user, current_role, current_catalog, current_schema;

--- reads_jsonb_ops
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT prefs -> 'a' ->> 'b', prefs #> '{a,b}', prefs @> '{"a":1}', prefs ? 'a', prefs || '{"z":1}', prefs - 'a' FROM customers;

--- reads_jsonb_path
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT jsonb_path_query(prefs, '$.a[*] ? (@ > 1)') FROM customers WHERE prefs @? '$.a' OR prefs @@ '$.a > 1';

--- reads_jsonb_subscript
--- route: replica
--- kind: read
--- reads: app.products
--- writes: -
--- standby: runs
--- why: subscripting of jsonb came with 14
SELECT attrs['k'], attrs['a']['b'][0] FROM products;

--- reads_json_build
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT json_agg(json_build_object('id', id, 'total', total)) FROM orders;

--- reads_row_to_json
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT row_to_json(o), to_jsonb(o) FROM orders o;

--- reads_array_ops
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT tags[1], tags[1:2], tags || 'x'::text, tags && ARRAY['a'], 'a' = ANY (tags), array_length(tags, 1) FROM customers;

--- reads_composite_field
--- route: replica
--- kind: read
--- reads: app.products
--- writes: -
--- standby: runs
SELECT (size).w, (size).*, p.size FROM products p;

--- reads_whole_row
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT o, o.* FROM orders o;

--- reads_xml
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT xmlelement(name foo, xmlattributes('1' AS bar), xmlforest('a' AS b)), xmlparse(CONTENT 'a'), xmlserialize(CONTENT 'a'::xml AS text);

--- reads_xmltable
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT * FROM XMLTABLE('/r/i' PASSING ('<r><i id="1"/></r>'::xml) COLUMNS id int PATH '@id', ord FOR ORDINALITY);

--- reads_casts
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT '1'::int, CAST('2' AS bigint), int '3', date '2024-01-01', '{1,2}'::int[], 'x'::varchar(10), interval '1' day;

--- reads_cast_enum
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT 'paid'::order_status, 'new'::app.order_status;

--- reads_regclass
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
--- why: names the table but reads the catalog only
SELECT 'app.orders'::regclass::oid;

--- reads_text_search
--- route: replica
--- kind: read
--- reads: app.notes
--- writes: -
--- standby: runs
SELECT id FROM notes WHERE to_tsvector('english', body) @@ plainto_tsquery('english', 'note');

--- reads_ranges
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: runs
SELECT int4range(1, 10) @> 5, tstzrange(now(), NULL) && tstzrange('-infinity', now()), '{[1,2)}'::int4multirange;

--- reads_operators_sch
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id OPERATOR(pg_catalog.+) 1 FROM orders WHERE id OPERATOR(pg_catalog.=) 1;

--- reads_params
--- route: replica
--- kind: read
--- reads: -
--- writes: -
--- standby: explained 42P02 by the simple protocol; with values bound it runs
--- why: parameters come with Bind
SELECT $1::int + $2::int;

--- reads_params_table
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: explained 42P02 by the simple protocol; with values bound it runs
SELECT * FROM orders WHERE id = $1 LIMIT $2;

--- reads_no_semi
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT id FROM orders

--- reads_parens
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
((SELECT id FROM orders));

--- reads_upper_case
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT ID FROM APP.ORDERS WHERE TOTAL > 1;

--- reads_quoted
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT "id" FROM "app"."orders";

--- reads_three_part
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: explained runs if the database is named corpus
--- why: catalog-qualified name
SELECT corpus.app.orders.id FROM corpus.app.orders;

--- reads_keyword_table
--- route: replica
--- kind: read
--- reads: app.select
--- writes: -
--- standby: runs
SELECT "from", "where" FROM app."select";

--- reads_pg_class
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT relname FROM pg_class WHERE relkind = 'r' LIMIT 5;

--- reads_info_schema
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' LIMIT 3;

--- reads_pg_settings
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
--- why: a view over a function; reading does no harm, but what it says is the standby's own setting
SELECT name, setting FROM pg_settings WHERE name = 'work_mem';

--- reads_psql_d
--- route: replica
--- kind: read
--- writes: -
--- standby: runs
--- why: what psql sends for \d
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(orders)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;

--- reads_pgbench_select
--- route: replica
--- kind: read
--- reads: app.accounts
--- writes: -
--- standby: runs
SELECT amount FROM accounts WHERE id = 1;

--- reads_orm_limit
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
SELECT "customers".* FROM "customers" WHERE "customers"."email" = 'c1@example.org' ORDER BY "customers"."id" ASC LIMIT 1

--- reads_orm_count
--- route: replica
--- kind: read
--- reads: app.orders, app.customers
--- writes: -
--- standby: runs
SELECT COUNT(*) AS "__count" FROM "orders" INNER JOIN "customers" ON ("orders"."customer_id" = "customers"."id") WHERE ("customers"."country" IN ('de', 'fr') AND NOT ("orders"."note" IS NULL))

--- reads_generated_col
--- route: replica
--- kind: read
--- reads: app.customers
--- writes: -
--- standby: runs
--- why: a stored generated column is not computed by a read
SELECT shout FROM customers;

--- reads_col_generated_f
--- route: replica
--- kind: read
--- reads: app.products
--- writes: -
--- standby: runs
SELECT doubled FROM products;

--- reads_triggers_no_matter
--- route: replica
--- kind: read
--- reads: app.accounts
--- writes: -
--- standby: runs
--- why: triggers do not fire on a read
SELECT * FROM accounts;

--- reads_rules_no_matter
--- route: replica
--- kind: read
--- reads: app.legacy
--- writes: -
--- standby: runs
--- why: a rule ON INSERT does not touch a read
SELECT * FROM legacy;

--- reads_defaults_no_matter
--- route: replica
--- kind: read
--- reads: app.tickets
--- writes: -
--- standby: runs
SELECT * FROM tickets;

--- reads_checks_no_matter
--- route: replica
--- kind: read
--- reads: app.checked
--- writes: -
--- standby: runs
--- why: CHECK constraints are not evaluated by a read (constraint_exclusion only inspects them)
SELECT * FROM checked WHERE id = 1;

--- reads_domain_column
--- route: replica
--- kind: read
--- reads: app.coded
--- writes: -
--- standby: runs
--- why: reading a domain column evaluates no CHECK
SELECT c, d FROM coded;

--- reads_agg_builtin
--- route: replica
--- kind: read
--- reads: app.orders
--- writes: -
--- standby: runs
SELECT sum(total), avg(total), min(id), max(id), bool_and(total > 0), stddev(total), corr(id, id), array_agg(id), mode() WITHIN GROUP (ORDER BY id) FROM orders;

--- reads_recursive_many
--- route: replica
--- kind: read
--- reads: app.orders, app.customers, app.order_items, app.products
--- writes: -
--- standby: runs
SELECT c.name, sum(i.price * i.qty) FROM customers c JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id WHERE p.price > 1 AND o.placed_at > now() - interval '30 days' GROUP BY c.id, c.name HAVING count(*) > 0 ORDER BY 2 DESC NULLS LAST LIMIT 20;
